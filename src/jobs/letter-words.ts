/**
 * What is said in letters of people and their browsers, made plain first: a name that a stranger
 * chose ("Dear visit evil.example") would travel under our signature, so every value from outside
 * becomes plain words on one line.
 */
import { readDeviceLabel } from '../domain/risk/index.js';
import type { Words } from '../words/index.js';

const shorten = (text: string, length: number) =>
  text.length > length ? `${text.slice(0, length - 1).trimEnd()}…` : text;

/** One line without invisible characters; an operator chose it, so its dots may stay. */
export function plainName(name: string): string {
  return shorten(name.replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ').trim(), 60);
}

/**
 * Letters, digits and a few marks. Mail programs make a link of anything like `evil.example`
 * or `https:`, so a dot, colon or slash stays only where a network is written with it
 * (`203.0.113.0/24`, `2001:db8::/48`).
 */
export function plainWords(text: string): string {
  const kept = text
    .replace(/[^\p{L}\p{N} (),+_'’.:/-]+/gu, ' ')
    .replace(/(?<!\p{N})\.|\.(?!\p{N})/gu, ' ')
    .replace(/(?<![0-9a-f:]):|:(?![0-9a-f:/])/gu, ' ')
    .replace(/(?<![\p{N}:])\/|\/(?!\p{N})/gu, ' ');
  return shorten(kept.replace(/\s+/gu, ' ').trim(), 80);
}

/** A device in the reader's language. Our own names for browsers and systems, and no others. */
export function deviceIn(words: Pick<Words, 'device'>, stored: string): string {
  return words.device(readDeviceLabel(stored));
}
