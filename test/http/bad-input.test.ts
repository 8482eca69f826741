/** Requests as they should not be: refused clearly, quickly, and without a word too many. */
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insideOf } from '../support/answers.js';
import {
  authorizeUrl,
  basic,
  encode,
  type Fields,
  freshCode,
  ORDERS,
  post,
  redemption,
  register,
  type WireReply,
  wire,
} from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import {
  adminToken,
  type Browser,
  demoClient,
  follow,
  formAction,
  hiddenField,
  openBrowser,
  type Reply,
  submitLogin,
} from '../support/shopper.js';

let server: TestServer;
let behindProxy: TestServer;
let admin: string;

const PUBLIC = 'https://id.shop.example';
const MEGABYTE = 1024 * 1024;

beforeAll(async () => {
  // What is sent here is odd, not guessed: no page asks for more than its own fields.
  server = await startServer({ env: { LATCHKEY_BOT_CHALLENGE: 'off' } });
  behindProxy = await startServer({
    like: server,
    env: { LATCHKEY_ISSUER: PUBLIC, LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32' },
  });
  admin = await adminToken(server);
  await register(server, 'odd-shop', [
    '--name',
    `<script>alert(1)</script>"'&`,
    '--auth',
    'none',
    '--redirect-uri',
    'http://localhost:4000/callback',
    '--scope',
    'openid',
    '--policy-uri',
    `https://shop.example/?"><script>alert(2)</script>`,
  ]);
}, 60_000);
afterAll(async () => {
  await behindProxy.stop();
  await server.stop();
});

type Sent = Parameters<typeof wire>[1];

const everything: { what: string; reply: WireReply }[] = [];
/** Sends what it is told to; the right Host unless another is named. */
const send = async (sent: Sent, to: TestServer = server): Promise<WireReply> => {
  const reply = await wire(to.port, {
    ...sent,
    headers: { host: new URL(to.issuer).host, ...sent.headers },
  });
  everything.push({ what: `${sent.method ?? 'GET'} ${sent.path.slice(0, 80)}`, reply });
  return reply;
};
/**
 * The status of the answer to more than will be read. Who does not say how much there is may be
 * still sending when the server has answered and closed; then the system drops the answer.
 */
const refusalOf = (sent: Sent): Promise<number | 'hung up'> =>
  send(sent).then(
    ({ status }) => status,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' || error.code === 'ECONNRESET') return 'hung up';
      throw error;
    },
  );
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const HTML = { accept: 'text/html' };
const sendForm = (path: string, fields: Fields | string, headers: Sent['headers'] = {}) =>
  send({
    method: 'POST',
    path,
    headers: { ...FORM, ...headers },
    body: typeof fields === 'string' ? fields : encode(fields).toString(),
  });
const api = (
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = { authorization: `Bearer ${admin}` },
) =>
  send({
    method,
    path: `/admin/api/v1${path}`,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });

/** A browser that stands before the log-in form. */
const atLogin = async (changes: Fields = {}) => {
  const browser = openBrowser(server);
  const page = await follow(browser, server, await browser.get(authorizeUrl(changes)));
  expect(page.body).toContain('name="password"');
  const action = formAction(page.body, 'password');
  return { browser, page, action, csrf: hiddenField(page.body, 'csrf') };
};
const cookieHeader = (browser: Browser) =>
  [...browser.cookies].map(([key, { value }]) => `${key.split('|')[0]}=${value}`).join('; ');

describe('the name of the server', () => {
  test('it answers under its own name only', async () => {
    for (const host of [
      'evil.example',
      'localhost',
      `localhost:${server.port + 1}`,
      `127.0.0.1:${server.port}`,
      `evil.example:${server.port}`,
      `localhost:${server.port}.evil.example`,
      `localhost:${server.port}@evil.example`,
      '',
    ]) {
      for (const path of ['/', '/.well-known/openid-configuration', authorizeUrl()]) {
        const reply = await send({ path, headers: { host } });
        expect([host, reply.status]).toEqual([host, 421]);
        expect(reply.text).not.toContain('evil.example');
      }
    }
  });

  test('strangers do not rename it with forwarding headers', async () => {
    const before = await send({ path: '/.well-known/openid-configuration' });
    const after = await send({
      path: '/.well-known/openid-configuration',
      headers: {
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'https',
        'x-forwarded-port': '443',
        'x-forwarded-for': '198.51.100.7',
        'x-original-host': 'evil.example',
        'x-rewrite-url': '/admin',
        forwarded: 'host=evil.example;proto=https',
      },
    });
    expect(after.status).toBe(200);
    expect(after.text).toBe(before.text);
    for (const [name, value] of Object.entries(after.json)) {
      if (typeof value === 'string' && /^https?:/.test(value)) {
        expect([name, new URL(value).origin]).toEqual([name, server.issuer]);
      }
    }
    const away = await send({
      path: authorizeUrl(),
      headers: { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' },
    });
    expect(new URL(away.headers.location ?? '', server.issuer).origin).toBe(server.issuer);
  });

  test('an absolute address in the request line changes nothing', async () => {
    const path = '/.well-known/openid-configuration';
    const before = await send({ path });
    for (const evil of [
      `http://evil.example${path}`,
      `HTTP://evil.example${path}`,
      `https://localhost:${server.port}${path}`,
      `http://localhost:${server.port}@evil.example${path}`,
      `http://evil.example/oauth2/logout`,
      `ftp://evil.example${path}`,
    ]) {
      const reply = await send({ path: evil });
      expect([evil, reply.status]).toEqual([evil, 421]);
      expect(reply.text).not.toContain('evil.example');
    }
    const own = await send({ path: server.issuer + path, headers: { host: 'evil.example' } });
    expect([own.status, own.text]).toEqual([200, before.text]);
  });

  test('a declared proxy may speak for its callers, but not rename the server', async () => {
    const via = (headers: Record<string, string>) =>
      send({ path: '/.well-known/openid-configuration', headers }, behindProxy);
    const right = { 'x-forwarded-host': 'id.shop.example', 'x-forwarded-proto': 'https' };
    const told = await via({ ...right, host: 'latchkey:3000' });
    expect(told.status).toBe(200);
    expect(told.json.issuer).toBe(PUBLIC);
    expect(told.json.token_endpoint).toBe(`${PUBLIC}/oauth2/token`);
    expect(told.headers['strict-transport-security']).toContain('max-age=31536000');
    for (const wrong of [
      { ...right, 'x-forwarded-host': 'evil.example' },
      { ...right, 'x-forwarded-host': 'id.shop.example, evil.example' },
      { ...right, 'x-forwarded-proto': 'http' },
      { host: 'latchkey:3000' },
      { host: 'evil.example', forwarded: 'host=id.shop.example;proto=https' },
    ]) {
      expect((await via(wrong)).status).toBe(421);
    }
  });

  test('behind a proxy that ends TLS, cookies are for https only', async () => {
    const reply = await send(
      {
        path: authorizeUrl(),
        headers: { 'x-forwarded-host': 'id.shop.example', 'x-forwarded-proto': 'https' },
      },
      behindProxy,
    );
    expect(reply.status).toBe(303);
    const cookies = reply.headers['set-cookie'] ?? [];
    expect(cookies.length).toBeGreaterThan(0);
    for (const cookie of cookies) {
      expect(cookie).toMatch(/^__(Host|Secure)-/);
      for (const attribute of ['secure', 'httponly', 'samesite=lax']) {
        expect(cookie.toLowerCase()).toContain(attribute);
      }
    }
  });

  test('a client certificate that a stranger claims to have is nobody’s', async () => {
    const reply = await sendForm(
      '/oauth2/token',
      { grant_type: 'client_credentials', client_id: 'demo-automation' },
      { 'x-ssl-client-cert': 'MIIB', 'x-client-cert': 'MIIB', 'ssl-client-verify': 'SUCCESS' },
    );
    expect(reply.status).toBe(401);
  });
});

describe('bodies', () => {
  const paths = [
    '/oauth2/token',
    '/oauth2/introspect',
    '/oauth2/revoke',
    '/oauth2/par',
    '/oauth2/userinfo',
    '/oauth2/logout/confirm',
    `/signin/${'a'.repeat(43)}/login`,
    `/admin/api/v1/users/${randomUUID()}/revocations`,
  ];

  test.each(paths)('a megabyte is refused at once: %s', async (path) => {
    const type = path.startsWith('/admin') ? 'application/json' : FORM['content-type'];
    const headers = { 'content-type': type, authorization: `Bearer ${admin}` };
    const chunk = Buffer.alloc(64 * 1024, 'a');
    const chunks = Array.from({ length: MEGABYTE / chunk.length }, () => chunk);
    for (const announced of [true, false]) {
      const begun = Date.now();
      const refusal = await refusalOf({
        method: 'POST',
        path,
        headers: { ...headers, ...(announced ? { 'content-length': String(MEGABYTE) } : {}) },
        body: chunks,
      });
      expect(announced ? [400, 413] : [400, 413, 'hung up']).toContain(refusal);
      expect(Date.now() - begun).toBeLessThan(1_500);
    }
  });

  test('the sign-in form takes no megabyte either, whoever is in the middle of it', async () => {
    const { browser, action, csrf } = await atLogin();
    const reply = await sendForm(
      action,
      { csrf, login: 'a'.repeat(MEGABYTE), password: 'x' },
      { cookie: cookieHeader(browser), ...HTML },
    );
    expect(reply.status).toBe(413);
    const chunked = await refusalOf({
      method: 'POST',
      path: action,
      headers: { ...FORM, ...HTML, cookie: cookieHeader(browser) },
      body: [Buffer.from(`csrf=${csrf}&login=`), ...Array(16).fill(Buffer.alloc(65_536, 'a'))],
    });
    expect([400, 413, 'hung up']).toContain(chunked);
  });

  test('an address or a header that never ends is refused', async () => {
    const long = await send({ path: `/oauth2/authorize?state=${'a'.repeat(20_000)}` });
    expect([414, 431]).toContain(long.status);
    const header = await send({ path: '/', headers: { 'x-long': 'a'.repeat(20_000) } });
    expect(header.status).toBe(431);
    const cookie = await send({ path: '/', headers: { cookie: `a=${'b'.repeat(20_000)}` } });
    expect(cookie.status).toBe(431);
  });

  test('what is not HTTP is not answered as if it were', async () => {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(server.port, '127.0.0.1', () => socket.write('HELO there\r\n\r\n'));
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('close', () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).not.toMatch(/\n\s+at /);
  });

  test('a body of another kind is refused', async () => {
    for (const type of ['application/json', 'multipart/form-data; boundary=x', 'text/plain']) {
      const reply = await send({
        method: 'POST',
        path: '/oauth2/token',
        headers: {
          'content-type': type,
          authorization: basic(demoClient(server, 'automation')),
        },
        body: 'grant_type=client_credentials',
      });
      expect(reply.status).toBe(400);
      expect(reply.json.error).toBe('invalid_request');
    }
  });

  test('a form of ten thousand fields is answered, not chewed on', async () => {
    const fields = Array.from({ length: 5_000 }, (_, i) => `f${i}=1`).join('&');
    const begun = Date.now();
    const reply = await sendForm('/oauth2/token', fields);
    expect(reply.status).toBe(400);
    expect(Date.now() - begun).toBeLessThan(1_000);
  });

  test('fifty thousand characters anywhere are answered quickly', async () => {
    const long = 'a.'.repeat(25_000);
    const authorization = basic(demoClient(server, 'automation'));
    const tries: (() => Promise<WireReply>)[] = [
      () => sendForm('/oauth2/token', { grant_type: long }, { authorization }),
      () => sendForm('/oauth2/token', { client_id: long, grant_type: 'client_credentials' }),
      () =>
        sendForm(
          '/oauth2/token',
          { grant_type: 'client_credentials', scope: 'a '.repeat(25_000), resource: ORDERS },
          { authorization },
        ),
      () => sendForm('/oauth2/introspect', { token: long }, { authorization }),
      () => sendForm('/oauth2/par', { client_id: 'demo-storefront', redirect_uri: long }),
      () => sendForm('/oauth2/token', { client_assertion: long, client_assertion_type: 'x' }),
      () => api('PATCH', `/users/${randomUUID()}`, { status: long }),
    ];
    for (const attempt of tries) {
      const begun = Date.now();
      const reply = await attempt();
      expect(reply.status).toBeLessThan(500);
      expect(Date.now() - begun).toBeLessThan(1_000);
    }
  });
});

describe('cookies', () => {
  test.each([
    'latchkey_session=x',
    'latchkey_session=x; latchkey_session.sig=x',
    'latchkey_session=%%%; latchkey_session.sig=%%%',
    'latchkey_session="; latchkey_session.sig="',
    'latchkey_session=__proto__; latchkey_session.sig=constructor',
    `latchkey_session=${'a'.repeat(4_000)}`,
    'latchkey_signin=x; latchkey_signin.sig=x; latchkey_resume=x; latchkey_resume.sig=x',
    '; ; =; ==; \u00e9=\u00ff',
  ])('broken ones are as good as none: %s', async (cookie) => {
    const authorize = await send({ path: authorizeUrl(), headers: { cookie } });
    expect(authorize.status).toBe(303);
    expect(authorize.headers.location).toMatch(/^\/signin\//);
    for (const path of [
      `/signin/${'a'.repeat(43)}`,
      `/oauth2/authorize/${'a'.repeat(43)}`,
      '/signin/x',
    ]) {
      const reply = await send({ path, headers: { cookie, ...HTML } });
      expect(reply.status).toBe(400);
      expect(reply.text).not.toContain('<form');
    }
  });

  test('a cookie of one’s own with another’s signature is not believed', async () => {
    const { browser } = await freshCode(server);
    const value = browser.cookies.get('latchkey_session|/')?.value;
    const signature = browser.cookies.get('latchkey_session.sig|/')?.value ?? '';
    const ask = async (cookie: string) =>
      (await send({ path: authorizeUrl({ prompt: 'none' }), headers: { cookie } })).headers
        .location;
    expect(await ask(`latchkey_session=${value}; latchkey_session.sig=${signature}`)).toContain(
      'code=',
    );
    for (const cookie of [
      `latchkey_session=${value}`,
      `latchkey_session=${value}; latchkey_session.sig=${signature.slice(0, -1)}`,
      `latchkey_session=${value}x; latchkey_session.sig=${signature}`,
      `latchkey_resume=${value}; latchkey_resume.sig=${signature}`,
    ]) {
      expect(await ask(cookie)).toContain('error=login_required');
    }
  });
});

describe('somebody else’s sign-in', () => {
  test('its address shows nothing in another browser', async () => {
    const { page, csrf } = await atLogin({ login_hint: 'robin@secret.example' });
    const uid = page.body.match(/\/signin\/([^/"]+)\//)?.[1] ?? '';
    const stranger = openBrowser(server);
    const busy = await atLogin();
    for (const browser of [stranger, busy.browser]) {
      for (const reply of [
        await browser.get(`/signin/${uid}`),
        await browser.post(`/signin/${uid}/login`, { csrf, login: 'a', password: 'b' }),
        await browser.post(`/signin/${uid}/cancel`, { csrf }),
        await browser.post(`/signin/${uid}/consent`, { csrf }),
        await browser.get(`/oauth2/authorize/${uid}`),
      ]) {
        expect(reply.status).toBe(400);
        expect(reply.body).not.toContain('<form');
        expect(reply.body).not.toContain('robin@secret.example');
        expect(reply.body).not.toContain('Alder');
      }
    }
  });

  test('a form needs the value of its page', async () => {
    const one = await atLogin();
    const two = await atLogin();
    const user = { login: 'robin.sterling@demo-shop.example', password: 'x' };
    for (const csrf of ['', 'x', two.csrf, `${one.csrf}x`, one.csrf.toLowerCase()]) {
      const reply = await one.browser.post(one.action, { ...user, csrf });
      expect(reply.status).toBe(403);
    }
    const cancel = await one.browser.post(one.action.replace('/login', '/cancel'), {});
    expect(cancel.status).toBe(403);
    // The person is not harmed by the attempts.
    expect((await one.browser.post(one.action, { ...user, csrf: one.csrf })).status).toBe(422);
  });

  test('a form that another site sends is refused, though the cookie came along', async () => {
    const { browser, action, csrf } = await atLogin();
    const fields = { csrf, login: 'a', password: 'b' };
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      { origin: 'http://localhost:4000' },
      { origin: server.issuer, 'sec-fetch-site': 'cross-site' },
    ]) {
      const reply = await browser.post(action, fields, headers as Record<string, string>);
      expect(reply.status).toBe(403);
    }
    for (const headers of [
      { origin: server.issuer, 'sec-fetch-site': 'same-origin' },
      { origin: 'null', 'sec-fetch-site': 'same-origin' },
    ]) {
      const reply = await browser.post(action, fields, headers as Record<string, string>);
      expect(reply.status).toBe(422);
    }
  });

  test('a field sent twice is as good as missing', async () => {
    const { browser, action, csrf } = await atLogin();
    const cookie = cookieHeader(browser);
    const user = server.demo.users.shopper as { email: string; password: string };
    const twice = (fields: Fields) => sendForm(action, fields, { cookie, ...HTML });
    const right = { csrf, login: user.email, password: user.password };
    expect((await twice({ ...right, csrf: [csrf, csrf] })).status).toBe(403);
    expect((await twice({ ...right, password: ['x', user.password] })).status).toBe(422);
    expect((await twice({ ...right, login: [user.email, user.email] })).status).toBe(422);
    expect((await twice({ csrf, 'login[x]': 'a', 'password[]': 'b' })).status).toBe(422);
    expect((await twice({ csrf, __proto__: 'a', constructor: 'b' } as Fields)).status).toBe(422);
  });

  test('a sign-in that is over cannot be opened again', async () => {
    const { browser, page, action } = await atLogin();
    const user = server.demo.users.shopper as { email: string; password: string };
    const before = new Map(browser.cookies);
    const resume = await submitLogin(browser, page, user);
    await follow(browser, server, resume);
    for (const [name, cookie] of before) {
      if (!browser.cookies.has(name)) browser.cookies.set(name, cookie);
    }
    const again: Reply[] = [
      await browser.get(action.replace('/login', '')),
      await submitLogin(browser, page, user),
      await browser.get(resume.location ?? ''),
    ];
    for (const reply of again) {
      expect(reply.status).toBe(400);
      expect(reply.location).toBeUndefined();
    }
  });

  test('odd passwords and names are just wrong', async () => {
    const { browser, action, csrf } = await atLogin();
    for (const [login, password] of [
      ['', ''],
      ['\u0000', '\u0000'],
      ['a'.repeat(5_000), 'b'.repeat(5_000)],
      ["' OR 1=1 --", "' OR 1=1 --"],
      ['robin.sterling@demo-shop.example', '\ud800'],
      ['\u202erobin\u202c', '😀'.repeat(200)],
      ['%', '%'],
    ] as const) {
      const reply = await browser.post(action, { csrf, login, password });
      expect(reply.status).toBe(422);
      expect(reply.body).toContain('The e-mail address or password is not right.');
    }
  });
});

describe('addresses and methods', () => {
  test('only the exact paths lead to the protocol', async () => {
    for (const path of [
      '/oauth2/TOKEN',
      '/oauth2/token/',
      '/OAuth2/token',
      '//oauth2/token',
      '/oauth2//token',
      '/oauth2/./token/../token/',
      '/oauth2/%74oken',
      '/oauth2/token;x',
      '/token',
      '/oauth2/authorize/a/b',
      '/signin',
      '/signin/',
      '/SIGNIN/x',
      '/admin/api/v1/',
      '/admin/api/v2/users',
      '/interaction/x',
      '/reg',
      '/.git/config',
      '/health/other',
      '/assets/../package.json',
      '/assets/%2e%2e/package.json',
      '/%00',
      '/%E0%A4%A',
    ]) {
      for (const accept of ['text/html', 'application/json', '*/*']) {
        const reply = await send({ method: 'GET', path, headers: { accept } });
        expect([path, reply.status]).toEqual([path, 404]);
      }
      const posted = await send({ method: 'POST', path, headers: FORM, body: 'a=b' });
      expect([path, posted.status]).toEqual([path, 404]);
    }
  });

  test.each([
    ['GET', '/oauth2/token', 'POST, OPTIONS'],
    ['PUT', '/oauth2/token', 'POST, OPTIONS'],
    ['GET', '/oauth2/introspect', 'POST, OPTIONS'],
    ['GET', '/oauth2/revoke', 'POST, OPTIONS'],
    ['DELETE', '/oauth2/userinfo', 'GET, POST, OPTIONS'],
    ['POST', '/oauth2/authorize', 'GET'],
    ['HEAD', '/oauth2/authorize', 'GET'],
    ['POST', '/oauth2/jwks', 'GET, HEAD, OPTIONS'],
    ['POST', '/.well-known/openid-configuration', 'GET, HEAD, OPTIONS'],
    ['GET', '/oauth2/logout/confirm', 'POST'],
    ['POST', `/oauth2/authorize/${'a'.repeat(43)}`, 'GET'],
    ['POST', '/', 'GET, HEAD'],
    ['POST', '/health/live', 'GET, HEAD'],
    ['DELETE', '/signin/x', 'GET, HEAD'],
    ['GET', '/signin/x/login', 'POST'],
    ['PROPFIND', '/signin/x/login', 'POST'],
    ['DELETE', `/admin/api/v1/users/${randomUUID()}/revocations`, 'POST'],
    ['POST', '/admin/api/v1/openapi.json', 'GET, HEAD'],
  ])(
    'a method that is not for this address is refused with the ones that are: %s %s',
    async (method, path, allow) => {
      const reply = await send({ method, path });
      expect(reply.status).toBe(405);
      const sorted = (list = '') => list.split(', ').sort();
      expect(sorted(reply.headers.allow)).toEqual(expect.arrayContaining(sorted(allow)));
      expect(sorted(reply.headers.allow)).not.toContain(method);
    },
  );
});

describe('the admin API', () => {
  const users = () => `/users/${randomUUID()}/revocations`;
  const good = { what: ['tokens'], reason: 'a test' };
  const expectProblem = (reply: WireReply, status: number) => {
    expect(reply.status).toBe(status);
    expect(reply.headers['content-type']).toContain('application/problem+json');
    expect(reply.json).toMatchObject({
      status,
      type: expect.any(String),
      title: expect.any(String),
    });
    expect(reply.json.requestId).toBe(reply.headers['x-request-id']);
  };

  test('without a living token for it there is nothing', async () => {
    const { code } = await freshCode(server, { scope: 'openid orders:read', resource: ORDERS });
    const shopper = await post(server, '/oauth2/token', redemption(code, { resource: ORDERS }));
    const machine = await post(
      server,
      '/oauth2/token',
      { grant_type: 'client_credentials', resource: ORDERS, scope: 'orders:read' },
      { authorization: basic(demoClient(server, 'automation')) },
    );
    for (const headers of [
      {},
      { authorization: '' },
      { authorization: 'Bearer' },
      { authorization: 'Bearer ' },
      { authorization: `Basic ${admin}` },
      { authorization: `Bearer ${admin} x` },
      { authorization: `Bearer ${admin}x` },
      { authorization: `Bearer ${String(shopper.json.id_token)}` },
      { cookie: `token=${admin}` },
    ] as Record<string, string>[]) {
      const reply = await api('POST', users(), good, headers);
      expectProblem(reply, 401);
      expect(reply.headers['www-authenticate']).toContain('Bearer');
    }
    const inQuery = await api('POST', `${users()}?access_token=${admin}`, good, {});
    expectProblem(inQuery, 401);
    for (const { json } of [shopper, machine]) {
      const authorization = `Bearer ${String(json.access_token)}`;
      expectProblem(await api('POST', users(), good, { authorization }), 403);
    }
  });

  test('a revoked token is no token', async () => {
    const token = await adminToken(server);
    const authorization = `Bearer ${token}`;
    expectProblem(await api('POST', users(), good, { authorization }), 404);
    await post(
      server,
      '/oauth2/revoke',
      { token },
      { authorization: basic(demoClient(server, 'automation')) },
    );
    expectProblem(await api('POST', users(), good, { authorization }), 401);
  });

  test('each operation needs its own scope', async () => {
    const authorization = `Bearer ${await adminToken(server, 'users:read')}`;
    for (const [method, path, body] of [
      ['POST', users(), good],
      ['PATCH', `/users/${randomUUID()}`, { status: 'disabled' }],
      ['PATCH', '/clients/demo-storefront', { status: 'disabled' }],
    ] as const) {
      const reply = await api(method, path, body, { authorization });
      expectProblem(reply, 403);
      expect(reply.headers['www-authenticate']).toContain('insufficient_scope');
    }
    // And the demo machine was not given this one at all.
    expectProblem(await api('PATCH', '/clients/demo-storefront', { status: 'disabled' }), 403);
  });

  test('every field is named that does not belong or does not fit', async () => {
    const cases: [unknown, string][] = [
      [{ ...good, id: 'x' }, '/id'],
      [{ ...good, passwordHash: 'x' }, '/passwordHash'],
      [{ reason: 'x' }, '/what'],
      [{ ...good, what: [] }, '/what'],
      [{ ...good, what: ['everything'] }, '/what/0'],
      [{ ...good, what: 'tokens' }, '/what'],
      [{ ...good, reason: '' }, '/reason'],
      [{ ...good, reason: 'x'.repeat(501) }, '/reason'],
      [{ ...good, reason: { $gt: '' } }, '/reason'],
      [[], ''],
      ['{}', '/what'],
    ];
    for (const [body, pointer] of cases) {
      const reply = await api('POST', users(), body);
      expectProblem(reply, 422);
      const errors = reply.json.errors as { pointer: string; message: string }[];
      expect(errors.map((error) => error.pointer)).toContain(pointer);
      expect(errors.every(({ message }) => message.length > 0)).toBe(true);
    }
    const status = await api('PATCH', `/users/${randomUUID()}`, { status: 'deleted', role: 'x' });
    expectProblem(status, 422);
    // A name that JSON.parse keeps and an object would not.
    const prototype = '{"what":["tokens"],"reason":"x","__proto__":{"a":1}}';
    expectProblem(await api('POST', users(), prototype), 400);
  });

  test('a broken or bottomless document is refused', async () => {
    for (const body of ['{', '{"what":', 'null', '"x"', '1', '', '\u0000', '{"a":1}{"b":2}']) {
      const reply = await api('POST', users(), body);
      expect([400, 422]).toContain(reply.status);
      expect(reply.headers['content-type']).toContain('application/problem+json');
    }
    const deep = 60_000;
    const begun = Date.now();
    for (const body of [
      `{"what":${'['.repeat(deep)}${']'.repeat(deep)},"reason":"x"}`,
      `${'{"a":'.repeat(deep / 3)}1${'}'.repeat(deep / 3)}`,
      `{"what":${'['.repeat(21)}${']'.repeat(21)},"reason":"x"}`,
    ]) {
      const reply = await api('POST', users(), body);
      expect([400, 422]).toContain(reply.status);
      expect(reply.headers['content-type']).toContain('application/problem+json');
      // What comes back says where, not all of it again.
      expect(reply.text.length).toBeLessThan(5_000);
    }
    expect(Date.now() - begun).toBeLessThan(3_000);
  });

  test('an id that is none is not found, and never reaches the database', async () => {
    for (const id of [
      'x',
      '1',
      "x'%20OR%20'1'='1",
      '%00',
      '..%2f..%2fclients',
      randomUUID().toUpperCase(),
      `${randomUUID()}x`,
      randomUUID(),
      'a'.repeat(5_000),
    ]) {
      expectProblem(await api('POST', `/users/${id}/revocations`, good), 404);
      expectProblem(await api('PATCH', `/users/${id}`, { status: 'active' }), 404);
    }
  });

  test('the body may be a quarter of a megabyte and no more', async () => {
    const fits = JSON.stringify({ ...good, reason: 'x'.repeat(200 * 1024) });
    expectProblem(await api('POST', users(), fits), 422);
    const tooLong = JSON.stringify({ ...good, reason: 'x'.repeat(300 * 1024) });
    expectProblem(await api('POST', users(), tooLong), 413);
  });

  test('it is described to everybody', async () => {
    const reply = await api('GET', '/openapi.json', undefined, {});
    expect(reply.status).toBe(200);
    expect(reply.json.openapi).toBe('3.1.0');
    const { paths } = reply.json as { paths: Record<string, Record<string, unknown>> };
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(operations).toEqual(
      expect.arrayContaining([
        'post /users/{id}/revocations',
        'post /users/{id}/unlock',
        'patch /users/{id}',
        'patch /clients/{id}',
      ]),
    );
    // Whatever is described is there, and for nobody without a token.
    for (const operation of operations) {
      const [method = '', path = ''] = operation.split(' ');
      const there = path.replace('{id}', randomUUID());
      const { status } = await api(method.toUpperCase(), there, undefined, {});
      expect([operation, status]).toEqual([operation, 401]);
    }
  });
});

describe('pages', () => {
  const EVIL = `"><img src=x onerror=alert(1)>'&lt;`;

  test('whatever came in with a request is text on the page', async () => {
    const { page } = await atLogin({ login_hint: EVIL });
    expect(page.body).not.toContain('<img src=x');
    expect(page.body).toContain('&lt;img src=x');
    const browser = openBrowser(server);
    const rejected = await submitLogin(
      browser,
      await follow(browser, server, await browser.get(authorizeUrl())),
      {
        email: EVIL,
        password: 'x',
      },
    );
    expect(rejected.status).toBe(422);
    expect(rejected.body).not.toContain('<img src=x');
    const errors = [
      await openBrowser(server).get(authorizeUrl({ client_id: EVIL })),
      await openBrowser(server).get(authorizeUrl({ redirect_uri: `https://x/${EVIL}` })),
      await openBrowser(server).get(`/oauth2/authorize?${encode({ [EVIL]: ['a', 'b'] })}`),
      await openBrowser(server).get(`/oauth2/logout?${encode({ client_id: EVIL })}`),
      await openBrowser(server).get(`/oauth2/logout?${encode({ id_token_hint: EVIL })}`),
      await openBrowser(server).get(`/${encodeURIComponent(EVIL)}`),
      await openBrowser(server).get(`/signin/${encodeURIComponent(EVIL)}`),
    ];
    for (const { body, status } of errors) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(body).not.toContain('<img src=x');
    }
  });

  test('a client’s name and links are text, and a hostile link is none', async () => {
    const { page, browser } = await atLogin({ client_id: 'odd-shop' });
    expect(page.body).not.toContain('<script>');
    expect(page.body).toContain('&lt;script&gt;alert(1)');
    expect(page.body).not.toContain('"><script');
    const user = server.demo.users.shopper as { email: string; password: string };
    const consent = await follow(browser, server, await submitLogin(browser, page, user));
    expect(consent.body).not.toContain('<script>');
    expect(consent.body).toContain('&lt;script&gt;alert(1)');
  });

  test('every page carries the headers that keep it to itself', async () => {
    const { browser, page, action, csrf } = await atLogin();
    const user = server.demo.users.shopper as { email: string; password: string };
    const wrong = await browser.post(action, { csrf, login: 'a', password: 'b' });
    const refused = await browser.post(action, { csrf: 'x' });
    await follow(browser, server, await submitLogin(browser, page, user));
    const { browser: undecided, page: odd } = await atLogin({ client_id: 'odd-shop' });
    const consent = await follow(undecided, server, await submitLogin(undecided, odd, user));
    const logout = await browser.get('/oauth2/logout');
    const pages: Record<string, Reply> = {
      home: await browser.get('/'),
      login: page,
      wrong,
      refused,
      consent,
      logout,
      'signed out': await browser.get('/oauth2/logout/success'),
      'form post': await browser.get(authorizeUrl({ response_mode: 'form_post' })),
      'bad request': await browser.get(authorizeUrl({ client_id: 'nobody' })),
      'not found': await browser.get('/nothing/here'),
      method: await browser.post('/', {}),
      lost: await browser.get(`/signin/${'a'.repeat(43)}`),
      expired: await browser.get(`/oauth2/authorize/${'a'.repeat(43)}`),
    };
    for (const [name, { headers, body }] of Object.entries(pages)) {
      const value = (header: string) => headers.get(header) ?? '';
      const csp = value('content-security-policy');
      expect([name, value('content-type')]).toEqual([name, expect.stringContaining('text/html')]);
      expect([name, csp]).toEqual([name, expect.stringContaining("default-src 'none'")]);
      expect(csp).toContain("frame-ancestors 'none'");
      expect(csp).toContain("base-uri 'none'");
      expect(csp).toMatch(/script-src 'nonce-[\w-]{20,}'/);
      expect(csp).not.toMatch(/unsafe|\*|https?:\/\/(?!localhost)/);
      expect(value('x-frame-options')).toBe('DENY');
      expect(value('x-content-type-options')).toBe('nosniff');
      expect(value('referrer-policy')).toBe('no-referrer');
      expect([name, value('cache-control')]).toEqual([name, expect.stringContaining('no-store')]);
      expect(headers.has('x-powered-by') || headers.has('server')).toBe(false);
      const nonce = csp.match(/nonce-([\w-]+)/)?.[1] ?? '';
      for (const script of body.match(/<script[^>]*src[^>]*>/g) ?? []) {
        expect(script).toContain(`nonce="${nonce}"`);
      }
    }
    // A nonce is for one page.
    const nonces = Object.values(pages).map(
      ({ headers }) => headers.get('content-security-policy')?.match(/nonce-([\w-]+)/)?.[1],
    );
    expect(new Set(nonces).size).toBe(nonces.length);
    // Only the pages that post on to the shop may.
    expect(pages.login?.headers.get('content-security-policy')).toContain(
      "form-action 'self' http://localhost:4000",
    );
    expect(pages['not found']?.headers.get('content-security-policy')).toMatch(
      /form-action 'self'(;|$)/,
    );
  });

  test('none of all these answers said anything about the inside', () => {
    expect(everything.length).toBeGreaterThan(200);
    for (const { what, reply } of everything) {
      expect([what, insideOf(JSON.stringify(reply.headers) + reply.text)]).toEqual([
        what,
        undefined,
      ]);
      expect([what, reply.status]).not.toEqual([what, 500]);
    }
    expect(server.output()).not.toMatch(/"level":"error"/);
  });
});
