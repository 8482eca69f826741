/** How a key pair is made. */
import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { newId } from '../../kernel/ids.js';
import type { SigningAlg } from '../../kernel/signing-algs.js';

/** A JWK with its private part, as the protocol host needs it. */
export type PrivateJwk = Readonly<Record<string, unknown>> & { readonly kid: string };

export type GeneratedKey = {
  readonly kid: string;
  readonly alg: SigningAlg;
  readonly privateJwk: PrivateJwk;
  readonly publicJwk: PrivateJwk;
};

const generate = promisify(generateKeyPair);

/** Each algorithm has keys of its own, RSA included: a key is for one use (RFC 8017 section 6). */
const makePair: Readonly<Record<SigningAlg, () => ReturnType<typeof generate>>> = {
  ES256: () => generate('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generate('ed25519'),
  PS256: () => generate('rsa', { modulusLength: 2048 }),
  RS256: () => generate('rsa', { modulusLength: 2048 }),
};

/** A fresh key pair; slow for RSA, so never inside a transaction. */
export async function generateSigningKey(alg: SigningAlg): Promise<GeneratedKey> {
  const { privateKey, publicKey } = await makePair[alg]();
  const kid = newId();
  const common = { kid, alg, use: 'sig' };
  return {
    kid,
    alg,
    privateJwk: { ...privateKey.export({ format: 'jwk' }), ...common },
    publicJwk: { ...publicKey.export({ format: 'jwk' }), ...common },
  };
}
