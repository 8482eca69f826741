/**
 * An owner changes the password. Whoever else is in the account has to leave with the old one
 * (OWASP ASVS 7.4.3), so the security epoch rises: every session, grant and token from before is
 * dead, those too that are being written at this moment. Only the browser that proved the
 * password just now keeps its session, and that from now on says what was proven: one factor, a
 * moment ago.
 */
import type { PasswordFault } from '../../domain/credentials/index.js';
import type { Guess } from '../../domain/risk/index.js';
import { ACR_ONE_FACTOR } from '../../domain/signin/index.js';
import type { Clock } from '../../kernel/clock.js';
import { AppError } from '../../kernel/errors.js';
import type { FlowParts } from '../domain.js';
import { shopNames } from '../shop-names.js';
import type { Visitor } from '../sign-in/index.js';
import { deviceOf } from '../sign-in/next-page.js';
import type { Owner } from './owner.js';

export type ChangePasswordResult =
  | { readonly kind: 'changed' }
  | { readonly kind: 'wrong-password' }
  | { readonly kind: 'refused'; readonly faults: readonly PasswordFault[] }
  | { readonly kind: 'locked'; readonly retryAfterSeconds: number }
  /** Access was taken back, or the password changed, while this was being looked at. */
  | { readonly kind: 'overtaken' };

export type ChangePassword = (input: {
  readonly owner: Owner;
  readonly visitor: Visitor;
  readonly current: string;
  readonly next: string;
}) => Promise<ChangePasswordResult>;

/** Rolls the transaction back. */
class Overtaken extends Error {}

export function createChangePassword(parts: FlowParts & { readonly clock: Clock }): ChangePassword {
  const { domain, transact } = parts;

  return async ({ owner, visitor, current, next }) => {
    const { accountId } = owner;
    const about = {
      actor: { kind: 'account', id: accountId },
      subjectId: accountId,
      origin: visitor.origin,
    } as const;

    // The log-in page's own counter: a found browser must not be a second place to guess at.
    const device = await deviceOf(domain, visitor, accountId);
    const guess: Guess = { subject: { accountId }, factor: 'password', deviceId: device?.id };
    const slot = await domain.risk.reserveGuess(guess);
    if (slot.kind === 'locked') return slot;
    const check = await domain.credentials
      .checkPassword(accountId, current)
      .catch(async (error: unknown) => {
        // It was never looked at: a busy server must not lock people out.
        if (error instanceof AppError) await domain.risk.returnGuess(guess);
        throw error;
      });
    if (check.kind === 'wrong') {
      await transact(({ audit }) =>
        audit.record({ event: 'password_change_refused', result: 'failure', ...about }),
      );
      return { kind: 'wrong-password' };
    }
    await domain.risk.forgiveGuesses(guess, slot);

    // Only now: it tells which passwords were used before.
    const faults = await domain.credentials.assessPassword(next, {
      accountId,
      email: owner.email,
      name: owner.name,
      shops: await shopNames(domain),
    });
    if (faults.length > 0) return { kind: 'refused', faults };
    const hash = await domain.credentials.hashPassword(next);

    try {
      await transact(async ({ identity, credentials, grants, risk, audit, mail }) => {
        const provenAt = await identity.advanceSecurityEpoch(accountId, owner.securityEpoch);
        if (provenAt === undefined) throw new Overtaken();
        if (!(await credentials.changePasswordHash(accountId, check.hash, hash))) {
          throw new Overtaken();
        }
        const { kept, ...ended } = await grants.endOthers(accountId, owner.sessionUid, {
          at: provenAt,
          acr: ACR_ONE_FACTOR,
          amr: ['pwd'],
        });
        const distrusted = await risk.distrustDevices(accountId);
        await audit.record({
          event: 'password_changed',
          result: 'success',
          ...about,
          details: { ...ended, distrusted, kept },
        });
        await mail.enqueue({
          kind: 'password_changed',
          accountId,
          at: parts.clock.now(),
          device: visitor.deviceLabel,
          language: visitor.language,
        });
      });
    } catch (error) {
      if (error instanceof Overtaken) return { kind: 'overtaken' };
      throw error;
    }
    return { kind: 'changed' };
  };
}
