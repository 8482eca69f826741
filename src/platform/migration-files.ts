/** Reads schema and migrations from their folders, in the shape the migration engine takes. */
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

export type MigrationFolder = { readonly name: string; readonly sql: string };

/** Content of `migration_lock.toml`: which kind of database the SQL is written for. */
export const MIGRATION_LOCK = 'provider = "postgresql"\n';

/** All migrations, oldest first; their names begin with the time they were written. */
export async function readMigrations(directory: string) {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const list = await Promise.all(names.sort().map((name) => readMigration(directory, name)));
  const engineInput = {
    baseDir: resolve(directory),
    lockfile: { path: 'migration_lock.toml', content: MIGRATION_LOCK },
    shadowDbInitScript: '',
    migrationDirectories: list.map(({ name, sql }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: sql } },
    })),
  };
  return { list, engineInput };
}

async function readMigration(directory: string, name: string): Promise<MigrationFolder> {
  return { name, sql: await readFile(join(directory, name, 'migration.sql'), 'utf8') };
}

/** All `.prisma` files of the schema folder. */
export async function readSchema(directory: string): Promise<{ path: string; content: string }[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.prisma')).sort();
  return Promise.all(
    names.map(async (name) => {
      const path = join(directory, name);
      return { path, content: await readFile(path, 'utf8') };
    }),
  );
}
