/** Master keys: rotation, separation of purposes, and what a wrong ring says. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/kernel/errors.js';
import { createKeyring, type KeyringEntry } from '../../src/kernel/keyring.js';
import { SealBroken } from '../../src/kernel/sealed-box.js';

const entry = (id: string): KeyringEntry => ({ id, key: new Uint8Array(randomBytes(32)) });

describe('an operator rotates the keyring', () => {
  const old = entry('2025');
  const fresh = entry('2026');
  const before = createKeyring([old]);
  const during = createKeyring([fresh, old]);
  const after = createKeyring([fresh]);

  it('and what was sealed before still opens, until the old key is taken away', () => {
    const box = before.seal('totp', 'seed', 'row 1');
    expect(during.open('totp', box, 'row 1').toString()).toBe('seed');
    expect(() => after.open('totp', box, 'row 1')).toThrow(AppError);
    expect(() => after.open('totp', box, 'row 1')).toThrow(/"2025".*LATCHKEY_KEYRING/);
  });

  it('and what is sealed from then on needs the new key only', () => {
    const box = during.seal('totp', 'seed', 'row 1');
    expect(after.open('totp', box, 'row 1').toString()).toBe('seed');
    expect(() => before.open('totp', box, 'row 1')).toThrow(/"2026"/);
  });

  it('and a name is looked up under every key, the newest first', () => {
    const was = before.blindIndexes('login', 'mara');
    const now = during.blindIndexes('login', 'mara');
    expect(now.map(({ keyId }) => keyId)).toEqual(['2026', '2025']);
    expect(now[1]?.index).toEqual(was[0]?.index);
    expect(now[0]?.index).not.toEqual(was[0]?.index);
    expect(after.blindIndexes('login', 'mara')[0]?.index).toEqual(now[0]?.index);
  });
});

describe('a keyring', () => {
  const ring = createKeyring([entry('k')]);

  it('keeps purposes and places apart', () => {
    const box = ring.seal('totp', 'seed', 'row 1');
    expect(() => ring.open('account-key', box, 'row 1')).toThrow(SealBroken);
    expect(() => ring.open('totp', box, 'row 2')).toThrow(SealBroken);
    expect(ring.blindIndexes('a', 'mara')[0]?.index).not.toEqual(
      ring.blindIndexes('b', 'mara')[0]?.index,
    );
  });

  it('names the key when another one stands under the same id', () => {
    const box = ring.seal('totp', 'seed', 'row 1');
    const impostor = createKeyring([entry('k')]);
    expect(() => impostor.open('totp', box, 'row 1')).toThrow(/key "k"/);
    expect(() => impostor.open('totp', box, 'row 1')).toThrow(SealBroken);
  });

  it('refuses what is no box at all', () => {
    expect(() => ring.open('totp', new Uint8Array(0), 'row 1')).toThrow(AppError);
    expect(() => ring.open('totp', new Uint8Array([255, 1, 2]), 'row 1')).toThrow(AppError);
    expect(() => ring.open('totp', new Uint8Array([1, 107]), 'row 1')).toThrow(SealBroken);
  });

  it('cannot be empty or name two keys alike', () => {
    expect(() => createKeyring([])).toThrow(/at least one/);
    expect(() => createKeyring([entry('a'), entry('a')])).toThrow(/repeat/);
  });
});
