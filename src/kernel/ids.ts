/** Identifiers and random values, and the one way bearer values are turned into row ids. */
import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { Bytes } from './sealed-box.js';

/** A new random row id (RFC 9562 version 4). */
export function newId(): string {
  return randomUUID();
}

/** `bits` of randomness as base64url; 256 by default (OWASP ASVS 7.2.3 asks for 128). */
export function newBearerValue(bits = 256): string {
  return randomBytes(Math.ceil(bits / 8)).toString('base64url');
}

/** SHA-256: all that is ever stored of a bearer value. */
export function digest(value: string): Bytes {
  return new Uint8Array(createHash('sha256').update(value, 'utf8').digest());
}

/** Equality of two digests in constant time. */
export function sameDigest(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether `value` has the form of a row id; anything else never reaches a query. */
export function isId(value: string): boolean {
  return UUID.test(value);
}
