/** The accounts' tables: the only Prisma in this island. */
import { Prisma } from '../../generated/prisma/client.js';
import type { Bytes } from '../../kernel/sealed-box.js';
import type { Db } from '../../platform/postgres.js';

export type AccountRow = {
  readonly id: string;
  readonly kind: 'shopper' | 'staff';
  readonly status: 'active' | 'disabled';
  readonly securityEpoch: number;
  readonly sessionEpoch: number;
  readonly emailVerified: boolean;
  readonly createdAt: Date;
};

const columns = {
  id: true,
  kind: true,
  status: true,
  securityEpoch: true,
  sessionEpoch: true,
  emailVerified: true,
  createdAt: true,
} as const;

const FALSE = Prisma.sql`FALSE`;

export type IdentityStore = ReturnType<typeof identityStore>;

export function identityStore(db: Db) {
  return {
    async insert(row: {
      id: string;
      kind: 'shopper' | 'staff';
      emailVerified: boolean;
      sealedEmail: Bytes;
      sealedProfile: Bytes;
      wrappedKey: Bytes;
      loginNames: readonly { index: Bytes; keyId: string }[];
    }): Promise<void> {
      await db.account.create({
        data: {
          id: row.id,
          kind: row.kind,
          emailVerified: row.emailVerified,
          sealedEmail: row.sealedEmail,
          sealedProfile: row.sealedProfile,
          key: { create: { wrapped: row.wrappedKey } },
          loginNames: { create: [...row.loginNames] },
        },
      });
    },

    /**
     * Two sign-ups for one name wait for each other here, for the rest of the transaction, also
     * while a keyring is rotated and their nodes do not agree on the newest key: any key they
     * share is enough. In one order, so that they never wait for each other in a circle.
     */
    async lockNames(indexes: readonly Bytes[]): Promise<void> {
      const keys = indexes.map((index) => Buffer.from(index).readBigInt64BE(0));
      for (const key of keys.sort((a, b) => (a < b ? -1 : 1))) {
        await db.$executeRaw`SELECT pg_advisory_xact_lock(${key})`;
      }
    },

    /** The account that logs in with the name; `held`: or that has left it a while ago. */
    async findByIndexes(
      indexes: readonly Bytes[],
      which: 'current' | 'held' = 'current',
    ): Promise<AccountRow | undefined> {
      const held = which === 'held' ? Prisma.sql`n.reserved_until > clock_timestamp()` : FALSE;
      // One statement for names that exist and names that do not: a second one would tell.
      const rows = await db.$queryRaw<AccountRow[]>`
        SELECT a.id::text, a.kind::text, a.status::text, a.security_epoch AS "securityEpoch",
               a.session_epoch AS "sessionEpoch", a.email_verified AS "emailVerified",
               a.created_at AS "createdAt"
          FROM login_names n JOIN accounts a ON a.id = n.account_id
         WHERE n.index IN (${Prisma.join([...indexes])})
           AND (n.reserved_until IS NULL OR ${held})
         LIMIT 1`;
      return rows[0];
    },

    /** Takes the account's present name away; nobody else gets it for so many seconds. */
    async leaveName(accountId: string, reservedSeconds: number): Promise<void> {
      await db.$executeRaw`
        UPDATE login_names
           SET reserved_until = clock_timestamp() + make_interval(secs => ${reservedSeconds})
         WHERE account_id = ${accountId}::uuid AND reserved_until IS NULL`;
    },

    /** Whoever has left these names once has had the time to come back. */
    async dropNames(indexes: readonly Bytes[]): Promise<void> {
      await db.loginName.deleteMany({ where: { index: { in: [...indexes] } } });
    },

    async giveName(
      accountId: string,
      names: readonly { index: Bytes; keyId: string }[],
      sealedEmail: Bytes,
    ): Promise<void> {
      await db.loginName.createMany({ data: names.map((name) => ({ ...name, accountId })) });
      await db.account.update({
        where: { id: accountId },
        data: { sealedEmail, emailVerified: true },
      });
    },

    async find(id: string): Promise<AccountRow | undefined> {
      return (await db.account.findUnique({ where: { id }, select: columns })) ?? undefined;
    },

    async findPerson(id: string) {
      const row = await db.account.findUnique({
        where: { id },
        select: {
          ...columns,
          sealedEmail: true,
          sealedProfile: true,
          key: { select: { wrapped: true } },
        },
      });
      return row ?? undefined;
    },

    async findKey(accountId: string): Promise<Bytes | undefined> {
      return (await db.accountKey.findUnique({ where: { accountId } }))?.wrapped;
    },

    async list(page: { after?: string; limit: number }): Promise<AccountRow[]> {
      return db.account.findMany({
        select: columns,
        orderBy: { id: 'asc' },
        take: page.limit,
        ...(page.after ? { where: { id: { gt: page.after } } } : {}),
      });
    },

    /** Raises an epoch by database time and never back; zero rows when there is no account. */
    async raiseSecurityEpoch(id: string): Promise<number> {
      return db.$executeRaw`
        UPDATE accounts
           SET security_epoch = GREATEST(security_epoch + 1, session_epoch,
                                         extract(epoch FROM clock_timestamp())::int),
               updated_at = now()
         WHERE id = ${id}::uuid`;
    },

    async advanceSecurityEpoch(id: string, from: number): Promise<number | undefined> {
      const rows = await db.$queryRaw<{ proven_at: number }[]>`
        UPDATE accounts
           SET security_epoch = GREATEST(security_epoch + 1, session_epoch,
                                         extract(epoch FROM clock_timestamp())::int),
               updated_at = now()
         WHERE id = ${id}::uuid AND status = 'active' AND security_epoch = ${from}
        RETURNING security_epoch + 1 AS proven_at`;
      return rows[0]?.proven_at;
    },

    async raiseSessionEpoch(id: string): Promise<number> {
      return db.$executeRaw`
        UPDATE accounts
           SET session_epoch = GREATEST(session_epoch + 1, security_epoch,
                                        extract(epoch FROM clock_timestamp())::int),
               updated_at = now()
         WHERE id = ${id}::uuid`;
    },

    async confirmEmail(id: string): Promise<number> {
      const data = { emailVerified: true };
      return (await db.account.updateMany({ where: { id, emailVerified: false }, data })).count;
    },

    async setStatus(id: string, status: 'active' | 'disabled'): Promise<number> {
      const where = { id, closedAt: null };
      return (await db.account.updateMany({ where, data: { status } })).count;
    },

    /** Status, epoch and end of log-ins in one statement: whoever comes second finds nothing. */
    close: (id: string, from: number): Promise<number> =>
      db.$executeRaw`
        UPDATE accounts
           SET status = 'disabled', closed_at = clock_timestamp(),
               security_epoch = GREATEST(security_epoch + 1, session_epoch,
                                         extract(epoch FROM clock_timestamp())::int),
               updated_at = now()
         WHERE id = ${id}::uuid AND kind = 'shopper' AND status = 'active'
           AND security_epoch = ${from}`,

    async isClosed(id: string): Promise<boolean> {
      return (await db.account.count({ where: { id, closedAt: { not: null } } })) > 0;
    },

    /** Holds the account for a change of what is in it, until the transaction ends. */
    async holdForChange(id: string): Promise<
      | {
          status: string;
          securityEpoch: number;
          sealedEmail: Bytes | null;
          sealedProfile: Bytes | null;
          wrapped: Bytes | null;
        }
      | undefined
    > {
      // First the lock, then the look: in one statement the key would be read from before it.
      await db.$executeRaw`SELECT 1 FROM accounts WHERE id = ${id}::uuid FOR UPDATE`;
      const row = await db.account.findUnique({
        where: { id },
        select: {
          status: true,
          securityEpoch: true,
          sealedEmail: true,
          sealedProfile: true,
          key: { select: { wrapped: true } },
        },
      });
      return row ? { ...row, wrapped: row.key?.wrapped ?? null } : undefined;
    },

    async saveProfile(id: string, sealedProfile: Bytes): Promise<void> {
      await db.account.update({ where: { id }, data: { sealedProfile } });
    },

    /**
     * Holds the account still until the transaction ends (a revocation waits, or is waited
     * for), and gives the first moment that a log-in of it can count from.
     */
    async holdForSignIn(
      id: string,
    ): Promise<{ status: string; securityEpoch: number; earliest: number } | undefined> {
      const rows = await db.$queryRaw<
        { status: string; security_epoch: number; earliest: number }[]
      >`
        SELECT status::text, security_epoch,
               GREATEST(security_epoch, session_epoch) + 1 AS earliest
          FROM accounts
         WHERE id = ${id}::uuid
           FOR SHARE`;
      const row = rows[0];
      return (
        row && {
          status: row.status,
          securityEpoch: row.security_epoch,
          earliest: row.earliest,
        }
      );
    },

    async deleteKey(id: string): Promise<void> {
      await db.accountKey.deleteMany({ where: { accountId: id } });
      await db.loginName.deleteMany({ where: { accountId: id } });
      await db.emailRequest.deleteMany({ where: { accountId: id } });
      await db.emailChange.deleteMany({ where: { accountId: id } });
      // Nobody can open it any more; there is no reason to keep it either.
      await db.account.updateMany({
        where: { id },
        data: { sealedEmail: null, sealedProfile: null, emailVerified: false },
      });
    },
  };
}
