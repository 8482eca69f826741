/**
 * Keeps one hashing process alive: restarts it at once when it dies, and with growing
 * pauses when it keeps dying, so that a broken installation does not become a fork loop.
 */
import type { Argon2Library } from './argon2-binding.js';
import { type HasherProcess, startHasherProcess } from './password-hasher-process.js';
import type { HashingGreeting } from './password-hasher-protocol.js';

export type HasherSupervisor = {
  /** The process, while it takes tasks. */
  current(): HasherProcess | undefined;
  /** The library in use, once known. */
  library(): Argon2Library | undefined;
  /** Why hashing is impossible here, as the process itself put it the last time it started. */
  fault(): string | undefined;
  /** Resolves when the first process takes tasks, rejects when it ends before that. */
  readonly ready: Promise<void>;
  stop(): Promise<void>;
};

export type HasherSupervisorOptions = {
  readonly threads: number;
  /** Something changed: a process became ready, or reported that it never will. */
  readonly onChange: () => void;
  readonly onRestart: (reason: string) => void;
};

// A process that has lived this long is forgiven: its end is news, not a pattern.
const STEADY_MS = 10_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;

/** Starts the first process before it returns. */
export function superviseHasher(options: HasherSupervisorOptions): HasherSupervisor {
  let process: HasherProcess | undefined;
  let taking = false;
  let library: Argon2Library | undefined;
  let fault: string | undefined;
  let shortLives = 0;
  let pause: NodeJS.Timeout | undefined;
  let stopped = false;
  let settleReady: { resolve: () => void; reject: (error: Error) => void } | undefined;
  const ready = new Promise<void>((resolve, reject) => {
    settleReady = { resolve, reject };
  });
  // Whoever awaits `ready` still sees the failure; whoever does not must not crash of it.
  ready.catch(() => {});

  function start(): void {
    const startedAt = performance.now();
    const onEnd = (reason: string) => ended(reason, performance.now() - startedAt);
    try {
      process = startHasherProcess(options.threads, { onGreeting: greeted, onEnd });
    } catch (error) {
      // Some failures of spawn are thrown (no memory to fork), others become events.
      onEnd(error instanceof Error ? error.message : String(error));
    }
  }

  function greeted(greeting: HashingGreeting): void {
    if (greeting.kind === 'ready') {
      taking = true;
      fault = undefined;
      library = greeting.library;
      settleReady?.resolve();
    } else {
      fault = greeting.reason;
    }
    options.onChange();
  }

  function ended(reason: string, livedMs: number): void {
    taking = false;
    const why = fault ?? reason;
    settleReady?.reject(new Error(`the hashing process is not usable: ${why}`));
    if (stopped) return;
    shortLives = livedMs < STEADY_MS ? shortLives + 1 : 0;
    options.onRestart(why);
    if (shortLives <= 1) start();
    else pause = setTimeout(start, pauseAfter(shortLives));
  }

  start();
  return {
    current: () => (taking ? process : undefined),
    library: () => library,
    fault: () => fault,
    ready,
    async stop() {
      stopped = true;
      clearTimeout(pause);
      await process?.end();
    },
  };
}

function pauseAfter(shortLives: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (shortLives - 2));
}
