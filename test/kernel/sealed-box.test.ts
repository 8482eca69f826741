/** What a sealed value withstands. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openBox, SealBroken, sealBox } from '../../src/kernel/sealed-box.js';

const key = () => new Uint8Array(randomBytes(32));
const CONTEXT = 'accounts/1/email';

describe('a sealed value', () => {
  it('opens under its key and in its place', () => {
    const own = key();
    for (const text of ['', 'mara@fernhill.example', 'ünïcödé 🗝', 'x'.repeat(100_000)]) {
      expect(openBox(own, sealBox(own, text, CONTEXT), CONTEXT).toString('utf8')).toBe(text);
    }
    const bytes = randomBytes(32);
    expect(openBox(own, sealBox(own, bytes, CONTEXT), CONTEXT)).toEqual(bytes);
  });

  it('looks different every time', () => {
    const own = key();
    const boxes = Array.from({ length: 50 }, () =>
      Buffer.from(sealBox(own, 'the same', CONTEXT)).toString('hex'),
    );
    expect(new Set(boxes).size).toBe(50);
  });

  it('does not open when any one bit of it was changed', () => {
    const own = key();
    const box = sealBox(own, 'hello', CONTEXT);
    for (let bit = 0; bit < box.length * 8; bit += 1) {
      const altered = new Uint8Array(box);
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => openBox(own, altered, CONTEXT)).toThrow(SealBroken);
    }
  });

  it('does not open when it was cut short or made longer', () => {
    const own = key();
    const box = sealBox(own, 'hello', CONTEXT);
    for (let length = 0; length < box.length; length += 1) {
      expect(() => openBox(own, box.subarray(0, length), CONTEXT)).toThrow(SealBroken);
    }
    expect(() => openBox(own, Buffer.concat([box, Buffer.of(0)]), CONTEXT)).toThrow(SealBroken);
  });

  it('does not open in another place or under another key', () => {
    const own = key();
    const box = sealBox(own, 'hello', CONTEXT);
    expect(() => openBox(own, box, 'accounts/2/email')).toThrow(SealBroken);
    expect(() => openBox(own, box, '')).toThrow(SealBroken);
    expect(() => openBox(key(), box, CONTEXT)).toThrow(SealBroken);
  });
});
