/**
 * Recovery codes: ten look-up secrets that stand in for a lost authenticator app (NIST SP
 * 800-63B section 3.1.2, OWASP ASVS 6.5.2).
 *
 * Promises: each has 80 random bits, counts once, and is stored as an HMAC that is worthless
 * without the keyring and under another account's name; a new set ends the old one whole.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../kernel/clock.js';
import { newId } from '../../kernel/ids.js';
import type { Keyring } from '../../kernel/keyring.js';
import type { Db } from '../../platform/postgres.js';
import { recoveryCodeStore } from './store.js';

export const RECOVERY_CODES = 10;

export type RecoveryCodes = ReturnType<typeof createRecoveryCodes>;

const PURPOSE = 'recovery-code';
// Crockford's base32: no I, L, O or U, so that nothing can be misread and no words appear.
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const LENGTH = 16;
const GROUP = 4;
const CANONICAL = /^[0-9A-HJKMNP-TV-Z]{16}$/;
const LONGEST_INPUT = 64;

/** 16 letters of 5 bits; 256 is a multiple of 32, so none is more likely than another. */
function newCode(): string {
  let code = '';
  for (const byte of randomBytes(LENGTH)) code += ALPHABET[byte % ALPHABET.length];
  return code;
}

/** `ABCD-EFGH-JKMN-PQRS`: groups a person can keep in mind. */
function readable(code: string): string {
  const groups: string[] = [];
  for (let at = 0; at < code.length; at += GROUP) groups.push(code.slice(at, at + GROUP));
  return groups.join('-');
}

/** What was meant by what was typed: any case, spacing and dashes, O for 0, I and L for 1. */
export function canonicalRecoveryCode(input: string): string | undefined {
  if (input.length > LONGEST_INPUT) return undefined;
  const code = input
    .normalize('NFKC')
    .toUpperCase()
    .replace(/[\s\p{Pd}]/gu, '')
    .replace(/O/g, '0')
    .replace(/[IL]/g, '1');
  return CANONICAL.test(code) ? code : undefined;
}

export function createRecoveryCodes(parts: { db: Db; clock: Clock; keyring: Keyring }) {
  const { clock, keyring } = parts;
  const store = recoveryCodeStore(parts.db);
  // The account is part of what is hashed: a row moved under another account opens nothing.
  const indexesOf = (accountId: string, code: string) =>
    keyring.blindIndexes(PURPOSE, `${accountId}:${code}`).map(({ index }) => index);

  return {
    /**
     * Ten new codes, to be shown once; every older one is gone. Call it in a transaction: the
     * account's codes are locked until that ends, so two sets never add up.
     */
    async replaceRecoveryCodes(accountId: string): Promise<readonly string[]> {
      const codes = Array.from({ length: RECOVERY_CODES }, newCode);
      const createdAt = clock.now();
      await store.lock(accountId);
      await store.replace(
        accountId,
        codes.map((code) => {
          const [newest] = indexesOf(accountId, code);
          if (!newest) throw new Error('The keyring is empty');
          return { id: newId(), accountId, hash: newest, createdAt };
        }),
      );
      return codes.map(readable);
    },

    /** Whether this is an unused code of the account; it is spent by that. */
    async spendRecoveryCode(accountId: string, input: string): Promise<boolean> {
      const code = canonicalRecoveryCode(input);
      if (!code) return false;
      return (await store.spend(accountId, indexesOf(accountId, code), clock.now())) > 0;
    },

    /** How many codes are left. */
    remainingRecoveryCodes: (accountId: string): Promise<number> => store.countUnused(accountId),
  };
}
