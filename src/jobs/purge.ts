/**
 * Removes what expired long ago, and does what has fallen due: a bounded batch a minute, so that no statement holds many rows
 * for long, and batch after batch while there is a backlog. Every process does it; the rows one
 * of them holds are skipped by the others.
 */
import { systemTimers, type Timers } from '../kernel/clock.js';

export const PURGE_BATCH = 5_000;
const EVERY_MS = 60_000;

export type Job = {
  /** Calls off what is planned and waits for what is under way. */
  close(): Promise<void>;
};

/** Starts the job; the first batch is due within the first minute and a bit. */
export function startPurge(parts: {
  /** Each removes about `limit` rows at most; returns how many. */
  readonly purges: readonly ((limit: number) => Promise<number>)[];
  readonly onError: (error: unknown) => void;
  readonly timers?: Timers;
  /** From 0 to 1: nodes that started together must not all come at the same moment. */
  readonly random?: () => number;
}): Job {
  const { purges, onError, timers = systemTimers, random = Math.random } = parts;
  let closed = false;
  let underway = Promise.resolve();
  let callOff = () => {};

  const plan = () => {
    if (closed) return;
    const jitter = 0.75 + random() / 2;
    callOff = timers.after(EVERY_MS * jitter, () => {
      underway = purge().finally(plan);
    });
  };
  const purge = async () => {
    // One that fails must not keep the others from their turn.
    for (const purgeExpired of purges) await drain(purgeExpired).catch(onError);
  };
  const drain = async (purgeExpired: (limit: number) => Promise<number>) => {
    let removed = 0;
    do {
      if (closed) return;
      removed = await purgeExpired(PURGE_BATCH);
    } while (removed >= PURGE_BATCH);
  };

  plan();
  return {
    async close() {
      closed = true;
      callOff();
      await underway;
    },
  };
}
