/** The Redis of this test run. */
import { inject } from 'vitest';
import './provided.js';

/** Whether there is a Redis; for `describe.skipIf(!hasRedis())`. The reporter tells when not. */
export function hasRedis(): boolean {
  return inject('services').redisUrl !== null;
}

/** Where Redis listens. It may be shared with others: use your own key prefix, never FLUSHALL. */
export function redisUrl(): string {
  const url = inject('services').redisUrl;
  if (url === null) throw new Error('No Redis: install redis-server, or set REDIS_URL');
  return url;
}
