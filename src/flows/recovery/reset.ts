/**
 * Somebody opens the link of a letter and chooses a new password. It takes the place of the
 * password and of nothing else: the second factor is asked for at the next log-in, which does not
 * happen by itself (OWASP ASVS 6.4.3). Whoever was in the account has to leave with the old
 * password (ASVS 7.4.3): one transaction spends the link, raises the security epoch, ends
 * sessions, grants and tokens, forgets every device, and opens the lock that wrong passwords
 * have closed. The counters of codes stay: a thief of the mailbox must not get ten more codes to
 * guess with every letter.
 */
import {
  type AssessmentContext,
  LINK_SECONDS,
  type PasswordFault,
} from '../../domain/credentials/index.js';
import type { Clock } from '../../kernel/clock.js';
import { AppError } from '../../kernel/errors.js';
import { confirmAddress } from '../confirm-address.js';
import type { FlowParts } from '../domain.js';
import type { Visitor } from '../sign-in/index.js';

/** Used, expired, replaced, unknown, or of an account that is disabled: nobody learns which. */
type Dead = { readonly kind: 'dead' };

export type LinkPage =
  | Dead
  | {
      readonly kind: 'choose';
      /** For the password manager. Whoever has the link has read this address's mail. */
      readonly email: string;
      readonly clientId: string | undefined;
    };

export type ResetResult =
  | Dead
  | {
      readonly kind: 'refused';
      readonly faults: readonly PasswordFault[];
      readonly email: string;
      readonly clientId: string | undefined;
    }
  | { readonly kind: 'changed'; readonly clientId: string | undefined };

export type ResetPassword = ReturnType<typeof createResetPassword>;

const PURPOSE = 'password_reset';
/** Somebody who reads the mail could otherwise try out which passwords the owner has used. */
const PROPOSALS = 20;
const DEAD: Dead = { kind: 'dead' };

/** Rolls the transaction back. */
class LinkIsDead extends Error {}

export function createResetPassword({
  domain,
  transact,
  clock,
}: FlowParts & { readonly clock: Clock }) {
  async function find(token: string) {
    const link = await domain.credentials.findLink(PURPOSE, token);
    const person = link && (await domain.identity.findPerson(link.accountId));
    if (!link || person?.status !== 'active' || person.email === undefined) return undefined;
    return { link, person, email: person.email };
  }

  async function judge(next: string, about: AssessmentContext) {
    const faults = await domain.credentials.assessPassword(next, about);
    if (faults.length > 0) return { kind: 'refused', faults } as const;
    return { kind: 'good', hash: await domain.credentials.hashPassword(next) } as const;
  }

  return {
    /** What the link opens. It stays good: mail scanners open links before people do. */
    async look(token: string): Promise<LinkPage> {
      const found = await find(token);
      if (!found) return DEAD;
      return { kind: 'choose', email: found.email, clientId: found.link.clientId };
    },

    /** Throws `AppError('overloaded')` when the hashing queue is full; the link stays good. */
    async submit(token: string, next: string, visitor: Visitor): Promise<ResetResult> {
      const found = await find(token);
      if (!found) return DEAD;
      const { link, person, email } = found;
      const { accountId, clientId } = link;
      const tries = await domain.risk.countUse('reset-proposal', link.id, LINK_SECONDS);
      if (tries > PROPOSALS) return DEAD;

      const name = person.profile.name;
      const looked = await judge(next, { accountId, email, name }).catch(async (error: unknown) => {
        // It was never looked at: a busy server must not use somebody's link up.
        if (error instanceof AppError) await domain.risk.returnUse('reset-proposal', link.id);
        throw error;
      });
      if (looked.kind === 'refused') return { ...looked, email, clientId };
      const { hash } = looked;

      try {
        await transact(async ({ identity, credentials, grants, risk, audit, mail }) => {
          // The account before the link, as everything that changes passwords: no deadlocks.
          if (!(await identity.raiseSecurityEpoch(accountId))) throw new LinkIsDead();
          const held = await identity.findAccount(accountId);
          if (held?.status !== 'active') throw new LinkIsDead();
          if (!(await credentials.spendLink(PURPOSE, accountId, token))) throw new LinkIsDead();
          await credentials.setPasswordHash(accountId, hash);
          const confirmed = await confirmAddress({ identity, credentials }, held);
          const ended = await grants.endAccount(accountId, { sessions: true, tokens: true });
          // Before the devices: each has a counter of its own.
          const counters = await risk.unlock({ accountId }, 'password');
          const devices = await risk.revokeDevices(accountId);
          await audit.record({
            event: 'password_reset',
            result: 'success',
            actor: { kind: 'account', id: accountId },
            subjectId: accountId,
            ...(clientId === undefined ? {} : { clientId }),
            origin: visitor.origin,
            details: { ...ended, devices, counters },
          });
          if (confirmed) {
            await audit.record({
              event: 'address_confirmed',
              result: 'success',
              actor: { kind: 'account', id: accountId },
              subjectId: accountId,
              origin: visitor.origin,
              details: { ...ended, credentials: confirmed.passkeys, app: confirmed.app, devices },
            });
          }
          await mail.enqueue({
            kind: 'password_changed',
            accountId,
            at: clock.now(),
            device: visitor.deviceLabel,
            language: visitor.language,
            clientId,
          });
        });
      } catch (error) {
        if (error instanceof LinkIsDead) return DEAD;
        throw error;
      }
      return { kind: 'changed', clientId };
    },
  };
}
