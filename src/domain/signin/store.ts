/**
 * The attempts' table: the only Prisma in this island. Every rule is part of the statement that
 * changes the row, so that parallel requests cannot pass between a look and a change.
 */
import { Prisma } from '../../generated/prisma/client.js';
import type { Bytes } from '../../kernel/sealed-box.js';
import type { Db } from '../../platform/postgres.js';
import type { Factor, Proof } from './next-step.js';

export type AttemptRow = {
  readonly accountId: string | null;
  readonly securityEpoch: number;
  readonly proven: readonly Proof[];
  readonly wrongCodes: number;
  readonly failuresBefore: number;
  readonly sealed: Uint8Array | null;
  readonly alive: boolean;
};

// An attempt lives until it expires, and no longer than the epoch in which its password was
// looked at. A flow that finishes one also holds the account, because a revocation may be on
// its way in another transaction.
const ALIVE = Prisma.sql`
  (s.expires_at > clock_timestamp()
   AND EXISTS (SELECT 1 FROM accounts u
                WHERE u.id = s.account_id
                  AND u.status = 'active'
                  AND u.security_epoch = s.security_epoch))`;

const ROW = Prisma.sql`
  SELECT s.account_id::text AS "accountId", s.security_epoch AS "securityEpoch", s.proven,
         s.wrong_codes AS "wrongCodes", s.failures_before AS "failuresBefore", s.sealed_enrolment AS sealed, ${ALIVE} AS alive
    FROM sign_in_attempts s`;

export function attemptStore(db: Db, maxWrongCodes: number) {
  const first = (rows: AttemptRow[]): AttemptRow | undefined => rows[0];
  return {
    async begin(
      idHash: Bytes,
      row: {
        accountId: string;
        securityEpoch: number;
        failuresBefore: number;
        lifetimeSeconds: number;
      },
    ): Promise<boolean> {
      const changed = await db.$executeRaw`
        INSERT INTO sign_in_attempts AS s (id_hash, account_id, security_epoch, failures_before, expires_at)
        VALUES (${idHash}, ${row.accountId}::uuid, ${row.securityEpoch}, ${row.failuresBefore},
                clock_timestamp() + make_interval(secs => ${row.lifetimeSeconds}))
        ON CONFLICT (id_hash) DO UPDATE
           SET account_id = excluded.account_id, security_epoch = excluded.security_epoch,
               failures_before = GREATEST(s.failures_before, excluded.failures_before),
               proven = '[]', sealed_enrolment = NULL, expires_at = excluded.expires_at
         WHERE s.wrong_codes < ${maxWrongCodes}`;
      return changed > 0;
    },

    async find(idHash: Bytes): Promise<AttemptRow | undefined> {
      return first(await db.$queryRaw<AttemptRow[]>`${ROW} WHERE s.id_hash = ${idHash}`);
    },

    async hold(idHash: Bytes): Promise<AttemptRow | undefined> {
      return first(
        await db.$queryRaw<AttemptRow[]>`${ROW} WHERE s.id_hash = ${idHash} FOR UPDATE OF s`,
      );
    },

    /** One proof a factor: the newest takes the place of the one before. */
    async prove(idHash: Bytes, factor: Factor): Promise<boolean> {
      const changed = await db.$executeRaw`
        UPDATE sign_in_attempts s
           SET proven = jsonb_path_query_array(s.proven, '$[*] ? (@.factor != $factor)',
                                               jsonb_build_object('factor', ${factor}::text))
                        || jsonb_build_array(jsonb_build_object(
                             'factor', ${factor}::text,
                             'at', floor(extract(epoch FROM clock_timestamp()))::int))
         WHERE s.id_hash = ${idHash} AND s.wrong_codes < ${maxWrongCodes} AND ${ALIVE}`;
      return changed > 0;
    },

    /** The number of wrong codes with this one; `undefined` when there were too many before. */
    async countWrongCode(idHash: Bytes): Promise<number | undefined> {
      const rows = await db.$queryRaw<{ count: number }[]>`
        UPDATE sign_in_attempts s
           SET wrong_codes = s.wrong_codes + 1,
               proven = CASE WHEN s.wrong_codes + 1 < ${maxWrongCodes} THEN s.proven
                             ELSE '[]' END,
               sealed_enrolment = CASE WHEN s.wrong_codes + 1 < ${maxWrongCodes}
                                       THEN s.sealed_enrolment END
         WHERE s.id_hash = ${idHash} AND s.wrong_codes < ${maxWrongCodes}
        RETURNING s.wrong_codes AS count`;
      return rows[0]?.count;
    },

    async keep(idHash: Bytes, sealed: Bytes | null): Promise<boolean> {
      const changed = await db.$executeRaw`
        UPDATE sign_in_attempts s SET sealed_enrolment = ${sealed}
         WHERE s.id_hash = ${idHash} AND s.wrong_codes < ${maxWrongCodes} AND ${ALIVE}`;
      return changed > 0;
    },

    async end(idHash: Bytes): Promise<boolean> {
      const changed = await db.$executeRaw`
        DELETE FROM sign_in_attempts s
         WHERE s.id_hash = ${idHash} AND s.wrong_codes < ${maxWrongCodes} AND ${ALIVE}`;
      return changed > 0;
    },

    /** Empties what is under way for an account; the rows stay, so that a void one stays void. */
    async forget(accountId: string): Promise<void> {
      await db.$executeRaw`
        UPDATE sign_in_attempts
           SET account_id = NULL, proven = '[]', sealed_enrolment = NULL
         WHERE account_id = ${accountId}::uuid`;
    },

    /** A day later than need be: a void attempt outlives every interaction it could guard. */
    async deleteExpired(limit: number): Promise<number> {
      return db.$executeRaw`
        DELETE FROM sign_in_attempts
         WHERE id_hash IN (
           SELECT id_hash FROM sign_in_attempts
            WHERE expires_at < now() - interval '1 day'
            LIMIT ${limit}
              FOR UPDATE SKIP LOCKED)`;
    },
  };
}
