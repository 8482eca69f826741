/**
 * The pictures of the README, taken from the real thing: `npx tsx scripts/pictures.ts [folder]`
 * starts a server and the example shop, and goes from the shop to the sign-in page.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { demoBrand } from '../src/flows/demo-brand.js';
import { launchBrowser } from '../test/support/chromium.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = process.argv[2] ?? join(root, 'docs', 'pictures');

const pictures: Record<string, BrowserContextOptions> = {
  'sign-in': { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  'sign-in-phone-dark': {
    viewport: { width: 390, height: 844 },
    colorScheme: 'dark',
    isMobile: true,
  },
};

/** Starts a process and waits until it says that it is ready. */
async function start(args: string[], env: Record<string, string>): Promise<ChildProcess> {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('is ready at')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`${args.join(' ')} ended with ${code}`)));
  });
  return child;
}

/** The demo's own client is registered for port 4000, which somebody may be using. */
async function registerStorefront(port: number, env: Record<string, string>): Promise<void> {
  const latchkey = (...args: string[]) => {
    const run = spawnSync(process.execPath, ['dist/main.js', ...args], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (run.status !== 0) throw new Error('the storefront could not be registered');
  };
  latchkey(
    ...['clients', 'create', 'pictures-storefront', '--name', 'Alder & Oak'],
    ...['--auth', 'none', '--first-party', '--scope', 'openid profile email offline_access'],
    ...['--redirect-uri', `http://localhost:${port}/callback`],
    ...['--allow', 'https://api.demo-shop.example/orders=orders:read'],
  );
  const logo = join(dataDir, 'logo.svg');
  await writeFile(logo, demoBrand.logo?.bytes ?? '');
  latchkey(
    ...['clients', 'brand', 'pictures-storefront', '--logo', logo],
    ...['--accent', demoBrand.accent ?? ''],
  );
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  if (child.exitCode !== null || !child.kill('SIGTERM')) return;
  await ended;
}

/** The typeface that the npm-shipped browser brings, so that pictures look alike everywhere. */
async function typeface(): Promise<Record<string, string | undefined>> {
  const file = join(dataDir, 'fonts.conf');
  await writeFile(
    file,
    `<?xml version="1.0"?><fontconfig><dir>${root}node_modules/.cache</dir>
    <dir>/usr/share/fonts</dir><cachedir>${join(dataDir, 'fonts')}</cachedir>
    <alias binding="same"><family>system-ui</family><prefer><family>Open Sans</family></prefer>
    </alias></fontconfig>`,
  );
  return { ...process.env, FONTCONFIG_FILE: file };
}

async function takePicture(browser: Browser, shop: string, name: string): Promise<void> {
  const context = await browser.newContext({ deviceScaleFactor: 1, ...pictures[name] });
  const page = await context.newPage();
  await page.goto(shop);
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.locator('.login-submit').waitFor();
  // A blinking caret would make every picture a new one.
  await page.screenshot({ path: join(folder, `${name}.png`), caret: 'hide' });
  await context.close();
}

const build = spawnSync(process.execPath, ['scripts/build.mjs', '--if-stale'], {
  cwd: root,
  stdio: 'inherit',
});
if (build.status !== 0) process.exit(1);

await mkdir(folder, { recursive: true });
const dataDir = await mkdtemp(join(tmpdir(), 'latchkey-pictures-'));
// The database refuses to run as root, and its own user has to get through to its directory.
await chmod(dataDir, 0o755);
const serverEnv = {
  PORT: String(await freePort()),
  LATCHKEY_DATA_DIR: dataDir,
  LATCHKEY_OPS_PORT: '0',
  LOG_LEVEL: 'warn',
};
const shopPort = await freePort();
const stoppers: (() => Promise<void>)[] = [() => rm(dataDir, { recursive: true, force: true })];
try {
  const server = await start(['dist/main.js', 'start'], serverEnv);
  stoppers.push(() => stop(server));
  await registerStorefront(shopPort, serverEnv);
  const shop = await start(['--import', 'tsx', 'examples/storefront/main.ts'], {
    PORT: String(shopPort),
    DEMO_FILE: join(dataDir, 'demo.json'),
    CLIENT_ID: 'pictures-storefront',
    SCOPE: 'openid profile email offline_access orders:read',
  });
  stoppers.push(() => stop(shop));
  const browser = await launchBrowser({ env: await typeface() });
  stoppers.push(() => browser.close());
  for (const name of Object.keys(pictures)) {
    await takePicture(browser, `http://localhost:${shopPort}/`, name);
    console.log(join(folder, `${name}.png`));
  }
} finally {
  for (const step of stoppers.reverse()) await step();
}
