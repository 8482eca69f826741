/** The tables of resource servers, scopes and client grants: the only Prisma in this island. */
import type { Db } from '../../platform/postgres.js';

export type ResourceServerRow = {
  readonly id: string;
  readonly indicator: string;
  readonly name: string;
  readonly format: 'opaque' | 'jwt';
  /** How its access tokens are signed, where they are JWTs. */
  readonly jwtAlg: string;
  readonly accessTokenTtl: number;
  readonly scopes: readonly ScopeRow[];
};

export type ScopeRow = {
  readonly name: string;
  readonly description: string;
  /** What a log-in must have been for this scope (RFC 9470). */
  readonly requiredAcr?: string | null;
  readonly maxAgeSeconds?: number | null;
};

export type ScopeDemand = {
  readonly requiredAcr: string | null;
  readonly maxAgeSeconds: number | null;
};

export function accessStore(db: Db) {
  return {
    async findResourceServer(indicator: string): Promise<ResourceServerRow | undefined> {
      const row = await db.resourceServer.findUnique({
        where: { indicator },
        include: { scopes: { orderBy: { name: 'asc' } } },
      });
      return row ?? undefined;
    },

    async listResourceServers(): Promise<ResourceServerRow[]> {
      return db.resourceServer.findMany({
        include: { scopes: { orderBy: { name: 'asc' } } },
        orderBy: { indicator: 'asc' },
      });
    },

    async insertResourceServer(row: ResourceServerRow): Promise<void> {
      await db.resourceServer.create({
        data: { ...row, scopes: { create: row.scopes.map((scope) => ({ ...scope })) } },
      });
    },

    async lockIndicator(indicator: string): Promise<void> {
      await db.$executeRaw`
        SELECT pg_advisory_xact_lock(hashtextextended('resource-server:' || ${indicator}, 0))`;
    },

    async lockScopeNames(): Promise<void> {
      await db.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('scope-names', 0))`;
    },

    /** False when there is no such scope. */
    async setDemand(indicator: string, scope: string, demand: ScopeDemand): Promise<boolean> {
      const { count } = await db.resourceScope.updateMany({
        where: { name: scope, resourceServer: { indicator } },
        data: demand,
      });
      return count > 0;
    },

    async describeScopes(
      resourceServerId: string,
      words: Readonly<Record<string, string>>,
    ): Promise<number> {
      let changed = 0;
      for (const [name, description] of Object.entries(words)) {
        const { count } = await db.resourceScope.updateMany({
          where: { resourceServerId, name, description: { not: description } },
          data: { description },
        });
        changed += count;
      }
      return changed;
    },

    async addScopes(
      resourceServerId: string,
      words: Readonly<Record<string, string>>,
    ): Promise<void> {
      await db.resourceScope.createMany({
        data: Object.entries(words).map(([name, description]) => ({
          resourceServerId,
          name,
          description,
        })),
        skipDuplicates: true,
      });
    },

    async linkClient(resourceServerId: string, clientId: string): Promise<void> {
      await db.resourceServerClient.upsert({
        where: { resourceServerId_clientId: { resourceServerId, clientId } },
        create: { resourceServerId, clientId },
        update: {},
      });
    },

    async setGrant(
      clientId: string,
      resourceServerId: string,
      scopes: readonly string[],
    ): Promise<void> {
      if (scopes.length === 0) {
        await db.clientGrant.deleteMany({ where: { clientId, resourceServerId } });
        return;
      }
      await db.clientGrant.upsert({
        where: { clientId_resourceServerId: { clientId, resourceServerId } },
        create: { clientId, resourceServerId, scopes: [...scopes] },
        update: { scopes: [...scopes] },
      });
    },

    async rightsOf(clientId: string) {
      const [grants, audiences] = await Promise.all([
        db.clientGrant.findMany({
          where: { clientId },
          select: { scopes: true, resourceServer: { select: { indicator: true } } },
        }),
        db.resourceServerClient.findMany({
          where: { clientId },
          select: { resourceServer: { select: { indicator: true } } },
        }),
      ]);
      return {
        grants: new Map(
          grants.map((grant) => [grant.resourceServer.indicator, new Set(grant.scopes)]),
        ),
        audiences: new Set(audiences.map((link) => link.resourceServer.indicator)),
      };
    },

    async listRoles(accountId: string): Promise<string[]> {
      const rows = await db.accountRole.findMany({
        where: { accountId },
        orderBy: { role: 'asc' },
      });
      return rows.map(({ role }) => role);
    },

    async addRole(accountId: string, role: string): Promise<void> {
      await db.accountRole.upsert({
        where: { accountId_role: { accountId, role } },
        create: { accountId, role },
        update: {},
      });
    },

    async rolesOf(accountId: string): Promise<string[]> {
      const rows = await db.accountRole.findMany({ where: { accountId }, select: { role: true } });
      return rows.map(({ role }) => role);
    },
  };
}
