/** Commands on a running server's database from within the test: no process for each of them. */
import { runCommand } from '../../src/cli/index.js';
import { composeCore } from '../../src/compose.js';
import { loadConfig } from '../../src/config/index.js';
import { explain } from '../../src/explain.js';
import { Secret } from '../../src/kernel/secret.js';
import { createLogger } from '../../src/platform/logger.js';
import type { CommandResult, TestServer } from './server.js';

export type Operator = {
  /** As the process would end: what it said, what it complained of, its exit code. */
  hand(argv: readonly string[], input?: string): Promise<CommandResult>;
  run(...argv: string[]): Promise<CommandResult>;
  /** Registers a client that must be accepted. */
  register(
    id: string,
    args: readonly string[],
  ): Promise<{ client_id: string; client_secret: string }>;
  close(): Promise<void>;
};

export function openOperator(server: Pick<TestServer, 'env' | 'databaseUrl'>): Operator {
  const config = loadConfig(server.env);
  const { keyring, cookieKeys } = config;
  if (!keyring || !cookieKeys) throw new Error('no keys');
  const databaseUrl = new Secret(server.databaseUrl);
  const log = createLogger({ level: 'silent', format: 'json' });
  const core = composeCore({ ...config, keyring, cookieKeys, databaseUrl }, log, {
    visiting: true,
  });

  async function hand(argv: readonly string[], input = ''): Promise<CommandResult> {
    let [stdout, stderr] = ['', ''];
    const complain = (line: string) => {
      stderr += `${line}\n`;
    };
    const code = await runCommand(argv, {
      say: (line) => {
        stdout += `${line}\n`;
      },
      complain,
      start: () => Promise.reject(new Error('nobody asked for a server')),
      migrate: async () => [],
      ask: async () => undefined,
      readLine: () => input.split('\n')[0] ?? '',
      withCore: (work) => work(core),
    }).catch((error: unknown) => {
      explain(error).forEach(complain);
      return 1;
    });
    return { code, stdout, stderr };
  }

  return {
    hand,
    run: (...argv) => hand(argv),
    async register(id, args) {
      const done = await hand(['clients', 'create', id, '--name', id, ...args, '--json']);
      if (done.code !== 0) throw new Error(`${id} was not registered: ${done.stderr}`);
      return JSON.parse(done.stdout) as { client_id: string; client_secret: string };
    },
    close: () => core.close(),
  };
}
