/**
 * Signing in, over all its pages. What is stored of the attempt decides which page comes next;
 * a session exists only when the last step answers `signed-in`.
 */
import type { Clock } from '../../kernel/clock.js';
import { askFor } from './challenge.js';
import { createEnrolment } from './enrolment.js';
import type { SignInPage, SignInParts, SignInRequest, Visitor } from './model.js';
import { pageOf, stepOf } from './next-page.js';
import { createPasskeySignIn } from './passkey.js';
import { createSubmitPassword } from './password.js';
import { createSecondFactor } from './second-factor.js';

export type { Ask, SignInPage, SignInRequest, Visitor } from './model.js';
export type { PasswordForm } from './password.js';

export type SignIn = ReturnType<typeof createSignIn>;

export function createSignIn(given: SignInParts & { readonly clock: Clock }) {
  const parts = { ...given, now: () => given.clock.now() };
  const { domain } = parts;

  /** The page a browser gets that opens, or reloads, the interaction. */
  async function look(request: SignInRequest, visitor: Visitor): Promise<SignInPage> {
    const state = await domain.attempts.load(request.interactionId);
    if (state.kind === 'void') return { kind: 'ended' };
    const account =
      state.kind === 'live'
        ? await domain.identity.findAccount(state.attempt.accountId)
        : undefined;
    if (state.kind === 'live' && account) {
      // A remembered device would have finished with the password already.
      const step = await stepOf(domain, request, account, state.attempt, undefined);
      if (step.kind !== 'done') return pageOf(parts, request, account, state.attempt, step);
    }
    const ask = await askFor(parts, request.interactionId, visitor, 0);
    return { kind: 'password', ...(ask ? { ask } : {}) };
  }

  return {
    look,
    submitPassword: createSubmitPassword(parts),
    ...createPasskeySignIn({ ...parts, look }),
    ...createSecondFactor(parts),
    ...createEnrolment(parts),
  };
}
