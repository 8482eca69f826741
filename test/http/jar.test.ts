/** Authorization requests as signed JWTs (RFC 9101): for those who are registered for them. */
import { randomUUID } from 'node:crypto';
import { SignJWT, UnsecuredJWT } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Operator, openOperator } from '../support/operator.js';
import {
  encode,
  type Fields,
  PROOF,
  post,
  redemption,
  requestFields,
  walk,
} from '../support/protocol.js';
import { CALM, startServer, type TestServer } from '../support/server.js';
import { openBrowser } from '../support/shopper.js';
import {
  discoveryOf,
  jwtBy,
  libraryFor,
  named,
  newSigner,
  type Signer,
  seconds,
  signing,
} from '../support/signers.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const CALLBACK = 'http://localhost:4000/callback';
const PUBLIC = ['--auth', 'none', '--first-party', '--redirect-uri', CALLBACK];

let server: TestServer;
let operator: Operator;
let signer: Signer;
let stranger: Signer;

beforeAll(async () => {
  server = await startServer({ env: CALM });
  operator = openOperator(server);
  [signer, stranger] = [await newSigner(), await newSigner()];
  await operator.register('signing-shop', [
    ...[...PUBLIC, '--scope', 'openid email'],
    ...signing({ signer, metadata: { request_object_signing_alg: 'ES256' } }),
  ]);
  await operator.register('strict-shop', [
    ...[...PUBLIC, '--scope', 'openid'],
    ...signing({ signer, metadata: { require_signed_request_object: true } }),
  ]);
  await operator.register('staying-shop', [
    ...[...PUBLIC, '--scope', 'openid offline_access'],
    ...signing({ signer, metadata: { request_object_signing_alg: 'ES256' } }),
  ]);
  await operator.register('keyed-shop', [...PUBLIC, '--scope', 'openid', ...signing({ signer })]);
});
afterAll(async () => {
  await operator.close();
  await server.stop();
});

/** The claims of a sound request object, with changes. */
const claimsOf = (clientId: string, changes: Record<string, unknown> = {}) => ({
  iss: clientId,
  aud: server.issuer,
  iat: seconds(),
  nbf: seconds(),
  exp: seconds(60),
  jti: randomUUID(),
  ...(requestFields({ client_id: clientId }) as Record<string, string>),
  ...changes,
});

/** What the client is told about a request, without anybody logging in. */
async function told(fields: Fields): Promise<Record<string, string>> {
  const reply = await openBrowser(server).get(`/oauth2/authorize?${encode(fields)}`);
  if (!reply.location?.startsWith(CALLBACK)) throw new Error(`${reply.status}: ${reply.location}`);
  return Object.fromEntries(new URL(reply.location).searchParams);
}
const outside = (clientId: string, request: string): Fields => ({
  client_id: clientId,
  redirect_uri: CALLBACK,
  response_type: 'code',
  request,
});

describe('staying signed in', () => {
  const inside = (scope: string) => jwtBy(signer, claimsOf('staying-shop', { scope }));
  const pushed = async (request: string): Promise<Fields> => {
    const { json } = await post(server, '/oauth2/par', { client_id: 'staying-shop', request });
    return { client_id: 'staying-shop', request_uri: String(json.request_uri) };
  };
  const tokensFor = async (fields: Fields) => {
    const { callback } = await walk(server, `/oauth2/authorize?${encode(fields)}`);
    const code = callback.searchParams.get('code') ?? '';
    return (await post(server, '/oauth2/token', redemption(code, { client_id: 'staying-shop' })))
      .json;
  };
  const ways = [
    ['in the address', async (request: string) => outside('staying-shop', request)],
    ['pushed', pushed],
  ] as const;

  test.each(ways)('is had by asking for it in a signed request, %s', async (_way, send) => {
    const tokens = await tokensFor(await send(await inside('openid offline_access')));
    expect(tokens.refresh_token).toEqual(expect.any(String));
  });

  test.each(ways)('is not had by writing it beside one, %s', async (_way, send) => {
    const fields = { ...(await send(await inside('openid'))), scope: 'openid offline_access' };
    const tokens = await tokensFor(fields);
    expect(tokens.access_token).toEqual(expect.any(String));
    expect(tokens).not.toHaveProperty('refresh_token');
  });
});

describe('every algorithm that discovery lists', () => {
  test('signs requests of openid-client, by the browser and pushed', async () => {
    const { request_object_signing_alg_values_supported: algs, ...discovery } =
      await discoveryOf(server);
    expect(discovery.request_parameter_supported).toBe(true);
    expect(discovery.request_uri_parameter_supported).toBe(false);
    expect(algs?.length).toBeGreaterThanOrEqual(3);
    expect(algs).not.toContain('none');
    for (const alg of algs ?? []) {
      const signs = await newSigner(alg);
      const id = `signs-${alg.toLowerCase()}`;
      await operator.register(id, [
        ...[...PUBLIC, '--scope', 'openid'],
        ...signing({ signer: signs, metadata: { request_object_signing_alg: alg } }),
      ]);
      const config = await libraryFor(server, id, oidc.None());
      const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
      const expectedState = oidc.randomState();
      const parameters = {
        redirect_uri: CALLBACK,
        scope: 'openid',
        state: expectedState,
        code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
        code_challenge_method: 'S256',
      };
      const sign = () =>
        oidc.buildAuthorizationUrlWithJAR(
          config,
          parameters,
          { key: signs.key, kid: signs.kid },
          named(signs),
        );
      const byBrowser = await sign();
      expect([...byBrowser.searchParams.keys()].sort(), alg).toEqual(['client_id', 'request']);
      const request = (await sign()).searchParams.get('request') ?? '';
      const pushed = await oidc.buildAuthorizationUrlWithPAR(config, { request });
      for (const url of [byBrowser, pushed]) {
        const { callback } = await walk(server, url.href);
        const tokens = await oidc.authorizationCodeGrant(config, callback, {
          pkceCodeVerifier,
          expectedState,
        });
        expect(tokens.claims()?.aud, alg).toBe(id);
      }
    }
  });
});

describe('a signed request', () => {
  test('counts, and what stands beside it does not', async () => {
    const request = await jwtBy(signer, claimsOf('signing-shop', { state: 'signed' }));
    const { callback } = await walk(
      server,
      `/oauth2/authorize?${encode({
        ...outside('signing-shop', request),
        scope: 'openid email',
        state: 'beside',
      })}`,
    );
    expect(callback.searchParams.get('state')).toBe('signed');
    expect(callback.searchParams.get('iss')).toBe(server.issuer);
    const fields = redemption(callback.searchParams.get('code') ?? '', {
      client_id: 'signing-shop',
      code_verifier: PROOF.verifier,
    });
    const { json } = await post(server, '/oauth2/token', fields);
    expect(json.scope).toBe('openid');
  });

  test('is refused from a client that is not registered for it', async () => {
    const request = await jwtBy(signer, claimsOf('keyed-shop'));
    expect(await told(outside('keyed-shop', request))).toMatchObject({
      error: 'request_not_supported',
      iss: server.issuer,
    });
    const pushed = await post(server, '/oauth2/par', { client_id: 'keyed-shop', request });
    expect(pushed).toMatchObject({ status: 400, json: { error: 'request_not_supported' } });
  });

  test('has to be there where the client is registered to sign always', async () => {
    const fields = requestFields({ client_id: 'strict-shop' });
    expect((await told(fields)).error).toBe('invalid_request');
    const pushed = await post(server, '/oauth2/par', fields);
    expect(pushed).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
    const request = await jwtBy(signer, claimsOf('strict-shop'));
    const { callback } = await walk(
      server,
      `/oauth2/authorize?${encode(outside('strict-shop', request))}`,
    );
    expect(callback.searchParams.get('code')).toBeTruthy();
  });

  const bad: Record<string, () => Promise<string> | string> = {
    'by somebody else': () => jwtBy(stranger, claimsOf('signing-shop')),
    'by nobody': () => new UnsecuredJWT(claimsOf('signing-shop')).encode(),
    'with the public key as a shared secret': () =>
      new SignJWT(claimsOf('signing-shop'))
        .setProtectedHeader({ alg: 'HS256' })
        .sign(new TextEncoder().encode(JSON.stringify(signer.jwks.keys[0]))),
    'with a key in its header': () =>
      jwtBy(stranger, claimsOf('signing-shop'), { jwk: stranger.jwks.keys[0] }),
    'with its own key in its header': () =>
      jwtBy(signer, claimsOf('signing-shop'), { jwk: signer.jwks.keys[0] }),
    'with an address of keys': () =>
      jwtBy(signer, claimsOf('signing-shop'), { jku: 'https://evil.example/jwks' }),
    'with an address of a certificate': () =>
      jwtBy(signer, claimsOf('signing-shop'), { x5u: 'https://evil.example/cert' }),
    'of another type': () => jwtBy(signer, claimsOf('signing-shop'), { typ: 'dpop+jwt' }),
    'for another server': () =>
      jwtBy(signer, claimsOf('signing-shop', { aud: 'https://other.example' })),
    'of another client': () => jwtBy(signer, claimsOf('signing-shop', { iss: 'strict-shop' })),
    'that names another client': () =>
      jwtBy(signer, claimsOf('signing-shop', { client_id: 'strict-shop' })),
    'that is an assertion': () => jwtBy(signer, claimsOf('signing-shop', { sub: 'signing-shop' })),
    'that is over': () => jwtBy(signer, claimsOf('signing-shop', { exp: seconds(-60) })),
    'without an end': () => jwtBy(signer, claimsOf('signing-shop', { exp: undefined })),
    'for the whole day': () => jwtBy(signer, claimsOf('signing-shop', { exp: seconds(86_400) })),
    'that does not count yet': () => jwtBy(signer, claimsOf('signing-shop', { nbf: seconds(40) })),
    'from the future': () =>
      jwtBy(signer, claimsOf('signing-shop', { iat: seconds(90), exp: seconds(120) })),
    'with a request in it': () => jwtBy(signer, claimsOf('signing-shop', { request: 'a.b.c' })),
    'that is no JWT': () => 'nonsense',
  };
  test.each(Object.entries(bad))('%s is refused', async (_name, make) => {
    const request = await make();
    expect(await told(outside('signing-shop', request))).toMatchObject({
      error: 'invalid_request_object',
      iss: server.issuer,
    });
    const pushed = await post(server, '/oauth2/par', { client_id: 'signing-shop', request });
    expect(pushed).toMatchObject({ status: 400, json: { error: 'invalid_request_object' } });
  });

  test('under another algorithm than the registered one is refused', async () => {
    const other = await newSigner('PS256');
    const request = await jwtBy(other, claimsOf('signing-shop'));
    expect((await told(outside('signing-shop', request))).error).toBe('invalid_request_object');
  });
});
