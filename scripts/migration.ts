/**
 * Writes the next migration from the difference between schema and migrations:
 *
 *     npx tsx scripts/migration.ts <name> [--empty]
 *
 * `--empty` writes the folder even when nothing differs, for SQL to be written by hand. Works
 * on a throw-away PostgreSQL and touches no database of yours.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openEmbeddedPostgres } from '../src/platform/embedded-postgres.js';
import { diffSchema } from '../src/platform/migrate.js';
import { MIGRATION_LOCK } from '../src/platform/migration-files.js';

const schemaDirectory = fileURLToPath(new URL('../prisma/schema', import.meta.url));
const migrationsDirectory = fileURLToPath(new URL('../prisma/migrations', import.meta.url));

async function main(): Promise<void> {
  const { name, empty } = readArguments(process.argv.slice(2));
  await mkdir(migrationsDirectory, { recursive: true });
  const sql = await difference();
  if (sql === '' && !empty) {
    console.log('The migrations already agree with the schema; nothing was written.');
    return;
  }
  const timestamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const folder = join(migrationsDirectory, `${timestamp}_${name}`);
  await mkdir(folder);
  await writeFile(join(folder, 'migration.sql'), sql);
  await writeFile(join(migrationsDirectory, 'migration_lock.toml'), MIGRATION_LOCK);
  console.log(`Written: ${join(folder, 'migration.sql')}`);
}

function readArguments(args: readonly string[]): { name: string; empty: boolean } {
  const [name, ...rest] = args.filter((arg) => arg !== '--empty');
  if (name === undefined || rest.length > 0 || !/^[a-z0-9]+(_[a-z0-9]+)*$/.test(name)) {
    throw new Error('Usage: npx tsx scripts/migration.ts <name_in_lower_case> [--empty]');
  }
  return { name, empty: args.includes('--empty') };
}

async function difference(): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), 'latchkey-migration-'));
  try {
    const postgres = await openEmbeddedPostgres({
      directory: join(scratch, 'postgres'),
      password: randomBytes(16).toString('hex'),
      serverFlags: ['-c', 'fsync=off', '-c', 'autovacuum=off'],
      initdbFlags: ['--no-sync'],
    });
    try {
      const connectionString = postgres.url;
      return await diffSchema({ connectionString, schemaDirectory, migrationsDirectory });
    } finally {
      await postgres.stop();
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
