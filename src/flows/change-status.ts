/**
 * Disabling and enabling accounts and clients. Disabling ends everything at once; enabling
 * raises the epoch again, so that nothing written in between comes back to life.
 */
import { type Administrator, mayAdminister } from '../domain/access/index.js';
import type { Origin } from '../domain/audit/index.js';
import type { FlowParts } from './domain.js';
import { actorOf } from './revoke-access.js';

export type ChangeStatusResult =
  | { readonly kind: 'changed' }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'forbidden' };

export type ChangeStatus = (input: {
  readonly administrator: Administrator;
  readonly id: string;
  readonly status: 'active' | 'disabled';
  readonly reason: string;
  readonly origin: Origin;
}) => Promise<ChangeStatusResult>;

export function createChangeAccountStatus({ transact }: FlowParts): ChangeStatus {
  return async ({ administrator, id, status, reason, origin }) => {
    if (!mayAdminister(administrator, 'users:write')) return { kind: 'forbidden' };
    return transact(async ({ identity, credentials, grants, risk, audit }) => {
      if (!(await identity.setStatus(id, status))) return { kind: 'not-found' };
      await identity.raiseSecurityEpoch(id);
      const ended = await grants.endAccount(id, { sessions: true, tokens: true });
      await risk.revokeDevices(id);
      // A disabled account gets no letters: its owner could not stop what is planned.
      await credentials.stopFactorReset(id);
      await audit.record({
        event: status === 'disabled' ? 'account_disabled' : 'account_enabled',
        result: 'success',
        actor: actorOf(administrator),
        subjectId: id,
        origin,
        details: { reason, ...ended },
      });
      return { kind: 'changed' };
    });
  };
}

export function createChangeClientStatus({ transact }: FlowParts): ChangeStatus {
  return async ({ administrator, id, status, reason, origin }) => {
    if (!mayAdminister(administrator, 'clients:write')) return { kind: 'forbidden' };
    return transact(async ({ clients, audit }) => {
      // The epoch does it: a client may have millions of tokens, too many to delete in one go.
      if (!(await clients.setStatus(id, status))) return { kind: 'not-found' };
      await audit.record({
        event: status === 'disabled' ? 'client_disabled' : 'client_enabled',
        result: 'success',
        actor: actorOf(administrator),
        clientId: id,
        origin,
        details: { reason },
      });
      return { kind: 'changed' };
    });
  };
}
