/**
 * Somebody types a code from a letter, in the browser that asked for it. In this order: the
 * network's limit, the try (spent before the code is looked at), and only then a transaction.
 *
 * A wrong code counts for this code and for the network, and for no account: there is nothing to
 * lock that a stranger could lock, and what an attacker gets to guess is bounded by the letters.
 * From a right one on it is the sign-in of a right password, second factor and all.
 */
import type { EmailCodePlace } from '../../domain/credentials/index.js';
import type { Clock } from '../../kernel/clock.js';
import type { Domain } from '../domain.js';
import type { SignInPage, SignInParts, SignInRequest, Visitor } from '../sign-in/model.js';
import { deviceOf } from '../sign-in/next-page.js';
import { createSteps } from '../sign-in/steps.js';
import { startAfresh } from './first-proof.js';

export type CodeEntry =
  | { readonly kind: 'wrong' }
  /** Void, expired, replaced, used, of another browser, or overtaken: nobody learns which. */
  | { readonly kind: 'dead' }
  /** What comes next, or the end of this sign-in. */
  | { readonly kind: 'goes-on'; readonly page: SignInPage };

export type EnterEmailCode = (
  request: SignInRequest,
  visitor: Visitor,
  form: { readonly code: string; readonly secret: string },
) => Promise<CodeEntry>;

/** Rolls the transaction back. */
class Refused extends Error {
  constructor(readonly reason: string) {
    super(reason);
  }
}

export function createEnterEmailCode(
  given: SignInParts & { readonly clock: Clock },
): EnterEmailCode {
  const parts = { ...given, now: () => given.clock.now() };
  const { domain, transact, networks } = parts;
  const { advance } = createSteps(parts);

  return async (request, visitor, form) => {
    const { interactionId } = request;
    const place: EmailCodePlace = { interactionId, secret: form.secret };
    const attempt = await domain.attempts.load(interactionId);
    if (attempt.kind === 'void') return { kind: 'goes-on', page: { kind: 'ended' } };
    const asked = await domain.credentials.findEmailCode(place);
    if (!asked) return { kind: 'dead' };
    const { accountId } = asked;
    const device = await deviceOf(domain, visitor, accountId);
    // A noisy network shuts out strangers in it, not somebody who has been in from this browser.
    const verdict = device ? undefined : await networks.check(visitor.origin.ip);
    if (verdict?.kind === 'limited') {
      const { retryAfterSeconds } = verdict;
      return { kind: 'goes-on', page: { kind: 'locked', retryAfterSeconds } };
    }
    const account = await domain.identity.findAccount(accountId);
    const check = await domain.credentials.tryEmailCode(place, form.code);
    if (check.kind === 'gone') return { kind: 'dead' };

    const facts = {
      result: 'failure',
      actor: { kind: 'anonymous' },
      ...(account ? { subjectId: account.id } : {}),
      clientId: request.clientId,
      origin: visitor.origin,
    } as const;
    const refused = async (reason: string): Promise<CodeEntry> => {
      await transact(async ({ audit }) => {
        const details = { reason, factor: 'email_code' };
        await audit.record({ event: 'sign_in_refused', ...facts, details });
        if (check.kind === 'void') await audit.record({ event: 'sign_in_code_void', ...facts });
      });
      return { kind: check.kind === 'wrong' ? 'wrong' : 'dead' };
    };
    if (check.kind !== 'right') {
      await networks.recordFailure(visitor.origin.ip, `email-code ${accountId}`);
      return refused('no_match');
    }
    // Somebody guessed the code of a letter that was never sent.
    if (account?.kind !== 'shopper') return refused('unknown_name');

    /** From here a revocation waits for us or we have waited for it. */
    const hold = async (tx: Domain) => {
      const begun = { request, visitor, at: parts.now(), ...check };
      if (!account.emailVerified && !(await startAfresh(tx, begun))) throw new Refused('revoked');
      const held = await tx.identity.holdForSignIn(accountId);
      if (held?.status !== 'active') throw new Refused('disabled');
      // An epoch that moved since the code was asked for ends it: a password was changed, or
      // access was taken back.
      if (account.emailVerified && held.securityEpoch !== check.securityEpoch) {
        throw new Refused('revoked');
      }
      return held;
    };
    const work = async (tx: Domain): Promise<SignInPage> => {
      const { securityEpoch, earliest } = await hold(tx);
      const client = await tx.clients.find(request.clientId);
      if (client?.status !== 'active' || !client.emailCode) throw new Refused('switched_off');
      if (!(await tx.credentials.spendEmailCode(check.id))) throw new Refused('replayed');
      if (!(await tx.attempts.begin(interactionId, { accountId, securityEpoch }))) {
        return { kind: 'ended' };
      }
      await tx.attempts.prove(interactionId, 'email-code');
      const extra = { codeFailures: check.failures, rememberDevice: false };
      return advance(tx, request, visitor, account, earliest, extra);
    };
    try {
      return { kind: 'goes-on', page: await transact(work) };
    } catch (error) {
      if (error instanceof Refused) return refused(error.reason);
      throw error;
    }
  };
}
