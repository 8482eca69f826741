/**
 * AES-256-GCM as one byte string (NIST SP 800-38D): version, 96-bit random nonce,
 * ciphertext, 128-bit tag. The associated data binds a box to the row and column it stands
 * in, so that somebody who can write to the database cannot move one person's sealed value
 * under another's name.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Bytes as Prisma wants them: not backed by a shared buffer. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** A box that does not open: wrong key, wrong row, or altered bytes. */
export class SealBroken extends Error {
  constructor(cause?: unknown, message = 'A sealed value could not be opened') {
    super(message, { cause });
    this.name = 'SealBroken';
  }
}

/** Seals `plaintext` under a 32-byte `key`; `context` is authenticated, not stored. */
export function sealBox(key: Uint8Array, plaintext: Uint8Array | string, context: string): Bytes {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(context, 'utf8'));
  const body = Buffer.concat([
    typeof plaintext === 'string' ? cipher.update(plaintext, 'utf8') : cipher.update(plaintext),
    cipher.final(),
  ]);
  return new Uint8Array(Buffer.concat([Buffer.of(VERSION), nonce, body, cipher.getAuthTag()]));
}

/** Opens what `sealBox` made with the same key and context; throws `SealBroken` otherwise. */
export function openBox(key: Uint8Array, box: Uint8Array, context: string): Buffer {
  if (box.length < 1 + NONCE_BYTES + TAG_BYTES || box[0] !== VERSION) throw new SealBroken();
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(1, 1 + NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(context, 'utf8'));
    decipher.setAuthTag(box.subarray(box.length - TAG_BYTES));
    return Buffer.concat([
      decipher.update(box.subarray(1 + NONCE_BYTES, box.length - TAG_BYTES)),
      decipher.final(),
    ]);
  } catch (cause) {
    throw new SealBroken(cause);
  }
}
