/**
 * The pages after the password: a code from the app, or a recovery code. Codes
 * have a counter of their own for the account, spent before they are looked at, and five wrong
 * ones void the whole attempt; a code is judged behind the attempt's lock, so that a burst is
 * counted before it is judged (OWASP ASVS 6.5.5, NIST SP 800-63B 3.2.2).
 */
import type { Guess } from '../../domain/risk/index.js';
import type { Domain } from '../domain.js';
import {
  EXPIRED,
  type SignInPage,
  type SignInParts,
  type SignInRequest,
  type Visitor,
} from './model.js';
import { deviceOf, pageOf, stepOf } from './next-page.js';
import { createSteps } from './steps.js';

type Judged =
  | { readonly kind: 'right'; readonly factor: 'totp' | 'recovery-code' }
  | { readonly kind: 'wrong'; readonly reason: string; readonly replayed: boolean };

export function createSecondFactor(parts: SignInParts & { now: () => Date }) {
  const { domain } = parts;
  const { withAttempt, advance, tellOfVoid } = createSteps(parts);

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

    const guessed: { verdict: 'unseen' | Judged['kind'] } = { verdict: 'unseen' };
    const judging = withAttempt(request, async (tx, account, attempt, earliest) => {
      const judged = await input.judge(tx, account.id);
      guessed.verdict = judged.kind;
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
        if (counted.kind === 'void') {
          await tellOfVoid(tx, request, visitor, attempt);
          return { kind: 'ended' };
        }
        const step = await stepOf(tx, request, account, attempt, undefined);
        if (step.kind === 'done') return EXPIRED;
        const again = await pageOf({ ...parts, domain: tx }, request, account, attempt, step);
        return again.kind === 'totp'
          ? { ...again, problem: judged.replayed ? 'used-code' : 'wrong-code' }
          : again;
      }
      await tx.attempts.prove(request.interactionId, judged.factor);
      if (judged.factor === 'recovery-code') await tellOfRecoveryCode(tx, request, account.id);
      return advance(tx, request, visitor, account, earliest, {
        codeFailures: slot.failures,
        rememberDevice: input.remember,
      });
    });
    const page = await judging.catch(async (error: unknown) => {
      // Right or never looked at, and nothing came of it: that is not the guesser's doing.
      if (guessed.verdict !== 'wrong') await domain.risk.returnGuess(guess).catch(() => undefined);
      throw error;
    });
    if (guessed.verdict === 'right') await domain.risk.forgiveGuesses(guess, slot);
    if (guessed.verdict === 'unseen') await domain.risk.returnGuess(guess);
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
  };
}
