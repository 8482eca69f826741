/**
 * The queue's own tables, in the schema `graphile_worker`. The library keeps them up to date
 * itself (it has its own table of migrations there), after ours and in turns among the nodes.
 */
import { runMigrations } from 'graphile-worker';
import pg from 'pg';
import type { Secret } from '../kernel/secret.js';
import { queueLogger } from './job-queue-logger.js';
import type { Logger } from './logger.js';

/** Also read by SQL that is written by hand: see the mail island's store. */
export const QUEUE_SCHEMA = 'graphile_worker';

/** Names our turn among the advisory locks of the database; the value means nothing. */
const TURN_KEY = '5204411876239077153';

/** Brings the queue's schema up to date; the database user must be allowed to create one. */
export async function applyQueueSchema(options: {
  readonly url: Secret;
  readonly log?: Logger;
}): Promise<void> {
  const pool = new pg.Pool({
    connectionString: options.url.reveal(),
    application_name: 'latchkey-queue-schema',
    connectionTimeoutMillis: 2_000,
    max: 2,
  });
  pool.on('error', () => undefined);
  try {
    const turn = await pool.connect();
    turn.on('error', () => undefined);
    // Two nodes that create the schema at once trip over each other in the catalogue.
    await turn.query('SELECT pg_advisory_lock($1::bigint)', [TURN_KEY]);
    try {
      await runMigrations({
        pgPool: pool,
        schema: QUEUE_SCHEMA,
        noHandleSignals: true,
        logger: queueLogger(options.log),
      });
    } finally {
      // Not back into the pool: the lock ends with its connection.
      turn.release(true);
    }
  } finally {
    await pool.end();
  }
}
