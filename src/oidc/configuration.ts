/**
 * oidc-provider's configuration. Protocol choices are code, not switches: PKCE with S256, the
 * code flow only, rotation, opaque tokens unless a resource server asks for JWTs (RFC 9700,
 * OAuth 2.1). Where a client's profile says otherwise, `profiles.ts` does.
 */
import { hkdfSync } from 'node:crypto';
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import type { Access } from '../domain/access/index.js';
import type { ClaimMapping } from '../domain/claims/index.js';
import type { Grants } from '../domain/grants/index.js';
import type { Identity } from '../domain/identity/index.js';
import type { PrivateJwk } from '../domain/keys/index.js';
import type { Clock } from '../kernel/clock.js';
import type { Keyring } from '../kernel/keyring.js';
import { LANGUAGES } from '../kernel/language.js';
import type { Secret } from '../kernel/secret.js';
import { clientSigningAlgs, DEFAULT_SIGNING_ALG, signingAlgs } from '../kernel/signing-algs.js';
import { createAdapterFactory } from './adapter.js';
import { ciba, findAnybody, refuseUsedRequests, type StoreRequest } from './backchannel.js';
import { claimsForApis, createFindAccount } from './claims.js';
import { refuseLooseAssertions, refuseLooseRequests } from './client-jwts.js';
import { clientAdapter, factsOf, type HostClient } from './clients.js';
import { delegationOf } from './delegation.js';
import type { DeviceFlowParts } from './device-codes.js';
import { type DevicePages, deviceFlow } from './device-pages.js';
import type { Directory } from './directory.js';
import { claimsByScope, createDisclose, scopesOfHost } from './disclosure.js';
import { mayIntrospect, mayRevoke } from './introspection.js';
import { lifetimes } from './lifetimes.js';
import {
  certificateMethods,
  endpointAliases,
  type MutualTlsParts,
  mutualTlsFeature,
} from './mutual-tls.js';
import { hostFetch, type OutgoingParts } from './outgoing.js';
import type { HostPages } from './pages.js';
import { type PairwiseSubject, sectorOf } from './pairwise.js';
import { paymentRequests } from './payments.js';
import {
  createInteractionPolicy,
  finishRequestChecks,
  loadExistingGrant,
  OFFLINE_PARAM,
} from './policy.js';
import { pkceRequired, refuseUnboundToken, requireNonce, rotateRefreshToken } from './profiles.js';
import { defaultResource, resourceServerInfo } from './resources.js';
import { createRevokePolicy, type EndReused } from './reuse.js';
import { maySectorBeCalled } from './sector-check.js';
import { referToGrant } from './signed-tokens.js';
import { REACHABLE } from './step-up.js';

export const routes = {
  authorization: '/oauth2/authorize',
  token: '/oauth2/token',
  userinfo: '/oauth2/userinfo',
  jwks: '/oauth2/jwks',
  introspection: '/oauth2/introspect',
  revocation: '/oauth2/revoke',
  end_session: '/oauth2/logout',
  pushed_authorization_request: '/oauth2/par',
  device_authorization: '/oauth2/device_authorization',
  backchannel_authentication: '/oauth2/backchannel-authentication',
  // Short, because people type it.
  code_verification: '/device',
} as const;

export type ConfigurationParts = OutgoingParts & {
  readonly issuer: string;
  readonly cookieKeys: Secret<readonly string[]>;
  readonly signingKeys: readonly PrivateJwk[];
  readonly grants: Grants;
  readonly identity: Pick<Identity, 'findAccount' | 'findPerson' | 'findByLogin' | 'standInFor'>;
  readonly access: Pick<Access, 'listRoles'>;
  /** The shop's own claims. */
  readonly mappings: readonly ClaimMapping[];
  readonly pairwiseSubject: PairwiseSubject;
  readonly directory: Directory;
  readonly keyring: Keyring;
  readonly pages: HostPages;
  /** Where clients register themselves; undefined where they cannot. */
  readonly registrationEndpoint: string | undefined;
  readonly endReused: EndReused;
  readonly devicePages: DevicePages;
  readonly devices: DeviceFlowParts;
  readonly storeRequest: StoreRequest;
  /** Undefined where no client certificates are accepted. */
  readonly mutualTls: MutualTlsParts | undefined;
  readonly clock: Clock;
};

/** How a DPoP proof may be signed. */
export const PROOF_SIGNATURES = clientSigningAlgs;

export function createConfiguration(parts: ConfigurationParts): Configuration {
  const { directory, pages } = parts;
  const secure = parts.issuer.startsWith('https:');
  const cookie = {
    httpOnly: true,
    sameSite: 'lax',
    signed: true,
    secure,
    overwrite: true,
  } as const;
  const [newestCookieKey = ''] = parts.cookieKeys.reveal();

  return {
    acrValues: [...REACHABLE],
    adapter: createAdapterFactory(
      parts.grants,
      clientAdapter(directory, createDisclose(parts.mappings), parts.mutualTls),
      { device: parts.devices.answer, backchannel: parts.storeRequest },
    ),
    allowOmittingSingleRegisteredRedirectUri: false,
    assertJwtClientAuthClaimsAndHeader: (ctx, claims, header) =>
      refuseLooseAssertions(parts.clock, ctx, claims, header),
    claims: claimsByScope(parts.mappings) as unknown as NonNullable<Configuration['claims']>,
    clientAuthMethods: ['none', ...provenMethods(parts)],
    clientBasedCORS: mayReadAcrossOrigins,
    clientDefaults: {
      id_token_signed_response_alg: DEFAULT_SIGNING_ALG,
      introspection_signed_response_alg: DEFAULT_SIGNING_ALG,
      authorization_signed_response_alg: DEFAULT_SIGNING_ALG,
      response_types: [],
      grant_types: [],
    },
    clockTolerance: 15,
    cookies: {
      // __Host- needs https and the path "/" (RFC 6265bis section 4.1.3).
      names: {
        session: secure ? '__Host-latchkey_session' : 'latchkey_session',
        interaction: secure ? '__Secure-latchkey_signin' : 'latchkey_signin',
        resume: secure ? '__Secure-latchkey_resume' : 'latchkey_resume',
      },
      keys: [...parts.cookieKeys.reveal()],
      long: { ...cookie, path: '/' },
      short: { ...cookie },
    },
    discovery: {
      introspection_endpoint_auth_methods_supported: provenMethods(parts),
      revocation_endpoint_auth_methods_supported: ['none', ...provenMethods(parts)],
      ui_locales_supported: [...LANGUAGES],
      ...endpointAliases(parts.mutualTls),
      ...(parts.registrationEndpoint ? { registration_endpoint: parts.registrationEndpoint } : {}),
    },
    enabledJWA: {
      clientAuthSigningAlgValues: [...clientSigningAlgs],
      dPoPSigningAlgValues: [...PROOF_SIGNATURES],
      requestObjectSigningAlgValues: [...clientSigningAlgs],
      authorizationSigningAlgValues: [...signingAlgs],
      idTokenSigningAlgValues: [...signingAlgs],
      introspectionSigningAlgValues: [...signingAlgs],
      userinfoSigningAlgValues: [...signingAlgs],
    },
    extraParams: { [OFFLINE_PARAM]: finishRequestChecks },
    extraTokenClaims: (ctx, token) => describeLogin(ctx, token, parts),
    features: {
      ciba: ciba(parts.identity, directory),
      // Sent from the queue, not by the host: see `logout-notices.ts`.
      backchannelLogout: { enabled: true },
      claimsParameter: { enabled: true },
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      deviceFlow: deviceFlow(parts.devicePages),
      dPoP: {
        enabled: true,
        nonceSecret: Buffer.from(hkdfSync('sha256', newestCookieKey, 'latchkey', 'dpop-nonce', 32)),
        requireNonce,
      },
      introspection: { enabled: true, allowedPolicy: mayIntrospect },
      jwtIntrospection: { enabled: true },
      jwtResponseModes: { enabled: true },
      jwtUserinfo: { enabled: true },
      mTLS: mutualTlsFeature(parts.mutualTls, parts.clock),
      pushedAuthorizationRequests: { enabled: true },
      requestObjects: { enabled: true, assertJwtClaimsAndHeader: refuseRequests(parts.clock) },
      resourceIndicators: {
        enabled: true,
        defaultResource,
        getResourceServerInfo: (ctx, indicator, client) =>
          resourceServerInfo(directory, ctx, indicator, client),
      },
      revocation: { enabled: true, allowedPolicy: mayRevoke },
      richAuthorizationRequests: paymentRequests(parts.grants),
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: pages.signOut,
        postLogoutSuccessSource: pages.signedOut,
      },
      userinfo: { enabled: true },
    },
    findAccount: findAnybody(
      createFindAccount(parts.identity, parts.access, parts.mappings),
      parts.identity,
    ),
    fetch: hostFetch(parts),
    formats: {
      bitsOfOpaqueRandomness: 256,
      customizers: { jwt: referToGrant(parts.keyring) },
    },
    interactions: {
      policy: createInteractionPolicy(directory),
      url: (_ctx, interaction) => `/signin/${interaction.uid}`,
    },
    jwks: { keys: parts.signingKeys },
    loadExistingGrant,
    pairwiseIdentifier: (_ctx, accountId, client) =>
      parts.pairwiseSubject(sectorOf(client), accountId),
    pkce: { required: pkceRequired },
    renderError: pages.error,
    responseTypes: ['code'],
    revokeGrantPolicy: createRevokePolicy(parts.endReused),
    rotateRefreshToken,
    routes,
    scopes: scopesOfHost(parts.mappings),
    sectorIdentifierUriValidate: maySectorBeCalled,
    subjectTypes: ['public', 'pairwise'],
    ttl: lifetimes as NonNullable<Configuration['ttl']>,
  };
}

/** How a client can prove who it is: without that it is told nothing about a token. */
function provenMethods({ mutualTls }: Pick<ConfigurationParts, 'mutualTls'>) {
  return [
    'client_secret_basic',
    'client_secret_post',
    'private_key_jwt',
    ...certificateMethods(mutualTls),
  ] as const;
}

/** Exactly the origins registered for the client; `null` is never one (RFC 6454). */
function mayReadAcrossOrigins(_ctx: unknown, origin: string, client: HostClient): boolean {
  return origin !== 'null' && factsOf(client).client.webOrigins.includes(origin);
}

/**
 * An access token says when and how its subject logged in: a JWT by itself (RFC 9068 section
 * 2.2.1), an opaque one through introspection, so that an API can ask for more (RFC 9470).
 */
async function describeLogin(
  ctx: KoaContextWithOIDC,
  token: object,
  parts: Pick<ConfigurationParts, 'access' | 'mappings'>,
) {
  refuseUnboundToken(ctx, token);
  if ((token as { kind?: string }).kind !== 'AccessToken') return undefined;
  const delegated = delegationOf(ctx);
  if (delegated) return { ...delegated.claims };
  const { AuthorizationCode, DeviceCode, RefreshToken } = ctx.oidc.entities;
  const { BackchannelAuthenticationRequest: approved } = ctx.oidc.entities;
  const source = RefreshToken ?? AuthorizationCode ?? DeviceCode ?? approved;
  if (!source) return undefined;
  const { authTime, acr, amr } = source;
  const { accountId, scopes } = source;
  const own = accountId ? await claimsForApis(ctx, accountId, scopes, parts) : {};
  return {
    ...own,
    auth_time: authTime,
    ...(acr ? { acr } : {}),
    ...(amr ? { amr } : {}),
  };
}

/** What clients sign: authorization requests, and requests for an approval, which count once. */
function refuseRequests(clock: Clock) {
  return async (
    ctx: KoaContextWithOIDC,
    claims: Readonly<Record<string, unknown>>,
    header: Readonly<Record<string, unknown>>,
    client: HostClient,
  ): Promise<void> => {
    refuseLooseRequests(clock, ctx, claims, header, client);
    await refuseUsedRequests(ctx, claims);
  };
}
