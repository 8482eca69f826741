/**
 * What password hashing costs, and what it leaves to everybody else. An HTTP echo server
 * runs in this process and a load generator in another one; log-ins are asked for at four
 * times the rate that can be hashed, once with the hashing process and once, for contrast,
 * inside the server. Every figure is a ratio taken in this one run, on a quiet machine.
 *
 *   npx tsx bench/password-hashing.ts
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { loadNodeRs, loadReference } from '../src/platform/argon2-binding.js';
import { defaultArgon2Parameters } from '../src/platform/argon2-phc.js';
import { startPasswordHasher } from '../src/platform/password-hasher.js';

const ROUNDS = 15;
const SPAN_MS = 500;
const CONNECTIONS = 16;

type Load = { readonly perSecond: number; readonly p99: number };

const port = process.argv[2];
if (port === undefined) await measure();
else generate(Number(port));

async function measure(): Promise<void> {
  const lanes = availableParallelism();
  const [nodeRs, reference] = [await loadNodeRs(), await loadReference()];
  const hasher = startPasswordHasher();
  await hasher.ready();
  const phc = await hasher.hash('somebody');

  const rates = { nodeRs: [] as number[], reference: [] as number[], hasher: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    rates.nodeRs.push(await rate(lanes, () => nodeRs.verify(phc, 'a guess')));
    rates.hasher.push(await rate(lanes, () => hasher.verify(phc, 'a guess')));
    rates.reference.push(await rate(lanes, () => reference.verify(phc, 'a guess')));
  }
  const capacity = median(rates.hasher);
  console.log(`argon2id ${JSON.stringify(defaultArgon2Parameters)}, ${lanes} at once`);
  row('@node-rs/argon2, in process, hashes/s', median(rates.nodeRs));
  row('argon2, in process, hashes/s', median(rates.reference));
  row('through the hashing process, hashes/s', capacity);
  row('@node-rs/argon2 ÷ argon2', median(rates.nodeRs) / median(rates.reference));
  row('hashing process ÷ in process', capacity / median(rates.nodeRs));

  const server = createServer((incoming, response) => void incoming.pipe(response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const generator = fork(fileURLToPath(import.meta.url), [String(address.port)]);
  const load = async (): Promise<Load> => {
    generator.send(SPAN_MS);
    const [answer] = await once(generator, 'message');
    return answer as Load;
  };
  await load();

  const kept = { beside: [] as number[], inside: [] as number[] };
  const late = { beside: [] as number[], inside: [] as number[] };
  const hashed = { beside: [] as number[], inside: [] as number[] };
  // The contrast: the same bound on what waits, but hashed by the server's own threads.
  let waiting = 0;
  const inside = async () => {
    if (waiting >= 50) throw new Error('shed');
    waiting += 1;
    await nodeRs.verify(phc, 'a guess').finally(() => {
      waiting -= 1;
    });
  };
  const ways = { beside: () => hasher.verify(phc, 'a guess'), inside };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const way of ['beside', 'inside'] as const) {
      const quiet = await load();
      const stop = flood(4 * capacity, ways[way]);
      const loud = await load();
      hashed[way].push((await stop()) / (SPAN_MS / 1000) / capacity);
      kept[way].push(loud.perSecond / quiet.perSecond);
      late[way].push(loud.p99 / quiet.p99);
      await sleep(100);
    }
  }
  console.log(`HTTP echo while ${(4 * capacity).toFixed(0)} log-ins/s are asked for`);
  for (const way of ['beside', 'inside'] as const) {
    const where = way === 'beside' ? 'hashing process' : 'in process';
    row(`${where}: requests/s kept`, median(kept[way]));
    row(`${where}: p99 during ÷ before`, median(late[way]));
    row(`${where}: hashes/s ÷ capacity, both cores busy`, median(hashed[way]));
  }
  generator.disconnect();
  server.closeAllConnections();
  server.close();
  await hasher.close();
}

/** Completions per second with `lanes` in flight. */
async function rate(lanes: number, work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  let done = 0;
  const lane = async () => {
    for (; performance.now() - started < SPAN_MS / 2; done += 1) await work();
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return (done * 1000) / (performance.now() - started);
}

/** Asks at a fixed rate whatever becomes of it; stopping tells how many were done. */
function flood(perSecond: number, work: () => Promise<unknown>): () => Promise<number> {
  const started = performance.now();
  const open = new Set<Promise<void>>();
  let asked = 0;
  let done = 0;
  const timer = setInterval(() => {
    for (; asked < ((performance.now() - started) * perSecond) / 1000; asked += 1) {
      const one: Promise<void> = work()
        .then(
          () => {
            done += 1;
          },
          () => {},
        )
        .finally(() => open.delete(one));
      open.add(one);
    }
  }, 5);
  return async () => {
    clearInterval(timer);
    const during = done;
    await Promise.all(open);
    return during;
  };
}

/** The load generator's side: on a message with a duration, load and report. */
function generate(port: number): void {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const once = () =>
    new Promise<void>((resolve, reject) => {
      const outgoing = request({ port, host: '127.0.0.1', method: 'POST', agent }, (response) => {
        response.resume().once('end', resolve);
      });
      outgoing.once('error', reject).end('token=0123456789abcdef');
    });
  process.on('disconnect', () => process.exit(0));
  process.on('message', async (duration: number) => {
    const started = performance.now();
    const times: number[] = [];
    const connection = async () => {
      while (performance.now() - started < duration) {
        const sent = performance.now();
        await once();
        times.push(performance.now() - sent);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, connection));
    const perSecond = (times.length * 1000) / (performance.now() - started);
    const p99 = times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;
    process.send?.({ perSecond, p99 } satisfies Load);
  });
}

function median(list: readonly number[]): number {
  return [...list].sort((a, b) => a - b)[list.length >> 1] ?? 0;
}

function row(name: string, value: number): void {
  console.log(`  ${name.padEnd(52)} ${value.toFixed(2)}`);
}
