/**
 * Personal data at rest: a random key per account, itself sealed under the keyring. Destroying
 * that one key makes the person unreadable in the live database and in every backup that was
 * made without the `account_keys` table (crypto-shredding, NIST SP 800-88 section 2.5).
 */
import { randomBytes } from 'node:crypto';
import type { Keyring } from '../../kernel/keyring.js';
import type { Language } from '../../kernel/language.js';
import { type Bytes, openBox, sealBox } from '../../kernel/sealed-box.js';

const PURPOSE = 'account-key';

/** What a shop may know about a person; every field is optional but the e-mail address. */
export type Profile = {
  readonly name?: string;
  readonly givenName?: string;
  readonly familyName?: string;
  readonly phone?: string;
  /** What letters and pages are written in; without it, as the browser says. */
  readonly locale?: Language;
};

export type SealedPerson = { readonly sealedEmail: Bytes; readonly sealedProfile: Bytes };

/** A new account key and its sealed form, which is what gets stored. */
export function newAccountKey(keyring: Keyring, accountId: string): { key: Bytes; wrapped: Bytes } {
  const key = new Uint8Array(randomBytes(32));
  return { key, wrapped: keyring.seal(PURPOSE, key, accountId) };
}

/** Opens a stored account key. */
export function openAccountKey(keyring: Keyring, accountId: string, wrapped: Uint8Array): Buffer {
  return keyring.open(PURPOSE, wrapped, accountId);
}

/** Opens accounts' keys by their ids. `find`: none when it was destroyed, as persons are. */
export function accountKeys(
  store: { findKey(accountId: string): Promise<Uint8Array | undefined> },
  keyring: Keyring,
) {
  async function find(accountId: string): Promise<Buffer | undefined> {
    const wrapped = await store.findKey(accountId);
    return wrapped && openAccountKey(keyring, accountId, wrapped);
  }
  return {
    find,
    async get(accountId: string): Promise<Buffer> {
      const key = await find(accountId);
      if (!key) throw new Error('An account without its key has no address');
      return key;
    },
  };
}

/** Seals a person's data; each column is bound to its account and to its own name. */
export function sealPerson(
  key: Uint8Array,
  accountId: string,
  person: { email: string; profile: Profile },
): SealedPerson {
  return {
    sealedEmail: sealBox(key, person.email, `accounts/${accountId}/email`),
    sealedProfile: sealProfile(key, accountId, person.profile),
  };
}

/** One address in a row of its own, of which `context` says which. */
export const sealAddress = (key: Uint8Array, email: string, context: string): Bytes =>
  sealBox(key, email, context);

export const openAddress = (key: Uint8Array, box: Uint8Array, context: string): string =>
  openBox(key, box, context).toString('utf8');

/** A person's profile by itself, sealed as `sealPerson` does. */
export const sealProfile = (key: Uint8Array, accountId: string, profile: Profile): Bytes =>
  sealBox(key, JSON.stringify(profile), `accounts/${accountId}/profile`);

/** The reverse of `sealPerson`; throws `SealBroken` if a value was moved or altered. */
export function openPerson(
  key: Uint8Array,
  accountId: string,
  sealed: { sealedEmail: Uint8Array | null; sealedProfile: Uint8Array | null },
): { email: string | undefined; profile: Profile } {
  return {
    email: sealed.sealedEmail
      ? openBox(key, sealed.sealedEmail, `accounts/${accountId}/email`).toString('utf8')
      : undefined,
    profile: sealed.sealedProfile
      ? (JSON.parse(
          openBox(key, sealed.sealedProfile, `accounts/${accountId}/profile`).toString('utf8'),
        ) as Profile)
      : {},
  };
}
