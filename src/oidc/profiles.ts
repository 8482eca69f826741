/**
 * What a client's profile means while the host works for it: the rules of the clients' island as
 * the host's settings and errors. What can be said as metadata is in `profile-metadata.ts`.
 */
import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { isFapi, needsProofKey } from '../domain/clients/index.js';
import { factsOf, type HostClient } from './clients.js';

/** `pkce.required` of the host. */
export function pkceRequired(_ctx: KoaContextWithOIDC, client: HostClient): boolean {
  return needsProofKey(factsOf(client).client);
}

/**
 * Rotation catches a thief of a refresh token who cannot be kept out otherwise. A FAPI client
 * proves itself with a key and its tokens are bound to one, so rotation would only lose log-ins
 * when an answer gets lost (FAPI 2.0 section 5.3.2.1, number 9).
 */
export function rotateRefreshToken({ oidc }: KoaContextWithOIDC): boolean {
  return oidc.client === undefined || !isFapi(factsOf(oidc.client).client);
}

/**
 * FAPI clients prove possession with a nonce of ours, so that proofs cannot be made in advance by
 * somebody who had the key for a moment (RFC 9449 section 11.2). Where the client is not known
 * yet, at userinfo, the token in the proof says when it was made.
 */
export function requireNonce({ oidc }: KoaContextWithOIDC): boolean {
  return oidc.client !== undefined && isFapi(factsOf(oidc.client).client);
}

/**
 * The last look at an access token before it is stored, whatever grant it came from: what is for
 * a FAPI client is bound to it, or is not issued.
 */
export function refuseUnboundToken({ oidc }: KoaContextWithOIDC, token: object): void {
  const { jkt, 'x5t#S256': x5t } = token as { jkt?: string; 'x5t#S256'?: string };
  if (jkt || x5t || !oidc.client || !isFapi(factsOf(oidc.client).client)) return;
  throw new errors.InvalidGrant('access tokens of this client have to be bound to it');
}
