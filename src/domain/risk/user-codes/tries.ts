/**
 * How often somebody may type the short code of a device that is not right (RFC 8628 section 5.1).
 * The code has 34 bits; what makes it hard to guess is that only ten wrong ones are looked at in
 * ten minutes, for a network and for a browser, by however many requests at once and at whichever
 * node. Counted in PostgreSQL, where the codes are: without it nothing could be tried anyway.
 */
import type { Keyring } from '../../../kernel/keyring.js';
import { networkOf } from '../../../kernel/network.js';
import type { Bytes } from '../../../kernel/sealed-box.js';
import type { Db } from '../../../platform/postgres.js';
import { userCodeStore } from './store.js';

const TRIES = 10;
const WINDOW_SECONDS = 10 * 60;

/** Who types: the network, and the browser's session by the name that it keeps. */
export type CodeTypist = { readonly ip: string; readonly session: string | undefined };

export type UserCodeTry =
  | { readonly kind: 'reserved' }
  | { readonly kind: 'limited'; readonly retryAfterSeconds: number };

export type UserCodeTries = ReturnType<typeof createUserCodeTries>;

export function createUserCodeTries({ db, keyring }: { db: Db; keyring: Keyring }) {
  const store = userCodeStore(db);
  // HMACs: a dump tells nobody's address. Under the oldest key, as all counters (see `guesses`).
  const keyOf = (...parts: string[]): Bytes => {
    const oldest = keyring.blindIndexes('user-code-tries', JSON.stringify(parts)).at(-1);
    if (!oldest) throw new Error('The keyring is empty');
    return oldest.index;
  };
  const keysOf = ({ ip, session }: CodeTypist): Bytes[] => [
    keyOf('network', networkOf(ip, { v4: 32, v6: 64 })),
    ...(session === undefined ? [] : [keyOf('session', session)]),
  ];

  return {
    /** Spends a try, before the code is looked up. */
    async reserveUserCodeTry(typist: CodeTypist): Promise<UserCodeTry> {
      const spent: Bytes[] = [];
      for (const key of keysOf(typist)) {
        if (await store.reserve(key, TRIES, WINDOW_SECONDS)) {
          spent.push(key);
          continue;
        }
        for (const other of spent) await store.giveBack(other);
        const seconds = await store.secondsLeft(key);
        return { kind: 'limited', retryAfterSeconds: Math.max(seconds, 1) };
      }
      return { kind: 'reserved' };
    },

    /** There is such a code: this try does not count, and those before it still do. */
    async returnUserCodeTry(typist: CodeTypist): Promise<void> {
      for (const key of keysOf(typist)) await store.giveBack(key);
    },
  };
}
