/**
 * Credentials: how somebody proves to be an account's owner.
 *
 * Promises: passwords are stored as argon2id only and compared in another process; a name that
 * has no account costs the same time as one that has (OWASP ASVS 6.3.8); verification belongs
 * outside transactions, everything else inside one.
 */
import type { Clock } from '../../kernel/clock.js';
import type { Db } from '../../platform/postgres.js';
import { isPlausible, normalizePassword } from './password-policy.js';
import { credentialsStore } from './store.js';

export { MAX_LENGTH, MIN_LENGTH, passwordFault } from './password-policy.js';

/** The part of the hashing process that credentials need. */
export type PasswordHasher = {
  hash(password: string): Promise<string>;
  verify(phc: string, password: string): Promise<boolean>;
  needsRehash(phc: string): boolean;
  readonly dummyHash: string;
};

/** The outcome of comparing a password; `hash` is what it was compared with. */
export type PasswordCheck =
  | { readonly kind: 'right'; readonly hash: string; readonly outdated: boolean }
  | { readonly kind: 'wrong' };

export type Credentials = ReturnType<typeof createCredentials>;

export function createCredentials(parts: { db: Db; clock: Clock; hasher: PasswordHasher }) {
  const { clock, hasher } = parts;
  const store = credentialsStore(parts.db);

  return {
    /**
     * Compares a password with the account's, or with nobody's when there is no account.
     * Throws `AppError('overloaded')` when the hashing queue is full: never a skipped check.
     */
    async checkPassword(accountId: string | undefined, password: string): Promise<PasswordCheck> {
      const stored = accountId ? await store.findPasswordHash(accountId) : undefined;
      if (!isPlausible(password)) return { kind: 'wrong' };
      const matches = await hasher.verify(stored ?? hasher.dummyHash, normalizePassword(password));
      if (!stored || !matches) return { kind: 'wrong' };
      return { kind: 'right', hash: stored, outdated: hasher.needsRehash(stored) };
    },

    /** Hashes a new password; the caller has asked `passwordFault` first. */
    hashPassword: (password: string) => hasher.hash(normalizePassword(password)),

    setPasswordHash: (accountId: string, hash: string) =>
      store.setPasswordHash(accountId, hash, clock.now()),

    /** Stores the same password under today's parameters. */
    replaceHash: (accountId: string, from: string, to: string) =>
      store.replaceHash(accountId, from, to),

    /** Removes the password; returns how many credentials went. */
    revokeCredentials: (accountId: string) => store.deletePassword(accountId),
  };
}
