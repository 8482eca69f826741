/** The embedded database, as an operator meets it: starts, crashes, kills and wrong turns. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type EmbeddedPostgres,
  EmbeddedPostgresError,
  openEmbeddedPostgres,
} from '../../src/platform/embedded-postgres.js';

const password = 'wiederholt & geheim/#?';
const quick = { serverFlags: ['-c', 'fsync=off'], initdbFlags: ['--no-sync'] };
const opener = fileURLToPath(new URL('../support/open-and-wait.ts', import.meta.url));

let scratch: string;
let directory: string;
let running: EmbeddedPostgres[];

beforeEach(async () => {
  // mkdtemp makes the directory 0700, so as root every one of these tests also proves that
  // PostgreSQL's own user gets through a directory closed to it.
  scratch = await mkdtemp(join(tmpdir(), 'latchkey-embedded-'));
  directory = join(scratch, 'data', 'postgres');
  running = [];
});

afterEach(async () => {
  await Promise.all(running.map((postgres) => postgres.stop()));
  await rm(scratch, { recursive: true, force: true });
});

async function open(options: { password?: string } = {}): Promise<EmbeddedPostgres> {
  const postgres = await openEmbeddedPostgres({ directory, password, ...quick, ...options });
  running.push(postgres);
  return postgres;
}

async function query(url: string, sql: string): Promise<unknown[][]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query({ text: sql, rowMode: 'array' });
    return rows;
  } finally {
    await client.end();
  }
}

async function postmasterPid(): Promise<number> {
  return Number((await readFile(join(directory, 'postmaster.pid'), 'utf8')).split('\n')[0]);
}

/** A process of its own that opens the database and then idles; resolves when it is open. */
async function openInAnotherProcess(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--import', 'tsx', opener, directory, password], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

describe('an operator starts the embedded database', () => {
  it('creates it once and finds everything again on the same port', async () => {
    const first = await open();
    expect(first.startedHere).toBe(true);
    await query(first.url, 'CREATE TABLE orders AS SELECT 42 AS total');
    await first.stop();
    const second = await open();
    expect(second.startedHere).toBe(true);
    expect(second.port).toBe(first.port);
    expect(await query(second.url, 'SELECT total FROM orders')).toEqual([[42]]);
  });

  it('is reached from this machine only, with the password only', async () => {
    const { url } = await open();
    expect(await query(url, 'SHOW listen_addresses')).toEqual([['127.0.0.1']]);
    expect(await query(url, 'SHOW unix_socket_directories')).toEqual([['']]);
    const guess = new URL(url);
    guess.password = 'guess';
    await expect(query(guess.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  });

  it('starts again after its lock file has come to name an unrelated process', async () => {
    await (await open()).stop();
    const stranger = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
    const lines = [stranger.pid, directory, 1, 5432, '', '127.0.0.1', '1 1', 'ready'];
    await writeFile(join(directory, 'postmaster.pid'), `${lines.join('\n')}\n`, { mode: 0o600 });
    const again = await open();
    expect(again.startedHere).toBe(true);
    expect(stranger.exitCode).toBeNull();
    await kill(stranger, 'SIGKILL');
  });

  it('recovers what was committed when PostgreSQL itself is killed', async () => {
    const first = await open();
    await query(first.url, 'CREATE TABLE orders AS SELECT 7 AS total');
    process.kill(await postmasterPid(), 'SIGKILL');
    const second = await open();
    expect(second.startedHere).toBe(true);
    expect(await query(second.url, 'SELECT total FROM orders')).toEqual([[7]]);
  });

  it('starts another one when the one it found hangs up, because it is going down', async () => {
    await (await open()).stop();
    // What is left of it for a moment: a process of its name, on its directory, that takes one
    // connection more.
    const script = `const { createServer } = require('node:net');
      const server = createServer((socket) => { socket.resetAndDestroy(); setTimeout(process.exit, 50); });
      server.listen(0, '127.0.0.1', () => console.log(server.address().port));`;
    const dying = spawn(process.execPath, ['-e', script, directory], { argv0: 'postgres' });
    const [port] = (await once(dying.stdout, 'data')) as [Buffer];
    const lines = [dying.pid, directory, 1, Number(port), '', '127.0.0.1', '1 1', 'ready'];
    await writeFile(join(directory, 'postmaster.pid'), `${lines.join('\n')}\n`, { mode: 0o600 });
    const again = await open();
    expect(again.startedHere).toBe(true);
    expect(await query(again.url, 'SELECT 1')).toEqual([[1]]);
  });

  it('lets two first starts at the same moment share one database', async () => {
    const [one, two] = await Promise.all([open(), open()]);
    expect(one.port).toBe(two.port);
    expect([one.startedHere, two.startedHere].filter(Boolean)).toHaveLength(1);
    expect(await query(two.url, 'SELECT 1')).toEqual([[1]]);
  });
});

describe('the process that opened the database is killed', () => {
  it('leaves it running, and the next start adopts it with all data', async () => {
    const child = await openInAnotherProcess();
    const pid = await postmasterPid();
    await kill(child, 'SIGKILL');
    const adopted = await open();
    expect(adopted.startedHere).toBe(false);
    expect(await postmasterPid()).toBe(pid);
    expect(await query(adopted.url, 'SELECT total FROM orders')).toEqual([[42]]);
    await adopted.stop();
    await expect(query(adopted.url, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/);
  });

  it('is not what happens on Ctrl-C, which reaches only our own process', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', opener, directory, password], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    await once(child.stdout, 'data');
    const ended = once(child, 'exit');
    process.kill(-(child.pid ?? Number.NaN), 'SIGINT');
    await ended;
    const adopted = await open();
    expect(adopted.startedHere).toBe(false);
  });

  it('leaves no half-made database when it dies while making one', async () => {
    const abandoned = join(scratch, 'data', 'postgres.new-999999999-0badcafe', 'data', 'base');
    await mkdir(abandoned, { recursive: true });
    await open();
    await expect(readFile(join(abandoned, '..', '..'))).rejects.toThrow(/ENOENT/);
  });
});

describe('an operator who took a wrong turn reads one line that says what to do', () => {
  it('when the password file was lost', async () => {
    await open();
    await expect(open({ password: 'another' })).rejects.toThrow(/created with another password/);
  });

  it('when the directory holds something else', async () => {
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'holiday.jpg'), '');
    const refusal = await open().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(EmbeddedPostgresError);
    expect(String(refusal)).toMatch(/is not empty and holds no PostgreSQL cluster/);
    expect(String(refusal)).not.toContain('\n');
  });

  it('when PostgreSQL refuses a setting', async () => {
    const start = openEmbeddedPostgres({ directory, password, serverFlags: ['-c', 'fsync=maybe'] });
    await expect(start).rejects.toThrow(/PostgreSQL did not start: .*fsync/);
  });

  it('when a file is in the way', async () => {
    await writeFile(join(scratch, 'data'), '');
    await expect(open()).rejects.toThrow(/The embedded database in .* cannot be opened/);
  });
});
