/**
 * Where the protocol host is mounted. Only the exact paths that discovery names reach it (it
 * would also answer to `/TOKEN` and `/token/`, past every limit that is keyed on a path), and
 * only a declared method.
 */
import { AppError } from '../kernel/errors.js';
import type { AppMiddleware } from './context.js';
import { DEVICE } from './device-pages.js';
import type { HostContext } from './host-pages.js';
import { type ClientAuthFailures, limitClientAuth } from './middleware/client-auth-limit.js';
import { refuseCrossSite } from './middleware/form-guard.js';
import { allowFormTarget } from './middleware/headers.js';
import { drawOnwardForm } from './onward.js';
import { AUTHORIZE, askByGet, LOGOUT } from './posted-request.js';

/** The host's endpoints: exact path → methods. Resumed authorizations end in an opaque id. */
const endpoints: ReadonlyMap<string, readonly string[]> = new Map([
  ['/.well-known/openid-configuration', ['GET', 'HEAD', 'OPTIONS']],
  ['/.well-known/oauth-authorization-server', ['GET', 'HEAD', 'OPTIONS']],
  [AUTHORIZE, ['GET']],
  ['/oauth2/token', ['POST', 'OPTIONS']],
  ['/oauth2/userinfo', ['GET', 'POST', 'OPTIONS']],
  ['/oauth2/jwks', ['GET', 'HEAD', 'OPTIONS']],
  ['/oauth2/introspect', ['POST', 'OPTIONS']],
  ['/oauth2/revoke', ['POST', 'OPTIONS']],
  ['/oauth2/par', ['POST', 'OPTIONS']],
  ['/oauth2/device_authorization', ['POST', 'OPTIONS']],
  ['/oauth2/backchannel-authentication', ['POST', 'OPTIONS']],
  [DEVICE, ['GET', 'POST']],
  [LOGOUT, ['GET', 'POST']],
  ['/oauth2/logout/confirm', ['POST']],
  ['/oauth2/logout/success', ['GET']],
]);
const RESUME = /^(\/oauth2\/authorize|\/device)\/[A-Za-z0-9_-]{1,100}$/;

/** Public, short-lived by RFC 7517's advice: a new key is published ten minutes ahead. */
const CACHEABLE = new Set([
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server',
]);
const JWKS = '/oauth2/jwks';

/**
 * @param host runs the protocol host's own middleware on the request
 * @param failures of clients that could not prove who they are
 * @param jwksMaxAge for how many seconds the keys may be kept; less after an emergency
 * @param postedAuthorization whether the authorization endpoint takes forms as well
 */
export function protocolRoutes(
  issuer: string,
  host: AppMiddleware,
  failures: ClientAuthFailures,
  jwksMaxAge: () => number,
  postedAuthorization: boolean,
): AppMiddleware {
  const limited = limitClientAuth(failures);
  const ownForms = refuseCrossSite(issuer);
  return async (ctx, next) => {
    const [, resumed] = RESUME.exec(ctx.path) ?? [];
    const asForm = ctx.path === AUTHORIZE && postedAuthorization;
    const methods = resumed ? ['GET'] : asForm ? ['GET', 'POST'] : endpoints.get(ctx.path);
    if (!methods) return next();
    ctx.state.route = resumed ? `${resumed}/:uid` : ctx.path;
    if (!methods.includes(ctx.method)) {
      ctx.set('Allow', methods.join(', '));
      throw new AppError('method_not_allowed');
    }
    // The host's own secret in the form holds as well; this is the browser's word on top of it.
    if (ctx.path === DEVICE) await ownForms(ctx, async () => undefined);
    const asked = ctx.path === LOGOUT || ctx.path === AUTHORIZE;
    if (asked && ctx.method === 'POST') return askByGet(ctx);
    const policy = ctx.response.get('Content-Security-Policy');
    await limited(ctx, () => host(ctx, async () => undefined));
    // Nothing has no type: a client library refuses the framework's `text/plain` as not JSON.
    if (ctx.status === 200 && ctx.body === '') ctx.remove('Content-Type');
    if (ctx.status === 200 && CACHEABLE.has(ctx.path)) {
      ctx.set('Cache-Control', 'public, max-age=300');
    }
    if (ctx.status === 200 && ctx.path === JWKS) {
      ctx.set('Cache-Control', `public, max-age=${jwksMaxAge()}`);
    }
    if (ctx.response.is('html')) {
      drawOnwardForm(ctx, policy);
      allowWhereItGoes(ctx as unknown as HostContext, (target) => allowFormTarget(ctx, target));
    }
    return undefined;
  };
}

/** Pages of the host post on to the client: its redirect URI, or the log-out's. */
function allowWhereItGoes(ctx: HostContext, allow: (target: string) => void): void {
  const { params, session, entities } = ctx.oidc ?? {};
  // Another account than the one that was signed in: a form ends the old session, and its
  // redirects lead through the resumed authorization to the client.
  const resumed = entities?.Interaction?.params;
  const state = session?.state as { postLogoutRedirectUri?: unknown } | undefined;
  const targets = [params?.redirect_uri, resumed?.redirect_uri, state?.postLogoutRedirectUri];
  for (const target of new Set(targets)) {
    if (typeof target === 'string') allow(target);
  }
}
