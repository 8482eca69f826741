/**
 * Clients: storefronts, back ends, resource servers, machines and tills, and how they prove
 * themselves.
 *
 * Promises: a secret is 256 random bits, shown once and stored as its SHA-256; at most two live
 * at a time, so that one can be replaced without an outage; no redirect URI is registered that
 * an exact match could not protect.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../kernel/clock.js';
import { digest, isId, newBearerValue, newId, sameDigest } from '../../kernel/ids.js';
import type { Db } from '../../platform/postgres.js';
import { changedColumns, draftOf, type ProtocolChanges } from './changes.js';
import type { ClientDraft } from './draft.js';
import { draftFaults } from './draft-faults.js';
import { redirectUriFault } from './redirect-uri.js';
import { type ClientRow, type ClientSecretRow, clientsStore, type Epoch } from './store.js';

export { type Logo, logoTypes, MAX_LOGO_BYTES } from './brand/logo.js';
export type { Palette, ThemeColours } from './brand/palette.js';
export {
  type Brand,
  type BrandDraft,
  type BrandFault,
  type Brands,
  createBrands,
  describeChange,
} from './brand.js';
export { draftOf, type ProtocolChanges } from './changes.js';
export {
  authMethods,
  type ClientDraft,
  grantTypes,
  idTokenAlgs,
  type RefreshLimits,
} from './draft.js';
export { nameFault } from './look-alike.js';
export { type ClientMetadata, metadataNames } from './metadata.js';
export {
  isFapi,
  maySignRequests,
  maySignResponses,
  needsProofKey,
  tokenBinding,
} from './profile-rules.js';
export { type Profile, profiles } from './profiles.js';
export { jwksFault } from './public-keys.js';
export type { ClientRow as Client, ClientSecretRow as ClientSecret } from './store.js';
export type ClientWithSecrets = ClientRow &
  Epoch & { readonly secrets: readonly ClientSecretRow[] };

/** What a draft would be once it is registered, for whoever has to judge it before. */
export function clientOf(draft: ClientDraft): ClientRow {
  return { ...rowOf(draft), status: 'active', createdAt: new Date(0) };
}

export const MAX_LIVE_SECRETS = 2;

export type Clients = ReturnType<typeof createClients>;

export function createClients(parts: { db: Db; clock: Clock; production: boolean }) {
  const { clock, production } = parts;
  const store = clientsStore(parts.db);

  return {
    find: (id: string): Promise<ClientWithSecrets | undefined> => store.find(id),

    /** Finds a client and holds its row until the transaction ends: changes of it come in turn. */
    async hold(id: string): Promise<ClientWithSecrets | undefined> {
      return (await store.lock(id)) ? store.find(id) : undefined;
    },

    list: (page: { after?: string; limit: number }) => store.list(page),

    /** Active clients whose pages have this origin, exactly. */
    listByWebOrigin: (origin: string): Promise<string[]> => store.listByWebOrigin(origin),

    /** Clients that are registered for this OpenID scope, switched off or not. */
    listByIdentityScope: (scope: string): Promise<string[]> => store.listByIdentityScope(scope),

    /** The shop's own clients that people log in to, the oldest first. */
    listShops: (of: { except: string }): Promise<{ id: string; name: string }[]> =>
      store.listShops(of.except),

    /** What the shop calls itself: the names of those. */
    async listShopNames(of: { except: string }): Promise<string[]> {
      return [...new Set((await store.listShops(of.except)).map(({ name }) => name))];
    },

    /** What all the shop's own clients are called, switched off or not. */
    listFirstPartyNames: (): Promise<string[]> => store.listFirstPartyNames(),

    /** Which of a draft's redirect URIs may not be registered, and why. */
    redirectFaultsOf: ({ redirectUris = [], applicationType }: ClientDraft): string[] =>
      redirectUris.flatMap((uri) => {
        const native = applicationType === 'native';
        const fault = redirectUriFault(uri, { native, production });
        return fault ? [`The redirect URI ${uri} ${fault}`] : [];
      }),

    /** Why this draft may not be registered, one sentence a fault; empty when it may. */
    faultsOf: (draft: ClientDraft): string[] => draftFaults(draft, production),

    /** Registers a client; `id-taken` if there is one of that id. */
    async register(draft: ClientDraft): Promise<'registered' | 'id-taken'> {
      return (await store.insert(rowOf(draft))) ? 'registered' : 'id-taken';
    },

    /**
     * Makes a built-in client exactly what the draft says, whatever was made of it before; only
     * its status stays, because switching it off is the operator's right. Call it in a
     * transaction: of several nodes that start at once each finds what the one before it left.
     */
    async settle(draft: ClientDraft): Promise<'registered' | 'changed' | 'unchanged'> {
      const row = rowOf(draft);
      if (await store.insert(row)) return 'registered';
      await store.lock(draft.id);
      const known = await store.find(draft.id);
      const same = (name: keyof typeof row) => isDeepStrictEqual(known?.[name], row[name]);
      if ((Object.keys(row) as (keyof typeof row)[]).every(same)) return 'unchanged';
      await store.update(row);
      return 'changed';
    },

    /**
     * Makes a registered client exactly what the draft says. Its secrets stay, unless it does not
     * authenticate with one any more. Call it in a transaction.
     */
    async replace(draft: ClientDraft): Promise<void> {
      await store.update(rowOf(draft));
      if (!draft.authMethod.startsWith('client_secret')) await store.deleteSecrets(draft.id);
    },

    /**
     * Takes a client away for good; all that was issued to it is dead with it. Only for ids that
     * nobody chooses: one that is registered again would bring its tokens back to life.
     */
    remove: (id: string): Promise<boolean> => store.remove(id),

    /**
     * Changes the protocol settings of a registered client: what is given replaces what was there,
     * single metadata by name (null takes one away). Returns the faults of what it would become;
     * undefined if there is no such client. Call it in a transaction: the row is held.
     */
    async configure(id: string, changes: ProtocolChanges): Promise<string[] | undefined> {
      if (!(await store.lock(id))) return undefined;
      const known = await store.find(id);
      if (!known) return undefined;
      const columns = changedColumns(known, changes);
      const faults = draftFaults(draftOf({ ...known, ...columns }), production);
      if (faults.length === 0) await store.change(id, columns);
      return faults;
    },

    /** Changes the status and ends everything issued so far. False if there is no such client. */
    setStatus: (id: string, status: 'active' | 'disabled') => store.setStatus(id, status),

    /** Says whether newcomers may create accounts at it. False if there is no such client. */
    setSelfRegistration: (id: string, allowed: boolean): Promise<boolean> =>
      store.setSelfRegistration(id, allowed),

    /** Says whether shoppers may sign in with a code by e-mail. False if there is no such client. */
    setEmailCode: (id: string, allowed: boolean): Promise<boolean> =>
      store.setEmailCode(id, allowed),

    /**
     * Makes a secret and returns it this once. Call it in a transaction: the client's row is
     * held, so two calls at a time cannot both be the second secret.
     */
    async issueSecret(
      clientId: string,
    ): Promise<
      | { kind: 'issued'; secretId: string; secret: string }
      | { kind: 'not-found' }
      | { kind: 'too-many'; secretIds: readonly string[] }
    > {
      if (!(await store.lock(clientId))) return { kind: 'not-found' };
      const now = clock.now();
      const live = (await store.listSecrets(clientId)).filter((row) => isLive(row, now));
      if (live.length >= MAX_LIVE_SECRETS) {
        return { kind: 'too-many', secretIds: live.map((row) => row.id) };
      }
      const secret = newBearerValue();
      const secretId = newId();
      await store.insertSecret({ id: secretId, clientId, hash: digest(secret), createdAt: now });
      return { kind: 'issued', secretId, secret };
    },

    /** False when the client has no such secret. */
    async removeSecret(clientId: string, secretId: string): Promise<boolean> {
      return isId(secretId) && (await store.deleteSecret(clientId, secretId));
    },
  };
}

function rowOf(draft: ClientDraft): Omit<ClientRow, 'status' | 'createdAt'> {
  return {
    id: draft.id,
    name: draft.name,
    firstParty: draft.firstParty ?? false,
    applicationType: draft.applicationType ?? 'web',
    authMethod: draft.authMethod,
    grantTypes: draft.grantTypes,
    redirectUris: draft.redirectUris ?? [],
    postLogoutRedirectUris: draft.postLogoutRedirectUris ?? [],
    webOrigins: draft.webOrigins ?? [],
    identityScopes: draft.identityScopes ?? [],
    idTokenAlg: draft.idTokenAlg ?? 'ES256',
    requirePushedRequests: draft.requirePushedRequests ?? false,
    dpopBoundAccessTokens: draft.dpopBoundAccessTokens ?? false,
    selfRegistration: draft.selfRegistration ?? false,
    emailCode: draft.emailCode ?? false,
    profile: draft.profile ?? 'oauth2.1',
    metadata: draft.metadata ?? {},
    refreshGraceSeconds: draft.refresh?.grace ?? null,
    refreshIdleSeconds: draft.refresh?.idle ?? null,
    refreshAbsoluteSeconds: draft.refresh?.absolute ?? null,
    jwks: draft.jwks ?? null,
    clientUri: draft.clientUri ?? null,
    policyUri: draft.policyUri ?? null,
    tosUri: draft.tosUri ?? null,
  };
}

function isLive(secret: ClientSecretRow, now: Date): boolean {
  return secret.expiresAt === null || secret.expiresAt > now;
}

/** Whether `presented` is one of the live secrets; every one is compared, in constant time. */
export function secretMatches(
  secrets: readonly ClientSecretRow[],
  presented: string,
  now: Date,
): boolean {
  const hash = digest(presented);
  let matches = false;
  for (const secret of secrets) {
    const same = sameDigest(secret.hash, hash);
    if (same && isLive(secret, now)) matches = true;
  }
  return matches;
}
