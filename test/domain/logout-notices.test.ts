/** Ending a session and having its clients told are one statement, whichever statement it is. */
import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { NOTICE_TRIES, parseLogoutNotice } from '../../src/domain/grants/index.js';
import { createSendLogoutNotice } from '../../src/flows/send-logout-notice.js';
import { addAccount, openDomain, type TestDomain } from '../support/domain.js';

let opened: TestDomain;

beforeAll(async () => {
  opened = await openDomain();
  for (const [id, uri] of [
    ['shop', 'https://shop.example/logout'],
    ['blog', 'https://blog.example/logout'],
    ['quiet', undefined],
  ] as const) {
    await opened.domain.clients.register({
      id,
      name: id,
      authMethod: 'none',
      grantTypes: ['authorization_code'],
      redirectUris: [`https://${id}.example/cb`],
      ...(uri ? { metadata: { backchannel_logout_uri: uri } } : {}),
    });
  }
});
afterAll(() => opened.close());
beforeEach(() => opened.sql('DELETE FROM graphile_worker._private_jobs'));

const name = () => randomBytes(16).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);
const newAccount = () => addAccount(opened, `${randomUUID()}@fernhill.example`);

/** A session that was used to sign in at these clients, and what it is called at each. */
async function openSession(accountId: string, clients: readonly string[], ttlSeconds = 600) {
  const [id, uid] = [name(), name()];
  const sids = Object.fromEntries(clients.map((client) => [client, name()]));
  const authorizations = Object.fromEntries(
    clients.map((client) => [client, { sid: sids[client], grantId: name() }]),
  );
  const payload = { iat: now(), loginTs: now(), accountId, uid, authorizations };
  const save = (as = id) => opened.domain.grants.save('Session', { id: as }, payload, ttlSeconds);
  await save();
  return { id, uid, sids, payload, save };
}
const queued = async () =>
  (
    await opened.sql<{ payload: unknown; max: number; priority: number; queue: string }>(
      `SELECT j.payload, j.max_attempts AS max, j.priority, q.queue_name AS queue
         FROM graphile_worker._private_jobs j
         LEFT JOIN graphile_worker._private_job_queues q ON q.id = j.job_queue_id ORDER BY j.id`,
    )
  ).map((row) => ({ ...row, notice: parseLogoutNotice(row.payload) }));
const told = async () => (await queued()).map(({ notice }) => notice.sid).sort();

describe('whoever wants to be told is told', () => {
  test('once for each client of the session, behind the letters, in a line of its own', async () => {
    const accountId = await newAccount();
    const { id, uid, sids } = await openSession(accountId, ['shop', 'blog', 'quiet', 'nobody']);
    await opened.domain.grants.remove('Session', { id }, uid);
    const rows = await queued();
    expect(rows.map(({ notice }) => notice)).toEqual(
      expect.arrayContaining([
        { clientId: 'shop', accountId, sid: sids.shop },
        { clientId: 'blog', accountId, sid: sids.blog },
      ]),
    );
    expect(rows).toHaveLength(2);
    expect(new Set(rows.map(({ queue }) => queue))).toEqual(
      new Set(['backchannel_logout shop', 'backchannel_logout blog']),
    );
    for (const row of rows) {
      expect(row.priority).toBeGreaterThan(0);
      expect(row.max).toBeGreaterThan(NOTICE_TRIES);
    }
    // The gravestone says no more than what it ended.
    const [stone] = await opened.sql<{ payload: object }>(
      'SELECT payload FROM artifacts WHERE uid = $1',
      [uid],
    );
    expect(stone?.payload).toEqual({ sids });
  });

  test('by every way of ending sessions, and by none of them twice', async () => {
    const { grants } = opened.domain;
    const all = { sessions: true, tokens: true };
    const ways: Readonly<Record<string, (accountId: string, uid: string) => Promise<unknown>>> = {
      one: (accountId, uid) => grants.endSession(accountId, uid),
      others: (accountId) => grants.endOtherSessions(accountId, 'not this one'),
      account: (accountId) => grants.endAccount(accountId, all),
      sessions: (accountId) => grants.endAccount(accountId, { sessions: true, tokens: false }),
      'all but one': (accountId) => grants.endOthers(accountId, 'not this one', { at: now() }),
    };
    for (const [way, end] of Object.entries(ways)) {
      await opened.sql('DELETE FROM graphile_worker._private_jobs');
      const accountId = await newAccount();
      const first = await openSession(accountId, ['shop', 'quiet']);
      await end(accountId, first.uid);
      expect(await told(), way).toEqual([first.sids.shop]);
      await opened.sql('DELETE FROM graphile_worker._private_jobs');
      await end(accountId, first.uid);
      expect(await told(), way).toEqual([]);
    }
    const accountId = await newAccount();
    const { sids } = await openSession(accountId, ['shop']);
    await grants.endAccount(accountId, { sessions: false, tokens: true });
    expect(await told()).toEqual([]);
    await grants.endAccount(accountId, all);
    expect(await told()).toEqual([sids.shop]);
  });

  test('not of what has expired, was ended before, or is undone', async () => {
    const accountId = await newAccount();
    const { grants } = opened.domain;
    const old = await openSession(accountId, ['shop'], -1);
    await grants.remove('Session', { id: old.id }, old.uid);
    const { id, uid } = await openSession(accountId, ['shop']);
    await expect(
      opened.transact(async (tx) => {
        await tx.grants.endAccount(accountId, { sessions: true, tokens: true });
        throw new Error('something else went wrong');
      }),
    ).rejects.toThrow('went wrong');
    expect(await told()).toEqual([]);
    expect(await grants.find(id)).toBeDefined();
    await grants.endSession(accountId, uid);
    await opened.sql('DELETE FROM graphile_worker._private_jobs');
    await grants.endAccount(accountId, { sessions: true, tokens: true });
    expect(await told()).toEqual([]);
  });

  test('not when the client was disabled', async () => {
    const accountId = await newAccount();
    const { id, uid } = await openSession(accountId, ['blog']);
    await opened.domain.clients.setStatus('blog', 'disabled');
    await opened.domain.grants.remove('Session', { id }, uid);
    expect(await told()).toEqual([]);
    await opened.domain.clients.setStatus('blog', 'active');
  });
});

test('of twenty that end a session in four ways at once, one tells', async () => {
  const { grants } = opened.domain;
  for (let round = 0; round < 10; round += 1) {
    const accountId = await newAccount();
    const session = await openSession(accountId, ['shop', 'blog']);
    const renewed = name();
    const ways = [
      () => grants.remove('Session', { id: session.id }, session.uid),
      () => grants.endSession(accountId, session.uid),
      () => grants.endOtherSessions(accountId, 'not this one'),
      () => grants.endAccount(accountId, { sessions: true, tokens: true }),
      // Meanwhile it gets another id, as it does at each sign-in.
      () => grants.renewSession({ id: session.id }, { id: renewed }, session.payload, 600),
    ];
    await Promise.all(Array.from({ length: 20 }, (_, at) => ways[at % ways.length]?.()));
    await grants.endAccount(accountId, { sessions: true, tokens: true });
    expect(await told(), `round ${round}`).toEqual(Object.values(session.sids).sort());
    await opened.sql('DELETE FROM graphile_worker._private_jobs');
  }
});

test('a client whose access is taken back leaves the sessions it was part of', async () => {
  const accountId = await newAccount();
  const { id, uid, sids } = await openSession(accountId, ['shop', 'blog']);
  await Promise.all(
    Array.from({ length: 5 }, () =>
      opened.transact(({ grants }) => grants.endClientOfAccount(accountId, 'shop')),
    ),
  );
  expect(await told()).toEqual([sids.shop]);
  const kept = await opened.domain.grants.find(id);
  expect(Object.keys(kept?.payload.authorizations as object)).toEqual(['blog']);
  await opened.sql('DELETE FROM graphile_worker._private_jobs');
  await opened.domain.grants.endSession(accountId, uid);
  expect(await told()).toEqual([sids.blog]);
});

test('what cannot be delivered is recorded with the last try, and not before', async () => {
  const accountId = await newAccount();
  const notice = { clientId: 'shop', accountId, sid: name() };
  const failed = { kind: 'failed', why: 'HTTP 503' } as const;
  const send = createSendLogoutNotice({
    transact: opened.transact,
    deliver: async () => failed,
  });
  const recorded = () =>
    opened.sql('SELECT details, client_id FROM audit_events WHERE subject_id = $1 AND event = $2', [
      accountId,
      'backchannel_logout_failed',
    ]);
  expect(await send(notice, { last: false })).toEqual(failed);
  expect(await recorded()).toEqual([]);
  expect(await send(notice, { last: true })).toEqual({ kind: 'given-up', why: 'HTTP 503' });
  expect(await recorded()).toEqual([{ details: { why: 'HTTP 503' }, client_id: 'shop' }]);
});
