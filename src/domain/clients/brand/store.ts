/** The table of brands. */
import type { Bytes } from '../../../kernel/sealed-box.js';
import type { Db } from '../../../platform/postgres.js';

export type BrandRow = {
  readonly accent: string | null;
  readonly surface: string | null;
  readonly logoType: string | null;
  readonly logoSha256: string | null;
  readonly logoWidth: number | null;
  readonly logoHeight: number | null;
};

/** Everything but the picture. */
const COLUMNS = {
  accent: true,
  surface: true,
  logoType: true,
  logoSha256: true,
  logoWidth: true,
  logoHeight: true,
} as const;

export function brandStore(db: Db) {
  return {
    async find(clientId: string): Promise<BrandRow | undefined> {
      const where = { clientId };
      return (await db.clientBrand.findUnique({ where, select: COLUMNS })) ?? undefined;
    },

    /** Holds the client's row until the transaction ends, so that changes come in turn. */
    async lock(clientId: string): Promise<boolean> {
      const rows = await db.$queryRaw<unknown[]>`
        SELECT 1 FROM clients WHERE id = ${clientId} FOR UPDATE`;
      return rows.length > 0;
    },

    async save(clientId: string, change: Partial<BrandRow> & { logo?: Bytes | null }) {
      await db.clientBrand.upsert({
        where: { clientId },
        create: { clientId, ...change },
        update: change,
      });
    },

    async remove(clientId: string): Promise<void> {
      await db.clientBrand.deleteMany({ where: { clientId } });
    },

    async findLogo(sha256: string): Promise<{ type: string; bytes: Uint8Array } | undefined> {
      const row = await db.clientBrand.findFirst({
        where: { logoSha256: sha256 },
        select: { logo: true, logoType: true },
      });
      return row?.logo && row.logoType ? { type: row.logoType, bytes: row.logo } : undefined;
    },
  };
}
