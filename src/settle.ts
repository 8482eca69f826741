/**
 * From configuration to something that runs: secrets that may be generated are, and the
 * embedded database is started where no other was named.
 */
import { resolve } from 'node:path';
import type { Settled } from './compose.js';
import type { Config } from './config/index.js';
import { Secret } from './kernel/secret.js';
import { openEmbeddedPostgres } from './platform/embedded-postgres.js';
import { claimInstance } from './platform/instance-lock.js';
import { loadLocalSecrets } from './platform/local-secrets.js';

/** Another process already works on this data directory. */
export class AlreadyRunning extends Error {
  constructor(dataDir: string) {
    super(`Another Latchkey is already running on ${dataDir}; stop it first`);
    this.name = 'AlreadyRunning';
  }
}

export type Ground = {
  readonly config: Settled;
  readonly embedded: boolean;
  /** Gives the database back; stops it if it is embedded and nobody else needs it. */
  release(): Promise<void>;
};

/**
 * @param use `serve` claims the data directory for itself and stops the embedded database in the
 *   end; `visit` (a command) uses what runs, and only stops what it had to start
 */
export async function settle(config: Config, use: 'serve' | 'visit'): Promise<Ground> {
  const dataDir = resolve(config.dataDir);
  const local =
    config.databaseUrl && config.keyring && config.cookieKeys
      ? undefined
      : loadLocalSecrets(dataDir);
  const secretsOf = (databaseUrl: Secret): Settled => {
    const keyring = config.keyring ?? local?.keyring;
    const cookieKeys = config.cookieKeys ?? local?.cookieKeys;
    if (!keyring || !cookieKeys) throw new Error('The configuration is not complete');
    return { ...config, dataDir, databaseUrl, keyring, cookieKeys };
  };

  if (config.databaseUrl) {
    return {
      config: secretsOf(config.databaseUrl),
      embedded: false,
      release: async () => undefined,
    };
  }
  if (!local) throw new Error('The configuration is not complete');
  const postgres = await openEmbeddedPostgres({
    directory: resolve(dataDir, 'postgres'),
    password: local.databasePassword.reveal(),
  });
  // Held by the server for its life, and by a command for as long as the database is its own:
  // so a server that starts meanwhile is told, instead of losing its database under its feet.
  const claim =
    use === 'serve' || postgres.startedHere ? await claimInstance(postgres.url) : undefined;
  if (claim === 'taken') {
    if (use === 'serve') throw new AlreadyRunning(dataDir);
    return {
      config: secretsOf(new Secret(postgres.url)),
      embedded: true,
      release: async () => undefined,
    };
  }
  return {
    config: secretsOf(new Secret(postgres.url)),
    embedded: true,
    async release() {
      await claim?.release();
      if (claim) await postgres.stop();
    },
  };
}
