/** Another address for an account: proven by a code, one name at a time, and a way back. */
import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { twenty } from '../support/accounts.js';
import { addAccount, openDomain, type TestDomain } from '../support/domain.js';

let house: TestDomain;

beforeAll(async () => {
  house = await openDomain();
});
afterAll(async () => {
  await house.close();
});

const SESSION = 'a session';
const identity = () => house.domain.identity;
const newEmail = (local = 'mara') => `${local}.${randomUUID()}@fernhill.example`;
const someone = async () => {
  const email = newEmail();
  return { id: await addAccount(house, email), email };
};
const epochOf = async (id: string) => (await identity().findAccount(id))?.securityEpoch ?? -1;
const ask = async (accountId: string, email: string, sessionUid = SESSION) =>
  identity().requestEmail({
    accountId,
    securityEpoch: await epochOf(accountId),
    sessionUid,
    email,
  });
const type = (accountId: string, code: string, session = SESSION) =>
  identity().tryEmailCode(accountId, session, code);
const wrong = (code: string, by = 1) => String((Number(code) + by) % 1_000_000).padStart(6, '0');
const apply = (accountId: string, requestId: string) =>
  house.transact((tx) => tx.identity.applyEmail(accountId, requestId));
const restore = (accountId: string, token: string) =>
  house.transact((tx) => tx.identity.restoreEmail(accountId, token));
/** The whole way; gives the link's token. */
async function change(accountId: string, email: string): Promise<string> {
  const result = await apply(accountId, (await ask(accountId, email)).id);
  if (result.kind !== 'changed') throw new Error(result.kind);
  return result.undoToken ?? '';
}
const ownerOf = async (email: string) => (await identity().findByLogin(email))?.id;
const holderOf = async (email: string) => (await identity().findNameHolder(email))?.id;
const addressOf = async (id: string) => (await identity().findPerson(id))?.email;
const signUp = (email: string) =>
  house.transact((tx) =>
    tx.identity.createAccount({ kind: 'shopper', email, emailVerified: true, profile: {} }),
  );
const age = (table: string, column: string, accountId: string, seconds: number) =>
  house.sql(
    `UPDATE ${table} SET ${column} = ${column} - make_interval(secs => $2) WHERE account_id = $1`,
    [accountId, seconds],
  );

describe('a code', () => {
  test('is right in the session that asked, in whatever digits, and nowhere else', async () => {
    const mara = await someone();
    const { id, code } = await ask(mara.id, newEmail());
    expect(await type(mara.id, code, 'another session')).toEqual({ kind: 'gone' });
    expect(await type((await someone()).id, code)).toEqual({ kind: 'gone' });
    expect(await type(mara.id, wrong(code))).toEqual({ kind: 'wrong' });
    const spaced = `${code.slice(0, 3)} ${code.slice(3)} `;
    expect(await type(mara.id, spaced)).toEqual({ kind: 'right', requestId: id });
  });

  test('is stored as an HMAC of its row', async () => {
    const mara = await someone();
    const { id, code } = await ask(mara.id, newEmail());
    const [row] = await house.sql<{ hash: string }>(
      "SELECT encode(code_hash, 'hex') AS hash FROM email_requests WHERE account_id = $1",
      [mara.id],
    );
    for (const guess of [code, `${id}:${code}`]) {
      expect(row?.hash).not.toBe(createHash('sha256').update(guess).digest('hex'));
    }
    const other = await someone();
    await ask(other.id, newEmail());
    await house.sql(
      `UPDATE email_requests o SET code_hash = m.code_hash FROM email_requests m
        WHERE o.account_id = $1 AND m.account_id = $2`,
      [other.id, mara.id],
    );
    expect((await type(other.id, code)).kind).toBe('wrong');
  });

  test('has five tries, of which the fifth may be right', async () => {
    const [mara, noor] = [await someone(), await someone()];
    const { code } = await ask(mara.id, newEmail());
    const tries: string[] = [];
    for (let turn = 1; turn <= 5; turn += 1)
      tries.push((await type(mara.id, wrong(code, turn))).kind);
    expect(tries).toEqual(['wrong', 'wrong', 'wrong', 'wrong', 'void']);
    expect((await type(mara.id, code)).kind).toBe('gone');

    const late = await ask(noor.id, newEmail());
    for (let turn = 1; turn <= 4; turn += 1) await type(noor.id, wrong(late.code, turn));
    const fifth = await type(noor.id, late.code);
    expect(fifth).toEqual({ kind: 'right', requestId: late.id });
    expect((await apply(noor.id, late.id)).kind).toBe('changed');
  });

  test('is looked at five times, however many are sent at the same moment', async () => {
    const mara = await someone();
    const { code } = await ask(mara.id, newEmail());
    const results = await twenty((turn) => type(mara.id, wrong(code, turn + 1)));
    const count = (kind: string) => results.filter((result) => result.kind === kind).length;
    expect([count('wrong'), count('void'), count('gone')]).toEqual([4, 1, 15]);
  });

  test('is over after ten minutes, with a newer one, and with whatever ends the session', async () => {
    const mara = await someone();
    const old = await ask(mara.id, newEmail());
    await age('email_requests', 'expires_at', mara.id, 9 * 60 + 50);
    expect((await type(mara.id, old.code)).kind).toBe('right');
    await age('email_requests', 'expires_at', mara.id, 10);
    expect((await type(mara.id, old.code)).kind).toBe('gone');

    const email = newEmail();
    const [first, second] = [await ask(mara.id, newEmail()), await ask(mara.id, email)];
    expect((await apply(mara.id, first.id)).kind).toBe('gone');
    expect((await identity().findOwnEmailRequest(mara.id, SESSION))?.email).toBe(email);
    expect((await identity().findEmailRequest(second.id))?.email).toBe(email);

    await identity().raiseSecurityEpoch(mara.id);
    expect(await identity().findOwnEmailRequest(mara.id, SESSION)).toBeUndefined();
    expect(await identity().findEmailRequest(second.id)).toBeUndefined();
    expect((await type(mara.id, second.code)).kind).toBe('gone');
    const third = await ask(mara.id, email);
    await identity().setStatus(mara.id, 'disabled');
    expect((await type(mara.id, third.code)).kind).toBe('gone');
  });
});

describe('a proven address', () => {
  test('is the name and the address from now on; the old one logs nobody in', async () => {
    const mara = await someone();
    const email = newEmail('mara.new');
    await change(mara.id, email);
    expect(await ownerOf(email.toUpperCase())).toBe(mara.id);
    expect(await addressOf(mara.id)).toBe(email);
    expect(await ownerOf(mara.email)).toBeUndefined();
    expect((await identity().findPerson(mara.id))?.profile).toEqual({ name: 'Mara' });
    expect((await identity().findAccount(mara.id))?.emailVerified).toBe(true);
  });

  test('is taken once: twenty uses of one request are one change', async () => {
    const mara = await someone();
    const { id } = await ask(mara.id, newEmail());
    const results = await twenty(() => apply(mara.id, id));
    expect(results.filter(({ kind }) => kind === 'changed')).toHaveLength(1);
    expect(results.filter(({ kind }) => kind === 'gone')).toHaveLength(19);
  });

  test('that several accounts want at the same moment is one account’s', async () => {
    for (let round = 0; round < 5; round += 1) {
      const email = newEmail();
      const people = await Promise.all([1, 2, 3, 4].map(someone));
      const requests = await Promise.all(people.map(({ id }) => ask(id, email)));
      const results = await Promise.all([
        ...people.map(({ id }, turn) => apply(id, requests[turn]?.id ?? '')),
        signUp(email),
      ]);
      const won = results.filter(({ kind }) => kind === 'changed' || kind === 'created');
      expect(won).toHaveLength(1);
      expect(results.filter(({ kind }) => kind === 'name-taken')).toHaveLength(4);
      expect(await ownerOf(email)).toBeDefined();
    }
  });

  test('leaves the old one reserved for 72 hours: for no newcomer and no other account', async () => {
    const [mara, noor] = [await someone(), await someone()];
    await change(mara.id, newEmail());
    expect(await holderOf(mara.email)).toBe(mara.id);
    expect((await signUp(mara.email)).kind).toBe('name-taken');
    const wish = await ask(noor.id, mara.email);
    expect((await apply(noor.id, wish.id)).kind).toBe('name-taken');

    await age('login_names', 'reserved_until', mara.id, 72 * 3600 + 600);
    expect(await holderOf(mara.email)).toBeUndefined();
    const [first, second] = await Promise.all([signUp(mara.email), signUp(mara.email)]);
    expect([first.kind, second.kind].sort()).toEqual(['created', 'name-taken']);
  });
});

describe('the way back', () => {
  test('leads to the old address, once, however many try', async () => {
    const mara = await someone();
    const next = newEmail();
    const token = await change(mara.id, next);
    expect(await identity().findUndo(token)).toEqual({ accountId: mara.id, email: mara.email });
    const results = await twenty(() => restore(mara.id, token));
    expect(results.filter(({ kind }) => kind === 'restored')).toHaveLength(1);
    expect(results.filter(({ kind }) => kind === 'gone')).toHaveLength(19);
    expect(await ownerOf(mara.email)).toBe(mara.id);
    expect(await addressOf(mara.id)).toBe(mara.email);
    // Nothing is kept for whoever was there in between.
    expect(await holderOf(next)).toBeUndefined();
    expect((await signUp(next)).kind).toBe('created');
  });

  test('is stored as SHA-256 of 256 bits', async () => {
    const mara = await someone();
    const token = await change(mara.id, newEmail());
    expect(Buffer.from(token, 'base64url')).toHaveLength(32);
    const [row] = await house.sql<{ hash: string }>(
      "SELECT encode(token_hash, 'hex') AS hash FROM email_changes WHERE account_id = $1",
      [mara.id],
    );
    expect(row?.hash).toBe(createHash('sha256').update(token).digest('hex'));
    for (const bad of ['', 'a', `${token}=`, ` ${token}`, 'A'.repeat(43)]) {
      expect(await identity().findUndo(bad)).toBeUndefined();
      expect((await restore(mara.id, bad)).kind).toBe('gone');
    }
    expect((await restore((await someone()).id, token)).kind).toBe('gone');
    expect((await restore(mara.id, token)).kind).toBe('restored');
  });

  test('is there for 72 hours, and not while the account is disabled', async () => {
    const mara = await someone();
    const token = await change(mara.id, newEmail());
    await age('email_changes', 'expires_at', mara.id, 72 * 3600 - 10);
    expect(await identity().findUndo(token)).toBeDefined();
    await identity().setStatus(mara.id, 'disabled');
    expect(await identity().findUndo(token)).toBeUndefined();
    await identity().setStatus(mara.id, 'active');
    await age('email_changes', 'expires_at', mara.id, 10);
    expect(await identity().findUndo(token)).toBeUndefined();
    expect((await restore(mara.id, token)).kind).toBe('gone');
  });

  test('leads past everything that came later: the oldest link wins', async () => {
    const mara = await someone();
    const [second, third] = [newEmail('thief'), newEmail('thief2')];
    const first = await change(mara.id, second);
    const later = await change(mara.id, third);
    const pending = await ask(mara.id, newEmail());
    expect((await restore(mara.id, first)).kind).toBe('restored');
    expect(await ownerOf(mara.email)).toBe(mara.id);
    expect((await restore(mara.id, later)).kind).toBe('gone');
    expect((await apply(mara.id, pending.id)).kind).toBe('gone');
    expect(await ownerOf(third)).toBeUndefined();
  });

  test('of a later change leaves the older one good', async () => {
    const mara = await someone();
    const second = newEmail();
    const first = await change(mara.id, second);
    const later = await change(mara.id, newEmail());
    expect((await restore(mara.id, later)).kind).toBe('restored');
    expect(await ownerOf(second)).toBe(mara.id);
    expect((await restore(mara.id, first)).kind).toBe('restored');
    expect(await ownerOf(mara.email)).toBe(mara.id);
  });

  test('and the other way round, at the same moment: the oldest wins as well', async () => {
    for (let round = 0; round < 5; round += 1) {
      const mara = await someone();
      const first = await change(mara.id, newEmail());
      const later = await change(mara.id, newEmail());
      const hold = (token: string) =>
        house.transact(async (tx) => {
          await tx.identity.raiseSecurityEpoch(mara.id);
          return tx.identity.restoreEmail(mara.id, token);
        });
      await Promise.all([hold(later), hold(first)]);
      expect(await ownerOf(mara.email)).toBe(mara.id);
    }
  });

  test('is not made by an owner who comes back alone, and those since then are closed', async () => {
    const mara = await someone();
    const second = newEmail('thief');
    const first = await change(mara.id, second);
    expect(await change(mara.id, mara.email)).toBe('');
    expect(await ownerOf(mara.email)).toBe(mara.id);
    expect(await identity().findUndo(first)).toBeUndefined();
    // Nothing leads to where the thief was; and from here all is as at the beginning.
    expect(
      await house.sql(
        'SELECT 1 FROM email_changes WHERE account_id = $1 AND token_hash IS NOT NULL',
        [mara.id],
      ),
    ).toEqual([]);
    expect(await change(mara.id, newEmail())).not.toBe('');
  });

  test('finds its name taken where somebody tampered with the reservation, and says so', async () => {
    const mara = await someone();
    const token = await change(mara.id, newEmail());
    await house.sql(
      'DELETE FROM login_names WHERE account_id = $1 AND reserved_until IS NOT NULL',
      [mara.id],
    );
    await signUp(mara.email);
    expect((await restore(mara.id, token)).kind).toBe('name-taken');
  });

  test('knows the addresses that letters go to', async () => {
    const mara = await someone();
    const next = newEmail();
    const result = await apply(mara.id, (await ask(mara.id, next)).id);
    if (result.kind !== 'changed') throw new Error(result.kind);
    const about = { accountId: mara.id, from: mara.email };
    expect(await identity().findLeftAddresses(result.changeId)).toEqual({
      ...about,
      to: undefined,
    });
    await restore(mara.id, result.undoToken ?? '');
    expect(await identity().findLeftAddresses(result.changeId)).toEqual({ ...about, to: next });
  });
});

test('nothing of it can be read in the tables, moved in them, or read once the key is gone', async () => {
  const mara = await someone();
  const [next, wanted] = [newEmail(), newEmail()];
  const token = await change(mara.id, next);
  await ask(mara.id, wanted);
  for (const table of ['accounts', 'login_names', 'email_requests', 'email_changes']) {
    const [dump] = await house.sql<{ text: string }>(
      `SELECT coalesce(string_agg(t::text, ' '), '') AS text FROM ${table} t`,
    );
    for (const value of [mara.email, next, wanted]) {
      expect(dump?.text).not.toContain(value);
      expect(dump?.text).not.toContain(Buffer.from(value).toString('hex'));
    }
    expect(dump?.text).not.toContain(Buffer.from(token, 'base64url').toString('hex'));
  }
  // As operators do who erase somebody by hand.
  const noor = await someone();
  const gone = await change(noor.id, newEmail());
  const request = await ask(noor.id, newEmail());
  await house.sql('DELETE FROM account_keys WHERE account_id = $1', [noor.id]);
  expect(await identity().findUndo(gone)).toBeUndefined();
  expect(await identity().findEmailRequest(request.id)).toBeUndefined();

  await house.transact((tx) => tx.identity.forgetPerson(mara.id));
  expect(await identity().findUndo(token)).toBeUndefined();
  expect(await holderOf(mara.email)).toBeUndefined();
  expect(await house.sql('SELECT 1 FROM email_requests WHERE account_id = $1', [mara.id])).toEqual(
    [],
  );
});

test('what has run out is removed in batches, what has not stays', async () => {
  await house.sql('DELETE FROM email_requests');
  await house.sql('DELETE FROM email_changes');
  await house.sql('DELETE FROM login_names WHERE reserved_until IS NOT NULL');
  const gone = await Promise.all([1, 2, 3, 4, 5].map(someone));
  for (const { id } of gone) {
    await change(id, newEmail());
    await ask(id, newEmail());
    await age('email_requests', 'expires_at', id, 3600);
    await age('email_changes', 'expires_at', id, 73 * 3600);
    await age('login_names', 'reserved_until', id, 73 * 3600);
  }
  const kept = await someone();
  const token = await change(kept.id, newEmail());
  await ask(kept.id, newEmail());
  const { purgeEmailRequests, purgeEmailChanges } = identity();
  expect(await purgeEmailRequests(3)).toBe(3);
  expect(await purgeEmailRequests(3)).toBe(2);
  expect(await purgeEmailRequests(3)).toBe(0);
  expect(await purgeEmailChanges(3)).toBe(6);
  expect(await purgeEmailChanges(3)).toBe(4);
  expect(await purgeEmailChanges(3)).toBe(0);
  expect(await holderOf(gone[0]?.email ?? '')).toBeUndefined();
  expect(await ownerOf(kept.email)).toBeUndefined();
  expect(await holderOf(kept.email)).toBe(kept.id);
  expect(await identity().findUndo(token)).toBeDefined();
});
