/** Takes away the second factors whose waiting time is over. */
import type { Clock } from '../../kernel/clock.js';
import type { FlowParts } from '../domain.js';
import { removeSecondFactor } from './remove.js';

/** Carries out `limit` resets at most; returns how many were due. Any number of nodes may call it. */
export type CarryOutResets = (limit: number) => Promise<number>;

export function createCarryOutResets({
  domain,
  transact,
  clock,
}: FlowParts & { readonly clock: Clock }): CarryOutResets {
  return async (limit) => {
    const due = await domain.credentials.dueFactorResets(limit);
    for (const { id, accountId } of due) {
      await transact(async (tx) => {
        if (!(await tx.credentials.takeFactorReset(id))) return;
        await removeSecondFactor(tx, {
          accountId,
          actor: { kind: 'system' },
          reason: 'the waiting time is over',
          origin: {},
          at: clock.now(),
        });
      });
    }
    return due.length;
  };
}
