/** The protocol settings of a registered client are changed; what it was given already stays. */
import type { Actor, Origin } from '../domain/audit/index.js';
import type { ProtocolChanges } from '../domain/clients/index.js';
import type { FlowParts } from './domain.js';

export type ConfigureClientResult =
  | { readonly kind: 'changed' }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'invalid'; readonly faults: readonly string[] };

export type ConfigureClient = (input: {
  readonly clientId: string;
  readonly changes: ProtocolChanges;
  readonly actor: Actor;
  readonly origin?: Origin;
}) => Promise<ConfigureClientResult>;

export function createConfigureClient({ transact }: FlowParts): ConfigureClient {
  return ({ clientId, changes, actor, origin }) =>
    transact(async ({ clients, clientRegistrations, audit }) => {
      const faults = await clients.configure(clientId, changes);
      if (!faults) return { kind: 'not-found' };
      if (faults.length > 0) return { kind: 'invalid', faults };
      // A client that registered itself could otherwise change it back.
      await clientRegistrations.noteDecisions(clientId, { fields: namesOf(changes) });
      await audit.record({
        event: 'client_configured',
        result: 'success',
        actor,
        clientId,
        ...(origin ? { origin } : {}),
        // Addresses and names, nothing secret: metadata is public by nature (RFC 7591).
        details: { changes: JSON.stringify(changes) },
      });
      return { kind: 'changed' };
    });
}

/** What is changed, by its registered name; refresh limits and the profile are never the client's. */
function namesOf(changes: ProtocolChanges): string[] {
  const { metadata = {}, requirePushedRequests, dpopBoundAccessTokens } = changes;
  return [
    ...Object.keys(metadata),
    ...(requirePushedRequests === undefined ? [] : ['require_pushed_authorization_requests']),
    ...(dpopBoundAccessTokens === undefined ? [] : ['dpop_bound_access_tokens']),
  ];
}
