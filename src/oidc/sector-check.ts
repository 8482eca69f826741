/**
 * The one time that a client's `sector_identifier_uri` is called (OpenID Connect Core 8.1): while
 * the client asks to be registered. The host would call it whenever it builds a client anew, which
 * anybody's request can make it do, and would fail that request when the document is gone.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

type Check = { called: boolean };
const checks = new AsyncLocalStorage<Check>();

/** Whether what runs now is the check of somebody who asks to be registered. */
export const isCheckOfRegistration = (): boolean => checks.getStore() !== undefined;

/** The host's question whether to call the address of a client that it builds. */
export function maySectorBeCalled(): boolean {
  const check = checks.getStore();
  if (check) check.called = true;
  return check !== undefined;
}

/** Runs a check; `called` says afterwards whether the client's address was about to be called. */
export async function checkRegistration(
  work: () => Promise<void>,
): Promise<{ readonly called: boolean; readonly error?: unknown }> {
  const check: Check = { called: false };
  try {
    await checks.run(check, work);
    return check;
  } catch (error) {
    return { called: check.called, error };
  }
}
