/** Who may ask the self-service API: which tokens, from which pages, and what ends them. */
import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Owner, ownerAt } from '../support/account.js';
import { ACCOUNT, ALL, openAccountApi, problemOf, tokenOf } from '../support/account-api.js';
import {
  type Answer,
  age,
  answerOf,
  atOnce,
  authorizeUrl,
  basic,
  command,
  freshCode,
  ORDERS,
  post,
  postAs,
  redemption,
  register,
  rowOf,
  wire,
} from '../support/protocol.js';
import { startTwoNodes, type TestServer } from '../support/server.js';
import { adminToken, type Browser, follow, hiddenField } from '../support/shopper.js';
import { browserAt, openPeople, type People } from '../support/sign-in.js';

vi.setConfig({ testTimeout: 40_000, hookTimeout: 120_000 });

const SHOP = 'http://localhost:4000';
const PARTNER = 'https://quince.example';
/** Of a client that is registered, and has nothing to ask for here. */
const UNGRANTED = 'https://fig.example';
const NEXT = 'copper lantern hums at midnight';
const env = { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32', LATCHKEY_BOT_CHALLENGE: 'off' };

let server: TestServer;
let other: TestServer;
let people: People;
let api: Awaited<ReturnType<typeof openAccountApi>>;
let nets = 0;

beforeAll(async () => {
  [server, other] = await startTwoNodes(env);
  people = await openPeople(server);
  api = await openAccountApi(server);
  await register(server, 'quince', [
    ...['--auth', 'none', '--redirect-uri', `${PARTNER}/cb`, '--web-origin', PARTNER],
    ...['--scope', 'openid email', '--grant-type', 'authorization_code'],
    ...['--allow', `${ORDERS}=orders:read`],
  ]);
  await people.domain.clients.register({
    id: 'fig',
    name: 'Fig',
    authMethod: 'none',
    grantTypes: ['authorization_code'],
    redirectUris: [`${UNGRANTED}/cb`],
    webOrigins: [UNGRANTED],
  });
});
afterAll(async () => {
  await people.close();
  await other.stop();
  await server.stop();
});

const newBrowser = (): Browser => {
  nets += 1;
  return browserAt(server, `10.${nets >> 8}.${nets & 255}.19`);
};
const someone = async (options: Parameters<People['add']>[0] = {}): Promise<Owner> =>
  ownerAt(server, people, newBrowser(), await people.add(options));
const ownToken = async (scope = ALL): Promise<string> =>
  tokenOf(server, await someone(), { scope });
const me = (token: string, headers: Record<string, string> = {}) =>
  api.with(token)('GET', '/me', undefined, headers);
/** The same question to the other node. */
const meElsewhere = (token: string) =>
  wire(other.port, {
    path: '/account/api/v1/me',
    headers: { host: new URL(server.issuer).host, authorization: `Bearer ${token}` },
  });
const challengeOf = ({ headers }: Answer) => headers.get('www-authenticate');
/** A request that nobody described, so nothing is checked but what the test says. */
const raw = async (path: string, init: RequestInit = {}) =>
  answerOf(await fetch(`${api.base}${path}`, init));

describe('a token', () => {
  test('is needed, in the Authorization header and nowhere else', async () => {
    const token = await ownToken();
    const missing = await api.ask(undefined, 'GET', '/me');
    expect([missing.status, challengeOf(missing)]).toEqual([401, 'Bearer']);
    for (const headers of [
      { authorization: 'Bearer' },
      { authorization: `Basic ${token}` },
      { authorization: `Bearer ${token} x` },
      { cookie: `latchkey_account=${token}; access_token=${token}` },
    ] as Record<string, string>[]) {
      const refused = await raw('/me', { headers });
      expect([refused.status, challengeOf(refused)]).toEqual([401, 'Bearer']);
    }
    expect((await raw(`/me?access_token=${token}`)).status).toBe(401);
    const inForm = await raw('/password', {
      method: 'POST',
      body: new URLSearchParams({ access_token: token }),
    });
    expect(inForm.status).toBe(401);
    for (const made of [`${token}x`, token.slice(1), 'x', 'null']) {
      const refused = await api.with(made)('GET', '/me');
      expect(challengeOf(refused)).toBe('Bearer error="invalid_token"');
      expect(problemOf(refused)).toEqual({ status: 401, code: 'unauthenticated' });
    }
    expect((await me(token)).status).toBe(200);
  });

  test('of the browser’s cookies counts for nothing, however it is signed in', async () => {
    const mara = await someone();
    await mara.open('/account/sessions');
    for (const [method, path] of [
      ['GET', '/me'],
      ['DELETE', '/sessions/others'],
      ['POST', '/password'],
    ] as const) {
      const cookie = [...mara.browser.cookies]
        .map(([name, { value }]) => `${name.split('|')[0]}=${value}`)
        .join('; ');
      const refused = await raw(path, { method, headers: { cookie } });
      expect([path, refused.status]).toEqual([path, 401]);
      expect(refused.headers.getSetCookie()).toEqual([]);
    }
  });

  test('for another audience, or of userinfo, is none here', async () => {
    const mara = await someone();
    const orders = await tokenOf(server, mara, { scope: 'openid orders:read', resource: ORDERS });
    const plain = await freshCode(server, { scope: 'openid email' });
    const { json } = await post(server, '/oauth2/token', redemption(plain.code));
    for (const token of [orders, String(json.access_token)]) {
      const refused = await me(token);
      expect([refused.status, challengeOf(refused)]).toEqual([
        401,
        'Bearer error="invalid_token", error_description="The token is not for this API"',
      ]);
    }
    // And the other way round: the account's is none for an API, nor for the admin's.
    const own = await ownToken();
    const seen = await postAs(server, 'orders_api', '/oauth2/introspect', { token: own });
    expect(seen.text).toBe('{"active":false}');
    const admin = await fetch(`${server.issuer}/admin/api/v1/users/${randomUUID()}/unlock`, {
      method: 'POST',
      headers: { authorization: `Bearer ${own}` },
    });
    expect(admin.status).toBe(403);
  });

  test('of a machine is refused, whatever it is for', async () => {
    const { client_id, client_secret } = await register(server, 'robot', [
      ...['--grant-type', 'client_credentials', '--allow', `${ACCOUNT}=account:read`],
    ]);
    const fields = { grant_type: 'client_credentials', resource: ACCOUNT, scope: 'account:read' };
    const { json } = await post(server, '/oauth2/token', fields, {
      authorization: basic({ client_id, client_secret }),
    });
    expect(json.scope).toBe('account:read');
    for (const token of [String(json.access_token), await adminToken(server)]) {
      expect(problemOf(await me(token))).toEqual({ status: 403, code: 'forbidden' });
    }
  });

  test('that outlives the log-in is refused, because signing out would not end it', async () => {
    const refused = await me(await ownToken(`${ALL} offline_access`));
    expect(refused.status).toBe(401);
    expect(refused.json.detail).toContain('without offline_access');
  });

  test('reads with one scope and changes with the other', async () => {
    const reader = api.with(await ownToken('openid account:read'));
    const writer = api.with(await ownToken('openid account:write'));
    expect((await reader('GET', '/sessions')).status).toBe(200);
    expect((await writer('DELETE', '/sessions/others')).status).toBe(204);
    const operations = Object.entries(api.document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => [method.toUpperCase(), path.replace('{id}', 'x')]),
    ) as [string, string][];
    for (const [method, path] of operations) {
      const reads = method === 'GET' && path !== '/recovery-codes/waiting';
      const scope = reads ? 'account:read' : 'account:write';
      const refused = await (reads ? writer : reader)(method, path);
      expect([method, path, refused.status, challengeOf(refused)]).toEqual([
        method,
        path,
        403,
        `Bearer error="insufficient_scope", scope="${scope}"`,
      ]);
    }
  });
});

describe('a client', () => {
  test('of the demo knows where the API is, and does not ask for it at an ordinary log-in', () => {
    const { clients, resources } = server.demo;
    expect(resources.account).toEqual({
      indicator: ACCOUNT,
      scopes: ['account:read', 'account:write'],
      format: 'opaque',
    });
    expect(clients.storefront?.scope).not.toContain('account:');
  });

  test('has to be granted the scopes, and loses them at its next request', async () => {
    const asks = {
      client_id: 'quince',
      redirect_uri: `${PARTNER}/cb`,
      scope: 'openid email account:read',
      resource: ACCOUNT,
    };
    const mara = await someone();
    const refused = await mara.browser.get(authorizeUrl(asks));
    expect(refused.location).toContain('error=invalid_');
    await command(server, 'clients', 'grant', 'quince', ACCOUNT, 'account:read');
    // A stranger's shop asks first, and in plain words.
    await expect
      .poll(async () => (await mara.browser.get(authorizeUrl(asks))).location)
      .toContain('/signin/');
    const consent = await mara.answer(await mara.browser.get(authorizeUrl(asks)));
    expect(consent.body).toContain('See how you sign in, on which devices');
    expect(consent.body).not.toContain('Change how you sign in');
    const action = (consent.body.match(/action="([^"]*\/consent)"/) ?? [])[1] ?? '';
    const csrf = hiddenField(consent.body, 'csrf');
    const back = await follow(mara.browser, server, await mara.browser.post(action, { csrf }));
    const code = new URL(back.location ?? '').searchParams.get('code') ?? '';
    const { json } = await post(
      server,
      '/oauth2/token',
      redemption(code, { client_id: 'quince', redirect_uri: asks.redirect_uri, resource: ACCOUNT }),
    );
    const token = String(json.access_token);
    expect((await me(token)).json.email).toBe(mara.person.email);
    // Its own pages may, the demo shop's may not with this token.
    expect((await me(token, { origin: PARTNER })).status).toBe(200);
    expect((await me(token, { origin: SHOP })).status).toBe(403);

    await command(server, 'clients', 'grant', 'quince', ACCOUNT, '--none');
    await expect.poll(async () => (await me(token)).status).toBe(403);
  });
});

describe('what ends a token ends it at the next request, on every node', () => {
  const isOver = async (token: string) => {
    const here = await me(token);
    expect([here.status, challengeOf(here)]).toEqual([401, 'Bearer error="invalid_token"']);
    expect((await meElsewhere(token)).status).toBe(401);
  };

  test('its time', async () => {
    const token = await ownToken();
    expect((await meElsewhere(token)).status).toBe(200);
    await age(people, token);
    await isOver(token);
  });

  test('its revocation by the client', async () => {
    const token = await ownToken();
    await post(server, '/oauth2/revoke', { token, client_id: 'demo-storefront' });
    await isOver(token);
  });

  test('signing out', async () => {
    const mara = await someone();
    const token = await tokenOf(server, mara);
    const question = await mara.browser.get('/oauth2/logout?client_id=demo-storefront');
    const xsrf = hiddenField(question.body, 'xsrf');
    await mara.browser.post('/oauth2/logout/confirm', { xsrf, logout: 'yes' });
    await isOver(token);
  });

  test('an administrator who ends the sessions', async () => {
    const mara = await someone();
    const token = await tokenOf(server, mara);
    const ended = await fetch(`${server.issuer}/admin/api/v1/users/${mara.person.id}/revocations`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await adminToken(server)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ what: ['sessions'], reason: 'a test' }),
    });
    expect(ended.status).toBe(200);
    await isOver(token);
  });

  test('the account’s being disabled', async () => {
    const mara = await someone();
    const token = await tokenOf(server, mara);
    await command(server, 'users', 'disable', mara.person.id);
    await isOver(token);
    await command(server, 'users', 'enable', mara.person.id);
    await isOver(token);
  });

  test('a change of the password on the pages', async () => {
    const mara = await someone();
    const token = await tokenOf(server, mara);
    await mara.answer(await mara.changePassword(NEXT));
    await isOver(token);
  });
});

describe('a page of another origin', () => {
  const preflight = (origin: string, path = '/password', method = 'POST') =>
    raw(path, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': 'authorization,content-type',
      },
    });
  const cors = ({ headers }: Answer) =>
    Object.fromEntries(
      [...headers].filter(([name]) => name.startsWith('access-control-') || name === 'vary'),
    );

  test('that is registered is let in by its exact name, without cookies', async () => {
    for (const [path, method] of [
      ['/me', 'GET'],
      ['/password', 'POST'],
      [`/passkeys/${randomUUID()}`, 'PATCH'],
      ['/sessions/others', 'DELETE'],
    ] as const) {
      const answer = await preflight(SHOP, path, method);
      expect([answer.status, cors(answer)]).toEqual([
        204,
        {
          vary: 'Origin',
          'access-control-allow-origin': SHOP,
          'access-control-allow-methods': 'GET, POST, PATCH, DELETE',
          'access-control-allow-headers': 'Authorization, Content-Type, DPoP',
          'access-control-max-age': '600',
        },
      ]);
    }
    const token = await ownToken();
    const read = await me(token, { origin: SHOP });
    expect([read.status, cors(read)]).toEqual([
      200,
      {
        vary: 'Origin',
        'access-control-allow-origin': SHOP,
        'access-control-expose-headers': 'WWW-Authenticate, Retry-After, X-Request-Id',
      },
    ]);
    // What went wrong can be read as well.
    const refused = await me(`${token}x`, { origin: SHOP });
    expect([refused.status, cors(refused)['access-control-allow-origin']]).toEqual([401, SHOP]);
    const bad = await api.with(token)('POST', '/password', '{', { origin: SHOP });
    expect([bad.status, cors(bad)['access-control-allow-origin']]).toEqual([400, SHOP]);
  });

  test.each([
    'null',
    'https://evil.example',
    'http://localhost:4001',
    'https://localhost:4000',
    'http://localhost:4000.evil.example',
    'http://LOCALHOST:4000',
    'http://localhost:4000/',
    '*',
    UNGRANTED,
  ])('%s that is not is kept out, with or without a token', async (origin) => {
    const token = await ownToken();
    for (const answer of [
      await preflight(origin),
      await raw('/me', { headers: { origin, authorization: `Bearer ${token}` } }),
      await raw('/sessions/others', {
        method: 'DELETE',
        headers: { origin, authorization: `Bearer ${token}` },
      }),
      await raw('/openapi.json', { headers: { origin } }),
    ]) {
      expect(problemOf(answer)).toEqual({ status: 403, code: 'forbidden' });
      expect(cors(answer)).toEqual({ vary: 'Origin' });
    }
  });

  test('is not let in by a client that is switched off', async () => {
    const id = `shop-${randomUUID()}`;
    const origin = `https://${id}.example`;
    await register(server, id, [
      ...['--auth', 'none', '--redirect-uri', `${origin}/cb`, '--web-origin', origin],
      ...['--allow', `${ACCOUNT}=account:read`],
    ]);
    expect((await preflight(origin)).status).toBe(204);
    await command(server, 'clients', 'disable', id);
    expect((await preflight(origin)).status).toBe(403);
  });

  test('has no say over the account pages', async () => {
    const answer = await answerOf(
      await fetch(`${server.issuer}/account`, { headers: { origin: SHOP }, redirect: 'manual' }),
    );
    expect(cors(answer)['access-control-allow-origin']).toBeUndefined();
  });
});

describe('a body', () => {
  test('that is no JSON, not the right one, or too much of it is refused as such', async () => {
    const ask = api.with(await ownToken());
    const to = (body: string, type?: string) =>
      ask('POST', '/password', body, type ? { 'content-type': type } : {});
    for (const body of ['{', '{"currentPassword":', '"x"', 'null', '1']) {
      expect([body, problemOf(await to(body))]).toEqual([
        body,
        { status: 400, code: 'invalid_request' },
      ]);
    }
    const empty = await to('{}');
    expect(problemOf(empty)).toEqual({
      status: 422,
      code: 'validation_failed',
      errors: ['/currentPassword', '/newPassword'],
    });
    expect(problemOf(await to('[]'))).toMatchObject({ status: 422, errors: [''] });
    const polluted = `{"currentPassword":"x","newPassword":"y","__proto__":{"a":1}}`;
    expect((await to(polluted)).status).toBe(400);
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      expect([type, problemOf(await to('{}', type))]).toEqual([
        type,
        { status: 415, code: 'unsupported_media_type' },
      ]);
    }
    const huge = JSON.stringify({ currentPassword: 'x'.repeat(60 * 1024), newPassword: NEXT });
    expect(problemOf(await to(huge))).toEqual({ status: 413, code: 'payload_too_large' });
    const deep = `${'{"a":'.repeat(8_000)}1${'}'.repeat(8_000)}`;
    expect([400, 422]).toContain((await to(deep)).status);
  });

  test('that does not say how long it is ends where the limit is', async () => {
    const part = Buffer.from(`{"currentPassword":"${'x'.repeat(30 * 1024)}`);
    const answer = await wire(server.port, {
      method: 'POST',
      path: '/account/api/v1/password',
      headers: {
        host: new URL(server.issuer).host,
        authorization: `Bearer ${await ownToken()}`,
        'content-type': 'application/json',
      },
      body: [part, part, part],
    });
    expect([answer.status, answer.json.code]).toEqual([413, 'payload_too_large']);
  });

  test('is not read before the token is known to be good', async () => {
    const refused = await api.ask(undefined, 'POST', '/password', '{');
    expect(refused.status).toBe(401);
  });
});

describe('the description', () => {
  test('is for everybody to read, and holds together', async () => {
    const answer = await raw('/openapi.json');
    expect([answer.status, answer.json.openapi]).toEqual([200, '3.1.0']);
    const text = answer.text;
    const at = (pointer: string) =>
      pointer
        .slice(2)
        .split('/')
        .reduce<unknown>((node, key) => (node as Record<string, unknown>)?.[key], answer.json);
    for (const [, pointer = ''] of text.matchAll(/"\$ref":"([^"]+)"/g)) {
      expect([pointer, at(pointer)]).toEqual([pointer, expect.any(Object)]);
    }
    const scopes = at('#/components/securitySchemes/oauth2/flows/authorizationCode/scopes');
    expect(Object.keys(scopes as object)).toEqual(['account:read', 'account:write']);
    type Operation = {
      operationId: string;
      security: { oauth2: string[] }[];
      parameters?: { name: string; in: string }[];
      responses: Record<string, { description: string }>;
    };
    const operations = Object.entries(api.document.paths).flatMap(([path, methods]) =>
      Object.values(methods as unknown as Record<string, Operation>).map((one) => ({ path, one })),
    );
    const ids = operations.map(({ one }) => one.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { path, one } of operations) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const inPath = one.parameters?.filter((parameter) => parameter.in === 'path') ?? [];
      expect(inPath.map(({ name }) => name)).toEqual(named);
      expect(one.security[0]?.oauth2.every((scope) => scope in (scopes as object))).toBe(true);
      expect(Object.values(one.responses).every(({ description }) => description !== '')).toBe(
        true,
      );
    }
  });

  test('names every address there is, each method of it, and no other', async () => {
    const described = Object.entries(api.document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.sort()).toEqual(
      [
        'GET /me',
        'POST /password',
        'POST /email',
        'POST /email/confirmation',
        'GET /profile',
        'PATCH /profile',
        'PATCH /profile/phone',
        'GET /activity',
        'POST /closure',
        'GET /second-factor',
        'DELETE /second-factor',
        'POST /second-factor/enrolment',
        'POST /second-factor/confirmation',
        'POST /recovery-codes',
        'GET /recovery-codes/waiting',
        'DELETE /recovery-codes/waiting',
        'GET /passkeys',
        'PATCH /passkeys/{id}',
        'DELETE /passkeys/{id}',
        'GET /devices',
        'DELETE /devices',
        'DELETE /devices/{id}',
        'DELETE /devices/{id}/trust',
        'GET /sessions',
        'DELETE /sessions/others',
        'DELETE /sessions/{id}',
        'GET /applications',
        'DELETE /applications/{id}',
      ].sort(),
    );
    for (const path of Object.keys(api.document.paths)) {
      const methods = Object.keys(api.document.paths[path] ?? {});
      for (const method of ['get', 'post', 'put', 'patch', 'delete']) {
        const { status } = await raw(path.replace('{id}', 'x'), { method: method.toUpperCase() });
        // Answered by nobody without a token; `{id}` also stands for what is spelled out.
        const known =
          methods.includes(method) || (path === '/sessions/others' && method === 'delete');
        expect([path, method, status]).toEqual([path, method, known ? 401 : 405]);
      }
    }
    for (const path of ['/', '', '/ME', '/me/', '/nothing', '/sessions/others/x', '/devices/']) {
      const answer = await raw(path);
      expect([path, problemOf(answer)]).toEqual([path, { status: 404, code: 'not_found' }]);
    }
  });
});

describe('a token bound to a key (DPoP)', () => {
  type Keys = Awaited<ReturnType<typeof generateKeyPair>>;
  const newKeys = () => generateKeyPair('ES256', { extractable: true });
  const sha256 = (text: string) => Buffer.from(rowOf(text)).toString('base64url');

  const proof = async (
    { publicKey, privateKey }: Keys,
    claims: Record<string, unknown>,
    header: Record<string, unknown> = {},
  ) =>
    new SignJWT({ jti: randomUUID(), iat: Math.floor(Date.now() / 1000), ...claims })
      .setProtectedHeader({
        typ: 'dpop+jwt',
        alg: 'ES256',
        jwk: await exportJWK(publicKey),
        ...header,
      })
      .sign(privateKey);

  const boundToken = async (keys: Keys): Promise<string> => {
    const mara = await someone();
    const reply = await mara.answer(
      await mara.browser.get(authorizeUrl({ scope: ALL, resource: ACCOUNT })),
    );
    const code = new URL(reply.location ?? '').searchParams.get('code') ?? '';
    const htu = `${server.issuer}/oauth2/token`;
    const { json } = await post(server, '/oauth2/token', redemption(code, { resource: ACCOUNT }), {
      dpop: await proof(keys, { htm: 'POST', htu }),
    });
    expect(json.token_type).toBe('DPoP');
    return String(json.access_token);
  };

  const address = () => `${api.base}/me`;
  const present = async (token: string, dpop: string, scheme = 'DPoP') =>
    raw('/me', { headers: { authorization: `${scheme} ${token}`, dpop } });

  test('is good with a proof of that key for this request, once', async () => {
    const keys = await newKeys();
    const token = await boundToken(keys);
    const right = { htm: 'GET', htu: address(), ath: sha256(token) };
    const once = await proof(keys, right);
    expect((await present(token, once)).status).toBe(200);
    const again = await present(token, once);
    expect([again.status, challengeOf(again)]).toEqual([401, 'DPoP error="invalid_dpop_proof"']);
    await people.query(
      `UPDATE artifacts SET payload = jsonb_set(payload, '{extra,auth_time}', '1')
        WHERE id_hash = $1`,
      [rowOf(token)],
    );
    const change = { htm: 'DELETE', htu: `${api.base}/devices`, ath: sha256(token) };
    const stale = await raw('/devices', {
      method: 'DELETE',
      headers: { authorization: `dpop ${token}`, dpop: await proof(keys, change) },
    });
    expect([stale.status, challengeOf(stale)]).toEqual([
      401,
      expect.stringMatching(/^DPoP error="insufficient_user_authentication"/),
    ]);
    const racing = await proof(keys, { ...right, htu: `${address()}?a=b#c` });
    const answers = await atOnce(20, () => present(token, racing));
    const [good, bad, busy] = [200, 401, 503].map((one) =>
      answers.filter(({ status }) => status === one),
    ) as [Answer[], Answer[], Answer[]];
    // Where the machine was too busy for all of them, the first may have been among those.
    expect(good.length).toBeLessThanOrEqual(1);
    expect(good.length).toBeGreaterThanOrEqual(busy.length === 0 ? 1 : 0);
    expect(good.length + bad.length + busy.length).toBe(20);
  });

  test('is worth nothing without, as a bearer’s, or with a proof of anything else', async () => {
    const keys = await newKeys();
    const strangers = await newKeys();
    const token = await boundToken(keys);
    const right = { htm: 'GET', htu: address(), ath: sha256(token) };
    const now = Math.floor(Date.now() / 1000);
    expect((await me(token)).status).toBe(401);
    expect((await present(token, await proof(keys, right), 'Bearer')).status).toBe(401);
    const wrong: [string, string][] = [
      ['none', ''],
      ['nonsense', 'x.y.z'],
      ['another key', await proof(strangers, right)],
      [
        'the key of somebody else in the header',
        await proof(strangers, right, { jwk: await exportJWK(keys.publicKey) }),
      ],
      ['another method', await proof(keys, { ...right, htm: 'DELETE' })],
      ['another address', await proof(keys, { ...right, htu: `${api.base}/sessions` })],
      [
        'another host',
        await proof(keys, { ...right, htu: 'https://evil.example/account/api/v1/me' }),
      ],
      ['another token', await proof(keys, { ...right, ath: sha256('x') })],
      ['no token', await proof(keys, { ...right, ath: undefined })],
      ['an old one', await proof(keys, { ...right, iat: now - 310 })],
      ['one from the future', await proof(keys, { ...right, iat: now + 340 })],
      ['no name', await proof(keys, { ...right, jti: '' })],
      ['another type', await proof(keys, right, { typ: 'jwt' })],
      ['two of them', `${await proof(keys, right)}, ${await proof(keys, right)}`],
    ];
    for (const [what, dpop] of wrong) {
      expect([what, (await present(token, dpop)).status]).toEqual([what, 401]);
    }
    // None of them has spoiled anything for the owner of the key.
    expect((await present(token, await proof(keys, right))).status).toBe(200);
  });

  test('a bearer’s token gains nothing by a proof', async () => {
    const keys = await newKeys();
    const token = await ownToken();
    const dpop = await proof(keys, { htm: 'GET', htu: address(), ath: sha256(token) });
    expect((await present(token, dpop)).status).toBe(401);
    expect((await present(token, dpop, 'Bearer')).status).toBe(200);
  });
});
