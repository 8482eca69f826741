/** An operator says whether newcomers may create an account on a client's log-in page. */
import type { Actor } from '../domain/audit/index.js';
import type { FlowParts } from './domain.js';
import { ACCOUNT_CLIENT } from './ensure-account-client.js';

export type AllowSignUpResult =
  | { readonly kind: 'changed' }
  | { readonly kind: 'not-found' }
  /** A machine, or the account pages, which are everybody's. */
  | { readonly kind: 'no-log-in' };

export type AllowSignUp = (input: {
  readonly clientId: string;
  readonly allowed: boolean;
  readonly actor: Actor;
}) => Promise<AllowSignUpResult>;

export function createAllowSignUp({ transact }: Pick<FlowParts, 'transact'>): AllowSignUp {
  return ({ clientId, allowed, actor }) =>
    transact(async ({ clients, audit }) => {
      const client = await clients.find(clientId);
      if (!client) return { kind: 'not-found' };
      const people = client.grantTypes.includes('authorization_code');
      if (allowed && (!people || clientId === ACCOUNT_CLIENT)) return { kind: 'no-log-in' };
      await clients.setSelfRegistration(clientId, allowed);
      await audit.record({
        event: 'client_sign_up_changed',
        result: 'success',
        actor,
        clientId,
        details: { allowed },
      });
      return { kind: 'changed' };
    });
}
