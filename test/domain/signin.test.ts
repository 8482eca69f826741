/** What an attempt to log in still needs, and what an attempt survives. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ACR_ONE_FACTOR,
  ACR_PHISHING_RESISTANT,
  ACR_TWO_FACTORS,
  type Attempts,
  createAttempts,
  type Factor,
  isAcr,
  nextStep,
  type Situation,
  type Step,
  satisfies,
} from '../../src/domain/signin/index.js';
import { newBearerValue, newId } from '../../src/kernel/ids.js';
import type { Db } from '../../src/platform/postgres.js';
import { type Accounts, openAccounts, twenty } from '../support/accounts.js';

const NOW = 1_900_000_000;

const shopper: Situation = {
  accountKind: 'shopper',
  proven: [],
  hasTotp: false,
  recoveryCodesLeft: 0,
  hasPasskey: false,
  mayEnrol: false,
  deviceRemembered: false,
  codesToShow: false,
};
const staff: Situation = { ...shopper, accountKind: 'staff' };
const app = { hasTotp: true, recoveryCodesLeft: 10 };
const proven = (...factors: Factor[]) => ({
  proven: factors.map((factor, index) => ({ factor, at: NOW + index })),
});
const oneFactor: Step = { kind: 'done', amr: ['pwd'], acr: ACR_ONE_FACTOR, provenAt: NOW };
const twoFactors: Step = {
  kind: 'done',
  amr: ['pwd', 'otp', 'mfa'],
  acr: ACR_TWO_FACTORS,
  provenAt: NOW,
};
const asksCode: Step = {
  kind: 'totp',
  recoveryCodeAccepted: true,
  passkeyAccepted: false,
};
const passkey = { hasPasskey: true };
const byPasskey: Step = {
  kind: 'done',
  amr: ['pop', 'user', 'mfa'],
  acr: ACR_PHISHING_RESISTANT,
  provenAt: NOW,
};
const phrAsked = { requiredAcr: ACR_PHISHING_RESISTANT } as const;
const twoAsked = { requiredAcr: ACR_TWO_FACTORS } as const;

const table: readonly (readonly [string, Situation, Step])[] = [
  ['nobody has proven anything: password', shopper, { kind: 'password' }],
  [
    'a code without the password proves nothing',
    { ...shopper, ...app, ...proven('totp') },
    { kind: 'password' },
  ],
  ['a shopper with a password is in', { ...shopper, ...proven('password') }, oneFactor],
  [
    'a code by e-mail is one factor, and no password',
    { ...shopper, ...proven('email-code') },
    { ...oneFactor, amr: ['otp'] },
  ],
  [
    'a code by e-mail does not spare the one from the app',
    { ...shopper, ...app, ...proven('email-code') },
    asksCode,
  ],
  [
    'nor is it a second factor beside the password',
    { ...shopper, ...app, ...twoAsked, ...proven('password', 'email-code') },
    asksCode,
  ],
  [
    'a code by e-mail and one from the app are two factors, each of them once',
    { ...shopper, ...app, ...twoAsked, ...proven('email-code', 'totp') },
    { ...twoFactors, amr: ['otp', 'mfa'] },
  ],
  [
    'a remembered device spares the app after a code by e-mail as after a password',
    { ...shopper, ...app, deviceRemembered: true, ...proven('email-code') },
    { ...oneFactor, amr: ['otp'] },
  ],
  [
    'a code by e-mail is not phishing-resistant',
    { ...shopper, ...passkey, ...phrAsked, ...proven('email-code') },
    { kind: 'passkey' },
  ],
  [
    'staff do not get in with a code by e-mail',
    { ...staff, ...proven('email-code') },
    { kind: 'unreachable', requiredAcr: ACR_TWO_FACTORS },
  ],
  [
    'a shopper with an app is asked for a code',
    { ...shopper, ...app, ...proven('password') },
    asksCode,
  ],
  [
    'a shopper without recovery codes is not offered to use one',
    { ...shopper, hasTotp: true, ...proven('password') },
    {
      kind: 'totp',
      recoveryCodeAccepted: false,
      passkeyAccepted: false,
    },
  ],
  [
    'a shopper with password and code is in with two factors',
    { ...shopper, ...app, ...proven('password', 'totp') },
    twoFactors,
  ],
  [
    'a recovery code is a second factor',
    { ...shopper, ...app, ...proven('password', 'recovery-code') },
    twoFactors,
  ],
  [
    'a remembered device spares a shopper the code, and is no second factor',
    { ...shopper, ...app, deviceRemembered: true, ...proven('password') },
    oneFactor,
  ],
  [
    'a remembered device does not spare the password',
    { ...shopper, ...app, deviceRemembered: true },
    { kind: 'password' },
  ],
  [
    'a remembered device does not do for a request for two factors',
    { ...shopper, ...app, ...twoAsked, deviceRemembered: true, ...proven('password') },
    asksCode,
  ],
  [
    'a shopper without an app may enrol one when two factors are asked for',
    { ...shopper, ...twoAsked, mayEnrol: true, ...proven('password') },
    { kind: 'enrol-totp' },
  ],
  [
    'or cannot be what is asked for',
    { ...shopper, ...twoAsked, ...proven('password') },
    { kind: 'unreachable', requiredAcr: ACR_TWO_FACTORS },
  ],
  [
    'nobody learns what an account can do before the password is right',
    { ...shopper, ...twoAsked },
    { kind: 'password' },
  ],
  [
    'a code does not make anybody phishing-resistant',
    { ...staff, ...app, requiredAcr: ACR_PHISHING_RESISTANT, ...proven('password', 'totp') },
    { kind: 'unreachable', requiredAcr: ACR_PHISHING_RESISTANT },
  ],
  [
    'whoever has a passkey is asked for it when that is what is asked for',
    { ...shopper, ...app, ...passkey, ...phrAsked, ...proven('password', 'totp') },
    { kind: 'passkey' },
  ],
  [
    'a passkey is enough for everything, by itself',
    { ...shopper, ...app, ...passkey, ...phrAsked, ...proven('passkey') },
    byPasskey,
  ],
  ['for staff too', { ...staff, ...passkey, ...proven('passkey') }, byPasskey],
  [
    'a password and a passkey are as old as the older one',
    { ...staff, ...passkey, ...proven('password', 'passkey') },
    { ...byPasskey, amr: ['pwd', 'pop', 'user', 'mfa'] },
  ],
  [
    'a passkey may stand in for the code',
    { ...shopper, ...app, ...passkey, ...proven('password') },
    { kind: 'totp', recoveryCodeAccepted: true, passkeyAccepted: true },
  ],
  [
    'a shopper with a passkey still gets in with the password alone, elsewhere',
    { ...shopper, ...passkey, ...proven('password') },
    oneFactor,
  ],
  [
    'nobody sets an app up beside a passkey on the strength of the password',
    { ...shopper, ...passkey, ...twoAsked, mayEnrol: true, ...proven('password') },
    { kind: 'passkey' },
  ],
  [
    'nor do staff',
    { ...staff, ...passkey, mayEnrol: true, ...proven('password') },
    { kind: 'passkey' },
  ],
  [
    'nobody learns that there is a passkey before the password is right',
    { ...shopper, ...passkey, ...phrAsked },
    { kind: 'password' },
  ],
  [
    'a request for one factor is content with one',
    { ...shopper, requiredAcr: ACR_ONE_FACTOR, ...proven('password') },
    oneFactor,
  ],
  [
    'staff with a password are asked for a code',
    { ...staff, ...app, ...proven('password') },
    asksCode,
  ],
  [
    'staff without an app enrol one',
    { ...staff, mayEnrol: true, ...proven('password') },
    { kind: 'enrol-totp' },
  ],
  [
    'staff who may not enrol here do not get in',
    { ...staff, ...proven('password') },
    { kind: 'unreachable', requiredAcr: ACR_TWO_FACTORS },
  ],
  [
    'no device is remembered for staff',
    { ...staff, ...app, deviceRemembered: true, ...proven('password') },
    asksCode,
  ],
  [
    'a request for one factor does not let staff in on one',
    { ...staff, ...app, requiredAcr: ACR_ONE_FACTOR, ...proven('password') },
    asksCode,
  ],
  ['staff with both are in', { ...staff, ...app, ...proven('password', 'totp') }, twoFactors],
  [
    'new recovery codes are shown before anybody is in',
    { ...staff, ...app, codesToShow: true, ...proven('password', 'totp') },
    { kind: 'show-recovery-codes' },
  ],
  [
    'and not before both factors are proven',
    { ...staff, ...app, codesToShow: true, ...proven('password') },
    asksCode,
  ],

  [
    'of a factor proven twice the newer proof counts',
    {
      ...shopper,
      proven: [
        { factor: 'password', at: NOW },
        { factor: 'password', at: NOW - 900 },
      ],
    },
    oneFactor,
  ],
  [
    'a log-in is as old as its oldest proof',
    {
      ...staff,
      ...app,
      proven: [
        { factor: 'password', at: NOW + 60 },
        { factor: 'totp', at: NOW },
      ],
    },
    twoFactors,
  ],
];

describe('the next step', () => {
  test.each(table)('%s', (_sentence, situation, step) => {
    expect(nextStep(situation)).toEqual(step);
  });

  test('of the one-page sign-in never lets staff in', () => {
    expect(nextStep({ accountKind: 'staff', proven: ['password'] }).kind).toBe('unreachable');
    expect(nextStep({ accountKind: 'shopper', proven: ['password'] }).kind).toBe('done');
  });

  test('two factors are good enough for one, and not the other way round', () => {
    expect(satisfies(ACR_TWO_FACTORS, ACR_ONE_FACTOR)).toBe(true);
    expect(satisfies(ACR_TWO_FACTORS, ACR_TWO_FACTORS)).toBe(true);
    expect(satisfies(ACR_ONE_FACTOR, ACR_TWO_FACTORS)).toBe(false);
    expect(satisfies(ACR_TWO_FACTORS, ACR_PHISHING_RESISTANT)).toBe(false);
    expect(isAcr('urn:latchkey:acr:2')).toBe(true);
    expect(isAcr('urn:somebody:else')).toBe(false);
  });
});

describe('an attempt', () => {
  let accounts: Accounts;
  let attempts: Attempts;

  beforeAll(async () => {
    accounts = await openAccounts();
    attempts = on(accounts.postgres.db);
  });
  afterAll(() => accounts.close());

  const on = (db: Db) => createAttempts({ db, keyring: accounts.keyring });

  async function begun(lifetimeSeconds?: number) {
    const accountId = await accounts.newAccount();
    const id = newBearerValue();
    const securityEpoch = await accounts.epochOf(accountId);
    await attempts.begin(id, {
      accountId,
      securityEpoch,
      ...(lifetimeSeconds === undefined ? {} : { lifetimeSeconds }),
    });
    return { id, accountId, securityEpoch };
  }

  async function live(id: string) {
    const state = await attempts.load(id);
    if (state.kind !== 'live') throw new Error(`the attempt is ${state.kind}`);
    return state.attempt;
  }

  test('remembers what was proven, once a factor, by the time of the database', async () => {
    const { id, accountId, securityEpoch } = await begun();
    expect(await live(id)).toMatchObject({ accountId, securityEpoch, proven: [], wrongCodes: 0 });
    for (const factor of ['password', 'totp', 'password'] as const) {
      expect(await attempts.prove(id, factor)).toBe(true);
    }
    const { proven } = await live(id);
    expect(proven.map(({ factor }) => factor)).toEqual(['totp', 'password']);
    for (const { at } of proven) expect(Math.abs(at - Date.now() / 1000)).toBeLessThan(60);
  });

  test('is found by its interaction only, whose id is not stored', async () => {
    const { id } = await begun();
    expect(await attempts.load(newBearerValue())).toEqual({ kind: 'gone' });
    const rows = await accounts.postgres.db.signInAttempt.findMany();
    expect(
      JSON.stringify(rows.map((row) => Buffer.from(row.idHash).toString('utf8'))),
    ).not.toContain(id);
  });

  test('that proves twenty things at once loses none of them', async () => {
    const { id } = await begun();
    const factors = ['password', 'totp', 'recovery-code'] as const;
    await twenty((turn) => attempts.prove(id, factors[turn % 3] ?? 'password'));
    const { proven } = await live(id);
    expect(proven.map(({ factor }) => factor).sort()).toEqual([...factors].sort());
  });

  test('dies of five wrong codes and takes everything with it', async () => {
    const { id, accountId, securityEpoch } = await begun();
    await attempts.prove(id, 'password');
    await attempts.keepEnrolment(id, Buffer.from('a sealed seed'));
    for (const left of [4, 3, 2, 1]) {
      expect(await attempts.countWrongCode(id)).toEqual({ kind: 'counted', left });
    }
    expect(await attempts.countWrongCode(id)).toEqual({ kind: 'void' });
    expect(await attempts.load(id)).toEqual({ kind: 'void' });
    expect(await attempts.prove(id, 'totp')).toBe(false);
    expect(await attempts.end(id)).toBe(false);
    const row = await accounts.postgres.db.signInAttempt.findFirstOrThrow({ where: { accountId } });
    expect(row).toMatchObject({ proven: [], sealedEnrolment: null });
    // The right password buys no more guesses.
    expect(await attempts.begin(id, { accountId, securityEpoch })).toBe(false);
    expect(await attempts.load(id)).toEqual({ kind: 'void' });
  });

  test('counts twenty wrong codes at once exactly', async () => {
    const { id } = await begun();
    const counts = await twenty(() => attempts.countWrongCode(id));
    expect(counts.filter(({ kind }) => kind === 'counted')).toHaveLength(4);
    expect(counts.filter(({ kind }) => kind === 'void')).toHaveLength(16);
  });

  test('lets five of twenty guesses be looked at, however fast they come', async () => {
    const { id } = await begun();
    const looked = await twenty(() =>
      accounts.postgres.transaction(async (tx) => {
        const mine = on(tx);
        if ((await mine.hold(id)).kind !== 'live') return false;
        await mine.countWrongCode(id);
        return true;
      }),
    );
    expect(looked.filter(Boolean)).toHaveLength(5);
  });

  test('begun anew keeps the count of wrong codes and nothing else', async () => {
    const { id } = await begun();
    await attempts.prove(id, 'password');
    await attempts.keepRecoveryCodes(id, ['A']);
    await attempts.countWrongCode(id);
    const other = await accounts.newAccount();
    expect(await attempts.begin(id, { accountId: other, securityEpoch: 0 })).toBe(true);
    expect(await live(id)).toEqual({
      accountId: other,
      failuresBefore: 0,
      securityEpoch: 0,
      proven: [],
      wrongCodes: 1,
      sealedSeed: undefined,
      recoveryCodes: undefined,
    });
  });

  test('is gone when its time is up', async () => {
    const { id } = await begun(-1);
    expect(await attempts.load(id)).toEqual({ kind: 'gone' });
    expect(await attempts.prove(id, 'password')).toBe(false);
    expect(await attempts.end(id)).toBe(false);
  });

  test("is gone when its account's epoch moved, and cannot be brought back", async () => {
    const { id, accountId } = await begun();
    await attempts.prove(id, 'password');
    await accounts.revoke(accountId);
    expect(await attempts.load(id)).toEqual({ kind: 'gone' });
    expect(await attempts.prove(id, 'totp')).toBe(false);
    expect(await attempts.keepEnrolment(id, Buffer.from('seed'))).toBe(false);
    expect(await attempts.end(id)).toBe(false);
  });

  test('is gone when its account is disabled or does not exist', async () => {
    const { id, accountId } = await begun();
    await accounts.postgres.db.account.update({
      where: { id: accountId },
      data: { status: 'disabled' },
    });
    expect(await attempts.load(id)).toEqual({ kind: 'gone' });
    const nobody = newBearerValue();
    await attempts.begin(nobody, { accountId: newId(), securityEpoch: 0 });
    expect(await attempts.load(nobody)).toEqual({ kind: 'gone' });
  });

  test('shows a seed, then recovery codes, then nothing, and stores neither readably', async () => {
    const { id, accountId } = await begun();
    const seed = new Uint8Array([1, 2, 3]);
    expect(await attempts.keepEnrolment(id, seed)).toBe(true);
    expect(await live(id)).toMatchObject({ sealedSeed: seed, recoveryCodes: undefined });
    expect(await attempts.keepRecoveryCodes(id, ['ABCD-EFGH'])).toBe(true);
    expect(await live(id)).toMatchObject({ sealedSeed: undefined, recoveryCodes: ['ABCD-EFGH'] });
    const row = await accounts.postgres.db.signInAttempt.findFirstOrThrow({ where: { accountId } });
    expect(Buffer.from(row.sealedEnrolment ?? []).includes('ABCD')).toBe(false);
    expect(await attempts.forgetRecoveryCodes(id)).toBe(true);
    expect(await live(id)).toMatchObject({ sealedSeed: undefined, recoveryCodes: undefined });
  });

  test('ended twenty times at once ends once', async () => {
    const { id } = await begun();
    const ended = await twenty(() => attempts.end(id));
    expect(ended.filter(Boolean)).toHaveLength(1);
    expect(await attempts.load(id)).toEqual({ kind: 'gone' });
  });

  test('that ended by itself is cleared a day later', async () => {
    const { id, accountId } = await begun(-1);
    await attempts.deleteExpired(100);
    const { db } = accounts.postgres;
    expect(await db.signInAttempt.count({ where: { accountId } })).toBe(1);
    await begun(-90_000);
    expect(await attempts.deleteExpired(100)).toBe(1);
    expect(await attempts.load(id)).toEqual({ kind: 'gone' });
  });
});
