/** Stops the planned reset of a second factor: by its owner's link, or by staff. */
import { type Administrator, mayAdminister } from '../../domain/access/index.js';
import type { Actor, Origin } from '../../domain/audit/index.js';
import type { Clock } from '../../kernel/clock.js';
import type { Domain, FlowParts } from '../domain.js';
import { actorOf } from '../revoke-access.js';

export type StopReset = {
  /** When the reset is due that a link stops; nothing if there is none any more. */
  look(token: string): Promise<Date | undefined>;
  /** Of any number of uses one stops it; false for the others, and for one that comes too late. */
  byLink(token: string, origin: Origin): Promise<boolean>;
  byStaff(input: {
    readonly administrator: Administrator;
    readonly accountId: string;
    readonly origin: Origin;
  }): Promise<'stopped' | 'none' | 'not-found' | 'forbidden'>;
};

/** Call it in a transaction. */
export async function stopPlannedReset(
  { credentials, audit, mail }: Domain,
  input: {
    readonly accountId: string;
    readonly actor: Actor;
    /** How: through the link, by staff, or because the factor was used after all. */
    readonly by: 'link' | 'staff' | 'use';
    readonly origin: Origin;
    readonly at: Date;
  },
): Promise<boolean> {
  const { accountId, actor, by, origin, at } = input;
  if (!(await credentials.stopFactorReset(accountId))) return false;
  await audit.record({
    event: 'second_factor_reset_stopped',
    result: 'success',
    actor,
    subjectId: accountId,
    origin,
    details: { by },
  });
  await mail.enqueue({ kind: 'second_factor_reset_stopped', accountId, by, at });
  return true;
}

export function createStopReset({
  domain,
  transact,
  clock,
}: FlowParts & { readonly clock: Clock }): StopReset {
  return {
    async look(token) {
      return (await domain.credentials.findFactorResetByToken(token))?.effectiveAt;
    },

    byLink: (token, origin) =>
      transact(async (tx) => {
        const plan = await tx.credentials.findFactorResetByToken(token);
        if (!plan) return false;
        const { accountId } = plan;
        // Whoever reads the mailbox: all it can do is to leave things as they are.
        const actor = { kind: 'account', id: accountId } as const;
        return stopPlannedReset(tx, { accountId, actor, by: 'link', origin, at: clock.now() });
      }),

    async byStaff({ administrator, accountId, origin }) {
      if (!mayAdminister(administrator, 'users:write')) return 'forbidden';
      return transact(async (tx) => {
        if (!(await tx.identity.findAccount(accountId))) return 'not-found';
        const actor = actorOf(administrator);
        const facts = { accountId, actor, by: 'staff', origin, at: clock.now() } as const;
        return (await stopPlannedReset(tx, facts)) ? 'stopped' : 'none';
      });
    },
  };
}
