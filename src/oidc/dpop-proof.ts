/**
 * Proof of possession for requests to our own API (RFC 9449 sections 4.3 and 7.1). The host checks
 * proofs at its endpoints and nowhere else; this asks the same of them, with the same memory of
 * used ones, so that a proof is of use once on all nodes together.
 */
import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose';
import type Provider from 'oidc-provider';
import { type Clock, epochSeconds } from '../kernel/clock.js';
import { PROOF_SIGNATURES } from './configuration.js';

/** Seconds that a proof may be old, or ahead of our clock: what the host allows. */
const WINDOW = 300;

/**
 * Whether the proof was made for this token and this request, by the key the token is bound to,
 * and was not used before.
 */
export async function provesPossession(
  { provider, clock }: { readonly provider: Provider; readonly clock: Clock },
  token: {
    readonly clientId: string;
    readonly value: string;
    /** The thumbprint of the key (RFC 9449 section 6). */
    readonly jkt?: string | undefined;
  },
  proof: { readonly jwt: string; readonly method: string; readonly url: string },
): Promise<boolean> {
  const verified = await jwtVerify(proof.jwt, EmbeddedJWK, {
    algorithms: [...PROOF_SIGNATURES],
    typ: 'dpop+jwt',
  }).catch(() => undefined);
  if (!verified) return false;
  const { payload, protectedHeader } = verified;
  const { htm, htu, ath, iat, jti } = payload;
  if (htm !== proof.method || !isSameAddress(htu, proof.url)) return false;
  if (ath !== createHash('sha256').update(token.value).digest('base64url')) return false;
  if (typeof iat !== 'number' || Math.abs(epochSeconds(clock.now()) - iat) > WINDOW) return false;
  if (typeof jti !== 'string' || jti === '' || !protectedHeader.jwk) return false;
  if ((await calculateJwkThumbprint(protectedHeader.jwk)) !== token.jkt) return false;
  // For as long as the proof itself is taken, also one of a clock that is ahead. Last, so that only
  // the owner of the key can use a proof up.
  return provider.ReplayDetection.unique(token.clientId, jti, iat + WINDOW + 1);
}

/** Query and fragment do not count (RFC 9449 section 4.3). */
function isSameAddress(claimed: unknown, url: string): boolean {
  if (typeof claimed !== 'string' || !URL.canParse(claimed)) return false;
  const { origin, pathname } = new URL(claimed);
  return origin + pathname === url;
}
