/** Asking a browser for some work before it may go on, and taking its answer, once. */
import { needsChallenge } from '../../domain/risk/index.js';
import { type Ask, PATIENCE_SECONDS, type SignInParts, type Visitor } from './model.js';

export type ChallengeParts = Pick<SignInParts, 'challenges' | 'challengeMode'> & {
  readonly networks: Pick<SignInParts['networks'], 'failuresFor'>;
};

/**
 * What a browser has to answer before it may go on, or nothing.
 *
 * @param bindTo what the answer is good for: one interaction, or one form
 */
export async function askFor(
  parts: ChallengeParts,
  bindTo: string,
  visitor: Visitor,
  failures: number,
): Promise<Ask | undefined> {
  const networkFailures = await parts.networks.failuresFor(visitor.origin.ip);
  if (!needsChallenge({ failures, networkFailures, mode: parts.challengeMode })) return undefined;
  return {
    puzzle: JSON.stringify(await parts.challenges.createChallenge({ bindTo })),
    patience: parts.challenges.createPatience({ bindTo }),
    patienceSeconds: PATIENCE_SECONDS,
  };
}

/** Whether the form brings a good answer; it is spent by that. */
export async function answered(
  parts: Pick<SignInParts, 'challenges' | 'domain'>,
  bindTo: string,
  form: { readonly puzzle: string | undefined; readonly patience: string | undefined },
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
