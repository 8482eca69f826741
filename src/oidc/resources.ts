/**
 * Audiences and scopes (RFC 8707): a token is for one resource server, carries only its scopes,
 * and a client gets only what it was granted. Asking for more is `invalid_scope`, not silence.
 */
import { errors, type KoaContextWithOIDC, type ResourceServer } from 'oidc-provider';
import { factsOf, type HostClient } from './clients.js';
import type { Directory } from './directory.js';
import { guarded } from './errors.js';

/** Every scope a client may name anywhere. */
function allowedScopes(client: HostClient): Set<string> {
  const { client: registered, rights } = factsOf(client);
  return new Set([
    ...registered.identityScopes,
    ...[...rights.grants.values()].flatMap((scopes) => [...scopes]),
  ]);
}

/** Refuses scopes outside the client's allow-list (OWASP ASVS 10.4.11). */
export function refuseForeignScopes(ctx: KoaContextWithOIDC, client: HostClient): void {
  const { scope } = ctx.oidc.params ?? {};
  if (typeof scope !== 'string') return;
  const allowed = allowedScopes(client);
  for (const name of scope.split(' ')) {
    if (name && !allowed.has(name)) {
      throw new errors.InvalidScope('requested scope is not allowed', name);
    }
  }
}

function requestedScopes(ctx: KoaContextWithOIDC): string[] {
  const { scope } = ctx.oidc.params ?? {};
  return typeof scope === 'string' ? scope.split(' ').filter(Boolean) : [];
}

/**
 * The audience when none was named: the client's only one, if it asks for some of its scopes
 * (or, as a machine, for anything at all). A plain `openid` request keeps its userinfo token.
 */
export function defaultResource(
  ctx: KoaContextWithOIDC,
  client: HostClient,
  oneOf?: readonly string[],
): string | undefined {
  if (oneOf) {
    if (oneOf.length === 1) return oneOf[0];
    // Several granted, none named: the host answers `invalid_target`.
    return oneOf as unknown as string;
  }
  refuseForeignScopes(ctx, client);
  const { rights } = factsOf(client);
  const machine = ctx.oidc.params?.grant_type === 'client_credentials';
  const [only, ...others] = rights.grants.keys();
  if (only === undefined || others.length > 0) {
    // A machine's token without an audience would be of use to nobody.
    if (
      machine ||
      requestedScopes(ctx).some((name) => !factsOf(client).client.identityScopes.includes(name))
    ) {
      throw new errors.InvalidTarget('the resource parameter (RFC 8707) must name the API');
    }
    return undefined;
  }
  const owned = rights.grants.get(only);
  return machine || requestedScopes(ctx).some((name) => owned?.has(name)) ? only : undefined;
}

/** What a resource server's tokens look like, for this client. */
export async function resourceServerInfo(
  directory: Directory,
  ctx: KoaContextWithOIDC,
  indicator: string,
  client: HostClient,
): Promise<ResourceServer> {
  const granted = factsOf(client).rights.grants.get(indicator);
  const server = granted && (await guarded(() => directory.findResourceServer(indicator)));
  // Unknown and not granted look the same: the list of APIs is nobody's business.
  if (!server) throw new errors.InvalidTarget();
  refuseForeignScopes(ctx, client);
  const scopes = server.scopes.map((scope) => scope.name).filter((name) => granted.has(name));
  if (ctx.oidc.params?.grant_type === 'client_credentials') {
    const foreign = requestedScopes(ctx).find((name) => !scopes.includes(name));
    if (foreign) throw new errors.InvalidScope('this resource has no such scope', foreign);
  }
  return {
    audience: indicator,
    scope: scopes.join(' '),
    accessTokenTTL: server.accessTokenTtl,
    accessTokenFormat: server.format,
    ...(server.format === 'jwt' ? { jwt: { sign: { alg: server.jwtAlg } } } : {}),
  } as ResourceServer;
}
