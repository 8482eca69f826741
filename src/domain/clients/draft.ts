/** What a registration consists of. */
import { signingAlgs } from '../../kernel/signing-algs.js';
import type { ClientMetadata } from './metadata.js';
import type { Profile } from './profiles.js';

export const authMethods = [
  'none',
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
] as const;
export const grantTypes = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:device_code',
  'urn:ietf:params:oauth:grant-type:token-exchange',
  'urn:openid:params:grant-type:ciba',
] as const;
export const idTokenAlgs = signingAlgs;

/** How long a client's refresh tokens live, in seconds; it can only be less than the server's. */
export type RefreshLimits = {
  /** How long the loser of a race may still be answered with the winner's answer: 0 to 60. */
  readonly grace?: number;
  readonly idle?: number;
  readonly absolute?: number;
};

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
  /** The rules it lives by; `oauth2.1` unless said otherwise. */
  readonly profile?: Profile;
  /** Registered metadata without a field of its own here, by its registered names (RFC 7591). */
  readonly metadata?: ClientMetadata;
  /** Seconds; what is missing is the server's own limit. */
  readonly refresh?: RefreshLimits;
  readonly jwks?: unknown;
  readonly clientUri?: string;
  readonly policyUri?: string;
  readonly tosUri?: string;
};
