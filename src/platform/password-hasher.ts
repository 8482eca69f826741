/**
 * Password hashing beside the server instead of inside it: argon2id in a low-priority
 * process, behind a bounded queue, so that a flood of log-ins neither slows the answers
 * to everybody else nor grows a backlog. Too much work is refused with `overloaded`;
 * a check is never skipped.
 */
import { availableParallelism } from 'node:os';
import { AppError } from '../kernel/errors.js';
import type { Argon2Library } from './argon2-binding.js';
import {
  type Argon2Parameters,
  defaultArgon2Parameters,
  HASH_BYTES,
  parsePhc,
  SALT_BYTES,
  unmatchablePhc,
  unreasonable,
} from './argon2-phc.js';
import type { HashingAnswer, HashingTask } from './password-hasher-protocol.js';
import { type HasherSupervisor, superviseHasher } from './password-hasher-supervisor.js';
import { createWorkQueue } from './work-queue.js';

export type { Argon2Parameters } from './argon2-phc.js';

export type PasswordHasherOptions = {
  /** The cost of new hashes; the OWASP recommendation unless told otherwise. */
  readonly parameters?: Argon2Parameters;
  /** How many hashes run at once: at least one, at most one for each CPU (the default). */
  readonly concurrency?: number;
  /** How many more may wait. */
  readonly maxQueue?: number;
  /** How long each may wait for its turn. */
  readonly maxWaitMs?: number;
  /** Starts the process for the first password instead of at once. */
  readonly onDemand?: boolean;
  /** The hashing process died and is being replaced. */
  readonly onRestart?: (reason: string) => void;
  /** A stored hash was not run because it is malformed or absurdly dear. */
  readonly onRefused?: (reason: string) => void;
};

export type PasswordHasher = {
  /** An argon2id PHC string with a fresh 16-byte salt and 32 bytes of hash (RFC 9106). */
  hash(password: string): Promise<string>;
  /**
   * Whether `phc` was made from `password`. A PHC string that may not be run answers
   * `false` after the cost of a dummy verification; a password over 512 bytes answers
   * `false` at once. Throws `overloaded` instead of waiting long, `internal` when argon2
   * itself fails.
   */
  verify(phc: string, password: string): Promise<boolean>;
  /** Whether a stored hash differs from today's parameters (OWASP: rehash at log-in). */
  needsRehash(phc: string): boolean;
  /** Costs what a real verification costs and matches nothing: for names nobody has. */
  readonly dummyHash: string;
  stats(): PasswordHasherStats;
  /** Resolves when the process takes work; rejects when its first start fails. */
  ready(): Promise<void>;
  /** Takes no more work, finishes what it has, and ends the process. */
  close(): Promise<void>;
};

export type PasswordHasherStats = {
  readonly queued: number;
  readonly running: number;
  readonly pid: number | undefined;
  readonly library: Argon2Library | undefined;
};

/** The longest password that is hashed, in bytes of UTF-8. */
export const MAX_PASSWORD_BYTES = 512;

/** Starts the hashing process, at once if not told otherwise; `close()` it, or it keeps the server alive. */
export function startPasswordHasher(options: PasswordHasherOptions = {}): PasswordHasher {
  const parameters = options.parameters ?? defaultArgon2Parameters;
  const fault = unreasonable(parameters);
  if (fault !== undefined) throw new RangeError(`argon2id parameters: ${fault}`);
  const cpus = availableParallelism();
  const concurrency = Math.max(1, Math.min(options.concurrency ?? cpus, cpus));
  const dummyHash = unmatchablePhc(parameters);
  let closing: Promise<void> | undefined;

  const queue = createWorkQueue({
    slots: () => (supervisor?.current() === undefined ? 0 : concurrency),
    maxQueue: options.maxQueue ?? 50,
    maxWaitMs: options.maxWaitMs ?? 2_000,
  });
  let supervisor: HasherSupervisor | undefined;
  const supervise = () =>
    (supervisor ??= superviseHasher({
      threads: concurrency,
      onChange() {
        const reason = supervisor?.fault();
        if (reason === undefined) queue.advance();
        else queue.refuseWaiting(new AppError('internal', { cause: reason }));
      },
      onRestart: options.onRestart ?? (() => {}),
    }));
  if (!options.onDemand) supervise();

  async function ask(task: HashingTask): Promise<HashingAnswer> {
    if (closing !== undefined) throw new AppError('overloaded', { cause: 'shutting down' });
    const broken = supervise().fault();
    if (broken !== undefined) throw new AppError('internal', { cause: broken });
    const answer = await queue.run(async () => {
      const process = supervise().current();
      // It may have died between the grant of this turn and now.
      if (process === undefined) throw new AppError('overloaded', { cause: 'restarting' });
      return process.ask(task);
    });
    if (answer.kind === 'failed') throw new AppError('internal', { cause: answer.reason });
    return answer;
  }

  async function matches(phc: string, password: string): Promise<boolean> {
    const answer = await ask({ kind: 'verify', phc, password });
    return answer.kind === 'verified' && answer.matches;
  }

  return {
    async hash(password) {
      if (isTooLong(password)) {
        throw new AppError('validation_failed', { detail: 'The password is too long' });
      }
      const answer = await ask({ kind: 'hash', password, parameters });
      if (answer.kind === 'hashed') return answer.phc;
      throw new AppError('internal', { cause: `a hash was answered with ${answer.kind}` });
    },
    async verify(phc, password) {
      // Hashing a megabyte costs a flooder nothing and the server a lot (R53).
      if (isTooLong(password)) return false;
      const parsed = parsePhc(phc);
      if (parsed.kind === 'phc') return matches(phc, password);
      options.onRefused?.(parsed.reason);
      // Answering early would tell this account apart from names nobody has (R58).
      await matches(dummyHash, password);
      return false;
    },
    needsRehash(phc) {
      const parsed = parsePhc(phc);
      if (parsed.kind === 'refused') return true;
      const { memoryCost, timeCost, parallelism } = parsed.parameters;
      return (
        memoryCost !== parameters.memoryCost ||
        timeCost !== parameters.timeCost ||
        parallelism !== parameters.parallelism ||
        parsed.saltBytes < SALT_BYTES ||
        parsed.hashBytes < HASH_BYTES
      );
    },
    dummyHash,
    stats: () => ({
      ...queue.counts(),
      pid: supervisor?.current()?.pid,
      library: supervisor?.library(),
    }),
    ready: () => supervise().ready,
    close() {
      closing ??= queue.idle().then(() => supervisor?.stop());
      return closing;
    },
  };
}

function isTooLong(password: string): boolean {
  return Buffer.byteLength(password, 'utf8') > MAX_PASSWORD_BYTES;
}
