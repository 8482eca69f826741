/** The registrations' table. Every rule is one statement, so that parallel requests share it. */
import { Prisma } from '../../generated/prisma/client.js';
import type { Bytes } from '../../kernel/sealed-box.js';
import type { Db } from '../../platform/postgres.js';

export type RegistrationRow = {
  readonly id: string;
  readonly clientId: string;
  readonly interactionHash: Bytes;
  readonly sealed: Bytes;
  readonly verified: boolean;
};

type Key =
  | { readonly id: string }
  | { readonly tokenHash: Bytes }
  | { readonly interactionHash: Bytes };

export function registrationStore(db: Db, limits: { seconds: number; tries: number }) {
  const alive = Prisma.sql`used_at IS NULL AND expires_at > clock_timestamp()
    AND (verified_at IS NOT NULL OR tries < ${limits.tries})`;
  const where = (key: Key) => {
    if ('id' in key) return Prisma.sql`id = ${key.id}::uuid`;
    if ('tokenHash' in key) return Prisma.sql`token_hash = ${key.tokenHash}`;
    return Prisma.sql`interaction_hash = ${key.interactionHash}`;
  };

  return {
    /** One row an address: the newer one takes the place of the older one. */
    async insert(row: {
      id: string;
      addressIndex: Bytes;
      interactionHash: Bytes;
      clientId: string;
      sealed: Bytes;
      tokenHash: Bytes;
      codeHash: Bytes;
    }): Promise<void> {
      await db.$executeRaw`
        INSERT INTO registrations (id, address_index, interaction_hash, client_id, sealed,
                                   token_hash, code_hash, created_at, expires_at)
        VALUES (${row.id}::uuid, ${row.addressIndex}, ${row.interactionHash}, ${row.clientId},
                ${row.sealed}, ${row.tokenHash}, ${row.codeHash}, clock_timestamp(),
                clock_timestamp() + make_interval(secs => ${limits.seconds}))
        ON CONFLICT (address_index) DO UPDATE
           SET id = excluded.id, interaction_hash = excluded.interaction_hash,
               client_id = excluded.client_id, sealed = excluded.sealed,
               token_hash = excluded.token_hash, code_hash = excluded.code_hash, tries = 0,
               created_at = excluded.created_at, expires_at = excluded.expires_at,
               verified_at = NULL, used_at = NULL`;
    },

    /** The newest that is alive. */
    async find(key: Key): Promise<RegistrationRow | undefined> {
      const rows = await db.$queryRaw<RegistrationRow[]>`
        SELECT id::text, client_id AS "clientId", interaction_hash AS "interactionHash", sealed,
               verified_at IS NOT NULL AS verified
          FROM registrations
         WHERE ${where(key)} AND ${alive}
         ORDER BY created_at DESC
         LIMIT 1`;
      return rows[0];
    },

    /** Undefined when there is no try left. */
    async spendTry(id: string): Promise<{ tries: number; codeHash: Bytes } | undefined> {
      const rows = await db.$queryRaw<{ tries: number; codeHash: Bytes }[]>`
        UPDATE registrations SET tries = tries + 1
         WHERE id = ${id}::uuid AND verified_at IS NULL AND ${alive}
        RETURNING tries, code_hash AS "codeHash"`;
      return rows[0];
    },

    async verify(id: string): Promise<boolean> {
      const changed = await db.$executeRaw`
        UPDATE registrations SET verified_at = COALESCE(verified_at, clock_timestamp())
         WHERE id = ${id}::uuid AND used_at IS NULL AND expires_at > clock_timestamp()`;
      return changed > 0;
    },

    spendToken: (id: string, tokenHash: Bytes): Promise<number> =>
      db.$executeRaw`
        UPDATE registrations SET used_at = clock_timestamp()
         WHERE id = ${id}::uuid AND token_hash = ${tokenHash} AND ${alive}`,

    spendVerified: (id: string, interactionHash: Bytes): Promise<number> =>
      db.$executeRaw`
        UPDATE registrations SET used_at = clock_timestamp()
         WHERE id = ${id}::uuid AND interaction_hash = ${interactionHash}
           AND verified_at IS NOT NULL AND ${alive}`,

    purge: (limit: number): Promise<number> =>
      db.$executeRaw`
        DELETE FROM registrations
         WHERE id IN (SELECT id FROM registrations WHERE expires_at < now()
                       ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)`,
  };
}
