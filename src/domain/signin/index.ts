/**
 * Sign-in: one attempt at proving who one is, over all its pages. What is proven is a set of
 * factors; what is still needed follows from it and from the kind of account, never from the
 * address in the browser.
 *
 * Promises: `nextStep` is pure; `amr` and `acr` say what really happened (RFC 8176, RFC 9470);
 * an attempt is bound to one interaction and one account, and dies of five wrong codes, of age,
 * or with the account's security epoch.
 */
import { nextStep as decide, type Factor, type Situation, type Step } from './next-step.js';

export {
  ACR_ONE_FACTOR,
  ACR_PHISHING_RESISTANT,
  ACR_TWO_FACTORS,
  ACR_VALUES,
  type Acr,
  isAcr,
} from '../../kernel/acr.js';
export {
  type AttemptState,
  type Attempts,
  createAttempts,
  MAX_WRONG_CODES,
  type SignInAttempt,
  type WrongCodeCount,
} from './attempts.js';
export {
  type Factor,
  type Proof,
  type Situation,
  type Step,
  satisfies,
} from './next-step.js';

/** A sign-in that ends with its first page: nothing but the password can be proven. */
type OnePage = {
  readonly accountKind: 'shopper' | 'staff';
  readonly proven: readonly Extract<Factor, 'password'>[];
};

export function nextStep(situation: Situation): Step;
/** For the one-page sign-in only; it knows no second factor, so staff never get through it. */
export function nextStep(situation: OnePage): Step;
export function nextStep(situation: Situation | OnePage): Step {
  if ('hasTotp' in situation) return decide(situation);
  return decide({
    accountKind: situation.accountKind,
    proven: situation.proven.map((factor) => ({ factor, at: 0 })),
    hasTotp: false,
    hasPasskey: false,
    recoveryCodesLeft: 0,
    mayEnrol: false,
    deviceRemembered: false,
    codesToShow: false,
  });
}
