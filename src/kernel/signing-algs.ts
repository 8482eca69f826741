/**
 * How the server signs: what it makes keys for, what it offers in discovery, and what a client
 * may ask for. One list, so that none of the three promises what another cannot keep.
 *
 * ES256 is the default; EdDSA (Ed25519) and PS256 are what FAPI 2.0 allows besides; RS256 is
 * there for clients that know nothing else (OpenID Connect Core section 15.1). `none` and the
 * symmetric ones never (OWASP ASVS 9.1.2, RFC 8725 section 3.1).
 */
export const signingAlgs = ['ES256', 'EdDSA', 'PS256', 'RS256'] as const;
export type SigningAlg = (typeof signingAlgs)[number];

export const DEFAULT_SIGNING_ALG: SigningAlg = 'ES256';

/**
 * How clients sign what they send: assertions, request objects, proofs of possession. A client
 * that can sign at all can do better than PKCS #1 v1.5 (FAPI 2.0 Security Profile 5.4.1). EdDSA
 * and Ed25519 are two names of one signature, the old and the new (RFC 9864); libraries send either.
 */
export const clientSigningAlgs = ['ES256', 'EdDSA', 'Ed25519', 'PS256'] as const;
export type ClientSigningAlg = (typeof clientSigningAlgs)[number];
