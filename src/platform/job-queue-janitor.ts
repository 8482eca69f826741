/**
 * Frees jobs whose worker is no more. The library itself does so after four hours, which is
 * long for a letter that says "somebody else may be in your account".
 */
import type { Pool } from 'pg';

/** Far beyond the longest job: a mail that is not sent within a minute counts as failed. */
const STALE = '5 minutes';
const EVERY_MS = 60_000;

/** A worker that ended before it could report; `doneJob` had been done by then. */
export type UnsettledJob = { readonly workerId: string; readonly doneJob: string | undefined };

export function createJobJanitor(pool: Pool) {
  let timer: NodeJS.Timeout | undefined;

  const freeStale = async () => {
    await pool.query(
      `SELECT graphile_worker.force_unlock_workers(dead.workers)
         FROM (SELECT array_agg(DISTINCT locked_by) AS workers
                 FROM graphile_worker.jobs
                WHERE locked_at < now() - interval '${STALE}') AS dead
        WHERE dead.workers IS NOT NULL`,
    );
  };

  return {
    start(): void {
      const sweep = () => {
        // Without the database there is nothing to free; the next minute will do.
        freeStale().catch(() => undefined);
      };
      sweep();
      timer = setInterval(sweep, EVERY_MS);
      timer.unref();
    },

    stop(): void {
      clearInterval(timer);
    },

    /** One transaction: between "unlocked" and "done" another node would do the job again. */
    async settle(jobs: readonly UnsettledJob[]): Promise<void> {
      const client = await pool.connect();
      let broken = true;
      try {
        await client.query('BEGIN');
        await client.query('SELECT graphile_worker.force_unlock_workers($1::text[])', [
          jobs.map(({ workerId }) => workerId),
        ]);
        await client.query('SELECT 1 FROM graphile_worker.complete_jobs($1::bigint[])', [
          jobs.flatMap(({ doneJob }) => doneJob ?? []),
        ]);
        await client.query('COMMIT');
        broken = false;
      } finally {
        client.release(broken);
      }
    },
  };
}
