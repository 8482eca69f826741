/**
 * What a browser keeps while its owner is on the way to a new password: which form it was shown,
 * the sign-in to go back to, and the link's token.
 */
import type { AppContext } from './context.js';
import { createStateCookie, textOf as text } from './state-cookie.js';

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

const UID = /^[A-Za-z0-9_-]{1,64}$/;

/** The page for a forgotten password, begun in this interaction. */
export const recoveryPath = (uid: string): string => `${RECOVERY}?from=${encodeURIComponent(uid)}`;

/** An interaction's id, or nothing: it becomes part of a path. */
export const interactionId = (value: unknown): string | undefined =>
  typeof value === 'string' && UID.test(value) ? value : undefined;

export function createRecoveryCookie(issuer: string): RecoveryCookie {
  const cookie = createStateCookie(issuer, 'recovery');
  return {
    read(ctx) {
      const { form, from, token, stop, done } = cookie.read(ctx);
      return {
        form: text(form),
        from: interactionId(from),
        token: text(token),
        stop: text(stop),
        done: done ? { client: text((done as { client?: unknown }).client) } : undefined,
      };
    },
    write: (ctx, state) => cookie.write(ctx, state, RECOVERY),
  };
}
