/**
 * The database for a machine that has none: a real PostgreSQL from npm in a directory of ours.
 *
 * The server is no child that dies with us. After `kill -9` it runs on, and the next start
 * finds and adopts it; so does a second process on the same directory.
 */
import { mkdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, DatabaseError } from 'pg';
import { findBinaries } from './embedded-postgres/binaries.js';
import { ensureCluster, SUPERUSER } from './embedded-postgres/cluster.js';
import { EmbeddedPostgresError, systemErrorCode } from './embedded-postgres/error.js';
import { launchServer } from './embedded-postgres/launch.js';
import {
  findPostmaster,
  type Postmaster,
  stopPostmaster,
  waitUntilReady,
} from './embedded-postgres/postmaster.js';
import { createLauncher } from './embedded-postgres/privileges.js';

export { EmbeddedPostgresError } from './embedded-postgres/error.js';

/** A running embedded server and how to reach and stop it. */
export type EmbeddedPostgres = {
  /** Connection string of the database, password included. */
  readonly url: string;
  /** The port on 127.0.0.1. */
  readonly port: number;
  /** False when a server was already running on the directory. */
  readonly startedHere: boolean;
  /** Ends every connection and shuts the server down. Repeating it is harmless. */
  stop(): Promise<void>;
};

export type EmbeddedPostgresOptions = {
  /** Where the cluster lies; created on first use. The log is written to `<directory>.log`. */
  readonly directory: string;
  /** Password of the superuser `latchkey`; must stay the same for the life of the directory. */
  readonly password: string;
  /** Name of the database, created if missing; `latchkey` by default. */
  readonly database?: string;
  /** More arguments for the server, such as `['-c', 'fsync=off']`. */
  readonly serverFlags?: readonly string[];
  /** More arguments for initdb, such as `['--no-sync']`. */
  readonly initdbFlags?: readonly string[];
};

const ATTEMPTS = 10;
const PAUSE_MS = 100;

/**
 * Opens the embedded database: creates it, starts it or adopts the running one, as needed.
 *
 * @throws EmbeddedPostgresError with a one-line message when it cannot run here
 */
export async function openEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  try {
    return await open(options);
  } catch (cause) {
    if (cause instanceof EmbeddedPostgresError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EmbeddedPostgresError(
      `The embedded database in ${options.directory} cannot be opened: ${reason}`,
      { cause },
    );
  }
}

async function open(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const directory = await settle(options.directory);
  const binaries = await findBinaries();
  const launch = async () => {
    const launcher = await createLauncher(directory, binaries);
    const { password, initdbFlags = [], serverFlags = [] } = options;
    await ensureCluster({ directory, password, initdbFlags, binaries, launcher });
    return launchServer({ directory, serverFlags, binaries, launcher });
  };
  const database = options.database ?? SUPERUSER;
  const { server, startedHere } = await ensureServing(launch, directory, ({ port }) =>
    ensureDatabase(port, options.password, database, directory),
  );
  let stopping: Promise<void> | undefined;
  return {
    url: connectionString(server.port, options.password, database),
    port: server.port,
    startedHere,
    stop() {
      stopping ??= stopPostmaster(directory, server.pid, binaries);
      return stopping;
    },
  };
}

/** The directory without symbolic links, so that a running server is recognised by its path. */
async function settle(directory: string): Promise<string> {
  const absolute = resolve(directory);
  const parent = dirname(absolute);
  await mkdir(parent, { recursive: true });
  return realpath(absolute).catch(async () => join(await realpath(parent), basename(absolute)));
}

/**
 * A server that was found running may be going down at this moment, killed or stopped by another
 * process: its lock file says `ready` to the last. Then the next one is tried.
 */
async function ensureServing(
  launch: () => Promise<Postmaster | undefined>,
  directory: string,
  use: (server: Postmaster) => Promise<void>,
): Promise<Running> {
  for (let attempt = 1; ; attempt++) {
    const running = await ensureRunning(launch, directory);
    try {
      await use(running.server);
      return running;
    } catch (error) {
      if (running.startedHere || attempt === ATTEMPTS || !isGoingDown(error)) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

/** Whether a server hung up, does not listen any more, or says that it shuts down (57P01 to 03). */
function isGoingDown(error: unknown): boolean {
  if (error instanceof DatabaseError) return /^57P0[123]$/.test(error.code ?? '');
  if (['ECONNRESET', 'ECONNREFUSED', 'EPIPE'].includes(systemErrorCode(error) ?? '')) return true;
  return error instanceof Error && error.message.startsWith('Connection terminated');
}

type Running = { readonly server: Postmaster; readonly startedHere: boolean };

async function ensureRunning(
  launch: () => Promise<Postmaster | undefined>,
  directory: string,
): Promise<Running> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if ((await findPostmaster(directory)) !== undefined) {
      const server = await waitUntilReady(directory);
      if (server !== undefined) return { server, startedHere: false };
    }
    const server = await launch();
    if (server !== undefined) return { server, startedHere: true };
    await sleep(PAUSE_MS * attempt);
  }
  throw new EmbeddedPostgresError(`PostgreSQL did not start: see ${directory}.log`);
}

async function ensureDatabase(
  port: number,
  password: string,
  database: string,
  directory: string,
): Promise<void> {
  const client = new Client({ connectionString: connectionString(port, password, 'postgres') });
  // A server that stops under an idle connection is reported by the next query.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (found.rowCount === 0) {
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
    }
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    if (error.code === '28P01') {
      throw new EmbeddedPostgresError(
        `The database in ${directory} was created with another password: restore the file that held it, or move the data directory away to begin anew`,
        { cause: error },
      );
    }
    // Somebody else created it between our look and our attempt.
    const createdMeanwhile = error.code === '42P04' || error.code === '23505';
    if (!createdMeanwhile) throw error;
  } finally {
    await client.end();
  }
}

function connectionString(port: number, password: string, database: string): string {
  const credentials = `${SUPERUSER}:${encodeURIComponent(password)}`;
  // TLS is off by name, so that a PGSSLMODE in the environment cannot ask for it.
  return `postgresql://${credentials}@127.0.0.1:${port}/${encodeURIComponent(database)}?sslmode=disable`;
}
