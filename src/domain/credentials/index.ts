/**
 * Credentials: how somebody proves to be an account's owner. Passwords, codes from an
 * authenticator app, recovery codes that stand in for the app, passkeys, and links and codes in
 * letters that stand in for the password.
 *
 * Promises: passwords are stored as argon2id only and compared in another process; a name that
 * has no account costs the same time as one that has (OWASP ASVS 6.3.8); every code counts once.
 * Comparing and assessing passwords belongs outside transactions, everything else inside one.
 */
import type { Clock } from '../../kernel/clock.js';
import { newId } from '../../kernel/ids.js';
import type { Db } from '../../platform/postgres.js';
import { linkStore } from './one-time-links.js';
import { HISTORY_KEPT } from './password-history.js';
import { isPlausible, normalizePassword } from './password-policy.js';
import { passwordStore } from './store.js';

export {
  createEmailCodes,
  EMAIL_CODE_SECONDS,
  type EmailCodeCheck,
  type EmailCodeOwner,
  type EmailCodePlace,
  type EmailCodes,
} from './email-codes.js';
export { createFactorResets, type FactorReset, type FactorResets } from './factor-resets.js';
export {
  createOneTimeLinks,
  LINK_SECONDS,
  type LinkPurpose,
  type OneTimeLink,
  type OneTimeLinks,
} from './one-time-links.js';
export {
  createPasskeys,
  type NewPasskey,
  PASSKEY_CHALLENGE_SECONDS,
  PASSKEYS_PER_ACCOUNT,
  type Passkey,
  type PasskeyCeremonies,
  type PasskeyCheck,
  type PasskeyProof,
  type Passkeys,
  passkeyName,
  type RelyingParty,
} from './passkeys/passkeys.js';
export {
  type AssessmentContext,
  type BreachedPasswords,
  createPasswordPolicy,
  type PasswordFault,
  type PasswordPolicy,
  type PasswordStrength,
} from './password-assessment.js';
export { MAX_LENGTH, MIN_LENGTH_FLOOR, passwordFault } from './password-policy.js';
export { createRecoveryCodes, RECOVERY_CODES, type RecoveryCodes } from './recovery-codes.js';
export {
  createTotp,
  type EnrolmentResult,
  type OneTimeCodes,
  type Totp,
  type TotpCheck,
  type TotpEnrolment,
} from './totp.js';

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

/** No account has it: looking up nobody's password costs what looking up somebody's does. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

export function createCredentials(parts: { db: Db; clock: Clock; hasher: PasswordHasher }) {
  const { clock, hasher } = parts;
  const store = passwordStore(parts.db);
  const links = linkStore(parts.db);
  const retire = (accountId: string) =>
    store.retire(accountId, { id: newId(), at: clock.now(), keep: HISTORY_KEPT });

  return {
    /**
     * Compares a password with the account's, or with nobody's when there is no account.
     * Throws `AppError('overloaded')` when the hashing queue is full: never a skipped check.
     */
    async checkPassword(accountId: string | undefined, password: string): Promise<PasswordCheck> {
      // Before anything is looked up: without the hashing's noise a look-up more would show.
      if (!isPlausible(password)) return { kind: 'wrong' };
      const stored = await store.findHash(accountId ?? NOBODY);
      const matches = await hasher.verify(stored ?? hasher.dummyHash, normalizePassword(password));
      if (!stored || !matches) return { kind: 'wrong' };
      return { kind: 'right', hash: stored, outdated: hasher.needsRehash(stored) };
    },

    /** Hashes a new password; the caller has asked `assessPassword` first. */
    hashPassword: (password: string) => hasher.hash(normalizePassword(password)),

    /**
     * Sets a password; the one before it joins the history, and no link in a letter from before
     * opens anything. Call it in a transaction.
     */
    async setPasswordHash(accountId: string, hash: string): Promise<void> {
      await retire(accountId);
      await links.void(accountId);
      await store.setHash(accountId, hash, clock.now());
    },

    /**
     * Sets a password in place of the one that was verified, which joins the history. False when
     * it is another one by now: of many changes on the strength of one password one counts. Ends
     * links in letters as well. Call it in a transaction.
     */
    async changePasswordHash(accountId: string, from: string, to: string): Promise<boolean> {
      const at = clock.now();
      if (!(await store.changeHash(accountId, { from, to, at }))) return false;
      await links.void(accountId);
      await store.keepRetired(accountId, { id: newId(), hash: from, at, keep: HISTORY_KEPT });
      return true;
    },

    /** When the password was chosen; nothing if there is none. */
    passwordChangedAt: (accountId: string): Promise<Date | undefined> =>
      store.findChangedAt(accountId),

    /** Stores the same password under today's parameters. */
    replaceHash: (accountId: string, from: string, to: string) =>
      store.replaceHash(accountId, from, to),

    /**
     * Removes the password, which stays in the history: what was revoked must not come back.
     * Returns how many credentials went. The app and its codes stay, or a stolen mailbox would
     * be enough to get in. Call it in a transaction.
     */
    async revokeCredentials(accountId: string): Promise<number> {
      await retire(accountId);
      await links.void(accountId);
      return store.remove(accountId);
    },

    /**
     * Forgets whatever an account has ever proven itself with, its old passwords and the links in
     * its letters too. Returns how many credentials went. Call it in a transaction.
     */
    forgetCredentials: (accountId: string): Promise<number> => store.forget(accountId),
  };
}
