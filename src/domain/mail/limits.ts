/**
 * How many letters strangers can cause. Somebody who fails to sign in, or wants an address that
 * is somebody else's, has the server write to the owner: without a limit that fills a mailbox,
 * and hides in it the one letter that matters.
 *
 * Each kind has a limit of its own, so that no kind can be used to keep another one back: who
 * has the password must not be able to silence the letter about the sign-in by causing others
 * before it. What tells of a change, or that a code was used up, always goes out. Letters with
 * links and codes, and the one that takes the place of a newcomer's, are counted where they are
 * asked for, three an hour and address.
 */
import type { Letter } from './letters.js';

export const LETTERS_CAUSED_PER_HOUR = 5;

/** What a letter counts as, if a stranger can cause it. */
export function causeOf(letter: Letter): string | undefined {
  switch (letter.kind) {
    case 'suspicious_sign_in':
    case 'sign_in_void':
    case 'email_wanted':
    // A client in a loop signs in and comes back with what it has used, again and again.
    case 'token_reused':
      return letter.kind;
    case 'passkey_changed':
      return letter.change === 'suspicious' ? 'passkey_suspicious' : undefined;
    default:
      return undefined;
  }
}
