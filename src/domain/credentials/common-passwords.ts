/**
 * The passwords that everybody uses, as a Bloom filter in `data/common-passwords.bin`: the
 * 100,000 most common ones, and every longer one known from the same leaks, because only those
 * get past the minimum length (OWASP ASVS 6.2.4). `scripts/common-passwords.ts` makes the file
 * and says where the words come from; no word can be read from it.
 *
 * The file: `LKCP`, a version byte, the number of probes, two zero bytes, the number of entries
 * (32 bits, big-endian), and the bits.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const FILE = new URL('../../../data/common-passwords.bin', import.meta.url);
const MAGIC = 'LKCP';
const VERSION = 1;
const HEADER_BYTES = 12;
const PROBES = 18;
// With 18 probes, 27 bits an entry call less than three strangers in a million common.
const BITS_PER_ENTRY = 27;

export type CommonPasswords = {
  readonly count: number;
  /** The share of uncommon passwords that are taken for common ones. */
  readonly falsePositiveRate: number;
  has(password: string): boolean;
};

/** Where a password's bits stand (double hashing; Kirsch and Mitzenmacher 2006). */
function* places(password: string, bits: number): Generator<number> {
  const hash = createHash('sha256')
    .update(password.normalize('NFC').toLowerCase(), 'utf8')
    .digest();
  const start = hash.readUIntBE(0, 6);
  // Never a step of nothing.
  const step = hash.readUIntBE(6, 6) + 1;
  // At most 19 times 2^48: still an exact number.
  for (let probe = 0; probe < PROBES; probe += 1) yield (start + probe * step) % bits;
}

/** The file's bytes for a list of different passwords. */
export function encodeCommonPasswords(passwords: ReadonlySet<string>): Uint8Array {
  const bytes = Math.ceil((passwords.size * BITS_PER_ENTRY) / 8);
  const file = Buffer.alloc(HEADER_BYTES + bytes);
  file.write(MAGIC, 'latin1');
  file[4] = VERSION;
  file[5] = PROBES;
  file.writeUInt32BE(passwords.size, 8);
  const bits = file.subarray(HEADER_BYTES);
  for (const password of passwords) {
    for (const place of places(password, bytes * 8)) {
      bits[place >>> 3] = (bits[place >>> 3] ?? 0) | (1 << (place & 7));
    }
  }
  return file;
}

/** Reads what `encodeCommonPasswords` wrote; throws when it is something else. */
export function decodeCommonPasswords(content: Uint8Array): CommonPasswords {
  const file = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  if (
    file.length <= HEADER_BYTES ||
    file.toString('latin1', 0, 4) !== MAGIC ||
    file[4] !== VERSION ||
    file[5] !== PROBES
  ) {
    throw new Error('data/common-passwords.bin is not a list of common passwords');
  }
  const bits = file.subarray(HEADER_BYTES);
  let set = 0;
  for (const byte of bits) for (let rest = byte; rest > 0; rest &= rest - 1) set += 1;
  return {
    count: file.readUInt32BE(8),
    falsePositiveRate: (set / (bits.length * 8)) ** PROBES,
    has(password) {
      for (const place of places(password, bits.length * 8)) {
        if (((bits[place >>> 3] ?? 0) & (1 << (place & 7))) === 0) return false;
      }
      return true;
    },
  };
}

let loaded: CommonPasswords | undefined;

/** The shipped list, read once, when somebody first chooses a password. */
export function commonPasswords(): CommonPasswords {
  loaded ??= decodeCommonPasswords(readFileSync(FILE));
  return loaded;
}
