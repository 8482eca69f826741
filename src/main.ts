#!/usr/bin/env node
/** The process: environment and arguments in, an exit code out. */
import { runCommand } from './cli/index.js';
import { composeCore, migrationsDirectory } from './compose.js';
import { ConfigError, loadConfig } from './config/index.js';
import { AppError } from './kernel/errors.js';
import { applyQueueSchema } from './platform/job-queue-schema.js';
import { createLogger } from './platform/logger.js';
import { applyMigrations } from './platform/migrate.js';
import { serve } from './serve.js';
import { settle } from './settle.js';

const say = (line: string) => process.stdout.write(`${line}\n`);
const complain = (line: string) => process.stderr.write(`${line}\n`);

const readConfig = () => loadConfig(process.env, { terminal: process.stdout.isTTY === true });

async function start(): Promise<number> {
  const config = readConfig();
  const log = createLogger(config.log);
  const running = await serve(config, log, say);
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        running.stop(signal).then(
          () => resolve(0),
          () => resolve(1),
        );
      });
    }
  });
}

/** Commands work on the same database as the server, whether it runs or not. */
async function withCore<T>(work: (core: ReturnType<typeof composeCore>) => Promise<T>): Promise<T> {
  const config = readConfig();
  const ground = await settle(config, 'visit');
  try {
    const core = composeCore(ground.config, createLogger({ level: 'silent', format: 'json' }));
    try {
      return await work(core);
    } finally {
      await core.close();
    }
  } finally {
    await ground.release();
  }
}

async function migrate(): Promise<string[]> {
  const ground = await settle(readConfig(), 'visit');
  try {
    const { applied } = await applyMigrations({
      connectionString: ground.config.databaseUrl.reveal(),
      directory: migrationsDirectory,
    });
    await applyQueueSchema({ url: ground.config.databaseUrl });
    return applied;
  } finally {
    await ground.release();
  }
}

/** One line a fault; a stack is for the log level `debug`, never for an operator's first look. */
function explain(error: unknown): void {
  if (error instanceof ConfigError) {
    complain('The configuration is not valid:');
    for (const fault of error.faults) complain(`  ${fault}`);
    return;
  }
  if (error instanceof AppError && error.code === 'store_unavailable') {
    complain('The database cannot be reached; is DATABASE_URL right and the server up?');
    return;
  }
  complain(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error));
  if (process.env.LOG_LEVEL === 'debug' && error instanceof Error) complain(error.stack ?? '');
}

try {
  process.exitCode = await runCommand(process.argv.slice(2), {
    say,
    complain,
    start,
    migrate,
    withCore,
  });
} catch (error) {
  explain(error);
  process.exitCode = 1;
}
// Whatever still holds the loop open (a database on its way down) has nothing left to say.
process.exit();
