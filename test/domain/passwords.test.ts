/** Choosing a password: what is refused, why, and how long that takes. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  commonPasswords,
  decodeCommonPasswords,
} from '../../src/domain/credentials/common-passwords.js';
import {
  createCredentials,
  createPasswordPolicy,
  type PasswordPolicy,
} from '../../src/domain/credentials/index.js';
import { createBreachedPasswords } from '../../src/platform/breached-passwords.js';
import { startPasswordHasher } from '../../src/platform/password-hasher.js';
import { createPasswordStrength } from '../../src/platform/password-strength.js';
import { type Accounts, movableClock, openAccounts, twenty } from '../support/accounts.js';

const GOOD = 'violet harbour untangles nine kites';
/** 128 characters that are like drawn ones, and the same in every run. */
const LONG = createHash('sha512').update(GOOD).digest('hex');

const hasher = startPasswordHasher({ maxWaitMs: 60_000 });
const strength = createPasswordStrength();
const clock = movableClock();
let accounts: Accounts;
let policy: PasswordPolicy;
let credentials: ReturnType<typeof createCredentials>;

beforeAll(async () => {
  accounts = await openAccounts();
  policy = createPasswordPolicy({ db: accounts.postgres.db, hasher, strength });
  credentials = createCredentials({ db: accounts.postgres.db, clock, hasher });
  await strength.warm();
});
afterAll(async () => {
  await Promise.all([accounts.close(), hasher.close()]);
});

const codesFor = async (...given: Parameters<PasswordPolicy['assessPassword']>) =>
  (await policy.assessPassword(...given)).map(({ code }) => code);

describe('a new password', () => {
  test.each([
    ['eleven characters are too few', 'vhu9kp3zq!x', ['too-short']],
    ['twelve will do', 'vhu9kp3zq!xw', []],
    ['characters are counted, not UTF-16 units', '🪁🦑🧿🪐🎏🪅🫧🪬🧶🪩🫚', ['too-short']],
    ['a passphrase with spaces is good', GOOD, []],
    ['any script is good', 'сиреневый маяк и девять змеев', []],
    ['128 characters are good', LONG, []],
    ['129 are too many, and are not cut', `${LONG}x`, ['too-long']],
    ['512 bytes are the limit in any script', `${'𝕬𝔂𝖝𝔨'.repeat(32)}𝕬`, ['too-long']],
    ['the composed form is what counts', 'e\u0301'.repeat(11), ['too-short']],
    ['no digit, capital or sign is asked for', 'nimblewalrusdrumsoften', []],
    ['a common one is refused', 'qwertyuiop123', ['common']],
    ['in any case', 'QwertyUIOP123', ['common']],
    ['a short common one has two faults', 'letmein', ['too-short', 'common']],
    ['a row of one letter is weak', 'z'.repeat(40), ['weak']],
    ['a word with the usual signs is weak', 'p4$$w0rd1234', ['weak']],
  ])('%s', async (_sentence, password, codes) => {
    expect(await codesFor(password)).toEqual(codes);
  });

  test.each([
    ['ada.lovelace@example.org', 'xx ada.lovelace@example.org'],
    ['ada.lovelace@example.org', 'my AdaLovelace 1843 poems'],
    ['ada.lovelace@example.org', 'my l0v3l4c3 writes poems'],
    ['ada+shop@example.org', 'a-d-a-s-h-o-p umbrella fish'],
  ])('does not contain the address %s, as in "%s"', async (email, password) => {
    expect(await codesFor(password, { email })).toEqual(['contains-context']);
  });

  test('does not contain a name or the shop, whatever they are dressed up as', async () => {
    const context = { name: 'Zoë Gødel-Brontë Li', shops: ["Mrs Miller's Teas"] };
    expect(await codesFor('eleven Bronte umbrellas', context)).toEqual(['contains-context']);
    expect(await codesFor('eleven BR0NTË umbrellas', context)).toEqual(['contains-context']);
    expect(await codesFor('I love mrsmillersteas, 9 cups', context)).toEqual(['contains-context']);
    // Two letters are in half of all good passphrases.
    expect(await codesFor('obligatory lively kites galore', context)).toEqual([]);
    expect(await codesFor(GOOD, context)).toEqual([]);
    expect(await codesFor(GOOD, { email: '', name: ' ', shops: undefined })).toEqual([]);
  });

  test('is refused with what a sentence about it needs, and never with itself', async () => {
    expect(await policy.assessPassword('vhu9kp')).toEqual([{ code: 'too-short', least: 12 }]);
    expect(await policy.assessPassword('x'.repeat(200))).toEqual([{ code: 'too-long', most: 128 }]);
    for (const password of ['vhu9kp', 'x'.repeat(200), 'qwertyuiop123', 'z'.repeat(40)]) {
      const faults = await policy.assessPassword(password);
      expect(faults.length).toBeGreaterThan(0);
      expect(JSON.stringify(faults)).not.toContain(password);
    }
  });

  test('may be asked to be longer, never to be shorter than eight', async () => {
    const parts = { db: accounts.postgres.db, hasher, strength };
    const strict = createPasswordPolicy({ ...parts, minLength: 15 });
    expect(await strict.assessPassword('vhu9kp3zq!xw')).toEqual([{ code: 'too-short', least: 15 }]);
    expect(() => createPasswordPolicy({ ...parts, minLength: 7 })).toThrow();
  });

  test('of any kind holds the process for less than a fifth of a second', async () => {
    const long = (text: string, length: number) => text.repeat(length).slice(0, length);
    const shapes = [
      'a',
      'ab',
      '4@8({[<369&!1/|0$5+7%2',
      '19121991',
      'p4$$w0rd',
      '|-|/\\',
      'é',
      '\u0301',
      '\ufdfa',
      ' ',
    ];
    for (const length of [128, 50_000]) {
      for (const shape of shapes) {
        const password = long(shape, length);
        const context = { email: `${password}@example.org`, name: password, shops: [password] };
        const started = performance.now();
        await policy.assessPassword(password, context);
        expect(performance.now() - started, `${length} × ${shape}`).toBeLessThan(200);
      }
    }
  });
});

describe('the list of common passwords', () => {
  test('has the 100,000 most common, and hardly ever takes another for one', () => {
    const list = commonPasswords();
    expect(list.count).toBeGreaterThanOrEqual(100_000);
    expect(list.falsePositiveRate).toBeLessThan(1e-5);
    for (const password of ['123456', 'password', 'iloveyou', '1qaz2wsx3edc', 'unbelievable']) {
      expect(list.has(password)).toBe(true);
    }
    let mistaken = 0;
    for (let i = 0; i < 50_000; i += 1) if (list.has(`${i} violet kites`)) mistaken += 1;
    expect(mistaken).toBeLessThan(5);
  });

  test('is not read from a file that is something else', () => {
    const file = readFileSync(new URL('../../data/common-passwords.bin', import.meta.url));
    expect(decodeCommonPasswords(file).has('password')).toBe(true);
    expect(() => decodeCommonPasswords(file.subarray(0, 12))).toThrow();
    expect(() => decodeCommonPasswords(Buffer.from('version https://git-lfs'))).toThrow();
  });
});

describe('an old password', () => {
  const set = async (accountId: string, password: string) => {
    clock.forward(60);
    const hash = await hasher.hash(password);
    await accounts.postgres.transaction((tx) =>
      createCredentials({ db: tx, clock, hasher }).setPasswordHash(accountId, hash),
    );
  };
  const nth = (n: number) => `${GOOD} number ${n}`;

  test('is refused while it is one of the last five', async () => {
    const accountId = await accounts.newAccount();
    for (const n of [1, 2, 3, 4, 5, 6]) await set(accountId, nth(n));
    for (const n of [6, 4, 2]) expect(await codesFor(nth(n), { accountId })).toEqual(['reused']);
    expect(await codesFor(nth(1), { accountId })).toEqual([]);
    expect(await codesFor(nth(7), { accountId })).toEqual([]);
    expect(await accounts.postgres.db.passwordHistory.count({ where: { accountId } })).toBe(4);
    // Somebody else's past is nobody's business.
    expect(await codesFor(nth(6), { accountId: await accounts.newAccount() })).toEqual([]);
  });

  test('that was revoked must not come back', async () => {
    const accountId = await accounts.newAccount();
    await set(accountId, nth(1));
    expect(await credentials.revokeCredentials(accountId)).toBe(1);
    expect((await credentials.checkPassword(accountId, nth(1))).kind).toBe('wrong');
    expect(await codesFor(nth(1), { accountId })).toEqual(['reused']);
    expect(await credentials.revokeCredentials(accountId)).toBe(0);
  });

  test('is kept when twenty changes come at once', async () => {
    const accountId = await accounts.newAccount();
    await set(accountId, nth(0));
    await twenty((turn) =>
      accounts.postgres.transaction((tx) =>
        createCredentials({ db: tx, clock, hasher }).setPasswordHash(accountId, `hash ${turn}`),
      ),
    );
    const { db } = accounts.postgres;
    const kept = await db.passwordHistory.findMany({ where: { accountId } });
    expect(kept).toHaveLength(4);
    const current = await db.passwordCredential.findUniqueOrThrow({ where: { accountId } });
    expect(new Set([...kept, current].map(({ hash }) => hash)).size).toBe(5);
  });
});

describe('a password known from a leak', () => {
  const asked: string[] = [];
  const failures: unknown[] = [];
  const askWith = (answer: (url: string, init?: RequestInit) => Promise<Response>) =>
    createBreachedPasswords({
      fetch: ((url: string, init?: RequestInit) => {
        asked.push(url);
        return answer(url, init);
      }) as typeof fetch,
      onFailure: (reason) => failures.push(reason),
      url: 'https://leaks.example/range/',
      timeoutMs: 100,
    });
  const P = 'password'; // 5BAA6 1E4C9B93F3F0682250B6CF8331B7EE68FD8
  const SUFFIX = '1E4C9B93F3F0682250B6CF8331B7EE68FD8';

  test('is recognised, and only five digits of its hash leave the house', async () => {
    const found = askWith(
      async () => new Response(`0018A45C4D1DEF81644B54AB7F969B88D65:3\r\n${SUFFIX}:9\r\n`),
    );
    expect(await found.isBreached(P)).toBe(true);
    expect(asked.at(-1)).toBe('https://leaks.example/range/5BAA6');
    const padding = askWith(async () => new Response(`${SUFFIX}:0\r\n`));
    expect(await padding.isBreached(P)).toBe(false);
    const other = askWith(async () => new Response('0018A45C4D1DEF81644B54AB7F969B88D65:3'));
    expect(await other.isBreached(P)).toBe(false);
    expect(failures).toEqual([]);
  });

  test.each([
    ['does not answer', () => new Promise<Response>(() => undefined)],
    ['cannot be reached', () => Promise.reject(new TypeError('fetch failed'))],
    ['is broken', async () => new Response('oops', { status: 503 })],
    ['answers without end', async () => new Response('x'.repeat(2_000_000))],
  ])('is let through when the service %s, and somebody hears of it', async (_how, answer) => {
    failures.length = 0;
    const started = performance.now();
    expect(await askWith(answer).isBreached(P)).toBe('unknown');
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(failures).toHaveLength(1);
    expect(String(failures[0])).not.toContain(SUFFIX);
  });

  test('is refused when it is chosen, and one that cannot be looked up is not', async () => {
    const withBreaches = (answer: boolean | 'unknown') =>
      createPasswordPolicy({
        db: accounts.postgres.db,
        hasher,
        strength,
        breaches: { isBreached: async () => answer },
      });
    const [fault] = await withBreaches(true).assessPassword(GOOD);
    expect(fault?.code).toBe('breached');
    expect(await withBreaches('unknown').assessPassword(GOOD)).toEqual([]);
    expect(await withBreaches(false).assessPassword(GOOD)).toEqual([]);
  });
});
