/**
 * What ends before its time: one artifact, a grant with all that hangs on it, everything an
 * account has. No session ends here without its clients being told, by the same statement.
 */
import type { Bytes } from '../../../kernel/sealed-box.js';
import type { Db } from '../../../platform/postgres.js';
import type { ArtifactKind } from '../kinds.js';
import { SIDS, tellClients } from '../notices/store.js';

/** What a session that is kept says of its log-in from then on. */
export type KeptLogin = {
  readonly at: number;
  readonly acr?: string;
  readonly amr?: readonly string[];
};

/** What a mass revocation ended, by kind; only what was still alive is counted. */
export type Ended = { readonly sessions: number; readonly grants: number; readonly tokens: number };

export function endingsStore(db: Db) {
  return {
    async remove(idHash: Bytes): Promise<void> {
      await db.$executeRaw`DELETE FROM artifacts WHERE id_hash = ${idHash}`;
    },

    /**
     * Ends a session, whatever its id is by now, and has its clients told, but keeps its row as a
     * gravestone until it expires (see `save`).
     */
    async bury(idHash: Bytes, uid: string | null): Promise<void> {
      await db.$queryRaw`
        WITH ended AS (
          UPDATE artifacts
             SET consumed_at = now(), payload = jsonb_build_object('sids', ${SIDS})
           WHERE (id_hash = ${idHash} OR uid = ${uid}) AND kind = 'Session'
             AND consumed_at IS NULL
          RETURNING account_id, payload->'sids' AS sids, expires_at > now() AS alive)
        ${tellClients('ended')}`;
    },

    /** Dates the log-in of a living session anew; false if it lives no more. */
    async renewLogin(uid: string, accountId: string, login: KeptLogin): Promise<boolean> {
      const { at, ...what } = login;
      const said = { loginTs: at, ...what };
      const changed = await db.$executeRaw`
        UPDATE artifacts
           SET auth_at = ${at}, payload = payload || ${JSON.stringify(said)}::jsonb
         WHERE uid = ${uid} AND account_id = ${accountId}::uuid AND kind = 'Session'
           AND consumed_at IS NULL AND expires_at > now()`;
      return changed > 0;
    },

    /** Ends a grant with all that hangs on it; false if somebody else has, or it is gone. */
    async endGrant(grantHash: Bytes): Promise<boolean> {
      // The grant first: its row is what parallel requests wait for, and only one of them gets.
      const ended = await db.$executeRaw`
        DELETE FROM artifacts WHERE id_hash = ${grantHash} AND kind = 'Grant'`;
      await this.removeByGrant(grantHash);
      return ended > 0;
    },

    async removeByGrant(grantHash: Bytes): Promise<void> {
      await db.$executeRaw`DELETE FROM artifacts WHERE grant_hash = ${grantHash}`;
    },

    async removeByAccount(
      accountId: string,
      what: { sessions: boolean; tokens: boolean; except?: string },
    ): Promise<Ended> {
      const rows = await db.$queryRaw<{ kind: ArtifactKind; alive: number }[]>`
        WITH gone AS (
          DELETE FROM artifacts
           WHERE account_id = ${accountId}::uuid
             AND ((kind = 'Session' AND ${what.sessions}) OR (kind <> 'Session' AND ${what.tokens}))
             AND (kind <> 'Session' OR uid IS DISTINCT FROM ${what.except ?? null}::text)
          RETURNING kind, account_id, consumed_at IS NULL AND expires_at > now() AS alive,
                    CASE WHEN kind = 'Session' THEN ${SIDS} END AS sids),
        told AS (${tellClients('gone')})
        SELECT kind, count(*) FILTER (WHERE alive)::int AS alive,
               (SELECT count(told.id) FROM told)::int AS told
          FROM gone GROUP BY kind`;
      const count = (...kinds: ArtifactKind[]) =>
        rows.filter((row) => kinds.includes(row.kind)).reduce((sum, row) => sum + row.alive, 0);
      return {
        sessions: count('Session'),
        grants: count('Grant'),
        tokens: count('AccessToken', 'RefreshToken'),
      };
    },

    /** Deletes up to `limit` rows that expired over an hour ago; returns how many. */
    async purge(limit: number): Promise<number> {
      return db.$executeRaw`
        DELETE FROM artifacts
         WHERE id_hash IN (
           SELECT id_hash FROM artifacts
            WHERE expires_at < now() - interval '1 hour'
            ORDER BY expires_at
            LIMIT ${limit}
              FOR UPDATE SKIP LOCKED)`;
    },
  };
}
