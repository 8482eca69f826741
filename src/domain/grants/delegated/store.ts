/**
 * Tokens that others were made from (RFC 8693). Each has to count by itself, as introspection
 * would judge it: its owner and client, the grant it hangs on, its own expiry, and the browser
 * session it was born in, where signing out ends it.
 */
import type { Bytes } from '../../../kernel/sealed-box.js';
import type { Db } from '../../../platform/postgres.js';
import { COUNTING } from '../store.js';

export function delegatedStore(db: Db) {
  return {
    /** Whether every one of these tokens still counts; one that is gone does not. */
    async allCount(hashes: readonly Bytes[]): Promise<boolean> {
      const [row] = await db.$queryRaw<{ counting: number }[]>`
        SELECT count(*)::int AS counting
        ${COUNTING}
           AND a.id_hash = ANY(${[...hashes]}::bytea[])
           AND a.kind = 'AccessToken' AND a.consumed_at IS NULL AND a.expires_at > now()
           AND (a.payload->'expiresWithSession' IS DISTINCT FROM 'true'::jsonb
                OR EXISTS (
                  SELECT 1 FROM artifacts s
                   WHERE s.uid = a.payload->>'sessionUid' AND s.kind = 'Session'
                     AND s.consumed_at IS NULL AND s.expires_at > now()
                     AND s.account_id = a.account_id
                     AND s.auth_at > u.security_epoch AND s.auth_at > u.session_epoch
                     AND s.payload->'authorizations'->a.client_id->>'grantId'
                         = a.payload->>'grantId'))`;
      return row?.counting === hashes.length;
    },
  };
}
