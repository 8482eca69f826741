/** Two servers must not run on one data directory without knowing of each other. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { claimInstance } from '../../src/platform/instance-lock.js';
import { emptyDatabase, type FreshDatabase } from '../support/database.js';

const claimer = fileURLToPath(new URL('../support/claim-and-wait.ts', import.meta.url));

let database: FreshDatabase;

beforeAll(async () => {
  database = await emptyDatabase();
});

afterAll(() => database.drop());

async function claim() {
  const answer = await claimInstance(database.url);
  if (answer === 'taken') throw new Error('The claim is taken');
  return answer;
}

it('tells the second server that the first one is running', async () => {
  const first = await claim();
  expect(await claimInstance(database.url)).toBe('taken');
  await first.release();
});

it('lets the next server in once the first has ended', async () => {
  await (await claim()).release();
  await (await claim()).release();
});

it('lets one of many in that start at the same moment', async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, () => claimInstance(database.url)));
  const winners = answers.flatMap((answer) => (answer === 'taken' ? [] : [answer]));
  expect(winners).toHaveLength(1);
  await Promise.all(winners.map((winner) => winner.release()));
});

it('is free again at once when the server is killed', async () => {
  const child = spawn(process.execPath, ['--import', 'tsx', claimer, database.url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  expect(await claimInstance(database.url)).toBe('taken');
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  await expect.poll(() => claimAndRelease(), { timeout: 5_000, interval: 10 }).toBe('free');
});

async function claimAndRelease(): Promise<'free' | 'taken'> {
  const answer = await claimInstance(database.url);
  if (answer === 'taken') return 'taken';
  await answer.release();
  return 'free';
}

it('says so when the database cannot be reached', async () => {
  const elsewhere = new URL(database.url);
  elsewhere.port = '1';
  await expect(claimInstance(elsewhere.href)).rejects.toThrow(/ECONNREFUSED/);
});
