/**
 * Compiles src into dist: `node scripts/build.mjs [--if-stale]`. With `--if-stale` it does
 * nothing, at once and silently, while dist is newer than everything it is made from. Several
 * builds at the same time take turns, and dist is replaced whole.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { generate } from './generate.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const stamp = join(dist, '.built');
const generated = join(root, 'src', 'generated');
const lock = join(root, 'node_modules', '.latchkey-build');

const inputs = ['src', 'prisma/schema', 'tsconfig.json', 'tsconfig.build.json', 'package.json'];

/** The newest change in a file or folder, 0 when there is none. Folders count: files vanish. */
function newest(path) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return 0;
  if (!found.isDirectory()) return found.mtimeMs;
  const inside = readdirSync(path).map((name) => newest(join(path, name)));
  return Math.max(found.mtimeMs, ...inside);
}

function isFresh() {
  const built = newest(stamp);
  return built > 0 && inputs.every((input) => newest(join(root, input)) < built);
}

/** Whether the database client is older than the schema it is made from. */
function clientIsStale() {
  const schema = newest(join(root, 'prisma', 'schema'));
  return schema > 0 && newest(generated) < schema;
}

/** A folder can be made by one process only. One left by a killed build names a dead process. */
async function takeLock() {
  for (;;) {
    try {
      mkdirSync(lock);
      writeFileSync(join(lock, 'pid'), String(process.pid));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (isAbandoned()) rmSync(lock, { recursive: true, force: true });
    else await sleep(50);
  }
}

function isAbandoned() {
  const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  try {
    process.kill(Number(readFileSync(join(lock, 'pid'), 'utf8')), 0);
    return Date.now() - since > 300_000;
  } catch (error) {
    // Its owner may be about to write its number.
    return error.code === 'ESRCH' || Date.now() - since > 5_000;
  }
}

function build() {
  if (clientIsStale() && !generate()) return false;
  // Taken before reading: what changes during the build makes it stale again.
  const startedAt = new Date();
  const fresh = join(root, `dist.new-${process.pid}`);
  const old = join(root, `dist.old-${process.pid}`);
  try {
    if (!compile(fresh)) return false;
    writeFileSync(join(fresh, '.built'), '');
    utimesSync(join(fresh, '.built'), startedAt, startedAt);
    if (existsSync(dist)) renameSync(dist, old);
    renameSync(fresh, dist);
    return true;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
    rmSync(old, { recursive: true, force: true });
  }
}

function compile(outDir) {
  const require = createRequire(join(root, 'package.json'));
  let manifest;
  try {
    manifest = require.resolve('typescript/package.json');
  } catch {
    console.error("The compiler is not installed: run 'npm ci' with development dependencies.");
    return false;
  }
  const tsc = join(dirname(manifest), require(manifest).bin.tsc);
  const args = [tsc, '-p', 'tsconfig.build.json', '--outDir', outDir];
  return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0;
}

async function main() {
  const onlyIfStale = process.argv.includes('--if-stale');
  if (onlyIfStale && isFresh()) return true;
  await takeLock();
  try {
    return (onlyIfStale && isFresh()) || build();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

if (!(await main())) process.exitCode = 1;
