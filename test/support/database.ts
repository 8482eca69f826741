/** A database of its own for every test file, copied from one that is migrated, or filled as well. */
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

const DEMO = 'latchkey_demo';
/** Names our turn among the advisory locks of the maintenance database. */
const DEMO_TURN = 7_302_114;

/**
 * A new database with the demo shop in it, sealed under `demoKeyring`. The shop is filled once a
 * run, by whoever asks first, and copied from then on.
 *
 * @param fill fills a migrated database, and has let go of it when it is done
 */
export async function demoDatabase(fill: (url: string) => Promise<void>): Promise<FreshDatabase> {
  await withMaintenance(async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [DEMO_TURN]);
    const made = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DEMO]);
    if (made.rowCount) return;
    const { name, url, drop } = await createDatabase(inject('services').templateDatabase);
    try {
      await fill(url);
      await client.query(`ALTER DATABASE ${name} RENAME TO ${DEMO}`);
    } catch (error) {
      await drop();
      throw error;
    }
  });
  return createDatabase(DEMO);
}

async function createDatabase(
  template: string,
): Promise<FreshDatabase & { readonly name: string }> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await maintain(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  const url = new URL(inject('services').postgresUrl);
  url.pathname = `/${name}`;
  return {
    name,
    url: url.href,
    drop: () => maintain(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

const maintain = (sql: string) => withMaintenance((client) => client.query(sql));

async function withMaintenance(work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: inject('services').postgresUrl });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
