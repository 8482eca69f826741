/** A real server process on a database of its own, as an operator would start it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FreshDatabase, freshDatabase } from './database.js';

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
  /** Runs a command of the CLI on the same database. */
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

/** A port nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address && typeof address === 'object') resolve(address.port);
        else reject(new Error('no port'));
      });
    });
  });
}

/** The environment of a test process: nothing of ours leaks in from the shell. */
export function cleanEnvironment(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'LANG'];
  return Object.fromEntries(
    kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  ) as Record<string, string>;
}

/** Runs `node dist/main.js` to its end. */
export function runLatchkey(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input?: string,
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [entry, ...args], { env, cwd: root });
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

/** Starts a server with the demo shop and waits until it is ready. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const { like } = options;
  const port = options.port ?? (await freePort());
  const database: FreshDatabase | undefined =
    options.databaseUrl || like ? undefined : await freshDatabase();
  const databaseUrl = options.databaseUrl ?? like?.databaseUrl ?? database?.url ?? '';
  const dataDir = await mkdtemp(join(tmpdir(), 'latchkey-data-'));
  await chmod(dataDir, 0o755);
  const key = () => randomBytes(32).toString('base64');
  const env: Record<string, string> = {
    ...cleanEnvironment(),
    LATCHKEY_KEYRING: like?.env.LATCHKEY_KEYRING ?? `test:${key()}`,
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

  const child = spawn(process.execPath, [entry, 'start'], {
    env,
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
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
    cli: (args, input) => runLatchkey(args, env, input),
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      const code = await exited;
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
