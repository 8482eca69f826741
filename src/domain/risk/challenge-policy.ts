/** When somebody has to show that a browser with time to spare stands behind a log-in. */

export type ChallengeMode = 'adaptive' | 'off' | 'always';

/** Long before the lock at ten, so that guessing by machine gets dear before it hurts anybody. */
export const CHALLENGE_AFTER_FAILURES = 3;

/** Failures of a whole network in fifteen minutes; a family or a shop rarely gets there. */
export const CHALLENGE_AFTER_NETWORK_FAILURES = 10;

/**
 * Whether a challenge is asked for.
 *
 * @param failures of this subject on this class of device, before the present guess
 * @param networkFailures of the network the request comes from
 */
export function needsChallenge(seen: {
  readonly failures: number;
  readonly networkFailures: number;
  readonly mode: ChallengeMode;
}): boolean {
  if (seen.mode !== 'adaptive') return seen.mode === 'always';
  return (
    seen.failures >= CHALLENGE_AFTER_FAILURES ||
    seen.networkFailures >= CHALLENGE_AFTER_NETWORK_FAILURES
  );
}
