/**
 * What a browser keeps on a way of several pages that nobody is signed in for: signed, out of
 * reach of scripts, for an hour, and sent to those pages only. A token that was in an address is
 * kept here once it has left the address bar, where it would be seen in the history, over a
 * shoulder, or by whatever asks for the page's address.
 *
 * `SameSite=Lax`, because such a way starts in a mail program: a strict cookie would not come
 * back from the redirect.
 */
import type { AppContext } from './context.js';

export type StateCookie = {
  /** What was written, not looked at yet; empty where there is nothing, or nothing of ours. */
  read(ctx: AppContext): Readonly<Record<string, unknown>>;
  write(ctx: AppContext, state: object, path: string): void;
};

const MAX_AGE_MS = 60 * 60 * 1000;
const LONGEST = 3_000;

/** A text, or nothing: what is read from a cookie may be anything. */
export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined;

export function createStateCookie(issuer: string, what: string): StateCookie {
  const secure = issuer.startsWith('https:');
  const name = `${secure ? '__Secure-latchkey' : 'latchkey'}_${what}`;
  return {
    read(ctx) {
      const value = ctx.cookies.get(name, { signed: true });
      if (!value || value.length > LONGEST) return {};
      try {
        return JSON.parse(Buffer.from(value, 'base64url').toString('utf8')) ?? {};
      } catch {
        return {};
      }
    },
    write(ctx, state, path) {
      ctx.cookies.set(name, Buffer.from(JSON.stringify(state)).toString('base64url'), {
        signed: true,
        httpOnly: true,
        sameSite: 'lax',
        secure,
        path,
        maxAge: MAX_AGE_MS,
        overwrite: true,
      });
    },
  };
}
