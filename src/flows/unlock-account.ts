/** An administrator opens a lock before it opens by itself. */
import { type Administrator, mayAdminister } from '../domain/access/index.js';
import type { Origin } from '../domain/audit/index.js';
import type { FlowParts } from './domain.js';
import { actorOf } from './revoke-access.js';

export type UnlockAccountResult =
  | { readonly kind: 'unlocked'; readonly counters: number }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'forbidden' };

export type UnlockAccount = (input: {
  readonly administrator: Administrator;
  readonly accountId: string;
  readonly origin: Origin;
}) => Promise<UnlockAccountResult>;

export function createUnlockAccount({ transact }: FlowParts): UnlockAccount {
  return async ({ administrator, accountId, origin }) => {
    if (!mayAdminister(administrator, 'users:write')) return { kind: 'forbidden' };
    return transact(async ({ identity, risk, audit }) => {
      if (!(await identity.findAccount(accountId))) return { kind: 'not-found' };
      const counters = await risk.unlock({ accountId });
      await audit.record({
        event: 'account_unlocked',
        result: 'success',
        actor: actorOf(administrator),
        subjectId: accountId,
        origin,
        details: { counters },
      });
      return { kind: 'unlocked', counters };
    });
  };
}
