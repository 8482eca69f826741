/**
 * Registrations: newcomers who have not proven yet that the address they gave is theirs. No
 * account exists until then, so there is none that a stranger could prepare for its later owner
 * (Sudhodanan and Paverd, "Pre-hijacked accounts", USENIX Security 2022).
 *
 * Promises: address and name are sealed, and found by a blind index only; the link has 256 random
 * bits, stored as SHA-256; the code counts in the interaction that asked for it and nowhere else,
 * and five tries void both; fifteen minutes by database time; an address has one at most, the
 * newest; of any number of uses at once one counts.
 */
import { digest, newBearerValue, newId, sameDigest } from '../../kernel/ids.js';
import type { Keyring } from '../../kernel/keyring.js';
import { CODE_TRIES, createLetterCodes } from '../../kernel/letter-codes.js';
import type { Db } from '../../platform/postgres.js';
import { type RegistrationRow, registrationStore } from './store.js';

export const REGISTRATION_SECONDS = 15 * 60;

/** Who somebody says they are. */
export type Newcomer = { readonly email: string; readonly name: string | undefined };

/** A registration that can still become an account. */
export type Registration = Newcomer & {
  readonly id: string;
  readonly clientId: string;
  /** The right code was typed in the interaction that asked for it. */
  readonly verified: boolean;
};

/** How the person proved the address: by a code in this interaction, or by the link's token. */
export type Proof = { readonly interactionId: string } | { readonly token: string };

export type CodeResult =
  | { readonly kind: 'right' }
  | { readonly kind: 'wrong' }
  /** That was the last try. */
  | { readonly kind: 'void' }
  /** Void before, expired, replaced, used or never there. */
  | { readonly kind: 'gone' };

export type Registrations = ReturnType<typeof createRegistrations>;

const SEALED = 'registration';
const ADDRESS = 'registration-address';
const CODE = 'registration-code';
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

export function createRegistrations({ db, keyring }: { db: Db; keyring: Keyring }) {
  const store = registrationStore(db, {
    seconds: REGISTRATION_SECONDS,
    tries: CODE_TRIES,
  });
  const inInteraction = (id: string) => digest(`registration ${id}`);
  const codes = createLetterCodes(keyring, CODE);
  const addressIndex = (address: string) => {
    const [newest] = keyring.blindIndexes(ADDRESS, address);
    if (!newest) throw new Error('The keyring is empty');
    return newest.index;
  };

  function open(row: RegistrationRow | undefined): Registration | undefined {
    if (!row) return undefined;
    const text = keyring.open(SEALED, row.sealed, row.id).toString('utf8');
    const { email, name } = JSON.parse(text) as { email: string; name?: string };
    return { id: row.id, clientId: row.clientId, verified: row.verified, email, name };
  }

  return {
    /**
     * Notes who wants an account. What there was for the address is dead from this statement on.
     *
     * @param input.address the address in its one spelling
     */
    async begin(
      input: Newcomer & {
        readonly address: string;
        readonly interactionId: string;
        readonly clientId: string;
      },
    ): Promise<{ readonly id: string; readonly token: string; readonly code: string }> {
      const id = newId();
      const token = newBearerValue();
      const { code, hash: codeHash } = codes.draw(id);
      const { email, name } = input;
      await store.insert({
        id,
        addressIndex: addressIndex(input.address),
        interactionHash: inInteraction(input.interactionId),
        clientId: input.clientId,
        sealed: keyring.seal(SEALED, JSON.stringify({ email, name }), id),
        tokenHash: digest(token),
        codeHash,
      });
      return { id, token, code };
    },

    /** For the letter: who it goes to, as long as it is of any use. */
    async findById(id: string): Promise<Registration | undefined> {
      return open(await store.find({ id }));
    },

    /** What a link is about. Spends nothing: mail scanners open links, too. */
    async findByToken(token: string): Promise<Registration | undefined> {
      return TOKEN.test(token) ? open(await store.find({ tokenHash: digest(token) })) : undefined;
    },

    /** The newest one that was asked for in an interaction. */
    async findInInteraction(interactionId: string): Promise<Registration | undefined> {
      return open(await store.find({ interactionHash: inInteraction(interactionId) }));
    },

    /** Whether an interaction is the one that a link's letter was asked for in. */
    async isFrom(token: string, interactionId: string): Promise<boolean> {
      if (!TOKEN.test(token)) return false;
      const row = await store.find({ tokenHash: digest(token) });
      return row !== undefined && sameDigest(row.interactionHash, inInteraction(interactionId));
    },

    /**
     * Looks at a code. The try is spent first, by itself: of a burst of guesses five are looked
     * at. Call it outside of a transaction, where a roll-back would give the try back.
     */
    async tryCode(interactionId: string, typed: string): Promise<CodeResult> {
      const hash = inInteraction(interactionId);
      const row = await store.find({ interactionHash: hash });
      if (!row) return { kind: 'gone' };
      // Typed twice in the same browser, or the page came back: it was right.
      if (row.verified) return { kind: 'right' };
      const spent = await store.spendTry(row.id);
      if (!spent) {
        const now = await store.find({ interactionHash: hash });
        return now?.verified ? { kind: 'right' } : { kind: 'gone' };
      }
      const right = codes.isRight(row.id, typed, spent.codeHash);
      if (right) return (await store.verify(row.id)) ? { kind: 'right' } : { kind: 'gone' };
      return spent.tries >= CODE_TRIES ? { kind: 'void' } : { kind: 'wrong' };
    },

    /** Spends a registration whose address is proven. False: somebody else has, or it is dead. */
    async spend(id: string, proof: Proof): Promise<boolean> {
      if ('token' in proof) {
        return TOKEN.test(proof.token) && (await store.spendToken(id, digest(proof.token))) > 0;
      }
      return (await store.spendVerified(id, inInteraction(proof.interactionId))) > 0;
    },

    /** Removes one batch of what has run out; returns its size. */
    purgeRegistrations: (limit: number): Promise<number> => store.purge(limit),
  };
}
