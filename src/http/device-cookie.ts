/**
 * What a browser keeps of its earlier log-ins (OWASP Device Cookies): one random token for each
 * account, the newest first, signed with the cookie keys. It opens no session; it only tells the
 * owner's own browser from a stranger's.
 */
import type { AppContext } from './context.js';

const KEPT = 5;
const MAX_AGE_MS = 180 * 24 * 3600 * 1000;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

export type DeviceCookie = {
  read(ctx: AppContext): readonly string[];
  /** Puts the token in front; the cookie's life starts anew. */
  add(ctx: AppContext, token: string): void;
};

export function createDeviceCookie(issuer: string): DeviceCookie {
  const secure = issuer.startsWith('https:');
  const name = secure ? '__Host-latchkey_device' : 'latchkey_device';
  const read = (ctx: AppContext): string[] =>
    (ctx.cookies.get(name, { signed: true }) ?? '').split('.').filter((part) => TOKEN.test(part));
  return {
    read,
    add(ctx, token) {
      const others = read(ctx).filter((known) => known !== token);
      ctx.cookies.set(name, [token, ...others].slice(0, KEPT).join('.'), {
        signed: true,
        httpOnly: true,
        sameSite: 'lax',
        secure,
        path: '/',
        maxAge: MAX_AGE_MS,
        overwrite: true,
      });
    },
  };
}
