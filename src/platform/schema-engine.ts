/**
 * Prisma's own migration engine, in its WebAssembly form: the binary form has to be downloaded
 * at install time, which many networks refuse. Loaded only when there is something to migrate.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import type { SchemaEngine } from '@prisma/schema-engine-wasm/schema_engine_bg';
import { EngineAdapterFactory, type ScriptRunner } from './schema-engine-adapter.js';

export type { SchemaEngine } from '@prisma/schema-engine-wasm/schema_engine_bg';

/** The engine wants a schema even where it only applies SQL. */
const EMPTY_SCHEMA = 'datasource db {\n  provider = "postgresql"\n}\n';

/** No table and no enum is anybody else's. */
export const NO_FILTERS = { externalTables: [], externalEnums: [] };

/**
 * Runs some work with a migration engine on a database and closes its connections after it.
 *
 * @param runScript runs one migration's SQL instead of the engine's own way
 */
export async function withSchemaEngine<T>(
  connectionString: string,
  work: (engine: SchemaEngine) => Promise<T>,
  runScript?: ScriptRunner,
): Promise<T> {
  const { SchemaEngine } = await loadEngine();
  const factory = new EngineAdapterFactory(connectionString, runScript);
  try {
    const engine = await SchemaEngine.new(
      { datamodels: [['schema.prisma', EMPTY_SCHEMA]] },
      () => undefined,
      bindMigrationAwareSqlAdapterFactory(factory),
    );
    try {
      return await work(engine);
    } finally {
      engine.free();
    }
  } finally {
    // The engine's lock on the database ends with the connection that holds it.
    await factory.disposeAll();
  }
}

type EngineModule = typeof import('@prisma/schema-engine-wasm/schema_engine_bg');

let loading: Promise<EngineModule> | undefined;

/** The module allows one instance in a process, so it is loaded once. */
function loadEngine(): Promise<EngineModule> {
  loading ??= instantiate();
  return loading;
}

async function instantiate(): Promise<EngineModule> {
  const name = '@prisma/schema-engine-wasm/schema_engine_bg';
  const engine: EngineModule = await import('@prisma/schema-engine-wasm/schema_engine_bg');
  const script = createRequire(import.meta.url).resolve(name);
  const module = await WebAssembly.compile(await readFile(script.replace(/\.js$/, '.wasm')));
  const imports: Record<string, unknown> = { ...engine };
  for (const { name } of WebAssembly.Module.imports(module)) {
    if (name.startsWith('__wbg_setTimeout')) imports[name] = unreferencedTimeout;
    if (name.startsWith('__wbg_set_message')) imports[name] = () => undefined;
  }
  const instance = await WebAssembly.instantiate(module, { './schema_engine_bg.js': imports });
  engine.__wbg_set_wasm(instance.exports);
  const start = instance.exports.__wbindgen_start;
  if (typeof start === 'function') start();
  return engine;
}

/** The engine never clears the timer of its lock; it must not hold up the exit for as long. */
function unreferencedTimeout(callback: () => void, delayMs: number): NodeJS.Timeout {
  return setTimeout(callback, delayMs >>> 0).unref();
}
