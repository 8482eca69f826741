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
    transact(async ({ clients, audit }) => {
      const faults = await clients.configure(clientId, changes);
      if (!faults) return { kind: 'not-found' };
      if (faults.length > 0) return { kind: 'invalid', faults };
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
