/** Finds or installs a Redis and runs it for the length of the tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../src/platform/free-port.js';
import { obtainProgram } from './debian.js';

const SERVER = { programs: ['redis-server', 'valkey-server'], packages: ['redis-server'] };

export type TestRedis = { readonly url: string; stop(): void };

/**
 * The Redis named by `REDIS_URL`, or one started from `redis-server` or `valkey-server`, which
 * on Debian as root is installed first. Undefined where none can be had.
 */
export async function startRedis(directory: string): Promise<TestRedis | undefined> {
  const given = process.env.REDIS_URL;
  if (given) return { url: given, stop: () => undefined };
  const program = obtainProgram(SERVER);
  if (program === undefined) return undefined;
  const port = await freePort();
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory];
  const child = spawn(program, [...settings, '--save', '', '--appendonly', 'no'], {
    stdio: 'ignore',
  });
  await accepting(port, child);
  return { url: `redis://127.0.0.1:${port}`, stop: () => child.kill('SIGKILL') };
}

async function accepting(port: number, child: ChildProcess): Promise<void> {
  let failure: Error | undefined;
  child.on('error', (error) => {
    failure = error;
  });
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(15)) {
    if (failure !== undefined) throw failure;
    if (child.exitCode !== null) throw new Error(`Redis ended with status ${child.exitCode}`);
    const socket = createConnection(port, '127.0.0.1');
    const connected = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (connected) return;
  }
  throw new Error('Redis did not start within ten seconds');
}
