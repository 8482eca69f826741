/** The tables of approvals: what is counted of the requests, and who must not ask again. */
import type { Bytes } from '../../../kernel/sealed-box.js';
import type { Db } from '../../../platform/postgres.js';

export type NewApproval = {
  readonly idHash: Bytes;
  readonly subjectId: string;
  readonly clientId: string;
  readonly ttlSeconds: number;
  readonly sealedPing: Bytes | null;
};

export function approvalsStore(db: Db) {
  return {
    async insert(request: NewApproval): Promise<void> {
      await db.$executeRaw`
        INSERT INTO approval_requests (id_hash, subject_id, client_id, expires_at, sealed_ping)
        VALUES (${request.idHash}, ${request.subjectId}::uuid, ${request.clientId},
                now() + make_interval(secs => ${request.ttlSeconds}), ${request.sealedPing})`;
    },

    async countOpen(subjectId: string): Promise<number> {
      const [row] = await db.$queryRaw<{ open: number }[]>`
        SELECT count(*)::int AS open FROM approval_requests
         WHERE subject_id = ${subjectId}::uuid AND answered_at IS NULL AND expires_at > now()`;
      return row?.open ?? 0;
    },

    async close(idHash: Bytes): Promise<void> {
      await db.$executeRaw`
        UPDATE approval_requests SET answered_at = now() WHERE id_hash = ${idHash}`;
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
