/** The table of known devices. */
import { Prisma } from '../../../generated/prisma/client.js';
import type { Bytes } from '../../../kernel/sealed-box.js';
import type { Db } from '../../../platform/postgres.js';
import { DEVICE_SECONDS, type KnownDevice } from './device.js';

const COLUMNS = Prisma.sql`
  id, label, created_at AS "createdAt", last_seen_at AS "lastSeenAt",
  expires_at AS "expiresAt", mfa_trusted_until AS "mfaTrustedUntil"`;

export function deviceStore(db: Db) {
  return {
    async insert(row: {
      id: string;
      accountId: string;
      tokenHash: Bytes;
      label: string;
      trustSeconds: number | null;
    }): Promise<void> {
      await db.$executeRaw`
        INSERT INTO known_devices
               (id, account_id, token_hash, label, last_seen_at, expires_at, mfa_trusted_until)
        VALUES (${row.id}::uuid, ${row.accountId}::uuid, ${row.tokenHash}, ${row.label}, now(),
                now() + make_interval(secs => ${DEVICE_SECONDS}),
                now() + make_interval(secs => ${row.trustSeconds}::double precision))`;
    },

    /** Keeps the devices seen last. A statement of its own: it has to see the new one. */
    async trim(accountId: string, kept: number): Promise<void> {
      await db.$executeRaw`
        DELETE FROM known_devices
         WHERE id IN (SELECT id FROM known_devices
                       WHERE account_id = ${accountId}::uuid
                       ORDER BY last_seen_at DESC, id
                      OFFSET ${kept})`;
    },

    async find(
      tokenHashes: readonly Bytes[],
      accountId: string,
    ): Promise<(KnownDevice & { readonly tokenHash: Uint8Array }) | undefined> {
      const rows = await db.$queryRaw<(KnownDevice & { readonly tokenHash: Uint8Array })[]>`
        SELECT ${COLUMNS}, token_hash AS "tokenHash" FROM known_devices
         WHERE token_hash IN (${Prisma.join([...tokenHashes])})
           AND account_id = ${accountId}::uuid AND expires_at > now()
         ORDER BY last_seen_at DESC
         LIMIT 1`;
      return rows[0];
    },

    async touch(id: string, accountId: string, trustSeconds: number | null): Promise<void> {
      await db.$executeRaw`
        UPDATE known_devices
           SET last_seen_at = now(),
               expires_at = now() + make_interval(secs => ${DEVICE_SECONDS}),
               mfa_trusted_until = COALESCE(
                 now() + make_interval(secs => ${trustSeconds}::double precision),
                 mfa_trusted_until)
         WHERE id = ${id}::uuid AND account_id = ${accountId}::uuid AND expires_at > now()`;
    },

    async list(accountId: string): Promise<KnownDevice[]> {
      return db.$queryRaw<KnownDevice[]>`
        SELECT ${COLUMNS} FROM known_devices
         WHERE account_id = ${accountId}::uuid AND expires_at > now()
         ORDER BY last_seen_at DESC, id`;
    },

    async ids(accountId: string): Promise<string[]> {
      const rows = await db.knownDevice.findMany({ where: { accountId }, select: { id: true } });
      return rows.map(({ id }) => id);
    },

    /** One device, or all of an account. */
    async remove(accountId: string, id?: string): Promise<number> {
      const where = id === undefined ? { accountId } : { accountId, id };
      return (await db.knownDevice.deleteMany({ where })).count;
    },

    async removeOthers(accountId: string, kept: string | undefined): Promise<number> {
      const where = kept === undefined ? { accountId } : { accountId, id: { not: kept } };
      return (await db.knownDevice.deleteMany({ where })).count;
    },

    async distrust(accountId: string, id: string | undefined): Promise<number> {
      const { count } = await db.knownDevice.updateMany({
        where: { accountId, mfaTrustedUntil: { not: null }, ...(id === undefined ? {} : { id }) },
        data: { mfaTrustedUntil: null },
      });
      return count;
    },

    async purge(limit: number): Promise<number> {
      return db.$executeRaw`
        DELETE FROM known_devices
         WHERE id IN (SELECT id FROM known_devices WHERE expires_at < now()
                       ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)`;
    },
  };
}
