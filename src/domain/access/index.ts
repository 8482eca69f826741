/**
 * Access: may A do B to C? Resource servers own their scopes, a client is granted some of them,
 * staff carry roles, and the admin API asks for one scope an operation.
 *
 * Promises: nothing is granted by default; a scope exists only within its resource server.
 */
import { newId } from '../../kernel/ids.js';
import { DEFAULT_SIGNING_ALG, type SigningAlg } from '../../kernel/signing-algs.js';
import type { Db } from '../../platform/postgres.js';
import { accessStore, type ResourceServerRow, type ScopeDemand } from './store.js';

export {
  ACCOUNT_AUDIENCE,
  ACT_FOR_SHOPPERS,
  type AccountScope,
  ADMIN_AUDIENCE,
  type Administrator,
  type AdminScope,
  accountScopes,
  adminScopes,
  isRole,
  mayActForShoppers,
  mayAdminister,
  type Role,
  roles,
} from './permissions.js';
export type { ResourceServerRow as ResourceServer, ScopeDemand } from './store.js';

/** OpenID scopes: they describe the person, not an API (OpenID Connect Core 5.4 and 11). */
export const identityScopes = ['openid', 'profile', 'email', 'phone', 'offline_access'] as const;

export function isIdentityScope(name: string): boolean {
  return identityScopes.some((scope) => scope === name);
}

/** A JWT cannot be taken back, so it lives five minutes at most (FAPI 2.0 section 5.3.2.1). */
export const MAX_JWT_TTL = 300;
export const MAX_OPAQUE_TTL = 900;

/** What a client may ask for, and for which APIs it speaks. */
export type ClientRights = {
  readonly grants: ReadonlyMap<string, ReadonlySet<string>>;
  readonly audiences: ReadonlySet<string>;
};

export type ResourceServerDraft = Omit<ResourceServerRow, 'id' | 'accessTokenTtl' | 'jwtAlg'> & {
  readonly accessTokenTtl?: number;
  readonly jwtAlg?: SigningAlg;
};

export type Access = ReturnType<typeof createAccess>;

export function createAccess({ db }: { db: Db }) {
  const store = accessStore(db);
  return {
    findResourceServer: (indicator: string) => store.findResourceServer(indicator),
    listResourceServers: () => store.listResourceServers(),

    /** Adds a resource server; its tokens live no longer than their format allows. */
    async createResourceServer(draft: ResourceServerDraft): Promise<ResourceServerRow> {
      const limit = draft.format === 'jwt' ? MAX_JWT_TTL : MAX_OPAQUE_TTL;
      const row = {
        ...draft,
        id: newId(),
        jwtAlg: draft.jwtAlg ?? DEFAULT_SIGNING_ALG,
        accessTokenTtl: Math.min(draft.accessTokenTtl ?? limit, limit),
      };
      await store.insertResourceServer(row);
      return row;
    },

    /** Until the transaction ends, nobody else decides whether there is such a resource server. */
    lockIndicator: (indicator: string) => store.lockIndicator(indicator),

    /** Until the transaction ends, nobody else decides what the name of a new scope means. */
    lockScopeNames: () => store.lockScopeNames(),

    /** What a log-in must have been for a scope, from now on. False: there is no such scope. */
    setDemand: (indicator: string, scope: string, demand: ScopeDemand): Promise<boolean> =>
      store.setDemand(indicator, scope, demand),

    /** Lets a client speak for a resource server, and so introspect its tokens. */
    linkClient: (resourceServerId: string, clientId: string) =>
      store.linkClient(resourceServerId, clientId),

    /** Gives scopes the words that shoppers read; returns how many had others. */
    describeScopes: (resourceServerId: string, words: Readonly<Record<string, string>>) =>
      store.describeScopes(resourceServerId, words),

    /** Adds the scopes it does not have yet. */
    addScopes: (resourceServerId: string, words: Readonly<Record<string, string>>) =>
      store.addScopes(resourceServerId, words),

    /** Grants a client exactly these scopes of a resource server; none takes the grant away. */
    grantScopes: (clientId: string, resourceServerId: string, scopes: readonly string[]) =>
      store.setGrant(clientId, resourceServerId, scopes),

    rightsOf: (clientId: string): Promise<ClientRights> => store.rightsOf(clientId),

    /** The roles of an account, by name. */
    listRoles: (accountId: string): Promise<string[]> => store.listRoles(accountId),

    addRole: (accountId: string, role: string) => store.addRole(accountId, role),

    rolesOf: (accountId: string): Promise<string[]> => store.rolesOf(accountId),
  };
}
