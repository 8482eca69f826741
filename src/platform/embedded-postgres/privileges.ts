/**
 * Decides as whom PostgreSQL runs. It refuses to run as root, so for root it runs as the owner
 * of its data directory, by default the system user `postgres`. That user may be unable to
 * reach a clone below /root or a `mktemp -d`; then it gets the one Linux capability that lets
 * it through, so that nothing is copied and nobody's permissions are changed.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, parse } from 'node:path';
import { type Account, findOrCreateAccount } from './account.js';
import type { PostgresBinaries } from './binaries.js';
import { EmbeddedPostgresError } from './error.js';
import { findProgram, run } from './programs.js';

/** How to start a program of the cluster: as whom, and through what. */
export type Launcher = {
  /** The user to give new files to; undefined when it is ourselves. */
  readonly owner: Account | undefined;
  /** Turns a program and its arguments into what must be spawned. */
  wrap(program: string, args: readonly string[]): Spawnable;
};

export type Spawnable = {
  readonly program: string;
  readonly args: string[];
  readonly identity: { uid?: number; gid?: number };
};

/** Bits of CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH in a capability mask of the kernel. */
const DAC_OVERRIDE = 1n << 1n;
const DAC_READ_SEARCH = 1n << 2n;

/**
 * The launcher for a data directory.
 *
 * @param directory where the cluster is or will be; its parent must exist
 */
export async function createLauncher(
  directory: string,
  binaries: PostgresBinaries,
): Promise<Launcher> {
  if (process.geteuid?.() !== 0) {
    await requireOwn(directory);
    return {
      owner: undefined,
      wrap: (program, args) => ({ program, args: [...args], identity: {} }),
    };
  }
  const owner = await ownerOf(directory);
  const capability = await neededCapability(directory, binaries);
  if (capability === undefined) {
    return { owner, wrap: (program, args) => ({ program, args: [...args], identity: owner }) };
  }
  const setpriv = await findProgram('setpriv');
  if (setpriv === undefined || !(await understandsIdentity(setpriv))) {
    throw outOfReach(directory, "install util-linux's setpriv, ");
  }
  const prefix = [
    `--reuid=${owner.uid}`,
    `--regid=${owner.gid}`,
    '--clear-groups',
    // access(2) ignores capabilities of ordinary users unless this bit is set, and initdb
    // looks for its programs with access(2).
    '--securebits=+no_setuid_fixup',
    '--no-new-privs',
    `--bounding-set=-all,+${capability}`,
    `--inh-caps=-all,+${capability}`,
    `--ambient-caps=-all,+${capability}`,
  ];
  return {
    owner,
    wrap: (program, args) => ({
      program: setpriv,
      args: [...prefix, program, ...args],
      identity: {},
    }),
  };
}

/** PostgreSQL serves a directory to its owner only, and says so in words of its own. */
async function requireOwn(directory: string): Promise<void> {
  const found = await stat(directory).catch(() => undefined);
  const self = process.geteuid?.();
  if (found === undefined || self === undefined || found.uid === self) return;
  throw new EmbeddedPostgresError(
    `${directory} belongs to another user (was it created as root?): run as that user, or move it away to begin anew`,
  );
}

/** A cluster made by an ordinary user stays theirs when root starts it for once. */
async function ownerOf(directory: string): Promise<Account> {
  const found = await stat(directory).catch(() => undefined);
  if (found !== undefined && found.uid !== 0) return { uid: found.uid, gid: found.gid };
  return findOrCreateAccount();
}

type Capability = 'dac_read_search' | 'dac_override';

async function neededCapability(
  directory: string,
  binaries: PostgresBinaries,
): Promise<Capability | undefined> {
  const programs = [binaries.initdb, binaries.postgres];
  const reachable = await Promise.all([
    ...[...programs, binaries.sampleFile, directory].map(parentsAreOpen),
    ...[...programs, binaries.sampleFile].map((path) => othersMay(path, 0o004)),
  ]);
  const executable = await Promise.all(programs.map((path) => othersMay(path, 0o001)));
  if (reachable.every(Boolean) && executable.every(Boolean)) return undefined;
  // Reading and searching is the smaller right, but it does not execute a file of mode 0700
  // (a clone made under umask 077), and containers often lack it where they have the larger.
  const held = await heldCapabilities();
  const small = executable.every(Boolean) && (held & DAC_READ_SEARCH) !== 0n;
  if (small) return 'dac_read_search';
  if ((held & DAC_OVERRIDE) !== 0n) return 'dac_override';
  throw outOfReach(directory, '');
}

function outOfReach(directory: string, remedy: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    `PostgreSQL does not run as root, and its own user cannot reach ${directory} or its programs in node_modules: ${remedy}move the clone to a directory everyone may enter, run as an ordinary user, or set DATABASE_URL`,
  );
}

async function parentsAreOpen(path: string): Promise<boolean> {
  const { root } = parse(path);
  for (let parent = dirname(path); ; parent = dirname(parent)) {
    if (!(await othersMay(parent, 0o001))) return false;
    if (parent === root) return true;
  }
}

async function othersMay(path: string, bits: number): Promise<boolean> {
  const found = await stat(path);
  return (found.mode & bits) === bits;
}

async function heldCapabilities(): Promise<bigint> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return mask === undefined ? 0n : BigInt(`0x${mask}`);
}

/** BusyBox has a setpriv as well, which cannot change the user. */
async function understandsIdentity(setpriv: string): Promise<boolean> {
  const help = await run(setpriv, ['--help']);
  return `${help.stdout}${help.stderr}`.includes('--reuid');
}
