/**
 * Where failures are counted: in Redis, which all nodes share; in the memory of this process; and
 * in whatever else all nodes share, while Redis is away. All count in fixed windows that begin
 * with the first failure.
 */
import type { Redis } from 'ioredis';
import { RateLimiterRedis, type RateLimiterRes } from 'rate-limiter-flexible';
import type { Clock } from '../kernel/clock.js';

export type Count = { readonly count: number; readonly secondsLeft: number };
export const NONE: Count = { count: 0, secondsLeft: 0 };

/** What is counted: a name that keeps its keys apart, and the length of its window. */
export type Counted = { readonly name: string; readonly seconds: number };

export type FailureStore = {
  add(counted: Counted, key: string): Promise<Count>;
  read(counted: Counted, key: string): Promise<Count>;
};

/** Counters that another part of the server keeps in PostgreSQL. */
export type SharedCounters = {
  add(key: string, windowSeconds: number): Promise<Count>;
  read(key: string): Promise<Count>;
};

export function sharedStore(shared: SharedCounters): FailureStore {
  const keyOf = ({ name }: Counted, key: string) => `${name}:${key}`;
  return {
    add: (counted, key) => shared.add(keyOf(counted, key), counted.seconds),
    read: (counted, key) => shared.read(keyOf(counted, key)),
  };
}

// An answer that takes longer is none. ioredis bounds single commands only.
const REDIS_ANSWERS_WITHIN = 300;

export function redisStore(redis: Redis): FailureStore {
  const limiters = new Map<string, RateLimiterRedis>();
  const limiterFor = ({ name, seconds }: Counted): RateLimiterRedis => {
    let limiter = limiters.get(name);
    if (!limiter) {
      limiter = new RateLimiterRedis({
        storeClient: redis,
        keyPrefix: `latchkey:failures:${name}`,
        // Only its counting is used; how much is too much is decided where all stores are seen.
        points: Number.MAX_SAFE_INTEGER,
        duration: seconds,
        rejectIfRedisNotReady: true,
      });
      limiters.set(name, limiter);
    }
    return limiter;
  };
  const countOf = (result: RateLimiterRes | null): Count =>
    result
      ? { count: result.consumedPoints, secondsLeft: Math.ceil(result.msBeforeNext / 1000) }
      : NONE;
  return {
    add: async (counted, key) => countOf(await inTime(limiterFor(counted).penalty(key))),
    read: async (counted, key) => countOf(await inTime(limiterFor(counted).get(key))),
  };
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('Redis did not answer')), REDIS_ANSWERS_WITHIN);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Counters in this process, at most `capacity` for each thing that is counted. The oldest go
 * first: somebody with a thousand networks can push entries out, but not grow the process.
 */
export function memoryStore(clock: Clock, capacity = 20_000): FailureStore {
  const windows = new Map<string, Map<string, { count: number; endsAt: number }>>();
  const entriesOf = ({ name }: Counted) => {
    const entries = windows.get(name) ?? new Map<string, { count: number; endsAt: number }>();
    windows.set(name, entries);
    return entries;
  };
  const present = (entry: { count: number; endsAt: number } | undefined): Count => {
    const left = entry ? entry.endsAt - clock.now().getTime() : 0;
    return entry && left > 0 ? { count: entry.count, secondsLeft: Math.ceil(left / 1000) } : NONE;
  };
  return {
    async add(counted, key) {
      const entries = entriesOf(counted);
      const { count } = present(entries.get(key));
      const old = entries.get(key);
      if (old && count > 0) {
        old.count += 1;
        return present(old);
      }
      // Windows of one kind are equally long, so the order of insertion is that of expiry.
      entries.delete(key);
      const entry = { count: 1, endsAt: clock.now().getTime() + counted.seconds * 1000 };
      entries.set(key, entry);
      for (const [oldest, { endsAt }] of entries) {
        if (entries.size <= capacity && endsAt > clock.now().getTime()) break;
        entries.delete(oldest);
      }
      return present(entry);
    },
    read: async (counted, key) => present(entriesOf(counted).get(key)),
  };
}
