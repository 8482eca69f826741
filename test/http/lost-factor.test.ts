/** A second factor that is said to be lost: gone after a while, unless its owner says otherwise. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type CarryOutResets,
  createCarryOutResets,
} from '../../src/flows/lost-factor/carry-out.js';
import { systemClock } from '../../src/kernel/clock.js';
import { type Owner, ownerAt } from '../support/account.js';
import { command } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { adminToken, type Browser, hiddenField } from '../support/shopper.js';
import { browserAt, codeOf, openPeople, type People } from '../support/sign-in.js';
import { soon } from '../support/soon.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let server: TestServer;
let people: People;
let admin: string;
/** What every node does once a minute. */
let carryOut: CarryOutResets;
let nets = 0;

beforeAll(async () => {
  const env = { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32', LATCHKEY_BOT_CHALLENGE: 'off' };
  server = await startServer({ env });
  people = await openPeople(server);
  carryOut = createCarryOutResets({
    ...people,
    clock: systemClock,
    // Of many at once some wait for the account in vain; what counts is what was done.
    onError: () => undefined,
  });
  admin = `Bearer ${await adminToken(server)}`;
});
afterAll(async () => {
  await people.close();
  await server.stop();
});

const newBrowser = (): Browser => {
  nets += 1;
  return browserAt(server, `10.${nets >> 8}.${nets & 255}.12`);
};
const someone = async (options: Parameters<People['add']>[0] = { app: true }): Promise<Owner> =>
  ownerAt(server, people, newBrowser(), await people.add(options));

const resets = (id: string, init: { method?: string; body?: object; token?: string } = {}) =>
  fetch(`${server.issuer}/admin/api/v1/users/${id}/second-factor-resets`, {
    method: init.method ?? 'POST',
    headers: {
      'content-type': 'application/json',
      ...(init.token === '' ? {} : { authorization: init.token ?? admin }),
    },
    ...(init.method === 'DELETE'
      ? {}
      : { body: JSON.stringify(init.body ?? { reason: 'phone lost' }) }),
  });
const eventsOf = async (event: string, id: string) =>
  people.query(
    'SELECT details FROM audit_events WHERE event = $1 AND subject_id = $2 ORDER BY id',
    [event, id],
  );
const hasApp = (id: string) => people.domain.credentials.hasTotp(id);
/** The waiting time goes by. */
const wait = (id: string) =>
  people.query(
    "UPDATE factor_resets SET effective_at = effective_at - interval '25 hours' WHERE account_id = $1",
    [id],
  );

async function letterTo(email: string, subject: string): Promise<string> {
  let text = '';
  await expect
    .poll(async () => {
      const all = (await (await fetch(`${server.issuer}/dev/mailbox.json`)).json()) as {
        to: string;
        subject: string;
        text: string;
      }[];
      text = all.find((one) => one.to.includes(email) && one.subject.includes(subject))?.text ?? '';
      return text;
    }, soon)
    .not.toBe('');
  return text;
}
const linkIn = (text: string) => {
  const [link = ''] = text.match(/http\S+\/recovery\/second-step\/[\w-]{43}/) ?? [];
  return link.slice(server.issuer.length);
};

describe('asking for the reset of a lost second factor', () => {
  test('plans it for a day later, and asking again moves nothing', async () => {
    const { person } = await someone();
    const first = await resets(person.id);
    expect(first.status).toBe(202);
    const { removed, effectiveAt } = (await first.json()) as {
      removed: boolean;
      effectiveAt: string;
    };
    expect(removed).toBe(false);
    const hours = (Date.parse(effectiveAt) - Date.now()) / 3_600_000;
    expect(Math.abs(hours - 24)).toBeLessThan(0.1);
    expect(await (await resets(person.id)).json()).toEqual({ removed: false, effectiveAt });
    expect(await hasApp(person.id)).toBe(true);
    expect(await eventsOf('second_factor_reset_planned', person.id)).toEqual([
      { details: { reason: 'phone lost', effectiveAt, again: false } },
      { details: { reason: 'phone lost', effectiveAt, again: true } },
    ]);
  });

  test('wants a token, its scope, an account and a reason', async () => {
    const { person } = await someone();
    expect((await resets(person.id, { token: '' })).status).toBe(401);
    expect((await resets(person.id, { body: {} })).status).toBe(422);
    expect((await resets('00000000-0000-4000-8000-000000000000')).status).toBe(404);
    expect((await resets(person.id, { method: 'DELETE', token: '' })).status).toBe(401);
    expect(await eventsOf('second_factor_reset_planned', person.id)).toEqual([]);
  });

  test('says so where there is none', async () => {
    const { person } = await someone({});
    const reply = await resets(person.id);
    expect([reply.status, await reply.json()]).toEqual([200, { removed: false }]);
  });

  test('takes it away at once for whoever has seen the owner', async () => {
    const { person } = await someone();
    const reply = await resets(person.id, { body: { reason: 'was at the till', now: true } });
    expect([reply.status, await reply.json()]).toEqual([200, { removed: true }]);
    expect(await hasApp(person.id)).toBe(false);
  });
});

describe('a planned reset', () => {
  test('is carried out once its time has come, by one of many nodes', async () => {
    const { person } = await someone();
    await resets(person.id);
    await carryOut(100);
    expect(await hasApp(person.id)).toBe(true);
    await wait(person.id);
    await Promise.all(Array.from({ length: 20 }, () => carryOut(100)));
    expect(await hasApp(person.id)).toBe(false);
    expect(await eventsOf('second_factor_removed', person.id)).toEqual([
      { details: expect.objectContaining({ reason: 'the waiting time is over' }) },
    ]);
    await letterTo(person.email, 'second step was removed');
  });

  test('is stopped by its owner through the letter, which opening alone does not', async () => {
    const { person } = await someone();
    await resets(person.id);
    const link = linkIn(await letterTo(person.email, 'is to be removed'));
    const browser = newBrowser();
    const moved = await browser.get(link);
    expect([moved.status, moved.location]).toEqual([303, '/recovery/second-step']);
    const page = await browser.get('/recovery/second-step');
    expect(page.status).toBe(200);
    expect(page.body).not.toContain(link.slice(-43));
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
    expect(await people.domain.credentials.findFactorReset(person.id)).toBeDefined();
    const form = { csrf: hiddenField(page.body, 'csrf') };
    const done = await browser.post('/recovery/second-step', form);
    expect([done.status, done.body]).toEqual([
      200,
      expect.stringContaining('Your second step stays'),
    ]);
    await wait(person.id);
    await carryOut(100);
    expect(await hasApp(person.id)).toBe(true);
    expect((await browser.get(link)).status).toBe(303);
    expect((await browser.get('/recovery/second-step')).status).toBe(410);
    expect(await eventsOf('second_factor_reset_stopped', person.id)).toEqual([
      { details: { by: 'link' } },
    ]);
    await letterTo(person.email, 'stays');
  });

  test('is stopped once, however often the link is used at the same time', async () => {
    const { person } = await someone();
    await resets(person.id);
    const link = linkIn(await letterTo(person.email, 'is to be removed'));
    const browser = newBrowser();
    await browser.get(link);
    const csrf = hiddenField((await browser.get('/recovery/second-step')).body, 'csrf');
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => browser.post('/recovery/second-step', { csrf })),
    );
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(replies.filter(({ status }) => status === 410)).toHaveLength(19);
    expect(await eventsOf('second_factor_reset_stopped', person.id)).toHaveLength(1);
  });

  test('is carried out or stopped, never both', async () => {
    const { person } = await someone();
    await resets(person.id);
    await wait(person.id);
    await Promise.all([
      ...Array.from({ length: 5 }, () => carryOut(100)),
      ...Array.from({ length: 5 }, () => resets(person.id, { method: 'DELETE' })),
    ]);
    const carried = (await eventsOf('second_factor_removed', person.id)).length;
    const stopped = (await eventsOf('second_factor_reset_stopped', person.id)).length;
    expect(carried + stopped).toBe(1);
    expect(await hasApp(person.id)).toBe(stopped === 1);
  });

  test('is stopped by the factor itself: it was not lost', async () => {
    const owner = await someone();
    await resets(owner.person.id);
    await owner.open();
    expect(await eventsOf('second_factor_reset_stopped', owner.person.id)).toEqual([
      { details: { by: 'use' } },
    ]);
  });

  test('ends with the account that is disabled, and none is made for one that is', async () => {
    const { person } = await someone();
    await resets(person.id);
    await command(server, 'users', 'disable', person.email);
    expect(await people.domain.credentials.findFactorReset(person.id)).toBeUndefined();
    expect((await resets(person.id)).status).toBe(409);
    expect(await hasApp(person.id)).toBe(true);
  });

  test('is stopped by a factor that is new: it is not the lost one', async () => {
    const owner = await someone({});
    await people.query(
      `INSERT INTO passkeys (id, account_id, credential_id, public_key, transports,
                             backup_eligible, backed_up, name, created_at)
       VALUES (gen_random_uuid(), $1, 'lost', 'key', '{}', false, false, 'phone', now())`,
      [owner.person.id],
    );
    expect((await resets(owner.person.id)).status).toBe(202);
    const page = await owner.open('/account/authenticators/app');
    const secret = page.body.match(/data-copy="([A-Z2-7]{32})"/)?.[1] ?? '';
    expect((await owner.send(page, 'code', { code: codeOf(secret) })).status).toBe(303);
    expect(await people.domain.credentials.findFactorReset(owner.person.id)).toBeUndefined();
  });

  test('is stopped by staff, and on the command line', async () => {
    const { person } = await someone();
    await resets(person.id);
    expect((await resets(person.id, { method: 'DELETE' })).status).toBe(204);
    expect((await resets(person.id, { method: 'DELETE' })).status).toBe(204);
    expect(await eventsOf('second_factor_reset_stopped', person.id)).toHaveLength(1);
    const planned = await server.cli(['users', 'reset-second-factor', person.email]);
    expect(planned.stdout).toMatch(/goes at \d{4}-/);
    await command(server, 'users', 'reset-second-factor', person.email, '--stop');
    const again = await server.cli(['users', 'reset-second-factor', person.email, '--stop']);
    expect([again.code, again.stderr]).toEqual([1, 'No reset of a second factor is waiting\n']);
    const both = await server.cli(['users', 'reset-second-factor', 'x', '--stop', '--now']);
    expect(both.code).toBe(2);
  });
});

describe('the page of the link', () => {
  test('refuses forms from elsewhere and links that are none', async () => {
    const browser = newBrowser();
    expect((await browser.get('/recovery/second-step')).status).toBe(410);
    await browser.get('/recovery/second-step/nonsense');
    expect((await browser.get('/recovery/second-step')).status).toBe(410);
    expect((await browser.post('/recovery/second-step', { csrf: 'x' })).status).toBe(403);
  });

  test('shows nothing in the database that would open it', async () => {
    const { person } = await someone();
    await resets(person.id);
    const token = linkIn(await letterTo(person.email, 'is to be removed')).slice(-43);
    const rows = await people.query('SELECT stop_hash::text FROM factor_resets', []);
    expect(JSON.stringify(rows)).not.toContain(Buffer.from(token, 'base64url').toString('hex'));
    expect(JSON.stringify(rows)).not.toContain(Buffer.from(token).toString('hex'));
  });
});
