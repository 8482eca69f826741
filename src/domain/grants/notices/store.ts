/**
 * Logout notices (OpenID Connect Back-Channel Logout 1.0): whoever a session was used to sign in
 * at is told when it ends. The statement that ends a session queues its notices, so there is no
 * way to end one and to forget that, no notice of an end that was undone, and of several that end
 * the same session at once only the one that did it tells. A session that expires is not told of.
 */
import { Prisma } from '../../../generated/prisma/client.js';
import type { Db } from '../../../platform/postgres.js';

/** One client to be told that one session of an account with it is over. */
export type LogoutNotice = {
  readonly clientId: string;
  readonly accountId: string;
  /** What the session is called to this client and to no other; it opens nothing. */
  readonly sid: string;
};

/** The task that a waiting notice is for. */
export const SEND_NOTICE = 'backchannel_logout';

/**
 * With the queue's back-off (e, e², … seconds) the fifth try is a minute and a half after the
 * first, the seventh ten and a half minutes, and the tenth, the last, three and a half hours.
 */
export const NOTICE_TRIES = 10;

/**
 * The queue counts a try when it begins. One more than we make, so that the last one can still be
 * taken up again, and given up in order, after the node that made it was killed.
 */
const MAX_ATTEMPTS = NOTICE_TRIES + 1;

/** The queue does what has a lower number first: letters, at 0, do not wait for notices. */
const PRIORITY = 10;

/** What remains of a session that has ended: the names it had with its clients. */
export const SIDS = Prisma.sql`
  COALESCE((SELECT jsonb_object_agg(entry.key, entry.value->'sid')
              FROM jsonb_each(payload->'authorizations') AS entry
             WHERE entry.value->>'sid' IS NOT NULL), '{}'::jsonb)`;

/**
 * Queues the notices of the sessions that `ended`, the name of a CTE in the same statement with
 * `account_id`, `sids` and `alive`. One client's notices wait in a line of their own: a client
 * that does not answer keeps one worker busy, never all of them.
 */
export const tellClients = (ended: 'ended' | 'gone'): Prisma.Sql => Prisma.sql`
  SELECT job.id
    FROM ${Prisma.raw(ended)} AS over
   CROSS JOIN LATERAL jsonb_each_text(over.sids) AS named(client_id, sid)
    JOIN clients ON clients.id = named.client_id
   CROSS JOIN LATERAL graphile_worker.add_job(
           identifier => ${SEND_NOTICE}::text,
           payload => json_build_object('clientId', clients.id, 'accountId', over.account_id,
                                        'sid', named.sid),
           queue_name => ${SEND_NOTICE}::text || ' ' || clients.id,
           max_attempts => ${MAX_ATTEMPTS}::int,
           priority => ${PRIORITY}::int,
           job_key => ${SEND_NOTICE}::text || ' ' || named.sid,
           job_key_mode => 'unsafe_dedupe') AS job
   WHERE over.alive AND clients.status = 'active'
     AND clients.metadata->>'backchannel_logout_uri' IS NOT NULL`;

export function logoutNotices(db: Db) {
  return {
    /** Queues the notice of a client that has left a session which goes on without it. */
    async tell({ clientId, accountId, sid }: LogoutNotice): Promise<void> {
      await db.$queryRaw`
        WITH ended AS (
          SELECT ${accountId}::uuid AS account_id, true AS alive,
                 jsonb_build_object(${clientId}::text, ${sid}::text) AS sids)
        ${tellClients('ended')}`;
    },
  };
}

/** Reads what the queue hands back; throws if it is none of ours. */
export function parseLogoutNotice(payload: unknown): LogoutNotice {
  const { clientId, accountId, sid } = (payload ?? {}) as Record<string, unknown>;
  if (typeof clientId !== 'string' || typeof accountId !== 'string' || typeof sid !== 'string') {
    throw new Error('A queued logout notice does not say of what');
  }
  return { clientId, accountId, sid };
}
