/** A gateway asks whether a request may pass, and is told for whom, or what is wrong with it. */
import { randomUUID } from 'node:crypto';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACCESS, exchange } from '../support/exchange.js';
import {
  asGateway,
  type Keys,
  machineToken,
  newKeys,
  proofOf,
  shopperTokens,
  verify,
} from '../support/gateway.js';
import {
  age,
  atOnce,
  basic,
  CATALOG,
  command,
  type Database,
  type Fields,
  newShopper,
  ORDERS,
  openDatabase,
  post,
  postAs,
  register,
  rowOf,
  type WireReply,
} from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { demoClient } from '../support/shopper.js';

let server: TestServer;
let database: Database;

beforeAll(async () => {
  server = await startServer({ env: { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32' } });
  database = await openDatabase(server);
});
afterAll(async () => {
  await database.close();
  await server.stop();
});

const READ = { audience: ORDERS, scope: 'orders:read' };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const ask = (token: string, question: Fields = READ, as?: string) =>
  verify(server, question, bearer(token), as ? { as } : {});
/** A shopper lets the storefront go to both APIs; it goes to one, which goes on to the other. */
const onward = {
  scope: 'openid orders:read catalog:read',
  resource: ORDERS,
  allowed: [ORDERS, CATALOG],
};
const exchanged = async (token: string) => {
  const fields = { subject_token: token, subject_token_type: ACCESS, resource: CATALOG };
  const { json, text } = await exchange(server, demoClient(server, 'orders_api'), fields);
  if (typeof json.access_token !== 'string') throw new Error(text);
  return json.access_token;
};
const AUTH = [
  'subject',
  'client',
  'scope',
  'audience',
  'acr',
  'amr',
  'auth-time',
  'expires',
  'act',
  'authorization-details',
];
/** How proofs may be signed, as discovery says, in the form of a challenge. */
const proofAlgs = async () => {
  const discovered = await fetch(`${server.issuer}/.well-known/openid-configuration`);
  const { dpop_signing_alg_values_supported: algs } = (await discovered.json()) as {
    dpop_signing_alg_values_supported: string[];
  };
  return `algs="${algs.join(' ')}"`;
};
const told = ({ headers }: WireReply) =>
  Object.fromEntries(AUTH.map((name) => [name, headers[`x-auth-${name}`]]));
const refusal = ({ status, headers, json }: WireReply) => ({
  status,
  challenge: headers['www-authenticate'],
  error: json.error,
});

const expectDead = async (token: string, question: Fields = READ, as?: string) =>
  expect(refusal(await ask(token, question, as))).toEqual({
    status: 401,
    challenge: 'Bearer error="invalid_token", error_description="The token is not valid here"',
    error: 'invalid_token',
  });

describe('a token that is good', () => {
  test('passes, and the API is told for whom, by whom and for what, uncached', async () => {
    const { access } = await shopperTokens(server);
    const { json } = await postAs(server, 'orders_api', '/oauth2/introspect', { token: access });
    const reply = await ask(access);
    expect([reply.status, reply.text]).toEqual([200, '']);
    expect(reply.headers['cache-control']).toBe('no-store');
    expect(told(reply)).toEqual({
      subject: json.sub,
      client: 'demo-storefront',
      scope: 'orders:read',
      audience: ORDERS,
      acr: 'urn:latchkey:acr:1',
      amr: 'pwd',
      'auth-time': String(json.auth_time),
      expires: String(json.exp),
      act: '',
      'authorization-details': '',
    });
    expect(reply.headers['www-authenticate']).toBeUndefined();
  });

  test('of a machine says that it acts for nobody', async () => {
    const reply = await ask(await machineToken(server, ORDERS, 'orders:read'));
    expect(reply.status).toBe(200);
    const nobody = { subject: '', acr: '', amr: '', 'auth-time': '', act: '' };
    expect(told(reply)).toMatchObject({ ...nobody, client: 'demo-automation' });
  });

  test('may be a JWT, and says the same', async () => {
    const { access } = await shopperTokens(server, {
      scope: 'openid catalog:read',
      resource: CATALOG,
    });
    const { sub, auth_time, exp } = decodeJwt(access);
    const question = { audience: CATALOG, scope: 'catalog:read' };
    const reply = await ask(access, question, 'catalog_api');
    expect(reply.status).toBe(200);
    expect(told(reply)).toEqual({
      subject: sub,
      client: 'demo-storefront',
      scope: 'catalog:read',
      audience: CATALOG,
      acr: 'urn:latchkey:acr:1',
      amr: 'pwd',
      'auth-time': String(auth_time),
      expires: String(exp),
      act: '',
      'authorization-details': '',
    });
    const machine = await ask(
      await machineToken(server, CATALOG, 'catalog:read'),
      question,
      'catalog_api',
    );
    expect(told(machine)).toMatchObject({ subject: '', client: 'demo-automation' });
  });

  test('may be a JWT that a service has made from another token, and says by whom', async () => {
    const { access } = await shopperTokens(server, onward);
    const token = await exchanged(access);
    const { sub, exp } = decodeJwt(token);
    const reply = await ask(token, { audience: CATALOG, scope: 'catalog:read' }, 'catalog_api');
    expect(reply.status).toBe(200);
    expect(told(reply)).toMatchObject({
      subject: sub,
      client: 'demo-orders-api',
      scope: 'catalog:read',
      audience: CATALOG,
      acr: 'urn:latchkey:acr:1',
      expires: String(exp),
      act: '{"client_id":"demo-orders-api"}',
    });
    // Neither can be read from it which tokens it was made from.
    const ref = Buffer.from(String(decodeJwt(token).latchkey_ref), 'base64url').toString('latin1');
    expect(ref).not.toContain('restsOn');
  });

  test('is asked for with any method, under any host, and with no audience where there is one', async () => {
    const { access } = await shopperTokens(server);
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD']) {
      const headers = { ...bearer(access), host: 'orders.demo-shop.example' };
      const reply = await verify(server, { scope: 'orders:read' }, headers, { method });
      expect([method, reply.status]).toEqual([method, 200]);
      expect(reply.headers['x-auth-audience']).toBe(ORDERS);
    }
  });

  test('passes whatever else the caller has sent, and is answered in JSON or not at all', async () => {
    const { access } = await shopperTokens(server);
    const noise = {
      ...bearer(access),
      accept: 'text/html',
      cookie: 'latchkey_session=x',
      'x-forwarded-host': 'orders.demo-shop.example',
      'x-forwarded-proto': 'gopher',
      'x-auth-subject': 'somebody-else',
    };
    const reply = await verify(server, READ, noise);
    expect(reply.status).toBe(200);
    expect(reply.headers['x-auth-subject']).not.toBe('somebody-else');
    expect(reply.headers['set-cookie']).toBeUndefined();
    const refused = await verify(server, READ, { ...noise, authorization: 'Bearer x' });
    expect(refused.headers['content-type']).toContain('application/json');
    expect(refused.headers['set-cookie']).toBeUndefined();
  });

  test('cannot put anything into the headers but plain text', async () => {
    const { access } = await shopperTokens(server);
    const act = { sub: 'Zoë\r\nX-Auth-Subject: admin', 'line\u2028': '✓' };
    await database.query(
      `UPDATE artifacts SET payload = jsonb_set(payload, '{extra}', payload->'extra' || $2::jsonb)
        WHERE id_hash = $1`,
      [rowOf(access), JSON.stringify({ act, acr: 'urn:x\r\nSet-Cookie: a=b', amr: ['é'] })],
    );
    const reply = await ask(access);
    expect(reply.status).toBe(200);
    expect(told(reply)).toMatchObject({ acr: 'urn:x??Set-Cookie: a=b', amr: '?' });
    expect(reply.headers['set-cookie']).toBeUndefined();
    expect(reply.headers['x-auth-act']).toMatch(/^[\x20-\x7e]+$/);
    expect(JSON.parse(String(reply.headers['x-auth-act']))).toEqual(act);
  });
});

describe('a request without a token', () => {
  test('is told how to send one, and of no error', async () => {
    for (const headers of [{}, { authorization: 'Basic eDp5' }, { authorization: 'Bearer a b' }]) {
      const reply = await verify(server, READ, headers);
      expect([reply.status, reply.headers['www-authenticate']]).toEqual([401, 'Bearer']);
    }
    const bound = await verify(
      server,
      { ...READ, request: 'x-original' },
      { 'x-original-method': 'GET', 'x-original-url': 'https://orders.example/' },
    );
    expect(bound.headers['www-authenticate']).toBe(`Bearer, DPoP ${await proofAlgs()}`);
  });

  test('has none in its query or form', async () => {
    const { access } = await shopperTokens(server);
    const form = await verify(server, READ, { 'x-original-url': `/?access_token=${access}` });
    expect(form.status).toBe(401);
    expect((await verify(server, { ...READ, access_token: access })).status).toBe(500);
  });
});

describe('a token that is not good', () => {
  test('is refused in one sentence: made up, expired, revoked, a refresh token, an ID token', async () => {
    const { access, refresh, id } = await shopperTokens(server, {
      scope: 'openid offline_access orders:read',
    });
    const expired = (await shopperTokens(server)).access;
    await age(database, expired);
    for (const token of ['x', 'y'.repeat(43), 'a.b.c', '😀', refresh, id, expired]) {
      await expectDead(encodeURIComponent(token));
    }
    expect((await ask(access)).status).toBe(200);
    await post(server, '/oauth2/revoke', { token: refresh, client_id: 'demo-storefront' });
    await expectDead(access);
  });

  test('is the one of another API, to whoever asks', async () => {
    const orders = (await shopperTokens(server)).access;
    const catalog = (
      await shopperTokens(server, { scope: 'openid catalog:read', resource: CATALOG })
    ).access;
    await expectDead(catalog);
    await expectDead(orders, { audience: CATALOG }, 'catalog_api');
  });

  test('lacks a scope, and is told which', async () => {
    const { access } = await shopperTokens(server);
    const scope = 'orders:read orders:write';
    const reply = await ask(access, { audience: ORDERS, scope });
    expect(refusal(reply)).toEqual({
      status: 403,
      challenge:
        'Bearer error="insufficient_scope", error_description="The access token does not carry the scope this needs", scope="orders:read orders:write"',
      error: 'insufficient_scope',
    });
    expect(told(reply).subject).toBeUndefined();
  });

  test('comes from a log-in that is too weak or too long ago', async () => {
    const { access } = await shopperTokens(server);
    const weak = await ask(access, { ...READ, acr_values: 'urn:latchkey:acr:2' });
    expect(refusal(weak)).toEqual({
      status: 401,
      challenge:
        'Bearer error="insufficient_user_authentication", error_description="A stronger or more recent log-in is needed", acr_values="urn:latchkey:acr:2"',
      error: 'insufficient_user_authentication',
    });
    const either = 'urn:latchkey:acr:phr urn:latchkey:acr:1';
    expect((await ask(access, { ...READ, acr_values: either, max_age: '300' })).status).toBe(200);
    await database.query(
      `UPDATE artifacts SET payload = jsonb_set(payload, '{extra,auth_time}',
         to_jsonb((payload->'extra'->>'auth_time')::int - 301)) WHERE id_hash = $1`,
      [rowOf(access)],
    );
    const old = await ask(access, { ...READ, max_age: '300' });
    expect(old.headers['www-authenticate']).toContain('max_age="300"');
    expect(old.status).toBe(401);
    expect((await ask(access, { ...READ, max_age: '400' })).status).toBe(200);
    // A machine has not logged in at all.
    const machine = await ask(await machineToken(server, ORDERS, 'orders:read'), {
      ...READ,
      max_age: '99999',
    });
    expect(machine.json.error).toBe('insufficient_user_authentication');
  });
});

describe('what ends a token ends it here with the next request', { timeout: 60_000 }, () => {
  type Wanted = { scope: string; resource: string; allowed?: readonly string[] };
  const kinds: readonly [string, Wanted, string, string][] = [
    ['opaque', { scope: 'openid orders:read', resource: ORDERS }, ORDERS, 'orders_api'],
    ['signed', { scope: 'openid catalog:read', resource: CATALOG }, CATALOG, 'catalog_api'],
    ['exchanged', onward, CATALOG, 'catalog_api'],
  ];
  for (const [kind, wanted, audience, as] of kinds) {
    const question = { audience };
    const issue = async (changes: Parameters<typeof shopperTokens>[1] = {}) => {
      const tokens = await shopperTokens(server, { ...wanted, ...changes });
      return kind === 'exchanged' ? { ...tokens, access: await exchanged(tokens.access) } : tokens;
    };
    const dead = (token: string) => expectDead(token, question, as);
    const lives = async (token: string) =>
      expect((await ask(token, question, as)).status).toBe(200);

    test(`${kind}: the person is revoked, or disabled`, async () => {
      const user = await newShopper(server);
      const first = (await issue({ user })).access;
      await lives(first);
      await command(server, 'users', 'revoke', user.email);
      await dead(first);
      const { sub } = decodeJwt(
        (await shopperTokens(server, { scope: 'openid catalog:read', resource: CATALOG, user }))
          .access,
      );
      const second = (await issue({ user })).access;
      await lives(second);
      await command(server, 'users', 'disable', String(sub));
      await dead(second);
    });

    test(`${kind}: the browser is signed out`, async () => {
      const { access, browser } = await issue();
      await lives(access);
      const [, session] = [...browser.cookies].find(([name]) =>
        name.startsWith('latchkey_session|'),
      ) as [string, { value: string }];
      const ended = await database.query(
        "UPDATE artifacts SET consumed_at = now(), payload = '{}' WHERE id_hash = $1 RETURNING 1",
        [rowOf(session.value)],
      );
      expect(ended).toHaveLength(1);
      await dead(access);
    });

    test(`${kind}: the shop gives its refresh token back`, async () => {
      const scope = `${wanted.scope} offline_access`;
      const { access, refresh } = await issue({ scope });
      await lives(access);
      await post(server, '/oauth2/revoke', { token: refresh, client_id: 'demo-storefront' });
      await dead(access);
    });

    if (kind === 'exchanged') continue;
    test(`${kind}: a client is disabled, and its old tokens stay dead when it is back`, async () => {
      const name = `robot-${kind}`;
      const scope = wanted.scope.replace('openid ', '');
      const robot = await register(server, name, ['--allow', `${wanted.resource}=${scope}`]);
      const { json } = await post(
        server,
        '/oauth2/token',
        { grant_type: 'client_credentials', resource: wanted.resource },
        { authorization: basic(robot) },
      );
      const token = String(json.access_token);
      await lives(token);
      await command(server, 'clients', 'disable', name);
      await expect.poll(async () => (await ask(token, question, as)).status).toBe(401);
      await command(server, 'clients', 'enable', name);
      await dead(token);
    });
  }

  test('a JWT that somebody else has signed, or changed, is none', async () => {
    const { access } = await shopperTokens(server, {
      scope: 'openid catalog:read',
      resource: CATALOG,
    });
    const [header = '', payload = '', signature = ''] = access.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const question = { audience: CATALOG };
    for (const forged of [
      [header, part({ ...claims, scope: 'catalog:write' }), signature].join('.'),
      [part({ alg: 'none', typ: 'at+jwt' }), payload, ''].join('.'),
      [header, payload, signature.slice(0, -4)].join('.'),
    ]) {
      await expectDead(forged, question, 'catalog_api');
    }
    // Neither the grant nor the session can be read from it.
    expect(Object.keys(claims)).toContain('latchkey_ref');
    expect(Buffer.from(claims.latchkey_ref, 'base64url').toString('latin1')).not.toContain('grant');
  });
});

describe('a token bound to a key (DPoP)', () => {
  const URL_ASKED = 'https://orders.demo-shop.example/orders?page=2';
  const HTU = 'https://orders.demo-shop.example/orders';
  const styles: readonly [string, Record<string, string>][] = [
    ['x-original', { 'x-original-method': 'POST', 'x-original-url': URL_ASKED }],
    [
      'x-forwarded',
      {
        'x-forwarded-method': 'POST',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'orders.demo-shop.example',
        'x-forwarded-uri': '/orders?page=2',
      },
    ],
  ];
  let keys: Keys;
  let access: string;
  beforeAll(async () => {
    keys = await newKeys();
    access = (await shopperTokens(server, { keys })).access;
  });
  const present = (dpop: string, [request, described] = styles[0] as (typeof styles)[0]) =>
    verify(server, { ...READ, request }, { authorization: `DPoP ${access}`, dpop, ...described });
  const proof = (changes: Partial<Parameters<typeof proofOf>[1]> = {}, by = keys) =>
    proofOf(by, { htm: 'POST', htu: HTU, token: access, ...changes });

  test('passes with a proof for the request that the gateway describes, in either way', async () => {
    for (const style of styles) expect((await present(await proof(), style)).status).toBe(200);
  });

  test('passes once a proof, of twenty at once as well', async () => {
    const dpop = await proof();
    const replies = await atOnce(20, () => present(dpop));
    const statuses = replies.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 401)]);
  });

  test('does not pass with a proof for something else, of another key, or with none', async () => {
    const algs = await proofAlgs();
    const now = Math.floor(Date.now() / 1000);
    for (const dpop of [
      await proof({ htm: 'GET' }),
      await proof({ htu: 'https://orders.demo-shop.example/refunds' }),
      await proof({ htu: `${server.issuer}/oauth2/verify` }),
      await proof({ token: 'another' }),
      await proof({ iat: now - 400 }),
      await proof({}, await newKeys()),
      'nonsense',
      '',
    ]) {
      expect(refusal(await present(dpop))).toEqual({
        status: 401,
        challenge: `DPoP error="invalid_dpop_proof", error_description="The DPoP proof does not hold", ${algs}`,
        error: 'invalid_dpop_proof',
      });
    }
  });

  test('is not believed what the caller writes into the headers that the gateway does not use', async () => {
    const dpop = await proof();
    const [forwarded, described] = styles[1] as (typeof styles)[0];
    const reply = await verify(
      server,
      { ...READ, request: forwarded },
      {
        authorization: `DPoP ${access}`,
        dpop,
        ...described,
        'x-forwarded-uri': '/refunds',
        'x-original-method': 'POST',
        'x-original-url': URL_ASKED,
      },
    );
    expect(reply.json.error).toBe('invalid_dpop_proof');
    // A gateway that does not say how it tells the request takes no bound tokens at all.
    const silent = await verify(server, READ, {
      authorization: `DPoP ${access}`,
      dpop,
      'x-original-method': 'POST',
      'x-original-url': URL_ASKED,
    });
    expect(silent.json.error).toBe('invalid_token');
    expect((await present(dpop)).status).toBe(200);
  });

  test('is not taken as a bearer’s, nor one bound to nothing as bound', async () => {
    expect((await ask(access)).json.error).toBe('invalid_token');
    const plain = (await shopperTokens(server)).access;
    const reply = await verify(
      server,
      { ...READ, request: 'x-original' },
      { authorization: `DPoP ${plain}`, dpop: await proof(), ...styles[0]?.[1] },
    );
    expect(reply.json.error).toBe('invalid_token');
  });

  test('may be a JWT', async () => {
    const signed = (
      await shopperTokens(server, { keys, scope: 'openid catalog:read', resource: CATALOG })
    ).access;
    const question = { audience: CATALOG, request: 'x-original' };
    const send = async (dpop: string) =>
      verify(
        server,
        question,
        { authorization: `DPoP ${signed}`, dpop, ...styles[0]?.[1] },
        { as: 'catalog_api' },
      );
    const dpop = await proof({ token: signed, jti: randomUUID() });
    expect((await send(dpop)).status).toBe(200);
    expect((await send(dpop)).status).toBe(401);
    expect((await ask(signed, { audience: CATALOG }, 'catalog_api')).status).toBe(401);
  });
});

test('a token bound to a certificate passes with it, told by a gateway that says so', async () => {
  const { access } = await shopperTokens(server);
  const thumbprint = 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2';
  await database.query(`UPDATE artifacts SET payload = payload || $2::jsonb WHERE id_hash = $1`, [
    rowOf(access),
    JSON.stringify({ 'x5t#S256': thumbprint }),
  ]);
  const certificate = 'x-client-cert-thumbprint';
  const shown = { ...bearer(access), [certificate]: thumbprint };
  expect((await verify(server, { ...READ, certificate }, shown)).status).toBe(200);
  expect((await verify(server, READ, shown)).json.error).toBe('invalid_token');
  const other = { ...shown, [certificate]: thumbprint.replace('b', 'c') };
  expect((await verify(server, { ...READ, certificate }, other)).json.error).toBe('invalid_token');
  expect((await verify(server, { ...READ, certificate }, bearer(access))).status).toBe(401);
});

describe('a gateway', () => {
  const expectMisconfigured = (reply: WireReply) => {
    expect([reply.status, reply.json.error]).toEqual([500, 'server_error']);
    expect(reply.headers['www-authenticate']).toBeUndefined();
    expect(reply.headers['content-type']).toContain('application/json');
    expect(told(reply).subject).toBeUndefined();
  };
  const gateway = (value: string) => ({ 'x-gateway-authorization': value });

  test('that cannot prove who it is fails as itself, never as the caller', async () => {
    const { access } = await shopperTokens(server);
    const { client_id } = demoClient(server, 'orders_api');
    for (const claim of [
      '',
      'nonsense',
      `Bearer ${access}`,
      basic({ client_id, client_secret: 'wrong' }),
      basic({ client_id: 'nobody', client_secret: 'x' }),
      basic({ client_id: 'demo-storefront', client_secret: '' }),
    ]) {
      const headers = { ...bearer(access), accept: 'text/html', ...gateway(claim) };
      expectMisconfigured(await verify(server, READ, headers));
    }
  });

  test('asks for no audience but its own', async () => {
    const { access } = await shopperTokens(server);
    expectMisconfigured(await ask(access, READ, 'catalog_api'));
    expectMisconfigured(await ask(access, READ, 'automation'));
    expectMisconfigured(await ask(access, { scope: 'orders:read' }, 'automation'));
    expectMisconfigured(await ask(access, { audience: 'https://nothing.example' }));
  });

  test('that has a slip in its question is told so, and lets nobody through', async () => {
    const { access } = await shopperTokens(server);
    for (const slip of [
      { scopes: 'orders:write' },
      { scope: ['orders:read', 'orders:write'] },
      { scope: '' },
      { scope: 'orders:"read"' },
      { acr_values: 'urn:latchkey:acr:3' },
      { max_age: '5m' },
      { max_age: '-1' },
      { request: 'x-made-up' },
      { certificate: 'yes' },
      { 'x\r\ny': '1' },
    ]) {
      expectMisconfigured(await ask(access, { audience: ORDERS, ...slip }));
    }
  });

  test('is not at fault for a method that its caller has made up', async () => {
    const keys = await newKeys();
    const bound = (await shopperTokens(server, { keys })).access;
    const { access } = await shopperTokens(server);
    const url = 'https://orders.demo-shop.example/orders';
    const asked = { ...READ, request: 'x-original' };
    for (const method of ['VERSION-CONTROL', 'M-SEARCH', 'x'.repeat(200)]) {
      const request = { 'x-original-method': method, 'x-original-url': url };
      expect((await verify(server, asked, { ...bearer(access), ...request })).status).toBe(200);
      expect((await verify(server, asked, request)).status).toBe(401);
      const dpop = await proofOf(keys, { htm: method, htu: url, token: bound });
      const proven = { authorization: `DPoP ${bound}`, dpop, ...request };
      expect((await verify(server, asked, proven)).status).toBe(200);
    }
    // Where nothing has to be proven, nothing has to be told; and else it is the gateway's slip.
    expect((await verify(server, asked, bearer(access))).status).toBe(200);
    expect((await verify(server, asked)).status).toBe(401);
    const dpop = await proofOf(keys, { htm: 'GET', htu: url, token: bound });
    const proven = { authorization: `DPoP ${bound}`, dpop };
    expectMisconfigured(await verify(server, asked, proven));
    const request = { 'x-original-method': 'GET', 'x-original-url': '/orders' };
    expectMisconfigured(await verify(server, asked, { ...proven, ...request }));
  });

  test('that guesses has to wait, with the right secret too', async () => {
    const { access } = await shopperTokens(server);
    const { client_id } = demoClient(server, 'orders_api');
    const from = { ...bearer(access), 'x-forwarded-for': '10.9.8.7' };
    const wrong = gateway(basic({ client_id, client_secret: 'wrong' }));
    for (let turn = 0; turn < 10; turn += 1) await verify(server, READ, { ...from, ...wrong });
    const waiting = await verify(server, READ, { ...from, ...asGateway(server) });
    expectMisconfigured(waiting);
    expect(Number(waiting.headers['retry-after'])).toBeGreaterThan(0);
    expect((await ask(access)).status).toBe(200);
  });
});
