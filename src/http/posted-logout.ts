/**
 * A client may send its log-out as a form (OpenID Connect RP-Initiated Logout 1.0 section 2). That
 * form comes from another site, so the browser leaves the session's cookie (SameSite=Lax) behind,
 * and whoever is signed in would look like nobody. A redirect to the same question by GET is a
 * navigation of the browser's own, which brings the cookie. Nothing is ended by either: the
 * person is asked, and only our own page's answer counts.
 */
import { AppError } from '../kernel/errors.js';
import type { AppContext } from './context.js';
import { readForm } from './form-body.js';

export const LOGOUT = '/oauth2/logout';

/** What the endpoint knows; anything else in the form goes no further. */
const PARAMETERS = [
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
  const query = new URLSearchParams();
  for (const name of PARAMETERS) {
    // One that is sent twice is for the endpoint to refuse, so it arrives there twice.
    for (const value of [Object.hasOwn(form, name) ? form[name] : []].flat()) {
      if (typeof value === 'string') query.append(name, value);
    }
  }
  if (`${query}`.length > LONGEST) throw new AppError('payload_too_large');
  ctx.status = 303;
  ctx.redirect(query.size > 0 ? `${LOGOUT}?${query}` : LOGOUT);
}
