/**
 * The kinds of artifact the protocol host stores, and how each is kept. What could show a
 * person or a bearer value in a dump is sealed: under a key that only the bearer's own value
 * gives where that value is always at hand, under the keyring where it is not.
 */

import type { Bytes } from '../../kernel/sealed-box.js';

export type ArtifactKind =
  | 'Session'
  | 'Interaction'
  | 'Grant'
  | 'AuthorizationCode'
  | 'AccessToken'
  | 'ClientCredentials'
  | 'RefreshToken'
  | 'RefreshAnswer'
  | 'DeviceCode'
  | 'BackchannelAuthenticationRequest'
  | 'PushedAuthorizationRequest'
  | 'ReplayDetection'
  | 'InitialAccessToken'
  | 'RegistrationAccessToken'
  | 'PreAuthorizedCode';

/** The value that was presented, or its digest where only that is known. */
export type ArtifactKey = { readonly id: string } | { readonly idHash: Bytes };

/**
 * How long a used refresh token that comes again is a race and not a theft: the server's own
 * limit, which a client may have shorter or longer (`clients.refresh_grace_seconds`).
 */
export const REFRESH_GRACE_SECONDS = 10;

/** What the host hands over: JSON with a handful of names this island understands. */
export type Payload = Record<string, unknown>;

const keeping: Partial<Record<ArtifactKind, 'sealed-by-id' | 'sealed-by-keyring'>> = {
  // Authorization parameters: login_hint is an e-mail address, `session.cookie` a session id.
  Interaction: 'sealed-by-id',
  PushedAuthorizationRequest: 'sealed-by-id',
  // Holds the tokens themselves. Its id is made of the refresh token that it answers.
  RefreshAnswer: 'sealed-by-id',
  // Found by user code as well, so the id is not always known.
  DeviceCode: 'sealed-by-keyring',
  BackchannelAuthenticationRequest: 'sealed-by-keyring',
};

export function keepingOf(kind: ArtifactKind): 'plain' | 'sealed-by-id' | 'sealed-by-keyring' {
  return keeping[kind] ?? 'plain';
}

/** What its client asks about again and again, until somebody has answered it elsewhere. */
export function isPolled(kind: ArtifactKind): boolean {
  return kind === 'DeviceCode' || kind === 'BackchannelAuthenticationRequest';
}

/**
 * Found even when expired: a pushed request has to be taken up within its sixty seconds, but
 * typing a password may take longer; a device that asks too late is told so, and so is whoever
 * types its code (`expired_token`, RFC 8628 section 3.5).
 */
export function outlivesExpiry(kind: ArtifactKind): boolean {
  return kind === 'PushedAuthorizationRequest' || isPolled(kind);
}

/** Of those, the ones that are worth something then. */
export function spendableExpired(kind: ArtifactKind): boolean {
  return kind === 'PushedAuthorizationRequest';
}
