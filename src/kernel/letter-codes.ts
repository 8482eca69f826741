/**
 * Six digits that come in a letter and are typed on a page. A million of them are too few for a
 * plain hash, so what is stored is an HMAC under the keyring, with the row's id in it: a hash
 * copied into another row opens nothing.
 */
import { randomInt } from 'node:crypto';
import { sameDigest } from './ids.js';
import type { Keyring } from './keyring.js';
import type { Bytes } from './sealed-box.js';

/** So many codes may be tried (NIST SP 800-63B section 3.1.3.2; OWASP ASVS 6.6.3). */
export const CODE_TRIES = 5;

const DIGITS = /^[0-9]{6}$/;

/** @param purpose keeps the codes of one kind of letter apart from those of others */
export function createLetterCodes(keyring: Pick<Keyring, 'blindIndexes'>, purpose: string) {
  const hashesOf = (id: string, code: string) => keyring.blindIndexes(purpose, `${id}:${code}`);
  return {
    /** A new code for the row `id`, and what is stored of it. */
    draw(id: string): { readonly code: string; readonly hash: Bytes } {
      const code = String(randomInt(1_000_000)).padStart(6, '0');
      const [newest] = hashesOf(id, code);
      if (!newest) throw new Error('The keyring is empty');
      return { code, hash: newest.index };
    },

    /** Whether somebody typed the row's code, in whatever digits and with whatever spaces. */
    isRight(id: string, typed: string, stored: Uint8Array): boolean {
      const code = typed.normalize('NFKC').replace(/\s/gu, '');
      if (!DIGITS.test(code)) return false;
      return hashesOf(id, code).some(({ index }) => sameDigest(index, stored));
    },
  };
}
