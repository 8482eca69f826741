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
};

// Any number, as long as every maker of keys takes the same.
const LOCK = 7_230_145_001n;

export function keysStore(db: Db) {
  return {
    async list(): Promise<SigningKeyRow[]> {
      return db.signingKey.findMany({ orderBy: { createdAt: 'desc' } });
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
  };
}
