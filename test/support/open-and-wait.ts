/** Run as a process of its own: opens an embedded database, writes a row, and idles. */
import { Client } from 'pg';
import { openEmbeddedPostgres } from '../../src/platform/embedded-postgres.js';

const [directory = '', password = ''] = process.argv.slice(2);
const postgres = await openEmbeddedPostgres({ directory, password, initdbFlags: ['--no-sync'] });
const client = new Client({ connectionString: postgres.url });
await client.connect();
await client.query('CREATE TABLE IF NOT EXISTS orders AS SELECT 42 AS total');
await client.end();
console.log('open');
setInterval(() => undefined, 60_000);
