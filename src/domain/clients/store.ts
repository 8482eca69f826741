/** The clients' tables: the only Prisma in this island. */
import { Prisma } from '../../generated/prisma/client.js';
import type { Bytes } from '../../kernel/sealed-box.js';
import type { Db } from '../../platform/postgres.js';

export type ClientSecretRow = {
  readonly id: string;
  readonly hash: Uint8Array;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
};

export type ClientRow = {
  readonly id: string;
  readonly name: string;
  readonly status: 'active' | 'disabled';
  readonly firstParty: boolean;
  readonly applicationType: string;
  readonly authMethod: string;
  readonly grantTypes: readonly string[];
  readonly redirectUris: readonly string[];
  readonly postLogoutRedirectUris: readonly string[];
  readonly webOrigins: readonly string[];
  readonly identityScopes: readonly string[];
  readonly idTokenAlg: string;
  readonly requirePushedRequests: boolean;
  readonly dpopBoundAccessTokens: boolean;
  readonly selfRegistration: boolean;
  readonly emailCode: boolean;
  readonly profile: string;
  readonly metadata: unknown;
  readonly refreshGraceSeconds: number | null;
  readonly refreshIdleSeconds: number | null;
  readonly refreshAbsoluteSeconds: number | null;
  readonly jwks: unknown;
  readonly clientUri: string | null;
  readonly policyUri: string | null;
  readonly tosUri: string | null;
  readonly createdAt: Date;
};

/** Seconds; what was issued to the client in that second or before is dead. */
export type Epoch = { readonly securityEpoch: number };

/** What a registered client's protocol settings are kept in. */
export type ProtocolColumns = Pick<
  ClientRow,
  | 'profile'
  | 'metadata'
  | 'refreshGraceSeconds'
  | 'refreshIdleSeconds'
  | 'refreshAbsoluteSeconds'
  | 'requirePushedRequests'
  | 'dpopBoundAccessTokens'
>;

export function clientsStore(db: Db) {
  return {
    async find(
      id: string,
    ): Promise<(ClientRow & Epoch & { secrets: ClientSecretRow[] }) | undefined> {
      return (
        (await db.client.findUnique({ where: { id }, include: { secrets: true } })) ?? undefined
      );
    },

    async insert(row: Omit<ClientRow, 'status' | 'createdAt'>): Promise<boolean> {
      const { count } = await db.client.createMany({
        data: [columnsOf(row)],
        skipDuplicates: true,
      });
      return count > 0;
    },

    async update(row: Omit<ClientRow, 'status' | 'createdAt'>): Promise<void> {
      await db.client.update({ where: { id: row.id }, data: columnsOf(row) });
    },

    /** Changes what is given and nothing else; false if there is no such client. */
    async change(id: string, changes: Partial<ProtocolColumns>): Promise<boolean> {
      const { metadata, ...plain } = changes;
      const data = {
        ...plain,
        ...(metadata === undefined ? {} : { metadata: metadata as Prisma.InputJsonObject }),
      };
      return (await db.client.updateMany({ where: { id }, data })).count > 0;
    },

    async list(page: { after?: string; limit: number }): Promise<ClientRow[]> {
      return db.client.findMany({
        orderBy: { id: 'asc' },
        take: page.limit,
        ...(page.after ? { where: { id: { gt: page.after } } } : {}),
      });
    },

    async listByWebOrigin(origin: string): Promise<string[]> {
      const rows = await db.client.findMany({
        where: { status: 'active', webOrigins: { has: origin } },
        select: { id: true },
        orderBy: { id: 'asc' },
      });
      return rows.map(({ id }) => id);
    },

    async listByIdentityScope(scope: string): Promise<string[]> {
      const rows = await db.client.findMany({
        where: { identityScopes: { has: scope } },
        select: { id: true },
        orderBy: { id: 'asc' },
      });
      return rows.map(({ id }) => id);
    },

    async listShops(except: string): Promise<{ id: string; name: string }[]> {
      return db.client.findMany({
        where: {
          firstParty: true,
          status: 'active',
          id: { not: except },
          NOT: { redirectUris: { isEmpty: true } },
        },
        select: { id: true, name: true },
        orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
      });
    },

    async listFirstPartyNames(): Promise<string[]> {
      const rows = await db.client.findMany({
        where: { firstParty: true },
        select: { name: true },
      });
      return rows.map(({ name }) => name);
    },

    async setStatus(id: string, status: 'active' | 'disabled'): Promise<boolean> {
      const changed = await db.$executeRaw`
        UPDATE clients
           SET status = ${status}::status,
               security_epoch = GREATEST(security_epoch + 1,
                                         extract(epoch FROM clock_timestamp())::int),
               updated_at = now()
         WHERE id = ${id}`;
      return changed > 0;
    },

    async setSelfRegistration(id: string, allowed: boolean): Promise<boolean> {
      const data = { selfRegistration: allowed };
      return (await db.client.updateMany({ where: { id }, data })).count > 0;
    },

    async setEmailCode(id: string, allowed: boolean): Promise<boolean> {
      const data = { emailCode: allowed };
      return (await db.client.updateMany({ where: { id }, data })).count > 0;
    },

    /** Holds the client's row until the transaction ends, so that secrets are counted in turn. */
    async lock(id: string): Promise<boolean> {
      const rows = await db.$queryRaw<unknown[]>`SELECT 1 FROM clients WHERE id = ${id} FOR UPDATE`;
      return rows.length > 0;
    },

    async listSecrets(clientId: string): Promise<ClientSecretRow[]> {
      return db.clientSecret.findMany({ where: { clientId }, orderBy: { createdAt: 'asc' } });
    },

    async insertSecret(row: {
      id: string;
      clientId: string;
      hash: Bytes;
      createdAt: Date;
    }): Promise<void> {
      await db.clientSecret.create({ data: row });
    },

    async deleteSecrets(clientId: string): Promise<number> {
      return (await db.clientSecret.deleteMany({ where: { clientId } })).count;
    },

    async remove(id: string): Promise<boolean> {
      return (await db.client.deleteMany({ where: { id } })).count > 0;
    },

    async deleteSecret(clientId: string, id: string): Promise<boolean> {
      return (await db.clientSecret.deleteMany({ where: { id, clientId } })).count > 0;
    },
  };
}

function columnsOf({ jwks, metadata, ...row }: Omit<ClientRow, 'status' | 'createdAt'>) {
  return {
    ...row,
    grantTypes: [...row.grantTypes],
    redirectUris: [...row.redirectUris],
    postLogoutRedirectUris: [...row.postLogoutRedirectUris],
    webOrigins: [...row.webOrigins],
    identityScopes: [...row.identityScopes],
    metadata: metadata as Prisma.InputJsonObject,
    jwks: jwks ? (jwks as Prisma.InputJsonValue) : Prisma.DbNull,
  };
}
