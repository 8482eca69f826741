/** Codes by e-mail: six digits, five tries, ten minutes, one browser, one use. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newBearerValue, newId } from '../../src/kernel/ids.js';
import { twenty } from '../support/accounts.js';
import { masterKey, openDomain, type TestDomain } from '../support/domain.js';

let house: TestDomain;

beforeAll(async () => {
  house = await openDomain();
});
afterAll(async () => {
  await house.close();
});

const codes = () => house.domain.credentials;
const uid = () => randomBytes(8).toString('hex');

async function issued(interactionId = uid(), accountId = newId()) {
  const { code, secret } = await codes().issueEmailCode({
    interactionId,
    accountId,
    securityEpoch: 7,
  });
  return { code, accountId, place: { interactionId, secret } };
}
const wrongFor = (code: string, by = 1) => String((Number(code) + by) % 1_000_000).padStart(6, '0');
const age = (seconds: number) =>
  house.sql('UPDATE email_codes SET expires_at = expires_at - make_interval(secs => $1)', [
    seconds,
  ]);

describe('a code', () => {
  test('is six digits, and right however it is typed', async () => {
    for (const typed of [
      (code: string) => code,
      (code: string) => ` ${code.slice(0, 3)} ${code.slice(3)}\n`,
      (code: string) => code.replace(/\d/g, (digit) => '０１２３４５６７８９'[Number(digit)] ?? ''),
    ]) {
      const { code, accountId, place } = await issued();
      expect(code).toMatch(/^\d{6}$/);
      expect(await codes().findEmailCode(place)).toEqual({ accountId, securityEpoch: 7 });
      expect(await codes().tryEmailCode(place, typed(code))).toMatchObject({
        kind: 'right',
        accountId,
        securityEpoch: 7,
        failures: 0,
      });
    }
  });

  test('has five tries: the fifth wrong one ends it, for the right one as well', async () => {
    const { code, place } = await issued();
    for (const typed of ['', '12345', `${code}0`, wrongFor(code)]) {
      expect(await codes().tryEmailCode(place, typed)).toEqual({ kind: 'wrong' });
    }
    expect(await codes().tryEmailCode(place, wrongFor(code))).toEqual({ kind: 'void' });
    expect(await codes().tryEmailCode(place, code)).toEqual({ kind: 'gone' });
    expect(await codes().findEmailCode(place)).toBeUndefined();
  });

  test('is still good at the fifth try', async () => {
    const { code, place } = await issued();
    for (let turn = 1; turn <= 4; turn += 1) await codes().tryEmailCode(place, wrongFor(code));
    expect(await codes().tryEmailCode(place, code)).toMatchObject({ kind: 'right', failures: 4 });
  });

  test('fired at twenty times at once is looked at five times', async () => {
    const { code, place } = await issued();
    const seen = await twenty((turn) => codes().tryEmailCode(place, wrongFor(code, turn + 1)));
    const count = (kind: string) => seen.filter((one) => one.kind === kind).length;
    expect([count('wrong'), count('void'), count('gone')]).toEqual([4, 1, 15]);
  });

  test('is used once, however many use it at the same moment', async () => {
    const { code, place } = await issued();
    const check = await codes().tryEmailCode(place, code);
    if (check.kind !== 'right') throw new Error(check.kind);
    const uses = await twenty(() => codes().spendEmailCode(check.id));
    expect(uses.filter(Boolean)).toHaveLength(1);
    expect(await codes().tryEmailCode(place, code)).toEqual({ kind: 'gone' });
  });

  test('counts in the interaction and the browser that asked, and costs others nothing', async () => {
    const { code, place } = await issued();
    for (const elsewhere of [
      { ...place, interactionId: uid() },
      { ...place, secret: newBearerValue() },
      { ...place, secret: '' },
      { ...place, secret: `${place.secret}=` },
    ]) {
      expect(await codes().findEmailCode(elsewhere)).toBeUndefined();
      for (let turn = 0; turn < 6; turn += 1) {
        expect(await codes().tryEmailCode(elsewhere, code)).toEqual({ kind: 'gone' });
      }
    }
    expect((await codes().tryEmailCode(place, code)).kind).toBe('right');
  });

  test('ends with a newer one in its interaction, and with none that was asked for elsewhere', async () => {
    const older = await issued();
    await issued(uid(), older.accountId);
    expect(await codes().findEmailCode(older.place)).toBeDefined();
    const newer = await issued(older.place.interactionId, older.accountId);
    expect(await codes().tryEmailCode(older.place, older.code)).toEqual({ kind: 'gone' });
    expect((await codes().tryEmailCode(newer.place, newer.code)).kind).toBe('right');
  });

  test('is over after ten minutes, also between a right try and its use', async () => {
    const { code, place } = await issued();
    await age(9 * 60 + 50);
    const check = await codes().tryEmailCode(place, code);
    if (check.kind !== 'right') throw new Error(check.kind);
    await age(10);
    expect(await codes().spendEmailCode(check.id)).toBe(false);
    expect(await codes().tryEmailCode(place, code)).toEqual({ kind: 'gone' });
  });

  test('is no plain hash, and worth nothing in another row', async () => {
    const mine = await issued();
    const other = await issued();
    await house.sql(
      `UPDATE email_codes SET code_hash = (SELECT code_hash FROM email_codes WHERE account_id = $1)
        WHERE account_id = $2`,
      [mine.accountId, other.accountId],
    );
    expect(await codes().tryEmailCode(other.place, mine.code)).toEqual({ kind: 'wrong' });
    const stranger = await openDomain({ like: house, keys: [masterKey('another')] });
    const { tryEmailCode } = stranger.domain.credentials;
    expect(await tryEmailCode(mine.place, mine.code)).toEqual({ kind: 'wrong' });
    await stranger.close();
  });

  test('that has run out is cleared away', async () => {
    const { place } = await issued();
    await age(11 * 60);
    expect(await codes().purgeEmailCodes(1_000)).toBeGreaterThan(0);
    const rows = await house.sql('SELECT 1 FROM email_codes');
    expect(rows).toEqual([]);
    expect(await codes().findEmailCode(place)).toBeUndefined();
  });
});
