/**
 * Whether a new password will do, and why not. What costs little is looked at first; nothing is
 * hashed or asked of others for a password that is refused anyway.
 */
import type { Db } from '../../platform/postgres.js';
import { type CommonPasswords, commonPasswords } from './common-passwords.js';
import { containsWord, contextWords, type PasswordContext } from './password-context.js';
import { HISTORY_KEPT } from './password-history.js';
import {
  MAX_LENGTH,
  MIN_LENGTH,
  MIN_LENGTH_FLOOR,
  normalizePassword,
  passwordFault,
} from './password-policy.js';
import { passwordStore } from './store.js';

/** What is wrong with a password: whoever tells people finds the words in their language. */
export type PasswordFault =
  | { readonly code: 'too-short'; readonly least: number }
  | { readonly code: 'too-long'; readonly most: number }
  | { readonly code: 'common' | 'contains-context' | 'weak' | 'reused' | 'breached' };

/** Who chooses, as far as it is known; with an account, its last five passwords are refused. */
export type AssessmentContext = PasswordContext & { readonly accountId?: string | undefined };

/** What estimates how many guesses a password stands: 0 to 4, from none to many. */
export type PasswordStrength = {
  estimate(password: string, about: readonly string[]): Promise<number>;
};

/** What knows passwords from leaks. `unknown` when it could not be asked. */
export type BreachedPasswords = {
  isBreached(password: string): Promise<boolean | 'unknown'>;
};

export type PasswordPolicy = ReturnType<typeof createPasswordPolicy>;

// "Safely unguessable: moderate protection from an offline attack" (zxcvbn).
const LEAST_SCORE = 3;

export function createPasswordPolicy(parts: {
  readonly db: Db;
  readonly hasher: { verify(phc: string, password: string): Promise<boolean> };
  readonly strength: PasswordStrength;
  /** Off unless given. */
  readonly breaches?: BreachedPasswords | undefined;
  readonly minLength?: number | undefined;
  readonly common?: (() => Pick<CommonPasswords, 'has'>) | undefined;
}) {
  const { hasher, strength, breaches, minLength = MIN_LENGTH, common = commonPasswords } = parts;
  if (!(minLength >= MIN_LENGTH_FLOOR && minLength <= 64)) {
    throw new Error(`Passwords of ${minLength} characters are no policy`);
  }
  const store = passwordStore(parts.db);

  /** One after the other and until one fits: a change of password is no burst of hashing. */
  async function isReused(accountId: string, password: string): Promise<boolean> {
    const current = await store.findHash(accountId);
    const hashes = [
      ...(current ? [current] : []),
      ...(await store.listRetired(accountId, HISTORY_KEPT)),
    ];
    for (const hash of hashes) {
      if (await hasher.verify(hash, password)) return true;
    }
    return false;
  }

  return {
    minLength,

    /**
     * Everything that is wrong with a new password; empty when it is good. Hashes, so it belongs
     * outside transactions, and throws `AppError('overloaded')` like every other hashing.
     */
    async assessPassword(
      input: string,
      context: AssessmentContext = {},
    ): Promise<readonly PasswordFault[]> {
      const length = passwordFault(input, minLength);
      // What is too long is not looked at: it is bounded by nothing.
      if (length === 'too-long') return [{ code: 'too-long', most: MAX_LENGTH }];

      const password = normalizePassword(input);
      const words = contextWords(context);
      const faults: PasswordFault[] = [];
      if (length === 'too-short') faults.push({ code: 'too-short', least: minLength });
      if (common().has(password)) faults.push({ code: 'common' });
      if (containsWord(password, words)) faults.push({ code: 'contains-context' });
      // Every common password is weak; one reason is enough.
      if (faults.length > 0) return faults;
      if ((await strength.estimate(password, words)) < LEAST_SCORE) return [{ code: 'weak' }];
      const { accountId } = context;
      if (accountId && (await isReused(accountId, password))) return [{ code: 'reused' }];
      if ((await breaches?.isBreached(password)) === true) return [{ code: 'breached' }];
      return [];
    },
  };
}
