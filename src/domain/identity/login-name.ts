/** One spelling per person, so that lookups, uniqueness and limits cannot be talked around. */
import type { Keyring } from '../../kernel/keyring.js';

const MAX_LENGTH = 254;
// One @, something on both sides, no white space or control characters. Whether the mailbox
// exists is for a mail to find out (OWASP Input Validation, e-mail addresses). Linear.
const EMAIL = /^[^\s@\p{Cc}]{1,64}@[^\s@\p{Cc}]{1,253}$/u;

/** Trimmed, NFC, lower case: the form that is indexed and counted. */
export function canonicalLogin(login: string): string {
  return login.trim().normalize('NFC').toLowerCase();
}

/** What a name is found by, under each key of the ring, the newest first. */
export const loginIndexes = (keyring: Keyring) => (login: string) =>
  keyring.blindIndexes('login-name-index', canonicalLogin(login));

/** Whether `login` can be an e-mail address (RFC 5321 length limits). */
export function isEmailAddress(login: string): boolean {
  const canonical = canonicalLogin(login);
  return canonical.length <= MAX_LENGTH && EMAIL.test(canonical);
}

/** `an•••@example.com`: enough for its owner to recognise, too little for anybody else. */
export function maskEmail(email: string): string {
  const at = email.lastIndexOf('@');
  const local = email.slice(0, at);
  return `${local.slice(0, Math.min(2, Math.max(1, local.length - 1)))}•••${email.slice(at)}`;
}
