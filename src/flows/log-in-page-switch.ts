/** An operator switches something on or off that a client's log-in page offers. */
import type { Actor, AuditEventName } from '../domain/audit/index.js';
import type { Domain, FlowParts } from './domain.js';
import { ACCOUNT_CLIENT } from './ensure-account-client.js';

export type SwitchResult =
  | { readonly kind: 'changed' }
  | { readonly kind: 'not-found' }
  /** A machine, or the account pages, which are everybody's. */
  | { readonly kind: 'no-log-in' };

/** Counts at the client's next request, on every node. */
export type LogInPageSwitch = (input: {
  readonly clientId: string;
  readonly allowed: boolean;
  readonly actor: Actor;
}) => Promise<SwitchResult>;

export function createLogInPageSwitch(
  { transact }: Pick<FlowParts, 'transact'>,
  what: {
    readonly event: AuditEventName;
    readonly set: (clients: Domain['clients'], id: string, allowed: boolean) => Promise<boolean>;
  },
): LogInPageSwitch {
  return ({ clientId, allowed, actor }) =>
    transact(async ({ clients, audit }) => {
      const client = await clients.find(clientId);
      if (!client) return { kind: 'not-found' };
      const people = client.grantTypes.includes('authorization_code');
      if (allowed && (!people || clientId === ACCOUNT_CLIENT)) return { kind: 'no-log-in' };
      await what.set(clients, clientId, allowed);
      await audit.record({
        event: what.event,
        result: 'success',
        actor,
        clientId,
        details: { allowed },
      });
      return { kind: 'changed' };
    });
}
