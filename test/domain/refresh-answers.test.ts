/** What a spent refresh token was answered with: for whoever holds that token, and for as long as the family lives. */
import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SealBroken } from '../../src/kernel/sealed-box.js';
import { addAccount, addClient, openDomain, type TestDomain } from '../support/domain.js';

let opened: TestDomain;
const clientId = 'machine';

beforeAll(async () => {
  opened = await openDomain();
  await addClient(opened, clientId);
}, 120_000);
afterAll(() => opened.close());

const bearer = () => randomBytes(32).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);

async function spentToken() {
  const { grants } = opened.domain;
  const accountId = await addAccount(opened, `${randomUUID()}@fernhill.example`);
  const [grantId, token, secret] = [bearer(), bearer(), bearer()];
  const of = { accountId, clientId, grantId, iat: now() };
  await grants.save('Grant', { id: grantId }, { accountId, clientId, iat: now() }, 600, now());
  await grants.save('RefreshToken', { id: token }, of, 600);
  expect(await grants.spend('RefreshToken', { id: token })).toBe(true);
  const answer = { asked: 'orders', body: JSON.stringify({ refresh_token: secret }) };
  await grants.keepAnswer(token, answer, of, 10);
  return { accountId, grantId, token, secret, answer, of };
}

describe('an answer', () => {
  it('is found by the token it answers, and by nothing else', async () => {
    const { token, secret, answer, grantId } = await spentToken();
    const { grants } = opened.domain;
    expect(await grants.findAnswer(token)).toEqual(answer);
    for (const other of [secret, grantId, bearer()]) {
      expect(await grants.findAnswer(other)).toBeUndefined();
    }
    // Nor does it pass for a token of any kind.
    expect((await grants.find(token))?.kind).toBe('RefreshToken');
  });

  it('shows a thief of the table nothing, and opens under no other row', async () => {
    const [one, two] = [await spentToken(), await spentToken()];
    const [row] = await opened.sql<{ text: string }>(
      `SELECT string_agg(a::text || encode(coalesce(sealed_payload, ''), 'escape'), ' ') AS text
         FROM artifacts a`,
    );
    expect(row?.text).toContain('RefreshAnswer');
    for (const value of [one.token, one.secret, two.secret]) {
      expect(row?.text).not.toContain(value);
      expect(row?.text).not.toContain(Buffer.from(value).toString('hex'));
    }
    await opened.sql(
      `UPDATE artifacts SET sealed_payload =
         (SELECT sealed_payload FROM artifacts WHERE id_hash = sha256($1::text::bytea))
        WHERE id_hash = sha256($2::text::bytea)`,
      [`answer to ${one.token}`, `answer to ${two.token}`],
    );
    await expect(opened.domain.grants.findAnswer(two.token)).rejects.toThrow(SealBroken);
  });

  it('ends with its time, its grant, its owner and its client', async () => {
    const { grants, identity, clients } = opened.domain;
    const late = await spentToken();
    await grants.keepAnswer(late.token, late.answer, late.of, -1);
    expect(await grants.findAnswer(late.token)).toBeUndefined();

    const ended = await spentToken();
    expect(await grants.endGrant(ended.grantId)).toBe(true);
    expect(await grants.findAnswer(ended.token)).toBeUndefined();
    // A winner that was overtaken by that writes into the void.
    await grants.keepAnswer(ended.token, ended.answer, ended.of, 10);
    expect(await grants.findAnswer(ended.token)).toBeUndefined();

    const revoked = await spentToken();
    await identity.raiseSecurityEpoch(revoked.accountId);
    expect(await grants.findAnswer(revoked.token)).toBeUndefined();

    const closed = await spentToken();
    await identity.setStatus(closed.accountId, 'disabled');
    expect(await grants.findAnswer(closed.token)).toBeUndefined();

    const removed = await spentToken();
    await grants.endClientOfAccount(removed.accountId, clientId);
    expect(await grants.findAnswer(removed.token)).toBeUndefined();

    const last = await spentToken();
    await clients.setStatus(clientId, 'disabled');
    expect(await grants.findAnswer(last.token)).toBeUndefined();
    await clients.setStatus(clientId, 'active');
    expect(await grants.findAnswer(last.token)).toBeUndefined();
    await opened.sql('UPDATE clients SET security_epoch = 0 WHERE id = $1', [clientId]);
  });
});

describe('the grace', () => {
  const inGrace = async (token: string) => (await opened.domain.grants.find(token))?.inGrace;
  const usedAgo = (token: string, seconds: number) =>
    opened.sql(
      `UPDATE artifacts SET consumed_at = now() - make_interval(secs => $2)
        WHERE id_hash = sha256($1::text::bytea)`,
      [token, seconds],
    );
  const allow = (seconds: number | null) =>
    opened.sql('UPDATE clients SET refresh_grace_seconds = $2 WHERE id = $1', [clientId, seconds]);

  it('is ten seconds by the database’s clock, to less than one', async () => {
    const { token } = await spentToken();
    expect(await inGrace(token)).toBe(true);
    // Only a reading that was over before the tenth second tells anything.
    let [answer, took] = [undefined as boolean | undefined, Number.POSITIVE_INFINITY];
    while (took >= 450) {
      const started = performance.now();
      await usedAgo(token, 9.5);
      answer = await inGrace(token);
      took = performance.now() - started;
    }
    expect(answer).toBe(true);
    await usedAgo(token, 10.01);
    expect(await inGrace(token)).toBe(false);
  });

  it('is the client’s own, and none where it wants none', async () => {
    const { token } = await spentToken();
    await allow(60);
    await usedAgo(token, 50);
    expect(await inGrace(token)).toBe(true);
    await allow(0);
    // Even one that was spent, as it seems, a moment after this.
    for (const ago of [0, -0.5, 1]) {
      await usedAgo(token, ago);
      expect(await inGrace(token)).toBe(false);
    }
    await allow(null);
  });

  it('is for spent refresh tokens alone', async () => {
    const { grants } = opened.domain;
    const { of } = await spentToken();
    const [code, fresh] = [bearer(), bearer()];
    await grants.save('AuthorizationCode', { id: code }, of, 600);
    await grants.spend('AuthorizationCode', { id: code });
    await grants.save('RefreshToken', { id: fresh }, of, 600);
    expect([await inGrace(code), await inGrace(fresh)]).toEqual([false, false]);
  });
});

describe('a rotation that is taken back', () => {
  it('leaves one token that can be used: the old one', async () => {
    const { grants } = opened.domain;
    const { token, of } = await spentToken();
    const successor = bearer();
    await grants.save('RefreshToken', { id: successor }, of, 600);
    await grants.unspend(token, successor);
    expect(await grants.find(successor)).toBeUndefined();
    expect((await grants.find(token))?.payload.consumed).toBeUndefined();
    expect(await grants.spend('RefreshToken', { id: token })).toBe(true);
    await grants.unspend(token, undefined);
    expect(await grants.spend('RefreshToken', { id: token })).toBe(true);
  });

  it('brings nothing back that was ended meanwhile', async () => {
    const { grants } = opened.domain;
    const { token, grantId } = await spentToken();
    await grants.endGrant(grantId);
    await grants.unspend(token, bearer());
    expect(await grants.find(token)).toBeUndefined();
  });
});

describe('a grant that is ended by twenty at once', () => {
  it('is ended by one of them', async () => {
    const { token, grantId } = await spentToken();
    const ends = await Promise.all(
      Array.from({ length: 20 }, () =>
        opened.transact(({ grants }) => grants.endGrant(grantId)).catch(() => 'busy'),
      ),
    );
    expect(ends.filter((end) => end === true)).toHaveLength(1);
    expect(await opened.domain.grants.find(token)).toBeUndefined();
  });
});
