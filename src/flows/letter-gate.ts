/**
 * What every form passes that makes us write to an address somebody types: a limit of the
 * network, and, from a network that asks often, proof that a browser stands behind it. Nothing
 * here looks at the address, so nothing here can tell of it.
 */
import type { FlowParts } from './domain.js';
import { answered, askFor, type ChallengeParts } from './sign-in/challenge.js';
import type { Ask, Visitor } from './sign-in/index.js';
import type { SignInParts } from './sign-in/model.js';

/** Counts the letters that a network asks for. */
export type LetterLimit = {
  soFar(ip: string): Promise<number>;
  add(ip: string): Promise<{ kind: 'ok' } | { kind: 'limited'; retryAfterSeconds: number }>;
};

export type LetterGateParts = FlowParts &
  ChallengeParts &
  Pick<SignInParts, 'challenges'> & { readonly letters: LetterLimit };

/** The form, with what a network has to show before it is sent. */
export type LetterForm<Problem> = {
  readonly kind: 'ask';
  readonly problem?: Problem;
  readonly ask?: Ask;
};

/** Why a form does not get through: its check, or the limit of its network. */
export type LetterGatePage =
  | LetterForm<'check'>
  | { readonly kind: 'limited'; readonly retryAfterSeconds: number };

type Answers = { readonly puzzle: string | undefined; readonly patience: string | undefined };

/** @param bindTo what a check is good for: one form of one purpose */
export function createLetterGate(parts: LetterGateParts, bindTo: (formId: string) => string) {
  const { letters } = parts;

  async function again<Problem>(
    formId: string,
    visitor: Visitor,
    before: number,
    problem: Problem | undefined,
  ): Promise<LetterForm<Problem>> {
    const ask = await askFor(parts, bindTo(formId), visitor, before);
    return { kind: 'ask', ...(problem ? { problem } : {}), ...(ask ? { ask } : {}) };
  }

  return {
    /** The empty form, or the same once more; counts nothing. */
    look: async <Problem extends 'address' = never>(
      formId: string,
      visitor: Visitor,
      problem?: Problem,
    ): Promise<LetterForm<Problem>> =>
      again(formId, visitor, await letters.soFar(visitor.origin.ip), problem),

    /** Counts the request. Nothing when it gets through. */
    async pass(
      formId: string,
      visitor: Visitor,
      answers: Answers,
    ): Promise<LetterGatePage | undefined> {
      const { ip } = visitor.origin;
      const verdict = await letters.add(ip);
      if (verdict.kind === 'limited') return verdict;
      if (await answered(parts, bindTo(formId), answers)) return undefined;
      const page = await again(formId, visitor, (await letters.soFar(ip)) - 1, 'check' as const);
      // A check that is asked for no more keeps nobody back.
      return page.ask ? page : undefined;
    },
  };
}
