/**
 * What an authorization request asks for, as far as its client may have it, and what it asks of
 * the log-in: for consent pages.
 */
import { personalClaims } from './claims-parameter.js';
import { factsOf } from './clients.js';
import type { Directory } from './directory.js';
import { type Assurance, assuranceOf } from './step-up.js';

export type AskedFor = {
  /** OpenID scopes, those behind single claims among them: whatever is told is on the page. */
  readonly identity: readonly string[];
  /** Single claims, by the `claims` parameter. */
  readonly claims: readonly string[];
  readonly resources: readonly {
    readonly indicator: string;
    readonly name: string;
    readonly scopes: readonly { readonly name: string; readonly description: string }[];
  }[];
};

/** @param params of the request, as it was accepted */
export async function askedFor(
  directory: Pick<Directory, 'findResourceServer'>,
  client: object,
  params: Readonly<Record<string, unknown>>,
): Promise<AskedFor> {
  const { disclosure, rights } = factsOf(client);
  const requested = new Set(
    String(params.scope ?? '')
      .split(' ')
      .filter(Boolean),
  );
  const indicators = [params.resource ?? []].flat().map(String);
  const resources = [];
  for (const indicator of indicators) {
    const server = await directory.findResourceServer(indicator);
    const granted = rights.grants.get(indicator);
    const scopes = (server?.scopes ?? []).filter(
      (scope) => requested.has(scope.name) && granted?.has(scope.name),
    );
    if (server && scopes.length > 0) resources.push({ indicator, name: server.name, scopes });
  }
  const claims = personalClaims(params, disclosure);
  const behind = new Set(claims.values());
  return {
    identity: disclosure.scopes.filter((scope) => requested.has(scope) || behind.has(scope)),
    claims: [...claims.keys()],
    resources,
  };
}

/** What a stored request asks of the log-in; the same rule as the host's own policy. */
export async function demandOf(
  directory: Pick<Directory, 'findResourceServer'>,
  params: Readonly<Record<string, unknown>>,
): Promise<Assurance> {
  const indicators = [params.resource ?? []].flat().map(String);
  const servers = await Promise.all(indicators.map((one) => directory.findResourceServer(one)));
  return assuranceOf({
    acrValues: params.acr_values,
    claims: params.claims,
    scopes: new Set(String(params.scope ?? '').split(' ')),
    servers: servers.filter((server) => server !== undefined),
  });
}
