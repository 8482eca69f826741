/**
 * The pages after the password: a code from the app, a recovery code, setting an app up. Codes
 * have a counter of their own for the account, spent before they are looked at, and five wrong
 * ones void the whole attempt; a code is judged behind the attempt's lock, so that a burst is
 * counted before it is judged (OWASP ASVS 6.5.5, NIST SP 800-63B 3.2.2).
 */
import type { Guess } from '../../domain/risk/index.js';
import type { Factor, SignInAttempt } from '../../domain/signin/index.js';
import type { Domain } from '../domain.js';
import { finishSignIn } from './finish.js';
import type { SignInPage, SignInParts, SignInRequest, Visitor } from './model.js';
import { deviceOf, pageOf, stepOf } from './next-page.js';

type Judged =
  | { readonly kind: 'right'; readonly factor: Exclude<Factor, 'password'> }
  | { readonly kind: 'wrong'; readonly reason: string; readonly replayed: boolean };

const EXPIRED: SignInPage = { kind: 'password', problem: 'expired' };

export function createSecondFactor(parts: SignInParts & { now: () => Date }) {
  const { domain, transact } = parts;

  /** Holds account and attempt still and goes on with them; anything amiss starts over. */
  async function withAttempt(
    request: SignInRequest,
    work: (
      tx: Domain,
      account: { readonly id: string; readonly kind: 'shopper' | 'staff' },
      attempt: SignInAttempt,
      provenAt: number,
    ) => Promise<SignInPage>,
  ): Promise<SignInPage> {
    const seen = await domain.attempts.load(request.interactionId);
    if (seen.kind !== 'live') return seen.kind === 'void' ? { kind: 'ended' } : EXPIRED;
    return transact(async (tx) => {
      const held = await tx.identity.holdForSignIn(seen.attempt.accountId);
      const account = await tx.identity.findAccount(seen.attempt.accountId);
      const state = await tx.attempts.hold(request.interactionId);
      if (!account || held?.status !== 'active' || state.kind !== 'live') return EXPIRED;
      if (held.securityEpoch !== state.attempt.securityEpoch) return EXPIRED;
      return work(tx, account, state.attempt, held.provenAt);
    });
  }

  /** Goes to the next page, or finishes. */
  async function advance(
    tx: Domain,
    request: SignInRequest,
    visitor: Visitor,
    account: { readonly id: string; readonly kind: 'shopper' | 'staff' },
    provenAt: number,
    extra: { readonly failuresBefore: number; readonly rememberDevice: boolean },
  ): Promise<SignInPage> {
    const state = await tx.attempts.hold(request.interactionId);
    if (state.kind !== 'live') return EXPIRED;
    const device = await deviceOf(tx, visitor, account.id);
    const step = await stepOf(tx, request, account, state.attempt, device);
    if (step.kind !== 'done') {
      return pageOf({ ...parts, domain: tx }, request, account, state.attempt, step);
    }
    const at = parts.now();
    return finishSignIn(tx, { request, visitor, account, step, provenAt, device, at, ...extra });
  }

  async function submit(
    request: SignInRequest,
    visitor: Visitor,
    input: {
      readonly judge: (tx: Domain, accountId: string) => Promise<Judged>;
      readonly remember: boolean;
    },
  ): Promise<SignInPage> {
    const seen = await domain.attempts.load(request.interactionId);
    if (seen.kind !== 'live') return seen.kind === 'void' ? { kind: 'ended' } : EXPIRED;
    const { accountId } = seen.attempt;
    const known = await deviceOf(domain, visitor, accountId);
    const guess: Guess = { subject: { accountId }, factor: 'code', deviceId: known?.id };
    const slot = await domain.risk.reserveGuess(guess);
    if (slot.kind === 'locked') {
      return { kind: 'locked', retryAfterSeconds: slot.retryAfterSeconds };
    }

    let right = false;
    const page = await withAttempt(request, async (tx, account, attempt, provenAt) => {
      const judged = await input.judge(tx, account.id);
      if (judged.kind === 'wrong') {
        await tx.audit.record({
          event: 'sign_in_refused',
          result: 'failure',
          actor: { kind: 'anonymous' },
          subjectId: account.id,
          clientId: request.clientId,
          origin: visitor.origin,
          details: { reason: judged.reason, factor: 'code' },
        });
        const counted = await tx.attempts.countWrongCode(request.interactionId);
        if (counted.kind === 'void') return { kind: 'ended' };
        const step = await stepOf(tx, request, account, attempt, undefined);
        if (step.kind === 'done') return EXPIRED;
        const again = await pageOf({ ...parts, domain: tx }, request, account, attempt, step);
        return again.kind === 'totp'
          ? { ...again, problem: judged.replayed ? 'used-code' : 'wrong-code' }
          : again;
      }
      right = true;
      await tx.attempts.prove(request.interactionId, judged.factor);
      if (judged.factor === 'recovery-code') await tellOfRecoveryCode(tx, request, account.id);
      return advance(tx, request, visitor, account, provenAt, {
        failuresBefore: slot.failures,
        rememberDevice: input.remember,
      });
    });
    if (right) await domain.risk.forgiveGuesses(guess, slot);
    return page;
  }

  async function tellOfRecoveryCode(
    { credentials, audit, mail }: Domain,
    request: SignInRequest,
    accountId: string,
  ): Promise<void> {
    const left = await credentials.remainingRecoveryCodes(accountId);
    await audit.record({
      event: 'recovery_code_used',
      result: 'success',
      actor: { kind: 'account', id: accountId },
      subjectId: accountId,
      clientId: request.clientId,
      details: { left },
    });
    const at = parts.now();
    await mail.enqueue({
      kind: 'recovery_code_used',
      accountId,
      left,
      at,
      shop: request.clientName,
    });
  }

  return {
    /** A code from the authenticator app; its time step is spent by one UPDATE. */
    submitCode: (
      request: SignInRequest,
      visitor: Visitor,
      form: { readonly code: string; readonly remember: boolean },
    ): Promise<SignInPage> =>
      submit(request, visitor, {
        remember: form.remember,
        async judge({ credentials }, accountId) {
          const checked = await credentials.checkTotp(accountId, form.code);
          return checked.kind === 'right'
            ? { kind: 'right', factor: 'totp' }
            : { kind: 'wrong', reason: checked.reason, replayed: checked.reason === 'replayed' };
        },
      }),

    submitRecoveryCode: (
      request: SignInRequest,
      visitor: Visitor,
      form: { readonly code: string },
    ): Promise<SignInPage> =>
      submit(request, visitor, {
        // Whoever lost their app is on a device worth nothing yet.
        remember: false,
        judge: async ({ credentials }, accountId) =>
          (await credentials.spendRecoveryCode(accountId, form.code))
            ? { kind: 'right', factor: 'recovery-code' }
            : { kind: 'wrong', reason: 'no_match', replayed: false },
      }),

    /** The first code of a new app: it is kept from now on, and its owner gets recovery codes. */
    confirmEnrolment: (
      request: SignInRequest,
      visitor: Visitor,
      form: { readonly code: string },
    ): Promise<SignInPage> =>
      withAttempt(request, async (tx, account, attempt, provenAt) => {
        const id = request.interactionId;
        const device = await deviceOf(tx, visitor, account.id);
        const step = await stepOf(tx, request, account, attempt, device);
        if (step.kind !== 'enrol-totp' || !attempt.sealedSeed) {
          const extra = { failuresBefore: 0, rememberDevice: false };
          return advance(tx, request, visitor, account, provenAt, extra);
        }
        const { sealedSeed } = attempt;
        const result = await tx.credentials.confirmEnrolment(account.id, sealedSeed, form.code);
        if (result.kind !== 'confirmed') {
          const counted = await tx.attempts.countWrongCode(id);
          if (counted.kind === 'void') return { kind: 'ended' };
          const again = await pageOf({ ...parts, domain: tx }, request, account, attempt, step);
          return again.kind === 'enrol-totp' ? { ...again, problem: 'wrong-code' } : again;
        }
        const codes = await tx.credentials.replaceRecoveryCodes(account.id);
        await tx.attempts.prove(id, 'totp');
        await tx.attempts.keepRecoveryCodes(id, codes);
        await tx.audit.record({
          event: 'second_factor_added',
          result: 'success',
          actor: { kind: 'account', id: account.id },
          subjectId: account.id,
          clientId: request.clientId,
          origin: visitor.origin,
        });
        await tx.mail.enqueue({
          kind: 'second_factor_changed',
          change: 'added',
          accountId: account.id,
          at: parts.now(),
          shop: request.clientName,
          device: visitor.deviceLabel,
        });
        return { kind: 'show-recovery-codes', codes };
      }),

    /** The recovery codes were seen and kept. */
    acknowledgeCodes: (request: SignInRequest, visitor: Visitor): Promise<SignInPage> =>
      withAttempt(request, async (tx, account, _attempt, provenAt) => {
        await tx.attempts.forgetRecoveryCodes(request.interactionId);
        const extra = { failuresBefore: 0, rememberDevice: false };
        return advance(tx, request, visitor, account, provenAt, extra);
      }),
  };
}
