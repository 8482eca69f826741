/**
 * What the time of a refusal tells about a name (R58): wrong passwords for a shopper who exists
 * and for names that nobody has, in turn, at one server. The medians must be 5 ms or 10 % apart
 * at most. Medians may agree where the rest does not, so the distributions are shown as well,
 * and how often somebody would be right who takes the slower of two answers for the known name
 * (0.5: a coin would do).
 *
 *     npx tsx bench/login-timing.ts
 */
import { randomBytes } from 'node:crypto';
import { authorizeUrl } from '../test/support/protocol.js';
import type { TestServer } from '../test/support/server.js';
import { follow, openBrowser, type Reply, submitLogin } from '../test/support/shopper.js';
import { median } from './load.js';
import { startBenchServer } from './server.js';

const SAMPLES = 200;
// Below the lock at ten; a right password in between lets the count start again.
const IN_A_ROW = 8;

const bench = await startBenchServer({
  LATCHKEY_BOT_CHALLENGE: 'off',
  LATCHKEY_RATE_LIMITS: 'off',
});
const server = { issuer: bench.issuer } as TestServer;

/** The share of pairs in which the first kind took longer; ties count half (Mann–Whitney). */
function slowerShare(first: readonly number[], second: readonly number[]): number {
  const wins = first.flatMap((a) => second.map((b): number => (a > b ? 1 : a === b ? 0.5 : 0)));
  return wins.reduce((sum, win) => sum + win, 0) / wins.length;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** How many samples fell into each bin, as a row of blocks. */
function shape(values: readonly number[], from: number, to: number): string {
  const bins = Array.from({ length: 40 }, () => 0);
  for (const value of values) {
    const bin = Math.floor(((value - from) / (to - from)) * bins.length);
    const clamped = Math.min(Math.max(bin, 0), bins.length - 1);
    bins[clamped] = (bins[clamped] ?? 0) + 1;
  }
  const most = Math.max(...bins);
  return bins.map((count) => ' ▁▂▃▄▅▆▇█'[Math.ceil((count / most) * 8)]).join('');
}

/** One log-in by a browser that was never here; the time of the answer alone. */
async function timed(email: string, password: string): Promise<{ reply: Reply; ms: number }> {
  const browser = openBrowser(server);
  const page = await follow(browser, server, await browser.get(authorizeUrl()));
  const from = performance.now();
  const reply = await submitLogin(browser, page, { email, password });
  return { reply, ms: performance.now() - from };
}

async function refused(email: string): Promise<number> {
  const { reply, ms } = await timed(email, 'velvet otter mends the socks');
  if (reply.status !== 422) throw new Error(`answered ${reply.status}`);
  return ms;
}

try {
  const { email = '', password = '' } = bench.demo.users.shopper ?? {};
  const nobody = () => `${randomBytes(6).toString('hex')}@${email.split('@')[1]}`;
  const known: number[] = [];
  const unknown: number[] = [];
  let stranger = nobody();
  for (let sample = -IN_A_ROW; sample < SAMPLES; sample += 1) {
    if (sample % IN_A_ROW === 0) {
      stranger = nobody();
      const { reply } = await timed(email, password);
      if (reply.status !== 303) throw new Error(`the right password got ${reply.status}`);
    }
    // Who comes first changes, and the first few only warm up.
    const [a, b] = sample % 2 === 0 ? [email, stranger] : [stranger, email];
    const times = new Map([[a, await refused(a)]]);
    times.set(b, await refused(b));
    if (sample < 0) continue;
    known.push(times.get(email) ?? 0);
    unknown.push(times.get(stranger) ?? 0);
  }
  const [here, there] = [median(known), median(unknown)];
  const apart = Math.abs(here - there);
  const ratio = here / there;
  const holds = apart <= 5 || Math.abs(1 - ratio) <= 0.1;
  const both = [...known, ...unknown];
  const [from, to] = [quantile(both, 0.005), quantile(both, 0.98)];
  for (const [name, values] of [
    ['known  ', known],
    ['unknown', unknown],
  ] as const) {
    const marks = [0.1, 0.25, 0.5, 0.75, 0.9].map((share) => quantile(values, share).toFixed(1));
    console.log(`${name}  ${marks.join('  ')} ms (10, 25, 50, 75, 90 % of ${values.length})`);
    console.log(`         |${shape(values, from, to)}| ${from.toFixed(0)} to ${to.toFixed(0)} ms`);
  }
  console.log(`slower   ${slowerShare(known, unknown).toFixed(3)} of pairs: the known name's`);
  console.log(
    `apart    ${apart.toFixed(2)} ms, ratio ${ratio.toFixed(3)}: ${holds ? 'holds' : 'too far'}`,
  );
  if (!holds) process.exitCode = 1;
} finally {
  await bench.stop();
}
