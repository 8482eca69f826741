/** A client is registered with what it may ask for, and given its first secret if it needs one. */

import { identityScopes, type ResourceServer } from '../domain/access/index.js';
import type { Actor, Origin } from '../domain/audit/index.js';
import type { ClaimMapping } from '../domain/claims/index.js';
import type { ClientDraft } from '../domain/clients/index.js';
import type { FlowParts } from './domain.js';

export type ClientRegistration = {
  readonly client: ClientDraft;
  /** Scopes by the indicator of the resource server that owns them. */
  readonly grants: Readonly<Record<string, readonly string[]>>;
  /** Indicators of the resource servers this client speaks for (and may introspect for). */
  readonly audiences: readonly string[];
};

export type RegisterClientResult =
  | { readonly kind: 'registered'; readonly secret: string | undefined }
  | { readonly kind: 'id-taken' }
  | { readonly kind: 'invalid'; readonly faults: readonly string[] };

export type RegisterClient = (
  input: ClientRegistration & { readonly actor: Actor; readonly origin?: Origin },
) => Promise<RegisterClientResult>;

/** Whether clients of this kind prove themselves with a shared secret. */
export function needsSecret(client: ClientDraft): boolean {
  return client.authMethod === 'client_secret_basic' || client.authMethod === 'client_secret_post';
}

/** What of the rights a client is to have does not exist, one sentence a fault. */
export function rightsFaults(
  { client, grants, audiences }: ClientRegistration,
  servers: ReadonlyMap<string, ResourceServer>,
  mappings: readonly ClaimMapping[],
): string[] {
  const personal = new Set<string>([...identityScopes, ...mappings.map(({ scope }) => scope)]);
  const faults = (client.identityScopes ?? [])
    .filter((scope) => !personal.has(scope))
    .map((scope) => `${scope} is not an OpenID scope`);
  for (const [indicator, scopes] of Object.entries(grants)) {
    const owned = servers.get(indicator)?.scopes.map((scope) => scope.name);
    if (!owned) faults.push(`There is no resource server ${indicator}`);
    for (const scope of scopes) {
      if (owned && !owned.includes(scope)) faults.push(`${indicator} has no scope ${scope}`);
    }
  }
  for (const indicator of audiences) {
    if (!servers.has(indicator)) faults.push(`There is no resource server ${indicator}`);
  }
  return faults;
}

export function createRegisterClient({ transact }: FlowParts): RegisterClient {
  return (input) =>
    transact(async ({ clients, access, claims, audit }) => {
      const { client } = input;
      const servers = new Map(
        (await access.listResourceServers()).map((server) => [server.indicator, server]),
      );
      const own = await claims.listMappings();
      const faults = [...clients.faultsOf(client), ...rightsFaults(input, servers, own)];
      if (faults.length > 0) return { kind: 'invalid', faults };

      if ((await clients.register(client)) === 'id-taken') return { kind: 'id-taken' };
      for (const [indicator, scopes] of Object.entries(input.grants)) {
        const server = servers.get(indicator);
        if (server) await access.grantScopes(client.id, server.id, scopes);
      }
      for (const indicator of input.audiences) {
        const server = servers.get(indicator);
        if (server) await access.linkClient(server.id, client.id);
      }
      const issued = needsSecret(client) ? await clients.issueSecret(client.id) : undefined;
      await audit.record({
        event: 'client_created',
        result: 'success',
        actor: input.actor,
        clientId: client.id,
        ...(input.origin ? { origin: input.origin } : {}),
        details: { name: client.name, authMethod: client.authMethod },
      });
      return {
        kind: 'registered',
        secret: issued?.kind === 'issued' ? issued.secret : undefined,
      };
    });
}
