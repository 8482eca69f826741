/** Passkeys: what is asked, what is believed, and what counts once. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  createPasskeys,
  PASSKEYS_PER_ACCOUNT,
  type Passkeys,
  passkeyName,
} from '../../src/domain/credentials/index.js';
import { systemClock } from '../../src/kernel/clock.js';
import { newId } from '../../src/kernel/ids.js';
import { webAuthn } from '../../src/platform/webauthn.js';
import { type Accounts, openAccounts, twenty } from '../support/accounts.js';
import { type Lie, type PasskeyDevice, passkeyDevice } from '../support/passkey-device.js';

const ISSUER = 'https://id.shop.example';
const rp = { id: 'id.shop.example', origin: ISSUER, name: 'id.shop.example' };

let accounts: Accounts;
let passkeys: Passkeys;
let id: string;
let device: PasskeyDevice;
let page: string;

beforeAll(async () => {
  accounts = await openAccounts();
  passkeys = createPasskeys({
    db: accounts.postgres.db,
    clock: systemClock,
    ceremonies: webAuthn,
  });
});
afterAll(() => accounts.close());
beforeEach(async () => {
  id = await accounts.newAccount();
  device = passkeyDevice(ISSUER);
  page = newId();
});

const creation = (accountId = id) =>
  passkeys.passkeyCreation({
    page,
    rp,
    account: { id: accountId, email: 'mara@fernhill.example', name: 'Mara' },
  });
const checkNew = (json: string, on = page) => passkeys.checkNewPasskey({ page: on, rp, json });
const request = (accountId?: string) => passkeys.passkeyRequest({ page, rp, accountId });
const check = (json: string, on = page) => passkeys.checkPasskey({ page: on, rp, json });

async function add(from = device, name = 'my phone') {
  const made = await checkNew(from.create(await creation()));
  if (typeof made === 'string') throw new Error(made);
  return passkeys.addPasskey(id, made, name);
}

async function proofOf(lie: Lie = {}) {
  const checked = await check(device.sign(await request(), lie));
  if (checked.kind !== 'right') throw new Error(checked.reason);
  return checked.proof;
}

describe('a new passkey', () => {
  test('is asked for as one that needs no name and knows its owner', async () => {
    await add();
    const options = await creation();
    expect(options).toMatchObject({
      rp: { id: 'id.shop.example' },
      user: { name: 'mara@fernhill.example', displayName: 'Mara' },
      attestation: 'none',
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      excludeCredentials: [{ id: device.id, transports: ['internal'] }],
      timeout: 300_000,
    });
    const { challenge, pubKeyCredParams } = options as {
      challenge: string;
      pubKeyCredParams: { alg: number }[];
    };
    expect(Buffer.from(challenge, 'base64url')).toHaveLength(32);
    expect(pubKeyCredParams.map(({ alg }) => alg)).toEqual([-8, -7, -257]);
  });

  test('knows the account by 32 random bytes, always the same', async () => {
    const handle = async (accountId: string) =>
      ((await creation(accountId)) as { user: { id: string } }).user.id;
    const first = await handle(id);
    expect(Buffer.from(first, 'base64url')).toHaveLength(32);
    expect(await handle(id)).toBe(first);
    expect(await handle(await accounts.newAccount())).not.toBe(first);
  });

  test('is kept with what its owner calls it', async () => {
    expect(await add()).toBe('added');
    expect(await passkeys.listPasskeys(id)).toMatchObject([
      { name: 'my phone', lastUsedAt: null, backedUp: false },
    ]);
    expect(await passkeys.hasPasskey(id)).toBe(true);
  });

  const lies: readonly (readonly [string, Lie])[] = [
    ['made on another site', { origin: 'https://id.shop.example.evil.example' }],
    ['made on the same host over http', { origin: 'http://id.shop.example' }],
    ['made for another host', { rpId: 'shop.example' }],
    ['made in a foreign frame', { crossOrigin: true }],
    ['of somebody who was not verified', { unverified: true }],
    ['that is a signature', { type: 'webauthn.get' }],
  ];
  test.each(lies)('%s is refused', async (_, lie) => {
    expect(await checkNew(device.create(await creation(), lie))).toBe('refused');
  });

  test('answers the challenge of its own page, once', async () => {
    const json = device.create(await creation());
    expect(await checkNew(json, newId())).toBe('stale');
    expect(await checkNew(json)).toBeTypeOf('object');
    expect(await checkNew(json)).toBe('stale');
    const other = device.create(await request().then((options) => ({ ...options, user: { id } })));
    expect(await checkNew(other)).toBe('stale');
  });

  test('that an account has already is not taken by another one', async () => {
    await add();
    const owner = id;
    id = await accounts.newAccount();
    expect(await add()).toBe('known');
    expect(await passkeys.listPasskeys(owner)).toHaveLength(1);
  });

  test('is refused beyond as many as a person needs', async () => {
    for (let turn = 0; turn < PASSKEYS_PER_ACCOUNT; turn += 1) {
      expect(await add(passkeyDevice(ISSUER))).toBe('added');
    }
    expect(await add()).toBe('too-many');
  });

  test('has a name on one line', () => {
    expect(passkeyName(' my\u202e \n phone ')).toBe('my phone');
    expect(passkeyName('\u0000', 'Chrome on Linux')).toBe('Chrome on Linux');
    expect(passkeyName('x'.repeat(100))).toHaveLength(60);
  });
});

describe('a signature', () => {
  beforeEach(async () => {
    await add();
  });

  test('is asked for without a word about anybody, until the password was right', async () => {
    expect(await request()).toMatchObject({
      rpId: 'id.shop.example',
      userVerification: 'required',
      allowCredentials: [],
    });
    expect(await request(id)).toMatchObject({ allowCredentials: [{ id: device.id }] });
  });

  test('names its owner and is spent', async () => {
    const proof = await proofOf();
    expect(proof).toMatchObject({ accountId: id, signCount: 1, name: 'my phone' });
    expect(await passkeys.usePasskey(proof)).toBe('used');
    expect((await passkeys.listPasskeys(id))[0]?.lastUsedAt).toBeInstanceOf(Date);
  });

  const lies: readonly (readonly [string, Lie])[] = [
    ['for a page that looks like ours', { origin: 'https://id-shop.example' }],
    ['for the same host over http', { origin: 'http://id.shop.example' }],
    ['for another host', { rpId: 'shop.example' }],
    ['that registers', { type: 'webauthn.create' }],
    ['of somebody who was not verified', { unverified: true }],
    ['of another key', { forged: true }],
    ['that names another owner', { userHandle: 'c29tZWJvZHkgZWxzZQ' }],
  ];
  test.each(lies)('%s is refused', async (_, lie) => {
    expect(await check(device.sign(await request(), lie))).toEqual({
      kind: 'wrong',
      reason: 'no_match',
      accountId: id,
    });
  });

  test('from within a foreign frame is refused', async () => {
    expect(await check(device.sign(await request(), { crossOrigin: true }))).toMatchObject({
      reason: 'malformed',
    });
  });

  test.each(['', 'null', '{}', '[]', '{"id":"a"}', 'x'.repeat(50_000)])(
    'that is none (%#) is refused',
    async (json) => {
      expect(await check(json)).toMatchObject({ kind: 'wrong', reason: 'malformed' });
    },
  );

  test('of a passkey that was taken away is refused', async () => {
    const [passkey] = await passkeys.listPasskeys(id);
    const proof = await proofOf();
    expect(await passkeys.removePasskey(await accounts.newAccount(), passkey?.id ?? '')).toBe(
      false,
    );
    expect(await passkeys.removePasskey(id, passkey?.id ?? '')).toBe(true);
    expect(await passkeys.usePasskey(proof)).toBe('gone');
    expect(await check(device.sign(await request()))).toMatchObject({ reason: 'unknown_passkey' });
  });

  test('costs its challenge, whatever comes of it', async () => {
    const asked = await request();
    expect(await check(device.sign(asked, { forged: true }))).toMatchObject({ reason: 'no_match' });
    expect(await check(device.sign(asked))).toMatchObject({ reason: 'stale' });
  });

  test('answers the newest challenge of its own page, for five minutes', async () => {
    const first = await request();
    const second = await request();
    expect(await check(device.sign(first))).toMatchObject({ reason: 'stale' });
    expect(await check(device.sign(second), newId())).toMatchObject({ reason: 'stale' });
    expect(await check(device.sign(second))).toMatchObject({ kind: 'right' });
    const late = await request();
    await accounts.postgres.db.$executeRaw`
      UPDATE passkey_challenges SET expires_at = expires_at - interval '301 seconds'`;
    expect(await check(device.sign(late))).toMatchObject({ reason: 'stale' });
    expect(await passkeys.purgePasskeyChallenges(100)).toBeGreaterThan(0);
  });

  test('counts once, however often it is sent at once', async () => {
    const json = device.sign(await request());
    const checked = await twenty(() => check(json));
    expect(checked.filter(({ kind }) => kind === 'right')).toHaveLength(1);
  });
});

describe('the count of a passkey', () => {
  beforeEach(async () => {
    await add();
  });

  test('has to rise', async () => {
    expect(await passkeys.usePasskey(await proofOf({ signCount: 7 }))).toBe('used');
    expect(await passkeys.usePasskey(await proofOf({ signCount: 7 }))).toBe('copied');
    expect(await passkeys.usePasskey(await proofOf({ signCount: 6 }))).toBe('copied');
    expect(await passkeys.usePasskey(await proofOf({ signCount: 0 }))).toBe('copied');
    expect(await passkeys.usePasskey(await proofOf({ signCount: 8 }))).toBe('used');
  });

  test('may stay zero, as that of a passkey on several devices does', async () => {
    expect(await passkeys.usePasskey(await proofOf({ signCount: 0 }))).toBe('used');
    expect(await passkeys.usePasskey(await proofOf({ signCount: 0 }))).toBe('used');
  });

  test('means nothing without the signature: nobody makes a passkey look copied', async () => {
    await passkeys.usePasskey(await proofOf({ signCount: 7 }));
    expect(await check(device.sign(await request(), { signCount: 1, forged: true }))).toMatchObject(
      { kind: 'wrong', reason: 'no_match' },
    );
  });
});
