/** The example API answers as RFC 6750 asks, and tells an outage from a refusal. */
import * as oidc from 'openid-client';
import { Client as Postgres } from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { authenticator } from '../support/authenticator.js';
import { type Example, startExample } from '../support/examples.js';
import { startServer, type TestServer } from '../support/server.js';
import {
  authorizationRequest,
  clientFor,
  demoClient,
  follow,
  formAction,
  hiddenField,
  obtainTokens,
  openBrowser,
  submitLogin,
} from '../support/shopper.js';

const ORDERS = 'https://api.demo-shop.example/orders';

let server: TestServer;
let api: Example;

beforeAll(async () => {
  server = await startServer();
  api = await startExample('orders-api', server);
});
afterAll(async () => {
  await api?.stop();
  await server?.stop();
});

async function getOrders(authorization?: string, from = api) {
  const response = await fetch(`${from.origin}/orders`, {
    headers: authorization === undefined ? {} : { authorization },
  });
  return {
    status: response.status,
    challenge: response.headers.get('www-authenticate'),
    retryAfter: response.headers.get('retry-after'),
    body: (await response.json()) as unknown,
  };
}

async function postRefund(number: string, token: string, from = api) {
  const response = await fetch(`${from.origin}/orders/${number}/refund`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  return {
    status: response.status,
    challenge: response.headers.get('www-authenticate'),
    body: (await response.json()) as unknown,
  };
}

let strong: Promise<string> | undefined;

/** The access token of the shopper with an app, who logged in once, with password and code. */
function strongToken(): Promise<string> {
  strong ??= logInWithCode();
  return strong;
}

async function logInWithCode(): Promise<string> {
  const user = server.demo.users.shopper_mfa;
  if (!user?.totp_secret) throw new Error('the demo has a shopper with an app');
  const browser = openBrowser(server);
  const client = await clientFor(server, demoClient(server, 'storefront'));
  const pending = await authorizationRequest(client, {
    scope: 'openid orders:read',
    resource: ORDERS,
  });
  const first = await follow(browser, server, await browser.get(pending.url.href));
  const second = await follow(browser, server, await submitLogin(browser, first, user));
  const sent = await browser.post(formAction(second.body, 'code'), {
    csrf: hiddenField(second.body, 'csrf'),
    code: await authenticator(user.totp_secret).nextCode(),
  });
  const { location } = await follow(browser, server, sent);
  const tokens = await oidc.authorizationCodeGrant(
    client.config,
    new URL(location ?? ''),
    pending.checks,
    { resource: ORDERS },
  );
  return tokens.access_token;
}

async function firstOrder(token: string): Promise<string> {
  const [order] = (await getOrders(`Bearer ${token}`)).body as { number: string }[];
  return order?.number ?? '';
}

/** Registers a machine that may ask for what the test needs. */
async function registerMachine(id: string, ...options: string[]) {
  const { code, stdout, stderr } = await server.cli([
    ...['clients', 'create', id, '--name', id, '--grant-type', 'client_credentials', '--json'],
    ...options,
  ]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as { client_id: string; client_secret: string };
}

async function machineToken(
  machine: { client_id: string; client_secret: string },
  parameters: Record<string, string>,
): Promise<string> {
  const { config } = await clientFor(server, machine);
  return (await oidc.clientCredentialsGrant(config, parameters)).access_token;
}

const refused = {
  status: 401,
  challenge: 'Bearer realm="orders", error="invalid_token"',
  retryAfter: null,
  body: { error: 'invalid_token' },
};
const notGoodEnough = {
  status: 401,
  challenge:
    'Bearer realm="orders", error="insufficient_user_authentication", ' +
    'error_description="A log-in with two factors in the last five minutes is needed", ' +
    'acr_values="urn:latchkey:acr:2", max_age="300"',
  body: { error: 'insufficient_user_authentication' },
};
const unavailable = {
  status: 503,
  challenge: null,
  retryAfter: '5',
  body: { error: 'temporarily_unavailable' },
};

describe('the orders API', () => {
  test('shows a shopper the same orders each time, and others to another shopper', async () => {
    const { tokens } = await obtainTokens(server);
    const first = await getOrders(`Bearer ${tokens.access_token}`);
    expect(first).toMatchObject({ status: 200, challenge: null });
    expect(first.body).toHaveLength(3);
    expect(await getOrders(`bearer ${tokens.access_token}`)).toEqual(first);
    const theirs = await getOrders(`Bearer ${await strongToken()}`);
    expect(theirs.status).toBe(200);
    expect(theirs.body).not.toEqual(first.body);
  });

  test('only asks for a token when none was sent', async () => {
    const asked = {
      status: 401,
      challenge: 'Bearer realm="orders"',
      retryAfter: null,
      body: { error: 'unauthorized' },
    };
    expect(await getOrders()).toEqual(asked);
    expect(await getOrders('Bearer')).toEqual(asked);
    expect(await getOrders('Basic c2hvcDpzaG9w')).toEqual(asked);
  });

  test.each([
    ['a word', 'garbage'],
    ['two words', 'a b'],
    ['a quotation mark', '"'],
    ['an escaped null', '%00'],
    ['four thousand letters', 'x'.repeat(4000)],
  ])('refuses a token nobody ever issued: %s', async (_, token) => {
    expect(await getOrders(`Bearer ${token}`)).toEqual(refused);
  });

  test('refuses a refresh token, and an access token that was revoked', async () => {
    const { tokens, client } = await obtainTokens(server);
    expect(await getOrders(`Bearer ${tokens.refresh_token}`)).toEqual(refused);
    expect((await getOrders(`Bearer ${tokens.access_token}`)).status).toBe(200);
    await oidc.tokenRevocation(client.config, tokens.access_token);
    expect(await getOrders(`Bearer ${tokens.access_token}`)).toEqual(refused);
  });

  test('refuses a token of another API', async () => {
    const token = await machineToken(demoClient(server, 'automation'), {
      resource: 'urn:latchkey:admin',
      scope: 'users:read',
    });
    expect(await getOrders(`Bearer ${token}`)).toEqual(refused);
  });

  test('looks at the audience itself, where the server would tell it about the token', async () => {
    // A client is told about tokens of its own, whatever they are for.
    const machine = await registerMachine(
      'api-and-machine',
      ...['--audience', ORDERS],
      ...['--allow', 'urn:latchkey:admin=users:read', '--allow', `${ORDERS}=orders:read`],
    );
    const other = await startExample('orders-api', server, {
      CLIENT_ID: machine.client_id,
      CLIENT_SECRET: machine.client_secret,
    });
    try {
      const foreign = await machineToken(machine, { resource: 'urn:latchkey:admin' });
      expect(await getOrders(`Bearer ${foreign}`, other)).toEqual(refused);
      const fitting = await machineToken(machine, { resource: ORDERS, scope: 'orders:read' });
      expect(await getOrders(`Bearer ${fitting}`, other)).toMatchObject({ status: 200, body: [] });
    } finally {
      await other.stop();
    }
  }, 40_000);

  test('names the scope that a token lacks', async () => {
    const machine = await registerMachine('cart-machine', '--allow', `${ORDERS}=cart:write`);
    const token = await machineToken(machine, { resource: ORDERS, scope: 'cart:write' });
    expect(await getOrders(`Bearer ${token}`)).toEqual({
      status: 403,
      challenge: 'Bearer realm="orders", error="insufficient_scope", scope="orders:read"',
      retryAfter: null,
      body: { error: 'insufficient_scope' },
    });
  });

  test('calls nobody signed out when its own secret is wrong', async () => {
    const { tokens } = await obtainTokens(server);
    const stranger = await startExample('orders-api', server, { CLIENT_SECRET: 'not-the-secret' });
    try {
      expect(await getOrders(`Bearer ${tokens.access_token}`, stranger)).toEqual(unavailable);
    } finally {
      await stranger.stop();
    }
  });

  test('refunds nothing on a log-in with one factor, and says what it takes', async () => {
    const { tokens } = await obtainTokens(server);
    const number = await firstOrder(tokens.access_token);
    expect(await postRefund(number, tokens.access_token)).toEqual(notGoodEnough);
    // What is asked for is not told to those who may not ask at all.
    expect(await postRefund(number, 'garbage')).toMatchObject({
      status: 401,
      challenge: refused.challenge,
    });
    expect(((await getOrders(`Bearer ${tokens.access_token}`)).body as unknown[])[0]).toMatchObject(
      {
        number,
        status: 'in the workshop',
      },
    );
  });

  test('refunds an order after a log-in with two factors, once and for good', async () => {
    const token = await strongToken();
    const number = await firstOrder(token);
    const done = await postRefund(number, token);
    expect(done).toMatchObject({ status: 200, challenge: null });
    expect(done.body).toMatchObject({ number, status: 'refunded' });
    expect(await postRefund(number, token)).toEqual(done);
    const { body } = await getOrders(`Bearer ${token}`);
    const statuses = (body as { status: string }[]).map(({ status }) => status);
    expect(statuses).toEqual(['refunded', 'on its way', 'delivered']);
  });

  test('refunds nobody else’s order, and none that never was', async () => {
    const { tokens } = await obtainTokens(server);
    const foreign = await firstOrder(tokens.access_token);
    const token = await strongToken();
    for (const number of [foreign, 'AO-0', '%00', '%E0%A4%A']) {
      expect(await postRefund(number, token)).toMatchObject({ status: 404 });
    }
    const { body } = await getOrders(`Bearer ${tokens.access_token}`);
    expect(JSON.stringify(body)).not.toContain('refunded');
  });

  test('wants the log-in again when five minutes have passed', async () => {
    const token = await strongToken();
    const number = await firstOrder(token);
    const clockAhead = (ms: number) =>
      `--import=data:text/javascript,const%20real=Date.now;Date.now=()=>real()+${ms}`;
    for (const [ms, expected] of [
      // The log-in was earlier in this file, on a slow machine a minute or two ago.
      [120_000, { status: 200 }],
      [301_000, notGoodEnough],
    ] as const) {
      const later = await startExample('orders-api', server, { NODE_OPTIONS: clockAhead(ms) });
      try {
        expect(await postRefund(number, token, later)).toMatchObject(expected);
      } finally {
        await later.stop();
      }
    }
  });

  test('does not take a machine for somebody who has logged in', async () => {
    const machine = await registerMachine('refund-machine', '--allow', `${ORDERS}=orders:read`);
    const token = await machineToken(machine, { resource: ORDERS, scope: 'orders:read' });
    expect(await postRefund('AO-10000', token)).toEqual(notGoodEnough);
  });

  test('knows its two paths and their methods, and nothing else', async () => {
    expect((await fetch(`${api.origin}/`)).status).toBe(404);
    const get = await fetch(`${api.origin}/orders/AO-10000/refund`);
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST']);
    const post = await fetch(`${api.origin}/orders`, { method: 'POST' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET']);
  });
});

// Last, because the server does not survive it.
describe('in an outage the orders API says so', () => {
  test('while the database is away, and answers again when it is back', async () => {
    const { tokens } = await obtainTokens(server);
    const bearer = `Bearer ${tokens.access_token}`;
    const database = new URL(server.databaseUrl).pathname.slice(1);
    const maintenance = new Postgres({ connectionString: inject('services').postgresUrl });
    await maintenance.connect();
    try {
      await maintenance.query(`ALTER DATABASE ${database} WITH ALLOW_CONNECTIONS false`);
      await maintenance.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1',
        [database],
      );
      expect(await getOrders(bearer)).toEqual(unavailable);
      expect(await getOrders('Bearer garbage')).toEqual(unavailable);
      expect((await getOrders()).status).toBe(401);
    } finally {
      await maintenance.query(`ALTER DATABASE ${database} WITH ALLOW_CONNECTIONS true`);
      await maintenance.end();
    }
    await expect.poll(() => getOrders(bearer), { timeout: 10_000 }).toMatchObject({ status: 200 });
  });

  test('when the authorization server is gone', async () => {
    const { tokens } = await obtainTokens(server);
    const gone = new Promise((resolve) => server.process.once('exit', resolve));
    server.process.kill('SIGKILL');
    await gone;
    expect(await getOrders(`Bearer ${tokens.access_token}`)).toEqual(unavailable);
    expect((await getOrders()).status).toBe(401);
  });
});
