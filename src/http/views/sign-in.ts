/** The log-in page with its check against robots, and the page of a log-in that is paused. */
import { formTarget, localPath } from '../links.js';
import { challengeOf, type SignInChallenge } from './challenge.js';
import { type PasskeyAddresses, passkeyAddresses, passkeyScripts } from './passkeys.js';
import { brandOf, type ClientBrand, linksOf, type PageProps, render } from './render.js';
import { waitingTime } from './when.js';

/** `check`: the log-in was sent without a valid `altcha` or `wait_token`, or too soon. */
export type SignInProblem = 'rejected' | 'expired' | 'overloaded' | 'check' | 'passkey';

export function signInPage(
  props: PageProps & {
    readonly client: ClientBrand;
    readonly action: string;
    readonly cancelAction: string;
    readonly csrf: string;
    readonly login?: string | undefined;
    readonly problem?: SignInProblem | undefined;
    /** The page for a forgotten password. */
    readonly recoveryHref?: string | undefined;
    /** The page for newcomers, where the client takes them. */
    readonly registerHref?: string | undefined;
    /** The page for a code by e-mail, where the client offers it. */
    readonly emailCodeHref?: string | undefined;
    readonly challenge?: SignInChallenge | undefined;
    /** The button for a passkey; shown where the browser can use one. */
    readonly passkey?: PasskeyAddresses | undefined;
  },
): string {
  const { scripts = [], ...challenge } = challengeOf(props.challenge);
  return render('signin/sign-in', props, {
    brand: brandOf(props.client),
    links: linksOf(props.client),
    action: formTarget(props.action),
    cancelAction: formTarget(props.cancelAction),
    csrf: props.csrf,
    login: props.login ?? '',
    problem: props.problem,
    recoveryHref: localPath(props.recoveryHref),
    registerHref: localPath(props.registerHref),
    emailCodeHref: localPath(props.emailCodeHref),
    ...challenge,
    passkey: props.passkey && passkeyAddresses(props.passkey),
    scripts: [...scripts, ...(props.passkey ? passkeyScripts : [])],
  });
}

/** Too many wrong codes: the way out is the way back. */
export function endedPage(
  props: PageProps & {
    readonly client: ClientBrand;
    readonly cancelAction: string;
    readonly csrf: string;
  },
): string {
  return render('signin/ended', props, {
    brand: brandOf(props.client),
    links: linksOf(props.client),
    cancelAction: formTarget(props.cancelAction),
    csrf: props.csrf,
  });
}

/** Goes out with status 429 and `Retry-After`. */
export function lockedPage(
  props: PageProps & {
    readonly client: ClientBrand;
    readonly retryAfterSeconds: number;
    readonly opensAt: Date;
    /** Where a new password is asked for, if one would open the lock. */
    readonly recoveryHref?: string | undefined;
    readonly cancelAction?: string | undefined;
    readonly csrf?: string | undefined;
    readonly requestId: string;
  },
): string {
  return render('signin/locked', props, {
    brand: brandOf(props.client),
    links: linksOf(props.client),
    wait: waitingTime(props.retryAfterSeconds),
    opensAt: props.opensAt,
    recoveryHref: localPath(props.recoveryHref),
    cancelAction: props.cancelAction === undefined ? undefined : formTarget(props.cancelAction),
    csrf: props.csrf,
    requestId: props.requestId,
  });
}
