/** Codes from an authenticator app: enrolled once, spent once. */
import { generateSync } from 'otplib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTotp, type Totp } from '../../src/domain/credentials/index.js';
import { createKeyring } from '../../src/kernel/keyring.js';
import { SealBroken } from '../../src/kernel/sealed-box.js';
import { oneTimeCodes } from '../../src/platform/one-time-codes.js';
import { otpauthQr } from '../../src/platform/qr.js';
import {
  type Accounts,
  type MovableClock,
  movableClock,
  newKey,
  openAccounts,
  twenty,
} from '../support/accounts.js';

let accounts: Accounts;
let clock: MovableClock;
let totp: Totp;

beforeAll(async () => {
  accounts = await openAccounts();
});
afterAll(() => accounts.close());

beforeEach(() => {
  clock = movableClock();
  totp = totpUnder(accounts.keyring);
});

const totpUnder = (keyring: Accounts['keyring']) =>
  createTotp({ db: accounts.postgres.db, clock, keyring, codes: oneTimeCodes });

/** What the app shows, `steps` periods from now. */
const codeFrom = (secret: string, steps = 0) =>
  generateSync({ secret, epoch: clock.now().getTime() / 1000 + steps * 30 });

const NOBODYS = '000000';

/** A seed whose codes of these minutes are all different, and none of them is `NOBODYS`. */
function drawn(accountId: string) {
  for (;;) {
    const seed = totp.beginEnrolment(accountId, 'ada@example.org', 'Demo Shop');
    const codes = Array.from({ length: 17 }, (_, at) => codeFrom(seed.secret, at - 4));
    if (new Set([...codes, NOBODYS]).size === codes.length + 1) return seed;
  }
}

async function enrolled(): Promise<{ id: string; secret: string }> {
  const id = await accounts.newAccount();
  const { sealedSeed, secret } = drawn(id);
  expect(await totp.confirmEnrolment(id, sealedSeed, codeFrom(secret))).toEqual({
    kind: 'confirmed',
  });
  clock.forward(30);
  return { id, secret };
}

describe('enrolling an app', () => {
  test('shows a 160-bit seed as text, as an otpauth address and as a picture', async () => {
    const shown = totp.beginEnrolment('an-account', 'ada@example.org', 'Demo: Shop');
    expect(shown.secret).toMatch(/^[A-Z2-7]{32}$/);
    const uri = new URL(shown.otpauthUri);
    expect(uri.protocol).toBe('otpauth:');
    expect(uri.searchParams.get('secret')).toBe(shown.secret);
    expect(decodeURIComponent(uri.href)).toContain('ada@example.org');
    // What is not said is the apps' default: SHA-1, six digits, 30 seconds.
    expect(uri.searchParams.get('algorithm') ?? 'SHA1').toMatch(/^sha1$/i);
    expect(uri.searchParams.get('digits') ?? '6').toBe('6');
    expect(uri.searchParams.get('period') ?? '30').toBe('30');
    const svg = await otpauthQr(shown.otpauthUri);
    expect(svg).toMatch(/^<svg [\s\S]*<\/svg>$/);
    expect(svg).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
  });

  test('shows the same seed again when the page is reloaded', () => {
    const shown = totp.beginEnrolment('an-account', 'ada@example.org', 'Demo Shop');
    expect(
      totp.resumeEnrolment('an-account', 'ada@example.org', 'Demo Shop', shown.sealedSeed),
    ).toEqual({ secret: shown.secret, otpauthUri: shown.otpauthUri });
  });

  test('is done only by a code from it, and that code is spent by it', async () => {
    const id = await accounts.newAccount();
    const { sealedSeed, secret } = drawn(id);
    expect(await totp.confirmEnrolment(id, sealedSeed, NOBODYS)).toEqual({ kind: 'wrong' });
    expect(await totp.hasTotp(id)).toBe(false);
    await totp.confirmEnrolment(id, sealedSeed, codeFrom(secret));
    expect(await totp.hasTotp(id)).toBe(true);
    expect(await totp.checkTotp(id, codeFrom(secret))).toEqual({
      kind: 'wrong',
      reason: 'replayed',
    });
  });

  test('twenty times at once happens once, and never displaces the app that is there', async () => {
    const id = await accounts.newAccount();
    const owner = drawn(id);
    const results = await twenty(() =>
      totp.confirmEnrolment(id, owner.sealedSeed, codeFrom(owner.secret)),
    );
    expect(results.filter(({ kind }) => kind === 'confirmed')).toHaveLength(1);
    const thief = totp.beginEnrolment(id, 'ada@example.org', 'Demo Shop');
    expect(await totp.confirmEnrolment(id, thief.sealedSeed, codeFrom(thief.secret))).toEqual({
      kind: 'already-enrolled',
    });
    clock.forward(30);
    expect(await totp.checkTotp(id, codeFrom(owner.secret))).toEqual({ kind: 'right' });
  });

  test("with another account's seed is refused", async () => {
    const [mine, theirs] = [await accounts.newAccount(), await accounts.newAccount()];
    const { sealedSeed, secret } = totp.beginEnrolment(mine, 'eve@example.org', 'Demo Shop');
    await expect(totp.confirmEnrolment(theirs, sealedSeed, codeFrom(secret))).rejects.toThrow(
      SealBroken,
    );
  });
});

describe('a code', () => {
  test('counts once, and nothing older than it counts after', async () => {
    const { id, secret } = await enrolled();
    clock.forward(30);
    const code = codeFrom(secret);
    expect(await totp.checkTotp(id, code)).toEqual({ kind: 'right' });
    expect(await totp.checkTotp(id, code)).toEqual({ kind: 'wrong', reason: 'replayed' });
    expect((await totp.checkTotp(id, codeFrom(secret, -1))).kind).toBe('wrong');
    clock.forward(30);
    expect(await totp.checkTotp(id, codeFrom(secret))).toEqual({ kind: 'right' });
  });

  test('sent twenty times at once opens once', async () => {
    const { id, secret } = await enrolled();
    const code = codeFrom(secret);
    const results = await twenty(() => totp.checkTotp(id, code));
    expect(results.filter(({ kind }) => kind === 'right')).toHaveLength(1);
  });

  test.each([
    [-2, 'wrong'],
    [-1, 'right'],
    [0, 'right'],
    [1, 'right'],
    [2, 'wrong'],
  ] as const)('from a clock that is %i steps off is %s', async (steps, kind) => {
    const { id, secret } = await enrolled();
    clock.forward(90);
    // The last second of a step: the window must not be wider at its edges.
    clock.forward(29);
    expect((await totp.checkTotp(id, codeFrom(secret, steps))).kind).toBe(kind);
  });

  test('may be typed with the spaces that apps show', async () => {
    const { id, secret } = await enrolled();
    const code = codeFrom(secret);
    expect(await totp.checkTotp(id, ` ${code.slice(0, 3)} ${code.slice(3)} `)).toEqual({
      kind: 'right',
    });
  });

  test('of another form is wrong, and quickly so', async () => {
    const { id, secret } = await enrolled();
    const started = performance.now();
    for (const text of ['', '12345', '1234567', 'abcdef', '१२३४५६', '-1e5', '1'.repeat(50_000)]) {
      expect(await totp.checkTotp(id, text)).toEqual({ kind: 'wrong', reason: 'no_match' });
    }
    expect(await totp.checkTotp(id, ' '.repeat(50_000) + codeFrom(secret))).toMatchObject({
      kind: 'wrong',
    });
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  test('of an account without an app is wrong', async () => {
    const id = await accounts.newAccount();
    expect(await totp.checkTotp(id, '123456')).toEqual({ kind: 'wrong', reason: 'not_enrolled' });
  });

  test('still opens after the keyring was rotated', async () => {
    const { id, secret } = await enrolled();
    const rotated = totpUnder(createKeyring([newKey('second'), accounts.key]));
    expect(await rotated.checkTotp(id, codeFrom(secret))).toEqual({ kind: 'right' });
  });
});

describe('in the database', () => {
  test('there is no seed to read, and a row under another name opens nothing', async () => {
    const { id, secret } = await enrolled();
    const victim = await enrolled();
    const { db } = accounts.postgres;
    const row = await db.totpCredential.findUniqueOrThrow({ where: { accountId: id } });
    expect(Buffer.from(row.sealedSeed).includes(secret)).toBe(false);
    await db.totpCredential.update({
      where: { accountId: victim.id },
      data: { sealedSeed: row.sealedSeed },
    });
    await expect(totp.checkTotp(victim.id, codeFrom(secret))).rejects.toThrow(SealBroken);
  });
});

test('an app that is removed opens nothing any more, and can be enrolled anew', async () => {
  const { id, secret } = await enrolled();
  expect(await totp.removeTotp(id)).toBe(true);
  expect(await totp.removeTotp(id)).toBe(false);
  expect(await totp.hasTotp(id)).toBe(false);
  expect((await totp.checkTotp(id, codeFrom(secret))).kind).toBe('wrong');
  const next = totp.beginEnrolment(id, 'ada@example.org', 'Demo Shop');
  expect(await totp.confirmEnrolment(id, next.sealedSeed, codeFrom(next.secret))).toEqual({
    kind: 'confirmed',
  });
});
