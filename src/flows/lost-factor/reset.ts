/**
 * An operator or administrator is told that a second factor is lost. Whether the one who asks is
 * the owner has to be settled by people, and people can be talked into things: so the factor goes
 * only after a waiting time, in which the owner has a letter with a link that stops it, and any
 * use of the factor stops it as well (OWASP ASVS 6.4.4).
 */
import { type Administrator, mayAdminister } from '../../domain/access/index.js';
import type { Origin } from '../../domain/audit/index.js';
import type { Clock } from '../../kernel/clock.js';
import type { FlowParts } from '../domain.js';
import { actorOf } from '../revoke-access.js';
import { hasSecondFactor, removeSecondFactor } from './remove.js';

export type ResetSecondFactorResult =
  | { readonly kind: 'reset' }
  /** It will go at `effectiveAt`; asking again does not move that. */
  | { readonly kind: 'planned'; readonly effectiveAt: Date }
  /** A disabled account gets no letters, so its owner could not stop it. */
  | { readonly kind: 'disabled' }
  /** There was none. */
  | { readonly kind: 'none' }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'forbidden' };

export type ResetSecondFactor = (input: {
  readonly administrator: Administrator;
  readonly accountId: string;
  readonly reason: string;
  /** Without waiting: for whoever has seen the owner face to face. */
  readonly now: boolean;
  readonly origin: Origin;
}) => Promise<ResetSecondFactorResult>;

export function createResetSecondFactor(
  parts: FlowParts & { readonly clock: Clock; readonly waitHours: number },
): ResetSecondFactor {
  const { transact, clock, waitHours } = parts;
  return async ({ administrator, accountId, reason, now, origin }) => {
    if (!mayAdminister(administrator, 'users:write')) return { kind: 'forbidden' };
    const actor = actorOf(administrator);
    const at = clock.now();
    return transact(async (tx) => {
      const account = await tx.identity.findAccount(accountId);
      if (!account) return { kind: 'not-found' };
      if (now || waitHours === 0) {
        const facts = { accountId, actor, reason, origin, at };
        return { kind: (await removeSecondFactor(tx, facts)) ? 'reset' : 'none' };
      }
      if (!(await hasSecondFactor(tx, accountId))) return { kind: 'none' };
      if (account.status !== 'active') return { kind: 'disabled' };
      const { plan, token } = await tx.credentials.planFactorReset(accountId, waitHours * 3600);
      const { effectiveAt } = plan;
      await tx.audit.record({
        event: 'second_factor_reset_planned',
        result: 'success',
        actor,
        subjectId: accountId,
        origin,
        details: { reason, effectiveAt: effectiveAt.toISOString(), again: token === undefined },
      });
      if (token !== undefined) {
        await tx.mail.enqueue({
          kind: 'second_factor_reset_planned',
          accountId,
          token,
          effectiveAt: effectiveAt.toISOString(),
          at,
        });
      }
      return { kind: 'planned', effectiveAt };
    });
  };
}
