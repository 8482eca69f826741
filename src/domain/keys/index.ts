/**
 * Keys: the server's own signing keys, made here and never leaving it in clear.
 *
 * Promises: private keys are sealed under the keyring, each bound to its key id; a new key is
 * published before it signs, an old one stays published until nothing it signed can still be
 * alive (OWASP ASVS 11.1.2, requirement: ten minutes before, longest token life after).
 */
import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { Clock } from '../../kernel/clock.js';
import { newId } from '../../kernel/ids.js';
import type { Keyring } from '../../kernel/keyring.js';
import { type SigningAlg, signingAlgs } from '../../kernel/signing-algs.js';
import type { Db } from '../../platform/postgres.js';
import { keysStore, type SigningKeyRow } from './store.js';

/** Caches of JWKS are told 300 s; twice that and nobody meets a signature before its key. */
export const PUBLISH_AHEAD_SECONDS = 600;
/** ID tokens come back as logout hints for as long as a session lives (30 days at most). */
export const KEEP_PUBLISHED_SECONDS = 31 * 24 * 3600;

const PURPOSE = 'signing-key';

export type KeyState = 'upcoming' | 'signing' | 'retiring';
export type KeyInfo = {
  readonly kid: string;
  readonly alg: string;
  readonly state: KeyState;
  readonly createdAt: Date;
  readonly activeFrom: Date;
  readonly publishedUntil: Date | null;
};

/** A JWK with its private part, as the protocol host needs it. */
export type PrivateJwk = Readonly<Record<string, unknown>> & { readonly kid: string };

export type Keys = ReturnType<typeof createKeys>;

const generate = promisify(generateKeyPair);

/** Each algorithm has keys of its own, RSA included: a key is for one use (RFC 8017 section 6). */
const makePair: Readonly<Record<SigningAlg, () => ReturnType<typeof generate>>> = {
  ES256: () => generate('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generate('ed25519'),
  PS256: () => generate('rsa', { modulusLength: 2048 }),
  RS256: () => generate('rsa', { modulusLength: 2048 }),
};

/** A fresh key pair; slow for RSA, so never inside a transaction. */
export async function generateSigningKey(
  alg: SigningAlg,
): Promise<{ kid: string; alg: SigningAlg; privateJwk: PrivateJwk; publicJwk: PrivateJwk }> {
  const { privateKey, publicKey } = await makePair[alg]();
  const kid = newId();
  const common = { kid, alg, use: 'sig' };
  return {
    kid,
    alg,
    privateJwk: { ...privateKey.export({ format: 'jwk' }), ...common },
    publicJwk: { ...publicKey.export({ format: 'jwk' }), ...common },
  };
}

export function createKeys({ db, clock, keyring }: { db: Db; clock: Clock; keyring: Keyring }) {
  const store = keysStore(db);

  /** Published keys, the one that signs first: the host takes the first that fits. */
  const published = async (): Promise<SigningKeyRow[]> => {
    const now = clock.now();
    const rows = (await store.list()).filter(
      (row) => row.publishedUntil === null || row.publishedUntil > now,
    );
    const rank = (row: SigningKeyRow) => (row.activeFrom <= now ? 0 : 1);
    return rows.sort(
      (a, b) => rank(a) - rank(b) || b.activeFrom.getTime() - a.activeFrom.getTime(),
    );
  };

  return {
    /** The private JWKS in the order of use, and when it will next change by itself. */
    async loadSigningSet(): Promise<{ keys: PrivateJwk[]; nextChange: Date | undefined }> {
      const now = clock.now();
      const rows = await published();
      const changes = rows
        .flatMap((row) => [row.activeFrom, row.publishedUntil])
        .filter((date): date is Date => date !== null && date > now)
        .sort((a, b) => a.getTime() - b.getTime());
      return {
        keys: rows.map(
          (row) =>
            JSON.parse(
              keyring.open(PURPOSE, row.sealedPrivate, row.kid).toString('utf8'),
            ) as PrivateJwk,
        ),
        nextChange: changes[0],
      };
    },

    async list(): Promise<KeyInfo[]> {
      const now = clock.now();
      const signing = new Set<string>();
      return (await published()).map((row) => {
        let state: KeyState = 'retiring';
        if (row.activeFrom > now) state = 'upcoming';
        else if (!signing.has(row.alg)) state = 'signing';
        if (state === 'signing') signing.add(row.alg);
        const { kid, alg, createdAt, activeFrom, publishedUntil } = row;
        return { kid, alg, state, createdAt, activeFrom, publishedUntil };
      });
    },

    /** Serialises makers of keys until the transaction ends. */
    async lock(): Promise<void> {
      await store.lock();
    },

    /** The algorithms nothing is signed with, because no key of theirs is in use. */
    async missing(): Promise<SigningAlg[]> {
      const current = new Set(
        (await published()).filter((row) => row.publishedUntil === null).map((row) => row.alg),
      );
      return signingAlgs.filter((alg) => !current.has(alg));
    },

    /**
     * Stores new keys. The first of an algorithm signs at once; a successor is published ahead,
     * and what it replaces gets its date of leaving.
     */
    async add(keys: readonly Awaited<ReturnType<typeof generateSigningKey>>[]): Promise<void> {
      const now = clock.now();
      const present = await published();
      for (const key of keys) {
        const olders = present.filter((row) => row.alg === key.alg && row.publishedUntil === null);
        const ahead = olders.length > 0 ? PUBLISH_AHEAD_SECONDS * 1000 : 0;
        const activeFrom = new Date(now.getTime() + ahead);
        const until = new Date(activeFrom.getTime() + KEEP_PUBLISHED_SECONDS * 1000);
        await store.retire(
          olders.map((row) => row.kid),
          until,
        );
        await store.insert({
          kid: key.kid,
          alg: key.alg,
          publicJwk: key.publicJwk,
          sealedPrivate: keyring.seal(PURPOSE, JSON.stringify(key.privateJwk), key.kid),
          createdAt: now,
          activeFrom,
        });
      }
    },
  };
}
