/**
 * Brings a database up to the migrations in `prisma/migrations`, safely when several nodes
 * start at once and when one is killed half way. The bookkeeping is that of `prisma migrate
 * deploy` (table `_prisma_migrations`), so either may follow the other.
 */
import { Client, DatabaseError, escapeLiteral } from 'pg';
import { AppError } from '../kernel/errors.js';
import { type MigrationFolder, readMigrations, readSchema } from './migration-files.js';
import { isUnavailable } from './postgres.js';
import { NO_FILTERS, withSchemaEngine } from './schema-engine.js';

/** The database could not be brought up to date; nothing of the failed migration remains. */
export class MigrationError extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'MigrationError';
  }
}

/** Names our turn among the advisory locks of the database; the value means nothing. */
const TURN_KEY = '4170538271993306412';
/** A host that swallows packets must not keep an operator waiting for an answer. */
const CONNECT_MS = 3_000;

/**
 * Applies what the database does not have yet. Nodes that start together take turns: one
 * applies, the others wait and find nothing to do.
 *
 * Each migration is one transaction, together with the note that it is done; so a statement
 * that refuses to run in a transaction (CREATE INDEX CONCURRENTLY) has no place in one.
 *
 * @param options.directory folder of migration folders, each with a `migration.sql`
 * @returns the names of the migrations applied now, oldest first
 * @throws MigrationError when a migration fails or cannot be read
 * @throws AppError `store_unavailable` when the database cannot be reached
 */
export async function applyMigrations(options: {
  connectionString: string;
  directory: string;
}): Promise<{ applied: string[] }> {
  const client = new Client({
    connectionString: options.connectionString,
    application_name: 'latchkey-migrations',
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
  });
  client.on('error', () => undefined);
  try {
    const migrations = await readMigrations(options.directory);
    await client.connect().catch((cause: unknown) => {
      throw isUnavailable(cause) ? new AppError('store_unavailable', { cause }) : cause;
    });
    await client.query('SELECT pg_advisory_lock($1::bigint)', [TURN_KEY]);
    const { done, interrupted } = await readHistory(client);
    if (migrations.list.every(({ name }) => done.has(name))) return { applied: [] };
    return { applied: await apply(options.connectionString, migrations, interrupted) };
  } catch (error) {
    throw asMigrationError(error);
  } finally {
    await client.end();
  }
}

/**
 * The SQL that would bring the migrations up to the schema; empty when they agree. What Prisma
 * cannot express (triggers, functions, partial indexes, checks) is left alone.
 *
 * @param options.connectionString an empty database to try the migrations in
 * @param options.schemaDirectory folder of `.prisma` files
 */
export async function diffSchema(options: {
  connectionString: string;
  schemaDirectory: string;
  migrationsDirectory: string;
}): Promise<string> {
  try {
    const files = await readSchema(options.schemaDirectory);
    const { engineInput } = await readMigrations(options.migrationsDirectory);
    const result = await withSchemaEngine(options.connectionString, (engine) =>
      engine.diff({
        from: { tag: 'migrations', ...engineInput },
        to: { tag: 'schemaDatamodel', files },
        script: true,
        exitCode: true,
        filters: NO_FILTERS,
      }),
    );
    const differs = result.exitCode === 2;
    return differs ? (result.stdout ?? '') : '';
  } catch (error) {
    throw asMigrationError(error);
  }
}

type History = { readonly done: ReadonlySet<string>; readonly interrupted: readonly string[] };

async function readHistory(client: Client): Promise<History> {
  const table = await client.query<{ found: boolean }>(
    `SELECT to_regclass('_prisma_migrations') IS NOT NULL AS found`,
  );
  if (table.rows[0]?.found !== true) return { done: new Set(), interrupted: [] };
  const { rows } = await client.query<{ name: string; done: boolean }>(
    `SELECT migration_name AS name, finished_at IS NOT NULL AS done
       FROM _prisma_migrations WHERE rolled_back_at IS NULL`,
  );
  return {
    done: new Set(rows.filter((row) => row.done).map((row) => row.name)),
    interrupted: rows.filter((row) => !row.done).map((row) => row.name),
  };
}

async function apply(
  connectionString: string,
  migrations: Awaited<ReturnType<typeof readMigrations>>,
  interrupted: readonly string[],
): Promise<string[]> {
  let failure: MigrationError | undefined;
  const byScript = new Map(migrations.list.map((migration) => [migration.sql, migration]));
  const work = withSchemaEngine(
    connectionString,
    async (engine) => {
      // A migration is one transaction, so one that is not done has left nothing behind.
      for (const migrationName of interrupted) {
        await engine.markMigrationRolledBack({ migrationName });
      }
      const input = { migrationsList: migrations.engineInput, filters: NO_FILTERS };
      return (await engine.applyMigrations(input)).appliedMigrationNames;
    },
    async (pool, script) => {
      const migration = byScript.get(script);
      try {
        await pool.query(migration === undefined ? script : withNote(migration));
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        failure = new MigrationError(
          `Migration ${migration?.name ?? 'of the bookkeeping table'} failed: ${reason}`,
          { cause },
        );
        throw cause;
      }
    },
  );
  return work.catch((error: unknown) => {
    throw failure ?? error;
  });
}

/**
 * The script and the note that it is done. Several statements in one message are one
 * transaction, so a process killed between the two cannot leave a migration applied but
 * unrecorded.
 */
function withNote({ name, sql }: MigrationFolder): string {
  return `${sql}
;
UPDATE "_prisma_migrations" SET "finished_at" = now()
 WHERE "migration_name" = ${escapeLiteral(name)}
   AND "finished_at" IS NULL AND "rolled_back_at" IS NULL;`;
}

function asMigrationError(error: unknown): MigrationError | AppError {
  if (error instanceof MigrationError || error instanceof AppError) return error;
  const message = error instanceof Error ? error.message : String(error);
  // The engine adds a trace of its own source after the message.
  const told = message.replace(/\n\s+0: [\s\S]*$/, '').trim();
  const prefix = error instanceof DatabaseError ? 'The database refused the migrations: ' : '';
  return new MigrationError(`${prefix}${told || 'The migration engine failed'}`, { cause: error });
}
