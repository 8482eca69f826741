/**
 * Passkeys: a key pair for our origin alone, on a device that opens it for its owner only
 * (W3C WebAuthn level 3). A page that looks like ours gets no signature out of it.
 *
 * Promises: only the public half is stored; a challenge belongs to one page, lives five minutes
 * and counts once, whatever came of it; a signature's count never goes back (sections 6.1.1, 7.2);
 * nothing here tells who has a passkey before they have shown it or their password.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../kernel/clock.js';
import { digest, isId, newId, sameDigest } from '../../../kernel/ids.js';
import type { Bytes } from '../../../kernel/sealed-box.js';
import type { Db } from '../../../platform/postgres.js';
import { type PasskeyRow, passkeyStore } from './store.js';

export type RelyingParty = { readonly id: string; readonly origin: string; readonly name: string };

type Descriptor = { readonly id: Bytes; readonly transports: readonly string[] };
type Verified = { readonly signCount: number; readonly backedUp: boolean };

/** The part of the ceremonies that credentials need. */
export type PasskeyCeremonies = {
  registrationOptions(input: {
    rp: RelyingParty;
    challenge: Bytes;
    user: { handle: Bytes; name: string; displayName: string };
    exclude: readonly Descriptor[];
  }): Promise<object>;
  authenticationOptions(input: {
    rp: RelyingParty;
    challenge: Bytes;
    allow: readonly Descriptor[];
  }): Promise<object>;
  readRegistration(json: string): { challenge: string } | undefined;
  verifyRegistration(input: { rp: RelyingParty; json: string; challenge: string }): Promise<
    | (Verified & {
        credentialId: Bytes;
        publicKey: Bytes;
        transports: string[];
        backupEligible: boolean;
      })
    | undefined
  >;
  readAssertion(
    json: string,
  ): { credentialId: Bytes; challenge: string; userHandle: Bytes | undefined } | undefined;
  verifyAssertion(input: {
    rp: RelyingParty;
    json: string;
    challenge: string;
    publicKey: Bytes;
  }): Promise<Verified | undefined>;
};

/** What an owner sees of one. */
export type Passkey = {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
  readonly backedUp: boolean;
};

/** A new key that was proven and is not stored yet. */
export type NewPasskey = NonNullable<Awaited<ReturnType<PasskeyCeremonies['verifyRegistration']>>>;

/** A signature that holds; it is spent by `usePasskey`. */
export type PasskeyProof = Verified & {
  readonly passkeyId: string;
  readonly accountId: string;
  readonly name: string;
};

export type PasskeyCheck =
  | { readonly kind: 'right'; readonly proof: PasskeyProof }
  | {
      readonly kind: 'wrong';
      /** For the audit record; a page says one sentence for all of them. */
      readonly reason: 'malformed' | 'stale' | 'unknown_passkey' | 'no_match';
      readonly accountId: string | undefined;
    };

export type Passkeys = ReturnType<typeof createPasskeys>;

export const PASSKEYS_PER_ACCOUNT = 20;
export const PASSKEY_CHALLENGE_SECONDS = 300;
const NAME_LENGTH = 60;

const random = (size: number): Bytes => new Uint8Array(randomBytes(size));

/** A name on one line, without invisible characters that could turn a sentence around. */
export function passkeyName(text: string, fallback = 'Passkey'): string {
  const line = text.replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return [...line].slice(0, NAME_LENGTH).join('').trim() || fallback;
}

export function createPasskeys(parts: { db: Db; clock: Clock; ceremonies: PasskeyCeremonies }) {
  const { clock, ceremonies } = parts;
  const store = passkeyStore(parts.db);
  const boundTo = (what: 'add' | 'use', page: string) => digest(`passkey ${what} ${page}`);

  async function newChallenge(what: 'add' | 'use', page: string): Promise<Bytes> {
    const challenge = random(32);
    const encoded = Buffer.from(challenge).toString('base64url');
    await store.ask(boundTo(what, page), digest(encoded), PASSKEY_CHALLENGE_SECONDS);
    return challenge;
  }
  const takeChallenge = (what: 'add' | 'use', page: string, challenge: string) =>
    store.take(boundTo(what, page), digest(challenge));

  const descriptors = async (accountId: string): Promise<Descriptor[]> =>
    (await store.list(accountId)).map(({ credentialId: id, transports }) => ({ id, transports }));

  const shown = ({ id, name, createdAt, lastUsedAt, backedUp }: PasskeyRow): Passkey => ({
    id,
    name,
    createdAt,
    lastUsedAt,
    backedUp,
  });

  return {
    /** What the browser is asked for a new passkey. `page`: what the challenge belongs to. */
    async passkeyCreation(input: {
      page: string;
      rp: RelyingParty;
      account: { id: string; email: string; name: string | undefined };
    }): Promise<object> {
      const { page, rp, account } = input;
      return ceremonies.registrationOptions({
        rp,
        challenge: await newChallenge('add', page),
        user: {
          // Not the account's id: whoever holds the device could read it (section 14.6.1).
          handle: await store.handleOf(account.id, random(32)),
          name: account.email,
          displayName: account.name ?? account.email,
        },
        exclude: await descriptors(account.id),
      });
    },

    /** Whether the answer is a new passkey; its challenge is spent by that. No transaction. */
    async checkNewPasskey(input: {
      page: string;
      rp: RelyingParty;
      json: string;
    }): Promise<NewPasskey | 'stale' | 'refused'> {
      const read = ceremonies.readRegistration(input.json);
      if (!read) return 'refused';
      if (!(await takeChallenge('add', input.page, read.challenge))) return 'stale';
      const { rp, json } = input;
      const made = await ceremonies.verifyRegistration({ rp, json, challenge: read.challenge });
      return made ?? 'refused';
    },

    /** Stores it. Call it in a transaction that holds the account. */
    async addPasskey(
      accountId: string,
      made: NewPasskey,
      name: string,
    ): Promise<'added' | 'known' | 'too-many'> {
      if ((await store.count(accountId)) >= PASSKEYS_PER_ACCOUNT) return 'too-many';
      const row = { ...made, id: newId(), accountId, name, createdAt: clock.now() };
      return (await store.insert(row)) ? 'added' : 'known';
    },

    /**
     * What the browser is asked to sign. Whose passkeys will do is said only for somebody whose
     * password was right: before that the list would tell who has an account here.
     */
    async passkeyRequest(input: {
      page: string;
      rp: RelyingParty;
      accountId: string | undefined;
    }): Promise<object> {
      const { page, rp, accountId } = input;
      const challenge = await newChallenge('use', page);
      const allow = accountId === undefined ? [] : await descriptors(accountId);
      return ceremonies.authenticationOptions({ rp, challenge, allow });
    },

    /** Whose passkey an answer names, unproven: for choosing a limit, never for letting in. */
    async claimedOwner(json: string): Promise<string | undefined> {
      const read = ceremonies.readAssertion(json);
      return read && (await store.findByCredential(read.credentialId))?.accountId;
    },

    /**
     * Whether an answer holds; its challenge is spent, whatever comes of it. Not in a
     * transaction: one that is rolled back would give the challenge back.
     */
    async checkPasskey(input: {
      page: string;
      rp: RelyingParty;
      json: string;
    }): Promise<PasskeyCheck> {
      const { page, rp, json } = input;
      const read = ceremonies.readAssertion(json);
      if (!read) return { kind: 'wrong', reason: 'malformed', accountId: undefined };
      const { challenge } = read;
      const fresh = await takeChallenge('use', page, challenge);
      const row = await store.findByCredential(read.credentialId);
      const accountId = row?.accountId;
      if (!fresh) return { kind: 'wrong', reason: 'stale', accountId };
      if (!row) return { kind: 'wrong', reason: 'unknown_passkey', accountId };
      // Where the device names its owner, it must be the one we know (section 7.2, step 6).
      const handle = read.userHandle && (await store.findHandle(row.accountId));
      const owned = !read.userHandle || (handle && sameDigest(handle, read.userHandle));
      const { publicKey } = row;
      const verified =
        owned && (await ceremonies.verifyAssertion({ rp, json, challenge, publicKey }));
      if (!verified) return { kind: 'wrong', reason: 'no_match', accountId };
      const proof = { ...verified, passkeyId: row.id, accountId: row.accountId, name: row.name };
      return { kind: 'right', proof };
    },

    /**
     * Spends a proof. `copied`: its count did not rise, so there may be two of this key
     * (section 6.1.1). `gone`: it was taken away in between. Call it in a transaction.
     */
    async usePasskey(proof: PasskeyProof): Promise<'used' | 'copied' | 'gone'> {
      const { signCount, backedUp } = proof;
      const at = clock.now();
      if (await store.use(proof.passkeyId, { signCount, backedUp, at })) return 'used';
      return (await store.exists(proof.passkeyId)) ? 'copied' : 'gone';
    },

    listPasskeys: async (accountId: string): Promise<Passkey[]> =>
      (await store.list(accountId)).map(shown),

    hasPasskey: async (accountId: string): Promise<boolean> => (await store.count(accountId)) > 0,

    /** False: this account has no such passkey. */
    renamePasskey: async (accountId: string, id: string, name: string): Promise<boolean> =>
      isId(id) && store.rename(accountId, id, name),

    /** False: this account has no such passkey. */
    removePasskey: async (accountId: string, id: string): Promise<boolean> =>
      isId(id) && (await store.remove(accountId, id)) > 0,

    /** Removes all, or those that were added since a moment; returns how many went. */
    removePasskeys: (accountId: string, since?: Date): Promise<number> =>
      store.removeSince(accountId, since ?? new Date(0)),

    /** Clears one batch of challenges that nobody answered; returns how many went. */
    purgePasskeyChallenges: (limit: number): Promise<number> => store.deleteExpired(limit),
  };
}
