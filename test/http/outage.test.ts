/**
 * The database is away. An outage is told as an outage, soon, and never as a refusal: nobody is
 * logged out, no token is declared dead, no password is called wrong.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client as PgClient } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type EmbeddedPostgres,
  openEmbeddedPostgres,
} from '../../src/platform/embedded-postgres.js';
import { ACCOUNT } from '../support/account-api.js';
import {
  authorizeUrl,
  basic,
  type Fields,
  freshCode,
  ORDERS,
  post,
  redemption,
  requestFields,
  rowOf,
  type WireReply,
  wire,
} from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { openSeverableWire, type SeverableWire } from '../support/severable.js';
import {
  adminToken,
  type Browser,
  demoClient,
  follow,
  formAction,
  hiddenField,
  openBrowser,
  submitLogin,
} from '../support/shopper.js';

let scratch: string;
let postgres: EmbeddedPostgres;
let line: SeverableWire;
let server: TestServer;
let life: Awaited<ReturnType<typeof somebodysLife>>;

const open = () =>
  openEmbeddedPostgres({
    directory: join(scratch, 'postgres'),
    password: 'secret',
    database: 'shop',
    serverFlags: ['-c', 'fsync=off', '-c', 'full_page_writes=off'],
    initdbFlags: ['--no-sync'],
  });

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), `latchkey-outage-${randomBytes(3).toString('hex')}-`));
  postgres = await open();
  line = await openSeverableWire(() => postgres.port);
  const url = new URL(postgres.url);
  url.port = String(line.port);
  server = await startServer({ databaseUrl: url.href });
  life = await somebodysLife();
}, 60_000);
afterAll(async () => {
  await line.mend();
  await server.stop();
  await line.close();
  await postgres.stop();
  await rm(scratch, { recursive: true, force: true });
});

/** What a day at the shop leaves in people's hands. */
async function somebodysLife() {
  const scope = 'openid offline_access orders:read';
  const { code, browser } = await freshCode(server, { scope, resource: ORDERS });
  const { json } = await post(server, '/oauth2/token', redemption(code, { resource: ORDERS }));
  const plain = await freshCode(server, { scope: 'openid email' }, { browser });
  const userinfo = await post(server, '/oauth2/token', redemption(plain.code));
  const { code: unused } = await freshCode(server, {}, { browser });
  const account = await follow(browser, server, await browser.get('/account/password'));
  const asksForAccount = { scope: 'openid account:read account:write', resource: ACCOUNT };
  const own = await freshCode(server, asksForAccount, { browser });
  const self = await post(server, '/oauth2/token', redemption(own.code, { resource: ACCOUNT }));
  const visitor = openBrowser(server);
  const page = await follow(visitor, server, await visitor.get(authorizeUrl()));
  return {
    browser,
    access: String(json.access_token),
    refresh: String(json.refresh_token),
    userinfo: String(userinfo.json.access_token),
    unused,
    visitor,
    form: { action: formAction(page.body, 'password'), csrf: hiddenField(page.body, 'csrf') },
    account: { csrf: hiddenField(account.body, 'csrf') },
    self: String(self.json.access_token),
    admin: await adminToken(server),
  };
}

const cookies = (browser: Browser) =>
  [...browser.cookies].map(([key, { value }]) => `${key.split('|')[0]}=${value}`).join('; ');
const send = (path: string, headers: Record<string, string> = {}, fields?: Fields | string) =>
  wire(server.port, {
    path,
    ...(fields === undefined
      ? {}
      : {
          method: 'POST',
          body:
            typeof fields === 'string' ? fields : new URLSearchParams(fields as never).toString(),
        }),
    headers: {
      host: new URL(server.issuer).host,
      ...(fields === undefined || typeof fields === 'string'
        ? {}
        : { 'content-type': 'application/x-www-form-urlencoded' }),
      ...headers,
    },
  });

/** Everything that needs the database, by name. */
const errands = (): Record<string, () => Promise<WireReply>> => {
  const authorization = basic(demoClient(server, 'automation'));
  const asApi = { authorization: basic(demoClient(server, 'orders_api')) };
  const wrong = basic({ client_id: 'demo-automation', client_secret: 'wrong' });
  const page = { accept: 'text/html' };
  const credentials = { grant_type: 'client_credentials', resource: ORDERS };
  const user = server.demo.users.shopper as { email: string; password: string };
  const login = { csrf: life.form.csrf, login: user.email, password: user.password };
  const signIn = { ...page, cookie: cookies(life.visitor) };
  return {
    'token for a machine': () => send('/oauth2/token', { authorization }, credentials),
    'token for a wrong secret': () => send('/oauth2/token', { authorization: wrong }, credentials),
    'token for an unknown client': () =>
      send('/oauth2/token', {}, { ...credentials, client_id: 'nobody', client_secret: 'x' }),
    refresh: () =>
      send(
        '/oauth2/token',
        {},
        {
          grant_type: 'refresh_token',
          client_id: 'demo-storefront',
          refresh_token: life.refresh,
        },
      ),
    code: () => send('/oauth2/token', {}, redemption(life.unused)),
    introspection: () => send('/oauth2/introspect', asApi, { token: life.access }),
    'introspection of nonsense': () => send('/oauth2/introspect', asApi, { token: 'x' }),
    'introspection with a hint': () =>
      send('/oauth2/introspect', asApi, { token: life.access, token_type_hint: 'refresh_token' }),
    'introspection with a hint at nothing': () =>
      send('/oauth2/introspect', asApi, { token: 'x', token_type_hint: 'made_up' }),
    'question of a gateway': () =>
      send('/oauth2/verify?scope=orders:read', {
        ...page,
        'x-gateway-authorization': asApi.authorization,
        authorization: `Bearer ${life.access}`,
      }),
    'question about nonsense': () =>
      send('/oauth2/verify', {
        'x-gateway-authorization': asApi.authorization,
        authorization: 'Bearer x',
      }),
    userinfo: () => send('/oauth2/userinfo', { authorization: `Bearer ${life.userinfo}` }),
    revocation: () =>
      send('/oauth2/revoke', {}, { client_id: 'demo-storefront', token: 'of somebody else' }),
    'pushed request': () => send('/oauth2/par', {}, requestFields()),
    authorization: () => send(authorizeUrl(), page),
    'authorization on a session': () =>
      send(authorizeUrl({ prompt: 'none' }), { ...page, cookie: cookies(life.browser) }),
    'sign-in page': () => send(life.form.action.replace('/login', ''), signIn),
    'sign-in': () => send(life.form.action, signIn, login),
    'log-out': () => send('/oauth2/logout', { ...page, cookie: cookies(life.browser) }),
    'account page': () => send('/account', { ...page, cookie: cookies(life.browser) }),
    'account page of a stranger': () => send('/account', page),
    'change of password': () =>
      send(
        '/account/password',
        { ...page, cookie: cookies(life.browser) },
        { csrf: life.account.csrf, current_password: user.password, new_password: 'x' },
      ),
    'self-service API': () => send('/account/api/v1/me', { authorization: `Bearer ${life.self}` }),
    'self-service API with nonsense': () =>
      send('/account/api/v1/me', { authorization: 'Bearer x' }),
    'preflight of the self-service API': () =>
      send('/account/api/v1/me', { origin: 'http://localhost:4000' }),
    'change of password by API': () =>
      send(
        '/account/api/v1/password',
        { authorization: `Bearer ${life.self}`, 'content-type': 'application/json' },
        JSON.stringify({ currentPassword: user.password, newPassword: 'x' }),
      ),
    'admin API': () =>
      send(
        '/admin/api/v1/users/00000000-0000-4000-8000-000000000000/revocations',
        { authorization: `Bearer ${life.admin}`, 'content-type': 'application/json' },
        '{"what":["tokens"],"reason":"a test"}',
      ),
  };
};

/** Each errand is told "later", soon; pages say so to people, endpoints to programs. */
const expectOutage = async (except: readonly string[] = []) => {
  const waiting = Object.entries(errands()).filter(([name]) => !except.includes(name));
  while (waiting.length > 0) {
    await Promise.all(waiting.splice(0, 4).map(([name, errand]) => expectLater(name, errand)));
  }
};

const expectLater = async (name: string, errand: () => Promise<WireReply>) => {
  const begun = Date.now();
  const reply = await errand();
  const took = Date.now() - begun;
  expect([name, reply.status]).toEqual([name, 503]);
  expect([name, took < 2_000]).toEqual([name, true]);
  expect([name, Number(reply.headers['retry-after'])]).toEqual([name, 2]);
  expect(reply.headers.location).toBeUndefined();
  for (const cookie of reply.headers['set-cookie'] ?? []) {
    expect([name, cookie]).toEqual([name, expect.not.stringContaining('01 Jan 1970')]);
  }
  expect([name, reply.text]).toEqual([
    name,
    expect.not.stringMatching(
      /"active"|invalid_(client|grant|token)|not right|ECONN(REF|RES|ABO)|postgres/i,
    ),
  ]);
  const type = reply.headers['content-type'] ?? '';
  if (type.includes('problem+json')) {
    expect([name, reply.json.code]).toEqual([name, 'store_unavailable']);
  } else if (type.includes('json')) {
    expect([name, reply.json.error]).toEqual([name, 'temporarily_unavailable']);
  }
};

const expectUnshaken = async () => {
  for (const path of ['/.well-known/openid-configuration', '/oauth2/jwks', '/health/live', '/']) {
    expect([path, (await send(path)).status]).toEqual([path, 200]);
  }
  const ready = await send('/health/ready');
  expect(ready.status).toBe(503);
  expect(ready.json).toMatchObject({ status: 'not-ready', checks: { database: 'down' } });
};

/** Within five seconds all is as it was, in the same process. */
const expectRecovery = async () => {
  const { pid } = server.process;
  const works = async () => {
    const { introspection, 'token for a machine': token, authorization } = errands();
    const replies = await Promise.all([introspection?.(), token?.(), authorization?.()]);
    return replies.map((reply) => reply?.status);
  };
  await expect.poll(works, { timeout: 5_000, interval: 100 }).toEqual([200, 200, 303]);
  await expect.poll(async () => (await send('/health/ready')).status).toBe(200);
  expect(server.process.exitCode).toBeNull();
  expect(server.process.pid).toBe(pid);
  // Nothing that was refused meanwhile was used up or taken for a fault of the caller.
  const seen = await errands().introspection?.();
  expect(seen?.json.active).toBe(true);
  expect((await errands()['question of a gateway']?.())?.status).toBe(200);
  expect((await errands()['question about nonsense']?.())?.status).toBe(401);
  expect((await errands().userinfo?.())?.status).toBe(200);
  expect((await errands().code?.())?.status).toBe(200);
  expect((await errands().refresh?.())?.status).toBe(200);
  expect((await errands()['sign-in']?.())?.status).toBe(303);
  expect((await errands()['account page']?.())?.status).toBe(200);
  expect((await errands()['change of password']?.())?.status).toBe(422);
  expect((await errands()['self-service API']?.())?.status).toBe(200);
  expect((await errands()['change of password by API']?.())?.status).toBe(422);
  expect((await errands()['token for a wrong secret']?.())?.status).toBe(401);
  life = await somebodysLife();
};

describe('when the database is away', () => {
  test('because the line is cut, everybody is told so, and all is well when it is mended', async () => {
    await line.cut();
    await expectOutage();
    await expectUnshaken();
    await line.mend();
    await expectRecovery();
  }, 60_000);

  test('because it was shut down, everybody is told so, and all is well when it is back', async () => {
    await postgres.stop();
    await expectOutage();
    await expectUnshaken();
    postgres = await open();
    await expectRecovery();
  }, 60_000);

  test('because the network swallows everything, nobody waits for long', async () => {
    line.silence();
    // For a few seconds the server does not know of it, and knows its clients by heart.
    await expectOutage(['token for a wrong secret']);
    await expectUnshaken();
    await line.mend();
    await expectRecovery();
  }, 90_000);

  test('a crowd that comes meanwhile is told so too, each of them soon', async () => {
    line.silence();
    const begun = Date.now();
    const { introspection, authorization } = errands();
    const replies = await Promise.all(
      Array.from({ length: 60 }, (_, i) => (i % 2 ? introspection : authorization)?.()),
    );
    expect(new Set(replies.map((reply) => reply?.status))).toEqual(new Set([503]));
    expect(Date.now() - begun).toBeLessThan(4_000);
    expect((await send('/health/live')).status).toBe(200);
    await line.mend();
    await expectRecovery();
  }, 60_000);

  test('in the middle of a request, that request is told so and can be made again', async () => {
    const user = server.demo.users.shopper as { email: string; password: string };
    const ask = authorizeUrl({ prompt: 'login' });
    const page = await follow(life.browser, server, await life.browser.get(ask));
    const proven = await submitLogin(life.browser, page, user);
    const session = life.browser.cookies.get('latchkey_session|/')?.value ?? '';
    const holder = new PgClient({ connectionString: postgres.url });
    await holder.connect();
    await holder.query('BEGIN');
    const held = 'SELECT 1 FROM artifacts WHERE id_hash = $1 FOR UPDATE';
    expect((await holder.query(held, [rowOf(session)])).rowCount).toBe(1);
    const reply = await life.browser.get(proven.location ?? '');
    await holder.query('ROLLBACK');
    await holder.end();
    expect(reply.status).toBe(503);
    expect(reply.headers.get('retry-after')).toBe('2');
    expect(reply.location).toBeUndefined();
    // Nobody was logged out by it.
    const silent = await life.browser.get(authorizeUrl({ prompt: 'none' }));
    expect(silent.location).toContain('code=');
    const again = await follow(life.browser, server, await life.browser.get(ask));
    expect(again.body).toContain('name="password"');
  });
});
