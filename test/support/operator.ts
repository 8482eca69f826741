/** Commands on a running server's database from within the test: no process for each of them. */
import { runCommand } from '../../src/cli/index.js';
import { composeCore } from '../../src/compose.js';
import { loadConfig } from '../../src/config/index.js';
import { Secret } from '../../src/kernel/secret.js';
import { createLogger } from '../../src/platform/logger.js';
import type { CommandResult, TestServer } from './server.js';

export type Operator = {
  run(...argv: string[]): Promise<CommandResult>;
  /** Registers a client that must be accepted. */
  register(
    id: string,
    args: readonly string[],
  ): Promise<{ client_id: string; client_secret: string }>;
  close(): Promise<void>;
};

export function openOperator(server: TestServer): Operator {
  const config = loadConfig(server.env);
  const { keyring, cookieKeys } = config;
  if (!keyring || !cookieKeys) throw new Error('no keys');
  const databaseUrl = new Secret(server.databaseUrl);
  const log = createLogger({ level: 'silent', format: 'json' });
  const core = composeCore({ ...config, keyring, cookieKeys, databaseUrl }, log);

  async function run(...argv: string[]): Promise<CommandResult> {
    let [stdout, stderr] = ['', ''];
    const code = await runCommand(argv, {
      say: (line) => {
        stdout += `${line}\n`;
      },
      complain: (line) => {
        stderr += `${line}\n`;
      },
      start: () => Promise.reject(new Error('nobody asked for a server')),
      migrate: async () => [],
      ask: async () => undefined,
      withCore: (work) => work(core),
    });
    return { code, stdout, stderr };
  }

  return {
    run,
    async register(id, args) {
      const done = await run('clients', 'create', id, '--name', id, ...args, '--json');
      if (done.code !== 0) throw new Error(`${id} was not registered: ${done.stderr}`);
      return JSON.parse(done.stdout) as { client_id: string; client_secret: string };
    },
    close: () => core.close(),
  };
}
