/** The record of security facts can be added to and read, and that is all. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it, test } from 'vitest';
import type { AuditEntry } from '../../src/domain/audit/index.js';
import { openDomain, type TestDomain } from '../support/domain.js';

let opened: TestDomain;
beforeAll(async () => {
  opened = await openDomain();
  await opened.domain.audit.record({
    event: 'demo_seeded',
    result: 'success',
    actor: { kind: 'system' },
  });
});
afterAll(() => opened.close());

const count = async () =>
  (await opened.sql<{ n: number }>('SELECT count(*)::int AS n FROM audit_events'))[0]?.n;

test.each([
  "UPDATE audit_events SET result = 'failure'",
  'UPDATE audit_events SET at = now()',
  'DELETE FROM audit_events',
  'DELETE FROM audit_events WHERE id = (SELECT max(id) FROM audit_events)',
  'TRUNCATE audit_events',
  'TRUNCATE audit_events CASCADE',
])('the database itself refuses "%s"', async (statement) => {
  const before = await count();
  await expect(opened.sql(statement)).rejects.toThrow(/append-only/);
  expect(await count()).toBe(before);
});

it('a record vanishes with the transaction of what it tells about', async () => {
  const before = await count();
  await expect(
    opened.transact(async ({ audit, identity }) => {
      await identity.createAccount({
        kind: 'shopper',
        email: 'undone@fernhill.example',
        emailVerified: false,
        profile: {},
      });
      await audit.record({
        event: 'account_created',
        result: 'success',
        actor: { kind: 'operator' },
      });
      throw new Error('something else went wrong');
    }),
  ).rejects.toThrow('something else went wrong');
  expect(await count()).toBe(before);
  expect(await opened.domain.identity.findByLogin('undone@fernhill.example')).toBeUndefined();
});

it('a record says who, whom, from where and when', async () => {
  const subjectId = '3b1f7c1e-0000-4000-8000-000000000001';
  await opened.domain.audit.record({
    event: 'access_revoked',
    result: 'success',
    actor: { kind: 'client', id: 'demo-automation' },
    subjectId,
    clientId: 'demo-storefront',
    origin: { ip: '2001:db8::7', requestId: 'req-1' },
    details: { reason: 'lost phone', sessions: 2 },
  });
  const [row] = await opened.sql('SELECT * FROM audit_events ORDER BY id DESC LIMIT 1');
  expect(row).toMatchObject({
    event: 'access_revoked',
    actor_kind: 'client',
    actor_id: 'demo-automation',
    subject_id: subjectId,
    client_id: 'demo-storefront',
    ip: '2001:db8::7',
    request_id: 'req-1',
    details: { reason: 'lost phone', sessions: 2 },
  });
  expect(Math.abs(Date.now() - Number(row?.at))).toBeLessThan(60_000);
});

test('what happened to one account is read back page by page, the newest first', async () => {
  const [mine, other] = [randomUUID(), randomUUID()];
  const record = (event: 'sign_in_succeeded' | 'sign_in_refused' | 'code_reuse', to: string) =>
    opened.domain.audit.record({
      event,
      result: 'success',
      actor: { kind: 'account', id: to },
      subjectId: to,
      origin: { ip: '203.0.113.7' },
    });
  for (let turn = 0; turn < 12; turn += 1) {
    await record(turn % 2 ? 'sign_in_refused' : 'sign_in_succeeded', mine);
    await record('sign_in_succeeded', other);
    await record('code_reuse', mine);
  }
  // Many within one millisecond are told apart as well.
  await opened.sql(
    `INSERT INTO audit_events (at, event, result, actor_kind, subject_id)
     SELECT '2030-01-01T12:00:00.123Z', 'sign_in_refused', 'failure', 'anonymous', $1
       FROM generate_series(1, 9)`,
    [mine],
  );
  const events = ['sign_in_succeeded', 'sign_in_refused'] as const;
  const seen: AuditEntry[] = [];
  for (let after: AuditEntry | undefined; ; after = seen.at(-1)) {
    const page = await opened.domain.audit.listAbout(mine, { events, after, limit: 4 });
    seen.push(...page);
    if (page.length < 4) break;
  }
  expect(seen).toHaveLength(21);
  expect(new Set(seen.map(({ id }) => id)).size).toBe(21);
  expect(seen.map(({ at }) => Number(at))).toEqual(
    seen.map(({ at }) => Number(at)).sort((a, b) => b - a),
  );
  expect(seen[9]).toMatchObject({ event: 'sign_in_refused', ip: '203.0.113.7', details: {} });
  expect(seen.every(({ event }) => event !== 'code_reuse')).toBe(true);
});

test('reading one account’s records does not walk over everybody’s', async () => {
  await opened.sql(
    `INSERT INTO audit_events (at, event, result, actor_kind, subject_id)
     SELECT now() - n * interval '1 second', 'sign_in_succeeded', 'success', 'account',
            'account-' || n % 400
       FROM generate_series(1, 40000) n`,
  );
  await opened.sql('ANALYZE audit_events');
  const plan = await opened.sql<{ 'QUERY PLAN': unknown }>(
    `EXPLAIN (ANALYZE, FORMAT JSON)
     SELECT id FROM audit_events
      WHERE subject_id = 'account-7' AND event = ANY('{sign_in_succeeded}')
        AND (at, id) < (now() - interval '20000 seconds', 999999)
      ORDER BY at DESC, id DESC LIMIT 26`,
  );
  const text = JSON.stringify(plan);
  expect(text).toContain('"Index Name":"audit_events_subject_id_at_idx"');
  expect(text).not.toContain('Seq Scan');
  const read = [...text.matchAll(/"Rows Removed by Filter":(\d+)/g)].map(([, n]) => Number(n));
  expect(Math.max(0, ...read)).toBeLessThan(5);
  const rows = [...text.matchAll(/"Actual Rows":([\d.]+)/g)].map(([, n]) => Number(n));
  expect(Math.max(...rows)).toBeLessThan(40);
});
