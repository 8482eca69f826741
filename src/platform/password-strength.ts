/**
 * How many guesses a password would stand, as zxcvbn estimates it (Wheeler, USENIX Security
 * 2016). Its dictionaries take half a second and 70 MB to load, so they are loaded when the
 * first password is chosen, or by `warm`.
 */
import type { ZxcvbnFactory } from '@zxcvbn-ts/core';

/** 0: guessed at once; 3: stands 10^8 guesses; 4: stands 10^10. */
export type StrengthScore = 0 | 1 | 2 | 3 | 4;

export type PasswordStrength = {
  /** `about` are words that a guesser would try first. */
  estimate(password: string, about: readonly string[]): Promise<StrengthScore>;
  /** Loads the dictionaries now. */
  warm(): Promise<void>;
};

// The estimate grows faster than the length and holds the event loop meanwhile: 20 to 40 ms for
// the worst text of this length. Whoever is guessable so far is not saved by what follows.
const LONGEST = 40;
const LONGEST_WORD = 64;
const MOST_WORDS = 16;
// The default, 100, tries so many readings of every digit and sign that a random password of 64
// characters stops the process for 400 ms, one of 100 for more than a second.
const L33T_READINGS = 2;

export function createPasswordStrength(): PasswordStrength {
  let loading: Promise<ZxcvbnFactory> | undefined;
  const load = () => {
    loading ??= loadEstimator().catch((error: unknown) => {
      // The next one tries again.
      loading = undefined;
      throw error;
    });
    return loading;
  };
  return {
    async estimate(password, about) {
      const estimator = await load();
      const words = about.slice(0, MOST_WORDS).map((word) => word.slice(0, LONGEST_WORD));
      return estimator.check(password.slice(0, LONGEST), words).score;
    },
    async warm() {
      await load();
    },
  };
}

async function loadEstimator(): Promise<ZxcvbnFactory> {
  const [core, common, english] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
    import('@zxcvbn-ts/language-en'),
  ]);
  return new core.ZxcvbnFactory({
    dictionary: { ...common.dictionary, ...english.dictionary },
    graphs: common.adjacencyGraphs,
    maxLength: LONGEST,
    l33tMaxSubstitutions: L33T_READINGS,
  });
}
