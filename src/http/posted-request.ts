/**
 * A client may send a browser here with a form instead of an address (OpenID Connect Core 3.1.2.1,
 * RP-Initiated Logout 1.0 section 2). That form comes from another site, so the browser leaves the
 * session's cookie (SameSite=Lax) behind, and whoever is signed in would look like nobody. A
 * redirect to the same by GET is a navigation of the browser's own, which brings the cookie. So
 * nothing can be done by such a form that a link could not do.
 */
import { AppError } from '../kernel/errors.js';
import type { AppContext } from './context.js';
import { readForm } from './form-body.js';

export const AUTHORIZE = '/oauth2/authorize';
export const LOGOUT = '/oauth2/logout';

/** What log-out knows; anything else in its form goes no further. */
const LOGOUT_PARAMETERS = [
  'id_token_hint',
  'logout_hint',
  'client_id',
  'post_logout_redirect_uri',
  'state',
  'ui_locales',
] as const;

/** Browsers and proxies, and Node itself, do not take an address of any length. */
const LONGEST = 8_000;

const read = readForm();

/** Answers the form with 303 to the same by GET; 413 if it would not fit into an address. */
export async function askByGet(ctx: AppContext): Promise<void> {
  await read(ctx, async () => undefined);
  const form = (ctx.request.body ?? {}) as Record<string, unknown>;
  // A request that somebody is to be authorized with may have parameters of any extension.
  const names = ctx.path === LOGOUT ? LOGOUT_PARAMETERS : Object.keys(form);
  const query = new URLSearchParams();
  for (const name of names) {
    // One that is sent twice is for the endpoint to refuse, so it arrives there twice.
    for (const value of [Object.hasOwn(form, name) ? form[name] : []].flat()) {
      if (typeof value === 'string') query.append(name, value);
    }
  }
  if (`${query}`.length > LONGEST) throw new AppError('payload_too_large');
  ctx.status = 303;
  ctx.redirect(query.size > 0 ? `${ctx.path}?${query}` : ctx.path);
}
