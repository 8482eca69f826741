/** An operator takes away a client that registered itself. */
import type { Actor } from '../../domain/audit/index.js';
import type { FlowParts } from '../domain.js';

export type RemoveClientResult =
  | 'removed'
  | 'not-found'
  /** Its id was chosen, so it could come back, and its tokens with it: it can be disabled. */
  | 'not-self-registered';

export type RemoveClient = (input: {
  readonly clientId: string;
  readonly reason: string;
  readonly actor: Actor;
}) => Promise<RemoveClientResult>;

export function createRemoveClient({ transact }: FlowParts): RemoveClient {
  return ({ clientId, reason, actor }) =>
    transact(async ({ clients, clientRegistrations, audit }) => {
      const client = await clients.find(clientId);
      if (!client) return 'not-found';
      const own = await clientRegistrations.listSelfRegistered([clientId]);
      if (!own.has(clientId)) return 'not-self-registered';
      if (!(await clients.remove(clientId))) return 'not-found';
      await audit.record({
        event: 'client_deleted',
        result: 'success',
        actor,
        clientId,
        details: { name: client.name, reason },
      });
      return 'removed';
    });
}
