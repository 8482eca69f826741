/** The tables of passkeys: with the file beside `index.ts` the only Prisma in this island. */
import type { Bytes } from '../../../kernel/sealed-box.js';
import type { Db } from '../../../platform/postgres.js';

export type PasskeyRow = {
  readonly id: string;
  readonly accountId: string;
  readonly credentialId: Bytes;
  readonly publicKey: Bytes;
  readonly transports: readonly string[];
  readonly backedUp: boolean;
  readonly name: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
};

const columns = {
  id: true,
  accountId: true,
  credentialId: true,
  publicKey: true,
  transports: true,
  backedUp: true,
  name: true,
  createdAt: true,
  lastUsedAt: true,
} as const;

export function passkeyStore(db: Db) {
  return {
    /** Keeps a challenge; whatever was asked on the same page before counts no longer. */
    async ask(boundTo: Bytes, hash: Bytes, seconds: number): Promise<void> {
      await db.$executeRaw`
        INSERT INTO passkey_challenges (bound_to, hash, expires_at)
        VALUES (${boundTo}, ${hash}, clock_timestamp() + make_interval(secs => ${seconds}))
        ON CONFLICT (bound_to) DO UPDATE
           SET hash = excluded.hash, expires_at = excluded.expires_at`;
    },

    /** Takes a challenge away; false when it is not there, not from this page, or too old. */
    async take(boundTo: Bytes, hash: Bytes): Promise<boolean> {
      const taken = await db.$executeRaw`
        DELETE FROM passkey_challenges
         WHERE bound_to = ${boundTo} AND hash = ${hash} AND expires_at > clock_timestamp()`;
      return taken > 0;
    },

    async deleteExpired(limit: number): Promise<number> {
      return db.$executeRaw`
        DELETE FROM passkey_challenges
         WHERE bound_to IN (SELECT bound_to FROM passkey_challenges
                             WHERE expires_at < now()
                             LIMIT ${limit}
                               FOR UPDATE SKIP LOCKED)`;
    },

    /** The account's handle; the proposed one if it has none yet. */
    async handleOf(accountId: string, proposed: Bytes): Promise<Bytes> {
      await db.passkeyHandle.createMany({
        data: [{ accountId, handle: proposed }],
        skipDuplicates: true,
      });
      const row = await db.passkeyHandle.findUniqueOrThrow({ where: { accountId } });
      return row.handle;
    },

    async findHandle(accountId: string): Promise<Bytes | undefined> {
      return (await db.passkeyHandle.findUnique({ where: { accountId } }))?.handle;
    },

    async findByCredential(credentialId: Bytes): Promise<PasskeyRow | undefined> {
      const where = { credentialId };
      return (await db.passkey.findUnique({ where, select: columns })) ?? undefined;
    },

    list: (accountId: string): Promise<PasskeyRow[]> =>
      db.passkey.findMany({
        where: { accountId },
        select: columns,
        orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
      }),

    count: (accountId: string): Promise<number> => db.passkey.count({ where: { accountId } }),

    /** False when somebody has this credential already. */
    async insert(
      row: Omit<PasskeyRow, 'lastUsedAt' | 'transports'> & {
        signCount: number;
        backupEligible: boolean;
        transports: string[];
      },
    ): Promise<boolean> {
      const { count } = await db.passkey.createMany({
        data: [{ ...row, signCount: BigInt(row.signCount) }],
        skipDuplicates: true,
      });
      return count > 0;
    },

    /** Spends a signature's count: it must have risen, or be kept by nobody (WebAuthn 6.1.1). */
    async use(id: string, next: { signCount: number; backedUp: boolean; at: Date }) {
      const signCount = BigInt(next.signCount);
      const risen =
        next.signCount === 0
          ? { signCount: { equals: BigInt(0) } }
          : { signCount: { lt: signCount } };
      const { count } = await db.passkey.updateMany({
        where: { id, ...risen },
        data: { signCount, backedUp: next.backedUp, lastUsedAt: next.at },
      });
      return count > 0;
    },

    async exists(id: string): Promise<boolean> {
      return (await db.passkey.count({ where: { id } })) > 0;
    },

    async rename(accountId: string, id: string, name: string): Promise<boolean> {
      return (await db.passkey.updateMany({ where: { id, accountId }, data: { name } })).count > 0;
    },

    /** Removes one passkey of the account; returns how many went. */
    async remove(accountId: string, id: string): Promise<number> {
      return (await db.passkey.deleteMany({ where: { accountId, id } })).count;
    },

    async removeSince(accountId: string, since: Date): Promise<number> {
      const where = { accountId, createdAt: { gte: since } };
      return (await db.passkey.deleteMany({ where })).count;
    },
  };
}
