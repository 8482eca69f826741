/**
 * Keys: the server's own signing keys, made here and never leaving it in clear.
 *
 * Promises: private keys are sealed under the keyring, each bound to its key id; a new key is
 * published before it signs, an old one stays published until nothing it signed can still be
 * alive (OWASP ASVS 11.1.2, requirement: ten minutes before, longest token life after); a
 * revoked one is published nowhere from that moment on, and its private half no longer exists.
 */
import type { Clock } from '../../kernel/clock.js';
import type { Keyring } from '../../kernel/keyring.js';
import { type SigningAlg, signingAlgs } from '../../kernel/signing-algs.js';
import type { Db } from '../../platform/postgres.js';
import type { GeneratedKey, PrivateJwk } from './generate.js';
import { keysStore, type SigningKeyRow } from './store.js';
import {
  isCurrent,
  KEEP_PUBLISHED_SECONDS,
  type KeyState,
  nextChangeOf,
  PUBLISH_AHEAD_SECONDS,
  publishedOf,
  statesOf,
  UNSETTLED_SECONDS,
} from './succession.js';

export { type GeneratedKey, generateSigningKey, type PrivateJwk } from './generate.js';
export {
  KEEP_PUBLISHED_SECONDS,
  type KeyState,
  PUBLISH_AHEAD_SECONDS,
  UNSETTLED_SECONDS,
} from './succession.js';

const PURPOSE = 'signing-key';

export type KeyInfo = {
  readonly kid: string;
  readonly alg: string;
  readonly state: KeyState;
  readonly createdAt: Date;
  readonly activeFrom: Date;
  readonly publishedUntil: Date | null;
  readonly revokedAt: Date | null;
};

/** What the protocol host signs with. */
export type SigningSet = {
  /** Private JWKs in the order of use. */
  readonly keys: readonly PrivateJwk[];
  /** When it will next change by itself. */
  readonly nextChange: Date | undefined;
  /** After an emergency, until when nobody should keep the published set for long. */
  readonly unsettledUntil: Date | undefined;
};

export type Keys = ReturnType<typeof createKeys>;

const later = (date: Date, seconds: number) => new Date(date.getTime() + seconds * 1000);

export function createKeys({ db, clock, keyring }: { db: Db; clock: Clock; keyring: Keyring }) {
  const store = keysStore(db);
  const published = async () => publishedOf(await store.list(), clock.now());

  const insert = (key: GeneratedKey, createdAt: Date, activeFrom: Date) =>
    store.insert({
      kid: key.kid,
      alg: key.alg,
      publicJwk: key.publicJwk,
      sealedPrivate: keyring.seal(PURPOSE, JSON.stringify(key.privateJwk), key.kid),
      createdAt,
      activeFrom,
    });

  return {
    async loadSigningSet(): Promise<SigningSet> {
      const now = clock.now();
      const all = await store.list();
      const rows = publishedOf(all, now);
      const revocations = all.flatMap((row) => (row.revokedAt ? [row.revokedAt.getTime()] : []));
      const lastRevoked = revocations.length > 0 ? new Date(Math.max(...revocations)) : undefined;
      return {
        keys: rows.map(
          (row) =>
            JSON.parse(
              keyring.open(PURPOSE, row.sealedPrivate, row.kid).toString('utf8'),
            ) as PrivateJwk,
        ),
        nextChange: nextChangeOf(rows, now),
        unsettledUntil: lastRevoked && later(lastRevoked, UNSETTLED_SECONDS),
      };
    },

    /** The published keys, then those that were revoked, the newest first. */
    async list(): Promise<KeyInfo[]> {
      const now = clock.now();
      const all = await store.list();
      const rows = publishedOf(all, now);
      const states = statesOf(rows, now);
      const info = (row: SigningKeyRow, state: KeyState): KeyInfo => {
        const { kid, alg, createdAt, activeFrom, publishedUntil, revokedAt } = row;
        return { kid, alg, state, createdAt, activeFrom, publishedUntil, revokedAt };
      };
      return [
        ...rows.map((row, i) => info(row, states[i] ?? 'retiring')),
        ...all.filter((row) => row.revokedAt).map((row) => info(row, 'revoked')),
      ];
    },

    /** Serialises makers of keys until the transaction ends. */
    async lock(): Promise<void> {
      await store.lock();
    },

    /** The algorithms nothing is signed with, because no key of theirs is in use. */
    async missing(): Promise<SigningAlg[]> {
      const current = new Set((await published()).filter(isCurrent).map((row) => row.alg));
      return signingAlgs.filter((alg) => !current.has(alg));
    },

    /**
     * The algorithms that can be given another key: those without a successor on its way. With
     * `days`, those whose current key has been at work for that long.
     */
    async rotatable(days = 0): Promise<SigningAlg[]> {
      const before = later(clock.now(), -days * 24 * 3600);
      const kept = (await published()).filter((row) => isCurrent(row) && row.activeFrom > before);
      return signingAlgs.filter((alg) => !kept.some((row) => row.alg === alg));
    },

    /**
     * Stores new keys. The first of an algorithm signs at once; a successor is published ahead,
     * and what it replaces gets its date of leaving.
     */
    async add(keys: readonly GeneratedKey[]): Promise<void> {
      const now = clock.now();
      const present = await published();
      for (const key of keys) {
        const olders = present.filter((row) => row.alg === key.alg && isCurrent(row));
        const activeFrom = later(now, olders.length > 0 ? PUBLISH_AHEAD_SECONDS : 0);
        const until = later(activeFrom, KEEP_PUBLISHED_SECONDS);
        await store.retire(
          olders.map((row) => row.kid),
          until,
        );
        await insert(key, now, activeFrom);
      }
    },

    /**
     * Takes keys out for good, whatever they still would have had to do, and destroys their
     * private halves. Where one of them signed, its successor (if one is on its way, else the
     * spare) signs at once: nobody can be given ten minutes' notice of an emergency.
     *
     * @param spares a key of each algorithm that is touched; those not needed are dropped
     * @returns the keys that are out now and were not before, and those that were added
     */
    async revoke(
      kids: readonly string[],
      spares: readonly GeneratedKey[],
    ): Promise<{ revoked: string[]; added: string[] }> {
      const now = clock.now();
      const before = await published();
      const states = statesOf(before, now);
      const isHit = (row: SigningKeyRow) => kids.includes(row.kid);
      const revoked = before.filter(isHit).map((row) => row.kid);
      if (revoked.length > 0) await store.revoke(revoked, now);

      const added: string[] = [];
      for (const alg of signingAlgs) {
        const ofAlg = (row: SigningKeyRow) => row.alg === alg;
        if (!before.some((row) => ofAlg(row) && isHit(row))) continue;
        const left = before.filter((row) => ofAlg(row) && !isHit(row));
        const signs = before.some((row, i) => ofAlg(row) && !isHit(row) && states[i] === 'signing');
        const [next] = left.filter((row) => row.activeFrom > now);
        if (!signs && next) await store.activate(next.kid, now);
        if (left.some(isCurrent)) continue;
        const spare = spares.find((key) => key.alg === alg);
        if (!spare) throw new Error(`There is no spare ${alg} key`);
        const atOnce = !signs && !next;
        await insert(spare, now, atOnce ? now : later(now, PUBLISH_AHEAD_SECONDS));
        added.push(spare.kid);
      }
      return { revoked, added };
    },

    /**
     * Destroys the private halves of keys that are published no more; returns how many. An hour
     * later, for the node whose clock is behind and who still opens it.
     */
    destroyRetired: (limit: number): Promise<number> =>
      store.destroyRetired(later(clock.now(), -3600), limit),
  };
}
