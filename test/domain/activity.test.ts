/** What an owner gets to see of the record. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AuditRecord, auditEvents } from '../../src/domain/audit/index.js';
import { createReadActivity, type ReadActivity } from '../../src/flows/account/activity.js';
import {
  activityKind,
  activityKinds,
  shownEvents,
} from '../../src/flows/account/activity-kinds.js';
import { createKeyring } from '../../src/kernel/keyring.js';
import { addClient, masterKey, openDomain, type TestDomain } from '../support/domain.js';

let opened: TestDomain;
let activity: ReadActivity;
beforeAll(async () => {
  opened = await openDomain();
  await addClient(opened, 'machine');
  const keyring = createKeyring([masterKey('cursors')]);
  activity = createReadActivity({
    domain: opened.domain,
    cursors: {
      seal: (text, context) => keyring.seal('activity-cursor', text, context),
      open: (box, context) => keyring.open('activity-cursor', box, context),
    },
  });
});
afterAll(() => opened.close());

const record = (entry: Partial<AuditRecord> & Pick<AuditRecord, 'event' | 'subjectId'>) =>
  opened.domain.audit.record({ result: 'success', actor: { kind: 'anonymous' }, ...entry });

describe('every security fact there is', () => {
  // What is none of an owner's business, on purpose.
  const leftOut = [
    'account_closed',
    'account_client_settled',
    'acting_refused',
    'backchannel_logout_failed',
    'claim_mapped',
    'claim_unmapped',
    'client_brand_changed',
    'client_changed',
    'client_configured',
    'client_created',
    'client_deleted',
    'client_disabled',
    'client_email_code_changed',
    'client_enabled',
    'client_registered',
    'client_scopes_granted',
    'client_secret_issued',
    'client_sign_up_changed',
    'demo_seeded',
    'registration_requested',
    'registration_token_created',
    'registration_token_revoked',
    'registration_void',
    'resource_server_created',
    'scope_demand_changed',
    'signing_keys_created',
    'signing_keys_rotated',
    'signing_keys_revoked',
  ];

  test('is shown, or left out by name', () => {
    const all = Object.keys(auditEvents).sort();
    expect([...shownEvents, ...leftOut].sort()).toEqual(all);
    for (const event of all) {
      const kind = activityKind({ event, actorKind: 'account', details: {} });
      expect([event, kind === undefined]).toEqual([event, leftOut.includes(event)]);
    }
  });

  test('that this version does not know is left out', () => {
    for (const event of ['constructor', 'toString', 'from_a_newer_node']) {
      expect(activityKind({ event, actorKind: 'account', details: {} })).toBeUndefined();
    }
  });

  test('and every word there is for one is for some', () => {
    const details = [
      {},
      { what: 'sessions credentials' },
      ...['password', 'code', 'passkey'].flatMap((factor) =>
        ['wrong_password', 'no_match', 'disabled'].map((reason) => ({ factor, reason })),
      ),
    ];
    const reached = shownEvents.flatMap((event) =>
      ['account', 'operator'].flatMap((actorKind) =>
        details.map((facts) => activityKind({ event, actorKind, details: facts })),
      ),
    );
    expect([...new Set(reached)].sort()).toEqual([...activityKinds].sort());
  });
});

test('an owner sees their own alone, coarse, and of staff only what they did', async () => {
  const [accountId, other] = [randomUUID(), randomUUID()];
  const own = { kind: 'account', id: accountId } as const;
  await record({
    event: 'sign_in_succeeded',
    subjectId: accountId,
    actor: own,
    clientId: 'machine',
    origin: { ip: '203.0.113.77' },
    details: { acr: 'x', amr: 'pwd', device: 'Firefox on Windows' },
  });
  await record({
    event: 'sign_in_succeeded',
    subjectId: accountId,
    actor: own,
    clientId: 'latchkey-account',
    origin: { ip: '2001:db8:7:1::9' },
  });
  await record({ event: 'sign_in_refused', subjectId: other, origin: { ip: '198.51.100.9' } });
  await record({
    event: 'second_factor_removed',
    subjectId: accountId,
    actor: { kind: 'client', id: 'machine' },
    origin: { ip: '192.0.2.5' },
    details: { reason: 'Robin called' },
  });
  await record({ event: 'code_reuse', subjectId: accountId, clientId: 'gone-since' });
  const { entries, older } = await activity.page({ accountId });
  expect(older).toBeUndefined();
  const plain = entries.map(({ at: _at, ...entry }) => entry);
  const nothing = { application: undefined, device: undefined, network: undefined };
  expect(plain).toEqual([
    { ...nothing, kind: 'application-replayed' },
    { ...nothing, kind: 'second-step-reset' },
    { ...nothing, kind: 'signed-in', network: '2001:db8:7::/48' },
    {
      kind: 'signed-in',
      application: 'Machine',
      device: 'Firefox on Windows',
      network: '203.0.113.0/24',
    },
  ]);
  expect(JSON.stringify(plain)).not.toMatch(/Robin|192\.0|\.77|198\.51/);
});

test('pages lead to the end of it and show nothing twice; a foreign cursor leads nowhere', async () => {
  const [accountId, stranger] = [randomUUID(), randomUUID()];
  for (let turn = 0; turn < 45; turn += 1) {
    await record({ event: 'sign_in_refused', subjectId: accountId });
  }
  const sizes: number[] = [];
  const times: number[] = [];
  let cursor: string | undefined;
  let second: string | undefined;
  do {
    const page = await activity.page({ accountId }, cursor);
    sizes.push(page.entries.length);
    times.push(...page.entries.map(({ at }) => at.getTime()));
    cursor = page.older;
    second ??= cursor;
  } while (cursor);
  expect(sizes).toEqual([20, 20, 5]);
  expect(times).toEqual([...times].sort((a, b) => b - a));

  await record({ event: 'password_changed', subjectId: stranger });
  expect((await activity.page({ accountId: stranger }, second)).entries).toHaveLength(1);
  for (const forged of ['', 'AAAA', '1763795000000 1', 'x'.repeat(10_000)]) {
    expect((await activity.page({ accountId }, forged)).entries).toHaveLength(20);
  }
  // Nothing of how much happens here can be read from it.
  const rows = await opened.sql<{ id: string; at: Date }>(
    'SELECT id::text, at FROM audit_events WHERE subject_id = $1',
    [accountId],
  );
  expect(rows).toHaveLength(45);
  const text = Buffer.from(second ?? '', 'base64url').toString('latin1');
  // A time and a number: two or three of the bytes of a sealed box look like a number by chance.
  for (const { id, at } of rows) {
    for (const clear of [String(at.getTime()), at.toISOString(), `${at.getTime()} ${id}`]) {
      expect(text).not.toContain(clear);
      expect(second).not.toContain(clear);
    }
  }
  expect(text.length).toBeGreaterThan('1763795000000 1'.length + 12);
  const all = await activity.all({ accountId });
  expect([all.entries.length, all.complete]).toEqual([45, true]);
});
