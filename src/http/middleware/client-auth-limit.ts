/**
 * Slows down whoever fails to authenticate as a client, by client and address and by network.
 * Which requests count is decided by the route that matched, so no spelling of a path gets past.
 *
 * A client that names itself in the Authorization header is judged before the host looks at its
 * secret. One that does so in the form is known only when the host has read that form: before,
 * the network's limit holds, and after, a further failure is answered as the limit would.
 */
import type { AppContext, AppMiddleware } from '../context.js';

type Verdict =
  | { readonly kind: 'ok' }
  | { readonly kind: 'limited'; readonly retryAfterSeconds: number };

export type ClientAuthFailures = {
  /** Without a client only the network is judged. */
  check(seen: { clientId: string | undefined; ip: string }): Promise<Verdict>;
  record(seen: { clientId: string; ip: string }): Promise<void>;
};

const ROUTES = new Set([
  '/oauth2/token',
  '/oauth2/introspect',
  '/oauth2/revoke',
  '/oauth2/par',
  '/oauth2/device_authorization',
  '/oauth2/backchannel-authentication',
]);
// As long as a client's id can be, and more; the rest of a made-up one is nobody's concern.
const LONGEST = 256;

/** To be run around the protocol host, once the route is known. */
export function limitClientAuth(failures: ClientAuthFailures): AppMiddleware {
  return async (ctx, next) => {
    if (ctx.method !== 'POST' || !ROUTES.has(ctx.state.route)) return next();
    const { ip } = ctx.state;
    const announced = readBasic(ctx.get('Authorization'))?.clientId;
    const before = await failures.check({ clientId: announced, ip });
    if (before.kind === 'limited') return refuse(ctx, before.retryAfterSeconds);
    await next();
    if (ctx.status !== 401 || errorOf(ctx) !== 'invalid_client') return undefined;

    const clientId = announced ?? fromForm(ctx) ?? '';
    const verdict = await failures.check({ clientId, ip });
    // Also when it is refused: else the network's own limit is never reached in this way.
    await failures.record({ clientId, ip });
    if (verdict.kind === 'limited') return refuse(ctx, verdict.retryAfterSeconds);
    return undefined;
  };
}

function refuse(ctx: AppContext, seconds: number): void {
  ctx.status = 429;
  ctx.remove('WWW-Authenticate');
  ctx.set('Retry-After', String(seconds));
  ctx.set('Cache-Control', 'no-store');
  // Nothing in it is secret, and without this a storefront in a browser sees a network error.
  ctx.set('Access-Control-Allow-Origin', '*');
  ctx.set('Access-Control-Expose-Headers', 'Retry-After');
  ctx.body = {
    error: 'temporarily_unavailable',
    error_description: 'too many failed client authentications, try again later',
  };
}

/** RFC 6749 section 2.3.1. Every spelling that the host takes for one client is one here. */
export function readBasic(header: string): { clientId: string; secret: string } | undefined {
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header.slice(0, 4_096)) ?? [];
  if (!encoded) return undefined;
  const pair = Buffer.from(encoded, 'base64').toString('utf8');
  const [name = ''] = pair.split(':');
  const secret = pair.slice(name.length + 1);
  return { clientId: formDecoded(name).slice(0, LONGEST), secret: formDecoded(secret) };
}

function formDecoded(value: string): string {
  try {
    return decodeURIComponent(value.replace(/\+/g, '%20'));
  } catch {
    return value;
  }
}

function fromForm(ctx: AppContext): string | undefined {
  const { body } = (ctx as { oidc?: { body?: { client_id?: unknown } } }).oidc ?? {};
  return typeof body?.client_id === 'string' ? body.client_id.slice(0, LONGEST) : undefined;
}

function errorOf(ctx: AppContext): unknown {
  return (ctx.body as { error?: unknown } | undefined)?.error;
}
