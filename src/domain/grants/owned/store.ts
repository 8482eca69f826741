/**
 * What an account has open, as its owner sees it. Nothing is listed here that an introspection
 * or the next request would not honour: the same epochs and expiries decide.
 */
import type { Db } from '../../../platform/postgres.js';
import { logoutNotices, SIDS, tellClients } from '../notices/store.js';

/** A browser that is signed in. */
export type OpenSession = {
  /** The name a session keeps for life; it opens nothing. */
  readonly uid: string;
  readonly signedInAt: Date;
  /** When it was last used for a sign-in somewhere. */
  readonly seenAt: Date;
  /** "Firefox on Windows", at its last use. */
  readonly device: string;
  /** The clients it has signed in to. */
  readonly clientIds: readonly string[];
};

/** What a client may do for an account. */
export type OpenGrant = {
  readonly clientId: string;
  readonly since: Date;
  /** OpenID scopes, separated by spaces. */
  readonly identity: string;
  /** Scopes by resource indicator, separated by spaces. */
  readonly resources: Readonly<Record<string, string>>;
};

type SessionRow = {
  uid: string;
  signedInAt: number;
  seenAt: number | null;
  device: string | null;
  clientIds: string[];
};

type GrantRow = {
  clientId: string;
  since: number;
  identity: string | null;
  resources: Record<string, string> | null;
};

const dateOf = (seconds: number) => new Date(seconds * 1000);

export function ownedStore(db: Db) {
  return {
    async sessions(accountId: string): Promise<OpenSession[]> {
      const rows = await db.$queryRaw<SessionRow[]>`
        SELECT a.uid, a.auth_at AS "signedInAt", (a.payload->>'seenAt')::int AS "seenAt",
               a.payload->>'device' AS device,
               ARRAY(SELECT jsonb_object_keys(COALESCE(a.payload->'authorizations', '{}')))
                 AS "clientIds"
          FROM artifacts a JOIN accounts u ON u.id = a.account_id
         WHERE a.account_id = ${accountId}::uuid AND a.kind = 'Session'
           AND a.consumed_at IS NULL AND a.expires_at > now()
           AND u.status = 'active' AND a.auth_at > u.security_epoch AND a.auth_at > u.session_epoch
         ORDER BY COALESCE((a.payload->>'seenAt')::int, a.auth_at) DESC, a.uid`;
      return rows.map((row) => ({
        uid: row.uid,
        signedInAt: dateOf(row.signedInAt),
        seenAt: dateOf(row.seenAt ?? row.signedInAt),
        device: row.device ?? '',
        clientIds: row.clientIds,
      }));
    },

    /**
     * Ends one session of an account, or all but one, and has their clients told; their rows stay
     * as gravestones.
     */
    async buryOwn(
      accountId: string,
      which: { readonly uid: string } | { readonly except: string },
    ): Promise<number> {
      const [one, but] = 'uid' in which ? [which.uid, null] : [null, which.except];
      const [row] = await db.$queryRaw<{ ended: number }[]>`
        WITH ended AS (
          UPDATE artifacts
             SET consumed_at = now(), payload = jsonb_build_object('sids', ${SIDS})
           WHERE account_id = ${accountId}::uuid AND kind = 'Session' AND consumed_at IS NULL
             AND expires_at > now()
             AND (uid = ${one} OR (${one}::text IS NULL AND uid IS DISTINCT FROM ${but}))
          RETURNING account_id, payload->'sids' AS sids, true AS alive),
        told AS (${tellClients('ended')})
        SELECT (SELECT count(*) FROM ended)::int AS ended,
               (SELECT count(told.id) FROM told)::int AS told`;
      return row?.ended ?? 0;
    },

    async grants(accountId: string): Promise<OpenGrant[]> {
      const rows = await db.$queryRaw<GrantRow[]>`
        SELECT a.client_id AS "clientId", a.issued_at AS since,
               a.payload->'openid'->>'scope' AS identity, a.payload->'resources' AS resources
          FROM artifacts a
          JOIN accounts u ON u.id = a.account_id
          JOIN clients c ON c.id = a.client_id
         WHERE a.account_id = ${accountId}::uuid AND a.kind = 'Grant'
           AND a.consumed_at IS NULL AND a.expires_at > now()
           AND u.status = 'active' AND a.auth_at > u.security_epoch
           AND c.status = 'active' AND a.issued_at > c.security_epoch
         ORDER BY a.issued_at`;
      return rows.map((row) => ({
        clientId: row.clientId,
        since: dateOf(row.since),
        identity: row.identity ?? '',
        resources: row.resources ?? {},
      }));
    },

    /**
     * Ends all that a client has of an account: grants, codes and tokens, and its part in the
     * account's sessions, of which it is told. Call it in a transaction.
     */
    async removeClient(accountId: string, clientId: string): Promise<number> {
      const parts = await db.$queryRaw<{ uid: string; sid: string }[]>`
        SELECT uid, payload->'authorizations'->${clientId}::text->>'sid' AS sid FROM artifacts
         WHERE account_id = ${accountId}::uuid AND kind = 'Session' AND consumed_at IS NULL
           AND expires_at > now()
           AND payload->'authorizations'->${clientId}::text->>'sid' IS NOT NULL
           FOR UPDATE`;
      for (const { uid, sid } of parts) {
        // Should the owner sign in there again from this browser, it goes by another name: a
        // notice that is late must not end that.
        await db.$executeRaw`
          UPDATE artifacts SET payload = payload #- ARRAY['authorizations', ${clientId}::text]
           WHERE uid = ${uid}`;
        await logoutNotices(db).tell({ clientId, accountId, sid });
      }
      return db.$executeRaw`
        DELETE FROM artifacts
         WHERE account_id = ${accountId}::uuid AND client_id = ${clientId} AND kind <> 'Session'`;
    },
  };
}

export type OwnedStore = ReturnType<typeof ownedStore>;
