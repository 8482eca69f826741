/** Links in letters: the newest, once, for a quarter of an hour, and worth nothing in a dump. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../src/kernel/ids.js';
import { twenty } from '../support/accounts.js';
import { addAccount, openDomain, type TestDomain } from '../support/domain.js';

const PURPOSE = 'password_reset';

let house: TestDomain;
let accounts = 0;

beforeAll(async () => {
  house = await openDomain();
});
afterAll(async () => {
  await house.close();
});

const links = () => house.domain.credentials;
const someone = () => {
  accounts += 1;
  return addAccount(house, `ann${accounts}@shop.example`);
};
const letterTo = async (accountId: string, clientId?: string) =>
  (await links().issueLink({ accountId, purpose: PURPOSE, clientId })).token;
const find = (token: string) => links().findLink(PURPOSE, token);
const spend = (accountId: string, token: string) => links().spendLink(PURPOSE, accountId, token);
const age = (accountId: string, seconds: number) =>
  house.sql(
    'UPDATE one_time_links SET expires_at = expires_at - make_interval(secs => $2) WHERE account_id = $1',
    [accountId, seconds],
  );

describe('a link', () => {
  test('is about its account and its application, however often it is looked at', async () => {
    const accountId = await someone();
    const token = await letterTo(accountId, 'shop');
    for (const _ of [1, 2, 3]) {
      expect(await find(token)).toMatchObject({ accountId, clientId: 'shop' });
    }
    expect((await find(await letterTo(accountId)))?.clientId).toBeUndefined();
  });

  test('has 256 bits, and the database has their digest alone', async () => {
    const accountId = await someone();
    const token = await letterTo(accountId);
    expect(Buffer.from(token, 'base64url')).toHaveLength(32);
    const [row] = await house.sql<{ hash: string; line: string }>(
      `SELECT encode(token_hash, 'hex') AS hash, l::text AS line FROM one_time_links l
        WHERE account_id = $1`,
      [accountId],
    );
    expect(row?.hash).toBe(createHash('sha256').update(token).digest('hex'));
    expect(row?.line).not.toContain(token);
  });

  test('works once, however many try at the same moment', async () => {
    const accountId = await someone();
    const token = await letterTo(accountId);
    const tries = await twenty(() => spend(accountId, token));
    expect(tries.filter(Boolean)).toHaveLength(1);
    expect(await find(token)).toBeUndefined();
    expect(await spend(accountId, token)).toBe(false);
  });

  test('works for its own account and purpose only', async () => {
    const accountId = await someone();
    const token = await letterTo(accountId);
    expect(await spend(await someone(), token)).toBe(false);
    expect(await links().spendLink('other' as typeof PURPOSE, accountId, token)).toBe(false);
    for (const wrong of ['', 'a', `${token}=`, `${token} `, token.slice(1), 'A'.repeat(43)]) {
      expect(await find(wrong)).toBeUndefined();
      expect(await spend(accountId, wrong)).toBe(false);
    }
    expect(await spend(accountId, token)).toBe(true);
  });

  test('is over after fifteen minutes', async () => {
    const accountId = await someone();
    const token = await letterTo(accountId);
    await age(accountId, 14 * 60 + 50);
    expect(await find(token)).toBeDefined();
    await age(accountId, 10);
    expect(await find(token)).toBeUndefined();
    expect(await spend(accountId, token)).toBe(false);
  });

  test('ends with a newer one, which is good even after a used one', async () => {
    const accountId = await someone();
    const [older, newer] = [await letterTo(accountId), await letterTo(accountId)];
    expect(await spend(accountId, older)).toBe(false);
    expect(await spend(accountId, newer)).toBe(true);
    expect(await spend(accountId, await letterTo(accountId))).toBe(true);
  });

  test('of twenty that are asked for at once one is left', async () => {
    const accountId = await someone();
    const tokens = await twenty(() => letterTo(accountId));
    const alive = await Promise.all(tokens.map(find));
    expect(alive.filter(Boolean)).toHaveLength(1);
  });
});

describe('a password', () => {
  test('that is set, changed or taken away ends the link', async () => {
    const accountId = await someone();
    const { domain, transact } = house;
    for (const change of [
      () => transact((tx) => tx.credentials.setPasswordHash(accountId, 'one')),
      () => transact((tx) => tx.credentials.changePasswordHash(accountId, 'one', 'two')),
      () => transact((tx) => tx.credentials.revokeCredentials(accountId)),
    ]) {
      const token = await letterTo(accountId);
      await change();
      expect(await domain.credentials.findLink(PURPOSE, token)).toBeUndefined();
      expect(await spend(accountId, token)).toBe(false);
    }
  });

  test('that did not change leaves it', async () => {
    const accountId = await someone();
    const token = await letterTo(accountId);
    await house.transact((tx) => tx.credentials.changePasswordHash(accountId, 'other', 'two'));
    expect(await spend(accountId, token)).toBe(true);
  });
});

test('what has run out is removed in batches, what has not stays', async () => {
  await house.sql('DELETE FROM one_time_links');
  const gone = Array.from({ length: 5 }, newId);
  for (const accountId of gone) {
    await letterTo(accountId);
    await age(accountId, 16 * 60);
  }
  const kept = await letterTo(newId());
  expect(await links().purgeLinks(3)).toBe(3);
  expect(await links().purgeLinks(3)).toBe(2);
  expect(await links().purgeLinks(3)).toBe(0);
  expect(await find(kept)).toBeDefined();
});
