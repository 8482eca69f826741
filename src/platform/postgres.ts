/**
 * The connection to PostgreSQL. It bounds every wait, names every statement (PostgreSQL plans
 * it once per connection), and turns "the database is not there" into one error code, so that
 * an outage can never be mistaken for a refusal.
 */
import { createHash } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import { Prisma, PrismaClient } from '../generated/prisma/client.js';
import { AppError } from '../kernel/errors.js';
import type { Secret } from '../kernel/secret.js';

/** What an island gets: a connection or a transaction, it cannot tell which. */
export type Db = Prisma.TransactionClient;

export type Postgres = {
  readonly db: Db;
  /** Runs `work` in one transaction (read committed). Nothing but the database belongs in it. */
  transaction<T>(work: (tx: Db) => Promise<T>): Promise<T>;
  /** Resolves when the database answers; throws `AppError('store_unavailable')` otherwise. */
  ping(): Promise<void>;
  close(): Promise<void>;
};

// Prisma's codes for "cannot reach", "timed out", "closed", "no connection free", "try again",
// and the names its driver gives to the same.
const UNAVAILABLE_CODES = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TlsConnectionError',
  'TooManyConnections',
  'AuthenticationFailed',
  'DatabaseAccessDenied',
  'DatabaseDoesNotExist',
  'TransactionAlreadyClosed',
  'TransactionWriteConflict',
  'P1000',
  'P1001',
  'P1002',
  'P1003',
  'P1008',
  'P1010',
  'P1011',
  'P1017',
  'P2024',
  'P2028',
  'P2034',
  'P2037',
]);
// SQLSTATE: connection exceptions (08), insufficient resources (53), operator intervention and
// statement timeout (57), lock timeout (55P03).
const UNAVAILABLE_STATES = /^(08|53|57)|^55P03$/;
const UNAVAILABLE_TEXT =
  /ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|ENOENT|timeout exceeded when trying to connect|timeout expired|Connection terminated|Client has encountered a connection error|Query read timeout|Cannot use a pool after calling end|terminating connection|the database system is/i;

function texts(value: unknown, depth = 0): string[] {
  if (depth > 4 || typeof value !== 'object' || value === null) return [];
  const record = value as Record<string, unknown>;
  const own = ['message', 'code', 'originalCode', 'originalMessage', 'kind'].flatMap((key) =>
    typeof record[key] === 'string' ? [record[key]] : [],
  );
  return [
    ...own,
    ...['cause', 'meta', 'driverAdapterError', 'error'].flatMap((key) =>
      texts(record[key], depth + 1),
    ),
  ];
}

/** Whether `error` says that the database could not be asked, rather than that it said no. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof Prisma.PrismaClientInitializationError) return true;
  return texts(error).some(
    (text) =>
      UNAVAILABLE_CODES.has(text) ||
      (/^[0-9A-Z]{5}$/.test(text) && UNAVAILABLE_STATES.test(text)) ||
      UNAVAILABLE_TEXT.test(text),
  );
}

function translate(error: unknown): unknown {
  return isUnavailable(error) ? new AppError('store_unavailable', { cause: error }) : error;
}

/** Opens a pool of at most `poolSize` connections; nothing is connected before the first query. */
export function openPostgres(options: {
  url: Secret;
  poolSize?: number;
  applicationName?: string;
  /** For commands: nobody waits for an answer over HTTP, and a busy machine is no outage. */
  patient?: boolean;
}): Postgres {
  const patience = options.patient ? 6 : 1;
  const names = new Map<string, string>();
  const adapter = new PrismaPg(
    {
      connectionString: options.url.reveal(),
      max: options.poolSize ?? 10,
      application_name: options.applicationName ?? 'latchkey',
      connectionTimeoutMillis: 1_000 * patience,
      idleTimeoutMillis: 30_000,
      keepAlive: true,
      statement_timeout: 1_300 * patience,
      lock_timeout: 1_000,
      idle_in_transaction_session_timeout: 5_000,
      // The last resort when the network swallows the answer: a caller is told within two seconds.
      query_timeout: 1_400 * patience,
    },
    {
      statementNameGenerator: ({ sql }) => {
        let name = names.get(sql);
        if (!name) {
          name = `lk_${createHash('sha256').update(sql).digest('base64url').slice(0, 20)}`;
          // Statements are written in the code, not made from input; the bound is a guard.
          if (names.size < 1_000) names.set(sql, name);
        }
        return name;
      },
      // A connection that dies while idle is replaced by the next query.
      onPoolError: () => undefined,
      onConnectionError: () => undefined,
    },
  );
  const client = new PrismaClient({ adapter, errorFormat: 'minimal' });
  const guarded = client.$extends({
    query: {
      async $allOperations({ args, query }) {
        try {
          return await query(args);
        } catch (error) {
          throw translate(error);
        }
      },
    },
  }) as unknown as PrismaClient;

  return {
    db: guarded,
    async transaction(work) {
      try {
        return await guarded.$transaction((tx) => work(tx), { maxWait: 1_500, timeout: 5_000 });
      } catch (error) {
        throw translate(error);
      }
    },
    async ping() {
      await guarded.$queryRaw`SELECT 1`;
    },
    async close() {
      await client.$disconnect();
    },
  };
}
