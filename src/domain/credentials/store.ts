/** The credentials' table: the only Prisma in this island. */
import type { Db } from '../../platform/postgres.js';

export function credentialsStore(db: Db) {
  return {
    async findPasswordHash(accountId: string): Promise<string | undefined> {
      const row = await db.passwordCredential.findUnique({
        where: { accountId },
        select: { hash: true },
      });
      return row?.hash;
    },

    async setPasswordHash(accountId: string, hash: string, changedAt: Date): Promise<void> {
      await db.passwordCredential.upsert({
        where: { accountId },
        create: { accountId, hash, changedAt },
        update: { hash, changedAt },
      });
    },

    /** Only if it is still the one that was verified: a change in between must not be undone. */
    async replaceHash(accountId: string, from: string, to: string): Promise<void> {
      await db.passwordCredential.updateMany({
        where: { accountId, hash: from },
        data: { hash: to },
      });
    },

    async deletePassword(accountId: string): Promise<number> {
      return (await db.passwordCredential.deleteMany({ where: { accountId } })).count;
    },
  };
}
