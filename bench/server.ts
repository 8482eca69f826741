/** A Latchkey with the demo shop on a throw-away PostgreSQL, and a shopper's live token. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Demo, TestServer } from '../test/support/server.js';
import { obtainTokens } from '../test/support/shopper.js';

const root = fileURLToPath(new URL('..', import.meta.url));

export type BenchServer = {
  readonly port: number;
  readonly pid: number;
  readonly accessToken: string;
  readonly ordersSecret: string;
  readonly issuer: string;
  readonly demo: Demo;
  stop(): Promise<void>;
};

export async function startBenchServer(
  env: Readonly<Record<string, string>> = {},
): Promise<BenchServer> {
  const port = await new Promise<number>((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(address && typeof address === 'object' ? address.port : 0));
    });
  });
  const dataDir = await mkdtemp(join(tmpdir(), 'latchkey-bench-'));
  const child = spawn(process.execPath, ['dist/main.js', 'start'], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      PORT: String(port),
      LATCHKEY_DATA_DIR: dataDir,
      LATCHKEY_OPS_PORT: '0',
      LOG_LEVEL: 'warn',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('Latchkey is ready')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  const issuer = `http://localhost:${port}`;
  const demo = JSON.parse(await readFile(join(dataDir, 'demo.json'), 'utf8')) as Demo;
  const { tokens } = await obtainTokens({ issuer, demo } as TestServer);
  return {
    port,
    pid: child.pid ?? 0,
    accessToken: tokens.access_token,
    ordersSecret: demo.clients.orders_api?.client_secret ?? '',
    issuer,
    demo,
    async stop() {
      child.kill('SIGTERM');
      await new Promise((resolve) => child.once('exit', resolve));
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
