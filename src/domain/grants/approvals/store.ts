/**
 * The tables of approvals: what is counted of the requests, how their clients are told of an
 * answer, and who must not ask again.
 */
import type { Bytes } from '../../../kernel/sealed-box.js';
import type { Db } from '../../../platform/postgres.js';

/** The task that a waiting notification is for. */
export const SEND_PING = 'ciba_ping';

/**
 * With the queue's back-off the fifth try is a minute and a half after the first; by then the
 * request is nearly over, and a client may ask by itself all the time.
 */
export const PING_TRIES = 5;
/** The queue counts a try when it begins: see `NOTICE_TRIES`. */
const MAX_ATTEMPTS = PING_TRIES + 1;
/** After letters, before notices of log-outs: somebody is on the telephone. */
const PRIORITY = 5;

export type NewApproval = {
  readonly idHash: Bytes;
  readonly subjectId: string;
  readonly clientId: string;
  readonly ttlSeconds: number;
  readonly sealedPing: Bytes | null;
};

/** Requests that wait for one person. */
export type OpenApprovals = { readonly all: number; readonly ofClient: number };

export function approvalsStore(db: Db) {
  return {
    async insert(request: NewApproval): Promise<void> {
      await db.$executeRaw`
        INSERT INTO approval_requests (id_hash, subject_id, client_id, expires_at, sealed_ping)
        VALUES (${request.idHash}, ${request.subjectId}::uuid, ${request.clientId},
                now() + make_interval(secs => ${request.ttlSeconds}), ${request.sealedPing})`;
    },

    async hold(subjectId: string): Promise<void> {
      await db.$executeRaw`
        SELECT pg_advisory_xact_lock(hashtextextended(${`approval ${subjectId}`}, 0))`;
    },

    async countOpen(subjectId: string, clientId: string): Promise<OpenApprovals> {
      const [row] = await db.$queryRaw<OpenApprovals[]>`
        SELECT count(*)::int AS all,
               count(*) FILTER (WHERE client_id = ${clientId})::int AS "ofClient"
          FROM approval_requests
         WHERE subject_id = ${subjectId}::uuid AND answered_at IS NULL AND expires_at > now()`;
      return row ?? { all: 0, ofClient: 0 };
    },

    /** Notes that it was answered, and queues the word to a client that waits for one. */
    async close(idHash: Bytes): Promise<void> {
      await db.$queryRaw`
        WITH closed AS (
          UPDATE approval_requests SET answered_at = now() WHERE id_hash = ${idHash}
          RETURNING encode(id_hash, 'hex') AS request, client_id, sealed_ping)
        SELECT job.id
          FROM closed
         CROSS JOIN LATERAL graphile_worker.add_job(
                 identifier => ${SEND_PING}::text,
                 payload => json_build_object('request', request, 'clientId', client_id),
                 queue_name => ${SEND_PING}::text || ' ' || client_id,
                 max_attempts => ${MAX_ATTEMPTS}::int,
                 priority => ${PRIORITY}::int) AS job
         WHERE closed.sealed_ping IS NOT NULL`;
    },

    async findPing(idHash: Bytes): Promise<Uint8Array | undefined> {
      const [row] = await db.$queryRaw<{ sealed: Uint8Array | null }[]>`
        SELECT sealed_ping AS sealed FROM approval_requests
         WHERE id_hash = ${idHash} AND expires_at > now()`;
      return row?.sealed ?? undefined;
    },

    async dropPing(idHash: Bytes): Promise<void> {
      await db.$executeRaw`
        UPDATE approval_requests SET sealed_ping = NULL WHERE id_hash = ${idHash}`;
    },

    async stop(accountId: string, clientId: string, seconds: number): Promise<void> {
      await db.$executeRaw`
        INSERT INTO approval_stops AS s (account_id, client_id, until)
        VALUES (${accountId}::uuid, ${clientId}, now() + make_interval(secs => ${seconds}))
        ON CONFLICT (account_id, client_id) DO UPDATE
           SET until = GREATEST(s.until, excluded.until)`;
    },

    async isStopped(accountId: string, clientId: string): Promise<boolean> {
      const rows = await db.$queryRaw<object[]>`
        SELECT 1 FROM approval_stops
         WHERE account_id = ${accountId}::uuid AND client_id = ${clientId} AND until > now()`;
      return rows.length > 0;
    },

    /** Deletes all that tells of an account: what it was asked, and whom it has stopped. */
    async forget(accountId: string): Promise<void> {
      await db.$executeRaw`
        DELETE FROM approval_requests WHERE subject_id = ${accountId}::uuid`;
      await db.$executeRaw`
        DELETE FROM approval_stops WHERE account_id = ${accountId}::uuid`;
    },

    /** Deletes up to `limit` rows of each kind that mean nothing any more; returns how many. */
    async purge(limit: number): Promise<number> {
      const requests = await db.$executeRaw`
        DELETE FROM approval_requests WHERE id_hash IN (
          SELECT id_hash FROM approval_requests
           WHERE expires_at < now() - interval '1 hour' LIMIT ${limit} FOR UPDATE SKIP LOCKED)`;
      const stops = await db.$executeRaw`
        DELETE FROM approval_stops WHERE (account_id, client_id) IN (
          SELECT account_id, client_id FROM approval_stops
           WHERE until < now() LIMIT ${limit} FOR UPDATE SKIP LOCKED)`;
      return requests + stops;
    },
  };
}
