/**
 * Who the browsers are, in memory and on the server: tokens never reach a browser, which holds
 * a random cookie and nothing else. A shop with two servers keeps these in a shared store.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Notice } from './pages.js';
import type { Checks, Tokens } from './sign-in.js';
import type { Ended } from './sign-out-notice.js';

/** A sign-in that has begun, and what the shopper wanted when they were sent there. */
export type Pending = {
  readonly checks: Checks;
  /** A refund that they have confirmed, and who they were then. */
  readonly refund?: { readonly order: string; readonly subject: string };
};

export type Session = {
  readonly id: string;
  readonly since: number;
  /** Sign-ins that have begun, by their state: people open several tabs. */
  readonly pending: Map<string, Pending>;
  tokens?: Tokens;
  /** Set while new tokens are on their way. */
  refreshing?: Promise<Tokens | undefined> | undefined;
  /** Something to say on the next page, once. */
  news?: Notice | undefined;
};

const COOKIE = 'storefront_session';
const LIFETIME_MS = 12 * 3_600_000;
const MAX_PENDING = 10;

const sessions = new Map<string, Session>();

/** The session of the browser that sent this request. */
export function findSession(req: IncomingMessage): Session | undefined {
  const cookies = (req.headers.cookie ?? '').split(';').map((part) => part.trim());
  const id = cookies.find((part) => part.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
  const session = id === undefined ? undefined : sessions.get(id);
  return session && Date.now() - session.since < LIFETIME_MS ? session : undefined;
}

/** A new session with a new name: one that was planted before signing in is worth nothing. */
export function openSession(res: ServerResponse): Session {
  forgetOld();
  const session: Session = {
    id: randomBytes(32).toString('base64url'),
    since: Date.now(),
    pending: new Map(),
  };
  sessions.set(session.id, session);
  setCookie(res, session.id);
  return session;
}

export function closeSession(session: Session, res: ServerResponse): void {
  sessions.delete(session.id);
  setCookie(res, '', 'Max-Age=0');
}

/** Ends what the sign-in server says is over: one of its sessions, or all that somebody has. */
export function endSessions({ sid, subject }: Ended): void {
  for (const session of sessions.values()) {
    const { tokens } = session;
    const isMeant = sid === undefined ? tokens?.subject === subject : tokens?.sid === sid;
    if (isMeant) sessions.delete(session.id);
  }
}

export function rememberSignIn(session: Session, pending: Pending): void {
  session.pending.set(pending.checks.state, pending);
  const [oldest] = session.pending.keys();
  if (session.pending.size > MAX_PENDING && oldest) session.pending.delete(oldest);
}

/** What was remembered under this state, once. */
export function recallSignIn(session: Session | undefined, state: string): Pending | undefined {
  const pending = session?.pending.get(state);
  session?.pending.delete(state);
  return pending;
}

/** Lax, so that the cookie is there when the sign-in server sends the shopper back. */
function setCookie(res: ServerResponse, value: string, more = ''): void {
  const attributes = ['Path=/', 'HttpOnly', 'SameSite=Lax', more].filter(Boolean).join('; ');
  res.setHeader('Set-Cookie', `${COOKIE}=${value}; ${attributes}`);
}

function forgetOld(): void {
  for (const session of sessions.values()) {
    // A Map keeps the order of arrival: behind the first young one are only younger ones.
    if (Date.now() - session.since < LIFETIME_MS) return;
    sessions.delete(session.id);
  }
}
