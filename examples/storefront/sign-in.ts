/**
 * Everything the shop says to the sign-in server, with `openid-client` doing the checks.
 * What a shopper can cause is returned; what is thrown is an outage or a mistake of ours.
 */
import * as oidc from 'openid-client';
import type { StepUp } from './orders.js';
import { settings } from './settings.js';

/** What the shop keeps of a sign-in, on its server and nowhere else. */
export type Tokens = {
  readonly accessToken: string;
  readonly expiresAt: Date;
  readonly refreshToken: string | undefined;
  readonly idToken: string;
  readonly name: string;
  /** Who it is, for the server; names change, this does not. */
  readonly subject: string;
  /** What the server calls the session they signed in with, when it tells us that it ended. */
  readonly sid: string | undefined;
};

/** What must come back with the shopper (RFC 7636, RFC 9700 section 4.7). */
export type Checks = {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  /** The sign-in must be no older than this, in seconds. */
  readonly maxAge?: number | undefined;
};

const redirectUri = `${settings.origin}/callback`;
const { resource } = settings;

let known: oidc.Configuration | undefined;

/** The server's endpoints, from its discovery document. Only success is remembered. */
async function provider(): Promise<oidc.Configuration> {
  known ??= await discover();
  return known;
}

function discover(): Promise<oidc.Configuration> {
  return oidc.discovery(
    settings.issuer,
    settings.clientId,
    // What this client is registered with; the library would expect RS256.
    { id_token_signed_response_alg: 'ES256' },
    oidc.None(),
    { timeout: 5, execute: settings.withoutTls ? [oidc.allowInsecureRequests] : [] },
  );
}

/**
 * Where to send the shopper, and what to remember until they are back. With `stepUp` they are
 * asked for what an API was missing, although they are signed in (RFC 9470 section 4).
 */
export async function beginSignIn(stepUp?: StepUp): Promise<{ url: URL; checks: Checks }> {
  // Asked anew: if the server is down, the shop can say so instead of sending people there.
  known = await discover();
  const checks = {
    state: oidc.randomState(),
    nonce: oidc.randomNonce(),
    verifier: oidc.randomPKCECodeVerifier(),
    ...(stepUp?.maxAge ? { maxAge: Number(stepUp.maxAge) } : {}),
  };
  const url = oidc.buildAuthorizationUrl(known, {
    redirect_uri: redirectUri,
    scope: settings.scope,
    resource,
    state: checks.state,
    nonce: checks.nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(checks.verifier),
    code_challenge_method: 'S256',
    ...(stepUp?.acrValues ? { acr_values: stepUp.acrValues } : {}),
    ...(stepUp?.maxAge ? { max_age: stepUp.maxAge } : {}),
  });
  return { url, checks };
}

export type SignInResult =
  | { readonly kind: 'signed-in'; readonly tokens: Tokens }
  | { readonly kind: 'cancelled' }
  /** This account cannot sign in the way that was asked for. */
  | { readonly kind: 'unmet' }
  /** The code was too old, or used before. */
  | { readonly kind: 'expired' };

/** Turns the address the shopper came back to into tokens. */
export async function finishSignIn(callback: URL, checks: Checks): Promise<SignInResult> {
  const server = await provider();
  try {
    const response = await oidc.authorizationCodeGrant(
      server,
      callback,
      {
        expectedState: checks.state,
        expectedNonce: checks.nonce,
        pkceCodeVerifier: checks.verifier,
        idTokenExpected: true,
        ...(checks.maxAge === undefined ? {} : { maxAge: checks.maxAge }),
      },
      { resource },
    );
    return { kind: 'signed-in', tokens: readTokens(response) };
  } catch (error) {
    if (error instanceof oidc.AuthorizationResponseError) {
      if (error.error === 'access_denied') return { kind: 'cancelled' };
      if (error.error === 'unmet_authentication_requirements') return { kind: 'unmet' };
    }
    if (isInvalidGrant(error)) return { kind: 'expired' };
    throw error;
  }
}

/** New tokens for old; nothing when the server says that this sign-in has ended. */
export async function refresh(tokens: Tokens): Promise<Tokens | undefined> {
  if (tokens.refreshToken === undefined) return undefined;
  const server = await provider();
  try {
    const response = await oidc.refreshTokenGrant(server, tokens.refreshToken, { resource });
    return readTokens(response, tokens);
  } catch (error) {
    if (isInvalidGrant(error)) return undefined;
    throw error;
  }
}

/** Takes the refresh token back (RFC 7009), and says where the shopper signs out. */
export async function beginSignOut(tokens: Tokens): Promise<URL> {
  const server = await provider();
  if (tokens.refreshToken) await oidc.tokenRevocation(server, tokens.refreshToken);
  return oidc.buildEndSessionUrl(server, {
    id_token_hint: tokens.idToken,
    post_logout_redirect_uri: `${settings.origin}/`,
  });
}

/** Where the server's public keys are. */
export async function keysAddress(): Promise<URL> {
  const { jwks_uri } = (await provider()).serverMetadata();
  if (!jwks_uri) throw new Error('The sign-in server publishes no keys');
  return new URL(jwks_uri);
}

function readTokens(
  response: oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers,
  before?: Tokens,
): Tokens {
  const claims = response.claims();
  const name = [claims?.name, claims?.email, before?.name, claims?.sub].find(
    (candidate) => typeof candidate === 'string',
  );
  return {
    accessToken: response.access_token,
    expiresAt: new Date(Date.now() + (response.expiresIn() ?? 0) * 1000),
    // Refresh tokens rotate: the old one is worth nothing from now on.
    refreshToken: response.refresh_token ?? before?.refreshToken,
    idToken: response.id_token ?? before?.idToken ?? '',
    name: String(name),
    subject: claims?.sub ?? before?.subject ?? '',
    sid: typeof claims?.sid === 'string' ? claims.sid : before?.sid,
  };
}

function isInvalidGrant(error: unknown): boolean {
  return error instanceof oidc.ResponseBodyError && error.error === 'invalid_grant';
}
