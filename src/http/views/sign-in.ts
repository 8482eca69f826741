/** The log-in page with its check against robots, and the page of a log-in that is paused. */
import { assetUrl } from '../assets.js';
import { formTarget } from '../links.js';
import { type PasskeyAddresses, passkeyAddresses, passkeyScripts } from './passkeys.js';
import { brandOf, type ClientBrand, linksOf, type PageProps, render } from './render.js';
import { waitingTime } from './when.js';

/** `check`: the log-in was sent without a valid `altcha` or `wait_token`, or too soon. */
export type SignInProblem = 'rejected' | 'expired' | 'overloaded' | 'check' | 'passkey';

/**
 * Asked before a log-in. A puzzle is solved by the browser itself; where it cannot be, waiting
 * takes its place, so the page carries both. The form sends `altcha` or else `wait_token`.
 */
export type SignInChallenge =
  | {
      readonly kind: 'puzzle';
      /** What altcha-lib's `createChallenge` returned, as JSON; PBKDF2 only. */
      readonly challengeJson: string;
      readonly waitToken: string;
      readonly waitSeconds: number;
    }
  | { readonly kind: 'wait'; readonly token: string; readonly seconds: number };

/** Added to the content policy of a log-in page with a puzzle: its solver runs in workers. */
export const PUZZLE_POLICY = "worker-src 'self'";

const altcha = {
  css: assetUrl('altcha.css'),
  js: assetUrl('altcha.js'),
  worker: assetUrl('altcha-worker.js'),
};
const challengeScript = { src: assetUrl('challenge.js'), module: false };

function challengeOf(challenge: SignInChallenge | undefined) {
  if (challenge === undefined) return {};
  if (challenge.kind === 'wait') {
    return {
      challenge: { waitToken: challenge.token, seconds: wholeSeconds(challenge.seconds) },
      scripts: [challengeScript],
    };
  }
  return {
    challenge: {
      puzzle: challenge.challengeJson,
      worker: altcha.worker,
      waitToken: challenge.waitToken,
      seconds: wholeSeconds(challenge.waitSeconds),
    },
    styles: [altcha.css],
    // Both run after parsing and in this order, so the widget is there when it is set up.
    scripts: [{ src: altcha.js, module: true }, challengeScript],
  };
}

function wholeSeconds(seconds: number): number {
  return Math.max(1, Math.ceil(seconds));
}

export function signInPage(
  props: PageProps & {
    readonly client: ClientBrand;
    readonly action: string;
    readonly cancelAction: string;
    readonly csrf: string;
    readonly login?: string | undefined;
    readonly problem?: SignInProblem | undefined;
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
    /** The clock time at which it opens, as people read it: "14:32" or "14:32 UTC". */
    readonly opensAt: string;
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
    cancelAction: props.cancelAction === undefined ? undefined : formTarget(props.cancelAction),
    csrf: props.csrf,
    requestId: props.requestId,
  });
}
