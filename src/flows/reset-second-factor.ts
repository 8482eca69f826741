/**
 * An operator or administrator takes a lost second factor away: phone gone, codes gone. It is
 * also what somebody would ask for who has only the password, so everything that is signed in
 * ends, every device is a stranger again, the owner is written to, and it stands in the audit.
 * Passkeys go with it: what was on the phone is gone with the phone, and beside a passkey nobody is
 * let set an app up on the strength of the password.
 * Whether the one who asks is the owner has to be settled by people, beforehand (OWASP ASVS 6.4.4).
 */
import { type Administrator, mayAdminister } from '../domain/access/index.js';
import type { Origin } from '../domain/audit/index.js';
import type { Clock } from '../kernel/clock.js';
import type { FlowParts } from './domain.js';
import { actorOf } from './revoke-access.js';

export type ResetSecondFactorResult =
  | { readonly kind: 'reset' }
  /** There was none. */
  | { readonly kind: 'none' }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'forbidden' };

export type ResetSecondFactor = (input: {
  readonly administrator: Administrator;
  readonly accountId: string;
  readonly reason: string;
  readonly origin: Origin;
}) => Promise<ResetSecondFactorResult>;

export function createResetSecondFactor({
  transact,
  clock,
}: FlowParts & { readonly clock: Clock }): ResetSecondFactor {
  return async ({ administrator, accountId, reason, origin }) => {
    if (!mayAdminister(administrator, 'users:write')) return { kind: 'forbidden' };
    return transact(async ({ identity, credentials, grants, risk, audit, mail }) => {
      if (!(await identity.findAccount(accountId))) return { kind: 'not-found' };
      const hadApp = await credentials.removeTotp(accountId);
      const passkeys = await credentials.removePasskeys(accountId);
      if (!hadApp && passkeys === 0) return { kind: 'none' };
      await identity.raiseSecurityEpoch(accountId);
      const ended = await grants.endAccount(accountId, { sessions: true, tokens: true });
      const devices = await risk.revokeDevices(accountId);
      await audit.record({
        event: 'second_factor_removed',
        result: 'success',
        actor: actorOf(administrator),
        subjectId: accountId,
        origin,
        details: { reason, devices, passkeys, ...ended },
      });
      await mail.enqueue({
        kind: 'second_factor_changed',
        change: 'removed',
        accountId,
        at: clock.now(),
      });
      return { kind: 'reset' };
    });
  };
}
