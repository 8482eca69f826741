/** The record of security facts can be added to and read, and that is all. */
import { afterAll, beforeAll, expect, it, test } from 'vitest';
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
