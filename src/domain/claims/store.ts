/** The table of mapped claims: the only Prisma in this island. */
import type { Db } from '../../platform/postgres.js';
import type { ClaimMapping } from './mapping.js';

export function claimsStore(db: Db) {
  return {
    async list(): Promise<ClaimMapping[]> {
      const rows = await db.claimMapping.findMany({ orderBy: { claim: 'asc' } });
      return rows.map(({ createdAt: _createdAt, ...row }) => row as ClaimMapping);
    },

    async put({ claim, ...row }: ClaimMapping): Promise<void> {
      await db.claimMapping.upsert({
        where: { claim },
        create: { claim, ...row },
        update: row,
      });
    },

    async remove(claim: string): Promise<boolean> {
      return (await db.claimMapping.deleteMany({ where: { claim } })).count > 0;
    },
  };
}
