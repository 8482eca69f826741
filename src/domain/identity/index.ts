/**
 * Identity: who somebody is. Accounts of shoppers and staff, the names they log in with, their
 * status, and the security epoch that ends everything older than itself.
 *
 * Promises: a name belongs to one account whatever its spelling; personal data is sealed under
 * the account's own key and found through a blind index only; epochs never go back.
 */
import { newId } from '../../kernel/ids.js';
import type { Keyring } from '../../kernel/keyring.js';
import type { Db } from '../../platform/postgres.js';
import { canonicalLogin, loginIndexes } from './login-name.js';
import {
  newAccountKey,
  openAccountKey,
  openPerson,
  type Profile,
  sealPerson,
  sealProfile,
} from './personal-data.js';
import type { ProfileChange, ProfileField } from './profile.js';
import { type AccountRow, identityStore } from './store.js';

export { createEmailChanges, type EmailChanges } from './email-change/changes.js';
export {
  createEmailRequests,
  type EmailCodeResult,
  type EmailRequests,
} from './email-change/requests.js';
export { canonicalLogin, isEmailAddress, maskEmail } from './login-name.js';
export type { Profile } from './personal-data.js';
export {
  LONGEST_NAME,
  type ProfileFault,
  type ProfileField,
  type ProfileInput,
  profileFields,
  profileValue,
  readProfile,
} from './profile.js';
export type { AccountRow as Account } from './store.js';

/** An account with its personal data in clear; both are empty once its key was destroyed. */
export type Person = AccountRow & {
  readonly email: string | undefined;
  readonly profile: Profile;
};

export type Identity = ReturnType<typeof createIdentity>;

export function createIdentity({ db, keyring }: { db: Db; keyring: Keyring }) {
  const store = identityStore(db);
  const indexesOf = loginIndexes(keyring);

  return {
    /** Creates an account; call it in a transaction, the name is locked until that ends. */
    async createAccount(input: {
      kind: 'shopper' | 'staff';
      email: string;
      emailVerified: boolean;
      profile: Profile;
    }): Promise<{ kind: 'created'; id: string } | { kind: 'name-taken' }> {
      const indexes = indexesOf(input.email);
      const names = indexes.map(({ index }) => index);
      await store.lockNames(names);
      if (await store.findByIndexes(names, 'held')) return { kind: 'name-taken' };
      await store.dropNames(names);
      const id = newId();
      const { key, wrapped } = newAccountKey(keyring, id);
      await store.insert({
        id,
        kind: input.kind,
        emailVerified: input.emailVerified,
        ...sealPerson(key, id, { email: input.email.trim(), profile: input.profile }),
        wrappedKey: wrapped,
        loginNames: indexes,
      });
      return { kind: 'created', id };
    },

    /** The account a login name belongs to, whatever its case, spacing or Unicode form. */
    async findByLogin(login: string): Promise<AccountRow | undefined> {
      return store.findByIndexes(indexesOf(login).map(({ index }) => index));
    },

    /** The same, or the account that has left the name and may still come back to it. */
    async findNameHolder(login: string): Promise<AccountRow | undefined> {
      const names = indexesOf(login).map(({ index }) => index);
      return store.findByIndexes(names, 'held');
    },

    /**
     * An id that no account has, the same each time for the same name: with it, everything that
     * is done for somebody can be done for nobody, in the same time.
     */
    standInFor(login: string): string {
      const oldest = keyring.blindIndexes('nobody', canonicalLogin(login)).at(-1);
      if (!oldest) throw new Error('The keyring is empty');
      const hex = Buffer.from(oldest.index).toString('hex');
      // Version 8 (RFC 9562): accounts have random ones, of version 4.
      return [
        hex.slice(0, 8),
        hex.slice(8, 12),
        `8${hex.slice(13, 16)}`,
        `a${hex.slice(17, 20)}`,
        hex.slice(20, 32),
      ].join('-');
    },

    findAccount: (id: string) => store.find(id),

    /** An account with its personal data opened. */
    async findPerson(id: string): Promise<Person | undefined> {
      const row = await store.findPerson(id);
      if (!row) return undefined;
      const { sealedEmail, sealedProfile, key, ...account } = row;
      if (!key) return { ...account, email: undefined, profile: {} };
      const opened = openPerson(openAccountKey(keyring, id, key.wrapped), id, {
        sealedEmail,
        sealedProfile,
      });
      return { ...account, ...opened };
    },

    listAccounts: (page: { after?: string; limit: number }) => store.list(page),

    /** Ends every log-in so far and all that came of it. False when there is no such account. */
    async raiseSecurityEpoch(id: string): Promise<boolean> {
      return (await store.raiseSecurityEpoch(id)) > 0;
    },

    /**
     * The same, if the account is active and nobody has raised the epoch since it was `from`: of
     * several changes that rest on one look at the account, one goes through. Gives the second
     * from which a log-in that outlives this counts, or nothing.
     */
    advanceSecurityEpoch: (id: string, from: number): Promise<number | undefined> =>
      store.advanceSecurityEpoch(id, from),

    /** Ends every browser session so far, and nothing else. */
    async raiseSessionEpoch(id: string): Promise<boolean> {
      return (await store.raiseSessionEpoch(id)) > 0;
    },

    /** Notes that the owner reads the account's mail. False: that was known, or no account. */
    confirmEmail: async (id: string): Promise<boolean> => (await store.confirmEmail(id)) > 0,

    /** False when there is no such account, or its owner has closed it: that is for good. */
    async setStatus(id: string, status: 'active' | 'disabled'): Promise<boolean> {
      return (await store.setStatus(id, status)) > 0;
    },

    holdForSignIn: (id: string) => store.holdForSignIn(id),

    /**
     * Changes the profile of an active account whose epoch is still `from`; call it in a
     * transaction. Two changes at once come one after the other, and neither undoes the other.
     *
     * @returns the fields whose values are others now, or nothing if the account was taken back
     */
    async changeProfile(
      id: string,
      from: number,
      change: ProfileChange,
    ): Promise<readonly ProfileField[] | undefined> {
      const held = await store.holdForChange(id);
      if (held?.status !== 'active' || held.securityEpoch !== from || !held.wrapped) {
        return undefined;
      }
      const key = openAccountKey(keyring, id, held.wrapped);
      const { profile, changed } = change(openPerson(key, id, held).profile);
      if (changed.length > 0) await store.saveProfile(id, sealProfile(key, id, profile));
      return changed;
    },

    /**
     * Closes an active shopper's account whose epoch is still `from`, for good: of any number of
     * closings at once one gets true. Ends every log-in as raising the epoch does. Call it in the
     * transaction that takes away what the account has.
     */
    async closeAccount(id: string, from: number): Promise<boolean> {
      return (await store.close(id, from)) > 0;
    },

    /** Whether its owner has closed the account. */
    isClosed: (id: string): Promise<boolean> => store.isClosed(id),

    /** Destroys the account's key and its index entries: nobody can read or find it any more. */
    forgetPerson: (id: string) => store.deleteKey(id),
  };
}
