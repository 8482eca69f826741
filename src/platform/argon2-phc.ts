/**
 * Argon2 hashes as they are stored: PHC strings. Reading is strict, because a stored row is
 * input too: a row written by somebody else must neither crash the hasher, nor keep it busy
 * for minutes, nor be so short that a wrong password could match it.
 */
import { randomBytes } from 'node:crypto';

/** The cost of one hash, in the terms of RFC 9106 section 3.1. */
export type Argon2Parameters = {
  /** Memory in KiB (`m`). */
  readonly memoryCost: number;
  /** Passes over that memory (`t`). */
  readonly timeCost: number;
  /** Lanes (`p`). */
  readonly parallelism: number;
};

/** OWASP Password Storage Cheat Sheet: argon2id, 19 MiB, two passes, one lane. */
export const defaultArgon2Parameters: Argon2Parameters = {
  memoryCost: 19_456,
  timeCost: 2,
  parallelism: 1,
};

/** RFC 9106 section 3.1 and section 4: a 128-bit salt and a 256-bit tag. */
export const SALT_BYTES = 16;
export const HASH_BYTES = 32;

const MAX_MEMORY_KIB = 1024 * 1024;
const MAX_PASSES = 100;
const MAX_LANES = 16;
// The two limits together would still allow twenty seconds of hashing. Four passes over
// 1 GiB is the heaviest profile in common use (libsodium's "sensitive"): under a second.
const MAX_WORK_KIB = 4 * MAX_MEMORY_KIB;

/** A PHC string that may be verified, or the reason why it may not. */
export type ParsedPhc =
  | {
      readonly kind: 'phc';
      readonly parameters: Argon2Parameters;
      readonly saltBytes: number;
      readonly hashBytes: number;
    }
  | { readonly kind: 'refused'; readonly reason: string };

const PHC =
  /^\$argon2id\$v=19\$m=([1-9]\d{0,9}),t=([1-9]\d{0,9}),p=([1-9]\d{0,9})\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{22,86})$/;

/**
 * Reads an argon2id version 19 PHC string and judges whether verifying it is reasonable.
 * Reasons never repeat the string itself, so they may be logged.
 */
export function parsePhc(phc: string): ParsedPhc {
  const [, m, t, p, salt, hash] = PHC.exec(phc) ?? [];
  if (salt === undefined || hash === undefined) {
    return { kind: 'refused', reason: 'not an argon2id PHC string' };
  }
  const parameters = { memoryCost: Number(m), timeCost: Number(t), parallelism: Number(p) };
  const reason = unreasonable(parameters);
  if (reason !== undefined) return { kind: 'refused', reason };
  const saltBytes = decodedLength(salt);
  const hashBytes = decodedLength(hash);
  if (saltBytes === undefined || hashBytes === undefined) {
    return { kind: 'refused', reason: 'the salt or the hash is not canonical base64' };
  }
  return { kind: 'phc', parameters, saltBytes, hashBytes };
}

/** Why these parameters must not be run, or `undefined` when they may (RFC 9106 section 3.1). */
export function unreasonable(parameters: Argon2Parameters): string | undefined {
  const { memoryCost, timeCost, parallelism } = parameters;
  if (![memoryCost, timeCost, parallelism].every((n) => Number.isInteger(n) && n > 0)) {
    return 'm, t and p must be positive integers';
  }
  if (memoryCost < 8 * parallelism) return 'm must be at least 8 p';
  // One poisoned row, tried again and again, would otherwise take all memory or every core.
  if (memoryCost > MAX_MEMORY_KIB) return `m exceeds ${MAX_MEMORY_KIB} KiB`;
  if (timeCost > MAX_PASSES) return `t exceeds ${MAX_PASSES}`;
  if (parallelism > MAX_LANES) return `p exceeds ${MAX_LANES}`;
  if (memoryCost * timeCost > MAX_WORK_KIB) return `m times t exceeds ${MAX_WORK_KIB} KiB`;
  return undefined;
}

/**
 * A PHC string that costs a full verification and that no password matches: its hash is
 * random, and whoever found a password for it would have inverted argon2id.
 */
export function unmatchablePhc(parameters: Argon2Parameters): string {
  const { memoryCost, timeCost, parallelism } = parameters;
  const cost = `m=${memoryCost},t=${timeCost},p=${parallelism}`;
  return `$argon2id$v=19$${cost}$${unpadded(randomBytes(SALT_BYTES))}$${unpadded(randomBytes(HASH_BYTES))}`;
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

/** Node decodes sloppy base64 and the two libraries do not: only the one true form passes. */
function decodedLength(base64: string): number | undefined {
  const bytes = Buffer.from(base64, 'base64');
  return unpadded(bytes) === base64 ? bytes.length : undefined;
}
