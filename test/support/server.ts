/** A real server process on a database of its own, as an operator would start it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import { demoDatabase, freshDatabase } from './database.js';
import type { Operator } from './operator.js';
import { freePort } from './port.js';

export { freePort };

const root = fileURLToPath(new URL('../../', import.meta.url));
const entry = join(root, 'dist/main.js');

/** What `demo.json` holds, as far as tests read it. */
export type Demo = {
  readonly issuer: string;
  readonly clients: Readonly<
    Record<
      string,
      { client_id: string; client_secret: string; redirect_uris: string[]; scope: string }
    >
  >;
  readonly resources: Readonly<
    Record<string, { indicator: string; scopes: string[]; format: string }>
  >;
  readonly users: Readonly<
    Record<string, { email: string; password: string; totp_secret?: string; roles?: string[] }>
  >;
};

export type CommandResult = {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
};

export type TestServer = {
  readonly issuer: string;
  readonly port: number;
  readonly databaseUrl: string;
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly process: ChildProcess;
  readonly demo: Demo;
  /** Everything the server has printed so far. */
  output(): string;
  /** Runs a command on the same database; within the test's process, so at once. */
  cli(args: readonly string[], input?: string): Promise<CommandResult>;
  /** Ends the server in order (or at once with SIGKILL), and drops what was made for it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
};

/** Nobody is slowed down: for tests of many requests, and of what is not the limits. */
export const CALM = { LATCHKEY_RATE_LIMITS: 'off', LATCHKEY_BOT_CHALLENGE: 'off' } as const;

export type ServerOptions = {
  readonly env?: Readonly<Record<string, string>>;
  /** Share a database (two nodes); it is then the caller's to drop. */
  readonly databaseUrl?: string;
  /** Keys and data directory of another node. */
  readonly like?: TestServer;
  /** Where it has to be known before, as in an issuer; one that is free otherwise. */
  readonly port?: number;
};

/** The environment of a test process: nothing of ours leaks in from the shell. */
export function cleanEnvironment(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'LANG'];
  return Object.fromEntries(
    kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  ) as Record<string, string>;
}

/**
 * For processes that live for seconds: compiling for the long run takes more time than it ever
 * gives back, and half of what a start takes.
 */
export const SHORT_LIVED = [
  ...['--liftoff-only', '--no-opt', '--max-semi-space-size=64'],
  // As for the tests themselves: a `localhost` of two families, and a busy machine.
  '--network-family-autoselection-attempt-timeout=10000',
] as const;

/** Runs `node dist/main.js` to its end. */
export function runLatchkey(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input?: string,
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...SHORT_LIVED, entry, ...args], { env, cwd: root });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(input ?? '');
  });
}

/** Whether a copy of the demo shop is as good as one of its own. */
const isOrdinary = ({ databaseUrl, like, env = {} }: ServerOptions) =>
  !databaseUrl && !like && !env.LATCHKEY_SEED && !env.LATCHKEY_KEYRING;

/** The demo shop, by a server's own first start. */
async function fillDemo(databaseUrl: string): Promise<void> {
  const LATCHKEY_KEYRING = inject('services').demoKeyring;
  const server = await startServer({ databaseUrl, env: { LATCHKEY_KEYRING } });
  const code = await server.stop();
  if (code !== 0) throw new Error(`the demo shop was not filled in order: ${code}`);
}

/** Starts a server with the demo shop and waits until it is ready. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const { like } = options;
  const port = options.port ?? (await freePort());
  const key = () => randomBytes(32).toString('base64');
  const copiesDemo = isOrdinary(options);
  const database = copiesDemo
    ? await demoDatabase(fillDemo)
    : options.databaseUrl || like
      ? undefined
      : await freshDatabase();
  const keyring = copiesDemo ? inject('services').demoKeyring : `test:${key()}`;
  const databaseUrl = options.databaseUrl ?? like?.databaseUrl ?? database?.url ?? '';
  const dataDir = await mkdtemp(join(tmpdir(), 'latchkey-data-'));
  await chmod(dataDir, 0o755);
  const env: Record<string, string> = {
    ...cleanEnvironment(),
    LATCHKEY_KEYRING: like?.env.LATCHKEY_KEYRING ?? keyring,
    LATCHKEY_COOKIE_KEYS: like?.env.LATCHKEY_COOKIE_KEYS ?? `${key()},${key()}`,
    LATCHKEY_SEED: 'demo',
    LATCHKEY_OPS_PORT: '0',
    LOG_LEVEL: 'warn',
    HOST: '127.0.0.1',
    ...options.env,
    PORT: String(port),
    DATABASE_URL: databaseUrl,
    LATCHKEY_DATA_DIR: dataDir,
  };
  const issuer = env.LATCHKEY_ISSUER ?? `http://localhost:${port}`;

  const child = spawn(process.execPath, [...SHORT_LIVED, entry, 'start'], {
    env,
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let operator: Promise<Operator> | undefined;
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const ready = new Promise<void>((resolve, reject) => {
    const listen = (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('Latchkey is ready')) resolve();
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    void exited.then((code) => reject(new Error(`the server ended with ${code}:\n${output}`)));
  });
  await ready;
  const demo =
    env.LATCHKEY_SEED === 'demo'
      ? (JSON.parse(await readFile(join(dataDir, 'demo.json'), 'utf8')) as Demo)
      : ({} as Demo);

  return {
    issuer,
    port,
    databaseUrl,
    dataDir,
    env,
    process: child,
    demo,
    output: () => output,
    async cli(args, input) {
      operator ??= import('./operator.js').then(({ openOperator }) =>
        openOperator({ env, databaseUrl }),
      );
      return (await operator).hand(args, input);
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      const code = await exited;
      await (await operator)?.close();
      await rm(dataDir, { recursive: true, force: true });
      await database?.drop();
      return code;
    },
  };
}

/** Two nodes of one installation: same database, same keys, same issuer. */
export async function startTwoNodes(
  env: Readonly<Record<string, string>> = CALM,
): Promise<readonly [TestServer, TestServer]> {
  const first = await startServer({ env });
  const second = await startServer({
    like: first,
    env: { ...env, LATCHKEY_ISSUER: first.issuer },
  });
  return [first, second];
}
