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
export type { ClientRow as Client, ClientSecretRow as ClientSecret } from './store.js';
export type ClientWithSecrets = ClientRow &
  Epoch & { readonly secrets: readonly ClientSecretRow[] };

export const MAX_LIVE_SECRETS = 2;

export const authMethods = [
  'none',
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
] as const;
export const grantTypes = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:device_code',
] as const;
export const idTokenAlgs = ['ES256', 'RS256'] as const;

/** What a registration asks for; everything else has a safe default. */
export type ClientDraft = {
  readonly id: string;
  readonly name: string;
  readonly authMethod: (typeof authMethods)[number];
  readonly grantTypes: readonly (typeof grantTypes)[number][];
  readonly applicationType?: 'web' | 'native';
  readonly firstParty?: boolean;
  readonly redirectUris?: readonly string[];
  readonly postLogoutRedirectUris?: readonly string[];
  readonly webOrigins?: readonly string[];
  readonly identityScopes?: readonly string[];
  readonly idTokenAlg?: (typeof idTokenAlgs)[number];
  readonly requirePushedRequests?: boolean;
  readonly dpopBoundAccessTokens?: boolean;
  /** Newcomers may create an account of their own on its log-in page. */
  readonly selfRegistration?: boolean;
  /** Shoppers may sign in with a code by e-mail instead of their password. */
  readonly emailCode?: boolean;
  readonly jwks?: unknown;
  readonly clientUri?: string;
  readonly policyUri?: string;
  readonly tosUri?: string;
};

export type Clients = ReturnType<typeof createClients>;

export function createClients(parts: { db: Db; clock: Clock; production: boolean }) {
  const { clock, production } = parts;
  const store = clientsStore(parts.db);

  return {
    find: (id: string): Promise<ClientWithSecrets | undefined> => store.find(id),
    list: (page: { after?: string; limit: number }) => store.list(page),

    /** Active clients whose pages have this origin, exactly. */
    listByWebOrigin: (origin: string): Promise<string[]> => store.listByWebOrigin(origin),

    /** The shop's own clients that people log in to, the oldest first. */
    listShops: (of: { except: string }): Promise<{ id: string; name: string }[]> =>
      store.listShops(of.except),

    /** What the shop calls itself: the names of those. */
    async listShopNames(of: { except: string }): Promise<string[]> {
      return [...new Set((await store.listShops(of.except)).map(({ name }) => name))];
    },

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

function draftFaults(draft: ClientDraft, production: boolean): string[] {
  const native = draft.applicationType === 'native';
  const faults: string[] = [];
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{2,99}$/.test(draft.id)) {
    faults.push('The id must be 3 to 100 letters, digits, dots, dashes or underscores');
  }
  if (!draft.name.trim() || draft.name.length > 100 || /\p{Cc}/u.test(draft.name)) {
    faults.push('The name must be 1 to 100 printable characters');
  }
  const usesCode = draft.grantTypes.includes('authorization_code');
  if (usesCode && !draft.redirectUris?.length) faults.push('A redirect URI is required');
  if (!usesCode && draft.redirectUris?.length) {
    faults.push('A redirect URI is of no use without the authorization_code grant');
  }
  if (draft.selfRegistration && !usesCode) {
    faults.push('Nobody can sign up without a log-in page (the authorization_code grant)');
  }
  if (draft.emailCode && !usesCode) {
    faults.push('There is no code by e-mail without a log-in page (the authorization_code grant)');
  }
  for (const uri of [...(draft.redirectUris ?? []), ...(draft.postLogoutRedirectUris ?? [])]) {
    const fault = redirectUriFault(uri, { native, production });
    if (fault) faults.push(`The redirect URI ${uri} ${fault}`);
  }
  for (const origin of draft.webOrigins ?? []) {
    if (!isOrigin(origin)) faults.push(`${origin} is not a web origin (scheme://host[:port])`);
  }
  for (const uri of [draft.clientUri, draft.policyUri, draft.tosUri]) {
    if (uri !== undefined && !isHttps(uri)) faults.push(`${uri} must be an https address`);
  }
  if (draft.grantTypes.includes('client_credentials') && draft.authMethod === 'none') {
    faults.push('The client_credentials grant needs a client that can authenticate');
  }
  if ((draft.authMethod === 'private_key_jwt') !== (draft.jwks !== undefined)) {
    faults.push('Public keys (jwks) and private_key_jwt belong together');
  }
  return faults;
}

function isOrigin(value: string): boolean {
  try {
    return new URL(value).origin === value;
  } catch {
    return false;
  }
}

function isHttps(value: string): boolean {
  try {
    return new URL(value).protocol === 'https:';
  } catch {
    return false;
  }
}
