/** The credentials' tables: the only Prisma in this island. */
import type { Bytes } from '../../kernel/sealed-box.js';
import type { Db } from '../../platform/postgres.js';

export function passwordStore(db: Db) {
  const trim = (accountId: string, keep: number) => db.$executeRaw`
    DELETE FROM password_history
     WHERE id IN (SELECT id FROM password_history
                   WHERE account_id = ${accountId}::uuid
                   ORDER BY retired_at DESC, id DESC
                  OFFSET ${keep})`;
  return {
    async findHash(accountId: string): Promise<string | undefined> {
      const row = await db.passwordCredential.findUnique({
        where: { accountId },
        select: { hash: true },
      });
      return row?.hash;
    },

    /** The retired hashes, the latest first. */
    async listRetired(accountId: string, limit: number): Promise<string[]> {
      const rows = await db.passwordHistory.findMany({
        where: { accountId },
        select: { hash: true },
        orderBy: [{ retiredAt: 'desc' }, { id: 'desc' }],
        take: limit,
      });
      return rows.map(({ hash }) => hash);
    },

    async setHash(accountId: string, hash: string, changedAt: Date): Promise<void> {
      await db.passwordCredential.upsert({
        where: { accountId },
        create: { accountId, hash, changedAt },
        update: { hash, changedAt },
      });
    },

    async findChangedAt(accountId: string): Promise<Date | undefined> {
      const row = await db.passwordCredential.findUnique({
        where: { accountId },
        select: { changedAt: true },
      });
      return row?.changedAt;
    },

    async changeHash(
      accountId: string,
      { from, to, at }: { from: string; to: string; at: Date },
    ): Promise<boolean> {
      const { count } = await db.passwordCredential.updateMany({
        where: { accountId, hash: from },
        data: { hash: to, changedAt: at },
      });
      return count > 0;
    },

    /** Only if it is still the one that was verified: a change in between must not be undone. */
    async replaceHash(accountId: string, from: string, to: string): Promise<void> {
      await db.passwordCredential.updateMany({
        where: { accountId, hash: from },
        data: { hash: to },
      });
    },

    /**
     * Copies the present hash, if there is one, to the history, and forgets all but the latest
     * `keep`. The row is held, so of two changes at once the later one retires the earlier.
     */
    async retire(accountId: string, row: { id: string; at: Date; keep: number }): Promise<void> {
      await db.$executeRaw`
        INSERT INTO password_history (id, account_id, hash, retired_at)
        SELECT ${row.id}::uuid, account_id, hash, ${row.at}
          FROM password_credentials
         WHERE account_id = ${accountId}::uuid
           FOR UPDATE`;
      await trim(accountId, row.keep);
    },

    /** Puts a hash that was in use until now into the history, and forgets the oldest. */
    async keepRetired(
      accountId: string,
      row: { id: string; hash: string; at: Date; keep: number },
    ): Promise<void> {
      const { id, hash, at: retiredAt } = row;
      await db.passwordHistory.create({ data: { id, accountId, hash, retiredAt } });
      await trim(accountId, row.keep);
    },

    async remove(accountId: string): Promise<number> {
      return (await db.passwordCredential.deleteMany({ where: { accountId } })).count;
    },

    /** Every row of this island that is about an account; how many of them opened something. */
    async forget(accountId: string): Promise<number> {
      const where = { where: { accountId } };
      await db.passwordHistory.deleteMany(where);
      await db.recoveryCode.deleteMany(where);
      await db.passkeyHandle.deleteMany(where);
      await db.oneTimeLink.deleteMany(where);
      await db.factorReset.deleteMany(where);
      await db.emailCode.deleteMany(where);
      const passwords = await db.passwordCredential.deleteMany(where);
      const apps = await db.totpCredential.deleteMany(where);
      const passkeys = await db.passkey.deleteMany(where);
      return passwords.count + apps.count + passkeys.count;
    },
  };
}

export function totpStore(db: Db) {
  return {
    async findSeed(accountId: string): Promise<Bytes | undefined> {
      const row = await db.totpCredential.findUnique({
        where: { accountId },
        select: { sealedSeed: true },
      });
      return row?.sealedSeed;
    },

    async findCreatedAt(accountId: string): Promise<Date | undefined> {
      const row = await db.totpCredential.findUnique({
        where: { accountId },
        select: { createdAt: true },
      });
      return row?.createdAt;
    },

    /** False when the account has an app already. */
    async insert(row: {
      accountId: string;
      sealedSeed: Bytes;
      lastStep: number;
      createdAt: Date;
    }): Promise<boolean> {
      const { count } = await db.totpCredential.createMany({
        data: [{ ...row, lastStep: BigInt(row.lastStep) }],
        skipDuplicates: true,
      });
      return count > 0;
    },

    /** Spends a time step of this very seed; false when it or a later one is spent already. */
    async spendStep(accountId: string, sealedSeed: Bytes, step: number): Promise<boolean> {
      const { count } = await db.totpCredential.updateMany({
        where: { accountId, sealedSeed, lastStep: { lt: BigInt(step) } },
        data: { lastStep: BigInt(step) },
      });
      return count > 0;
    },

    async remove(accountId: string): Promise<boolean> {
      await db.recoveryCode.deleteMany({ where: { accountId } });
      return (await db.totpCredential.deleteMany({ where: { accountId } })).count > 0;
    },
  };
}

export type NewRecoveryCode = { id: string; accountId: string; hash: Bytes; createdAt: Date };

export function recoveryCodeStore(db: Db) {
  return {
    /** Two regenerations for one account wait for each other here, until the transaction ends. */
    async lock(accountId: string): Promise<void> {
      await db.$executeRaw`
        SELECT pg_advisory_xact_lock(hashtextextended('recovery-codes:' || ${accountId}, 0))`;
    },

    async replace(accountId: string, codes: NewRecoveryCode[]): Promise<void> {
      await db.recoveryCode.deleteMany({ where: { accountId } });
      await db.recoveryCode.createMany({ data: codes });
    },

    /** Spends the code that has one of these hashes; zero when there is none unused. */
    async spend(accountId: string, hashes: readonly Bytes[], usedAt: Date): Promise<number> {
      const { count } = await db.recoveryCode.updateMany({
        where: { accountId, hash: { in: [...hashes] }, usedAt: null },
        data: { usedAt },
      });
      return count;
    },

    countUnused: (accountId: string): Promise<number> =>
      db.recoveryCode.count({ where: { accountId, usedAt: null } }),
  };
}
