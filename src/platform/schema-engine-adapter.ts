/**
 * Prisma's PostgreSQL adapter with three repairs that the migration engine needs: scripts run
 * whole (the adapter cuts them at every semicolon, which breaks functions and triggers), the
 * catalogue's one-byte "char" type is understood, and every connection can be closed.
 */
import { PrismaPg } from '@prisma/adapter-pg';
import type { SqlQuery, SqlResultSet } from '@prisma/driver-adapter-utils';
import { ColumnTypeEnum, isDriverAdapterError } from '@prisma/driver-adapter-utils';
import type { Pool } from 'pg';

/** Runs one SQL script; the engine hands each migration over as one script. */
export type ScriptRunner = (pool: Pool, script: string) => Promise<void>;

type Adapter = Awaited<ReturnType<PrismaPg['connect']>>;

/** PostgreSQL's type id of "char", which the adapter does not know. */
const CHAR_OID = 18;

export class EngineAdapterFactory extends PrismaPg {
  readonly #opened: Adapter[] = [];
  readonly #runScript: ScriptRunner;

  constructor(connectionString: string, runScript: ScriptRunner = runWhole) {
    super({ connectionString, max: 2, application_name: 'latchkey-migrations' });
    this.#runScript = runScript;
  }

  override async connect(): Promise<Adapter> {
    const adapter = await super.connect();
    this.#opened.push(adapter);
    const pool = adapter.underlyingDriver();
    const queryRaw = adapter.queryRaw.bind(adapter);
    const dispose = adapter.dispose.bind(adapter);
    let disposing: Promise<void> | undefined;
    adapter.executeScript = (script) => this.#runScript(pool, script);
    adapter.queryRaw = (query) => queryWithChars(pool, queryRaw, query);
    // The engine disposes of some adapters itself, and a pool can be ended only once.
    adapter.dispose = () => {
      disposing ??= dispose();
      return disposing;
    };
    return adapter;
  }

  /** The scratch database handed to us is already a shadow; no other needs to be created. */
  override connectToShadowDb(): Promise<Adapter> {
    return this.connect();
  }

  /** Closes every connection that was opened. */
  async disposeAll(): Promise<void> {
    await Promise.all(this.#opened.splice(0).map((adapter) => adapter.dispose()));
  }
}

async function runWhole(pool: Pool, script: string): Promise<void> {
  await pool.query(script);
}

/** Repeats a catalogue query with its "char" columns as text, and labels them for the engine. */
async function queryWithChars(
  pool: Pool,
  queryRaw: (query: SqlQuery) => Promise<SqlResultSet>,
  query: SqlQuery,
): Promise<SqlResultSet> {
  try {
    return await queryRaw(query);
  } catch (error) {
    const unknownType =
      isDriverAdapterError(error) && error.cause.kind === 'UnsupportedNativeDataType';
    if (!unknownType) throw error;
  }
  const { fields } = await pool.query({ text: query.sql, values: query.args, rowMode: 'array' });
  const columns = fields.map(({ name, dataTypeID }) =>
    dataTypeID === CHAR_OID ? `q."${name}"::text AS "${name}"` : `q."${name}"`,
  );
  const inner = query.sql.trim().replace(/;$/, '');
  const sql = `SELECT ${columns.join(', ')} FROM (${inner}) AS q`;
  const result = await queryRaw({ ...query, sql });
  const columnTypes = fields.map(({ dataTypeID }, index) =>
    dataTypeID === CHAR_OID
      ? ColumnTypeEnum.Character
      : (result.columnTypes[index] ?? ColumnTypeEnum.Text),
  );
  return { ...result, columnTypes };
}
