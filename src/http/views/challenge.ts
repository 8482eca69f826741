/** The check against robots, as a page carries it. */
import { assetUrl } from '../assets.js';

/**
 * Asked before a log-in, or before a letter. A puzzle is solved by the browser itself; where it cannot be, waiting
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

/** Added to the content policy of a page with a puzzle: its solver runs in workers. */
export const PUZZLE_POLICY = "worker-src 'self'";

const altcha = {
  css: assetUrl('altcha.css'),
  js: assetUrl('altcha.js'),
  worker: assetUrl('altcha-worker.js'),
};
const challengeScript = { src: assetUrl('challenge.js'), module: false };

export function challengeOf(challenge: SignInChallenge | undefined) {
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
