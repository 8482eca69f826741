/**
 * What all pages after the password share: the attempt is held still while it is looked at, and
 * whatever was proven leads to the next page or to the end.
 */
import type { SignInAttempt } from '../../domain/signin/index.js';
import type { Domain } from '../domain.js';
import { finishSignIn } from './finish.js';
import {
  EXPIRED,
  type SignInPage,
  type SignInParts,
  type SignInRequest,
  type Visitor,
} from './model.js';
import { deviceOf, pageOf, stepOf } from './next-page.js';

export function createSteps(parts: SignInParts & { now: () => Date }) {
  const { domain, transact } = parts;

  /** Holds account and attempt still and goes on with them; anything amiss starts over. */
  async function withAttempt(
    request: SignInRequest,
    work: (
      tx: Domain,
      account: { readonly id: string; readonly kind: 'shopper' | 'staff' },
      attempt: SignInAttempt,
      earliest: number,
    ) => Promise<SignInPage>,
  ): Promise<SignInPage> {
    const seen = await domain.attempts.load(request.interactionId);
    if (seen.kind !== 'live') return seen.kind === 'void' ? { kind: 'ended' } : EXPIRED;
    return transact(async (tx) => {
      const held = await tx.identity.holdForSignIn(seen.attempt.accountId);
      const account = await tx.identity.findAccount(seen.attempt.accountId);
      const state = await tx.attempts.hold(request.interactionId);
      if (!account || held?.status !== 'active' || state.kind !== 'live') return EXPIRED;
      // Somebody else's password may have come in on the same page in between.
      if (state.attempt.accountId !== account.id) return EXPIRED;
      if (held.securityEpoch !== state.attempt.securityEpoch) return EXPIRED;
      return work(tx, account, state.attempt, held.earliest);
    });
  }

  /** Goes to the next page, or finishes. */
  async function advance(
    tx: Domain,
    request: SignInRequest,
    visitor: Visitor,
    account: { readonly id: string; readonly kind: 'shopper' | 'staff' },
    earliest: number,
    extra: { readonly codeFailures: number; readonly rememberDevice: boolean },
  ): Promise<SignInPage> {
    const state = await tx.attempts.hold(request.interactionId);
    if (state.kind !== 'live') return EXPIRED;
    const device = await deviceOf(tx, visitor, account.id);
    const step = await stepOf(tx, request, account, state.attempt, device);
    if (step.kind !== 'done') {
      return pageOf({ ...parts, domain: tx }, request, account, state.attempt, step);
    }
    return finishSignIn(tx, {
      request,
      visitor,
      account,
      step,
      earliest,
      device,
      failuresBefore: state.attempt.failuresBefore + extra.codeFailures,
      rememberDevice: extra.rememberDevice,
      at: parts.now(),
    });
  }

  /** Whoever it was had the password, or reads the mail: its owner must hear of it (ASVS 6.3.5). */
  async function tellOfVoid(
    { audit, mail }: Domain,
    request: SignInRequest,
    visitor: Visitor,
    { accountId, proven }: SignInAttempt,
  ): Promise<void> {
    await audit.record({
      event: 'sign_in_void',
      result: 'failure',
      actor: { kind: 'anonymous' },
      subjectId: accountId,
      clientId: request.clientId,
      origin: visitor.origin,
    });
    await mail.enqueue({
      kind: 'sign_in_void',
      ...(proven.some(({ factor }) => factor === 'email-code') ? { by: 'email_code' } : {}),
      accountId,
      at: parts.now(),
      shop: request.clientName,
      device: visitor.deviceLabel,
    });
  }

  return { withAttempt, advance, tellOfVoid };
}
