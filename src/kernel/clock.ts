/** Time arrives as a parameter, so that tests can stand still. */

export type Clock = {
  /** The present moment. */
  now(): Date;
};

export const systemClock: Clock = { now: () => new Date() };

/** Whole seconds since the epoch, the unit of every OAuth timestamp (RFC 7519 section 2). */
export function epochSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}

/** Waiting arrives as a parameter as well. */
export type Timers = {
  /** Calls `work` after `ms`; the function it returns calls that off. */
  after(ms: number, work: () => void): () => void;
};

/** Timers that do not keep the process alive. */
export const systemTimers: Timers = {
  after(ms, work) {
    const timer = setTimeout(work, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
