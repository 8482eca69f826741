/**
 * What a browser keeps while its owner is on the way to a new password: which form it was shown,
 * the sign-in to go back to, and the link's token once it has left the address bar, where it
 * would be seen in the history, over a shoulder, or by whatever asks for the page's address.
 *
 * `SameSite=Lax`, because the way here starts in a mail program: a strict cookie would not come
 * back from the redirect. It goes to the pages of the recovery only.
 */
import type { AppContext } from './context.js';

export const RECOVERY = '/recovery';

export type RecoveryState = {
  /** What the form for a letter is bound to. */
  readonly form?: string | undefined;
  /** The interaction it was begun in. */
  readonly from?: string | undefined;
  readonly token?: string | undefined;
  /** The token that stops the reset of a second factor. */
  readonly stop?: string | undefined;
  /** The password was changed; for which client, if for one. */
  readonly done?: { readonly client?: string | undefined } | undefined;
};

export type RecoveryCookie = {
  read(ctx: AppContext): RecoveryState;
  write(ctx: AppContext, state: RecoveryState): void;
};

const MAX_AGE_MS = 60 * 60 * 1000;
const LONGEST = 2_000;
const UID = /^[A-Za-z0-9_-]{1,64}$/;

/** The page for a forgotten password, begun in this interaction. */
export const recoveryPath = (uid: string): string => `${RECOVERY}?from=${encodeURIComponent(uid)}`;

/** An interaction's id, or nothing: it becomes part of a path. */
export const interactionId = (value: unknown): string | undefined =>
  typeof value === 'string' && UID.test(value) ? value : undefined;

export function createRecoveryCookie(issuer: string): RecoveryCookie {
  const secure = issuer.startsWith('https:');
  const name = secure ? '__Secure-latchkey_recovery' : 'latchkey_recovery';
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return {
    read(ctx) {
      const value = ctx.cookies.get(name, { signed: true });
      if (!value || value.length > LONGEST) return {};
      try {
        const state = JSON.parse(Buffer.from(value, 'base64url').toString('utf8'));
        const done = state.done && { client: text(state.done.client) };
        const { form, from, token, stop } = state;
        return {
          form: text(form),
          from: interactionId(from),
          token: text(token),
          stop: text(stop),
          done,
        };
      } catch {
        return {};
      }
    },
    write(ctx, state) {
      ctx.cookies.set(name, Buffer.from(JSON.stringify(state)).toString('base64url'), {
        signed: true,
        httpOnly: true,
        sameSite: 'lax',
        secure,
        path: RECOVERY,
        maxAge: MAX_AGE_MS,
        overwrite: true,
      });
    },
  };
}
