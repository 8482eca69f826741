/**
 * The password page. In this order: the network's limit, the guess counter (spent before anything
 * is hashed), the challenge, the password, and only then a transaction. Every refusal looks the
 * same and costs the same, for names that exist and names that do not.
 */
import { canonicalLogin } from '../../domain/identity/index.js';
import type { Guess } from '../../domain/risk/index.js';
import { AppError } from '../../kernel/errors.js';
import { answered, askFor } from './challenge.js';
import { finishSignIn } from './finish.js';
import type { SignInPage, SignInParts, SignInRequest, Visitor } from './model.js';
import { deviceOf, pageOf, stepOf } from './next-page.js';

export type PasswordForm = {
  readonly login: string;
  readonly password: string;
  /** The answer to a challenge, if there was one. */
  readonly puzzle: string | undefined;
  readonly patience: string | undefined;
};

export function createSubmitPassword(parts: SignInParts & { now: () => Date }) {
  const { domain, transact, networks } = parts;
  const locked = ({ retryAfterSeconds }: { retryAfterSeconds: number }): SignInPage => ({
    kind: 'locked',
    retryAfterSeconds,
  });

  async function lookAt(accountId: string | undefined, password: string) {
    const check = await domain.credentials.checkPassword(accountId, password);
    const outdated = check.kind === 'right' && check.outdated;
    const rehashed = outdated ? await domain.credentials.hashPassword(password) : undefined;
    return { check, rehashed };
  }

  return async (
    request: SignInRequest,
    visitor: Visitor,
    form: PasswordForm,
  ): Promise<SignInPage> => {
    const { ip } = visitor.origin;
    const bindTo = request.interactionId;
    const account = await domain.identity.findByLogin(form.login);
    const device = await deviceOf(domain, visitor, account?.id);
    // A noisy network shuts out strangers in it, not somebody who has been in from this browser.
    const verdict = device ? undefined : await networks.check(ip);
    if (verdict?.kind === 'limited') return locked(verdict);

    const guess: Guess = {
      subject: account ? { accountId: account.id } : { login: form.login },
      factor: 'password',
      deviceId: device?.id,
    };
    // Before anything is spent: a form without an answer would otherwise keep the counter of
    // somebody else's account alive for ever, and cost its sender nothing.
    const passed = await answered(parts, bindTo, form);
    const standing = await domain.risk.standingOf(guess);
    if (standing.kind === 'open' && !passed) {
      const ask = await askFor(parts, bindTo, visitor, standing.failures);
      if (ask) return { kind: 'password', problem: 'check', ask };
    }
    const slot = await domain.risk.reserveGuess(guess);
    if (slot.kind === 'locked') {
      await networks.recordFailure(ip, canonicalLogin(form.login));
      return locked(slot);
    }
    // Judged on the reservation as well: a burst has looked at the count before it moved.
    const ask = passed ? undefined : await askFor(parts, bindTo, visitor, slot.failures);
    if (ask) {
      await domain.risk.returnGuess(guess);
      return { kind: 'password', problem: 'check', ask };
    }

    const looked = await lookAt(account?.id, form.password).catch(async (error: unknown) => {
      // It was never looked at: a busy server must not lock people out.
      if (error instanceof AppError) await domain.risk.returnGuess(guess);
      if (error instanceof AppError && error.code === 'overloaded') return undefined;
      throw error;
    });
    if (!looked) {
      const again = await askFor(parts, bindTo, visitor, slot.failures);
      return { kind: 'password', problem: 'overloaded', ...(again ? { ask: again } : {}) };
    }
    const { check, rehashed } = looked;

    const refused = async (reason: string): Promise<SignInPage> => {
      await networks.recordFailure(ip, canonicalLogin(form.login));
      await transact(({ audit }) =>
        audit.record({
          event: 'sign_in_refused',
          result: 'failure',
          actor: { kind: 'anonymous' },
          ...(account ? { subjectId: account.id } : {}),
          clientId: request.clientId,
          origin: visitor.origin,
          details: { reason, factor: 'password' },
        }),
      );
      const next = await askFor(parts, bindTo, visitor, slot.failures + 1);
      return { kind: 'password', problem: 'rejected', ...(next ? { ask: next } : {}) };
    };
    if (!account) return refused('unknown_name');
    if (check.kind === 'wrong') return refused('wrong_password');

    const proven = transact(async (tx): Promise<SignInPage | 'disabled' | 'revoked'> => {
      // From here a revocation waits for us or we have waited for it. An epoch that moved since
      // the password was looked at means that it was taken back in between: it proves nothing.
      const held = await tx.identity.holdForSignIn(account.id);
      if (held?.status !== 'active') return 'disabled';
      if (held.securityEpoch !== account.securityEpoch) return 'revoked';
      if (rehashed) await tx.credentials.replaceHash(account.id, check.hash, rehashed);

      const id = request.interactionId;
      const { securityEpoch } = held;
      const failuresBefore = slot.failures;
      const begun = { accountId: account.id, securityEpoch, failuresBefore };
      if (!(await tx.attempts.begin(id, begun))) {
        return { kind: 'ended' };
      }
      await tx.attempts.prove(id, 'password');
      const state = await tx.attempts.hold(id);
      if (state.kind !== 'live') return 'revoked';
      const step = await stepOf(tx, request, account, state.attempt, device);
      if (step.kind !== 'done') {
        return pageOf({ ...parts, domain: tx }, request, account, state.attempt, step);
      }
      return finishSignIn(tx, {
        request,
        visitor,
        account,
        step,
        earliest: held.earliest,
        device,
        failuresBefore: state.attempt.failuresBefore,
        rememberDevice: false,
        at: parts.now(),
      });
    });
    const outcome = await proven.catch(async (error: unknown) => {
      // Right, and nothing came of it: that is not the guesser's doing.
      await domain.risk.returnGuess(guess).catch(() => undefined);
      throw error;
    });
    if (outcome === 'disabled') return refused(outcome);
    // A right password with a second factor still to come has proven its own half: its counter
    // starts again, the one of codes does not (CVE-2026-56450).
    await domain.risk.forgiveGuesses(guess, slot);
    // It was right, only overtaken: its owner is asked again and has lost no guess.
    return outcome === 'revoked' ? refused(outcome) : outcome;
  };
}
