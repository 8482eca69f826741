/**
 * Clients as oidc-provider knows them. Its own cache holds a hundred; ours holds an instance as
 * long as the directory holds the facts behind it.
 */
import { randomBytes } from 'node:crypto';
import type Provider from 'oidc-provider';
import type { Adapter, AdapterPayload, ClientMetadata } from 'oidc-provider';
import {
  type Client,
  type ClientMetadata as Registered,
  secretMatches,
} from '../domain/clients/index.js';
import type { Clock } from '../kernel/clock.js';
import { DEVICE_CODE_GRANT } from './device-codes.js';
import type { ClientFacts, Directory } from './directory.js';
import type { Disclose, Disclosure } from './disclosure.js';
import { guarded } from './errors.js';
import { type MutualTlsParts, refuseWithoutCertificates } from './mutual-tls.js';
import { profileMetadata } from './profile-metadata.js';
import { TOKEN_EXCHANGE } from './token-exchange-request.js';

export type HostClient = InstanceType<Provider['Client']>;

export const CIBA_GRANT = 'urn:openid:params:grant-type:ciba';

// The host insists on a secret for clients that have one. It is never compared (see `teach`),
// and if it ever were, nobody could know it.
const NO_SECRET = randomBytes(48).toString('base64url');

const GRANTS_OF_HOST = new Set([
  'authorization_code',
  'refresh_token',
  'client_credentials',
  DEVICE_CODE_GRANT,
  CIBA_GRANT,
  TOKEN_EXCHANGE,
]);

/**
 * Registration → the metadata names of RFC 7591.
 * @param scopes of the client's; the host finds no client with one that it does not know
 */
export function hostMetadata(
  client: Client,
  scopes: readonly string[] = client.identityScopes,
): ClientMetadata {
  const usesCode = client.grantTypes.includes('authorization_code');
  const metadata = client.metadata as Registered;
  return {
    client_id: client.id,
    client_name: client.name,
    application_type: client.applicationType === 'native' ? 'native' : 'web',
    token_endpoint_auth_method: client.authMethod as 'none',
    ...(client.authMethod.startsWith('client_secret') ? { client_secret: NO_SECRET } : {}),
    grant_types: client.grantTypes.filter((grant) => GRANTS_OF_HOST.has(grant)),
    response_types: usesCode ? ['code'] : [],
    redirect_uris: [...client.redirectUris],
    post_logout_redirect_uris: [...client.postLogoutRedirectUris],
    id_token_signed_response_alg: client.idTokenAlg as 'ES256',
    ...(scopes.length > 0 ? { scope: scopes.join(' ') } : {}),
    require_pushed_authorization_requests: client.requirePushedRequests,
    dpop_bound_access_tokens: client.dpopBoundAccessTokens,
    ...(client.grantTypes.includes(CIBA_GRANT) ? { backchannel_token_delivery_mode: 'poll' } : {}),
    ...metadata,
    // To the host this says no more than "put `sid` into tokens". A client that does not insist is
    // told all the same which session has ended, so that it need not end all that somebody has.
    ...(metadata.backchannel_logout_uri ? { backchannel_logout_session_required: true } : {}),
    ...profileMetadata(client),
    ...(client.jwks ? { jwks: client.jwks as NonNullable<ClientMetadata['jwks']> } : {}),
    ...(client.clientUri ? { client_uri: client.clientUri } : {}),
    ...(client.policyUri ? { policy_uri: client.policyUri } : {}),
    ...(client.tosUri ? { tos_uri: client.tosUri } : {}),
  };
}

/** The read side of the host's client storage. */
export function clientAdapter(
  directory: Directory,
  disclose: Disclose,
  mutualTls: MutualTlsParts | undefined,
): Pick<Adapter, 'find'> {
  return {
    async find(id) {
      const facts = await guarded(() => directory.findClient(id));
      if (facts) refuseWithoutCertificates(facts.client, mutualTls);
      if (!facts) return undefined;
      const { scopes } = disclose(facts.client.identityScopes);
      return hostMetadata(facts.client, scopes) as AdapterPayload;
    },
  };
}

/** Visible ASCII (RFC 6749 appendix A.1 without the blank). */
const CLIENT_ID = /^[\x21-\x7e]{1,200}$/;

type HostFacts = ClientFacts & { readonly disclosure: Disclosure };
const factsByInstance = new WeakMap<object, HostFacts>();

/** What is registered for a client the host has found, and what it may learn. */
export function factsOf(client: object): HostFacts {
  const facts = factsByInstance.get(client);
  if (!facts) throw new Error('This client was not found through the directory');
  return facts;
}

/** Teaches a provider to find clients through the directory and to compare hashed secrets. */
export function teachClients(
  provider: Provider,
  directory: Directory,
  disclose: Disclose,
  clock: Clock,
): void {
  const { Client } = provider;
  const instances = new WeakMap<ClientFacts, HostClient>();
  const build = Client.find.bind(Client);

  Client.find = async (id: string) => {
    // Nobody else's id is looked up: not all that a request can hold can be asked a database.
    if (typeof id !== 'string' || !CLIENT_ID.test(id)) return undefined;
    const facts = await guarded(() => directory.findClient(id));
    if (!facts) return undefined;
    const known = instances.get(facts);
    if (known) return known;
    const made = await build(id);
    if (!made) return undefined;
    factsByInstance.set(made, { ...facts, disclosure: disclose(facts.client.identityScopes) });
    instances.set(facts, made);
    return made;
  };

  Client.prototype.compareClientSecret = function compareClientSecret(presented: string) {
    return secretMatches(factsOf(this).client.secrets, presented, clock.now());
  };
}
