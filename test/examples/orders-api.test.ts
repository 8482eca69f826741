/** The example API answers as RFC 6750 asks, and tells an outage from a refusal. */
import * as oidc from 'openid-client';
import { Client as Postgres } from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type Example, startExample } from '../support/examples.js';
import { startServer, type TestServer } from '../support/server.js';
import { clientFor, demoClient, obtainTokens } from '../support/shopper.js';

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
    const { shopper_mfa: another } = server.demo.users;
    if (!another) throw new Error('the demo has two shoppers');
    const other = await obtainTokens(server, { user: another });
    const theirs = await getOrders(`Bearer ${other.tokens.access_token}`);
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

  test('knows two paths less than one', async () => {
    expect((await fetch(`${api.origin}/`)).status).toBe(404);
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
