/**
 * Setting an authenticator app up on the way in: the app's first code, and the recovery codes,
 * which are shown until they were kept.
 */
import type { SignInPage, SignInParts, SignInRequest, Visitor } from './model.js';
import { deviceOf, pageOf, stepOf } from './next-page.js';
import { createSteps } from './steps.js';

export function createEnrolment(parts: SignInParts & { now: () => Date }) {
  const { withAttempt, advance, tellOfVoid } = createSteps(parts);
  return {
    /** The first code of a new app: it is kept from now on, and its owner gets recovery codes. */
    confirmEnrolment: (
      request: SignInRequest,
      visitor: Visitor,
      form: { readonly code: string },
    ): Promise<SignInPage> =>
      withAttempt(request, async (tx, account, attempt, earliest) => {
        const id = request.interactionId;
        const device = await deviceOf(tx, visitor, account.id);
        const step = await stepOf(tx, request, account, attempt, device);
        if (step.kind !== 'enrol-totp' || !attempt.sealedSeed) {
          const extra = { codeFailures: 0, rememberDevice: false };
          return advance(tx, request, visitor, account, earliest, extra);
        }
        const { sealedSeed } = attempt;
        const result = await tx.credentials.confirmEnrolment(account.id, sealedSeed, form.code);
        if (result.kind === 'already-enrolled') {
          const extra = { codeFailures: 0, rememberDevice: false };
          return advance(tx, request, visitor, account, earliest, extra);
        }
        if (result.kind !== 'confirmed') {
          const counted = await tx.attempts.countWrongCode(id);
          if (counted.kind === 'void') {
            await tellOfVoid(tx, request, visitor, attempt);
            return { kind: 'ended' };
          }
          const again = await pageOf({ ...parts, domain: tx }, request, account, attempt, step);
          return again.kind === 'enrol-totp' ? { ...again, problem: 'wrong-code' } : again;
        }
        // Browsers that were here before there was a second factor have not proven one; each
        // would also bring ten more guesses at the codes.
        await tx.risk.revokeDevices(account.id);
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
      withAttempt(request, async (tx, account, _attempt, earliest) => {
        await tx.attempts.forgetRecoveryCodes(request.interactionId);
        const extra = { codeFailures: 0, rememberDevice: false };
        return advance(tx, request, visitor, account, earliest, extra);
      }),
  };
}
