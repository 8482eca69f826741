/** What one network may get wrong, on a real Redis that is stopped, emptied and killed. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRisk } from '../../src/domain/risk/index.js';
import { systemClock } from '../../src/kernel/clock.js';
import { createKeyring } from '../../src/kernel/keyring.js';
import { Secret } from '../../src/kernel/secret.js';
import { memoryStore } from '../../src/platform/failure-stores.js';
import { createNetworkLimits, type SharedCounters } from '../../src/platform/network-limits.js';
import { openPostgres, type Postgres } from '../../src/platform/postgres.js';
import { openRedis, type RedisConnection } from '../../src/platform/redis.js';
import { type FreshDatabase, freshDatabase } from '../support/database.js';
import { hasRedis } from '../support/redis.js';
import { startRedis, type TestRedis } from '../support/redis-server.js';
import { soon } from '../support/soon.js';

const keyring = createKeyring([{ id: 'k', key: new Uint8Array(randomBytes(32)) }]);

let database: FreshDatabase;
let postgres: Postgres;
let shared: SharedCounters;

beforeAll(async () => {
  database = await freshDatabase();
  postgres = openPostgres({ url: new Secret(database.url), poolSize: 4 });
  shared = createRisk({ db: postgres.db, clock: systemClock, keyring }).sharedCounters;
});

afterAll(async () => {
  await postgres.close();
  await database.drop();
});

let addresses = 0;
const newAddress = () => {
  addresses += 1;
  return `198.51.${Math.floor(addresses / 250)}.${(addresses % 250) + 1}`;
};

type Parts = Partial<Parameters<typeof createNetworkLimits>[0]>;
const node = (parts: Parts = {}) =>
  createNetworkLimits({ enabled: true, keyring, clock: systemClock, shared, ...parts });
type Node = ReturnType<typeof node>;

const OK = { kind: 'ok' };

async function fail(limits: Node, ip: string, times: number, name: (i: number) => string) {
  for (let i = 0; i < times; i += 1) await limits.recordFailure(ip, name(i));
}
const oneName = () => 'ann@shop.example';

/** Rules that hold wherever the counting happens. */
function rules(open: () => Node) {
  test('a hundred failures are allowed, then the network waits', async () => {
    const [limits, ip] = [open(), newAddress()];
    await fail(limits, ip, 99, oneName);
    expect(await limits.check(ip)).toEqual(OK);
    await fail(limits, ip, 1, oneName);
    const verdict = await limits.check(ip);
    expect(verdict).toMatchObject({ kind: 'limited' });
    const wait = verdict.kind === 'limited' ? verdict.retryAfterSeconds : 0;
    expect(wait).toBeGreaterThan(14 * 60);
    expect(wait).toBeLessThanOrEqual(15 * 60);
    expect(await limits.failuresFor(ip)).toBe(100);
    expect(await limits.check(newAddress())).toEqual(OK);
  });

  test('thirty different names are too many, and spelling one differently adds none', async () => {
    const [limits, ip] = [open(), newAddress()];
    await fail(limits, ip, 29, (i) => `shopper${i}@shop.example`);
    await fail(limits, ip, 20, (i) => (i % 2 ? ' SHOPPER1@shop.example' : 'shopper1@Shop.example'));
    expect(await limits.check(ip)).toEqual(OK);
    await fail(limits, ip, 1, () => 'one.more@shop.example');
    const verdict = await limits.check(ip);
    expect(verdict).toMatchObject({ kind: 'limited' });
    expect(verdict.kind === 'limited' && verdict.retryAfterSeconds).toBeLessThanOrEqual(10 * 60);
  });

  test('names tried twice at once are still different names', async () => {
    const [limits, ip] = [open(), newAddress()];
    await Promise.all(
      Array.from({ length: 60 }, (_, i) => limits.recordFailure(ip, `n${Math.floor(i / 2)}`)),
    );
    expect(await limits.failuresFor(ip)).toBe(60);
    expect(await limits.check(ip)).toMatchObject({ kind: 'limited' });
  });

  test('an IPv6 customer is one network, whatever address of it is used', async () => {
    const limits = open();
    addresses += 1;
    const net = `2001:db8:${addresses.toString(16)}:1`;
    for (let i = 0; i < 100; i += 1) await limits.recordFailure(`${net}:${i}::${i}`, 'ann');
    expect(await limits.check(`${net}:ffff:1:2:3`)).toMatchObject({ kind: 'limited' });
    expect(await limits.check(`${net.slice(0, -1)}2::1`)).toEqual(OK);
  });

  test('ten letters an hour are allowed, counted before they are judged', async () => {
    const { letterRequests } = open();
    const ip = newAddress();
    const burst = await Promise.all(Array.from({ length: 20 }, () => letterRequests.add(ip)));
    expect(burst.filter(({ kind }) => kind === 'ok').length).toBeLessThanOrEqual(10);
    const [other, seen] = [newAddress(), [] as string[]];
    for (let turn = 0; turn < 11; turn += 1) seen.push((await letterRequests.add(other)).kind);
    expect(seen).toEqual([...Array(10).fill('ok'), 'limited']);
    expect(await letterRequests.soFar(other)).toBe(11);
    const verdict = await letterRequests.add(other);
    const wait = verdict.kind === 'limited' ? verdict.retryAfterSeconds : 0;
    expect(wait).toBeGreaterThan(59 * 60);
    expect(wait).toBeLessThanOrEqual(60 * 60);
    expect(await letterRequests.add(newAddress())).toEqual(OK);
    // It is no failure: who forgets a password may still log in.
    expect(await open().check(other)).toEqual(OK);
  });

  test('a client waits after ten failures a minute, its neighbours after a hundred', async () => {
    const { clientAuthFailures } = open();
    const ip = newAddress();
    const seen = (clientId: string) => ({ clientId, ip });
    for (let i = 0; i < 10; i += 1) await clientAuthFailures.record(seen('shop'));
    const verdict = await clientAuthFailures.check(seen('shop'));
    expect(verdict).toMatchObject({ kind: 'limited' });
    expect(verdict.kind === 'limited' && verdict.retryAfterSeconds).toBeLessThanOrEqual(60);
    expect(await clientAuthFailures.check(seen('other'))).toEqual(OK);
    expect(await clientAuthFailures.check({ clientId: 'shop', ip: newAddress() })).toEqual(OK);
    for (let i = 0; i < 90; i += 1) await clientAuthFailures.record(seen(`client${i}`));
    expect(await clientAuthFailures.check(seen('other'))).toMatchObject({ kind: 'limited' });
  });
}

describe('in memory, where there is nothing else', () => {
  rules(() => node({ shared: undefined }));

  test('windows end by the clock', async () => {
    let now = Date.now();
    const clock = { now: () => new Date(now) };
    const limits = node({ shared: undefined, clock });
    const ip = newAddress();
    await fail(limits, ip, 100, oneName);
    now += 15 * 60_000 - 1;
    expect(await limits.check(ip)).toEqual({ kind: 'limited', retryAfterSeconds: 1 });
    now += 1;
    expect(await limits.check(ip)).toEqual(OK);
  });
});

test('a thousand networks push out the oldest, and do not grow the process', async () => {
  const store = memoryStore(systemClock, 10);
  const counted = { name: 'network', seconds: 60 };
  for (let i = 0; i < 1_000; i += 1) await store.add(counted, `n${i}`);
  expect((await store.read(counted, 'n989')).count).toBe(0);
  expect((await store.read(counted, 'n990')).count).toBe(1);
  expect((await store.add(counted, 'n999')).count).toBe(2);
});

describe('in the database, where there is no Redis', () => {
  rules(() => node());

  test('two nodes count together', async () => {
    const [one, two, ip] = [node(), node(), newAddress()];
    await fail(one, ip, 50, oneName);
    await fail(two, ip, 50, oneName);
    expect(await one.check(ip)).toMatchObject({ kind: 'limited' });
    expect(await two.check(ip)).toMatchObject({ kind: 'limited' });
  });
});

test('switched off, nothing is counted', async () => {
  const limits = node({ enabled: false });
  const ip = newAddress();
  await fail(limits, ip, 200, (i) => `n${i}`);
  expect(await limits.check(ip)).toEqual(OK);
  expect(await limits.failuresFor(ip)).toBe(0);
});

describe.skipIf(!hasRedis())('in Redis', () => {
  let scratch: string;
  let server: TestRedis | undefined;
  const connections: RedisConnection[] = [];

  // A database of its own, for the server may be shared.
  async function connect(): Promise<RedisConnection> {
    const connection = openRedis({ url: new Secret(`${server?.url}/11`) });
    connections.push(connection);
    if (connection.client.status !== 'ready') await once(connection.client, 'ready');
    return connection;
  }

  let redis: RedisConnection;
  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'latchkey-limits-'));
    server = await startRedis(scratch);
    redis = await connect();
  });
  afterAll(async () => {
    for (const connection of connections) await connection.close();
    server?.stop();
    await rm(scratch, { recursive: true, force: true });
  });

  rules(() => node({ redis: redis.client, shared: undefined }));

  test('two nodes count together, and the database hears nothing of it', async () => {
    const silent: SharedCounters = {
      add: () => Promise.reject(new Error('asked')),
      read: () => Promise.reject(new Error('asked')),
    };
    const asked: unknown[] = [];
    const open = async () =>
      node({
        redis: (await connect()).client,
        shared: silent,
        onStandIn: (_store, error) => asked.push(error),
      });
    const [one, two, ip] = [await open(), await open(), newAddress()];
    await Promise.all([fail(one, ip, 50, oneName), fail(two, ip, 50, oneName)]);
    expect(await one.check(ip)).toMatchObject({ kind: 'limited' });
    expect(await two.check(ip)).toMatchObject({ kind: 'limited' });
    expect(asked).toEqual([]);
  });

  test('neither names nor addresses reach Redis', async () => {
    const limits = node({ redis: redis.client });
    await limits.recordFailure('203.0.113.77', 'secret.person@shop.example');
    await limits.clientAuthFailures.record({ clientId: 'the-shop', ip: '203.0.113.77' });
    const keys = (await redis.client.keys('*')).join('\n');
    expect(keys).toContain('latchkey:failures:');
    // As they would be written: any six letters, large or small, are in digests sooner or later.
    expect(keys).not.toMatch(/secret|person|the-shop|203\.0|cb0071|CB0071/);
    for (const key of await redis.client.keys('*')) {
      expect(await redis.client.ttl(key)).toBeGreaterThan(0);
    }
  });

  test('emptying Redis opens no fresh account on a node that saw the failures', async () => {
    const limits = node({ redis: redis.client });
    const ip = newAddress();
    await fail(limits, ip, 99, oneName);
    await redis.client.flushdb();
    expect(await limits.failuresFor(ip)).toBe(99);
    await fail(limits, ip, 1, oneName);
    expect(await limits.check(ip)).toMatchObject({ kind: 'limited' });
  });
});

describe.skipIf(!hasRedis() || process.env.REDIS_URL !== undefined)('Redis goes away', () => {
  test('killed in the middle, the limit holds on every node', async () => {
    const scratch = await mkdtemp(join(tmpdir(), 'latchkey-limits-'));
    const server = await startRedis(scratch);
    const url = new Secret(server?.url ?? '');
    const [first, second] = [openRedis({ url }), openRedis({ url })];
    const seen: string[] = [];
    try {
      await expect
        .poll(() => [first.client.status, second.client.status], soon)
        .toEqual(['ready', 'ready']);
      const onStandIn = (store: string) => {
        seen.push(store);
      };
      const one = node({ redis: first.client, onStandIn });
      const two = node({ redis: second.client });
      const ip = newAddress();
      const other = newAddress();
      await fail(one, ip, 60, oneName);
      expect(await two.failuresFor(ip)).toBe(60);

      const pending = fail(one, other, 40, oneName);
      server?.stop();
      await pending;
      await expect.poll(() => second.client.status, soon).not.toBe('ready');
      const started = performance.now();
      await fail(one, ip, 39, oneName);
      expect(await one.check(ip)).toEqual(OK);
      await fail(one, ip, 1, oneName);
      expect(await one.check(ip)).toMatchObject({ kind: 'limited' });
      expect(performance.now() - started).toBeLessThan(3_000);
      expect(await one.failuresFor(other)).toBe(40);
      expect(seen.every((store) => store === 'redis')).toBe(true);

      // The other node knows what was counted in the database, and never goes without a limit.
      expect(await two.failuresFor(ip)).toBe(40);
      await fail(two, ip, 60, oneName);
      expect(await two.check(ip)).toMatchObject({ kind: 'limited' });
      const third = newAddress();
      await Promise.all([fail(one, third, 50, oneName), fail(two, third, 50, oneName)]);
      for (const limits of [one, two]) {
        expect(await limits.check(third)).toMatchObject({ kind: 'limited' });
      }
    } finally {
      await Promise.all([first.close(), second.close()]);
      server?.stop();
      await rm(scratch, { recursive: true, force: true });
    }
  });

  test('a Redis that hangs holds up one request a second, and is not believed when it comes back', async () => {
    let asked = 0;
    const scratch = await mkdtemp(join(tmpdir(), 'latchkey-limits-'));
    const server = await startRedis(scratch);
    const redis = openRedis({ url: new Secret(server?.url ?? '') });
    try {
      await expect.poll(() => redis.client.status, soon).toBe('ready');
      await redis.client.client('PAUSE', 3_000);
      const onStandIn = () => {
        asked += 1;
      };
      const limits = node({ redis: redis.client, onStandIn });
      const other = node({ redis: redis.client });
      const ip = newAddress();
      const started = performance.now();
      await fail(limits, ip, 50, oneName);
      expect(performance.now() - started).toBeLessThan(3_000);
      expect(await limits.failuresFor(ip)).toBe(50);
      expect(await other.failuresFor(ip)).toBe(50);
      expect(asked).toBeGreaterThan(0);
      expect(asked).toBeLessThan(4);

      // When it answers again it knows nothing of all that; the database still does.
      const answers = () =>
        redis.ping().then(
          () => true,
          () => false,
        );
      await expect.poll(answers, { timeout: 8_000 }).toBe(true);
      await sleep(1_100);
      await redis.client.flushdb();
      expect(await other.failuresFor(ip)).toBe(50);
    } finally {
      await redis.close();
      server?.stop();
      await rm(scratch, { recursive: true, force: true });
    }
  });

  test('with Redis and the database away every node still holds its own limit', async () => {
    const redis = openRedis({ url: new Secret('redis://127.0.0.1:1') });
    const broken: SharedCounters = {
      add: () => Promise.reject(new Error('away')),
      read: () => Promise.reject(new Error('away')),
    };
    try {
      const limits = node({ redis: redis.client, shared: broken });
      const ip = newAddress();
      await fail(limits, ip, 100, oneName);
      expect(await limits.check(ip)).toMatchObject({ kind: 'limited' });
    } finally {
      await redis.close();
    }
  });
});
