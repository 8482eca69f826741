/** `npm start` on a fresh machine: it comes up, survives, and leaves nothing behind. */
import { randomInt } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as oidc from 'openid-client';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type DataDirectory,
  entry,
  isAlive,
  launch,
  openDataDirectory,
  outcomeOf,
  type Started,
} from '../support/process.js';
import {
  cleanEnvironment,
  type Demo,
  freePort,
  runLatchkey,
  type TestServer,
} from '../support/server.js';
import { clientFor, demoClient, obtainTokens } from '../support/shopper.js';
import { soon } from '../support/soon.js';

// Whole processes come and go here; a busy machine may take its time.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let data: DataDirectory;
let port: number;
let env: Record<string, string>;
const started: Started[] = [];

const environment = (own: DataDirectory, ownPort: number) => ({
  PORT: String(ownPort),
  LATCHKEY_OPS_PORT: '0',
  LATCHKEY_DATA_DIR: own.path,
  LOG_LEVEL: 'warn',
});

async function fresh(): Promise<void> {
  data = await openDataDirectory();
  port = await freePort();
  env = environment(data, port);
}

async function cleanUp(): Promise<void> {
  for (const one of started.splice(0)) {
    if (one.child.exitCode === null && one.child.signalCode === null) await one.end('SIGKILL');
  }
  await data.remove();
}

function start(how: Parameters<typeof launch>[1] = {}): Started {
  const one = launch(env, how);
  started.push(one);
  return one;
}

async function startReady(how: Parameters<typeof launch>[1] = {}): Promise<Started> {
  const one = start(how);
  await one.ready;
  return one;
}

const cli = (...args: string[]) => runLatchkey(args, { ...cleanEnvironment(), ...env });
const issuer = () => `http://localhost:${port}`;
const readiness = async () => (await fetch(`${issuer()}/health/ready`)).status;
const demo = async () => (await data.json('demo.json')) as unknown as Demo;
/** What the shopper's helpers need to know of a server. */
const asServer = async () => ({ issuer: issuer(), demo: await demo() }) as TestServer;

/** Nothing of the server is left: no database process, no lock, no listener. */
async function expectNothingLeft(postmaster: number | undefined): Promise<void> {
  expect(postmaster).toBeDefined();
  expect(isAlive(postmaster ?? 0)).toBe(false);
  expect(await data.postmaster()).toBeUndefined();
  await expect(fetch(`${issuer()}/health/live`)).rejects.toThrow();
}

describe('a machine with nothing on it', () => {
  beforeAll(fresh);
  afterAll(cleanUp);

  it('has a server with a demo shop', async () => {
    const server = await startReady();
    expect(await readiness()).toBe(200);
    expect(server.stdout()).toContain(`Latchkey is ready at ${issuer()}`);
    expect(server.complaints()).toEqual([]);
  });

  it('finds all it needs in demo.json, which only its owner can read', async () => {
    const file = await stat(join(data.path, 'demo.json'));
    expect(file.mode & 0o777).toBe(0o600);
    expect((await stat(join(data.path, 'secrets.json'))).mode & 0o777).toBe(0o600);
    const secret = expect.stringMatching(/^[A-Za-z0-9_-]{43}$/);
    const password = expect.stringMatching(/^.{16,}$/);
    const email = expect.stringContaining('@');
    expect(await demo()).toMatchObject({
      issuer: issuer(),
      clients: {
        storefront: {
          client_id: 'demo-storefront',
          redirect_uris: ['http://localhost:4000/callback'],
          token_endpoint_auth_method: 'none',
          scope: expect.stringContaining('openid profile email offline_access'),
        },
        storefront_bff: {
          client_id: 'demo-storefront-bff',
          client_secret: secret,
          redirect_uris: ['http://localhost:4001/callback'],
        },
        orders_api: { client_id: 'demo-orders-api', client_secret: secret },
        catalog_api: { client_id: 'demo-catalog-api', client_secret: secret },
        automation: {
          client_id: 'demo-automation',
          client_secret: secret,
          scope: expect.stringContaining('users:read'),
        },
        device: { client_id: 'demo-pos-terminal' },
        support_desk: {
          client_id: 'demo-support-desk',
          client_secret: secret,
          redirect_uris: ['http://localhost:4002/callback'],
        },
      },
      resources: {
        orders: {
          indicator: 'https://api.demo-shop.example/orders',
          scopes: ['orders:read', 'orders:write', 'cart:write'],
          format: 'opaque',
        },
        catalog: {
          indicator: 'https://api.demo-shop.example/catalog',
          scopes: ['catalog:read', 'catalog:write'],
          format: 'jwt',
        },
        admin: { indicator: 'urn:latchkey:admin', format: 'opaque' },
      },
      users: {
        shopper: { email, password },
        shopper_mfa: { email, password },
        support: { email, password, roles: ['support'] },
        admin: { email, password, roles: ['admin'] },
      },
    });
    const { clients, users } = await demo();
    expect(clients.storefront).not.toHaveProperty('client_secret');
    const secrets = [
      ...Object.values(clients).flatMap((client) => client.client_secret ?? []),
      ...Object.values(users).map((user) => user.password),
    ];
    expect(new Set(secrets).size).toBe(secrets.length);
  });

  it('tells a second start on the same directory that the first one runs, and lets it be', async () => {
    const before = await demo();
    env = environment(data, await freePort());
    const second = await outcomeOf(start());
    env = environment(data, port);
    expect(second.code).toBe(1);
    expect(second.complaints).toEqual([
      `Another Latchkey is already running on ${data.path}; stop it first`,
    ]);
    expect(await readiness()).toBe(200);
    expect(await demo()).toEqual(before);
  });

  it('takes commands while the server runs, and the server goes on', async () => {
    const made = await cli('users', 'create', 'while.running@fernhill.example', '--json');
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(await readiness()).toBe(200);
    const tokens = await obtainTokens(await asServer(), {
      user: {
        email: 'while.running@fernhill.example',
        password: (JSON.parse(made.stdout) as { password: string }).password,
      },
    });
    expect(tokens.tokens.access_token).toBeTypeOf('string');
  });

  it('takes commands while the server is stopped, and starts no server for them', async () => {
    const pid = await data.postmaster();
    const server = started[0];
    expect(await server?.end('SIGTERM')).toEqual({ code: 0, signal: null });
    await expectNothingLeft(pid);
    const list = await cli('clients', 'list', '--json');
    expect(list).toMatchObject({ code: 0, stderr: '' });
    expect(list.stdout).toContain('demo-storefront');
    expect(await data.postmaster()).toBeUndefined();
  });

  it('tells a server that starts while a command has the database to itself', async () => {
    const command = await commandAtWork();
    const outcome = await outcomeOf(start());
    process.kill(command.pid, 'SIGCONT');
    expect(outcome.code).toBe(1);
    expect(outcome.complaints).toEqual([
      `Another Latchkey is already running on ${data.path}; stop it first`,
    ]);
    // Frozen for seconds, the command may find that its time with the database ran out: then it
    // fails, but in order, and takes its database down with it either way.
    const ended = await command.ended;
    expect(ended.signal).toBeNull();
    expect([0, 1]).toContain(ended.code);
    expect(await data.postmaster()).toBeUndefined();
  });

  it('keeps its secrets over a restart, and the issuer follows the port', async () => {
    const before = await demo();
    port = await freePort();
    env = environment(data, port);
    const server = await startReady();
    expect(await demo()).toEqual({ ...before, issuer: issuer() });
    const metadata = await fetch(`${issuer()}/.well-known/openid-configuration`);
    expect(await metadata.json()).toMatchObject({ issuer: issuer() });
    expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});

/** A command stopped in its tracks while it holds the database it has started for itself. */
async function commandAtWork(): Promise<Started> {
  const command = start({ args: [entry, 'keys', 'rotate'] });
  const { databasePassword } = await data.json('secrets.json');
  for (;;) {
    const url = `postgresql://latchkey:${databasePassword}@127.0.0.1:${await data.postgresPort()}/latchkey`;
    const holds = await queryOnce(
      url,
      "SELECT 1 FROM pg_stat_activity WHERE application_name = 'latchkey'",
    ).catch(() => []);
    if (holds.length > 0) break;
    if (command.child.exitCode !== null) throw new Error('the command was too fast');
    await sleep(2);
  }
  process.kill(command.pid, 'SIGSTOP');
  return command;
}

async function queryOnce(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query(sql)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

describe('the server is killed', () => {
  beforeAll(fresh);
  afterAll(cleanUp);

  it('and the next start takes the database over with everything in it', async () => {
    const server = await startReady();
    const made = await cli('users', 'create', 'before@fernhill.example', '--json');
    const { password } = JSON.parse(made.stdout) as { password: string };
    const user = { email: 'before@fernhill.example', password };
    const before = await obtainTokens(await asServer(), { user });
    const postmaster = await data.postmaster();
    expect(await server.end('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    expect(isAlive(postmaster ?? 0)).toBe(true);

    const next = await startReady();
    expect(await data.postmaster()).toBe(postmaster);
    const client = await clientFor(await asServer(), demoClient(await asServer(), 'storefront'));
    const refreshed = await oidc.refreshTokenGrant(
      client.config,
      before.tokens.refresh_token ?? '',
      { resource: 'https://api.demo-shop.example/orders' },
    );
    expect(refreshed.access_token).toBeTypeOf('string');
    expect((await obtainTokens(await asServer(), { user })).tokens.claims()?.sub).toBe(
      before.tokens.claims()?.sub,
    );

    expect(await next.end('SIGTERM')).toEqual({ code: 0, signal: null });
    await expectNothingLeft(postmaster);
  });

  it('together with its database, as by a power cut, and nothing acknowledged is lost', async () => {
    const server = await startReady();
    const made = await cli('users', 'create', 'power.cut@fernhill.example', '--json');
    const { password } = JSON.parse(made.stdout) as { password: string };
    const before = await obtainTokens(await asServer(), {
      user: { email: 'power.cut@fernhill.example', password },
    });
    process.kill((await data.postmaster()) ?? Number.NaN, 'SIGKILL');
    await server.end('SIGKILL');

    await startReady();
    const refreshed = await oidc.refreshTokenGrant(
      before.client.config,
      before.tokens.refresh_token ?? '',
      { resource: 'https://api.demo-shop.example/orders' },
    );
    expect(refreshed.access_token).toBeTypeOf('string');
  });
});

describe('the server is told to stop', () => {
  beforeEach(fresh);
  afterEach(cleanUp);

  it('and a request in flight gets its answer, while a new one is told to go elsewhere', async () => {
    const server = await startReady();
    const postmaster = await data.postmaster();
    const { client_id, client_secret } = demoClient(await asServer(), 'automation');
    // Half a request is on its way when the signal comes.
    const socket = connect(port, 'localhost');
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(
      [
        'POST /oauth2/token HTTP/1.1',
        `Host: localhost:${port}`,
        'Content-Type: application/x-www-form-urlencoded',
        `Authorization: Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`,
        '',
      ].join('\r\n'),
    );
    // Nobody tells when the server has taken the connection; of the ten seconds in which it then
    // drains, the test needs few.
    await sleep(1_000);
    const ended = server.end('SIGTERM');
    const answers = () =>
      fetch(`${issuer()}/health/live`).then(
        () => true,
        () => false,
      );
    await expect.poll(answers, { timeout: 5_000 }).toBe(false);
    expect(server.child.exitCode).toBeNull();
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      resource: 'urn:latchkey:admin',
      scope: 'users:read',
    }).toString();
    // The next request on the same connection hears that this server is no longer ready.
    socket.write(
      `Content-Length: ${form.length}\r\n\r\n${form}` +
        `GET /health/ready HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`,
    );
    await closed;
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain('"access_token"');
    expect(answer).toContain('HTTP/1.1 503 ');
    expect(answer).toContain('"not-ready"');
    expect(await ended).toEqual({ code: 0, signal: null });
    await expectNothingLeft(postmaster);
  });

  it('by Ctrl-C, which reaches every process of the terminal', async () => {
    const server = await startReady({ detached: true });
    const postmaster = await data.postmaster();
    process.kill(-server.pid, 'SIGINT');
    expect(await server.ended).toEqual({ code: 0, signal: null });
    await expectNothingLeft(postmaster);
    expect(server.complaints()).toEqual([]);
  });

  it('twice, and stops once', async () => {
    const server = await startReady();
    const postmaster = await data.postmaster();
    server.child.kill('SIGINT');
    server.child.kill('SIGTERM');
    expect(await server.end('SIGINT')).toEqual({ code: 0, signal: null });
    await expectNothingLeft(postmaster);
  });

  it('while it still comes up, and leaves nothing running', async () => {
    for (const moment of [300, 1_200]) {
      const server = start();
      await sleep(moment + randomInt(600));
      const { code, signal } = await server.end('SIGTERM');
      expect(code === 0 || signal === 'SIGTERM').toBe(true);
      expect(await data.postmaster()).toBeUndefined();
    }
  });
});

describe('npm start is told to stop', () => {
  beforeEach(fresh);
  afterEach(cleanUp);

  it.each(['SIGTERM', 'SIGINT'] as const)('by %s to npm, and everything ends', async (signal) => {
    const npm = await startReady({ command: 'npm', args: ['start'] });
    const postmaster = await data.postmaster();
    await npm.end(signal);
    await expect.poll(() => data.postmaster(), soon).toBeUndefined();
    // It takes its file away a moment before it ends.
    await expect.poll(() => isAlive(postmaster ?? 0), soon).toBe(false);
    await expectNothingLeft(postmaster);
  });

  it('by Ctrl-C, and everything ends', async () => {
    const npm = await startReady({ command: 'npm', args: ['start'], detached: true });
    const postmaster = await data.postmaster();
    process.kill(-npm.pid, 'SIGINT');
    await npm.ended;
    await expect.poll(() => data.postmaster(), soon).toBeUndefined();
    // It takes its file away a moment before it ends.
    await expect.poll(() => isAlive(postmaster ?? 0), soon).toBe(false);
    await expectNothingLeft(postmaster);
  });
});

describe('the very first start is killed', () => {
  beforeEach(fresh);
  afterEach(cleanUp);

  // From the first lines of the program to just after the listener is open.
  it.each([
    [100, 600],
    [600, 1_200],
    [1_200, 2_000],
    [2_000, 3_000],
  ])('between %d and %d ms after it began, and the next one comes up fine', async (from, to) => {
    const moment = randomInt(from, to);
    const first = start();
    await sleep(moment);
    await first.end('SIGKILL');
    const second = await startReady();
    expect(await readiness(), `killed after ${moment} ms`).toBe(200);
    const { tokens } = await obtainTokens(await asServer());
    expect(tokens.access_token, `killed after ${moment} ms`).toBeTypeOf('string');
    expect(await second.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await data.postmaster()).toBeUndefined();
  });
});
