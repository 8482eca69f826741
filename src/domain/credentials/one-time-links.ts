/**
 * Links in letters that stand in for a forgotten password (OWASP Forgot Password Cheat Sheet;
 * NIST SP 800-63B section 4.2.1.2).
 *
 * Promises: 256 random bits, stored as SHA-256 only; fifteen minutes by database time; an account
 * has one at most, the newest; a new password ends it; of any number of uses at once one counts.
 */
import { digest, newBearerValue, newId } from '../../kernel/ids.js';
import type { Bytes } from '../../kernel/sealed-box.js';
import type { Db } from '../../platform/postgres.js';

export const LINK_SECONDS = 15 * 60;

export type LinkPurpose = 'password_reset';

/** What a link that still opens something is about. */
export type OneTimeLink = {
  readonly id: string;
  readonly accountId: string;
  /** The application it was asked for in, if in one. */
  readonly clientId: string | undefined;
};

export type OneTimeLinks = ReturnType<typeof createOneTimeLinks>;

const TOKEN = /^[A-Za-z0-9_-]{43}$/;

export function createOneTimeLinks({ db }: { db: Db }) {
  const store = linkStore(db);
  return {
    /** Makes a link; the one before it is dead from this statement on. */
    async issueLink(input: {
      readonly accountId: string;
      readonly purpose: LinkPurpose;
      readonly clientId?: string | undefined;
    }): Promise<{ readonly token: string }> {
      const token = newBearerValue();
      await store.issue({
        id: newId(),
        accountId: input.accountId,
        purpose: input.purpose,
        tokenHash: digest(token),
        clientId: input.clientId ?? null,
      });
      return { token };
    },

    /** What a link is about, if it is still good. Spends nothing: mail scanners open links, too. */
    async findLink(purpose: LinkPurpose, token: string): Promise<OneTimeLink | undefined> {
      return TOKEN.test(token) ? store.find(purpose, digest(token)) : undefined;
    },

    /** Spends a link of this account. False: used, expired, replaced or never there. */
    async spendLink(purpose: LinkPurpose, accountId: string, token: string): Promise<boolean> {
      return TOKEN.test(token) && (await store.spend(purpose, accountId, digest(token))) > 0;
    },

    /** Ends what an account has not used yet; returns how many. */
    voidLinks: (accountId: string): Promise<number> => store.void(accountId),

    /** Removes one batch of what has run out; returns its size. */
    purgeLinks: (limit: number): Promise<number> => store.purge(limit),
  };
}

export function linkStore(db: Db) {
  return {
    /** One row an account: the newer token takes the place of the older one. */
    async issue(row: {
      id: string;
      accountId: string;
      purpose: LinkPurpose;
      tokenHash: Bytes;
      clientId: string | null;
    }): Promise<void> {
      await db.$executeRaw`
        INSERT INTO one_time_links (id, account_id, purpose, token_hash, client_id, expires_at)
        VALUES (${row.id}::uuid, ${row.accountId}::uuid, ${row.purpose}, ${row.tokenHash},
                ${row.clientId}, clock_timestamp() + make_interval(secs => ${LINK_SECONDS}))
        ON CONFLICT (account_id, purpose) DO UPDATE
           SET id = excluded.id, token_hash = excluded.token_hash,
               client_id = excluded.client_id, expires_at = excluded.expires_at, used_at = NULL`;
    },

    async find(purpose: LinkPurpose, tokenHash: Bytes): Promise<OneTimeLink | undefined> {
      const rows = await db.$queryRaw<
        (Omit<OneTimeLink, 'clientId'> & { clientId: string | null })[]
      >`
        SELECT id::text, account_id::text AS "accountId", client_id AS "clientId"
          FROM one_time_links
         WHERE token_hash = ${tokenHash} AND purpose = ${purpose}
           AND used_at IS NULL AND expires_at > clock_timestamp()`;
      const row = rows[0];
      return row && { ...row, clientId: row.clientId ?? undefined };
    },

    spend: (purpose: LinkPurpose, accountId: string, tokenHash: Bytes): Promise<number> =>
      db.$executeRaw`
        UPDATE one_time_links SET used_at = clock_timestamp()
         WHERE token_hash = ${tokenHash} AND purpose = ${purpose}
           AND account_id = ${accountId}::uuid
           AND used_at IS NULL AND expires_at > clock_timestamp()`,

    /** Ends what an account has not used yet. */
    void: (accountId: string): Promise<number> =>
      db.$executeRaw`
        DELETE FROM one_time_links WHERE account_id = ${accountId}::uuid AND used_at IS NULL`,

    purge: (limit: number): Promise<number> =>
      db.$executeRaw`
        DELETE FROM one_time_links
         WHERE id IN (SELECT id FROM one_time_links WHERE expires_at < now()
                       ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)`,
  };
}
