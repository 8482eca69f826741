/** One of several serving processes: it is told what was settled, serves, and drains when told. */
import { composeCore } from './compose.js';
import type { Config } from './config/index.js';
import { explain } from './explain.js';
import { openFront } from './front.js';
import { createLogger } from './platform/logger.js';
import { type FromWorker, type Handover, isToWorker, unpackHandover } from './worker-protocol.js';

/** Serves until told to stop, by the primary or by a signal; returns the exit code. */
export async function work(readConfig: () => Config): Promise<number> {
  // Ctrl-C reaches every process of the terminal; the primary says the same a moment later.
  const told = new Promise<'stop'>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve('stop'));
    process.on('message', (message) => {
      if (isToWorker(message) && message.kind === 'stop') resolve('stop');
    });
  });
  const settled = new Promise<Handover>((resolve) => {
    process.on('message', (message) => {
      if (isToWorker(message) && message.kind === 'settled') resolve(message.handover);
    });
  });
  await tell({ kind: 'hello' });
  const handover = await Promise.race([settled, told]);
  if (handover === 'stop') return 0;
  try {
    await serveUntil(told, readConfig(), handover);
    return 0;
  } catch (error) {
    await tell({ kind: 'failed', reason: explain(error).join(' ') });
    return 1;
  }
}

async function serveUntil(told: Promise<unknown>, given: Config, handover: Handover) {
  const log = createLogger(given.log);
  const config = unpackHandover(given, handover);
  const core = composeCore(config, log);
  try {
    await core.hasherReady();
    const front = await openFront(config, core, { log, demo: handover.demo });
    front.metrics.shareWithPrimary();
    await tell({ kind: 'ready' });
    await told;
    await front.close();
  } finally {
    await core.close();
  }
}

/** Resolves when the message is on its way; a primary that is gone needs no telling. */
function tell(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (process.send) process.send(message, undefined, undefined, () => resolve());
    else resolve();
  });
}
