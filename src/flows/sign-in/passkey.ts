/**
 * Signing in with a passkey: instead of the password, or as the step after it. There is nothing
 * to guess, so nothing is counted for an account and no lock of its password stands in the way;
 * failures count for the network, and each costs a challenge. Whoever asks before a password was
 * right learns nothing about anybody: the browser chooses among what it holds itself.
 */
import type { PasskeyProof } from '../../domain/credentials/index.js';
import type { Domain } from '../domain.js';
import { askFor } from './challenge.js';
import type { SignInPage, SignInParts, SignInRequest, Visitor } from './model.js';
import { deviceOf } from './next-page.js';
import { createSteps } from './steps.js';

type Outcome =
  | { readonly kind: 'page'; readonly page: SignInPage }
  | { readonly kind: 'refused'; readonly reason: string };

export function createPasskeySignIn(
  parts: SignInParts & {
    readonly now: () => Date;
    readonly look: (request: SignInRequest, visitor: Visitor) => Promise<SignInPage>;
  },
) {
  const { domain, transact, networks, relyingParty: rp } = parts;
  const { advance } = createSteps(parts);
  const pageOf = ({ interactionId }: SignInRequest) => `sign-in ${interactionId}`;

  /** The same page again, which says that the passkey did not do. */
  async function again(request: SignInRequest, visitor: Visitor): Promise<SignInPage> {
    const page = await parts.look(request, visitor);
    if (page.kind === 'totp' || page.kind === 'passkey') return { ...page, problem: 'passkey' };
    if (page.kind !== 'password') return page;
    const ask = await askFor(parts, request.interactionId, visitor, 0);
    return { kind: 'password', problem: 'passkey', ...(ask ? { ask } : {}) };
  }

  async function refuse(
    request: SignInRequest,
    visitor: Visitor,
    { reason, accountId }: { reason: string; accountId: string | undefined },
  ): Promise<SignInPage> {
    await networks.recordFailure(visitor.origin.ip, `passkey ${accountId ?? ''}`);
    await transact(({ audit }) =>
      audit.record({
        event: 'sign_in_refused',
        result: 'failure',
        actor: { kind: 'anonymous' },
        ...(accountId ? { subjectId: accountId } : {}),
        clientId: request.clientId,
        origin: visitor.origin,
        details: { reason, factor: 'passkey' },
      }),
    );
    return again(request, visitor);
  }

  /** There may be two of this key: nobody gets in with it, and its owner hears of it. */
  async function tellOfCopy(
    { audit, mail }: Domain,
    request: SignInRequest,
    visitor: Visitor,
    { accountId, passkeyId, name }: PasskeyProof,
  ): Promise<void> {
    await audit.record({
      event: 'passkey_suspicious',
      result: 'failure',
      actor: { kind: 'anonymous' },
      subjectId: accountId,
      clientId: request.clientId,
      origin: visitor.origin,
      details: { passkey: passkeyId },
    });
    await mail.enqueue({
      kind: 'passkey_changed',
      change: 'suspicious',
      name,
      accountId,
      at: parts.now(),
      shop: request.clientName,
      clientId: request.clientId,
      device: visitor.deviceLabel,
      language: visitor.language,
    });
  }

  return {
    /** What the browser is asked to sign; nothing when this sign-in is over. */
    async passkeyRequest(request: SignInRequest): Promise<object | undefined> {
      const state = await domain.attempts.load(request.interactionId);
      if (state.kind === 'void') return undefined;
      const known =
        state.kind === 'live' && state.attempt.proven.length > 0
          ? state.attempt.accountId
          : undefined;
      const page = pageOf(request);
      return domain.credentials.passkeyRequest({ page, rp, accountId: known });
    },

    /** The browser's answer, as JSON. */
    async submitPasskey(
      request: SignInRequest,
      visitor: Visitor,
      form: { readonly passkey: string },
    ): Promise<SignInPage> {
      const id = request.interactionId;
      const before = await domain.attempts.load(id);
      if (before.kind === 'void') return { kind: 'ended' };
      const claimed = await domain.credentials.claimedOwner(form.passkey);
      const known = await deviceOf(domain, visitor, claimed);
      // A noisy network shuts out strangers in it, not somebody who has been in from this browser.
      const verdict = known ? undefined : await networks.check(visitor.origin.ip);
      if (verdict?.kind === 'limited') {
        return { kind: 'locked', retryAfterSeconds: verdict.retryAfterSeconds };
      }
      // Before the signature is looked at: what is revoked from here on is seen below.
      const account = claimed ? await domain.identity.findAccount(claimed) : undefined;
      const check = await domain.credentials.checkPasskey({
        page: pageOf(request),
        rp,
        json: form.passkey,
      });
      if (check.kind === 'wrong') return refuse(request, visitor, check);
      const { proof } = check;
      const { accountId } = proof;
      if (!account || account.id !== accountId) {
        return refuse(request, visitor, { reason: 'unknown_passkey', accountId });
      }

      const outcome = await transact(async (tx): Promise<Outcome> => {
        const refused = (reason: string): Outcome => ({ kind: 'refused', reason });
        const held = await tx.identity.holdForSignIn(accountId);
        if (held?.status !== 'active') return refused('disabled');
        if (held.securityEpoch !== account.securityEpoch) return refused('revoked');
        const used = await tx.credentials.usePasskey(proof);
        if (used === 'gone') return refused('unknown_passkey');
        if (used === 'copied') {
          await tellOfCopy(tx, request, visitor, proof);
          return refused('copied');
        }
        const state = await tx.attempts.hold(id);
        // Somebody else's password was right on this page: their sign-in is not taken over.
        if (state.kind === 'live' && state.attempt.accountId !== accountId) {
          return refused('other_account');
        }
        if (state.kind !== 'live') {
          const { securityEpoch } = held;
          const begun = await tx.attempts.begin(id, { accountId, securityEpoch });
          if (!begun) return { kind: 'page', page: { kind: 'ended' } };
        }
        await tx.attempts.prove(id, 'passkey');
        const extra = { codeFailures: 0, rememberDevice: false };
        const page = await advance(tx, request, visitor, account, held.earliest, extra);
        return { kind: 'page', page };
      });
      return outcome.kind === 'page'
        ? outcome.page
        : refuse(request, visitor, { reason: outcome.reason, accountId });
    },
  };
}
