/**
 * Programs of other people that our tests run against: found on this machine, or installed from
 * Debian's packages where that is allowed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Missing } from './provided.js';

export type Wanted = {
  /** Any of these will do, the first one first. */
  readonly programs: readonly string[];
  /** What has to lie beside it. */
  readonly files?: readonly string[];
  /** The Debian packages that bring it. */
  readonly packages: readonly string[];
};

// Servers are not in everybody's PATH.
const PLACES = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin'];
const POLICY = '/usr/sbin/policy-rc.d';

/** Where the program is; undefined if it is not on this machine. */
export function findProgram(wanted: Pick<Wanted, 'programs' | 'files'>): string | undefined {
  const { programs, files = [] } = wanted;
  if (!files.every((path) => existsSync(path))) return undefined;
  const directories = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...PLACES];
  return directories
    .flatMap((directory) => programs.map((name) => join(directory, name)))
    .find((path) => existsSync(path));
}

/** The same, but on Debian as root it is installed first. */
export function obtainProgram(wanted: Wanted): string | undefined {
  const found = findProgram(wanted);
  if (found || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return found;
  console.log(`Installing ${wanted.packages.join(', ')} for the tests (apt-get) ...`);
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const install = ['install', '-y', '--no-install-recommends', ...wanted.packages];
  // Debian starts a service as soon as it is installed; the tests start their own.
  const quiet = !existsSync(POLICY);
  if (quiet) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    if (spawnSync('apt-get', install, options).status !== 0) {
      spawnSync('apt-get', ['update'], options);
      spawnSync('apt-get', install, options);
    }
  } finally {
    if (quiet) rmSync(POLICY, { force: true });
  }
  return findProgram(wanted);
}

/** What the reporter says when it cannot be had. */
export function missingProgram(what: string, { packages }: Wanted): Missing {
  return { what, remedy: `apt-get install ${packages.join(' ')}` };
}
