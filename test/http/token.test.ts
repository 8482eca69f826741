/** The token endpoint: what a client has to prove, and what it gets for it. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  calculateJwkThumbprint,
  createRemoteJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  type GenerateKeyPairResult,
  generateKeyPair,
  type JWTHeaderParameters,
  type JWTPayload,
  jwtVerify,
  SignJWT,
  UnsecuredJWT,
} from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ADMIN,
  type Answer,
  age,
  authorizeUrl,
  basic,
  CATALOG,
  command,
  type Database,
  encode,
  type Fields,
  freshCode,
  ORDERS,
  openDatabase,
  PROOF,
  post,
  postAs,
  proofKey,
  redemption,
  register,
  rowOf,
  walk,
} from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { clientFor, demoClient, introspect } from '../support/shopper.js';

let server: TestServer;
let database: Database;
let robotKeys: GenerateKeyPairResult;
let closed: { client_id: string; client_secret: string };

beforeAll(async () => {
  server = await startServer({ env: { LATCHKEY_RATE_LIMITS: 'off' } });
  database = await openDatabase(server);
  robotKeys = await generateKeyPair('ES256', { extractable: true });
  const jwks = join(server.dataDir, 'robot.jwks.json');
  const { d: _d, ...publicKey } = await exportJWK(robotKeys.privateKey);
  await writeFile(jwks, JSON.stringify({ keys: [{ ...publicKey, kid: 'robot', alg: 'ES256' }] }));
  await register(server, 'robot', [
    '--auth',
    'private_key_jwt',
    '--jwks',
    jwks,
    '--allow',
    `${ORDERS}=orders:read`,
  ]);
  await register(server, 'bound-shop', [
    '--first-party',
    '--auth',
    'none',
    '--dpop',
    '--redirect-uri',
    'http://localhost:4000/callback',
    '--scope',
    'openid offline_access',
    '--allow',
    `${ORDERS}=orders:read`,
  ]);
  await register(server, 'old-shop', [
    '--first-party',
    '--auth',
    'none',
    '--redirect-uri',
    'http://localhost:4000/callback',
    '--scope',
    'openid',
    '--id-token-alg',
    'RS256',
  ]);
  closed = await register(server, 'closed-robot', ['--allow', `${ORDERS}=orders:read`]);
}, 60_000);
afterAll(async () => {
  await database.close();
  await server.stop();
});

const token = (fields: Fields, headers: Record<string, string> = {}) =>
  post(server, '/oauth2/token', fields, headers);
const redeem = (code: string, changes: Fields = {}) => token(redemption(code, changes));
const refresh = (refreshToken: unknown, changes: Fields = {}) =>
  token({
    grant_type: 'refresh_token',
    client_id: 'demo-storefront',
    refresh_token: String(refreshToken),
    ...changes,
  });
const machine = (fields: Fields) =>
  postAs(server, 'automation', '/oauth2/token', { grant_type: 'client_credentials', ...fields });

const AT_ORDERS = { resource: ORDERS };
const OFFLINE = { scope: 'openid offline_access orders:read cart:write', resource: ORDERS };
/** Tokens of a shopper who stays logged in at the demo storefront. */
const shopperTokens = async (changes: Fields = OFFLINE): Promise<Answer> => {
  const answer = await redeem((await freshCode(server, changes)).code, AT_ORDERS);
  expect(answer.status).toBe(200);
  return answer;
};

const isAlive = async (accessToken: unknown): Promise<boolean> =>
  JSON.parse((await introspect(server, 'orders_api', String(accessToken))).text).active;

const expectError = (answer: Answer, status: number, error: string) => {
  expect(answer.json.error).toBe(error);
  expect(answer.status).toBe(status);
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.get('content-type')).toContain('application/json');
};

describe('codes', () => {
  test('a code lives a minute and is worth nothing after it', async () => {
    const { code } = await freshCode(server);
    const [row] = await database.query(
      'SELECT extract(epoch FROM expires_at - now()) AS left FROM artifacts WHERE id_hash = $1',
      [rowOf(code)],
    );
    expect(Number(row?.left)).toBeGreaterThan(50);
    expect(Number(row?.left)).toBeLessThanOrEqual(60);
    await age(database, code);
    expectError(await redeem(code), 400, 'invalid_grant');
  });

  test('whatever does not fit is answered alike, and spoils nothing', async () => {
    const { code } = await freshCode(server);
    const answers = [
      await redeem(code, { code_verifier: proofKey().verifier }),
      await redeem(code, { code_verifier: undefined }),
      await redeem(code, { redirect_uri: 'http://localhost:4000/other' }),
      await redeem(code, { client_id: 'old-shop' }),
      await postAs(
        server,
        'storefront_bff',
        '/oauth2/token',
        redemption(code, { client_id: undefined }),
      ),
      await redeem('a'.repeat(43)),
    ];
    for (const answer of answers) {
      expectError(answer, 400, 'invalid_grant');
      expect(answer.text).toBe(answers[0]?.text);
    }
    expect((await redeem(code)).status).toBe(200);
  });

  test('a code that comes without the redirect URI is refused', async () => {
    const { code } = await freshCode(server);
    expectError(await redeem(code, { redirect_uri: undefined }), 400, 'invalid_request');
  });

  test('a code that comes twice takes back all that came of it', async () => {
    const { code } = await freshCode(server, OFFLINE);
    const tokens = await redeem(code, AT_ORDERS);
    expect(await isAlive(tokens.json.access_token)).toBe(true);
    expectError(await redeem(code), 400, 'invalid_grant');
    expect(await isAlive(tokens.json.access_token)).toBe(false);
    expectError(await refresh(tokens.json.refresh_token), 400, 'invalid_grant');
  });

  test('a code is not taken by somebody who has only seen it go by', async () => {
    const { code } = await freshCode(server);
    // Neither does a wrong try burn it for its owner (that would be a way to log people out).
    expectError(await redeem(code, { code_verifier: 'x'.repeat(43) }), 400, 'invalid_grant');
    expect((await redeem(code)).status).toBe(200);
  });

  test('tokens are never cached, and come as JSON', async () => {
    const { json, headers } = await shopperTokens();
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('content-type')).toContain('application/json');
    expect(json).toMatchObject({ token_type: 'Bearer', expires_in: 900 });
    const { exp = 0, iat = 0 } = decodeJwt(String(json.id_token));
    expect(exp - iat).toBeLessThanOrEqual(600);
  });

  test('a client that asked for RS256 can verify its ID token, others get ES256', async () => {
    const jwks = createRemoteJWKSet(new URL(`${server.issuer}/oauth2/jwks`));
    for (const [client_id, alg] of [
      ['old-shop', 'RS256'],
      ['demo-storefront', 'ES256'],
    ] as const) {
      const { code } = await freshCode(server, { client_id });
      const { json } = await redeem(code, { client_id });
      const { protectedHeader } = await jwtVerify(String(json.id_token), jwks, {
        issuer: server.issuer,
        audience: client_id,
      });
      expect(protectedHeader.alg).toBe(alg);
    }
  });
});

// How they are used up, and what becomes of a used one, stands in `refresh.test.ts`.
describe('refresh tokens', () => {
  test('every use gives a new one', async () => {
    const first = await shopperTokens();
    const second = await refresh(first.json.refresh_token, AT_ORDERS);
    expect(second.status).toBe(200);
    expect(second.json.refresh_token).not.toBe(first.json.refresh_token);
    const third = await refresh(second.json.refresh_token, AT_ORDERS);
    expect(third.status).toBe(200);
    expect(await isAlive(third.json.access_token)).toBe(true);
  });

  test('an expired one is refused', async () => {
    const { json } = await shopperTokens();
    await age(database, String(json.refresh_token));
    expectError(await refresh(json.refresh_token), 400, 'invalid_grant');
  });

  test('it may ask for less, never for more', async () => {
    const first = await shopperTokens();
    const narrow = { ...AT_ORDERS, scope: 'openid cart:write' };
    const less = await refresh(first.json.refresh_token, narrow);
    expect(less.json.scope).toBe('cart:write');
    const again = await refresh(less.json.refresh_token, AT_ORDERS);
    expect(String(again.json.scope).split(' ').sort()).toEqual(['cart:write', 'orders:read']);
    for (const scope of ['openid email', 'orders:write', 'catalog:read', 'users:read']) {
      expectError(await refresh(again.json.refresh_token, { scope }), 400, 'invalid_scope');
    }
    // A refusal has not spent it.
    expect((await refresh(again.json.refresh_token)).status).toBe(200);
  });

  test('it cannot be turned to a resource that was not authorized', async () => {
    const { json } = await shopperTokens();
    expectError(await refresh(json.refresh_token, { resource: CATALOG }), 400, 'invalid_target');
  });

  test('another client cannot use it', async () => {
    const { json } = await shopperTokens();
    expectError(
      await refresh(json.refresh_token, { client_id: 'bound-shop' }),
      400,
      'invalid_grant',
    );
    const other = await postAs(server, 'storefront_bff', '/oauth2/token', {
      grant_type: 'refresh_token',
      refresh_token: String(json.refresh_token),
    });
    expectError(other, 400, 'invalid_grant');
    expect((await refresh(json.refresh_token)).status).toBe(200);
  });

  test('a shop that did not ask to stay logged in gets none', async () => {
    const { json } = await shopperTokens({ scope: 'openid orders:read', resource: ORDERS });
    expect(json.refresh_token).toBeUndefined();
  });

  test('other tokens are not refresh tokens', async () => {
    const { json } = await shopperTokens();
    for (const value of [json.access_token, json.id_token]) {
      expectError(await refresh(value), 400, 'invalid_grant');
    }
  });
});

describe('one authorization for two APIs', () => {
  test('each API gets a token of its own kind with its own scopes only', async () => {
    const tokens = await redeem(
      (
        await freshCode(server, {
          scope: 'openid offline_access orders:read cart:write catalog:read',
          resource: [ORDERS, CATALOG],
        })
      ).code,
      { resource: ORDERS },
    );
    expect(String(tokens.json.scope).split(' ').sort()).toEqual(['cart:write', 'orders:read']);
    const seen = await introspect(server, 'orders_api', String(tokens.json.access_token));
    expect(JSON.parse(seen.text)).toMatchObject({ active: true, aud: ORDERS });

    const second = await refresh(tokens.json.refresh_token, { resource: CATALOG });
    expect(second.json).toMatchObject({ scope: 'catalog:read', expires_in: 300 });
    const jwks = createRemoteJWKSet(new URL(`${server.issuer}/oauth2/jwks`));
    const { payload, protectedHeader } = await jwtVerify(String(second.json.access_token), jwks, {
      issuer: server.issuer,
      audience: CATALOG,
      typ: 'at+jwt',
    });
    expect(protectedHeader.alg).toBe('ES256');
    expect(payload).toMatchObject({
      aud: CATALOG,
      scope: 'catalog:read',
      client_id: 'demo-storefront',
      sub: decodeJwt(String(tokens.json.id_token)).sub,
      acr: 'urn:latchkey:acr:1',
      amr: ['pwd'],
    });
    expect(payload.jti).toBeTypeOf('string');
    expect(payload.auth_time).toBe(decodeJwt(String(tokens.json.id_token)).auth_time);
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBeLessThanOrEqual(300);
  });

  test('a token for both at once is not to be had', async () => {
    const changes = { scope: 'openid orders:read catalog:read', resource: [ORDERS, CATALOG] };
    const both = await redeem((await freshCode(server, changes)).code, {
      resource: [ORDERS, CATALOG],
    });
    expectError(both, 400, 'invalid_target');
  });

  test('a token for an API that was not authorized is not to be had', async () => {
    const changes = { scope: 'openid orders:read', resource: ORDERS };
    const { code } = await freshCode(server, changes);
    expectError(await redeem(code, { resource: CATALOG }), 400, 'invalid_target');
    expectError(
      await redeem((await freshCode(server, changes)).code, { resource: ADMIN }),
      400,
      'invalid_target',
    );
  });
});

describe('machines', () => {
  test('a machine gets an opaque token for an API that introspects', async () => {
    const { json, status } = await machine({ resource: ORDERS, scope: 'orders:read' });
    expect(status).toBe(200);
    expect(json).toMatchObject({ token_type: 'Bearer', expires_in: 900, scope: 'orders:read' });
    expect(json.refresh_token ?? json.id_token).toBeUndefined();
    const seen = await introspect(server, 'orders_api', String(json.access_token));
    const known = JSON.parse(seen.text);
    expect(known).toMatchObject({ active: true, aud: ORDERS, client_id: 'demo-automation' });
    expect(known.sub).toBeUndefined();
  });

  test('a machine gets a JWT for an API that verifies for itself (RFC 9068)', async () => {
    const { json } = await machine({ resource: CATALOG, scope: 'catalog:read' });
    const jwks = createRemoteJWKSet(new URL(`${server.issuer}/oauth2/jwks`));
    const { payload, protectedHeader } = await jwtVerify(String(json.access_token), jwks, {
      issuer: server.issuer,
      audience: CATALOG,
      typ: 'at+jwt',
      algorithms: ['ES256'],
    });
    expect(protectedHeader.kid).toBeTypeOf('string');
    expect(payload).toMatchObject({
      sub: 'demo-automation',
      client_id: 'demo-automation',
      scope: 'catalog:read',
    });
    expect(payload.jti).toBeTypeOf('string');
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBeLessThanOrEqual(300);
  });

  test('a machine that names no scope gets none', async () => {
    const opaque = await machine({ resource: ORDERS });
    expect(opaque.status).toBe(200);
    expect(opaque.json.scope).toBeUndefined();
    const seen = await introspect(server, 'orders_api', String(opaque.json.access_token));
    expect(JSON.parse(seen.text).scope).toBeUndefined();
    const jwt = await machine({ resource: CATALOG });
    expect(decodeJwt(String(jwt.json.access_token)).scope).toBeUndefined();
  });

  test('a scope that was not granted, or is another API’s, is refused', async () => {
    for (const [resource, scope] of [
      [ORDERS, 'orders:write'],
      [ORDERS, 'orders:read users:write'],
      [ORDERS, 'catalog:read'],
      [ADMIN, 'clients:write'],
      [ADMIN, 'keys:rotate'],
      [ORDERS, 'openid'],
      [ORDERS, 'nonsense'],
    ]) {
      expectError(await machine({ resource, scope }), 400, 'invalid_scope');
    }
  });

  test('one token is for one API', async () => {
    expectError(await machine({ resource: [ORDERS, CATALOG] }), 400, 'invalid_target');
    expectError(await machine({ resource: 'https://unknown.example' }), 400, 'invalid_target');
    expectError(await machine({ resource: 'not a uri' }), 400, 'invalid_target');
    // With several granted and none named, the server does not guess.
    expectError(await machine({}), 400, 'invalid_target');
    expectError(await machine({ scope: 'orders:read' }), 400, 'invalid_target');
  });

  test('a machine with one API need not name it', async () => {
    const one = { grant_type: 'client_credentials', scope: 'orders:read' };
    const { json } = await token({ ...one, ...(await assertion()) });
    const seen = await introspect(server, 'orders_api', String(json.access_token));
    expect(JSON.parse(seen.text)).toMatchObject({ active: true, aud: ORDERS, client_id: 'robot' });
  });

  test('clients use the grants they are registered for, and no others', async () => {
    const answers = [
      await token({ grant_type: 'client_credentials', client_id: 'demo-storefront' }),
      await postAs(server, 'orders_api', '/oauth2/token', { grant_type: 'client_credentials' }),
      await machine({ grant_type: 'password', username: 'a', password: 'b' }),
      await machine({ grant_type: 'implicit' }),
      await machine({ grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange' }),
      await machine({ grant_type: undefined }),
      await machine({ grant_type: ['client_credentials', 'client_credentials'] }),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(400);
      expect(answer.json.access_token).toBeUndefined();
    }
  });
});

describe('who the client is', () => {
  const asks = { grant_type: 'client_credentials', resource: ORDERS };

  test('a wrong secret, a client unknown and one switched off are the same 401', async () => {
    const right = await token(asks, { authorization: basic(closed) });
    expect(right.status).toBe(200);
    await command(server, 'clients', 'disable', closed.client_id);
    await expect
      .poll(async () => (await token(asks, { authorization: basic(closed) })).status)
      .toBe(401);
    const pairs = [
      { client_id: 'demo-automation', client_secret: 'wrong' },
      { client_id: 'demo-automation', client_secret: 'x'.repeat(43) },
      { client_id: 'nobody', client_secret: 'x'.repeat(43) },
      closed,
      { client_id: closed.client_id, client_secret: 'wrong' },
      { client_id: 'demo-storefront', client_secret: 'a public client has none' },
      { client_id: 'robot', client_secret: 'not this way' },
    ];
    const seen = new Set<string>();
    for (const pair of pairs) {
      for (const answer of [
        await token(asks, { authorization: basic(pair) }),
        await token({ ...asks, ...pair }),
      ]) {
        expectError(answer, 401, 'invalid_client');
        seen.add(answer.text);
      }
      const { headers } = await token(asks, { authorization: basic(pair) });
      expect(headers.get('www-authenticate')).toMatch(/^Basic realm=/);
    }
    expect(seen.size).toBe(1);
  });

  test('the secret may be sent in the body too, but not in two ways at once', async () => {
    const { client_id, client_secret } = demoClient(server, 'automation');
    expect((await token({ ...asks, client_id, client_secret })).status).toBe(200);
    const authorization = basic({ client_id, client_secret });
    expectError(
      await token({ ...asks, client_id, client_secret }, { authorization }),
      400,
      'invalid_request',
    );
    expectError(
      await token({ ...asks, ...(await assertion()) }, { authorization }),
      400,
      'invalid_request',
    );
    expectError(
      await token({ ...asks, client_id: 'robot' }, { authorization }),
      400,
      'invalid_request',
    );
    expectError(
      await token({ ...asks, client_id, client_secret: [client_secret, client_secret] }),
      400,
      'invalid_request',
    );
  });

  test('credentials in the address are no credentials', async () => {
    const { client_id, client_secret } = demoClient(server, 'automation');
    const query = encode({ ...asks, client_id, client_secret });
    const all = await post(server, `/oauth2/token?${query}`, {});
    expectError(all, 400, 'invalid_request');
    const secretOnly = await post(server, `/oauth2/token?${encode({ client_secret })}`, {
      ...asks,
      client_id,
    });
    expect(secretOnly.status).toBeGreaterThanOrEqual(400);
    expect(secretOnly.json.access_token).toBeUndefined();
    const get = await fetch(`${server.issuer}/oauth2/token?${query}`);
    expect(get.status).toBe(405);
  });

  test('nothing but a form is read', async () => {
    const response = await fetch(`${server.issuer}/oauth2/token`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: basic(demoClient(server, 'automation')),
      },
      body: JSON.stringify(asks),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: 'invalid_request' });
  });

  test('an authorization header that is broken is a broken request', async () => {
    for (const authorization of [
      'Basic',
      'Basic %%%',
      'Basic bm9jb2xvbg==',
      'Bearer x',
      'Basic a b',
    ]) {
      const answer = await token(asks, { authorization });
      expect(answer.status).toBe(400);
      expect(answer.json.error).toBe('invalid_request');
    }
  });

  test('a second secret works beside the first, and a removed one no more', async () => {
    const first = await register(server, 'rotating', ['--allow', `${ORDERS}=orders:read`]);
    const issued = JSON.parse(await command(server, 'clients', 'secret', 'rotating', '--json'));
    const works = async (client_secret: string) =>
      (await token(asks, { authorization: basic({ client_id: 'rotating', client_secret }) }))
        .status === 200;
    expect(await works(first.client_secret)).toBe(true);
    expect(await works(issued.client_secret)).toBe(true);
    const third = await server.cli(['clients', 'secret', 'rotating']);
    expect(third.code).toBe(1);
    await command(server, 'clients', 'secret', 'rotating', '--replace', issued.secret_id);
    await expect.poll(() => works(issued.client_secret)).toBe(false);
    expect(await works(first.client_secret)).toBe(true);
  }, 60_000);
});

/** A good assertion of the robot, with changes. */
async function assertion(
  claims: JWTPayload = {},
  header: Partial<JWTHeaderParameters> = {},
): Promise<{ client_assertion: string; client_assertion_type: string }> {
  const now = Math.floor(Date.now() / 1000);
  const payload = {
    iss: 'robot',
    sub: 'robot',
    aud: server.issuer,
    iat: now,
    exp: now + 60,
    jti: randomUUID(),
    ...claims,
  };
  return asAssertion(
    await new SignJWT(payload)
      .setProtectedHeader({ alg: 'ES256', ...header })
      .sign(robotKeys.privateKey),
  );
}

function asAssertion(client_assertion: string) {
  return {
    client_assertion,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  };
}

describe('a client that signs (private_key_jwt)', () => {
  const asks = { grant_type: 'client_credentials', scope: 'orders:read' };
  const now = () => Math.floor(Date.now() / 1000);
  const offer = async (made: Fields) => token({ ...asks, ...made });

  test('proves itself with a fresh assertion', async () => {
    expect((await offer(await assertion())).status).toBe(200);
    expect((await offer({ ...(await assertion()), client_id: 'robot' })).status).toBe(200);
  });

  test('an assertion is used once', async () => {
    const once = await assertion();
    expect((await offer(once)).status).toBe(200);
    expectError(await offer(once), 401, 'invalid_client');
    // The same jti under another signature is the same assertion.
    const jti = randomUUID();
    expect((await offer(await assertion({ jti }))).status).toBe(200);
    expectError(await offer(await assertion({ jti, iat: now() - 1 })), 401, 'invalid_client');
  });

  test('an assertion is for this issuer and nobody else', async () => {
    for (const aud of [
      'https://other.example',
      `${server.issuer}/`,
      `${server.issuer}/oauth2/token`,
      [server.issuer, 'https://other.example'],
      undefined,
    ]) {
      expectError(await offer(await assertion({ aud } as JWTPayload)), 401, 'invalid_client');
    }
  });

  test('an assertion is short-lived, and speaks for its maker', async () => {
    for (const claims of [
      { exp: now() + 600 },
      { exp: now() - 60 },
      { exp: undefined },
      { nbf: now() + 120 },
      { jti: undefined },
      { iss: 'demo-automation' },
    ]) {
      expectError(await offer(await assertion(claims as JWTPayload)), 401, 'invalid_client');
    }
    const other = await offer(await assertion({ sub: 'demo-automation' }));
    expectError(other, 401, 'invalid_client');
  });

  test('an unsigned assertion is worth nothing', async () => {
    const claims = { iss: 'robot', sub: 'robot', aud: server.issuer, jti: randomUUID() };
    const none = new UnsecuredJWT(claims).setExpirationTime('1m').encode();
    expectError(await offer(asAssertion(none)), 401, 'invalid_client');
    const [head, body] = (await assertion()).client_assertion.split('.');
    expectError(await offer(asAssertion(`${head}.${body}.`)), 401, 'invalid_client');
  });

  test('the public key is no shared secret', async () => {
    const { d: _d, ...publicKey } = await exportJWK(robotKeys.privateKey);
    for (const key of [JSON.stringify(publicKey), publicKey.x ?? '', '']) {
      const signed = await new SignJWT({ jti: randomUUID() })
        .setProtectedHeader({ alg: 'HS256' })
        .setIssuer('robot')
        .setSubject('robot')
        .setAudience(server.issuer)
        .setExpirationTime('1m')
        .sign(new TextEncoder().encode(key.padEnd(32, '0')));
      expectError(await offer(asAssertion(signed)), 401, 'invalid_client');
    }
  });

  test('a key that the assertion brings along is not looked at', async () => {
    const own = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(own.publicKey);
    const forged = await new SignJWT({ jti: randomUUID() })
      .setProtectedHeader({ alg: 'ES256', jwk })
      .setIssuer('robot')
      .setSubject('robot')
      .setAudience(server.issuer)
      .setExpirationTime('1m')
      .sign(own.privateKey);
    expectError(await offer(asAssertion(forged)), 401, 'invalid_client');
    // Not even beside a good signature.
    for (const header of [
      { jku: 'https://evil.example/jwks' },
      { jwk: await exportJWK(robotKeys.publicKey) },
      { x5u: 'https://evil.example/x5u' },
      { x5c: ['AAAA'] },
    ]) {
      expectError(await offer(await assertion({}, header)), 401, 'invalid_client');
    }
  });

  test('all these refusals read alike', async () => {
    const seen = new Set<string>();
    for (const made of [
      await assertion({ aud: 'https://other.example' }),
      await assertion({ exp: now() + 600 }),
      await assertion({}, { jku: 'https://evil.example' }),
      await assertion({ sub: 'nobody', iss: 'nobody' }),
    ]) {
      seen.add((await offer(made)).text);
    }
    expect(seen.size).toBe(1);
  });
});

describe('sender-constrained tokens (DPoP)', () => {
  const url = () => `${server.issuer}/oauth2/token`;
  const proof = async (
    keys: GenerateKeyPairResult,
    claims: JWTPayload = {},
    at: string = url(),
  ): Promise<string> =>
    new SignJWT({ htm: 'POST', htu: at, jti: randomUUID(), ...claims })
      .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: await exportJWK(keys.publicKey) })
      .setIssuedAt(claims.iat)
      .sign(keys.privateKey);
  const newKeys = async () => await generateKeyPair('ES256', { extractable: true });

  test('a client library gets a token that is bound to its key', async () => {
    const client = await clientFor(server, {
      client_id: 'bound-shop',
      redirect_uris: ['http://localhost:4000/callback'],
    });
    const keys = await oidc.randomDPoPKeyPair('ES256');
    const DPoP = oidc.getDPoPHandle(client.config, keys);
    const { callback } = await walk(
      server,
      authorizeUrl({ client_id: 'bound-shop', scope: 'openid offline_access' }),
    );
    const tokens = await oidc.authorizationCodeGrant(
      client.config,
      callback,
      { pkceCodeVerifier: PROOF.verifier, expectedState: 'st' },
      undefined,
      { DPoP },
    );
    expect(tokens.token_type).toBe('dpop');
    const person = await oidc.fetchUserInfo(
      client.config,
      tokens.access_token,
      tokens.claims()?.sub ?? '',
      { DPoP },
    );
    expect(person.sub).toBe(tokens.claims()?.sub);
    // Without the key it is a stolen token.
    for (const scheme of ['Bearer', 'DPoP']) {
      const stolen = await fetch(`${server.issuer}/oauth2/userinfo`, {
        headers: { authorization: `${scheme} ${tokens.access_token}` },
      });
      expect(stolen.status).toBeGreaterThanOrEqual(400);
      expect(await stolen.text()).not.toContain(person.sub);
    }
    // And so is the refresh token of a public client.
    const other = oidc.getDPoPHandle(client.config, await oidc.randomDPoPKeyPair('ES256'));
    const refreshToken = tokens.refresh_token ?? '';
    await expect(
      oidc.refreshTokenGrant(client.config, refreshToken, undefined, { DPoP: other }),
    ).rejects.toMatchObject({ error: 'invalid_grant' });
    const next = await oidc.refreshTokenGrant(client.config, refreshToken, undefined, { DPoP });
    expect(next.token_type).toBe('dpop');
  });

  test('the API sees which key the token is bound to', async () => {
    const keys = await newKeys();
    const changes = { scope: 'openid orders:read', resource: ORDERS };
    const { code } = await freshCode(server, changes);
    const { json } = await token(redemption(code, AT_ORDERS), { dpop: await proof(keys) });
    expect(json.token_type).toBe('DPoP');
    const seen = await introspect(server, 'orders_api', String(json.access_token));
    expect(JSON.parse(seen.text)).toMatchObject({
      active: true,
      token_type: 'DPoP',
      cnf: { jkt: await calculateJwkThumbprint(await exportJWK(keys.publicKey)) },
    });
  });

  test('a JWT carries the key as well', async () => {
    const keys = await newKeys();
    const { client_id, client_secret } = demoClient(server, 'automation');
    const { json } = await token(
      { grant_type: 'client_credentials', resource: CATALOG },
      { authorization: basic({ client_id, client_secret }), dpop: await proof(keys) },
    );
    expect(decodeProtectedHeader(String(json.access_token)).typ).toBe('at+jwt');
    expect(decodeJwt(String(json.access_token)).cnf).toEqual({
      jkt: await calculateJwkThumbprint(await exportJWK(keys.publicKey)),
    });
  });

  test('a proof is used once, for as long as it could be used at all', async () => {
    const keys = await newKeys();
    const asks = { grant_type: 'client_credentials', resource: ORDERS };
    const authorization = basic(demoClient(server, 'automation'));
    const once = await proof(keys);
    expect((await token(asks, { authorization, dpop: once })).status).toBe(200);
    expectError(await token(asks, { authorization, dpop: once }), 400, 'invalid_grant');
    // A proof dated five minutes ahead is good for ten: so long is it remembered.
    const jti = randomUUID();
    const ahead = await proof(keys, { jti, iat: Math.floor(Date.now() / 1000) + 295 });
    await database.query("DELETE FROM artifacts WHERE kind = 'ReplayDetection'");
    expect((await token(asks, { authorization, dpop: ahead })).status).toBe(200);
    const [row] = await database.query(
      `SELECT extract(epoch FROM expires_at - now()) AS left
         FROM artifacts WHERE kind = 'ReplayDetection'`,
    );
    expect(Number(row?.left)).toBeGreaterThan(595);
  });

  test('a proof for another moment, method or address is refused', async () => {
    const keys = await newKeys();
    const asks = { grant_type: 'client_credentials', resource: ORDERS };
    const authorization = basic(demoClient(server, 'automation'));
    const seconds = Math.floor(Date.now() / 1000);
    for (const dpop of [
      await proof(keys, { htm: 'GET' }),
      await proof(keys, {}, `${server.issuer}/oauth2/userinfo`),
      await proof(keys, {}, 'https://other.example/oauth2/token'),
      await proof(keys, { iat: seconds - 400 }),
      await proof(keys, { iat: seconds + 400 }),
      await proof(keys, { jti: undefined } as unknown as JWTPayload),
      await proof(keys, { nonce: 'made up' }),
      'not a proof',
    ]) {
      const answer = await token(asks, { authorization, dpop });
      expect(answer.status).toBe(400);
      expect(answer.json.error).toMatch(/^(invalid_dpop_proof|use_dpop_nonce)$/);
    }
  });

  test('a client bound to DPoP gets no bearer token, whichever way it asks', async () => {
    const changes = { client_id: 'bound-shop', scope: 'openid offline_access' };
    const { code } = await freshCode(server, changes);
    const bare = await redeem(code, { client_id: 'bound-shop' });
    expect(bare.status).toBe(400);
    expect(bare.json.access_token).toBeUndefined();
    const keys = await newKeys();
    const bound = await token(redemption(code, { client_id: 'bound-shop' }), {
      dpop: await proof(keys),
    });
    expect(bound.json.token_type).toBe('DPoP');
    const refreshed = await refresh(bound.json.refresh_token, { client_id: 'bound-shop' });
    expect(refreshed.status).toBe(400);
    expect(refreshed.json.access_token).toBeUndefined();
  });
});

describe('other sites', () => {
  const ask = (origin: string, fields: Fields) => token(fields, { origin });

  test('a storefront reads its tokens from its own origin only', async () => {
    const { code } = await freshCode(server);
    const own = await ask('http://localhost:4000', redemption(code));
    expect(own.status).toBe(200);
    expect(own.headers.get('access-control-allow-origin')).toBe('http://localhost:4000');
    expect(own.headers.get('access-control-allow-credentials')).toBeNull();
    for (const origin of ['https://evil.example', 'null', 'http://localhost:4001']) {
      const other = await ask(origin, redemption((await freshCode(server)).code));
      expect(other.json.access_token).toBeUndefined();
      expect(other.headers.get('access-control-allow-origin')).toBeNull();
    }
  });
});
