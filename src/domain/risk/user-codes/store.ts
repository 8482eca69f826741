/** Tries at user codes, in the counters' table: one statement a rule, as in the store beside it. */
import type { Bytes } from '../../../kernel/sealed-box.js';
import type { Db } from '../../../platform/postgres.js';

export function userCodeStore(db: Db) {
  return {
    /**
     * Spends one try; false when there is none left. The window begins anew with every try that
     * counts, so there are never more of them within any window than `limit`; a try that is
     * refused prolongs nothing.
     */
    async reserve(key: Bytes, limit: number, seconds: number): Promise<boolean> {
      const changed = await db.$executeRaw`
        INSERT INTO guess_counters AS g (key, failures, window_ends)
        VALUES (${key}, 1, statement_timestamp() + make_interval(secs => ${seconds}))
        ON CONFLICT (key) DO UPDATE
           SET failures = CASE WHEN g.window_ends <= statement_timestamp() THEN 1
                               ELSE g.failures + 1 END,
               window_ends = excluded.window_ends
         WHERE g.window_ends <= statement_timestamp() OR g.failures < ${limit}`;
      return changed > 0;
    },

    async giveBack(key: Bytes): Promise<void> {
      await db.$executeRaw`
        UPDATE guess_counters SET failures = GREATEST(failures - 1, 0) WHERE key = ${key}`;
    },

    async secondsLeft(key: Bytes): Promise<number> {
      const rows = await db.$queryRaw<{ seconds: number }[]>`
        SELECT ceil(extract(epoch FROM window_ends - statement_timestamp()))::int AS seconds
          FROM guess_counters WHERE key = ${key}`;
      return rows[0]?.seconds ?? 0;
    },
  };
}
