/** Liveness and readiness for load balancers; they tell neither versions nor host names. */
import Router from '@koa/router';
import type { RequestState } from './context.js';

export type HealthParts = {
  /** False once the process has begun to stop. */
  readonly accepting: () => boolean;
  readonly database: () => Promise<void>;
  /** Undefined when no Redis is configured. */
  readonly redis: (() => Promise<void>) | undefined;
};

const up = (check: () => Promise<void>): Promise<'up' | 'down'> =>
  check().then(
    () => 'up',
    () => 'down',
  );

/**
 * `/health/live`: the process answers. `/health/ready`: it can do its work, which takes the
 * database; Redis only makes some of it faster, so its absence is told but does not matter.
 */
export function healthRoutes(parts: HealthParts): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/health' });
  router.get('/live', (ctx) => {
    ctx.body = { status: 'live' };
  });
  router.get('/ready', async (ctx) => {
    const [database, redis] = await Promise.all([
      up(parts.database),
      parts.redis ? up(parts.redis) : undefined,
    ]);
    const ready = parts.accepting() && database === 'up';
    ctx.status = ready ? 200 : 503;
    ctx.body = {
      status: ready ? 'ready' : 'not-ready',
      checks: { database, ...(redis ? { redis } : {}) },
    };
  });
  return router;
}
