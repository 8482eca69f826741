/**
 * Removes what expired long ago: a bounded batch a minute, so that no statement holds many rows
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
  /** Removes at most `limit` rows; returns how many. */
  readonly purgeExpired: (limit: number) => Promise<number>;
  readonly onError: (error: unknown) => void;
  readonly timers?: Timers;
  /** From 0 to 1: nodes that started together must not all come at the same moment. */
  readonly random?: () => number;
}): Job {
  const { purgeExpired, onError, timers = systemTimers, random = Math.random } = parts;
  let closed = false;
  let underway = Promise.resolve();
  let callOff = () => {};

  const plan = () => {
    if (closed) return;
    const jitter = 0.75 + random() / 2;
    callOff = timers.after(EVERY_MS * jitter, () => {
      underway = purge().catch(onError).finally(plan);
    });
  };
  const purge = async () => {
    let removed: number;
    do {
      removed = await purgeExpired(PURGE_BATCH);
    } while (removed >= PURGE_BATCH && !closed);
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
