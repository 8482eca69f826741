/**
 * The account area as what it is: a client of this server, with `openid-client` doing the checks
 * (authorization code, PKCE, state, nonce, issuer). Its requests are pushed first (RFC 9126), so
 * what is asked for cannot be altered in the address bar, and nobody's name stands there.
 */
import * as oidc from 'openid-client';
import { ACCOUNT_AUDIENCE, accountScopes } from '../../domain/access/index.js';
import type { StepUp } from '../../flows/account/owner.js';
import { ACCOUNT_CALLBACK, ACCOUNT_CLIENT } from '../../flows/ensure-account-client.js';
import { AppError } from '../../kernel/errors.js';
import type { Language } from '../../kernel/language.js';
import type { InProcessFetch } from '../in-process.js';
import type { Pending } from './cookies.js';

export type Begun = {
  readonly url: string;
  readonly pending: Pick<Pending, 'state' | 'nonce' | 'verifier'>;
};

export type Finished =
  | { readonly kind: 'signed-in'; readonly token: string }
  | { readonly kind: 'cancelled' }
  /** The account cannot prove what was asked for. */
  | { readonly kind: 'unmet' }
  /** The code was used before, or too late. */
  | { readonly kind: 'expired' };

export type AccountClient = {
  begin(ask: {
    stepUp?: StepUp | undefined;
    loginHint?: string | undefined;
    /** What the sign-in speaks, unless the person has chosen otherwise in this browser. */
    language: Language;
  }): Promise<Begun>;
  finish(address: URL, pending: Pending): Promise<Finished>;
  /** Where the session behind it is ended, after a question (RP-Initiated Logout 1.0). */
  readonly signOutPath: string;
};

const SCOPE = ['openid', ...Object.keys(accountScopes)].join(' ');
const resource = ACCOUNT_AUDIENCE;

export function createAccountClient(issuer: string, fetch: InProcessFetch): AccountClient {
  let known: oidc.Configuration | undefined;

  const server = async (): Promise<oidc.Configuration> => {
    known ??= await oidc.discovery(
      new URL(issuer),
      ACCOUNT_CLIENT,
      // What this client is registered with; the library would expect RS256.
      { id_token_signed_response_alg: 'ES256' },
      oidc.None(),
      {
        [oidc.customFetch]: (url, request) => fetch(url, request),
        // Nothing travels: plain http is the issuer's own choice for development.
        execute: issuer.startsWith('http:') ? [oidc.allowInsecureRequests] : [],
      },
    );
    return known;
  };

  return {
    signOutPath: `/oauth2/logout?client_id=${ACCOUNT_CLIENT}`,

    begin: ({ stepUp, loginHint, language }) =>
      told(async () => {
        const config = await server();
        const verifier = oidc.randomPKCECodeVerifier();
        const state = oidc.randomState();
        const nonce = oidc.randomNonce();
        const url = await oidc.buildAuthorizationUrlWithPAR(config, {
          redirect_uri: issuer + ACCOUNT_CALLBACK,
          scope: SCOPE,
          resource,
          state,
          nonce,
          code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
          ui_locales: language,
          ...(stepUp ? { max_age: String(stepUp.maxAge) } : {}),
          ...(stepUp?.acr ? { acr_values: stepUp.acr } : {}),
          ...(loginHint ? { login_hint: loginHint } : {}),
        });
        return { url: url.href, pending: { state, nonce, verifier } };
      }),

    finish: (address, { state, nonce, verifier }) =>
      told(async (): Promise<Finished> => {
        try {
          const tokens = await oidc.authorizationCodeGrant(
            await server(),
            address,
            {
              pkceCodeVerifier: verifier,
              expectedState: state,
              expectedNonce: nonce,
              idTokenExpected: true,
            },
            { resource },
          );
          return { kind: 'signed-in', token: tokens.access_token };
        } catch (error) {
          if (error instanceof oidc.AuthorizationResponseError) {
            if (error.error === 'access_denied') return { kind: 'cancelled' };
            if (error.error === 'unmet_authentication_requirements') return { kind: 'unmet' };
          }
          if (error instanceof oidc.ResponseBodyError && error.error === 'invalid_grant') {
            return { kind: 'expired' };
          }
          throw error;
        }
      }),
  };
}

/** An outage that the server told its own client of is still an outage, and not a refusal. */
async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isOutage(error)) throw new AppError('store_unavailable', { cause: error });
    throw error;
  }
}

function isOutage(error: unknown): boolean {
  if (error instanceof oidc.ResponseBodyError) return error.status === 503;
  if (error instanceof oidc.AuthorizationResponseError) {
    return error.error === 'temporarily_unavailable';
  }
  // An answer that is no OAuth error is handed on as it came.
  const { cause } = (error ?? {}) as { cause?: unknown };
  return cause instanceof Response && cause.status === 503;
}
