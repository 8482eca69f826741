/** Runs the small system programs that the embedded database needs, with a known PATH. */
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';

/** Administrators' directories included: `su` without a dash leaves them out of PATH. */
const SEARCH_PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/**
 * What PostgreSQL and the system programs see of the environment: nothing of ours, which may
 * hold secrets, and a plain locale, so that messages are the ones we look for. Windows needs
 * its own variables to find its libraries, so there the environment is inherited.
 */
export function plainEnvironment(): { env?: NodeJS.ProcessEnv } {
  if (process.platform === 'win32') return {};
  return { env: { PATH: SEARCH_PATH.join(':'), LC_ALL: 'C', TZ: 'UTC' } };
}

export type Outcome = { readonly ok: boolean; readonly stdout: string; readonly stderr: string };

/** Runs a program to its end. A program that fails, or is not there, is `ok: false`. */
export function run(
  program: string,
  args: readonly string[],
  identity: { uid?: number; gid?: number } = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    // The working directory may be one that another identity cannot enter.
    const options = { ...identity, ...plainEnvironment(), encoding: 'utf8' as const, cwd: '/' };
    execFile(program, [...args], { ...options, windowsHide: true }, (error, stdout, stderr) => {
      resolve({ ok: error === null, stdout, stderr: stderr || (error?.message ?? '') });
    });
  });
}

/** The absolute path of a system program, or undefined. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const directory of SEARCH_PATH) {
    const path = join(directory, name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}
