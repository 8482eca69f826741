/**
 * Limits on what one network may get wrong. Only failures count, so a campus, a call centre or a
 * load test behind one address can log in as often as it likes.
 *
 * Never unlimited: Redis counts for all nodes; while it is away the database does; and every node
 * remembers what it saw itself, so neither losing Redis nor flushing it opens a fresh account.
 * What is looked up and written here never fails a request: with both stores gone, memory is
 * left, and a log-in then fails for want of a database anyway.
 *
 * A check does not reserve: requests that pass it together may overshoot the limit by as many as
 * are under way, which the hashing queue bounds. Guesses at one account are reserved, elsewhere.
 */
import type { Redis } from 'ioredis';
import type { Clock } from '../kernel/clock.js';
import type { Keyring } from '../kernel/keyring.js';
import { networkOf } from '../kernel/network.js';
import {
  type Count,
  type Counted,
  type FailureStore,
  memoryStore,
  NONE,
  redisStore,
  type SharedCounters,
  sharedStore,
} from './failure-stores.js';

export type { SharedCounters } from './failure-stores.js';

export type Verdict =
  | { readonly kind: 'ok' }
  | { readonly kind: 'limited'; readonly retryAfterSeconds: number };

export type NetworkLimits = {
  /** Whether the network may try to log in. */
  check(ip: string): Promise<Verdict>;
  /** Failed log-ins of the network in the current window. */
  failuresFor(ip: string): Promise<number>;
  /** Notes a failed log-in with the name that was typed. */
  recordFailure(ip: string, identifier: string): Promise<void>;
  /** Letters with links that a network asks for; every request counts, whatever came of it. */
  readonly letterRequests: {
    /** How many there were in the current window. */
    soFar(ip: string): Promise<number>;
    /** Counts one more and judges it: counted first, so that a burst is over the limit as well. */
    add(ip: string): Promise<Verdict>;
  };
  /** The same for clients that authenticate at the protocol's endpoints. */
  readonly clientAuthFailures: {
    /** Without a client only the network is judged. */
    check(seen: { clientId: string | undefined; ip: string }): Promise<Verdict>;
    record(seen: { clientId: string; ip: string }): Promise<void>;
  };
};

type Limit = Counted & { readonly failures: number };

const MINUTE = 60;
const limits = {
  network: { name: 'network', failures: 100, seconds: 15 * MINUTE },
  // Many names with few guesses each: bought lists of passwords (credential stuffing).
  names: { name: 'names', failures: 30, seconds: 10 * MINUTE },
  client: { name: 'client', failures: 10, seconds: MINUTE },
  // Judged after it was counted: the eleventh is the first that is too many.
  letters: { name: 'letters', failures: 11, seconds: 60 * MINUTE },
  clientNetwork: { name: 'client-network', failures: 100, seconds: MINUTE },
} as const satisfies Record<string, Limit>;
const LONGEST_WINDOW = Math.max(...Object.values(limits).map(({ seconds }) => seconds));
// Counts one name of one network, to tell whether it is a further one.
const nameSeen: Counted = { name: 'name-seen', seconds: limits.names.seconds };

// A Redis that failed is left alone for a second, so that not every request waits for it.
const REST = 1_000;
// Whoever only looks does not wait out a store that has gone silent: what is behind the limit
// will wait for the same database, and an outage has to be told within two seconds.
const PATIENCE = 250;

export function createNetworkLimits(parts: {
  readonly enabled: boolean;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly redis?: Redis | undefined;
  /** Counts in place of Redis, for all nodes. Without either, each node counts for itself. */
  readonly shared?: SharedCounters | undefined;
  /** Hears of a store that did not answer, at most once a second each. */
  readonly onStandIn?: (store: 'redis' | 'shared', error: unknown) => void;
}): NetworkLimits {
  if (!parts.enabled) return unlimited;
  const { clock, keyring } = parts;
  const memory = memoryStore(clock);
  const redis = parts.redis && resting('redis', redisStore(parts.redis));
  const shared = parts.shared && resting('shared', sharedStore(parts.shared));
  // Until when the database may know of failures that a Redis which came back does not.
  let sharedMattersUntil = redis ? 0 : Number.POSITIVE_INFINITY;
  const redisWasAway = () => {
    sharedMattersUntil = clock.now().getTime() + LONGEST_WINDOW * 1_000;
  };
  // Other nodes count in the database meanwhile, even if this one has nothing to count.
  parts.redis?.on('close', redisWasAway);

  function resting(name: 'redis' | 'shared', store: FailureStore) {
    let until = 0;
    /** Undefined when the store is away. */
    return async <T>(work: (store: FailureStore) => Promise<T>): Promise<T | undefined> => {
      if (clock.now().getTime() < until) return undefined;
      try {
        return await work(store);
      } catch (error) {
        until = clock.now().getTime() + REST;
        parts.onStandIn?.(name, error);
        return undefined;
      }
    };
  }

  const viaRedis = async <T>(work: (store: FailureStore) => Promise<T>): Promise<T | undefined> => {
    const answer = await redis?.(work);
    if (redis && answer === undefined) redisWasAway();
    return answer;
  };

  const soon =
    <T>(work: (store: FailureStore) => Promise<T>) =>
    async (store: FailureStore): Promise<T> => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error('the store is silent')), PATIENCE);
      });
      try {
        return await Promise.race([work(store), late]);
      } finally {
        clearTimeout(timer);
      }
    };

  const record = async (work: (store: FailureStore) => Promise<true>): Promise<void> => {
    await work(memory);
    if (!(await viaRedis(work))) await shared?.(work);
  };

  /** The most that any store knows of: each tells of failures that did happen. */
  const read = async (counted: Counted, key: string): Promise<Count> => {
    const work = (store: FailureStore) => store.read(counted, key);
    const counts = [await memory.read(counted, key), (await viaRedis(work)) ?? NONE];
    if (clock.now().getTime() < sharedMattersUntil)
      counts.push((await shared?.(soon(work))) ?? NONE);
    return counts.reduce((most, count) => (count.count > most.count ? count : most));
  };

  const judge = async (...asked: (readonly [Limit, string])[]): Promise<Verdict> => {
    const counts = await Promise.all(asked.map(([limit, key]) => read(limit, key)));
    const waits = asked.flatMap(([limit], at) => {
      const { count, secondsLeft } = counts[at] ?? NONE;
      return count >= limit.failures ? [Math.max(secondsLeft, 1)] : [];
    });
    return waits.length > 0
      ? { kind: 'limited', retryAfterSeconds: Math.max(...waits) }
      : { kind: 'ok' };
  };

  // Neither names nor addresses leave the process: a plain digest of either could be tried out.
  const hashOf = (...texts: string[]): string => {
    const oldest = keyring.blindIndexes('network-limits', JSON.stringify(texts)).at(-1);
    return Buffer.from(oldest?.index ?? [])
      .toString('base64url')
      .slice(0, 22);
  };
  const network = (ip: string): string => hashOf(networkOf(ip, { v4: 32, v6: 64 }));
  const clientAt = (clientId: string, ip: string): string => hashOf(clientId, network(ip));

  return {
    check: (ip) => judge([limits.network, network(ip)], [limits.names, network(ip)]),

    failuresFor: async (ip) => (await read(limits.network, network(ip))).count,

    async recordFailure(ip, identifier) {
      const from = network(ip);
      const name = hashOf(identifier.trim().normalize('NFC').toLowerCase(), from);
      await record(async (store) => {
        await store.add(limits.network, from);
        // Within one store, so that of two at once exactly one is the first.
        const { count } = await store.add(nameSeen, name);
        if (count === 1) await store.add(limits.names, from);
        return true;
      });
    },

    letterRequests: {
      soFar: async (ip) => (await read(limits.letters, network(ip))).count,
      async add(ip) {
        const from = network(ip);
        await record(async (store) => {
          await store.add(limits.letters, from);
          return true;
        });
        return judge([limits.letters, from]);
      },
    },

    clientAuthFailures: {
      check: ({ clientId, ip }) =>
        judge(
          [limits.clientNetwork, network(ip)],
          ...(clientId === undefined ? [] : ([[limits.client, clientAt(clientId, ip)]] as const)),
        ),
      record: ({ clientId, ip }) =>
        record(async (store) => {
          await store.add(limits.client, clientAt(clientId, ip));
          await store.add(limits.clientNetwork, network(ip));
          return true;
        }),
    },
  };
}

/** For load tests: nothing is counted, nothing refused. */
const unlimited: NetworkLimits = {
  check: async () => ({ kind: 'ok' }),
  failuresFor: async () => 0,
  recordFailure: async () => undefined,
  letterRequests: { soFar: async () => 0, add: async () => ({ kind: 'ok' }) },
  clientAuthFailures: { check: async () => ({ kind: 'ok' }), record: async () => undefined },
};
