/** The connection to Redis: every wait is short, and its absence is never fatal. */
import { Redis } from 'ioredis';
import type { Secret } from '../kernel/secret.js';

export type RedisConnection = {
  /** For what is counted in it; every command may fail at any time. */
  readonly client: Redis;
  /** Resolves when Redis answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
};

/** Connects in the background and reconnects for ever; commands fail at once meanwhile. */
export function openRedis(options: { url: Secret }): RedisConnection {
  const redis = new Redis(options.url.reveal(), {
    connectTimeout: 1_000,
    commandTimeout: 300,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(attempt * 100, 2_000),
  });
  // Without a listener a lost connection would end the process.
  redis.on('error', () => undefined);
  return {
    client: redis,
    async ping() {
      await redis.ping();
    },
    async close() {
      redis.disconnect();
    },
  };
}
