/**
 * Runs once before all tests: a throw-away PostgreSQL with a migrated template, and a Redis.
 * Speed matters more than survival here, so nothing is ever synced to disk.
 */

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { Secret } from '../../src/kernel/secret.js';
import {
  type EmbeddedPostgres,
  openEmbeddedPostgres,
} from '../../src/platform/embedded-postgres.js';
import { applyQueueSchema } from '../../src/platform/job-queue-schema.js';
import { applyMigrations } from '../../src/platform/migrate.js';
import { findBrowser } from './chromium.js';
import type { Missing } from './provided.js';
import { startRedis, type TestRedis } from './redis-server.js';

const TEMPLATE = 'latchkey_template';
const PREFIX = 'latchkey-test-';
const buildScript = fileURLToPath(new URL('../../scripts/build.mjs', import.meta.url));
const migrations = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));

const SERVER_SETTINGS = [
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  'autovacuum=off',
  'max_connections=200',
  'wal_level=minimal',
  'max_wal_senders=0',
];

/** Starts the services; vitest calls what this returns when all tests are over. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  build();
  await sweepAbandoned();
  const scratch = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
  const postgres = await openEmbeddedPostgres({
    directory: join(scratch, 'postgres'),
    password: randomBytes(16).toString('hex'),
    database: TEMPLATE,
    serverFlags: SERVER_SETTINGS.flatMap((setting) => ['-c', setting]),
    initdbFlags: ['--no-sync'],
  });
  let redis: TestRedis | undefined;
  async function tearDown(): Promise<void> {
    redis?.stop();
    await postgres.stop();
    await rm(scratch, { recursive: true, force: true });
  }
  try {
    redis = await startRedis(scratch);
    await migrateTemplate(postgres);
  } catch (error) {
    await tearDown();
    throw error;
  }
  project.provide('services', {
    postgresUrl: maintenanceUrl(postgres),
    templateDatabase: TEMPLATE,
    demoKeyring: `test:${randomBytes(32).toString('base64')}`,
    redisUrl: redis?.url ?? null,
    missing: whatIsMissing(redis !== undefined),
  });
  return tearDown;
}

/** Tests start the server as operators do: from the compiled output. */
function build(): void {
  execFileSync(process.execPath, [buildScript, '--if-stale'], { stdio: 'inherit' });
}

function maintenanceUrl(postgres: EmbeddedPostgres): string {
  const url = new URL(postgres.url);
  url.pathname = '/postgres';
  return url.href;
}

async function migrateTemplate(postgres: EmbeddedPostgres): Promise<void> {
  if (!existsSync(migrations)) return;
  await applyMigrations({ connectionString: postgres.url, directory: migrations });
  await applyQueueSchema({ url: new Secret(postgres.url) });
}

function whatIsMissing(hasRedis: boolean): Missing[] {
  const missing: Missing[] = [];
  if (!hasRedis) {
    const remedy = 'install redis-server or valkey-server, or set REDIS_URL';
    missing.push({ what: 'Tests that need Redis', remedy });
  }
  if (findBrowser() === undefined) {
    const remedy = 'install Google Chrome or Chromium';
    missing.push({ what: 'Tests in the browser', remedy });
  }
  return missing;
}

/** Our PostgreSQL survives `kill -9` by design, so a killed test run leaves one behind. */
async function sweepAbandoned(): Promise<void> {
  for (const entry of await readdir(tmpdir())) {
    const pid = Number(entry.startsWith(PREFIX) && entry.slice(PREFIX.length).split('-')[0]);
    if (!(pid > 0) || isAlive(pid)) continue;
    // What another user has left behind is not ours to sweep, and in nobody's way.
    await sweep(join(tmpdir(), entry)).catch(() => undefined);
  }
}

async function sweep(scratch: string): Promise<void> {
  const lock = await readFile(join(scratch, 'postgres', 'postmaster.pid'), 'utf8').catch(() => '');
  const postmaster = Number(lock.split('\n')[0]);
  // After a restart of the machine the number is some other process's.
  const command = await readFile(`/proc/${postmaster}/cmdline`, 'utf8').catch(() => '');
  if (command.includes(scratch)) process.kill(postmaster, 'SIGQUIT');
  await rm(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process lives as well.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
