/** A database of its own for every test file, copied from the migrated template. */
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { inject } from 'vitest';
import './provided.js';

export type FreshDatabase = {
  readonly url: string;
  /** Removes the database, whoever is still connected. */
  drop(): Promise<void>;
};

/** A new database with all migrations applied and no data. */
export function freshDatabase(): Promise<FreshDatabase> {
  return createDatabase(inject('services').templateDatabase);
}

/** A new database with nothing in it. */
export function emptyDatabase(): Promise<FreshDatabase> {
  return createDatabase('template0');
}

async function createDatabase(template: string): Promise<FreshDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await maintain(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  const url = new URL(inject('services').postgresUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => maintain(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

async function maintain(sql: string): Promise<void> {
  const client = new Client({ connectionString: inject('services').postgresUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
