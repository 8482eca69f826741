/** Hashers that are closed after each test, and the outcome of work that may be refused. */
import { afterEach } from 'vitest';
import { AppError } from '../../src/kernel/errors.js';
import {
  type PasswordHasher,
  type PasswordHasherOptions,
  startPasswordHasher,
} from '../../src/platform/password-hasher.js';

/** Parameters for tests in which the cost does not matter. */
export const cheap = { memoryCost: 64, timeCost: 1, parallelism: 1 };

const open: PasswordHasher[] = [];

export function start(options: PasswordHasherOptions = {}): PasswordHasher {
  // The process has the lowest priority and compiles itself: on a busy machine that takes a while.
  const hasher = startPasswordHasher({ maxWaitMs: 60_000, ...options });
  open.push(hasher);
  return hasher;
}

/** The value, or the code of the AppError thrown instead. */
export async function outcome<T>(work: Promise<T>): Promise<T | string> {
  return work.catch((error: unknown) => (error instanceof AppError ? error.code : 'unexpected'));
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((hasher) => hasher.close()));
});
