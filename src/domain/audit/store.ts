/** Reading the record. Writing it is one statement, and stands beside what it promises. */
import { Prisma } from '../../generated/prisma/client.js';
import type { Db } from '../../platform/postgres.js';

/** Where a list of records goes on: after this one, which was shown. */
export type AuditPosition = { readonly at: Date; readonly id: bigint };

/** A record as it was written. */
export type AuditEntry = AuditPosition & {
  readonly event: string;
  readonly result: string;
  readonly actorKind: string;
  readonly actorId: string | undefined;
  readonly clientId: string | undefined;
  readonly ip: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
};

type Row = Omit<AuditEntry, 'actorId' | 'clientId' | 'ip' | 'details'> & {
  readonly actorId: string | null;
  readonly clientId: string | null;
  readonly ip: string | null;
  readonly details: Record<string, unknown> | null;
};

export function auditStore(db: Db) {
  return {
    /**
     * By the index on (subject_id, at): it is walked backwards from where the page begins, and
     * only rows of the same millisecond are put in order. An account with a million of them
     * costs no more than one with fifty.
     */
    async listAbout(
      subjectId: string,
      query: {
        readonly events: readonly string[];
        readonly after?: AuditPosition | undefined;
        readonly limit: number;
      },
    ): Promise<AuditEntry[]> {
      const { after, events, limit } = query;
      const older = after
        ? Prisma.sql`AND (at, id) < (${after.at}::timestamptz, ${after.id}::bigint)`
        : Prisma.empty;
      const rows = await db.$queryRaw<Row[]>`
        SELECT id, at, event, result, actor_kind AS "actorKind", actor_id AS "actorId",
               client_id AS "clientId", ip, details
          FROM audit_events
         WHERE subject_id = ${subjectId} AND event = ANY(${[...events]}) ${older}
         ORDER BY at DESC, id DESC
         LIMIT ${limit}`;
      return rows.map((row) => ({
        ...row,
        actorId: row.actorId ?? undefined,
        clientId: row.clientId ?? undefined,
        ip: row.ip ?? undefined,
        details: row.details ?? {},
      }));
    },
  };
}
