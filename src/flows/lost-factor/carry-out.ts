/** Takes away the second factors whose waiting time is over. */
import type { Clock } from '../../kernel/clock.js';
import type { FlowParts } from '../domain.js';
import { removeSecondFactor } from './remove.js';

/** Carries out `limit` resets at most; returns how many were due. Any number of nodes may call it. */
export type CarryOutResets = (limit: number) => Promise<number>;

/** Rolls back: another node has it, or its owner was quicker. */
class PlanIsGone extends Error {}

export function createCarryOutResets({
  domain,
  transact,
  clock,
  onError,
}: FlowParts & {
  readonly clock: Clock;
  /** One that fails must not keep those behind it waiting. */
  readonly onError: (error: unknown) => void;
}): CarryOutResets {
  const carryOut = ({ id, accountId }: { readonly id: string; readonly accountId: string }) =>
    transact(async (tx) => {
      // The account first, as in every sign-in: whoever proves the factor now waits, or is waited for.
      if (!(await tx.identity.raiseSecurityEpoch(accountId))) throw new PlanIsGone();
      if (!(await tx.credentials.takeFactorReset(id))) throw new PlanIsGone();
      await removeSecondFactor(tx, {
        accountId,
        actor: { kind: 'system' },
        reason: 'the waiting time is over',
        origin: {},
        at: clock.now(),
      });
    });

  return async (limit) => {
    const due = await domain.credentials.dueFactorResets(limit);
    for (const plan of due) {
      await carryOut(plan).catch((error: unknown) => {
        if (!(error instanceof PlanIsGone)) onError(error);
      });
    }
    return due.length;
  };
}
