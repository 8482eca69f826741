/** Migrations, as an operator meets them: several nodes, kills, faults and hand-written SQL. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applyMigrations, diffSchema, MigrationError } from '../../src/platform/migrate.js';
import { emptyDatabase, type FreshDatabase } from '../support/database.js';
import { soon } from '../support/soon.js';

const SCHEMA = `
datasource db {
  provider = "postgresql"
}
`;
const SHOPPER = `
model Shopper {
  id    String  @id
  email String?
  @@index([email])
}
`;
/** What Prisma cannot express, each statement with a semicolon inside. */
const BY_HAND = `
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'shoppers are kept; always';
END;
$$;
CREATE TRIGGER keep BEFORE DELETE ON "Shopper" FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE UNIQUE INDEX "Shopper_email_known" ON "Shopper" (lower("email")) WHERE "email" IS NOT NULL;
ALTER TABLE "Shopper" ADD CONSTRAINT "Shopper_id_filled" CHECK ("id" <> '');
-- a last line without an end`;

let database: FreshDatabase;
let folder: string;
let schemaDirectory: string;
let directory: string;

beforeEach(async () => {
  database = await emptyDatabase();
  folder = await mkdtemp(join(tmpdir(), 'latchkey-migrate-'));
  schemaDirectory = join(folder, 'schema');
  directory = join(folder, 'migrations');
  await mkdir(schemaDirectory);
  await mkdir(directory);
  await writeFile(join(schemaDirectory, 'base.prisma'), SCHEMA);
  await writeFile(join(schemaDirectory, 'shopper.prisma'), SHOPPER);
});

afterEach(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

async function migration(name: string, sql: string): Promise<void> {
  await mkdir(join(directory, name), { recursive: true });
  await writeFile(join(directory, name, 'migration.sql'), sql);
}

function apply() {
  return applyMigrations({ connectionString: database.url, directory });
}

async function diff(): Promise<string> {
  const scratch = await emptyDatabase();
  try {
    return await diffSchema({
      connectionString: scratch.url,
      schemaDirectory,
      migrationsDirectory: directory,
    });
  } finally {
    await scratch.drop();
  }
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('an operator starts a new version', () => {
  it('gets what is new applied in order, once', async () => {
    await migration('20260102000000_second', 'ALTER TABLE a ADD COLUMN b int;');
    await migration('20260101000000_first', 'CREATE TABLE a (id int);');
    expect(await apply()).toEqual({ applied: ['20260101000000_first', '20260102000000_second'] });
    expect(await apply()).toEqual({ applied: [] });
    await migration('20260103000000_third', 'ALTER TABLE a ADD COLUMN c int;');
    expect(await apply()).toEqual({ applied: ['20260103000000_third'] });
  });

  it('on several nodes at once, and every one of them comes up', async () => {
    await migration('20260101000000_slow', 'CREATE TABLE a (id int); SELECT pg_sleep(0.3);');
    const results = await Promise.all([apply(), apply(), apply()]);
    const names = results.flatMap(({ applied }) => applied);
    expect(names).toEqual(['20260101000000_slow']);
  });

  it('and is not kept waiting when it ends right after', async () => {
    await migration('20260101000000_first', 'CREATE TABLE a (id int);');
    const script = `
      import { applyMigrations } from './src/platform/migrate.ts';
      await applyMigrations(JSON.parse(process.argv[1]));`;
    const input = JSON.stringify({ connectionString: database.url, directory });
    const began = performance.now();
    const args = ['--import', 'tsx', '--input-type=module', '-e', script, input];
    await promisify(execFile)(process.execPath, args);
    expect(performance.now() - began).toBeLessThan(8_000);
    expect(await apply()).toEqual({ applied: [] });
  });
});

describe('a migration that fails', () => {
  beforeEach(async () => {
    await migration('20260101000000_first', 'CREATE TABLE a (id int);');
    await apply();
    await migration('20260102000000_faulty', 'CREATE TABLE b (id int); CREATE TABLE a (id int);');
  });

  it('is named with its reason and leaves nothing behind', async () => {
    const failure = await apply().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(MigrationError);
    expect(String(failure)).toBe(
      'MigrationError: Migration 20260102000000_faulty failed: relation "a" already exists',
    );
    expect(await query(`SELECT to_regclass('b') AS b`)).toEqual([{ b: null }]);
  });

  it('is tried anew, and succeeds once it is corrected', async () => {
    await expect(apply()).rejects.toThrow(MigrationError);
    await expect(apply()).rejects.toThrow(/relation "a" already exists/);
    await migration('20260102000000_faulty', 'CREATE TABLE b (id int);');
    expect(await apply()).toEqual({ applied: ['20260102000000_faulty'] });
    expect(await apply()).toEqual({ applied: [] });
  });

  it('because the node was killed in the middle is finished by the next start', async () => {
    await migration('20260102000000_faulty', 'CREATE TABLE b (id int); SELECT pg_sleep(30);');
    const killed = apply().catch((error: unknown) => error);
    const backends = `FROM pg_stat_activity WHERE datname = current_database()
      AND query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()`;
    await expect.poll(() => query(`SELECT pid ${backends}`), soon).toHaveLength(1);
    await query(`SELECT pg_terminate_backend(pid) ${backends}`);
    expect(await killed).toBeInstanceOf(MigrationError);
    await migration('20260102000000_faulty', 'CREATE TABLE b (id int);');
    expect(await apply()).toEqual({ applied: ['20260102000000_faulty'] });
  });

  it('because the database is not there says so', async () => {
    const elsewhere = new URL(database.url);
    elsewhere.port = '1';
    const start = applyMigrations({ connectionString: elsewhere.href, directory });
    await expect(start).rejects.toMatchObject({ code: 'store_unavailable' });
  });
});

describe('a developer changes the schema', () => {
  it('and gets the SQL, until the migrations agree with it', async () => {
    const sql = await diff();
    expect(sql).toContain('CREATE TABLE "Shopper"');
    await migration('20260101000000_shopper', sql);
    expect(await diff()).toBe('');
    await apply();
    await writeFile(
      join(schemaDirectory, 'shopper.prisma'),
      SHOPPER.replace('email String?', 'email String?\n  name String?'),
    );
    const change = await diff();
    expect(change).toContain('ALTER TABLE "Shopper" ADD COLUMN     "name" TEXT');
    expect(change).not.toContain('CREATE');
  });

  it('and SQL written by hand is applied whole and left alone', async () => {
    await migration('20260101000000_shopper', await diff());
    await migration('20260102000000_by_hand', BY_HAND);
    expect(await diff()).toBe('');
    await apply();
    await query(`INSERT INTO "Shopper" VALUES ('1', 'a@b.example')`);
    await expect(query('DELETE FROM "Shopper"')).rejects.toThrow('shoppers are kept; always');
  });

  it('with a mistake, and is told where it is', async () => {
    await writeFile(
      join(schemaDirectory, 'shopper.prisma'),
      'model Shopper {\n  id Strin @id\n}\n',
    );
    await expect(diff()).rejects.toThrow(/shopper\.prisma:2/);
  });
});
