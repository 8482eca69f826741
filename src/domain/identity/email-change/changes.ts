/**
 * Another e-mail address for an account, once it is proven, and the way back (OWASP ASVS 6.3.6).
 *
 * Promises: a name that was left logs nobody in, and is nobody else's while the link to the old
 * address is good: 256 random bits, stored as SHA-256, 72 hours, once. Taking an address back
 * ends every link of a later change, so a thief who moves on gains nothing. Addresses are sealed
 * under the account's own key.
 */
import { digest, newBearerValue, newId } from '../../../kernel/ids.js';
import type { Keyring } from '../../../kernel/keyring.js';
import type { Db } from '../../../platform/postgres.js';
import { canonicalLogin, loginIndexes } from '../login-name.js';
import { accountKeys, openAddress, openPerson, sealAddress, sealPerson } from '../personal-data.js';
import { identityStore } from '../store.js';
import { createEmailRequests } from './requests.js';
import { type ChangeRow, changeStore } from './store.js';

export const UNDO_SECONDS = 72 * 3600;
/** A link that is used in its last second must find its name free. */
const RESERVED_SECONDS = UNDO_SECONDS + 600;

export type ApplyResult =
  | {
      readonly kind: 'changed';
      /** Names the old address, for its letter. */
      readonly changeId: string;
      /** Opens the way back; none when this was one, to an address that was left a while ago. */
      readonly undoToken: string | undefined;
    }
  | { readonly kind: 'gone' }
  /** It is another account's by now. The caller rolls back. */
  | { readonly kind: 'name-taken' };

export type RestoreResult =
  | { readonly kind: 'restored'; readonly changeId: string; readonly changedAt: Date }
  | { readonly kind: 'gone' }
  | { readonly kind: 'name-taken' };

export type EmailChanges = ReturnType<typeof createEmailChanges>;

const TOKEN = /^[A-Za-z0-9_-]{43}$/;

const changeContext = (id: string, column: 'from' | 'to') => `email_changes/${id}/${column}`;

export function createEmailChanges({ db, keyring }: { db: Db; keyring: Keyring }) {
  const accounts = identityStore(db);
  const store = changeStore(db, UNDO_SECONDS);
  const requests = createEmailRequests({ db, keyring });
  const keys = accountKeys(accounts, keyring);
  const indexesOf = loginIndexes(keyring);

  const fromOf = (key: Uint8Array, { id, sealedFrom }: ChangeRow) =>
    openAddress(key, sealedFrom, changeContext(id, 'from'));

  async function presentAddress(accountId: string, key: Uint8Array): Promise<string> {
    const row = await accounts.findPerson(accountId);
    const person = row && openPerson(key, accountId, row);
    if (person?.email === undefined) throw new Error('An account with a key has an address');
    return person.email;
  }

  /** Gives the account the name `email` in place of the one it has. */
  async function move(
    accountId: string,
    key: Uint8Array,
    email: string,
    reservedSeconds: number,
  ): Promise<'moved' | 'name-taken'> {
    const names = indexesOf(email);
    const indexes = names.map(({ index }) => index);
    await accounts.lockNames(indexes);
    const holder = await accounts.findByIndexes(indexes, 'held');
    if (holder && holder.id !== accountId) return 'name-taken';
    await accounts.leaveName(accountId, reservedSeconds);
    await accounts.dropNames(indexes);
    const { sealedEmail } = sealPerson(key, accountId, { email, profile: {} });
    await accounts.giveName(accountId, names, sealedEmail);
    return 'moved';
  }

  return {
    /**
     * Gives the account the address of a request whose code was right. Call it in a transaction
     * that holds the account.
     */
    async applyEmail(accountId: string, requestId: string): Promise<ApplyResult> {
      const email = await requests.takeEmailRequest(accountId, requestId);
      if (email === undefined) return { kind: 'gone' };
      const key = await keys.get(accountId);
      const from = await presentAddress(accountId, key);

      // Somebody who comes back by themself: a way back from there would lead a thief, whose
      // address is left now, into the account again.
      const open = await store.listOpen(accountId);
      const left = open.find((past) => sameAddress(fromOf(key, past), email));
      const reserved = left ? 0 : RESERVED_SECONDS;
      if ((await move(accountId, key, email, reserved)) === 'name-taken') {
        return { kind: 'name-taken' };
      }
      const changeId = newId();
      const undoToken = left ? undefined : newBearerValue();
      if (left) await store.dropSince(accountId, left.createdAt, changeId);
      await store.noteChange({
        id: changeId,
        accountId,
        sealedFrom: sealAddress(key, from, changeContext(changeId, 'from')),
        tokenHash: undoToken === undefined ? null : digest(undoToken),
      });
      return { kind: 'changed', changeId, undoToken };
    },

    /** Whether an address that was left can still take the account back. */
    canBeUndone: async (accountId: string): Promise<boolean> =>
      (await store.listOpen(accountId)).length > 0,

    /** Which address a link leads back to. Spends nothing: mail scanners open links, too. */
    async findUndo(
      token: string,
    ): Promise<{ readonly accountId: string; readonly email: string } | undefined> {
      const row = TOKEN.test(token) ? await store.findByToken(digest(token)) : undefined;
      const key = row && (await keys.find(row.accountId));
      return key && { accountId: row.accountId, email: fromOf(key, row) };
    },

    /**
     * Spends a link and puts the old address back, whatever it has become since. Call it in a
     * transaction that holds the account, and roll back unless it was restored.
     */
    async restoreEmail(accountId: string, token: string): Promise<RestoreResult> {
      const row = TOKEN.test(token) ? await store.spendToken(accountId, digest(token)) : undefined;
      if (!row) return { kind: 'gone' };
      const key = await keys.get(accountId);
      const replaced = await presentAddress(accountId, key);
      if ((await move(accountId, key, fromOf(key, row), 0)) === 'name-taken') {
        return { kind: 'name-taken' };
      }
      await store.dropSince(accountId, row.createdAt, row.id);
      await requests.dropEmailRequest(accountId);
      const sealedTo = sealAddress(key, replaced, changeContext(row.id, 'to'));
      await store.noteReplaced(row.id, sealedTo);
      return { kind: 'restored', changeId: row.id, changedAt: row.createdAt };
    },

    /** For letters to addresses that an account has left: by a change, or by its undoing. */
    async findLeftAddresses(changeId: string): Promise<
      | {
          readonly accountId: string;
          readonly from: string;
          readonly to: string | undefined;
        }
      | undefined
    > {
      const row = await store.findChange(changeId);
      const key = row && (await keys.find(row.accountId));
      if (!key) return undefined;
      const { id, accountId, sealedTo } = row;
      return {
        accountId,
        from: fromOf(key, row),
        to: sealedTo ? openAddress(key, sealedTo, changeContext(id, 'to')) : undefined,
      };
    },

    /** Removes one batch of what has run out; returns its size. */
    purgeEmailChanges: (limit: number): Promise<number> => store.purge(limit),
  };
}

const sameAddress = (a: string, b: string) => canonicalLogin(a) === canonicalLogin(b);
