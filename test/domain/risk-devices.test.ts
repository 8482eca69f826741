/** Devices and networks that an account is known to be used from. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  createRisk,
  describeUserAgent,
  readDeviceLabel,
  trustsSecondFactor,
} from '../../src/domain/risk/index.js';
import { systemClock } from '../../src/kernel/clock.js';
import { digest, newId } from '../../src/kernel/ids.js';
import { createKeyring } from '../../src/kernel/keyring.js';
import { networkOf } from '../../src/kernel/network.js';
import { Secret } from '../../src/kernel/secret.js';
import { openPostgres, type Postgres } from '../../src/platform/postgres.js';
import { type FreshDatabase, freshDatabase } from '../support/database.js';

const newKey = (id: string) => ({ id, key: new Uint8Array(randomBytes(32)) });
const oldKey = newKey('old');

let database: FreshDatabase;
let postgres: Postgres;
let risk: ReturnType<typeof createRisk>;

beforeAll(async () => {
  database = await freshDatabase();
  postgres = openPostgres({ url: new Secret(database.url), poolSize: 8, patient: true });
  const keyring = createKeyring([oldKey]);
  risk = createRisk({ db: postgres.db, clock: systemClock, keyring });
});

afterAll(async () => {
  await postgres.close();
  await database.drop();
});

async function newAccount(): Promise<string> {
  const { id } = await postgres.db.account.create({ data: { id: newId(), kind: 'shopper' } });
  return id;
}

describe('devices', () => {
  test('a device is known to its own account and to no other', async () => {
    const [accountId, stranger] = [await newAccount(), await newAccount()];
    const { token, deviceId } = await risk.rememberDevice({ accountId, label: 'Safari on iPhone' });
    expect(await risk.recogniseDevice({ tokens: [token], accountId })).toMatchObject({
      id: deviceId,
      label: 'Safari on iPhone',
      mfaTrustedUntil: null,
    });
    expect(await risk.recogniseDevice({ tokens: [token], accountId: stranger })).toBeUndefined();
    expect(await risk.recogniseDevice({ tokens: [`${token}x`], accountId })).toBeUndefined();
    const stored = await postgres.db.$queryRaw<object[]>`
      SELECT token_hash FROM known_devices WHERE id = ${deviceId}::uuid`;
    expect(stored).toEqual([{ token_hash: digest(token) }]);
  });

  test('a device is forgotten half a year after its last log-in', async () => {
    const accountId = await newAccount();
    const { token, deviceId } = await risk.rememberDevice({ accountId, label: 'Edge on Windows' });
    const days = (device: { expiresAt: Date } | undefined) =>
      Math.round(((device?.expiresAt.getTime() ?? 0) - Date.now()) / 86_400_000);
    const age = (by: number) => postgres.db.$executeRaw`
      UPDATE known_devices SET expires_at = expires_at - make_interval(days => ${by}::int)
       WHERE id = ${deviceId}::uuid`;
    await age(100);
    expect(days(await risk.recogniseDevice({ tokens: [token], accountId }))).toBe(80);
    await risk.touchDevice({ accountId, deviceId });
    expect(days(await risk.recogniseDevice({ tokens: [token], accountId }))).toBe(180);
    await age(181);
    expect(await risk.recogniseDevice({ tokens: [token], accountId })).toBeUndefined();
    await risk.touchDevice({ accountId, deviceId });
    expect(await risk.listDevices(accountId)).toEqual([]);
  });

  test('a device stands in for the second factor only where asked, and thirty days at most', async () => {
    const accountId = await newAccount();
    const year = 365 * 86_400;
    const { token, deviceId } = await risk.rememberDevice({
      accountId,
      label: 'Chrome on Android',
    });
    const device = async () => {
      const found = await risk.recogniseDevice({ tokens: [token], accountId });
      if (!found) throw new Error('the device is not known');
      return found;
    };
    expect(risk.trustsSecondFactor(await device())).toBe(false);
    await risk.touchDevice({ accountId, deviceId, mfaTrustedForSeconds: year });
    expect(risk.trustsSecondFactor(await device())).toBe(true);
    const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);
    expect(trustsSecondFactor(await device(), inDays(29.9))).toBe(true);
    expect(trustsSecondFactor(await device(), inDays(30.1))).toBe(false);
    await risk.touchDevice({ accountId, deviceId });
    expect(trustsSecondFactor(await device(), inDays(30.1))).toBe(false);
    expect(trustsSecondFactor(await device(), inDays(29.9))).toBe(true);
  });

  test('an account keeps the twenty devices it used last, however many arrive at once', async () => {
    const accountId = await newAccount();
    const first = await risk.rememberDevice({ accountId, label: 'the oldest' });
    await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        risk.rememberDevice({ accountId, label: `number ${i}` }),
      ),
    );
    const kept = await risk.listDevices(accountId);
    expect(kept).toHaveLength(20);
    expect(kept.map(({ id }) => id)).not.toContain(first.deviceId);
  });

  test('devices are revoked by their own account, one or all', async () => {
    const [accountId, stranger] = [await newAccount(), await newAccount()];
    const one = await risk.rememberDevice({ accountId, label: 'one' });
    const two = await risk.rememberDevice({ accountId, label: 'two' });
    expect(await risk.revokeDevice(stranger, one.deviceId)).toBe(false);
    expect(await risk.revokeDevice(accountId, 'not an id')).toBe(false);
    expect(await risk.revokeDevice(accountId, one.deviceId)).toBe(true);
    expect(await risk.revokeDevice(accountId, one.deviceId)).toBe(false);
    expect(await risk.recogniseDevice({ tokens: [one.token], accountId })).toBeUndefined();
    expect(await risk.revokeDevices(accountId)).toBe(1);
    expect(await risk.recogniseDevice({ tokens: [two.token], accountId })).toBeUndefined();
  });

  test.each([
    ['Firefox on Windows', '(Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0'],
    [
      'Edge on Windows',
      '(Windows NT 10.0) (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0',
    ],
    ['Safari on iPhone', '(iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604.1'],
    ['Samsung Internet on Android', '(Linux; Android 14) SamsungBrowser/25.0 Chrome/121.0'],
    ['Chrome on macOS', '(Macintosh; Intel Mac OS X 14_5) Chrome/126.0 Safari/537.36'],
    ['A browser on Linux', '<script>alert(1)</script> Linux'],
    ['An unknown browser', 'curl/8.5.0'],
    ['An unknown browser', 'x'.repeat(50_000)],
    ['An unknown browser', undefined],
  ])('a device is called %s, in our words and not in those of its header', (label, userAgent) => {
    const sent = userAgent === undefined ? undefined : `Mozilla/5.0 ${userAgent}`;
    expect(describeUserAgent(sent)).toBe(label);
  });

  test.each([
    ['Firefox on Windows', 'Firefox', 'Windows'],
    ['Samsung Internet on Android', 'Samsung Internet', 'Android'],
    ['A browser on Linux', undefined, 'Linux'],
    ['Chromium', 'Chromium', undefined],
    ['An unknown browser', undefined, undefined],
    ['Chrome on <script>', 'Chrome', undefined],
    ['visit evil.example on Windows', undefined, 'Windows'],
    ['', undefined, undefined],
  ])('the names in "%s" can be told in any language, and nothing else', (label, ...names) => {
    const { browser, system } = readDeviceLabel(label);
    expect([browser, system]).toEqual(names);
  });
});

describe('networks', () => {
  test('the first network is no news, a neighbour is known, another network is new', async () => {
    const accountId = await newAccount();
    expect(await risk.noteNetwork(accountId, '192.0.2.17')).toBe('first');
    expect(await risk.noteNetwork(accountId, '::ffff:192.0.2.200')).toBe('known');
    expect(await risk.noteNetwork(accountId, '198.51.100.1')).toBe('new');
    expect(await risk.noteNetwork(accountId, '198.51.100.2')).toBe('known');
    expect(await risk.noteNetwork(accountId, '2001:db8:7:1::1')).toBe('new');
    expect(await risk.noteNetwork(accountId, '2001:0DB8:0007:ffff::2')).toBe('known');
    expect(await risk.noteNetwork(await newAccount(), '192.0.2.17')).toBe('first');
  });

  test('the same network of two accounts cannot be matched in the table', async () => {
    const accounts = [await newAccount(), await newAccount()];
    for (const id of accounts) await risk.noteNetwork(id, '203.0.113.9');
    const rows = await postgres.db.seenNetwork.findMany({ where: { accountId: { in: accounts } } });
    expect(new Set(rows.map(({ network }) => Buffer.from(network).toString('hex'))).size).toBe(2);
  });

  test('a network stays known when the keyring gets a new key', async () => {
    const accountId = await newAccount();
    await risk.noteNetwork(accountId, '192.0.2.1');
    const keyring = createKeyring([newKey('new'), oldKey]);
    const after = createRisk({ db: postgres.db, clock: systemClock, keyring });
    expect(await after.noteNetwork(accountId, '192.0.2.2')).toBe('known');
    expect(await after.noteNetwork(accountId, '192.0.2.3')).toBe('known');
  });

  test('every spelling of an address is the same network, and rubbish is a network too', () => {
    const of = (address: string) => networkOf(address, { v4: 32, v6: 64 });
    expect(of('2001:db8::1')).toBe(of('2001:0db8:0:0:ffff:1:2:3'));
    expect(of('2001:db8::1')).not.toBe(of('2001:db8:0:1::1'));
    expect(of('::ffff:192.0.2.1')).toBe(of('192.0.2.1'));
    expect(of('::ffff:c000:201')).toBe(of('192.0.2.1'));
    expect(of('192.0.2.1')).not.toBe(of('192.0.2.2'));
    expect(of('fe80::1%eth0')).toBe(of('fe80::2'));
    expect(of('::')).toBe(of('::1'));
    for (const rubbish of ['', 'unknown', '1.2.3', '1.2.3.4, 5.6.7.8']) {
      expect(of(rubbish)).toBe('unknown');
    }
  });
});
