/** What a new password has to stand, as far as an operator may choose. */
import type { Reader } from './reader.js';

export type PasswordRules = {
  readonly minLength: number;
  /** Where breached passwords are looked up; `undefined` looks none up. */
  readonly breachedUrl: string | undefined;
};

/** Pwned Passwords' range search. */
const PUBLIC_SERVICE = 'https://api.pwnedpasswords.com/range/';

/**
 * A copy of one's own may be asked over plain http on this machine only: whoever sits between
 * could read which five characters are asked for, and answer what they like.
 */
function parseBreaches(value: string): string | undefined {
  if (value === 'off') return undefined;
  if (value === 'on') return PUBLIC_SERVICE;
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw new Error('must be "off", "on" or the address of a range service');
  }
  const here = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && here)) {
    throw new Error('must be https, or http on this machine');
  }
  if (url.search || url.hash || url.username || url.password) {
    throw new Error('must have no query, fragment or user information');
  }
  return url.href.endsWith('/') ? url.href : `${url.href}/`;
}

export function readPasswordRules(read: Reader): PasswordRules {
  return {
    minLength: read.integer('LATCHKEY_PASSWORD_MIN_LENGTH', { min: 8, max: 64 }, 12),
    breachedUrl: read.parsed('LATCHKEY_BREACHED_PASSWORDS', parseBreaches, undefined),
  };
}
