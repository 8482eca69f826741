/** The tables of registration tokens and of the clients they led to. */
import { Prisma } from '../../generated/prisma/client.js';
import type { Bytes } from '../../kernel/sealed-box.js';
import type { Db } from '../../platform/postgres.js';

export type TokenRow = {
  readonly id: string;
  readonly name: string;
  readonly identityScopes: readonly string[];
  readonly apiScopes: unknown;
  readonly grantTypes: readonly string[];
  readonly profile: string;
  readonly maxClients: number | null;
  readonly clients: number;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
};

const told = {
  id: true,
  name: true,
  identityScopes: true,
  apiScopes: true,
  grantTypes: true,
  profile: true,
  maxClients: true,
  clients: true,
  createdAt: true,
  expiresAt: true,
  revokedAt: true,
} as const;

const COLUMNS = Prisma.sql`id::text, name, identity_scopes AS "identityScopes",
  api_scopes AS "apiScopes", grant_types AS "grantTypes", profile, max_clients AS "maxClients",
  clients, created_at AS "createdAt", expires_at AS "expiresAt", revoked_at AS "revokedAt"`;

const ALIVE = Prisma.sql`revoked_at IS NULL AND expires_at > clock_timestamp()
  AND (max_clients IS NULL OR clients < max_clients)`;
const FRESH_HOUR = Prisma.sql`(window_started_at IS NULL
  OR window_started_at <= clock_timestamp() - interval '1 hour')`;

export function registrationTokenStore(db: Db, perHour: number) {
  return {
    async insertToken(row: {
      id: string;
      name: string;
      hash: Bytes;
      identityScopes: readonly string[];
      apiScopes: Readonly<Record<string, readonly string[]>>;
      grantTypes: readonly string[];
      profile: string;
      maxClients: number | null;
      seconds: number;
    }): Promise<Date> {
      const rows = await db.$queryRaw<{ expiresAt: Date }[]>`
        INSERT INTO registration_tokens (id, name, hash, identity_scopes, api_scopes, grant_types,
                                         profile, max_clients, created_at, expires_at)
        VALUES (${row.id}::uuid, ${row.name}, ${row.hash}, ${[...row.identityScopes]},
                ${JSON.stringify(row.apiScopes)}::jsonb, ${[...row.grantTypes]}, ${row.profile},
                ${row.maxClients}::int, clock_timestamp(),
                clock_timestamp() + make_interval(secs => ${row.seconds}))
        RETURNING expires_at AS "expiresAt"`;
      return rows[0]?.expiresAt ?? new Date(0);
    },

    listTokens: (): Promise<TokenRow[]> =>
      db.registrationToken.findMany({ select: told, orderBy: { createdAt: 'desc' } }),

    async revokeToken(id: string): Promise<boolean> {
      const changed = await db.$executeRaw`
        UPDATE registration_tokens SET revoked_at = clock_timestamp()
         WHERE id = ${id}::uuid AND revoked_at IS NULL`;
      return changed > 0;
    },

    async findToken(hash: Bytes): Promise<TokenRow | undefined> {
      const rows = await db.$queryRaw<TokenRow[]>`
        SELECT ${COLUMNS} FROM registration_tokens WHERE hash = ${hash} AND ${ALIVE}`;
      return rows[0];
    },

    /** False when there is none left: in this hour, or at all. */
    async spend(id: string): Promise<boolean> {
      const changed = await db.$executeRaw`
        UPDATE registration_tokens
           SET clients = clients + 1,
               window_clients = CASE WHEN ${FRESH_HOUR} THEN 1 ELSE window_clients + 1 END,
               window_started_at = CASE WHEN ${FRESH_HOUR} THEN clock_timestamp()
                                        ELSE window_started_at END
         WHERE id = ${id}::uuid AND ${ALIVE} AND (${FRESH_HOUR} OR window_clients < ${perHour})`;
      return changed > 0;
    },

    /** How long this hour lasts for a token that is alive. */
    async secondsLeft(id: string): Promise<number | undefined> {
      const rows = await db.$queryRaw<{ seconds: number }[]>`
        SELECT ceil(extract(epoch FROM window_started_at + interval '1 hour'
                                       - clock_timestamp()))::int AS seconds
          FROM registration_tokens WHERE id = ${id}::uuid AND ${ALIVE}`;
      return rows[0]?.seconds;
    },

    async giveBack(id: string, ofTheHour: 0 | 1): Promise<void> {
      await db.$executeRaw`
        UPDATE registration_tokens
           SET clients = GREATEST(clients - 1, 0),
               window_clients = GREATEST(window_clients - ${ofTheHour}::int, 0)
         WHERE id = ${id}::uuid`;
    },

    async insertRegistration(row: {
      clientId: string;
      tokenId: string;
      accessHash: Bytes;
    }): Promise<Date> {
      const rows = await db.$queryRaw<{ createdAt: Date }[]>`
        INSERT INTO client_registrations (client_id, token_id, access_hash, created_at)
        VALUES (${row.clientId}, ${row.tokenId}::uuid, ${row.accessHash}, clock_timestamp())
        RETURNING created_at AS "createdAt"`;
      return rows[0]?.createdAt ?? new Date(0);
    },

    async findRegistration(clientId: string) {
      return db.clientRegistration.findUnique({
        where: { clientId },
        include: { token: { select: told } },
      });
    },

    async replaceAccess(clientId: string, from: Bytes, to: Bytes): Promise<boolean> {
      const changed = await db.$executeRaw`
        UPDATE client_registrations SET access_hash = ${to}
         WHERE client_id = ${clientId} AND access_hash = ${from}`;
      return changed > 0;
    },

    /** Adds to what operators have decided; nothing where no client registered itself. */
    async addDecisions(
      clientId: string,
      fields: readonly string[],
      apis: readonly string[],
    ): Promise<void> {
      await db.$executeRaw`
        UPDATE client_registrations
           SET operator_fields = ARRAY(SELECT DISTINCT unnest(operator_fields || ${[...fields]}::text[])),
               operator_apis = ARRAY(SELECT DISTINCT unnest(operator_apis || ${[...apis]}::text[]))
         WHERE client_id = ${clientId}`;
    },

    async listRegistered(clientIds: readonly string[]): Promise<string[]> {
      const rows = await db.clientRegistration.findMany({
        where: { clientId: { in: [...clientIds] } },
        select: { clientId: true },
      });
      return rows.map(({ clientId }) => clientId);
    },
  };
}
