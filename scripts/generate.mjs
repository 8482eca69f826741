/**
 * Generates the database client into src/generated; npm runs this after an install. Silent
 * when it works. Prisma's command line would download a migration engine that generating does
 * not need, so it is pointed at a file that exists.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Runs the generator.
 *
 * @returns {boolean} false when it failed; the reason has been printed
 */
export function generate() {
  const cli = findCli();
  if (cli === undefined) {
    if (!existsSync(join(root, 'src', 'generated')) && !existsSync(join(root, 'dist', 'main.js'))) {
      console.log(
        'Latchkey: the database client was not generated, because development dependencies are not installed. Build first (npm ci && npm run build), then install without them.',
      );
    }
    return true;
  }
  if (!existsSync(join(root, 'prisma', 'schema'))) return true;
  const result = spawnSync(process.execPath, [cli, 'generate', '--no-hints'], {
    cwd: root,
    encoding: 'utf8',
    env: {
      ...process.env,
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    },
  });
  if (result.status === 0) return true;
  console.error(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`);
  return false;
}

function findCli() {
  try {
    const require = createRequire(join(root, 'package.json'));
    const manifest = require.resolve('prisma/package.json');
    return join(dirname(manifest), require(manifest).bin.prisma);
  } catch {
    return undefined;
  }
}

/** What can be compiled while things are being installed need not be waited for at the start. */
function buildAhead() {
  const builder = join(root, 'scripts', 'build.mjs');
  const compiler = join(root, 'node_modules', 'typescript');
  const entry = join(root, 'src', 'main.ts');
  if (![builder, compiler, entry].every((path) => existsSync(path))) return;
  // If it fails, the start builds again and says why.
  spawnSync(process.execPath, [builder, '--if-stale'], { cwd: root, stdio: 'ignore' });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  if (generate()) buildAhead();
  else process.exitCode = 1;
}
