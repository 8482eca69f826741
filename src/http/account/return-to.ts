/**
 * Where somebody wanted to go when they were asked to sign in. Pages of the account area only,
 * by their own spelling: no other host (`//`, `\`, `@`), no dots, no query, no control characters
 * (CWE-601, OWASP Unvalidated Redirects).
 */
import { localPath } from '../links.js';

export const ACCOUNT_HOME = '/account';

const PAGE = /^\/account(?:\/[A-Za-z0-9_-]+)*$/;

/** The path if it may be gone back to, else the first page. */
export function returnPath(value: unknown): string {
  const path = typeof value === 'string' && value.length <= 200 ? localPath(value) : undefined;
  return path !== undefined && PAGE.test(path) ? path : ACCOUNT_HOME;
}
