/** The purge: in batches, without hurry, and never in the way of a stop. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PURGE_BATCH, startPurge } from '../../src/jobs/purge.js';
import { openDomain, type TestDomain } from '../support/domain.js';

/** Timers that wait until the test says so. */
function handTimers() {
  const planned: { ms: number; work: () => void }[] = [];
  return {
    planned,
    after(ms: number, work: () => void) {
      const entry = { ms, work };
      planned.push(entry);
      return () => {
        const at = planned.indexOf(entry);
        if (at >= 0) planned.splice(at, 1);
      };
    },
    /** Lets the next planned moment come, and everything it sets off. */
    async elapse(): Promise<number> {
      const next = planned.shift();
      if (!next) throw new Error('nothing is planned');
      next.work();
      await new Promise((resolve) => setImmediate(resolve));
      return next.ms;
    },
  };
}

const fail = (error: unknown) => {
  throw error;
};

describe('the purge', () => {
  it('comes about once a minute, every node at another moment', async () => {
    const timers = handTimers();
    const draws = [0, 0.5, 1];
    const job = startPurge({
      purges: [async () => 0],
      onError: fail,
      timers,
      random: () => draws.shift() ?? 0,
    });
    const waits = [await timers.elapse(), await timers.elapse(), await timers.elapse()];
    expect(waits).toEqual([45_000, 60_000, 75_000]);
    await job.close();
  });

  it('goes on at once while batches are full', async () => {
    const timers = handTimers();
    const batches = [PURGE_BATCH, PURGE_BATCH, 17];
    const limits: number[] = [];
    const job = startPurge({
      purges: [
        async (limit) => {
          limits.push(limit);
          return batches.shift() ?? 0;
        },
      ],
      onError: fail,
      timers,
    });
    await timers.elapse();
    expect(limits).toEqual([PURGE_BATCH, PURGE_BATCH, PURGE_BATCH]);
    expect(timers.planned).toHaveLength(1);
    await job.close();
  });

  it('tells of a failure and comes again', async () => {
    const timers = handTimers();
    const errors: unknown[] = [];
    const job = startPurge({
      purges: [() => Promise.reject(new Error('the database is away'))],
      onError: (error) => errors.push(error),
      timers,
    });
    await timers.elapse();
    await timers.elapse();
    expect(errors.map(String)).toEqual([
      'Error: the database is away',
      'Error: the database is away',
    ]);
    await job.close();
  });

  it('gives all their turn, also when the one before fails', async () => {
    const timers = handTimers();
    const errors: unknown[] = [];
    let turns = 0;
    const job = startPurge({
      purges: [
        () => Promise.reject(new Error('no')),
        async () => {
          turns += 1;
          return 0;
        },
      ],
      onError: (error) => errors.push(error),
      timers,
    });
    await timers.elapse();
    expect({ turns, errors: errors.length }).toEqual({ turns: 1, errors: 1 });
    await job.close();
  });

  it('is called off by a stop, which waits for the batch under way and for no other', async () => {
    const timers = handTimers();
    let finish = (_: number) => {};
    let batches = 0;
    const job = startPurge({
      purges: [
        () =>
          new Promise((resolve) => {
            batches += 1;
            finish = resolve;
          }),
      ],
      onError: fail,
      timers,
    });
    await timers.elapse();
    let closed = false;
    const closing = job.close().then(() => {
      closed = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    finish(PURGE_BATCH);
    await closing;
    expect({ batches, planned: timers.planned.length }).toEqual({ batches: 1, planned: 0 });
  });

  it('has nothing left to do when it was stopped before its first batch', async () => {
    const timers = handTimers();
    const job = startPurge({ purges: [fail], onError: fail, timers });
    await job.close();
    expect(timers.planned).toHaveLength(0);
  });
});

describe('on a real database', () => {
  let opened: TestDomain;
  beforeAll(async () => {
    opened = await openDomain();
  });
  afterAll(() => opened.close());

  it('a backlog of twelve thousand goes in one visit, and what is alive stays', async () => {
    await opened.sql(
      `INSERT INTO artifacts (id_hash, kind, payload, auth_at, issued_at, expires_at)
       SELECT sha256(n::text::bytea), 'AccessToken', '{}', 0, 0, now() - interval '2 hours'
         FROM generate_series(1, 12000) AS n`,
    );
    const alive = randomBytes(32).toString('base64url');
    await opened.domain.grants.claimOnce(alive, 60);
    const timers = handTimers();
    let batches = 0;
    const job = startPurge({
      purges: [
        async (limit) => {
          batches += 1;
          return opened.domain.grants.purgeExpired(limit);
        },
      ],
      onError: fail,
      timers,
    });
    await timers.elapse();
    await expect.poll(() => timers.planned.length, { timeout: 10_000 }).toBe(1);
    await job.close();
    expect(batches).toBe(3);
    expect(await opened.sql('SELECT count(*)::int AS n FROM artifacts')).toEqual([{ n: 1 }]);
    expect(await opened.domain.grants.claimOnce(alive, 60)).toBe(false);
  });
});
