/**
 * A real browser for the tests: on Linux x64 the Chromium that npm ships, elsewhere the Chrome
 * or Chromium of the machine. It starts with its security as people have it; the arguments that
 * the npm package proposes would turn web security off.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Browser, chromium, type LaunchOptions } from 'playwright-core';

const root = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);

const INSTALLED = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
  '/usr/bin/google-chrome',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/snap/bin/chromium',
];

/** Which browser the tests would use: `'npm'`, the path of an installed one, or none. */
export function findBrowser(): string | undefined {
  if (process.platform === 'linux' && process.arch === 'x64') {
    try {
      require.resolve('@sparticuz/chromium');
      return 'npm';
    } catch {
      // An installation without development dependencies; look for an installed one.
    }
  }
  return INSTALLED.find((path) => existsSync(path));
}

/** Whether there is a browser; for `describe.skipIf(!hasBrowser())`. The reporter tells when not. */
export function hasBrowser(): boolean {
  return findBrowser() !== undefined;
}

/** Starts a headless browser. Close it when done; every test takes a context of its own. */
export async function launchBrowser(given: LaunchOptions = {}): Promise<Browser> {
  // Half a minute is what a machine may take that unpacks and starts two of them at once.
  const options = { timeout: 90_000, ...given };
  const found = findBrowser();
  if (found === undefined) throw new Error('No browser: install Google Chrome or Chromium');
  if (found !== 'npm') return chromium.launch({ ...options, executablePath: found });
  const home = await unpack();
  const executablePath = join(home, 'chromium');
  try {
    return await chromium.launch({ ...options, executablePath });
  } catch (error) {
    const lacksLibraries = error instanceof Error && /loading shared libraries/.test(error.message);
    if (!lacksLibraries) throw error;
    // A bare container; the package brings the libraries along, for another such container.
    const env = {
      ...process.env,
      LD_LIBRARY_PATH: join(home, 'al2023', 'lib'),
      FONTCONFIG_PATH: join(home, 'fonts'),
    };
    return chromium.launch({ ...options, executablePath, env });
  }
}

/**
 * Unpacks the browser once per version. The package would unpack into the temporary directory
 * and take a half-written file of another worker for the whole; so it gets a directory of its
 * own, which is renamed when complete.
 */
async function unpack(): Promise<string> {
  const manifest = join(dirname(require.resolve('@sparticuz/chromium')), '..', 'package.json');
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
  const cache = join(root, 'node_modules', '.cache');
  const home = join(cache, `chromium-${version}`);
  if (existsSync(home)) return home;
  await mkdir(cache, { recursive: true });
  const staging = await mkdtemp(join(cache, 'chromium-new-'));
  try {
    const script = "import c from '@sparticuz/chromium'; await c.executablePath();";
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      cwd: root,
      // The name of the environment asks for the libraries as well.
      env: { ...process.env, TMPDIR: staging, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs22.x' },
    });
    await rename(staging, home).catch((error: unknown) => {
      if (!existsSync(home)) throw error;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return home;
}
