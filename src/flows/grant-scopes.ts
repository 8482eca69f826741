/**
 * An operator says which scopes of an API a client may ask for. From then on: what it holds for
 * the account API is looked at again at each request, refresh tokens bring no more than this, and
 * access tokens for other APIs live out their fifteen minutes.
 */
import type { Actor } from '../domain/audit/index.js';
import type { FlowParts } from './domain.js';
import { ACCOUNT_CLIENT } from './ensure-account-client.js';

export type GrantScopesResult =
  | { readonly kind: 'changed' }
  | { readonly kind: 'unknown-client' }
  | { readonly kind: 'unknown-resource-server' }
  | { readonly kind: 'unknown-scope'; readonly scopes: readonly string[] }
  /** The account pages' own client is what the server makes of it at every start. */
  | { readonly kind: 'built-in' };

export type GrantScopes = (input: {
  readonly clientId: string;
  readonly indicator: string;
  /** Exactly these; none takes the grant away. */
  readonly scopes: readonly string[];
  readonly actor: Actor;
}) => Promise<GrantScopesResult>;

export function createGrantScopes({ transact }: Pick<FlowParts, 'transact'>): GrantScopes {
  return ({ clientId, indicator, scopes, actor }) =>
    transact(async ({ clients, clientRegistrations, access, audit }) => {
      if (clientId === ACCOUNT_CLIENT) return { kind: 'built-in' };
      // Held: a client that registered itself may be rewriting its own grants at this moment.
      if (!(await clients.hold(clientId))) return { kind: 'unknown-client' };
      const server = await access.findResourceServer(indicator);
      if (!server) return { kind: 'unknown-resource-server' };
      const known = server.scopes.map(({ name }) => name);
      if (!scopes.every((scope) => known.includes(scope))) {
        return { kind: 'unknown-scope', scopes: known };
      }
      await access.grantScopes(clientId, server.id, [...new Set(scopes)]);
      await clientRegistrations.noteDecisions(clientId, { apis: [indicator] });
      await audit.record({
        event: 'client_scopes_granted',
        result: 'success',
        actor,
        clientId,
        details: { indicator, scopes: [...new Set(scopes)].join(' ') },
      });
      return { kind: 'changed' };
    });
}
