/** The table of errors is what the outside sees. */
import { STATUS_CODES } from 'node:http';
import { expect, it } from 'vitest';
import { AppError, errorTable } from '../../src/kernel/errors.js';

it('every error has a real status and a sentence that tells nothing internal', () => {
  for (const [code, row] of Object.entries(errorTable)) {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(STATUS_CODES[row.status], code).toBeDefined();
    expect(row.status, code).toBeGreaterThanOrEqual(400);
    expect(row.title, code).toMatch(/^[A-Z][^\n]{5,79}[^.\n]$/);
    expect(row.title, code).not.toMatch(/prisma|postgres|sql|stack|undefined/i);
  }
});

it('an outage tells when to come back, and a refusal does not', () => {
  for (const [code, row] of Object.entries(errorTable)) {
    expect(row.retryAfterSeconds !== undefined, code).toBe(row.status === 503);
  }
});

it('what may be shown is kept apart from what only the log sees', () => {
  const cause = new Error('password=hunter2');
  const error = new AppError('internal', { cause });
  expect(error.message).toBe(errorTable.internal.title);
  expect(error.cause).toBe(cause);
  expect(new AppError('forbidden', { detail: 'Not yours' }).message).toBe('Not yours');
});
