/**
 * The artifacts' table: what is read, written and spent. The statements are written out because
 * they are the hot path and because each single-use rule is one conditional statement. What ends
 * before its time is in `endings/store.ts`.
 */
import { Prisma } from '../../generated/prisma/client.js';
import type { Bytes } from '../../kernel/sealed-box.js';
import type { Db } from '../../platform/postgres.js';
import { type ArtifactKind, type Payload, REFRESH_GRACE_SECONDS } from './kinds.js';

export type ArtifactRow = {
  readonly kind: ArtifactKind;
  readonly idHash: Uint8Array;
  readonly payload: Payload | null;
  readonly sealedPayload: Uint8Array | null;
  readonly consumedAt: number | null;
  readonly expired: boolean;
  /** Spent, but so shortly ago that whoever comes with it again may have lost a race. */
  readonly inGrace: boolean;
  /** The grant it hangs on, when it hangs on one. */
  readonly grantPayload: Payload | null;
  readonly grantHash: Uint8Array | null;
  /** The tokens it was made from, the first one first; it lives no longer than any of them. */
  readonly restsOn: readonly Uint8Array[];
};

export type NewArtifact = {
  readonly kind: ArtifactKind;
  readonly idHash: Bytes;
  readonly payload: Payload | null;
  readonly sealedPayload: Bytes | null;
  readonly accountId: string | null;
  readonly clientId: string | null;
  readonly grantHash: Bytes | null;
  readonly restsOn: readonly Bytes[];
  readonly uid: string | null;
  readonly userCodeHash: Bytes | null;
  readonly authAt: number;
  readonly issuedAt: number;
  readonly ttlSeconds: number;
  /** How far it has come, for what is answered in steps, and the stage that it comes from. */
  readonly stage: number | null;
  readonly fromStage: number | null;
};

/** Seconds between two polls: at first, more after one that came too soon, and at most. */
export type Polling = { readonly first: number; readonly more: number; readonly most: number };

// One statement answers "what is this, and does it still count?": the artifact, the grant it
// hangs on, its owner and its client. A row whose owner or client is gone, disabled or has
// raised the epoch since is as good as not there, whenever and by whomever it was written.
export const COUNTING = Prisma.sql`
    FROM artifacts a
    LEFT JOIN artifacts g ON g.id_hash = a.grant_hash AND g.kind = 'Grant'
    LEFT JOIN accounts u ON u.id = a.account_id
    LEFT JOIN clients c ON c.id = a.client_id
   WHERE (a.account_id IS NULL
          OR (u.status = 'active'
              AND (a.grant_hash IS NOT NULL OR a.auth_at > u.security_epoch)
              AND (a.kind <> 'Session' OR a.auth_at > u.session_epoch)))
     AND (a.client_id IS NULL
          OR (c.status = 'active' AND a.issued_at > c.security_epoch))
     AND (a.grant_hash IS NULL
          OR (g.expires_at > now()
              AND g.consumed_at IS NULL
              AND g.account_id IS NOT DISTINCT FROM a.account_id
              AND (u.id IS NULL OR g.auth_at > u.security_epoch)))`;

const GRACE = Prisma.sql`COALESCE(c.refresh_grace_seconds, ${REFRESH_GRACE_SECONDS}::int)`;
const LIVE = Prisma.sql`
  SELECT a.kind, a.id_hash AS "idHash", a.payload, a.sealed_payload AS "sealedPayload",
         extract(epoch FROM a.consumed_at)::int AS "consumedAt",
         a.expires_at <= now() AS expired,
         (a.kind = 'RefreshToken' AND a.consumed_at IS NOT NULL AND ${GRACE} > 0
          AND a.consumed_at > now() - make_interval(secs => ${GRACE})) AS "inGrace",
         g.payload AS "grantPayload", a.grant_hash AS "grantHash", a.rests_on AS "restsOn"
  ${COUNTING}`;

const isUidTaken = (error: unknown): boolean =>
  error instanceof Error && error.message.includes('artifacts_uid_key');

/**
 * Whoever saves a session waits for others who save the same one. Its row can be new to all of
 * them, because a revocation has just taken it away; each would then hold one of the two unique
 * values, id and uid, and wait for the other's, until the database gave one of them up.
 */
const inTurn = ({ uid }: NewArtifact) =>
  uid === null
    ? Prisma.empty
    : Prisma.sql`WITH turn AS MATERIALIZED (
         SELECT pg_advisory_xact_lock(hashtextextended(${`session ${uid}`}, 0)))`;

const asJson = ({ payload }: NewArtifact) => (payload ? JSON.stringify(payload) : null);

export function grantsStore(db: Db) {
  const first = (rows: ArtifactRow[]): ArtifactRow | undefined => rows[0];
  return {
    async find(idHash: Bytes): Promise<ArtifactRow | undefined> {
      return first(await db.$queryRaw<ArtifactRow[]>`${LIVE} AND a.id_hash = ${idHash}`);
    },

    async findByUid(uid: string): Promise<ArtifactRow | undefined> {
      return first(await db.$queryRaw<ArtifactRow[]>`${LIVE} AND a.uid = ${uid}`);
    },

    async findByUserCode(userCodeHash: Bytes): Promise<ArtifactRow | undefined> {
      return first(
        await db.$queryRaw<ArtifactRow[]>`${LIVE} AND a.user_code_hash = ${userCodeHash}`,
      );
    },

    /** What waits for an approval of this account, the oldest first. */
    async waiting(accountId: string): Promise<ArtifactRow[]> {
      return db.$queryRaw<ArtifactRow[]>`
        ${LIVE} AND a.account_id = ${accountId}::uuid AND a.expires_at > now()
            AND a.kind = 'BackchannelAuthenticationRequest' AND a.stage = 0
          ORDER BY a.issued_at, a.id_hash`;
    },

    /**
     * Writes or rewrites an artifact. A row that was spent or ended is never brought back: a
     * browser's request in flight saves its session again after the log-out that ended it, under
     * the same id or, found by the uid that sessions keep for life, under another. Nor does such a
     * request take a session back to an older log-in of its owner, which would be dead. What is
     * answered in steps takes each step once, and from the step before it. Returns whether the
     * row says it now.
     */
    async save(row: NewArtifact): Promise<boolean> {
      try {
        return await this.write(row);
      } catch (error) {
        // Two requests of one browser saved the same session under two ids at the same moment:
        // now the first one can be seen, and the second has nothing to write.
        if (row.uid === null || !isUidTaken(error)) throw error;
        return this.write(row);
      }
    },

    async write(row: NewArtifact): Promise<boolean> {
      const changed = await db.$executeRaw`
        ${inTurn(row)}
        INSERT INTO artifacts AS a
               (id_hash, kind, payload, sealed_payload, account_id, client_id, grant_hash, rests_on,
                uid, user_code_hash, auth_at, issued_at, expires_at, stage)
        SELECT ${row.idHash}::bytea, ${row.kind}, ${asJson(row)}::jsonb,
               ${row.sealedPayload}::bytea, ${row.accountId}::uuid, ${row.clientId},
               ${row.grantHash}::bytea, ${[...row.restsOn]}::bytea[], ${row.uid},
               ${row.userCodeHash}::bytea,
               ${row.authAt}::int, ${row.issuedAt}::int,
               now() + make_interval(secs => ${row.ttlSeconds}), ${row.stage}::smallint
         ${
           row.uid === null
             ? Prisma.empty
             : Prisma.sql`FROM turn WHERE NOT EXISTS (SELECT 1 FROM artifacts taken
                            WHERE taken.uid = ${row.uid} AND taken.id_hash <> ${row.idHash})`
         }
        ON CONFLICT (id_hash) DO UPDATE
           SET payload = excluded.payload, sealed_payload = excluded.sealed_payload,
               account_id = excluded.account_id, client_id = excluded.client_id,
               grant_hash = excluded.grant_hash, uid = excluded.uid,
               user_code_hash = COALESCE(excluded.user_code_hash, a.user_code_hash),
               auth_at = excluded.auth_at, expires_at = excluded.expires_at,
               stage = excluded.stage
         WHERE a.kind = excluded.kind AND a.consumed_at IS NULL
           AND a.stage IS NOT DISTINCT FROM ${row.fromStage}::smallint
           AND (a.kind <> 'Session' OR a.account_id IS DISTINCT FROM excluded.account_id
                OR a.auth_at <= excluded.auth_at)`;
      return changed > 0;
    },

    /**
     * Notes that a device asks for its answer; false when it asks too soon. Two statements, each
     * of them atomic: of many requests at once one is in time, at however many nodes.
     */
    async poll(idHash: Bytes, { first, more, most }: Polling): Promise<boolean> {
      const inTime = await db.$executeRaw`
        UPDATE artifacts
           SET polled_at = statement_timestamp(), poll_seconds = COALESCE(poll_seconds, ${first})
         WHERE id_hash = ${idHash}
           AND (polled_at IS NULL
                OR polled_at + make_interval(secs => poll_seconds) - interval '500 milliseconds'
                   <= statement_timestamp())`;
      if (inTime > 0) return true;
      const early = await db.$executeRaw`
        UPDATE artifacts
           SET polled_at = statement_timestamp(),
               poll_seconds = LEAST(poll_seconds + ${more}, ${most})
         WHERE id_hash = ${idHash}`;
      // Gone between the two: there is nothing to wait for.
      return early === 0;
    },

    /** Moves a living session to another id with all it says now; false if it lives no more. */
    async renew(from: Bytes, row: NewArtifact): Promise<boolean> {
      const changed = await db.$executeRaw`
        UPDATE artifacts
           SET id_hash = ${row.idHash}, payload = ${asJson(row)}::jsonb,
               account_id = ${row.accountId}::uuid, auth_at = ${row.authAt},
               expires_at = now() + make_interval(secs => ${row.ttlSeconds})
         WHERE id_hash = ${from} AND uid = ${row.uid} AND kind = 'Session'
           AND consumed_at IS NULL`;
      return changed > 0;
    },

    /** Spends a single-use artifact; false when somebody else already has. */
    async spend(idHash: Bytes, evenExpired: boolean): Promise<boolean> {
      const changed = await db.$executeRaw`
        UPDATE artifacts SET consumed_at = now()
         WHERE id_hash = ${idHash} AND consumed_at IS NULL
           AND (expires_at > now() OR ${evenExpired})`;
      return changed > 0;
    },

    /**
     * Takes a rotation back whose new token nobody has seen. One statement, so that there are
     * never two that could be used.
     */
    async unspend(idHash: Bytes, successor: Bytes | null): Promise<void> {
      await db.$executeRaw`
        WITH gone AS (
          DELETE FROM artifacts WHERE id_hash = ${successor}::bytea AND kind = 'RefreshToken')
        UPDATE artifacts SET consumed_at = NULL
         WHERE id_hash = ${idHash} AND kind = 'RefreshToken'`;
    },

    /** Takes a value for the first time until it expires; false when it was taken already. */
    async claim(idHash: Bytes, ttlSeconds: number): Promise<boolean> {
      const changed = await db.$executeRaw`
        INSERT INTO artifacts AS a (id_hash, kind, payload, auth_at, issued_at, expires_at)
        VALUES (${idHash}, 'ReplayDetection', '{}'::jsonb, 0, 0,
                now() + make_interval(secs => ${ttlSeconds}))
        ON CONFLICT (id_hash) DO UPDATE SET expires_at = excluded.expires_at
         WHERE a.kind = 'ReplayDetection' AND a.expires_at <= now()`;
      return changed > 0;
    },
  };
}
