/** The schema, the migrations and a migrated database tell the same story. */
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { expect, it } from 'vitest';
import { migrationsDirectory } from '../src/compose.js';
import { applyMigrations, diffSchema } from '../src/platform/migrate.js';
import { emptyDatabase, freshDatabase } from './support/database.js';

const schemaDirectory = fileURLToPath(new URL('../prisma/schema', import.meta.url));

it('the migrations lead to the schema, and to nothing else', async () => {
  const database = await emptyDatabase();
  try {
    const sql = await diffSchema({
      connectionString: database.url,
      schemaDirectory,
      migrationsDirectory,
    });
    expect(sql).toBe('');
  } finally {
    await database.drop();
  }
});

it('a migrated database knows every migration, applied once and to the end', async () => {
  const folders = (await readdir(migrationsDirectory)).filter((name) => !name.includes('.')).sort();
  expect(folders.length).toBeGreaterThan(0);
  const database = await freshDatabase();
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    const { rows } = await client.query(
      `SELECT migration_name AS name, finished_at IS NOT NULL AS finished, rolled_back_at
         FROM _prisma_migrations ORDER BY migration_name`,
    );
    expect(rows).toEqual(folders.map((name) => ({ name, finished: true, rolled_back_at: null })));
    const again = await applyMigrations({
      connectionString: database.url,
      directory: migrationsDirectory,
    });
    expect(again).toEqual({ applied: [] });
  } finally {
    await client.end();
    await database.drop();
  }
});
