/** Clients that sign: keys, registrations with files, and JWTs right down to their headers. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import * as oidc from 'openid-client';
import type { TestServer } from './server.js';

export type Signer = {
  readonly alg: string;
  readonly kid: string;
  readonly key: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwks: { keys: JWK[] };
};

/** A key pair for `alg`, with its public half ready to be registered. */
export async function newSigner(alg = 'ES256'): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const kid = `key-${alg}`;
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }] };
  return { alg, kid, key: privateKey, publicKey, jwks };
}

/** Options for openid-client that sign under the name of the algorithm that is to be tested. */
export function named({ alg }: Signer): oidc.ModifyAssertionOptions {
  return {
    [oidc.modifyAssertion](header) {
      header.alg = alg;
    },
  };
}

let files = 0;
const directory = mkdtempSync(join(tmpdir(), 'latchkey-signers-'));

/** The path of a file that holds this as JSON, for a command to read. */
export function fileOf(content: unknown): string {
  files += 1;
  const path = join(directory, `${files}.json`);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

/** The arguments that register what a client signs with and is answered with. */
export function signing(given: { signer?: Signer; metadata?: Record<string, unknown> }): string[] {
  return [
    ...(given.signer ? ['--jwks', fileOf(given.signer.jwks)] : []),
    ...(given.metadata ? ['--metadata', fileOf(given.metadata)] : []),
  ];
}

/** A client library set up for a registered client. */
export function libraryFor(
  server: Pick<TestServer, 'issuer'>,
  clientId: string,
  auth: oidc.ClientAuth,
  metadata: Partial<oidc.ClientMetadata> = {},
): Promise<oidc.Configuration> {
  return oidc.discovery(
    new URL(server.issuer),
    clientId,
    { id_token_signed_response_alg: 'ES256', ...metadata },
    auth,
    { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] },
  );
}

/** What the server says of itself. */
export async function discoveryOf(
  server: Pick<TestServer, 'issuer'>,
): Promise<Record<string, unknown> & { [list: `${string}_supported`]: string[] }> {
  const response = await fetch(`${server.issuer}/.well-known/openid-configuration`);
  return (await response.json()) as never;
}

/** A JWT of somebody's own making. */
export function jwtBy(
  signer: Signer,
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {},
): Promise<string> {
  const protectedHeader = { alg: signer.alg, kid: signer.kid, ...header };
  return new SignJWT(claims).setProtectedHeader(protectedHeader).sign(signer.key);
}

export const seconds = (fromNow = 0): number => Math.floor(Date.now() / 1000) + fromNow;
