/**
 * What a browser holds of its account pages: its token, and for a while what must come back with
 * it from a sign-in. Sealed under the keyring and signed like every cookie here, so it tells its
 * holder nothing; the database knows the token's digest alone, so neither of the two is worth
 * anything where the other one belongs.
 */
import type { Keyring } from '../../kernel/keyring.js';
import type { AppContext } from '../context.js';
import { isNotice, type Notice } from './notices.js';

/** What must come back with the browser (RFC 7636, RFC 9700 section 4.7). */
export type Pending = {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly returnTo: string;
  /** Whose pages these were, if somebody was signed in already. */
  readonly subject?: string | undefined;
  /** What to say on the page that is gone back to. */
  readonly notice?: Notice | undefined;
};

export type AccountSession = { readonly token: string; readonly notice?: Notice | undefined };

export type AccountCookies = {
  readSession(ctx: AppContext): AccountSession | undefined;
  writeSession(ctx: AppContext, session: AccountSession): void;
  clearSession(ctx: AppContext): void;
  addPending(ctx: AppContext, pending: Pending): void;
  /** What was kept under this state, once. */
  takePending(ctx: AppContext, state: string): Pending | undefined;
};

// People open several tabs; a cookie has room for a few of them.
const TABS = 4;
const PENDING_MS = 60 * 60 * 1000;
const LONGEST = 4_000;

export function createAccountCookies(parts: {
  readonly issuer: string;
  readonly keyring: Pick<Keyring, 'seal' | 'open'>;
}): AccountCookies {
  const { keyring } = parts;
  const secure = parts.issuer.startsWith('https:');
  const nameOf = (name: string) => (secure ? `__Host-${name}` : name);
  const session = nameOf('latchkey_account');
  const waiting = nameOf('latchkey_account_signin');
  const options = { signed: true, httpOnly: true, sameSite: 'lax', secure, path: '/' } as const;

  const write = (ctx: AppContext, name: string, value: unknown, maxAge?: number) => {
    const box = keyring.seal('account-cookie', JSON.stringify(value), name);
    ctx.cookies.set(name, Buffer.from(box).toString('base64url'), {
      ...options,
      overwrite: true,
      ...(maxAge === undefined ? {} : { maxAge }),
    });
  };
  const clear = (ctx: AppContext, name: string) => {
    ctx.cookies.set(name, null, { ...options, overwrite: true });
  };
  /** A cookie that does not open is as good as none: it is of another keyring, or of nobody. */
  const read = (ctx: AppContext, name: string): unknown => {
    const text = ctx.cookies.get(name, { signed: true });
    if (!text || text.length > LONGEST) return undefined;
    try {
      const box = new Uint8Array(Buffer.from(text, 'base64url'));
      return JSON.parse(keyring.open('account-cookie', box, name).toString('utf8'));
    } catch {
      return undefined;
    }
  };
  const pendings = (ctx: AppContext): Pending[] => (read(ctx, waiting) as Pending[]) ?? [];

  return {
    readSession(ctx) {
      const known = read(ctx, session) as Partial<AccountSession> | undefined;
      if (typeof known?.token !== 'string') return undefined;
      return { token: known.token, notice: isNotice(known.notice) ? known.notice : undefined };
    },
    writeSession: (ctx, value) => write(ctx, session, value),
    clearSession: (ctx) => clear(ctx, session),
    addPending(ctx, pending) {
      write(ctx, waiting, [pending, ...pendings(ctx)].slice(0, TABS), PENDING_MS);
    },
    takePending(ctx, state) {
      const all = pendings(ctx);
      const found = all.find((one) => one.state === state);
      if (!found) return undefined;
      const left = all.filter((one) => one !== found);
      if (left.length > 0) write(ctx, waiting, left, PENDING_MS);
      else clear(ctx, waiting);
      return found;
    },
  };
}
