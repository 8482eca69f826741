/**
 * Addresses that owners want, and addresses they have left. Every rule is one statement, so that
 * parallel requests share it.
 */
import { Prisma } from '../../../generated/prisma/client.js';
import type { Bytes } from '../../../kernel/sealed-box.js';
import type { Db } from '../../../platform/postgres.js';

export type RequestRow = {
  readonly id: string;
  readonly accountId: string;
  readonly sealedEmail: Bytes;
};

export type ChangeRow = {
  readonly id: string;
  readonly accountId: string;
  readonly sealedFrom: Bytes;
  readonly sealedTo: Bytes | null;
  readonly createdAt: Date;
};

type RequestKey =
  | { readonly id: string }
  | { readonly accountId: string; readonly sessionHash: Bytes };

export function requestStore(db: Db, limits: { seconds: number; tries: number }) {
  // Only while nothing has ended what is signed in: a reset password, a revocation, a lock.
  const alive = Prisma.sql`r.expires_at > clock_timestamp() AND r.tries < ${limits.tries}
    AND EXISTS (SELECT FROM accounts a WHERE a.id = r.account_id AND a.status = 'active'
                   AND a.security_epoch = r.security_epoch)`;
  const where = (key: RequestKey) =>
    'id' in key
      ? Prisma.sql`r.id = ${key.id}::uuid`
      : Prisma.sql`r.account_id = ${key.accountId}::uuid AND r.session_hash = ${key.sessionHash}`;

  return {
    /** One row an account: the newer one takes the place of the older one. */
    async ask(row: {
      id: string;
      accountId: string;
      securityEpoch: number;
      sessionHash: Bytes;
      sealedEmail: Bytes;
      codeHash: Bytes;
    }): Promise<void> {
      await db.$executeRaw`
        INSERT INTO email_requests (account_id, id, security_epoch, session_hash, sealed_email,
                                    code_hash, created_at, expires_at)
        VALUES (${row.accountId}::uuid, ${row.id}::uuid, ${row.securityEpoch}, ${row.sessionHash},
                ${row.sealedEmail}, ${row.codeHash}, clock_timestamp(),
                clock_timestamp() + make_interval(secs => ${limits.seconds}))
        ON CONFLICT (account_id) DO UPDATE
           SET id = excluded.id, security_epoch = excluded.security_epoch,
               session_hash = excluded.session_hash, sealed_email = excluded.sealed_email,
               code_hash = excluded.code_hash, tries = 0, created_at = excluded.created_at,
               expires_at = excluded.expires_at`;
    },

    async find(key: RequestKey): Promise<RequestRow | undefined> {
      const rows = await db.$queryRaw<RequestRow[]>`
        SELECT r.id::text, r.account_id::text AS "accountId", r.sealed_email AS "sealedEmail"
          FROM email_requests r WHERE ${where(key)} AND ${alive}`;
      return rows[0];
    },

    /** Undefined when there is no try left. */
    async spendTry(id: string): Promise<{ tries: number; codeHash: Bytes } | undefined> {
      const rows = await db.$queryRaw<{ tries: number; codeHash: Bytes }[]>`
        UPDATE email_requests r SET tries = tries + 1
         WHERE r.id = ${id}::uuid AND ${alive}
        RETURNING r.tries, r.code_hash AS "codeHash"`;
      return rows[0];
    },

    /** Spends a request whose code was right. */
    async take(accountId: string, id: string): Promise<RequestRow | undefined> {
      const rows = await db.$queryRaw<RequestRow[]>`
        DELETE FROM email_requests r
         WHERE r.id = ${id}::uuid AND r.account_id = ${accountId}::uuid
           AND r.expires_at > clock_timestamp()
        RETURNING r.id::text, r.account_id::text AS "accountId", r.sealed_email AS "sealedEmail"`;
      return rows[0];
    },

    drop: (accountId: string): Promise<number> =>
      db.$executeRaw`DELETE FROM email_requests WHERE account_id = ${accountId}::uuid`,

    purge: (limit: number): Promise<number> =>
      db.$executeRaw`
        DELETE FROM email_requests
         WHERE account_id IN (SELECT account_id FROM email_requests WHERE expires_at < now()
                               ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)`,
  };
}

export function changeStore(db: Db, undoSeconds: number) {
  const change = Prisma.sql`c.id::text, c.account_id::text AS "accountId",
    c.sealed_from AS "sealedFrom", c.sealed_to AS "sealedTo", c.created_at AS "createdAt"`;
  const open = Prisma.sql`c.used_at IS NULL AND c.expires_at > clock_timestamp()`;

  return {
    /** An address was left. Without a token nothing leads back to it. */
    async noteChange(row: {
      id: string;
      accountId: string;
      sealedFrom: Bytes;
      tokenHash: Bytes | null;
    }): Promise<void> {
      await db.$executeRaw`
        INSERT INTO email_changes (id, account_id, sealed_from, token_hash, created_at, expires_at)
        VALUES (${row.id}::uuid, ${row.accountId}::uuid, ${row.sealedFrom}, ${row.tokenHash},
                clock_timestamp(),
                clock_timestamp() + make_interval(secs => ${undoSeconds}))`;
    },

    async findChange(id: string): Promise<ChangeRow | undefined> {
      const rows = await db.$queryRaw<ChangeRow[]>`
        SELECT ${change} FROM email_changes c WHERE c.id = ${id}::uuid`;
      return rows[0];
    },

    /** Changes of an account that can still be undone, the oldest first. */
    listOpen: (accountId: string): Promise<ChangeRow[]> =>
      db.$queryRaw<ChangeRow[]>`
        SELECT ${change} FROM email_changes c
         WHERE c.account_id = ${accountId}::uuid AND c.token_hash IS NOT NULL AND ${open}
         ORDER BY c.created_at`,

    async findByToken(tokenHash: Bytes): Promise<ChangeRow | undefined> {
      const rows = await db.$queryRaw<ChangeRow[]>`
        SELECT ${change}
          FROM email_changes c JOIN accounts a ON a.id = c.account_id AND a.status = 'active'
         WHERE c.token_hash = ${tokenHash} AND ${open}`;
      return rows[0];
    },

    /** Spends a link. */
    async spendToken(accountId: string, tokenHash: Bytes): Promise<ChangeRow | undefined> {
      const rows = await db.$queryRaw<ChangeRow[]>`
        UPDATE email_changes c SET used_at = clock_timestamp()
         WHERE c.token_hash = ${tokenHash} AND c.account_id = ${accountId}::uuid AND ${open}
        RETURNING ${change}`;
      return rows[0];
    },

    /** Ends every way back that was made since then. */
    dropSince: (accountId: string, since: Date, except: string): Promise<number> =>
      db.$executeRaw`
        DELETE FROM email_changes
         WHERE account_id = ${accountId}::uuid AND created_at >= ${since} AND id <> ${except}::uuid`,

    /** Kept for a day more: there is a letter to send. */
    async noteReplaced(id: string, sealedTo: Bytes): Promise<void> {
      await db.$executeRaw`
        UPDATE email_changes
           SET sealed_to = ${sealedTo},
               expires_at = GREATEST(expires_at, clock_timestamp() + interval '1 day')
         WHERE id = ${id}::uuid`;
    },

    /** What has run out: ways back, and names that were kept for them. */
    async purge(limit: number): Promise<number> {
      const changes = await db.$executeRaw`
        DELETE FROM email_changes
         WHERE id IN (SELECT id FROM email_changes WHERE expires_at < now()
                       ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)`;
      const names = await db.$executeRaw`
        DELETE FROM login_names
         WHERE index IN (SELECT index FROM login_names WHERE reserved_until < now()
                          ORDER BY reserved_until LIMIT ${limit} FOR UPDATE SKIP LOCKED)`;
      return changes + names;
    },
  };
}
