/**
 * Knows the running server of a data directory through `postmaster.pid`, the file PostgreSQL
 * itself locks with. The file outlives a power cut, and process numbers come round again, so a
 * live process is believed only when it is a PostgreSQL started on this very directory.
 */
import { open, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresBinaries } from './binaries.js';
import { EmbeddedPostgresError, systemErrorCode } from './error.js';
import { run } from './programs.js';

export type Postmaster = { readonly pid: number; readonly port: number; readonly status: string };

const IMPOSSIBLE_PID = 2 ** 31 - 1;
const POLL_MS = 15;
const FAST_SHUTDOWN_MS = 10_000;
const IMMEDIATE_SHUTDOWN_MS = 5_000;
/** Replaying the log after a crash takes seconds; this only bounds what is hopeless. */
export const RECOVERY_MS = 120_000;

/** The live server of a data directory. The lock file of a dead one is made harmless. */
export async function findPostmaster(directory: string): Promise<Postmaster | undefined> {
  const file = join(directory, 'postmaster.pid');
  const text = await readFile(file, 'utf8').catch(() => '');
  // Lines: pid, directory, start time, port, socket directory, address, shared memory, status.
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  if (!Number.isInteger(pid) || pid <= 0 || !Number.isInteger(port) || port <= 0) return undefined;
  const identity = await identify(pid, directory);
  if (identity === 'ours') return { pid, port, status: (lines[7] ?? '').trim() };
  if (isSignalable(pid)) await disownLock(file, text);
  return undefined;
}

/**
 * PostgreSQL clears the lock of a process that has gone, but takes any process that can be
 * signalled for a server and refuses to start: one that came by the number later, or a dead
 * one that nobody waited for. Naming a process that cannot exist, instead of removing the
 * file, keeps its check that no child of the dead server still uses the shared memory.
 */
async function disownLock(file: string, text: string): Promise<void> {
  const rest = text.slice(text.indexOf('\n'));
  const handle = await open(file, 'r+').catch(() => undefined);
  if (handle === undefined) return;
  try {
    // A server that started meanwhile has written a lock of its own.
    const unchanged = (await handle.readFile('utf8')) === text;
    if (unchanged) await handle.write(`${IMPOSSIBLE_PID}${rest}`, 0);
  } finally {
    await handle.close();
  }
}

/** Whether a signal to the process would arrive; true for the dead that nobody waited for. */
export function isSignalable(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return systemErrorCode(error) === 'EPERM';
  }
}

/** Waits till the server accepts connections; undefined when it goes away instead. */
export async function waitUntilReady(directory: string): Promise<Postmaster | undefined> {
  const deadline = Date.now() + RECOVERY_MS;
  for (;;) {
    const found = await findPostmaster(directory);
    if (found === undefined || found.status === 'ready') return found;
    if (Date.now() > deadline) {
      throw new EmbeddedPostgresError(
        `PostgreSQL (process ${found.pid}) has been '${found.status}' for two minutes: see ${directory}.log`,
      );
    }
    await sleep(POLL_MS);
  }
}

/** Shuts the server down: politely for ten seconds, then at once, as after a power cut. */
export async function stopPostmaster(
  directory: string,
  pid: number,
  binaries: PostgresBinaries,
): Promise<void> {
  if (process.platform === 'win32') {
    await run(binaries.pgCtl, ['stop', '-D', directory, '-m', 'fast', '-w', '-t', '10']);
    return;
  }
  signal(pid, 'SIGINT');
  if (await isGone(directory, pid, FAST_SHUTDOWN_MS)) return;
  signal(pid, 'SIGQUIT');
  if (await isGone(directory, pid, IMMEDIATE_SHUTDOWN_MS)) return;
  throw new EmbeddedPostgresError(`PostgreSQL (process ${pid}) did not stop: see ${directory}.log`);
}

async function isGone(directory: string, pid: number, patienceMs: number): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
  while (Date.now() < deadline) {
    if ((await identify(pid, directory)) !== 'ours') return true;
    await sleep(POLL_MS);
  }
  return false;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (cause) {
    if (systemErrorCode(cause) === 'ESRCH') return;
    throw new EmbeddedPostgresError(
      `PostgreSQL (process ${pid}) belongs to another user and cannot be stopped by this one`,
      { cause },
    );
  }
}

/** Whether a process is the server of this directory. In doubt a live process is `ours`. */
async function identify(pid: number, directory: string): Promise<'ours' | 'another' | 'dead'> {
  if (process.platform === 'linux') {
    try {
      const args = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
      // A process that ended and that nobody waited for has an empty command line.
      if (args.join('') === '') return 'dead';
      const isServer = basename(args[0] ?? '') === 'postgres';
      return isServer && args.includes(directory) ? 'ours' : 'another';
    } catch (error) {
      return systemErrorCode(error) === 'EACCES' ? 'ours' : 'dead';
    }
  }
  const windows = process.platform === 'win32';
  const listing = windows
    ? await run('tasklist', ['/FI', `PID eq ${pid}`, '/NH'])
    : await run('ps', ['-ww', '-o', 'args=', '-p', String(pid)]);
  const text = listing.stdout.trim();
  if (windows) return text.includes('postgres.exe') ? 'ours' : 'dead';
  if (text === '' || text.includes('<defunct>')) return 'dead';
  return text.includes(directory) && text.includes('postgres') ? 'ours' : 'another';
}
