/**
 * Cross-origin requests to the self-service API (the Fetch standard, OWASP ASVS 3.5): the exact
 * origins that are registered for clients, never `*`, never with cookies. Before a token is seen,
 * the origin has to belong to some client that may ask here; then, to the token's own.
 */
import type { IsCallingOrigin } from '../../flows/account/web-origins.js';
import { AppError } from '../../kernel/errors.js';
import type { AppContext, AppMiddleware } from '../context.js';

const PREFIX = '/account/api/';
/** How long a browser may go without asking again; the request itself is judged each time. */
const PREFLIGHT_SECONDS = 600;

const refused = () =>
  new AppError('forbidden', { detail: 'This origin is not registered for the client' });

export function answerOtherOrigins(isCallingOrigin: IsCallingOrigin): AppMiddleware {
  return async (ctx, next) => {
    if (!ctx.path.startsWith(PREFIX)) return next();
    ctx.vary('Origin');
    const origin = ctx.get('Origin');
    if (origin === '') return next();
    // What has no origin, a sandboxed frame or a file, is nobody's page (RFC 6454 section 7.3).
    if (origin === 'null' || !(await isCallingOrigin(origin))) throw refused();
    ctx.set('Access-Control-Allow-Origin', origin);
    if (ctx.method === 'OPTIONS' && ctx.get('Access-Control-Request-Method')) {
      ctx.set('Access-Control-Allow-Methods', 'GET, POST, PATCH, DELETE');
      ctx.set('Access-Control-Allow-Headers', 'Authorization, Content-Type, DPoP');
      ctx.set('Access-Control-Max-Age', String(PREFLIGHT_SECONDS));
      ctx.status = 204;
      return undefined;
    }
    ctx.set('Access-Control-Expose-Headers', 'WWW-Authenticate, Retry-After, X-Request-Id');
    return next();
  };
}

/** Refuses a request whose page is not one of the token's own client. */
export function refuseOrigin(ctx: AppContext, webOrigins: readonly string[]): void {
  const origin = ctx.get('Origin');
  if (origin === '' || webOrigins.includes(origin)) return;
  ctx.remove('Access-Control-Allow-Origin');
  throw refused();
}
