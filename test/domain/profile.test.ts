/** What people say of themselves: what is taken, what is not, and what two of them at once do. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { parseProfileFields } from '../../src/config/profile.js';
import { profileFields, readProfile } from '../../src/domain/identity/index.js';
import { addAccount, openDomain, type TestDomain } from '../support/domain.js';

let opened: TestDomain;
beforeAll(async () => {
  opened = await openDomain();
});
afterAll(() => opened.close());

const good = (input: Parameters<typeof readProfile>[0]) => {
  const read = readProfile(input);
  if (read.kind !== 'good') throw new Error(JSON.stringify(read));
  return read.apply;
};
const faultsOf = (input: Parameters<typeof readProfile>[0]) => {
  const read = readProfile(input);
  return read.kind === 'refused' ? read.faults : [];
};

describe('a name', () => {
  test.each([
    ['Zoë Ångström', 'Zoë Ångström'],
    ['  Mara  ', 'Mara'],
    ['Zoe\u0308', 'Zoë'],
    ["O'Brien-van den Berg", "O'Brien-van den Berg"],
    ['山田 花子', '山田 花子'],
    ['مارا', 'مارا'],
    ['x'.repeat(100), 'x'.repeat(100)],
  ])('may be %s', (typed, kept) => {
    expect(good({ name: typed })({}).profile).toEqual({ name: kept });
  });

  test.each([
    ['too long', 'x'.repeat(101), 'too-long'],
    ['on two lines', 'Mara\nBcc: eve@evil.example', 'not-plain'],
    ['with a null in it', 'Ma\0ra', 'not-plain'],
    ['that turns what follows around', 'Mara\u202egnp.exe', 'not-plain'],
    ['with half a character', 'Mara\ud83d', 'not-plain'],
  ] as const)('may not be %s', (_what, typed, code) => {
    for (const field of ['name', 'given_name', 'family_name'] as const) {
      expect(faultsOf({ [field]: typed })).toEqual([{ field, code }]);
    }
  });
});

describe('a phone number', () => {
  test.each([
    ['+49 (170) 123-45.67', '+491701234567'],
    ['+441632960961', '+441632960961'],
    ['＋81 90 1234 5678', '+819012345678'],
  ])('may be written as %s', (typed, kept) => {
    expect(good({ phone: typed })({}).profile).toEqual({ phone: kept });
  });

  test.each([
    '0170 1234567',
    '+0170 1234567',
    '+49',
    '+4917012345678901',
    'call me',
    '+49170x1234567',
  ])('may not be %s', (typed) => {
    expect(faultsOf({ phone: typed })).toEqual([{ field: 'phone', code: 'not-a-number' }]);
  });

  it('is read in time that does not grow with a hostile length', () => {
    const begin = performance.now();
    faultsOf({ phone: ` ${'(-) '.repeat(500_000)}x`, name: 'x '.repeat(1_000_000) });
    expect(performance.now() - begin).toBeLessThan(500);
  });
});

it('a language is one that is spoken here, or the browser’s', () => {
  expect(good({ locale: 'de' })({}).profile).toEqual({ locale: 'de' });
  expect(good({ locale: '' })({ locale: 'de' })).toEqual({ profile: {}, changed: ['locale'] });
  for (const locale of ['xx', 'de-AT', '__proto__', ' de']) {
    expect(faultsOf({ locale })).toEqual([{ field: 'locale', code: 'not-a-language' }]);
  }
});

it('a field that is left empty goes, one that was not there stays, and every fault is told', () => {
  const before = { name: 'Mara', givenName: 'Mara', phone: '+491701234567' };
  const { profile, changed } = good({ name: ' ', given_name: 'Mara', family_name: 'Quist' })(
    before,
  );
  expect(profile).toEqual({ givenName: 'Mara', familyName: 'Quist', phone: '+491701234567' });
  expect(changed).toEqual(['name', 'family_name']);
  expect(faultsOf({ name: 'a\tb', phone: '12' })).toHaveLength(2);
});

it('the setting knows the fields that there are', () => {
  expect(parseProfileFields(profileFields.join(','))).toEqual(profileFields);
  expect(parseProfileFields(' phone , name')).toEqual(['name', 'phone']);
  expect(parseProfileFields('none')).toEqual([]);
  expect(() => parseProfileFields('name,shoe_size')).toThrow('"shoe_size"');
});

describe('a change of profile', () => {
  const change = (id: string, input: Parameters<typeof readProfile>[0], epoch = 0) =>
    opened.transact(({ identity }) => identity.changeProfile(id, epoch, good(input)));

  it('of many at once undoes none of the others', async () => {
    const id = await addAccount(opened, 'parallel.profile@fernhill.example');
    await Promise.all([
      change(id, { given_name: 'Mara' }),
      change(id, { family_name: 'Quist' }),
      change(id, { phone: '+491701234567' }),
      ...Array.from({ length: 8 }, () => change(id, { name: 'Mara Quist' })),
    ]);
    expect((await opened.domain.identity.findPerson(id))?.profile).toEqual({
      name: 'Mara Quist',
      givenName: 'Mara',
      familyName: 'Quist',
      phone: '+491701234567',
    });
  });

  it('is sealed, and comes to nothing once access was taken back', async () => {
    const id = await addAccount(opened, 'sealed.profile@fernhill.example');
    expect(await change(id, { name: 'Wilhelmine Sauerampfer' })).toEqual(['name']);
    expect(await change(id, { name: 'Wilhelmine Sauerampfer' })).toEqual([]);
    const [row] = await opened.sql<{ sealed_profile: Buffer }>(
      'SELECT sealed_profile FROM accounts WHERE id = $1',
      [id],
    );
    expect(row?.sealed_profile.toString('latin1')).not.toContain('Sauerampfer');
    await opened.domain.identity.raiseSecurityEpoch(id);
    expect(await change(id, { name: 'Eve' })).toBeUndefined();
    expect((await opened.domain.identity.findPerson(id))?.profile.name).toBe(
      'Wilhelmine Sauerampfer',
    );
  });
});

describe('a closed account', () => {
  it('is closed once, frees its name, and is never opened again', async () => {
    const email = 'closed@fernhill.example';
    const id = await addAccount(opened, email);
    const closings = await Promise.all(
      Array.from({ length: 20 }, () =>
        opened.transact(async ({ identity }) => {
          if (!(await identity.closeAccount(id, 0))) return false;
          await identity.forgetPerson(id);
          return true;
        }),
      ),
    );
    expect(closings.filter(Boolean)).toHaveLength(1);
    const { identity } = opened.domain;
    expect(await identity.isClosed(id)).toBe(true);
    expect(await identity.setStatus(id, 'active')).toBe(false);
    expect(await identity.findPerson(id)).toMatchObject({
      status: 'disabled',
      email: undefined,
      profile: {},
    });
    const [row] = await opened.sql(
      'SELECT sealed_email, sealed_profile FROM accounts WHERE id = $1',
      [id],
    );
    expect(row).toEqual({ sealed_email: null, sealed_profile: null });
    expect(await addAccount(opened, email.toUpperCase())).not.toBe(id);
  });

  it('is not one of staff, nor one whose access was taken back since', async () => {
    const staff = await addAccount(opened, 'staff.stays@fernhill.example', 'staff');
    const shopper = await addAccount(opened, 'epoch.moved@fernhill.example');
    await opened.domain.identity.raiseSecurityEpoch(shopper);
    for (const id of [staff, shopper]) {
      expect(await opened.domain.identity.closeAccount(id, 0)).toBe(false);
      expect(await opened.domain.identity.isClosed(id)).toBe(false);
    }
  });
});
