/**
 * Makes a new, empty cluster. It is made beside its final place and then renamed, so that
 * the place holds either no cluster or a whole one, whenever the power goes.
 */
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { PostgresBinaries } from './binaries.js';
import { EmbeddedPostgresError, systemErrorCode } from './error.js';
import { isSignalable } from './postmaster.js';
import type { Launcher } from './privileges.js';
import { run } from './programs.js';

/** The role that owns everything in the cluster. */
export const SUPERUSER = 'latchkey';

/** Creates the cluster if the directory holds none yet. */
export async function ensureCluster(options: {
  directory: string;
  password: string;
  initdbFlags: readonly string[];
  binaries: PostgresBinaries;
  launcher: Launcher;
}): Promise<void> {
  const { directory, launcher } = options;
  await removeAbandoned(directory);
  if (await holdsCluster(directory)) {
    await adoptFiles(directory, launcher);
    return;
  }
  const staging = `${directory}.new-${process.pid}-${randomBytes(4).toString('hex')}`;
  const data = join(staging, 'data');
  const passwordFile = join(staging, 'password');
  try {
    await mkdir(data, { recursive: true, mode: 0o700 });
    await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600 });
    await giveAway([staging, data, passwordFile], launcher);
    await initialise(data, passwordFile, options);
    await rename(data, directory).catch((error: unknown) => {
      // Another process that started at the same moment was faster; its cluster is as good.
      const lost = ['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(systemErrorCode(error) ?? '');
      if (!lost) throw error;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  if (!(await holdsCluster(directory))) {
    throw new EmbeddedPostgresError(
      `${directory} is not empty and holds no PostgreSQL cluster: move it away or choose another data directory`,
    );
  }
}

async function initialise(
  data: string,
  passwordFile: string,
  options: { initdbFlags: readonly string[]; binaries: PostgresBinaries; launcher: Launcher },
): Promise<void> {
  const flags = [
    `--pgdata=${data}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-instructions',
    ...options.initdbFlags,
  ];
  const command = options.launcher.wrap(options.binaries.initdb, flags);
  const outcome = await run(command.program, command.args, command.identity);
  if (outcome.ok) return;
  const lines = `${outcome.stdout}\n${outcome.stderr}`.split('\n').map((line) => line.trim());
  const complaint = lines.findLast((line) => /error|fatal|setpriv|not found|ENOENT/i.test(line));
  if (complaint?.includes('ENOENT')) {
    throw new EmbeddedPostgresError(
      'PostgreSQL does not run on this system, which lacks the GNU C library (Alpine?): set DATABASE_URL',
    );
  }
  const reason = complaint ?? lines.findLast((line) => line !== '') ?? 'no reason given';
  throw new EmbeddedPostgresError(`The database could not be created: ${reason}`);
}

async function holdsCluster(directory: string): Promise<boolean> {
  return stat(join(directory, 'PG_VERSION')).then(
    () => true,
    () => false,
  );
}

/** A data directory that root copied here belongs to root, and PostgreSQL would refuse it. */
async function adoptFiles(directory: string, launcher: Launcher): Promise<void> {
  const { owner } = launcher;
  if (owner === undefined || (await stat(directory)).uid === owner.uid) return;
  const entries = await readdir(directory, { recursive: true });
  await giveAway([directory, ...entries.map((entry) => join(directory, entry))], launcher);
}

async function giveAway(paths: readonly string[], { owner }: Launcher): Promise<void> {
  if (owner === undefined) return;
  for (const path of paths) await chown(path, owner.uid, owner.gid);
}

/** Removes what a process left behind that was killed while it made a cluster. */
async function removeAbandoned(directory: string): Promise<void> {
  const parent = dirname(directory);
  const prefix = `${basename(directory)}.new-`;
  for (const entry of await readdir(parent)) {
    const pid = Number(entry.startsWith(prefix) && entry.slice(prefix.length).split('-')[0]);
    if (pid > 0 && !isSignalable(pid)) {
      await rm(join(parent, entry), { recursive: true, force: true });
    }
  }
}
