/**
 * Several serving processes on one machine (`LATCHKEY_WORKERS`), on one port. The primary has
 * settled everything before; it hires workers, replaces those that die, and lets all of them
 * drain before anything under them is taken away.
 */
import cluster, { type Worker } from 'node:cluster';
import type { Logger } from './platform/logger.js';
import { createSharedMetrics, type MetricsPage } from './platform/metrics.js';
import { type Handover, isFromWorker, type ToWorker } from './worker-protocol.js';

// A worker that has lived this long is forgiven: its end is news, not a pattern.
const STEADY_MS = 10_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** A worker drains for ten seconds; one that takes much longer hangs. */
const STOP_MS = 15_000;

export type Workers = {
  readonly metrics: MetricsPage;
  /** Resolves when every worker has finished what it had in flight and is gone. */
  close(): Promise<void>;
};

/** Resolves once all workers listen; rejects, and leaves none behind, if one cannot start. */
export async function startWorkers(parts: {
  readonly count: number;
  readonly handover: Handover;
  readonly log: Logger;
}): Promise<Workers> {
  const { log } = parts;
  const alive = new Set<Worker>();
  const pauses = new Set<NodeJS.Timeout>();
  let shortLives = 0;
  let stopping = false;
  let onGone = () => {};
  const start = waitForAll(parts.count);

  // What this argument is good for is decided by who started the process: see `main`.
  cluster.setupPrimary({ args: ['worker'] });

  const hire = () => {
    const startedAt = performance.now();
    let reason: string | undefined;
    const worker = cluster.fork();
    alive.add(worker);
    worker.on('error', () => undefined);
    worker.on('message', (message: unknown) => {
      if (!isFromWorker(message)) return;
      if (message.kind === 'hello') tell(worker, { kind: 'settled', handover: parts.handover });
      if (message.kind === 'ready') start.ready();
      if (message.kind === 'failed') reason = message.reason;
    });
    worker.on('exit', (code, signal) => {
      alive.delete(worker);
      onGone();
      const why = reason ?? `A worker ended with ${signal || `status ${code}`}`;
      if (start.pending()) start.failed(new Error(why));
      else if (!stopping) replace(why, performance.now() - startedAt);
    });
  };

  const replace = (reason: string, livedMs: number) => {
    shortLives = livedMs < STEADY_MS ? shortLives + 1 : 0;
    log.error({ reason }, 'a worker is replaced');
    const pause = setTimeout(() => {
      pauses.delete(pause);
      hire();
    }, pauseAfter(shortLives));
    pauses.add(pause);
  };

  const close = async () => {
    stopping = true;
    for (const pause of pauses) clearTimeout(pause);
    for (const worker of alive) tell(worker, { kind: 'stop', reason: 'the server stops' });
    const limit = setTimeout(() => {
      for (const worker of alive) worker.process.kill('SIGKILL');
    }, STOP_MS);
    while (alive.size > 0) {
      await new Promise<void>((resolve) => {
        onGone = resolve;
      });
    }
    clearTimeout(limit);
  };

  for (let hired = 0; hired < parts.count; hired += 1) hire();
  try {
    await start.all;
  } catch (error) {
    await close();
    throw error;
  }
  return { metrics: createSharedMetrics(), close };
}

/** Counts the workers of the start: settled by the last that is ready, or the first that fails. */
function waitForAll(count: number) {
  let missing = count;
  let pending = true;
  let settle = { resolve: () => {}, reject: (_: Error) => {} };
  const all = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return {
    all,
    pending: () => pending,
    ready() {
      missing -= 1;
      if (missing > 0 || !pending) return;
      pending = false;
      settle.resolve();
    },
    failed(error: Error) {
      pending = false;
      settle.reject(error);
    },
  };
}

function tell(worker: Worker, message: ToWorker): void {
  // One that cannot be told any more is about to end by itself.
  if (worker.isConnected()) worker.send(message, undefined, () => undefined);
}

function pauseAfter(shortLives: number): number {
  if (shortLives <= 1) return 0;
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (shortLives - 2));
}
