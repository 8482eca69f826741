/** Commands come to the server's database for a moment, whether the server runs or not. */
import { type Core, composeCore, migrationsDirectory } from './compose.js';
import type { Config } from './config/index.js';
import { applyQueueSchema } from './platform/job-queue-schema.js';
import { createLogger } from './platform/logger.js';
import { applyMigrations } from './platform/migrate.js';
import { settle } from './settle.js';

/** Runs `work` on a core of its own; an embedded database is started for it if need be. */
export async function visit<T>(config: Config, work: (core: Core) => Promise<T>): Promise<T> {
  const ground = await settle(config, 'visit');
  try {
    const log = createLogger({ level: 'silent', format: 'json' });
    const core = composeCore(ground.config, log, { visiting: true });
    try {
      return await work(core);
    } finally {
      await core.close();
    }
  } finally {
    await ground.release();
  }
}

/** Applies the migrations the database does not have yet; returns their names. */
export async function bringUpToDate(config: Config): Promise<string[]> {
  const ground = await settle(config, 'visit');
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
