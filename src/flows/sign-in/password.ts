/**
 * The password page. In this order: the network's limit, the guess counter (spent before anything
 * is hashed), the challenge, the password, and only then a transaction. Every refusal looks the
 * same and costs the same, for names that exist and names that do not.
 */
import { canonicalLogin } from '../../domain/identity/index.js';
import { type Guess, needsChallenge } from '../../domain/risk/index.js';
import { AppError } from '../../kernel/errors.js';
import { finishSignIn } from './finish.js';
import {
  type Ask,
  PATIENCE_SECONDS,
  type SignInPage,
  type SignInParts,
  type SignInRequest,
  type Visitor,
} from './model.js';
import { deviceOf, pageOf, stepOf } from './next-page.js';

export type PasswordForm = {
  readonly login: string;
  readonly password: string;
  /** The answer to a challenge, if there was one. */
  readonly puzzle: string | undefined;
  readonly patience: string | undefined;
};

/** What a browser has to answer before its next guess, or nothing. */
export async function askFor(
  parts: Pick<SignInParts, 'networks' | 'challenges' | 'challengeMode'>,
  request: SignInRequest,
  visitor: Visitor,
  failures: number,
): Promise<Ask | undefined> {
  const networkFailures = await parts.networks.failuresFor(visitor.origin.ip);
  if (!needsChallenge({ failures, networkFailures, mode: parts.challengeMode })) return undefined;
  const bindTo = request.interactionId;
  return {
    puzzle: JSON.stringify(await parts.challenges.createChallenge({ bindTo })),
    patience: parts.challenges.createPatience({ bindTo }),
    patienceSeconds: PATIENCE_SECONDS,
  };
}

async function answered(
  parts: Pick<SignInParts, 'challenges' | 'domain'>,
  { interactionId: bindTo }: SignInRequest,
  form: PasswordForm,
): Promise<boolean> {
  const { challenges, domain } = parts;
  const answers = [
    form.puzzle ? await challenges.verifySolution(form.puzzle, { bindTo }) : undefined,
    form.patience ? challenges.verifyPatience(form.patience, { bindTo }) : undefined,
  ];
  for (const answer of answers) {
    if (answer?.kind !== 'ok') continue;
    if (await domain.risk.spendChallenge(answer.spend.hash, answer.spend.ttlSeconds)) return true;
  }
  return false;
}

/** Throws `AppError('overloaded')` when more passwords arrive than can be hashed. */
export function createSubmitPassword(parts: SignInParts & { now: () => Date }) {
  const { domain, transact, networks } = parts;

  return async (
    request: SignInRequest,
    visitor: Visitor,
    form: PasswordForm,
  ): Promise<SignInPage> => {
    const { ip } = visitor.origin;
    const account = await domain.identity.findByLogin(form.login);
    const device = account && (await deviceOf(domain, visitor, account.id));
    // A noisy network shuts out strangers in it, not somebody who has been in from this browser.
    const verdict = device ? undefined : await networks.check(ip);
    if (verdict?.kind === 'limited') {
      return { kind: 'locked', retryAfterSeconds: verdict.retryAfterSeconds };
    }

    const guess: Guess = {
      subject: account ? { accountId: account.id } : { login: form.login },
      factor: 'password',
      deviceId: device?.id,
    };
    const slot = await domain.risk.reserveGuess(guess);
    if (slot.kind === 'locked') {
      return { kind: 'locked', retryAfterSeconds: slot.retryAfterSeconds };
    }
    // Judged on the reservation itself: of a burst, only the first few go unasked.
    const ask = await askFor(parts, request, visitor, slot.failures);
    if (ask && !(await answered(parts, request, form))) {
      await domain.risk.returnGuess(guess);
      return { kind: 'password', problem: 'check', ask };
    }
    const check = await domain.credentials
      .checkPassword(account?.id, form.password)
      .catch(async (error: unknown) => {
        // It was never looked at: a busy server must not lock people out.
        if (error instanceof AppError) await domain.risk.returnGuess(guess);
        throw error;
      });
    const rehashed =
      check.kind === 'right' && check.outdated
        ? await domain.credentials.hashPassword(form.password)
        : undefined;

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
      const next = await askFor(parts, request, visitor, slot.failures + 1);
      return { kind: 'password', problem: 'rejected', ...(next ? { ask: next } : {}) };
    };
    if (!account) return refused('unknown_name');
    if (check.kind === 'wrong') return refused('wrong_password');

    const outcome = await transact(async (tx): Promise<SignInPage | 'disabled' | 'revoked'> => {
      // From here a revocation waits for us or we have waited for it. An epoch that moved since
      // the password was looked at means that it was taken back in between: it proves nothing.
      const held = await tx.identity.holdForSignIn(account.id);
      if (held?.status !== 'active') return 'disabled';
      if (held.securityEpoch !== account.securityEpoch) return 'revoked';
      if (rehashed) await tx.credentials.replaceHash(account.id, check.hash, rehashed);

      const id = request.interactionId;
      const { securityEpoch } = held;
      if (!(await tx.attempts.begin(id, { accountId: account.id, securityEpoch }))) {
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
        provenAt: held.provenAt,
        device,
        failuresBefore: slot.failures,
        rememberDevice: false,
        at: parts.now(),
      });
    });
    if (outcome === 'disabled') return refused(outcome);
    // A right password with a second factor still to come has proven its own half: its counter
    // starts again, the one of codes does not (CVE-2026-56450).
    await domain.risk.forgiveGuesses(guess, slot);
    // It was right, only overtaken: its owner is asked again and has lost no guess.
    return outcome === 'revoked' ? refused(outcome) : outcome;
  };
}
