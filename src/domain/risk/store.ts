/**
 * Counters, networks and spent challenges. The statements are written out because each rule is
 * one statement: reading first and writing then would let every parallel request read the same
 * count (CVE-2024-4629 was that).
 */
import { Prisma } from '../../generated/prisma/client.js';
import type { Bytes } from '../../kernel/sealed-box.js';
import type { Db } from '../../platform/postgres.js';
import { GUESS_LIMIT, GUESS_WINDOW_SECONDS } from './guesses.js';

export type Count = { readonly count: number; readonly secondsLeft: number };

export function riskStore(db: Db) {
  return {
    /**
     * Spends one slot; undefined when the counter is locked. The clause after ON CONFLICT decides,
     * on the row as it is once earlier requests are done with it. The look before INSERT only
     * spares a locked counter the row lock and the write that a flood would cost it.
     */
    async reserve(key: Bytes): Promise<number | undefined> {
      const rows = await db.$queryRaw<{ failures: number }[]>`
        INSERT INTO guess_counters AS g (key, failures, window_ends)
        SELECT ${key}, 1, statement_timestamp() + make_interval(secs => ${GUESS_WINDOW_SECONDS})
         WHERE NOT EXISTS (SELECT FROM guess_counters
                            WHERE key = ${key} AND locked_until > statement_timestamp())
        ON CONFLICT (key) DO UPDATE
           SET failures = CASE WHEN g.window_ends <= statement_timestamp() THEN 1
                               ELSE g.failures + 1 END,
               window_ends = statement_timestamp() + make_interval(secs => ${GUESS_WINDOW_SECONDS}),
               locked_until = CASE WHEN g.window_ends > statement_timestamp()
                                    AND g.failures + 1 >= ${GUESS_LIMIT}
                                   THEN statement_timestamp()
                                        + make_interval(secs => ${GUESS_WINDOW_SECONDS})
                              END
         WHERE g.locked_until IS NULL OR g.locked_until <= statement_timestamp()
        RETURNING failures`;
      return rows[0]?.failures;
    },

    async secondsLocked(key: Bytes): Promise<number | undefined> {
      const rows = await db.$queryRaw<{ seconds: number }[]>`
        SELECT ceil(extract(epoch FROM locked_until - statement_timestamp()))::int AS seconds
          FROM guess_counters
         WHERE key = ${key} AND locked_until > statement_timestamp()`;
      return rows[0]?.seconds;
    },

    /** Frees slots. Below the limit there is no lock, so the one they may have closed goes. */
    async takeBack(key: Bytes, slots: number): Promise<void> {
      await db.$executeRaw`
        UPDATE guess_counters
           SET failures = GREATEST(failures - ${slots}::int, 0), locked_until = NULL
         WHERE key = ${key}`;
    },

    async standing(key: Bytes): Promise<{ failures: number; seconds: number }> {
      const rows = await db.$queryRaw<{ failures: number; seconds: number }[]>`
        SELECT CASE WHEN window_ends > statement_timestamp() THEN failures ELSE 0 END AS failures,
               GREATEST(0, COALESCE(ceil(extract(epoch FROM
                 locked_until - statement_timestamp())), 0))::int AS seconds
          FROM guess_counters
         WHERE key = ${key}`;
      return rows[0] ?? { failures: 0, seconds: 0 };
    },

    /** Deletes counters; returns how many of them still meant something. */
    async clear(keys: readonly Bytes[]): Promise<number> {
      const rows = await db.$queryRaw<{ cleared: number }[]>`
        WITH gone AS (
          DELETE FROM guess_counters WHERE key IN (${Prisma.join([...keys])})
          RETURNING failures > 0 AND window_ends > statement_timestamp() AS counted)
        SELECT count(*) FILTER (WHERE counted)::int AS cleared FROM gone`;
      return rows[0]?.cleared ?? 0;
    },

    /** Counts up in a fixed window that begins with the first count. */
    async count(key: Bytes, windowSeconds: number): Promise<Count> {
      const rows = await db.$queryRaw<Count[]>`
        INSERT INTO guess_counters AS g (key, failures, window_ends)
        VALUES (${key}, 1, statement_timestamp() + make_interval(secs => ${windowSeconds}))
        ON CONFLICT (key) DO UPDATE
           SET failures = CASE WHEN g.window_ends <= statement_timestamp() THEN 1
                               ELSE g.failures + 1 END,
               window_ends = CASE WHEN g.window_ends <= statement_timestamp()
                                  THEN statement_timestamp() + make_interval(secs => ${windowSeconds})
                                  ELSE g.window_ends END
        RETURNING failures AS count,
                  floor(extract(epoch FROM window_ends - statement_timestamp()))::int
                    AS "secondsLeft"`;
      return rows[0] ?? { count: 0, secondsLeft: 0 };
    },

    async readCount(key: Bytes): Promise<Count> {
      const rows = await db.$queryRaw<Count[]>`
        SELECT failures AS count,
               ceil(extract(epoch FROM window_ends - statement_timestamp()))::int AS "secondsLeft"
          FROM guess_counters
         WHERE key = ${key} AND window_ends > statement_timestamp()`;
      return rows[0] ?? { count: 0, secondsLeft: 0 };
    },

    /** Notes a network and tells what was there before: both see the table as of one moment. */
    async noteNetwork(
      accountId: string,
      network: Bytes,
      indexes: readonly Bytes[],
    ): Promise<{ total: number; matching: number }> {
      const rows = await db.$queryRaw<{ total: number; matching: number }[]>`
        WITH noted AS (
          INSERT INTO seen_networks (account_id, network, last_seen_at)
          VALUES (${accountId}::uuid, ${network}, now())
          ON CONFLICT (account_id, network) DO UPDATE SET last_seen_at = now())
        SELECT count(*)::int AS total,
               count(*) FILTER (WHERE network IN (${Prisma.join([...indexes])}))::int AS matching
          FROM seen_networks
         WHERE account_id = ${accountId}::uuid`;
      return rows[0] ?? { total: 0, matching: 0 };
    },

    async trimNetworks(accountId: string, kept: number): Promise<void> {
      await db.$executeRaw`
        DELETE FROM seen_networks
         WHERE account_id = ${accountId}::uuid
           AND network IN (SELECT network FROM seen_networks
                            WHERE account_id = ${accountId}::uuid
                            ORDER BY last_seen_at DESC, network
                           OFFSET ${kept})`;
    },

    async forgetNetworks(accountId: string): Promise<void> {
      await db.seenNetwork.deleteMany({ where: { accountId } });
    },

    async spendChallenge(hash: Bytes, ttlSeconds: number): Promise<boolean> {
      const changed = await db.$executeRaw`
        INSERT INTO spent_challenges (hash, expires_at)
        VALUES (${hash}, now() + make_interval(secs => ${ttlSeconds}))
        ON CONFLICT (hash) DO NOTHING`;
      return changed > 0;
    },

    /** A spent challenge stays an hour longer: its own expiry is judged by another clock. */
    async purge(limit: number): Promise<number> {
      const counters = await db.$executeRaw`
        DELETE FROM guess_counters
         WHERE key IN (SELECT key FROM guess_counters
                        WHERE window_ends < now()
                          AND (locked_until IS NULL OR locked_until < now())
                        ORDER BY window_ends LIMIT ${limit} FOR UPDATE SKIP LOCKED)`;
      const challenges = await db.$executeRaw`
        DELETE FROM spent_challenges
         WHERE hash IN (SELECT hash FROM spent_challenges
                         WHERE expires_at < now() - interval '1 hour'
                         ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)`;
      return counters + challenges;
    },
  };
}
