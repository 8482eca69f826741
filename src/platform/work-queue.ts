/**
 * A queue that would rather refuse than keep people waiting. Password hashing is the
 * dearest thing an anonymous visitor can ask for, so a flood of log-ins must meet a bound:
 * what cannot be done soon is answered with 503 at once, and is never skipped or half done.
 */
import { AppError } from '../kernel/errors.js';

export type WorkQueue = {
  /** Runs the work when its turn comes; throws `overloaded` if that would be too late. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Looks again whether work may start; call it when `slots` has grown. */
  advance(): void;
  /** Refuses everything that waits. */
  refuseWaiting(error: AppError): void;
  /** Resolves when nothing waits and nothing runs. */
  idle(): Promise<void>;
  counts(): { readonly queued: number; readonly running: number };
};

export type WorkQueueOptions = {
  /** How much may run at once, asked anew each time. */
  readonly slots: () => number;
  readonly maxQueue: number;
  readonly maxWaitMs: number;
};

type Waiting = { readonly start: () => void; readonly refuse: (error: AppError) => void };

/** A bounded first-in, first-out queue in memory. */
export function createWorkQueue({ slots, maxQueue, maxWaitMs }: WorkQueueOptions): WorkQueue {
  const waiting = new Set<Waiting>();
  const idleListeners = new Set<() => void>();
  let running = 0;

  // `running` is raised by whoever grants the turn, in the same tick: a grant that only
  // takes effect a tick later would let two callers have one slot.
  function turn(): Promise<void> {
    if (waiting.size === 0 && running < slots()) {
      running += 1;
      return Promise.resolve();
    }
    if (waiting.size >= maxQueue) {
      return Promise.reject(new AppError('overloaded', { cause: 'the queue is full' }));
    }
    return new Promise((resolve, reject) => {
      const place: Waiting = {
        start() {
          leave();
          running += 1;
          resolve();
        },
        refuse(error) {
          leave();
          reject(error);
          settle();
        },
      };
      const timer = setTimeout(
        () => place.refuse(new AppError('overloaded', { cause: `waited ${maxWaitMs} ms` })),
        maxWaitMs,
      );
      function leave(): void {
        clearTimeout(timer);
        waiting.delete(place);
      }
      waiting.add(place);
    });
  }

  function advance(): void {
    for (const place of waiting) {
      if (running >= slots()) break;
      place.start();
    }
    settle();
  }

  function settle(): void {
    if (running > 0 || waiting.size > 0) return;
    for (const resolve of idleListeners) resolve();
    idleListeners.clear();
  }

  return {
    async run(work) {
      await turn();
      try {
        return await work();
      } finally {
        running -= 1;
        advance();
      }
    },
    advance,
    refuseWaiting(error) {
      for (const place of waiting) place.refuse(error);
    },
    idle: () =>
      new Promise((resolve) => {
        idleListeners.add(resolve);
        settle();
      }),
    counts: () => ({ queued: waiting.size, running }),
  };
}
