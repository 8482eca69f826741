/**
 * An owner sets up an authenticator app, moves to another one, takes it away, or makes new
 * recovery codes. What is shown once waits on the server under the present sign-in until it was
 * seen, so that a page loaded again shows the same and a lost answer loses nothing.
 */

import type { Clock } from '../../kernel/clock.js';
import type { Domain, FlowParts } from '../domain.js';
import type { Visitor } from '../sign-in/index.js';
import { deviceOf } from '../sign-in/next-page.js';
import type { Owner } from './owner.js';

/** Long enough to fetch a phone, and for codes to be written down. */
const WAITING_SECONDS = 30 * 60;

export type SecondFactorState = {
  readonly since: Date | undefined;
  readonly codesLeft: number;
  /** Staff cannot do without (PCI DSS 8.4). */
  readonly required: boolean;
  /** New codes wait to be seen. */
  readonly codesWaiting: boolean;
};

export type Enrolment = {
  readonly secret: string;
  readonly otpauthUri: string;
  readonly qrSvg: string;
  readonly accountName: string;
};

export type ManageSecondFactor = ReturnType<typeof createManageSecondFactor>;

export function createManageSecondFactor(
  parts: FlowParts & {
    readonly clock: Clock;
    /** What apps list the account under: the server's host name. */
    readonly issuerName: string;
    readonly drawQr: (uri: string) => string | Promise<string>;
  },
) {
  const { domain, transact, issuerName } = parts;

  /** Holds the account still; nothing when it was taken back since the page was asked for. */
  async function holding<T>(
    owner: Owner,
    work: (tx: Domain) => Promise<T>,
  ): Promise<T | 'overtaken'> {
    return transact(async (tx) => {
      const held = await tx.identity.holdForSignIn(owner.accountId);
      if (held?.status !== 'active' || held.securityEpoch !== owner.securityEpoch) {
        return 'overtaken';
      }
      return work(tx);
    });
  }

  async function tell(
    { audit, mail }: Domain,
    owner: Owner,
    visitor: Visitor,
    change: 'added' | 'removed' | 'recovery_codes_made',
  ): Promise<void> {
    const { accountId } = owner;
    const events = {
      added: 'second_factor_added',
      removed: 'second_factor_removed',
      recovery_codes_made: 'recovery_codes_replaced',
    } as const;
    await audit.record({
      event: events[change],
      result: 'success',
      actor: { kind: 'account', id: accountId },
      subjectId: accountId,
      origin: visitor.origin,
    });
    await mail.enqueue({
      kind: 'second_factor_changed',
      change,
      accountId,
      at: parts.clock.now(),
      device: visitor.deviceLabel,
      language: visitor.language,
    });
  }

  const beginWaiting = (tx: Domain, { workId, accountId, securityEpoch }: Owner) =>
    tx.attempts.begin(workId, { accountId, securityEpoch, lifetimeSeconds: WAITING_SECONDS });

  return {
    async look(owner: Owner): Promise<SecondFactorState> {
      const { credentials, attempts } = domain;
      const waiting = await attempts.load(owner.workId);
      return {
        since: await credentials.totpSince(owner.accountId),
        codesLeft: await credentials.remainingRecoveryCodes(owner.accountId),
        required: owner.kind === 'staff',
        codesWaiting: waiting.kind === 'live' && waiting.attempt.recoveryCodes !== undefined,
      };
    },

    /** The key to show: the one that is being shown already, or a new one. */
    async enrolment(owner: Owner): Promise<Enrolment | 'codes-waiting' | 'void'> {
      const { accountId, workId, email } = owner;
      const { credentials, attempts } = domain;
      const state = await attempts.load(workId);
      if (state.kind === 'live' && state.attempt.recoveryCodes) return 'codes-waiting';
      const sealed = state.kind === 'live' ? state.attempt.sealedSeed : undefined;
      let shown: { secret: string; otpauthUri: string };
      if (sealed) {
        shown = credentials.resumeEnrolment(accountId, email, issuerName, sealed);
      } else {
        const begun = credentials.beginEnrolment(accountId, email, issuerName);
        if (!(await beginWaiting(domain, owner))) return 'void';
        await attempts.keepEnrolment(workId, begun.sealedSeed);
        shown = begun;
      }
      const { secret, otpauthUri } = shown;
      const qrSvg = await parts.drawQr(otpauthUri);
      return { secret, otpauthUri, qrSvg, accountName: email };
    },

    /** A code from the new app: it is in use from now on, in place of one that was before. */
    confirmEnrolment: (
      owner: Owner,
      visitor: Visitor,
      code: string,
    ): Promise<'confirmed' | 'wrong-code' | 'void' | 'overtaken'> =>
      holding(owner, async (tx) => {
        const { accountId, workId } = owner;
        const state = await tx.attempts.hold(workId);
        const sealed = state.kind === 'live' ? state.attempt.sealedSeed : undefined;
        if (!sealed) return 'void';
        let result = await tx.credentials.confirmEnrolment(accountId, sealed, code);
        if (result.kind === 'already-enrolled') {
          // The code was right, so this is somebody who moves to another phone.
          await tx.credentials.removeTotp(accountId);
          await tx.risk.distrustDevices(accountId);
          result = await tx.credentials.confirmEnrolment(accountId, sealed, code);
        }
        if (result.kind !== 'confirmed') {
          const counted = await tx.attempts.countWrongCode(workId);
          return counted.kind === 'void' ? 'void' : 'wrong-code';
        }
        // What is to be taken away for being lost is an older one.
        await tx.credentials.stopFactorReset(accountId);
        // Browsers that were here before have not proven it; each would also bring ten more
        // guesses at its codes.
        await tx.risk.revokeOtherDevices(accountId, (await deviceOf(tx, visitor, accountId))?.id);
        const codes = await tx.credentials.replaceRecoveryCodes(accountId);
        await tx.attempts.keepRecoveryCodes(workId, codes);
        await tell(tx, owner, visitor, 'added');
        return 'confirmed';
      }),

    /** New recovery codes; the old ones are worth nothing from here on. */
    replaceCodes: (owner: Owner, visitor: Visitor): Promise<'replaced' | 'no-app' | 'overtaken'> =>
      holding(owner, async (tx) => {
        const { accountId, workId } = owner;
        if (!(await tx.credentials.hasTotp(accountId))) return 'no-app';
        if (!(await beginWaiting(tx, owner))) return 'overtaken';
        const codes = await tx.credentials.replaceRecoveryCodes(accountId);
        await tx.attempts.keepRecoveryCodes(workId, codes);
        await tell(tx, owner, visitor, 'recovery_codes_made');
        return 'replaced';
      }),

    /** The codes that wait to be seen. */
    async waitingCodes({ workId }: Owner): Promise<readonly string[] | undefined> {
      const state = await domain.attempts.load(workId);
      return state.kind === 'live' ? state.attempt.recoveryCodes : undefined;
    },

    /** They were seen and kept. */
    acknowledgeCodes: async ({ workId }: Owner): Promise<void> => {
      await domain.attempts.end(workId);
    },

    /** Takes the app away, its recovery codes with it, and what devices were spared for it. */
    remove: (
      owner: Owner,
      visitor: Visitor,
    ): Promise<'removed' | 'no-app' | 'required' | 'overtaken'> =>
      holding(owner, async (tx) => {
        const { accountId } = owner;
        const account = await tx.identity.findAccount(accountId);
        if (account?.kind === 'staff') return 'required';
        if (!(await tx.credentials.removeTotp(accountId))) return 'no-app';
        await tx.credentials.stopFactorReset(accountId);
        await tx.risk.distrustDevices(accountId);
        await tell(tx, owner, visitor, 'removed');
        return 'removed';
      }),
  };
}
