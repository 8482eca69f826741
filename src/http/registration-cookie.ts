/**
 * What a browser keeps while its owner is on the way to an account. Two cookies, for two places:
 * the pages within the sign-in, and the pages behind the link of a letter, to which the cookies
 * of the sign-in are not sent. The link's token is kept here once it has left the address bar,
 * where it would be seen in the history, over a shoulder, or by whatever asks for the address.
 *
 * `SameSite=Lax`, because a link starts in a mail program: a strict cookie would not come back
 * from the redirect.
 */
import type { AppContext } from './context.js';
import { interactionId } from './recovery-cookie.js';

export const REGISTER = '/register';
/** The pages within a sign-in. */
export const registerPath = (uid: string): string => `/signin/${uid}/register`;

/** Behind a link. */
export type LinkState = {
  /** The interaction in which this browser asked for a letter. */
  readonly from?: string | undefined;
  readonly token?: string | undefined;
  /** How it ended, and for which client. */
  readonly done?: { readonly kind: string; readonly client: string } | undefined;
};

/** Within a sign-in. */
export type PageState = {
  /** The address as it was typed here: shown again, so that a slip of the finger is seen. */
  readonly sent?: string | undefined;
  readonly token?: string | undefined;
};

export type RegistrationCookies = {
  readLink(ctx: AppContext): LinkState;
  writeLink(ctx: AppContext, state: LinkState): void;
  readPage(ctx: AppContext): PageState;
  writePage(ctx: AppContext, uid: string, state: PageState): void;
};

const MAX_AGE_MS = 60 * 60 * 1000;
const LONGEST = 3_000;

export function createRegistrationCookies(issuer: string): RegistrationCookies {
  const secure = issuer.startsWith('https:');
  const prefix = secure ? '__Secure-latchkey' : 'latchkey';
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);

  const read = (ctx: AppContext, name: string): Record<string, unknown> => {
    const value = ctx.cookies.get(`${prefix}_${name}`, { signed: true });
    if (!value || value.length > LONGEST) return {};
    try {
      return JSON.parse(Buffer.from(value, 'base64url').toString('utf8')) ?? {};
    } catch {
      return {};
    }
  };
  const write = (ctx: AppContext, name: string, path: string, state: object) => {
    const value = Buffer.from(JSON.stringify(state)).toString('base64url');
    ctx.cookies.set(`${prefix}_${name}`, value, {
      signed: true,
      httpOnly: true,
      sameSite: 'lax',
      secure,
      path,
      maxAge: MAX_AGE_MS,
      overwrite: true,
    });
  };

  return {
    readLink(ctx) {
      const { from, token, done } = read(ctx, 'register');
      const { kind, client } = (done ?? {}) as Record<string, unknown>;
      const end = typeof kind === 'string' && typeof client === 'string' && { kind, client };
      return { from: interactionId(from), token: text(token), done: end || undefined };
    },
    writeLink: (ctx, state) => write(ctx, 'register', REGISTER, state),
    readPage(ctx) {
      const { sent, token } = read(ctx, 'newcomer');
      return { sent: text(sent), token: text(token) };
    },
    writePage: (ctx, uid, state) => write(ctx, 'newcomer', registerPath(uid), state),
  };
}
