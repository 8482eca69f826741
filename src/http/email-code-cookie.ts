/**
 * What a browser keeps while it waits for a code by e-mail: the address as it was typed, to be
 * shown again, and the secret without which the code is worth nothing. Whoever asked for a code
 * and is talked into reading it out gives away six digits, and not the browser they count in.
 */
import type { AppContext } from './context.js';

/** The pages for a code by e-mail, within a sign-in. */
export const emailCodePath = (uid: string): string => `/signin/${uid}/email-code`;

export type EmailCodeState = { readonly sent: string; readonly secret: string };

export type EmailCodeCookie = {
  read(ctx: AppContext): EmailCodeState | undefined;
  write(ctx: AppContext, uid: string, state: EmailCodeState): void;
};

const MAX_AGE_MS = 60 * 60 * 1000;
const LONGEST = 2_000;

export function createEmailCodeCookie(issuer: string): EmailCodeCookie {
  const secure = issuer.startsWith('https:');
  const name = secure ? '__Secure-latchkey_email_code' : 'latchkey_email_code';
  return {
    read(ctx) {
      const value = ctx.cookies.get(name, { signed: true });
      if (!value || value.length > LONGEST) return undefined;
      try {
        const { sent, secret } = JSON.parse(Buffer.from(value, 'base64url').toString('utf8'));
        return typeof sent === 'string' && typeof secret === 'string'
          ? { sent, secret }
          : undefined;
      } catch {
        return undefined;
      }
    },
    write(ctx, uid, state) {
      ctx.cookies.set(name, Buffer.from(JSON.stringify(state)).toString('base64url'), {
        signed: true,
        httpOnly: true,
        sameSite: 'lax',
        secure,
        path: emailCodePath(uid),
        maxAge: MAX_AGE_MS,
        overwrite: true,
      });
    },
  };
}
