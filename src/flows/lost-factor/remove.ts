/**
 * Takes a lost second factor away: phone gone, codes gone. It is also what somebody would ask for
 * who has only the password, so everything that is signed in ends, every device is a stranger
 * again, the owner is written to, and it stands in the audit. Passkeys go with it: what was on the
 * phone is gone with the phone, and beside a passkey nobody is let set an app up on the strength
 * of the password.
 */
import type { Actor, Origin } from '../../domain/audit/index.js';
import type { Domain } from '../domain.js';

/** Whether an account has anything of that kind. */
export async function hasSecondFactor(
  { credentials }: Pick<Domain, 'credentials'>,
  accountId: string,
): Promise<boolean> {
  if (await credentials.hasTotp(accountId)) return true;
  return (await credentials.listPasskeys(accountId)).length > 0;
}

/** Call it in a transaction. False when there was none. */
export async function removeSecondFactor(
  { identity, credentials, grants, risk, audit, mail }: Domain,
  input: {
    readonly accountId: string;
    readonly actor: Actor;
    readonly reason: string;
    readonly origin: Origin;
    readonly at: Date;
  },
): Promise<boolean> {
  const { accountId, actor, reason, origin, at } = input;
  if (!(await hasSecondFactor({ credentials }, accountId))) return false;
  // The account before what hangs on it, as in every sign-in: no deadlocks.
  await identity.raiseSecurityEpoch(accountId);
  const hadApp = await credentials.removeTotp(accountId);
  const passkeys = await credentials.removePasskeys(accountId);
  await credentials.stopFactorReset(accountId);
  if (!hadApp && passkeys === 0) return false;
  const ended = await grants.endAccount(accountId, { sessions: true, tokens: true });
  const devices = await risk.revokeDevices(accountId);
  await audit.record({
    event: 'second_factor_removed',
    result: 'success',
    actor,
    subjectId: accountId,
    origin,
    details: { reason, devices, passkeys, ...ended },
  });
  await mail.enqueue({ kind: 'second_factor_changed', change: 'removed', accountId, at });
  return true;
}
