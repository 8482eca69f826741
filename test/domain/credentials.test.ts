/** Passwords: what is accepted, what is equal, and what a check costs. */
import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { passwordFault } from '../../src/domain/credentials/index.js';
import { createCreateAccount } from '../../src/flows/create-account.js';
import { createSignIn } from '../../src/flows/sign-in/index.js';
import { systemClock } from '../../src/kernel/clock.js';
import { createKeyring } from '../../src/kernel/keyring.js';
import { Secret } from '../../src/kernel/secret.js';
import { createBotChallenge } from '../../src/platform/challenge.js';
import { createNetworkLimits } from '../../src/platform/network-limits.js';
import { type PasswordHasher, startPasswordHasher } from '../../src/platform/password-hasher.js';
import { masterKey, openDomain, type TestDomain } from '../support/domain.js';

const CHEAP = { memoryCost: 64, timeCost: 1, parallelism: 1 };
const DEARER = { memoryCost: 128, timeCost: 2, parallelism: 1 };
const PASSWORD = 'four words of chaff';
const REJECTED = { kind: 'password', problem: 'rejected' };

let hasher: PasswordHasher;
let newer: PasswordHasher;
let opened: TestDomain;
let upgraded: TestDomain;
/** Every PHC string that was compared with. */
const compared: string[] = [];

beforeAll(async () => {
  hasher = startPasswordHasher({ parameters: CHEAP, concurrency: 1, maxWaitMs: 60_000 });
  newer = startPasswordHasher({ parameters: DEARER, concurrency: 1, maxWaitMs: 60_000 });
  const keys = [masterKey('test')];
  const watched = {
    ...hasher,
    verify(phc: string, password: string) {
      compared.push(phc);
      return hasher.verify(phc, password);
    },
  };
  opened = await openDomain({ hasher: watched, keys });
  upgraded = await openDomain({ like: opened, hasher: newer, keys });
  await Promise.all([hasher.ready(), newer.ready()]);
});
afterAll(async () => {
  await upgraded.close();
  await opened.close();
  await Promise.all([hasher.close(), newer.close()]);
});

async function signUp(password = PASSWORD): Promise<{ email: string; id: string }> {
  // One word: of a UUID's groups of four a long password would hold one every so often.
  const email = `${randomBytes(12).toString('hex')}@fernhill.example`;
  const created = await createCreateAccount(opened)({
    accountKind: 'shopper',
    email,
    emailVerified: true,
    password,
    profile: {},
    roles: [],
    actor: { kind: 'operator' },
  });
  if (created.kind !== 'created') throw new Error(JSON.stringify(created));
  return { email, id: created.accountId };
}

const challenges = createBotChallenge({
  keys: new Secret(['a cookie key of these tests alone']),
  clock: systemClock,
});

/** One try in an interaction of its own, by a browser that has never been here. */
const signIn = ({ domain, transact }: TestDomain, login: string, password: string) =>
  createSignIn({
    domain,
    transact,
    clock: systemClock,
    networks: createNetworkLimits({
      enabled: false,
      keyring: createKeyring([masterKey('networks')]),
      clock: systemClock,
    }),
    challenges,
    challengeMode: 'off',
    relyingParty: { id: 'localhost', origin: 'http://localhost:4000', name: 'localhost' },
    drawQr: () => '<svg/>',
  }).submitPassword(
    {
      interactionId: randomUUID(),
      clientId: 'storefront',
      clientName: 'Fernhill',
      requiredAcr: undefined,
    },
    { origin: { ip: '192.0.2.1' }, deviceTokens: [], deviceLabel: 'Firefox on Windows' },
    { login, password, puzzle: undefined, patience: undefined },
  );

const storedHash = async (id: string) =>
  (
    await opened.sql<{ hash: string }>(
      'SELECT hash FROM password_credentials WHERE account_id = $1',
      [id],
    )
  )[0]?.hash;

describe('a new password', () => {
  const cases: readonly (readonly [what: string, password: string, fault: string | undefined])[] = [
    ['of nothing', '', 'too-short'],
    ['of 11 letters', 'a'.repeat(11), 'too-short'],
    ['of 12 letters', 'a'.repeat(12), undefined],
    ['of 12 blanks', ' '.repeat(12), undefined],
    ['of 11 emoji, which are 22 units of UTF-16', '🗝'.repeat(11), 'too-short'],
    ['of 12 emoji', '🗝'.repeat(12), undefined],
    ['of 11 letters with separate accents', 'e\u0301'.repeat(11), 'too-short'],
    ['of 12 letters with separate accents', 'e\u0301'.repeat(12), undefined],
    ['of 64 characters', 'ü'.repeat(64), undefined],
    ['of 128 letters', 'a'.repeat(128), undefined],
    ['of 129 letters', 'a'.repeat(129), 'too-long'],
    ['of 128 emoji, which are 512 bytes', '🗝'.repeat(128), undefined],
    ['of 129 emoji', '🗝'.repeat(129), 'too-long'],
    ['of 128 letters that were 256 before composition', 'e\u0301'.repeat(128), undefined],
    ['of a megabyte', 'a'.repeat(1_000_000), 'too-long'],
  ];
  test.each(cases)('%s is judged by the characters a person counts', (_what, password, fault) => {
    expect(passwordFault(password)).toBe(fault);
  });

  it('is not asked for capitals, digits or signs', () => {
    expect(passwordFault('aaaaaaaaaaaaaaaa')).toBeUndefined();
  });
});

describe('a shopper logs in', () => {
  it('with the same keys on another machine, which composes accents differently', async () => {
    const { email, id } = await signUp('Grüße aus Köln'.normalize('NFD'));
    const result = await signIn(opened, email, 'Grüße aus Köln'.normalize('NFC'));
    expect(result).toMatchObject({ kind: 'signed-in', accountId: id, amr: ['pwd'] });
  });

  it('only with the whole password, to the last character', async () => {
    const long = `${randomBytes(64).toString('hex').slice(1)}a`;
    const { email } = await signUp(long);
    expect((await signIn(opened, email, long)).kind).toBe('signed-in');
    expect((await signIn(opened, email, `${long.slice(0, 127)}b`)).kind).toBe('password');
    expect((await signIn(opened, email, long.slice(0, 127))).kind).toBe('password');
    expect((await signIn(opened, email, `${long}a`)).kind).toBe('password');
    expect((await signIn(opened, email, ` ${long.slice(1)}`)).kind).toBe('password');
  });

  it('and an old hash is replaced by one of today’s parameters, unseen', async () => {
    const { email, id } = await signUp();
    const before = await storedHash(id);
    expect(before).toContain('m=64,t=1,p=1');
    expect((await signIn(upgraded, email, 'wrong, so nothing changes')).kind).toBe('password');
    expect(await storedHash(id)).toBe(before);
    expect((await signIn(upgraded, email, PASSWORD)).kind).toBe('signed-in');
    const after = await storedHash(id);
    expect(after).toContain('m=128,t=2,p=1');
    expect((await signIn(upgraded, email, PASSWORD)).kind).toBe('signed-in');
    expect(await storedHash(id)).toBe(after);
  });

  it('and a password changed meanwhile is not undone by that', async () => {
    const { id } = await signUp();
    const before = (await storedHash(id)) ?? '';
    const changed = await opened.domain.credentials.hashPassword('another password');
    await opened.domain.credentials.setPasswordHash(id, changed);
    await upgraded.domain.credentials.replaceHash(id, before, before);
    expect(await storedHash(id)).toBe(changed);
  });

  it('and two at the same moment both get in while the hash is replaced', async () => {
    const { email, id } = await signUp();
    const results = await Promise.all([
      signIn(upgraded, email, PASSWORD),
      signIn(upgraded, email, PASSWORD),
      signIn(opened, email, PASSWORD),
    ]);
    expect(results.map(({ kind }) => kind)).toEqual(['signed-in', 'signed-in', 'signed-in']);
    expect((await signIn(upgraded, email, PASSWORD)).kind).toBe('signed-in');
    expect(await storedHash(id)).toMatch(/m=(128,t=2|64,t=1)/);
  });
});

describe('somebody guesses', () => {
  it('and a name nobody has costs a whole comparison too', async () => {
    const { email, id } = await signUp();
    const unknown = `${randomUUID()}@fernhill.example`;
    compared.length = 0;
    expect(await signIn(opened, email, 'a wrong password')).toEqual(REJECTED);
    expect(await signIn(opened, unknown, 'a wrong password')).toEqual(REJECTED);
    expect(compared).toEqual([await storedHash(id), hasher.dummyHash]);
  });

  it('and an account without a password is no different', async () => {
    const { email, id } = await signUp();
    await opened.domain.credentials.revokeCredentials(id);
    compared.length = 0;
    expect(await signIn(opened, email, PASSWORD)).toEqual(REJECTED);
    expect(compared).toEqual([hasher.dummyHash]);
  });

  it('and nothing is hashed for what can be nobody’s password, whoever is named', async () => {
    const { email } = await signUp();
    compared.length = 0;
    for (const login of [email, 'nobody@fernhill.example']) {
      for (const password of ['', 'a'.repeat(129), 'a'.repeat(1_000_000), '🗝'.repeat(129)]) {
        expect(await signIn(opened, login, password)).toEqual(REJECTED);
      }
    }
    expect(compared).toEqual([]);
  });

  it('and the audit log knows why, without the name or the password', async () => {
    await signIn(opened, 'who.is.this@fernhill.example', 'hunter2hunter2');
    const [event] = await opened.sql<{ details: unknown; subject_id: string | null; text: string }>(
      'SELECT details, subject_id, e::text AS text FROM audit_events e ORDER BY id DESC LIMIT 1',
    );
    expect(event).toMatchObject({ details: { reason: 'unknown_name' }, subject_id: null });
    expect(event?.text).not.toMatch(/who\.is\.this|hunter2/);
  });
});
