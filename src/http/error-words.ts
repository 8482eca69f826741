/** What an error page says, by the code of the error. Programs read English (see `kernel/errors.ts`). */
import type { ErrorCode } from '../kernel/errors.js';

type Page = { readonly title: string; readonly message: string };

const tryAgain = (title: string): Page => ({ title, message: 'errors.try-again' });

/** Names of messages. */
export const errorWords: Readonly<Record<ErrorCode, Page>> = {
  invalid_request: tryAgain('errors.invalid-request'),
  malformed_cookie: {
    title: 'errors.no-sign-in-session',
    message: 'errors.no-sign-in-session-what',
  },
  unauthenticated: tryAgain('errors.unauthenticated'),
  forbidden: tryAgain('errors.forbidden'),
  insufficient_scope: tryAgain('errors.insufficient-scope'),
  cross_site_form: { title: 'errors.cross-site-form', message: 'errors.cross-site-form-what' },
  not_found: { title: 'errors.not-found', message: 'errors.not-found-what' },
  method_not_allowed: tryAgain('errors.method-not-allowed'),
  conflict: tryAgain('errors.conflict'),
  insufficient_user_authentication: tryAgain('errors.stronger-sign-in'),
  too_many_tries: { title: 'errors.too-many-tries', message: 'errors.wait' },
  payload_too_large: tryAgain('errors.payload-too-large'),
  unsupported_media_type: tryAgain('errors.unsupported-media-type'),
  misdirected_host: tryAgain('errors.misdirected-host'),
  validation_failed: tryAgain('errors.validation-failed'),
  gateway_refused: { title: 'errors.internal', message: 'errors.internal-what' },
  internal: { title: 'errors.internal', message: 'errors.internal-what' },
  store_unavailable: { title: 'errors.store-unavailable', message: 'errors.later' },
  overloaded: { title: 'errors.overloaded', message: 'errors.later' },
};
