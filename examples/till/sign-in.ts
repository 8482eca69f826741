/**
 * Everything the till says to the sign-in server (RFC 8628), with `openid-client` doing the
 * polling: every five seconds, and five more whenever it is told to slow down.
 */
import * as oidc from 'openid-client';
import { settings } from './settings.js';

/** What the till shows while it waits. */
export type Invitation = {
  readonly userCode: string;
  /** Short, for people who type. */
  readonly address: string;
  /** With the code in it, for the picture. */
  readonly completeAddress: string;
  readonly response: oidc.DeviceAuthorizationResponse;
};

export type Tokens = {
  readonly name: string;
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
};

export type Answer =
  | { readonly kind: 'signed-in'; readonly tokens: Tokens }
  | { readonly kind: 'refused' }
  | { readonly kind: 'expired' };

const { resource } = settings;

let known: oidc.Configuration | undefined;

/** The server's endpoints, from its discovery document. Only success is remembered. */
async function provider(): Promise<oidc.Configuration> {
  known ??= await oidc.discovery(
    settings.issuer,
    settings.clientId,
    { id_token_signed_response_alg: 'ES256' },
    oidc.None(),
    { timeout: 5, execute: settings.withoutTls ? [oidc.allowInsecureRequests] : [] },
  );
  return known;
}

/** Asks for a code to show. */
export async function invite(): Promise<Invitation> {
  const { scope } = settings;
  const response = await oidc.initiateDeviceAuthorization(await provider(), { scope, resource });
  return {
    userCode: response.user_code,
    address: response.verification_uri,
    completeAddress: response.verification_uri_complete ?? response.verification_uri,
    response,
  };
}

/** Waits for the shopper's answer, until the code expires or `signal` says that nobody waits. */
export async function answerTo(invitation: Invitation, signal: AbortSignal): Promise<Answer> {
  try {
    const response = await oidc.pollDeviceAuthorizationGrant(
      await provider(),
      invitation.response,
      { resource },
      { signal },
    );
    return { kind: 'signed-in', tokens: read(response) };
  } catch (error) {
    if (error instanceof oidc.ResponseBodyError) {
      if (error.error === 'access_denied') return { kind: 'refused' };
      if (['expired_token', 'invalid_grant'].includes(error.error)) return { kind: 'expired' };
    }
    throw error;
  }
}

/** New tokens for old; nothing when the server says that this sign-in has ended. */
export async function refresh(tokens: Tokens): Promise<Tokens | undefined> {
  if (tokens.refreshToken === undefined) return undefined;
  try {
    const server = await provider();
    return read(await oidc.refreshTokenGrant(server, tokens.refreshToken, { resource }), tokens);
  } catch (error) {
    if (error instanceof oidc.ResponseBodyError && error.error === 'invalid_grant')
      return undefined;
    throw error;
  }
}

/** Ends it at the server as well (RFC 7009): with the refresh token goes all it has led to. */
export async function signOut({ refreshToken, accessToken }: Tokens): Promise<void> {
  await oidc.tokenRevocation(await provider(), refreshToken ?? accessToken);
}

function read(
  response: oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers,
  before?: Tokens,
): Tokens {
  const name = response.claims()?.name ?? before?.name;
  return {
    name: typeof name === 'string' ? name : 'you',
    accessToken: response.access_token,
    refreshToken: response.refresh_token ?? before?.refreshToken,
  };
}
