/** Guesses and challenges, raced over two nodes. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  createRisk,
  type Guess,
  needsChallenge,
  type Reservation,
} from '../../src/domain/risk/index.js';
import { systemClock } from '../../src/kernel/clock.js';
import { AppError } from '../../src/kernel/errors.js';
import { digest, newId } from '../../src/kernel/ids.js';
import { createKeyring } from '../../src/kernel/keyring.js';
import { Secret } from '../../src/kernel/secret.js';
import { openPostgres, type Postgres } from '../../src/platform/postgres.js';
import { type FreshDatabase, freshDatabase } from '../support/database.js';

const newKey = (id: string) => ({ id, key: new Uint8Array(randomBytes(32)) });
const oldKey = newKey('old');

let database: FreshDatabase;
let postgres: Postgres;
let elsewhere: Postgres;
let risk: ReturnType<typeof createRisk>;
let otherNode: ReturnType<typeof createRisk>;

beforeAll(async () => {
  database = await freshDatabase();
  const open = () => openPostgres({ url: new Secret(database.url), poolSize: 8, patient: true });
  postgres = open();
  elsewhere = open();
  const parts = { clock: systemClock, keyring: createKeyring([oldKey]) };
  risk = createRisk({ db: postgres.db, ...parts });
  otherNode = createRisk({ db: elsewhere.db, ...parts });
});

afterAll(async () => {
  await Promise.all([postgres.close(), elsewhere.close()]);
  await database.drop();
});

const somebody = (): Guess => ({ subject: { accountId: newId() }, factor: 'password' });
const kinds = (all: readonly Reservation[], kind: string) => all.filter((r) => r.kind === kind);

/** Asks again while the pool has no connection free: that request was never looked at. */
async function insist<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'store_unavailable') throw error;
    }
  }
}

async function spend(guess: Guess, times: number): Promise<Reservation[]> {
  const all: Reservation[] = [];
  for (let i = 0; i < times; i += 1) all.push(await risk.reserveGuess(guess));
  return all;
}

async function slotOf(guess: Guess) {
  const reservation = await risk.reserveGuess(guess);
  if (reservation.kind !== 'reserved') throw new Error('the counter is locked');
  return reservation;
}

/** Lets time pass for every counter, as the database sees it. */
async function pass(minutes: number): Promise<void> {
  await postgres.db.$executeRaw`
    UPDATE guess_counters
       SET window_ends = window_ends - make_interval(mins => ${minutes}::int),
           locked_until = locked_until - make_interval(mins => ${minutes}::int)`;
}

async function newAccount(): Promise<string> {
  const { id } = await postgres.db.account.create({ data: { id: newId(), kind: 'shopper' } });
  return id;
}

describe('guessing', () => {
  test('of two hundred guesses at once on two nodes exactly ten are looked at', async () => {
    const guess = somebody();
    const all = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        insist(() => (i % 2 ? risk : otherNode).reserveGuess(guess)),
      ),
    );
    const reserved = all.flatMap((r) => (r.kind === 'reserved' ? [r.failures] : []));
    expect(reserved.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const refused of all) {
      if (refused.kind !== 'locked') continue;
      expect(refused.retryAfterSeconds).toBeGreaterThan(29 * 60);
      expect(refused.retryAfterSeconds).toBeLessThanOrEqual(30 * 60);
    }
  });

  test('a name nobody has counts like any other, however it is spelled', async () => {
    const spellings = ['  Zoë@Shop.example', 'zoë@shop.example', 'ZOE\u0308@SHOP.EXAMPLE '];
    const all: Reservation[] = [];
    for (let i = 0; i < 12; i += 1) {
      const login = spellings[i % spellings.length] ?? '';
      all.push(await risk.reserveGuess({ subject: { login }, factor: 'password' }));
    }
    expect(all.map((r) => r.kind)).toEqual([...Array(10).fill('reserved'), 'locked', 'locked']);
    const other = { subject: { login: 'zoe@shop.example' }, factor: 'password' } as const;
    expect(await risk.reserveGuess(other)).toEqual({ kind: 'reserved', failures: 0 });
  });

  test('a lock opens by itself after thirty minutes, and being refused does not prolong it', async () => {
    const guess = somebody();
    await spend(guess, 10);
    await pass(20);
    expect(kinds(await spend(guess, 5), 'locked')).toHaveLength(5);
    await pass(9);
    const refused = await risk.reserveGuess(guess);
    expect(refused).toMatchObject({ kind: 'locked' });
    expect(refused.kind === 'locked' && refused.retryAfterSeconds).toBeLessThanOrEqual(60);
    await pass(1);
    expect(await risk.reserveGuess(guess)).toEqual({ kind: 'reserved', failures: 0 });
    expect(kinds(await spend(guess, 10), 'reserved')).toHaveLength(9);
  });

  test('the window slides: there is no edge around which twice as many get through', async () => {
    const guess = somebody();
    await spend(guess, 1);
    await pass(29);
    await spend(guess, 8);
    await pass(2);
    expect(await risk.standingOf(guess)).toMatchObject({ failures: 9 });
    expect(kinds(await spend(guess, 5), 'reserved')).toHaveLength(1);
  });

  test('failures are forgotten half an hour after the last one', async () => {
    const guess = somebody();
    await spend(guess, 9);
    await pass(31);
    expect(await risk.standingOf(guess)).toMatchObject({ failures: 0 });
    expect(await risk.reserveGuess(guess)).toEqual({ kind: 'reserved', failures: 0 });
  });

  test('strangers who burn their guesses do not lock out a known device, nor it them', async () => {
    const stranger = somebody();
    const owner = { ...stranger, deviceId: newId() };
    await spend(stranger, 11);
    expect(await risk.reserveGuess(stranger)).toMatchObject({ kind: 'locked' });
    await risk.forgiveGuesses(owner, await slotOf(owner));
    expect(await risk.reserveGuess(stranger)).toMatchObject({ kind: 'locked' });

    const careless = { ...somebody(), deviceId: newId() };
    await spend(careless, 11);
    expect(await risk.reserveGuess(careless)).toMatchObject({ kind: 'locked' });
    const { deviceId: _device, ...unknown } = careless;
    expect(await risk.reserveGuess(unknown)).toMatchObject({ kind: 'reserved' });
  });

  test('codes are counted apart: a right password does not buy more of them', async () => {
    const password = somebody();
    const code = { ...password, factor: 'code' } as const;
    await spend(code, 9);
    await risk.forgiveGuesses(password, await slotOf(password));
    expect(await risk.standingOf(code)).toMatchObject({ failures: 9 });
    expect(kinds(await spend(code, 3), 'reserved')).toHaveLength(1);
    expect(await risk.reserveGuess(password)).toMatchObject({ kind: 'reserved' });
  });

  test('a right guess takes back what was spent before it, and opens the lock it closed', async () => {
    const guess = somebody();
    await spend(guess, 9);
    const tenth = await slotOf(guess);
    expect(tenth.failures).toBe(9);
    expect(await risk.reserveGuess(guess)).toMatchObject({ kind: 'locked' });
    await risk.forgiveGuesses(guess, tenth);
    expect(await risk.standingOf(guess)).toMatchObject({ failures: 0 });
    expect(kinds(await spend(guess, 11), 'reserved')).toHaveLength(10);
  });

  test('guesses already under way after the right one still count', async () => {
    const guess = somebody();
    await spend(guess, 3);
    const right = await slotOf(guess);
    await spend(guess, 6);
    await risk.forgiveGuesses(guess, right);
    expect(await risk.standingOf(guess)).toMatchObject({ failures: 6 });
    expect(kinds(await spend(guess, 10), 'reserved')).toHaveLength(4);
  });

  test('the right guess in the middle of a burst does not hand the rest of it ten more', async () => {
    const guess = somebody();
    let looked = 0;
    let takenBack = 0;
    await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const node = i % 2 ? risk : otherNode;
        const slot = await insist(() => node.reserveGuess(guess));
        if (slot.kind !== 'reserved') return;
        looked += 1;
        if (looked !== 4) return;
        takenBack = slot.failures + 1;
        await node.forgiveGuesses(guess, slot);
      }),
    );
    expect(looked).toBeLessThanOrEqual(10 + takenBack);
    const left = 10 - (looked - takenBack);
    // The rest of the burst may have used up all ten again: then it stands there locked.
    expect(await risk.standingOf(guess)).toMatchObject(
      left > 0 ? { kind: 'open', failures: 10 - left } : { kind: 'locked' },
    );
    expect(kinds(await spend(guess, 11), 'reserved')).toHaveLength(left);
  });

  test('a guess that nobody looked at gives its slot back, and only that', async () => {
    const guess = somebody();
    await spend(guess, 10);
    await risk.returnGuess(guess);
    expect(await risk.standingOf(guess)).toMatchObject({ failures: 9 });
    expect(kinds(await spend(guess, 2), 'reserved')).toHaveLength(1);
  });

  test('an operator unlocks a person on all devices and for all factors', async () => {
    const accountId = await newAccount();
    const { deviceId } = await risk.rememberDevice({ accountId, label: 'Firefox on Linux' });
    const buckets: Guess[] = [
      { subject: { accountId }, factor: 'password' },
      { subject: { accountId }, factor: 'code' },
      { subject: { accountId }, factor: 'password', deviceId },
    ];
    for (const bucket of buckets) await spend(bucket, 11);
    const bystander = somebody();
    await spend(bystander, 4);
    expect(await risk.unlock({ accountId })).toBe(3);
    for (const bucket of buckets) {
      expect(await risk.reserveGuess(bucket)).toEqual({ kind: 'reserved', failures: 0 });
    }
    expect(await risk.standingOf(bystander)).toMatchObject({ failures: 4 });
    expect(await risk.unlock({ accountId: newId() })).toBe(0);
    await spend({ subject: { login: 'ann@shop.example' }, factor: 'password' }, 2);
    expect(await risk.unlock({ login: ' ANN@shop.example' })).toBe(1);
  });

  test('opening the lock of passwords leaves the one of codes', async () => {
    const accountId = newId();
    const password: Guess = { subject: { accountId }, factor: 'password' };
    const code: Guess = { subject: { accountId }, factor: 'code' };
    for (const guess of [password, code]) await spend(guess, 11);
    expect(await risk.unlock({ accountId }, 'password')).toBe(1);
    expect(await risk.standingOf(password)).toEqual({ kind: 'open', failures: 0 });
    expect((await risk.standingOf(code)).kind).toBe('locked');
  });

  test('what may happen a few times is counted for each thing by itself', async () => {
    const [one, other] = [newId(), newId()];
    const counts = await Promise.all([1, 2, 3].map(() => risk.countUse('reset-letter', one, 60)));
    expect(counts.sort()).toEqual([1, 2, 3]);
    expect(await risk.countUse('reset-proposal', one, 60)).toBe(1);
    expect(await risk.countUse('reset-letter', other, 60)).toBe(1);
    await risk.returnUse('reset-letter', one);
    expect(await risk.countUse('reset-letter', one, 60)).toBe(3);
  });

  test('a new key in front of the ring starts no counter again', async () => {
    const guess = somebody();
    await spend(guess, 10);
    const rotated = createKeyring([newKey('new'), oldKey]);
    const after = createRisk({ db: postgres.db, clock: systemClock, keyring: rotated });
    expect(await after.reserveGuess(guess)).toMatchObject({ kind: 'locked' });
  });

  test('the table names neither people nor accounts', async () => {
    const rows = await postgres.db.$queryRaw<{ key: Uint8Array }[]>`SELECT key FROM guess_counters`;
    expect(rows.length).toBeGreaterThan(0);
    for (const { key } of rows) expect(key).toHaveLength(32);
  });
});

test('a challenge is asked for after three failures, or in a network with many', () => {
  const ask = (failures: number, networkFailures: number, mode: 'adaptive' | 'off' | 'always') =>
    needsChallenge({ failures, networkFailures, mode });
  expect(ask(2, 9, 'adaptive')).toBe(false);
  expect(ask(3, 0, 'adaptive')).toBe(true);
  expect(ask(0, 10, 'adaptive')).toBe(true);
  expect(ask(9, 99, 'off')).toBe(false);
  expect(ask(0, 0, 'always')).toBe(true);
});

describe('challenges and housekeeping', () => {
  test('of twenty who use one solved challenge at once, one gets through', async () => {
    const hash = digest('solved');
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? risk : otherNode).spendChallenge(hash, 300)),
    );
    expect(all.filter(Boolean)).toHaveLength(1);
    expect(await risk.spendChallenge(digest('another'), 300)).toBe(true);
  });

  test('shared counters count every parallel failure, and start again after their window', async () => {
    const { add, read } = risk.sharedCounters;
    await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i % 2 ? risk : otherNode).sharedCounters.add('k', 600)),
    );
    expect(await read('k')).toMatchObject({ count: 40 });
    await pass(9);
    const almost = await add('k', 600);
    expect(almost.count).toBe(41);
    expect(almost.secondsLeft).toBeLessThanOrEqual(60);
    await pass(1);
    expect(await read('k')).toEqual({ count: 0, secondsLeft: 0 });
    expect(await add('k', 600)).toMatchObject({ count: 1 });
  });

  test('what has run out is removed in batches, and nothing else', async () => {
    await pass(60);
    await risk.purgeRisk(1_000);
    const [kept, locked] = [somebody(), somebody()];
    for (let i = 0; i < 5; i += 1) await spend(somebody(), 10);
    await pass(31);
    await spend(kept, 2);
    await spend(locked, 10);
    const accountId = await newAccount();
    const gone = await risk.rememberDevice({ accountId, label: 'gone' });
    const here = await risk.rememberDevice({ accountId, label: 'here' });
    await postgres.db.$executeRaw`
      UPDATE known_devices SET expires_at = now() - interval '1 second'
       WHERE id = ${gone.deviceId}::uuid`;
    await risk.spendChallenge(digest('old'), 1);
    await postgres.db.$executeRaw`
      UPDATE spent_challenges SET expires_at = now() - interval '2 hours'
       WHERE hash = ${digest('old')}`;
    expect([await risk.purgeRisk(3), await risk.purgeRisk(3)]).toEqual([3 + 1 + 1, 2]);
    expect(await risk.purgeRisk(3)).toBe(0);
    expect(await risk.standingOf(kept)).toMatchObject({ failures: 2 });
    expect(await risk.reserveGuess(locked)).toMatchObject({ kind: 'locked' });
    expect(await risk.listDevices(accountId)).toMatchObject([{ id: here.deviceId }]);
    expect(await risk.spendChallenge(digest('solved'), 300)).toBe(false);
  });
});
