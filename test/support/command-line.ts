/** The command line within the test's own process, on a database of its own with the demo shop. */
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { runCommand } from '../../src/cli/index.js';
import { type Core, composeCore } from '../../src/compose.js';
import { loadConfig } from '../../src/config/index.js';
import { Secret } from '../../src/kernel/secret.js';
import { createLogger } from '../../src/platform/logger.js';
import { freshDatabase } from './database.js';

export type Said = { code: number; lines: string[]; complaints: string[] };

export type CommandLine = {
  readonly core: Core;
  /** For a process that is to see the same database. */
  readonly env: Readonly<Record<string, string>>;
  /** What the server would have logged, from `warn` on. */
  readonly log: readonly Record<string, unknown>[];
  /** How often a command came as far as opening the database. */
  opened(): number;
  run(...argv: string[]): Promise<Said>;
  /** What was asked at the terminal. */
  readonly asked: readonly string[];
  /** What whoever sits at the terminal says to questions; `undefined`: nobody sits there. */
  willAnswer(answer: boolean | undefined): void;
  /** The data of a command that must succeed. */
  json<T = Record<string, unknown>>(...argv: string[]): Promise<T>;
  /** The one line of a command that must fail. */
  failure(...argv: string[]): Promise<string>;
  /** The newest line of the audit log. */
  lastEvent(): Promise<unknown>;
  close(): Promise<void>;
};

export async function openCommandLine(
  settings: Readonly<Record<string, string>> = {},
): Promise<CommandLine> {
  const database = await freshDatabase();
  const key = () => randomBytes(32).toString('base64');
  const env = {
    DATABASE_URL: database.url,
    LATCHKEY_KEYRING: `test:${key()}`,
    LATCHKEY_COOKIE_KEYS: `${key()},${key()}`,
    ...settings,
  };
  const config = loadConfig(env);
  const { keyring, cookieKeys } = config;
  if (!keyring || !cookieKeys) throw new Error('no keys');
  const log: Record<string, unknown>[] = [];
  const sink = { write: (line: string) => void log.push(JSON.parse(line)) };
  const core = composeCore(
    { ...config, keyring, cookieKeys, databaseUrl: new Secret(database.url) },
    createLogger({ level: 'warn', format: 'json' }, sink),
  );
  await core.hasherReady();
  await core.flows.ensureSigningKeys();
  await core.flows.ensureAccountClient(config.issuer);
  await core.flows.seedDemo();

  let opened = 0;
  let answer: boolean | undefined;
  const asked: string[] = [];
  async function run(...argv: string[]): Promise<Said> {
    const lines: string[] = [];
    const complaints: string[] = [];
    const code = await runCommand(argv, {
      say: (line) => lines.push(...line.split('\n')),
      complain: (line) => complaints.push(...line.split('\n')),
      start: () => Promise.reject(new Error('nobody asked for a server')),
      migrate: async () => [],
      ask: async (lines) => {
        asked.push(lines.join('\n'));
        return answer;
      },
      readLine: () => '',
      withCore(work) {
        opened += 1;
        return work(core);
      },
    });
    return { code, lines, complaints };
  }

  return {
    core,
    env,
    log,
    opened: () => opened,
    asked,
    willAnswer(next) {
      answer = next;
    },
    run,
    async json<T>(...argv: string[]) {
      const { code, lines, complaints } = await run(...argv, '--json');
      expect({ code, complaints }).toEqual({ code: 0, complaints: [] });
      return JSON.parse(lines.join('\n')) as T;
    },
    async failure(...argv) {
      const { code, lines, complaints } = await run(...argv);
      expect({ code, lines }).toEqual({ code: 1, lines: [] });
      expect(complaints).toHaveLength(1);
      return complaints[0] ?? '';
    },
    async lastEvent() {
      const [row] = await core.postgres.db.auditEvent.findMany({
        orderBy: { id: 'desc' },
        take: 1,
      });
      return row;
    },
    async close() {
      await core.close();
      await database.drop();
    },
  };
}
