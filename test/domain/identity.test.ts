/** Who somebody is: one account a name, sealed data, epochs that never go back. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isEmailAddress, maskEmail } from '../../src/domain/identity/index.js';
import { SealBroken } from '../../src/kernel/sealed-box.js';
import { addAccount, masterKey, openDomain, type TestDomain } from '../support/domain.js';

let opened: TestDomain;
beforeAll(async () => {
  opened = await openDomain();
});
afterAll(() => opened.close());

const signUp = ({ transact }: TestDomain, email: string) =>
  transact(({ identity }) =>
    identity.createAccount({ kind: 'shopper', email, emailVerified: false, profile: {} }),
  );

const unique = (local: string) => `${local}.${randomUUID()}@fernhill.example`;

describe('a login name', () => {
  it('belongs to one account, however it is spelled', async () => {
    const id = await addAccount(opened, 'Zoë.Ångström@Fernhill.example');
    const spellings = [
      'zoë.ångström@fernhill.example',
      'ZOË.ÅNGSTRÖM@FERNHILL.EXAMPLE',
      '  Zoë.Ångström@fernhill.example \t',
      'Zoë.Ångström@fernhill.example'.normalize('NFD'),
      'zoë.\u212bngström@fernhill.example', // the unit of length, not the letter
    ];
    for (const spelling of spellings) {
      expect((await opened.domain.identity.findByLogin(spelling))?.id, spelling).toBe(id);
      expect(await signUp(opened, spelling), spelling).toEqual({ kind: 'name-taken' });
    }
    expect(await opened.domain.identity.findByLogin('zoe.angstrom@fernhill.example')).toBe(
      undefined,
    );
  });

  it('is given once when many sign up for it at the same moment', async () => {
    const email = unique('mara');
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, i) => signUp(opened, i % 2 ? email : email.toUpperCase())),
    );
    expect(results.filter(({ kind }) => kind === 'created')).toHaveLength(1);
  });

  it('is given once while the keyring is rotated and no two nodes agree on it', async () => {
    const [old, fresh] = [masterKey('old'), masterKey('new')];
    const before = await openDomain({ keys: [old] });
    const announced = await openDomain({ like: before, keys: [old, fresh] });
    const rotated = await openDomain({ like: before, keys: [fresh, old] });
    const nodes = [before, announced, rotated];
    try {
      for (let round = 0; round < 10; round += 1) {
        const email = unique('noor');
        const results = await Promise.all(
          nodes.flatMap((node) => [node, node]).map((node) => signUp(node, email)),
        );
        expect(results.filter(({ kind }) => kind === 'created')).toHaveLength(1);
        const found = await Promise.all(
          nodes.map((node) => node.domain.identity.findByLogin(email)),
        );
        expect(new Set(found.map((account) => account?.id)).size).toBe(1);
        expect(found[0]).toBeDefined();
      }
    } finally {
      await Promise.all([announced.close(), rotated.close()]);
      await before.close();
    }
  });

  it('stands nowhere in clear', async () => {
    const email = unique('robin');
    await addAccount(opened, email);
    for (const table of ['accounts', 'login_names', 'account_keys']) {
      const [dump] = await opened.sql<{ text: string }>(
        `SELECT coalesce(string_agg(t::text, ' '), '') AS text FROM ${table} t`,
      );
      expect(dump?.text).not.toContain(email.slice(0, 20));
      expect(dump?.text).not.toContain(Buffer.from(email).toString('hex'));
    }
  });
});

describe('an address', () => {
  it('is taken for one if a mailbox could have it', () => {
    for (const good of ['a@b', 'a.b+c@d.example', 'jürgen@bücher.example', ' x@y.example ']) {
      expect(isEmailAddress(good), good).toBe(true);
    }
    const long = `${'a'.repeat(65)}@b.example`;
    for (const bad of ['', 'a', '@b', 'a@', 'a@b@c', 'a b@c', 'a@b c', 'a\n@b', 'a\0@b', long]) {
      expect(isEmailAddress(bad), bad).toBe(false);
    }
    expect(isEmailAddress(`${'a'.repeat(64)}@${'b'.repeat(254)}`)).toBe(false);
  });

  it('is shown with its middle covered', () => {
    expect(maskEmail('mara@fernhill.example')).toBe('ma•••@fernhill.example');
    expect(maskEmail('m@fernhill.example')).toBe('m•••@fernhill.example');
  });
});

describe('personal data', () => {
  it('comes back whole', async () => {
    const email = unique('Ines');
    const id = await addAccount(opened, ` ${email} `, 'staff');
    expect(await opened.domain.identity.findPerson(id)).toMatchObject({
      id,
      kind: 'staff',
      status: 'active',
      email,
      emailVerified: true,
      profile: { name: 'Mara' },
    });
  });

  it('of a forgotten person is gone, in the row and in its key', async () => {
    const email = unique('sam');
    const id = await addAccount(opened, email);
    await opened.transact(({ identity }) => identity.forgetPerson(id));
    expect(await opened.domain.identity.findByLogin(email)).toBeUndefined();
    const person = await opened.domain.identity.findPerson(id);
    expect(person).toMatchObject({ id, email: undefined, profile: {} });
    const [row] = await opened.sql(
      `SELECT sealed_email, sealed_profile, (SELECT count(*)::int FROM account_keys k
         WHERE k.account_id = a.id) AS keys FROM accounts a WHERE id = $1`,
      [id],
    );
    expect(row).toEqual({ sealed_email: null, sealed_profile: null, keys: 0 });
    // The name is free again, for whoever it is next.
    expect(await signUp(opened, email)).toMatchObject({ kind: 'created' });
  });

  it('does not open in another person’s row', async () => {
    const [one, two] = [
      await addAccount(opened, unique('one')),
      await addAccount(opened, unique('two')),
    ];
    await opened.sql(
      'UPDATE accounts SET sealed_email = (SELECT sealed_email FROM accounts WHERE id = $1) WHERE id = $2',
      [one, two],
    );
    await expect(opened.domain.identity.findPerson(two)).rejects.toThrow(SealBroken);
    await opened.sql(
      'UPDATE account_keys SET wrapped = (SELECT wrapped FROM account_keys WHERE account_id = $1) WHERE account_id = $2',
      [one, two],
    );
    await expect(opened.domain.identity.findPerson(two)).rejects.toThrow(SealBroken);
  });

  it('does not open in another column of the same row', async () => {
    const id = await addAccount(opened, unique('swap'));
    await opened.sql('UPDATE accounts SET sealed_email = sealed_profile WHERE id = $1', [id]);
    await expect(opened.domain.identity.findPerson(id)).rejects.toThrow(SealBroken);
  });
});

describe('an epoch', () => {
  const epochs = async (id: string) => {
    const account = await opened.domain.identity.findAccount(id);
    return { security: account?.securityEpoch ?? 0, session: account?.sessionEpoch ?? 0 };
  };

  it('goes up with every revocation, also within one second', async () => {
    const id = await addAccount(opened, unique('epoch'));
    const seen = [await epochs(id)];
    for (let round = 0; round < 4; round += 1) {
      await opened.domain.identity.raiseSecurityEpoch(id);
      seen.push(await epochs(id));
    }
    const values = seen.map(({ security }) => security);
    expect([...new Set(values)].sort((a, b) => a - b)).toEqual(values);
    expect(values[1]).toBeGreaterThan(Date.now() / 1000 - 60);
  });

  it('goes up once for each of many at the same moment', async () => {
    const id = await addAccount(opened, unique('race'));
    await opened.domain.identity.raiseSecurityEpoch(id);
    const { security } = await epochs(id);
    await Promise.all(
      Array.from({ length: 8 }, () => opened.domain.identity.raiseSecurityEpoch(id)),
    );
    expect((await epochs(id)).security).toBeGreaterThanOrEqual(security + 8);
  });

  it('does not go back when the clock does', async () => {
    const id = await addAccount(opened, unique('clock'));
    const ahead = Math.floor(Date.now() / 1000) + 5_000;
    await opened.sql('UPDATE accounts SET security_epoch = $2, session_epoch = $2 WHERE id = $1', [
      id,
      ahead,
    ]);
    await opened.domain.identity.raiseSecurityEpoch(id);
    await opened.domain.identity.raiseSessionEpoch(id);
    expect((await epochs(id)).security).toBe(ahead + 1);
    expect((await epochs(id)).session).toBeGreaterThan(ahead);
    const held = await opened.transact(({ identity }) => identity.holdForSignIn(id));
    expect(held?.earliest).toBeGreaterThan(ahead + 1);
  });

  it('of an account that does not exist cannot be raised', async () => {
    expect(await opened.domain.identity.raiseSecurityEpoch(randomUUID())).toBe(false);
    expect(await opened.domain.identity.raiseSessionEpoch(randomUUID())).toBe(false);
  });
});
