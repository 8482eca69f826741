/**
 * What a browser keeps while its owner is on the way to an account. Two cookies, for two places:
 * the pages within the sign-in, and the pages behind the link of a letter, to which the cookies
 * of the sign-in are not sent.
 */
import type { AppContext } from './context.js';
import { interactionId } from './recovery-cookie.js';
import { createStateCookie, textOf as text } from './state-cookie.js';

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

export function createRegistrationCookies(issuer: string): RegistrationCookies {
  const link = createStateCookie(issuer, 'register');
  const page = createStateCookie(issuer, 'newcomer');

  return {
    readLink(ctx) {
      const { from, token, done } = link.read(ctx);
      const { kind, client } = (done ?? {}) as Record<string, unknown>;
      const end = typeof kind === 'string' && typeof client === 'string' && { kind, client };
      return { from: interactionId(from), token: text(token), done: end || undefined };
    },
    writeLink: (ctx, state) => link.write(ctx, state, REGISTER),
    readPage(ctx) {
      const { sent, token } = page.read(ctx);
      return { sent: text(sent), token: text(token) };
    },
    writePage: (ctx, uid, state) => page.write(ctx, state, registerPath(uid)),
  };
}
