/**
 * Starts the server so that it outlives us: in a session of its own, which keeps Ctrl-C and a
 * closed terminal away from it, and with its output in a file. Stopping it is our decision.
 */
import { spawn } from 'node:child_process';
import { open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../free-port.js';
import type { PostgresBinaries } from './binaries.js';
import { EmbeddedPostgresError } from './error.js';
import { findPostmaster, type Postmaster, RECOVERY_MS, waitUntilReady } from './postmaster.js';
import type { Launcher } from './privileges.js';
import { plainEnvironment, run } from './programs.js';

const LOOPBACK = '127.0.0.1';
/**
 * What PostgreSQL says when it loses a race: another process started on the directory or took
 * the port, or the children of a server that was killed have not all noticed yet.
 */
const RACES =
  /lock file ".*" (already exists|is empty)|could not create any TCP|shared memory block .* still in use/;
const MAX_LOG_BYTES = 10_000_000;
const POLL_MS = 10;

type Launch = {
  directory: string;
  serverFlags: readonly string[];
  binaries: PostgresBinaries;
  launcher: Launcher;
};

/**
 * Starts a server on the directory and waits till it accepts connections.
 *
 * @returns undefined when the start should be tried anew: somebody else took the port or the
 * directory in between
 */
export async function launchServer(launch: Launch): Promise<Postmaster | undefined> {
  const port = await choosePort(launch.directory);
  const logFile = `${launch.directory}.log`;
  await trimLog(logFile);
  const log = await open(logFile, 'a', 0o600);
  try {
    const before = (await log.stat()).size;
    const settings = [`port=${port}`, `listen_addresses=${LOOPBACK}`];
    // No socket file: its path may be too long, and others on this machine could reach it.
    settings.push('unix_socket_directories=', 'log_checkpoints=off');
    const flags = [...settings.flatMap((setting) => ['-c', setting]), ...launch.serverFlags];
    const failure =
      process.platform === 'win32'
        ? await startOnWindows(launch, flags, logFile)
        : await startDetached(launch, flags, log.fd);
    if (failure === undefined) return await waitUntilReady(launch.directory);
    const said = (await readFile(logFile)).subarray(before).toString('utf8');
    if (RACES.test(said)) return undefined;
    const lines = said.split('\n').filter((line) => line.trim() !== '');
    const complaint = lines.find((line) => /FATAL|PANIC/.test(line)) ?? lines.at(-1) ?? failure;
    throw new EmbeddedPostgresError(`PostgreSQL did not start: ${complaint} (see ${logFile})`);
  } finally {
    await log.close();
  }
}

/** @returns what went wrong, or undefined once the server holds its directory */
async function startDetached(
  { directory, binaries, launcher }: Launch,
  flags: readonly string[],
  log: number,
): Promise<string | undefined> {
  const command = launcher.wrap(binaries.postgres, ['-D', directory, ...flags]);
  const child = spawn(command.program, command.args, {
    ...command.identity,
    ...plainEnvironment(),
    detached: true,
    stdio: ['ignore', log, log],
    cwd: '/',
  });
  let failure: string | undefined;
  child.on('error', (error) => {
    failure = error.message;
  });
  child.on('exit', (code, signal) => {
    failure ??= `it ended with ${signal ?? `status ${code}`}`;
  });
  child.unref();
  const deadline = Date.now() + RECOVERY_MS;
  while (failure === undefined) {
    if (Date.now() > deadline) return 'it was not ready after two minutes';
    const found = await findPostmaster(directory);
    if (found !== undefined && found.pid === child.pid && found.status === 'ready') break;
    await sleep(POLL_MS);
  }
  return failure;
}

/** On Windows pg_ctl gives up the administrator's rights, which PostgreSQL also refuses. */
async function startOnWindows(
  { directory, binaries }: Launch,
  flags: readonly string[],
  logFile: string,
): Promise<string | undefined> {
  const options = flags.map((flag) => `"${flag}"`).join(' ');
  const args = ['start', '-D', directory, '-l', logFile, '-w', '-t', '60', '-o', options];
  const outcome = await run(binaries.pgCtl, args);
  return outcome.ok ? undefined : outcome.stderr;
}

/** The port of last time if it is free, so that tools pointed at it keep working. */
async function choosePort(directory: string): Promise<number> {
  const last = await readFile(join(directory, 'postmaster.opts'), 'utf8').catch(() => '');
  return freePort(Number(/"port=(\d+)"/.exec(last)?.[1] ?? 0)).catch((cause: unknown) => {
    throw new EmbeddedPostgresError('The system has no free port for PostgreSQL', { cause });
  });
}

async function trimLog(logFile: string): Promise<void> {
  const size = await stat(logFile).then(
    (found) => found.size,
    () => 0,
  );
  if (size > MAX_LOG_BYTES) await rename(logFile, `${logFile}.old`);
}
