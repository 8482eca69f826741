/**
 * The demo shop with one command: Latchkey, the orders API, the storefront and a till, and what to try.
 * They come up in this order and go down in the reverse one; none is left behind.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

type Demo = {
  readonly issuer: string;
  readonly users: { readonly shopper: { readonly email: string; readonly password: string } };
};

type Part = {
  readonly name: string;
  readonly child: ChildProcess;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
};

/** Something the person at the terminal can do something about. */
class DemoError extends Error {}

const root = fileURLToPath(new URL('..', import.meta.url));
const dataDir = resolve(root, process.env.LATCHKEY_DATA_DIR ?? '.latchkey');
const demoFile = join(dataDir, 'demo.json');
// The storefront's address is registered with its client, so it cannot be another one.
const STOREFRONT_PORT = 4000;
const API_PORT = 4002;
const TILL_PORT = 4003;

const say = (text = '') => console.log(text);

const toldToStop = new Promise<void>((stop) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop());
});

async function main(): Promise<number> {
  const parts: Part[] = [];
  try {
    await needPort(STOREFRONT_PORT, 'the storefront');
    await needPort(API_PORT, 'the orders API');
    await needPort(TILL_PORT, 'the till');
    build();
    say('Starting Latchkey, the orders API, the storefront and the till …');
    const ready =
      (await start(parts, 'Latchkey', ['dist/main.js', 'start'], {
        LATCHKEY_SEED: 'demo',
        LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
        ...(process.stdout.isTTY ? { LOG_FORMAT: 'pretty' } : {}),
      })) &&
      (await startExample(parts, 'The orders API', 'orders-api', API_PORT)) &&
      (await startExample(parts, 'The storefront', 'storefront', STOREFRONT_PORT)) &&
      (await startExample(parts, 'The till', 'till', TILL_PORT));
    if (!ready) return 0;
    explain(JSON.parse(readFileSync(demoFile, 'utf8')) as Demo);
    await Promise.race([
      toldToStop,
      ...parts.map(async ({ name, ended }) => {
        throw new DemoError(`${name} has stopped (${await ended}), so the demo ends.`);
      }),
    ]);
    return 0;
  } catch (error) {
    console.error(error instanceof DemoError ? `\n${error.message}` : error);
    return 1;
  } finally {
    if (parts.length > 0) say('\nStopping …');
    for (const part of parts.reverse()) await stop(part);
  }
}

function build(): void {
  const { status } = spawnSync(process.execPath, ['scripts/build.mjs', '--if-stale'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) throw new DemoError('Latchkey could not be built.');
}

function startExample(parts: Part[], name: string, example: string, port: number) {
  return start(parts, name, ['--import', 'tsx', `examples/${example}/main.ts`], {
    PORT: String(port),
    DEMO_FILE: demoFile,
    ORDERS_API: `http://localhost:${API_PORT}`,
  });
}

/** Starts a part and waits until it says it is ready; false when told to stop meanwhile. */
async function start(
  parts: Part[],
  name: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<boolean> {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C reaches every process of the terminal's group at once. In groups of their own the
    // parts hear of it from here, in order.
    detached: process.platform !== 'win32',
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  parts.push({ name, child, ended });

  const complaints: string[] = [];
  const ready = new Promise<boolean>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('is ready at')) resolve(true);
      // What it would say to whoever starts it alone is left out; entries of its log are not.
      else if (/^(\{|\d\d:\d\d:)/.test(line)) console.error(line);
    });
    createInterface({ input: child.stderr }).on('line', (line) => {
      complaints.push(line);
      console.error(line);
    });
  });
  const outcome = await Promise.race([ready, toldToStop.then(() => false), ended]);
  if (typeof outcome === 'boolean') return outcome;
  throw new DemoError(
    complaints.some((line) => line.includes('already running'))
      ? 'The demo brings a Latchkey of its own: stop the one that runs, then try again.'
      : `${name} did not start (${outcome}).`,
  );
}

/** Asks a part to stop and waits for it: Latchkey lets what is in flight finish. */
async function stop({ child, ended }: Part): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
  await ended;
}

async function needPort(port: number, who: string): Promise<void> {
  const free = await new Promise<boolean>((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
  if (!free) {
    throw new DemoError(
      `Port ${port} is in use, and ${who} needs it: stop what listens there, then try again.`,
    );
  }
}

function explain({ issuer, users }: Demo): void {
  const { email, password } = users.shopper;
  const where = process.env.LATCHKEY_DATA_DIR ? `LATCHKEY_DATA_DIR=${dataDir} ` : '';
  say(`
  The demo shop is open.

  1  Open       http://localhost:${STOREFRONT_PORT}
  2  Sign in    ${email}
     password   ${password}
  3  In another terminal, end everything this shopper has open:

     ${where}npm run latchkey -- users revoke ${email}

  4  Reload the shop: the orders are refused at once, and signing in asks for the password.

  5  Or sign in without typing a password where you stand:

     http://localhost:${TILL_PORT}   a till, with a code and a picture for your phone

  Latchkey      ${issuer}
  Orders API    http://localhost:${API_PORT}/orders
  More log-ins  ${demoFile}

  Ctrl-C stops everything.`);
}

process.exitCode = await main();
// The terminal and its pipes are all that is left to hold this open.
process.exit();
