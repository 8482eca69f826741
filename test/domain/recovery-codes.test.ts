/** Recovery codes: readable, worthless in a dump, each good for one log-in. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRecoveryCodes, createTotp } from '../../src/domain/credentials/index.js';
import { systemClock } from '../../src/kernel/clock.js';
import { createKeyring } from '../../src/kernel/keyring.js';
import { oneTimeCodes } from '../../src/platform/one-time-codes.js';
import { type Accounts, newKey, openAccounts, twenty } from '../support/accounts.js';

let accounts: Accounts;
let codes: ReturnType<typeof createRecoveryCodes>;

beforeAll(async () => {
  accounts = await openAccounts();
  codes = codesUnder(accounts.keyring);
});
afterAll(() => accounts.close());

const codesUnder = (keyring: Accounts['keyring']) =>
  createRecoveryCodes({ db: accounts.postgres.db, clock: systemClock, keyring });

const replace = (id: string) =>
  accounts.postgres.transaction((tx) =>
    createRecoveryCodes({
      db: tx,
      clock: systemClock,
      keyring: accounts.keyring,
    }).replaceRecoveryCodes(id),
  );

async function withCodes(): Promise<{ id: string; set: readonly string[]; code: string }> {
  const id = await accounts.newAccount();
  const set = await replace(id);
  return { id, set, code: set[0] ?? '' };
}

describe('a set', () => {
  test('is ten different codes of 80 bits in groups without I, L, O and U', async () => {
    const { id, set } = await withCodes();
    expect(new Set(set).size).toBe(10);
    for (const code of set)
      expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$/);
    expect(await codes.remainingRecoveryCodes(id)).toBe(10);
  });

  test('that is replaced is worth nothing any more', async () => {
    const { id, code } = await withCodes();
    const [next = ''] = await replace(id);
    expect(await codes.spendRecoveryCode(id, code)).toBe(false);
    expect(await codes.spendRecoveryCode(id, next)).toBe(true);
    expect(await codes.remainingRecoveryCodes(id)).toBe(9);
  });

  test('replaced twenty times at once is one set', async () => {
    const { id } = await withCodes();
    const sets = await twenty(() => replace(id));
    expect(await codes.remainingRecoveryCodes(id)).toBe(10);
    const good = await Promise.all(sets.map(([code = '']) => codes.spendRecoveryCode(id, code)));
    expect(good.filter(Boolean)).toHaveLength(1);
  });

  test('goes when the app that it stands in for goes', async () => {
    const { id, code } = await withCodes();
    await createTotp({
      db: accounts.postgres.db,
      clock: systemClock,
      keyring: accounts.keyring,
      codes: oneTimeCodes,
    }).removeTotp(id);
    expect(await codes.remainingRecoveryCodes(id)).toBe(0);
    expect(await codes.spendRecoveryCode(id, code)).toBe(false);
  });
});

describe('a code', () => {
  test('opens once', async () => {
    const { id, code } = await withCodes();
    expect(await codes.spendRecoveryCode(id, code)).toBe(true);
    expect(await codes.spendRecoveryCode(id, code)).toBe(false);
    expect(await codes.remainingRecoveryCodes(id)).toBe(9);
  });

  test('sent twenty times at once opens once', async () => {
    const { id, code } = await withCodes();
    const results = await twenty(() => codes.spendRecoveryCode(id, code));
    expect(results.filter(Boolean)).toHaveLength(1);
  });

  test('may be typed in small letters, without dashes, with spaces, O for 0 and l for 1', async () => {
    const { id, set } = await withCodes();
    const [a = '', b = '', c = '', d = ''] = set;
    const typed = [
      a.toLowerCase(),
      b.replaceAll('-', ''),
      ` ${c.replaceAll('-', ' ').toLowerCase()} `,
      d.replaceAll('-', '–').replaceAll('0', 'o').replaceAll('1', 'l'),
    ];
    for (const code of typed) expect(await codes.spendRecoveryCode(id, code)).toBe(true);
  });

  test('of one account opens no other', async () => {
    const [mine, theirs] = [await withCodes(), await withCodes()];
    expect(await codes.spendRecoveryCode(theirs.id, mine.code)).toBe(false);
    const { db } = accounts.postgres;
    await db.recoveryCode.deleteMany({ where: { accountId: theirs.id } });
    await db.recoveryCode.updateMany({
      where: { accountId: mine.id },
      data: { accountId: theirs.id },
    });
    expect(await codes.spendRecoveryCode(theirs.id, mine.code)).toBe(false);
  });

  test('of another form is wrong, and quickly so', async () => {
    const { id } = await withCodes();
    const started = performance.now();
    for (const text of ['', 'UUUU-UUUU-UUUU-UUUU', '0'.repeat(15), '-'.repeat(50_000)]) {
      expect(await codes.spendRecoveryCode(id, text)).toBe(false);
    }
    expect(performance.now() - started).toBeLessThan(200);
  });

  test('survives a rotation of the keyring, and is worthless without its key', async () => {
    const { id, set } = await withCodes();
    const [a = '', b = ''] = set;
    const rotated = codesUnder(createKeyring([newKey('second'), accounts.key]));
    expect(await rotated.spendRecoveryCode(id, a)).toBe(true);
    const foreign = codesUnder(createKeyring([newKey('other')]));
    expect(await foreign.spendRecoveryCode(id, b)).toBe(false);
  });
});
