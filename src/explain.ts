/** What an operator reads when a start or a command fails: one line a fault, and what to do. */
import { ConfigError } from './config/index.js';
import { AppError } from './kernel/errors.js';
import { SealBroken } from './kernel/sealed-box.js';

/** Prisma's codes for a table and for a column that is not there. */
const NOT_MIGRATED: ReadonlySet<unknown> = new Set(['P2021', 'P2022']);

/** The lines for a failure; a stack is for the log level `debug`, never for a first look. */
export function explain(error: unknown): string[] {
  if (error instanceof ConfigError) {
    return ['The configuration is not valid:', ...error.faults.map((fault) => `  ${fault}`)];
  }
  if (error instanceof AppError && error.code === 'store_unavailable') {
    return ['The database cannot be reached; is DATABASE_URL right and the server up?'];
  }
  if (error instanceof SealBroken) {
    return [`${error.message}; is LATCHKEY_KEYRING the one this database was filled with?`];
  }
  if (NOT_MIGRATED.has((error as { code?: unknown } | null)?.code)) {
    return ['The database schema is not up to date; run "latchkey migrate" or start the server'];
  }
  const message = error instanceof Error ? error.message : String(error);
  return [message.split('\n').find((line) => line.trim() !== '') ?? 'It failed without a reason'];
}
