/** The signing keys' table: the only Prisma in this island. */
import type { Prisma } from '../../generated/prisma/client.js';
import type { Bytes } from '../../kernel/sealed-box.js';
import type { Db } from '../../platform/postgres.js';

export type SigningKeyRow = {
  readonly kid: string;
  readonly alg: string;
  readonly sealedPrivate: Uint8Array;
  readonly createdAt: Date;
  readonly activeFrom: Date;
  readonly publishedUntil: Date | null;
  readonly revokedAt: Date | null;
};

// Any number, as long as every maker of keys takes the same.
const LOCK = 7_230_145_001n;

/** What is left of a private half once it is destroyed. */
const NOTHING = new Uint8Array();

export function keysStore(db: Db) {
  return {
    async list(): Promise<SigningKeyRow[]> {
      return db.signingKey.findMany({ orderBy: [{ createdAt: 'desc' }, { kid: 'asc' }] });
    },

    async lock(): Promise<void> {
      await db.$executeRaw`SELECT pg_advisory_xact_lock(${LOCK})`;
    },

    async insert(row: {
      kid: string;
      alg: string;
      publicJwk: object;
      sealedPrivate: Bytes;
      createdAt: Date;
      activeFrom: Date;
    }): Promise<void> {
      await db.signingKey.create({
        data: { ...row, publicJwk: row.publicJwk as Prisma.InputJsonObject },
      });
    },

    async retire(kids: readonly string[], publishedUntil: Date): Promise<void> {
      await db.signingKey.updateMany({
        where: { kid: { in: [...kids] } },
        data: { publishedUntil },
      });
    },

    /** The public half stays, for whoever has to tell forged signatures from others later. */
    async revoke(kids: readonly string[], now: Date): Promise<void> {
      await db.signingKey.updateMany({
        where: { kid: { in: [...kids] } },
        data: { publishedUntil: now, revokedAt: now, sealedPrivate: NOTHING },
      });
    },

    async activate(kid: string, activeFrom: Date): Promise<void> {
      await db.signingKey.update({ where: { kid }, data: { activeFrom } });
    },

    async destroyRetired(before: Date, limit: number): Promise<number> {
      const rows = await db.signingKey.findMany({
        where: { publishedUntil: { lt: before }, NOT: { sealedPrivate: NOTHING } },
        select: { kid: true },
        take: limit,
      });
      if (rows.length === 0) return 0;
      const { count } = await db.signingKey.updateMany({
        where: { kid: { in: rows.map((row) => row.kid) } },
        data: { sealedPrivate: NOTHING },
      });
      return count;
    },
  };
}
