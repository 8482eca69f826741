/**
 * An account is closed while everything else goes on: it closes once, with one letter, and of
 * what was in flight at that moment nothing lives on, on whichever node.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Owner, ownerAt } from '../support/account.js';
import {
  atOnce,
  authorizeUrl,
  freshCode,
  ORDERS,
  post,
  postAs,
  postToNode,
  redemption,
} from '../support/protocol.js';
import { lettersTo } from '../support/recovery.js';
import { CALM, startServer, type TestServer } from '../support/server.js';
import { type Browser, follow, hiddenField, openBrowser, submitLogin } from '../support/shopper.js';
import { openPeople, PASSWORD, type People } from '../support/sign-in.js';

// Many of everything at once is the point here, so nobody is slowed down for it.
const OFFLINE = { scope: 'openid offline_access orders:read', resource: ORDERS };

let server: TestServer;
let other: TestServer;
let people: People;

beforeAll(async () => {
  server = await startServer({ env: CALM });
  other = await startServer({ like: server, env: { ...CALM, LATCHKEY_ISSUER: server.issuer } });
  people = await openPeople(server);
}, 180_000);
afterAll(async () => {
  await people.close();
  await other.stop();
  await server.stop();
});
beforeEach(() => people.query('DELETE FROM guess_counters'));

const someone = async () => ownerAt(server, people, openBrowser(server), await people.add());
const cookieOf = ({ cookies }: Browser) =>
  [...cookies].map(([name, { value }]) => `${name.split('|')[0]}=${value}`).join('; ');
const isAlive = async (token: unknown) =>
  (await postAs(server, 'orders_api', '/oauth2/introspect', { token: String(token) })).json.active;
const userOf = ({ person }: Owner) => ({ email: person.email, password: PASSWORD });
const redeem = async (code: string) =>
  (await post(server, '/oauth2/token', redemption(code, { resource: ORDERS }))).json;
const refresh = (token: unknown) =>
  postToNode({ issuer: server.issuer, port: other.port }, '/oauth2/token', {
    grant_type: 'refresh_token',
    client_id: 'demo-storefront',
    refresh_token: String(token),
    resource: ORDERS,
  });
/** Presses the button of a page that was opened before. */
async function closer(mara: Owner) {
  const page = await mara.open('/account/close');
  return () => mara.send(page, 'email', { email: mara.person.email });
}
const rowsOf = async (table: string, { person }: Owner) => {
  const text = `SELECT count(*)::int AS n FROM ${table} WHERE account_id = $1`;
  return (await people.query(text, [person.id]))[0]?.n;
};

test('twenty closings at once on two nodes are one, with one letter and no fault', async () => {
  const mara = await someone();
  const page = await mara.open('/account/close');
  const form = { csrf: hiddenField(page.body, 'csrf'), email: mara.person.email };
  const headers = { cookie: cookieOf(mara.browser), accept: 'text/html' };
  const replies = await atOnce(20, (turn) =>
    postToNode(
      { issuer: server.issuer, port: turn % 2 === 0 ? server.port : other.port },
      '/account/close',
      form,
      headers,
    ),
  );
  // Whoever came too late is told so, or asked to sign in, or by a busy machine to come again;
  // nobody meets a fault.
  expect(replies.map(({ status }) => status).filter((one) => one !== 303 && one !== 503)).toEqual(
    [],
  );
  const ends = replies.flatMap(({ headers: { location } }) => location ?? []);
  expect(ends.filter((location) => location === '/account/closed').length).toBeGreaterThan(0);
  for (const location of ends) {
    expect(location).toMatch(/^\/account\/closed$|\/oauth2\/authorize\?/);
  }
  const events = await people.query(
    "SELECT id FROM audit_events WHERE event = 'account_closed' AND subject_id = $1",
    [mara.person.id],
  );
  expect(events).toHaveLength(1);
  const closed = async () =>
    (await lettersTo(server, mara.person.email)).filter(({ subject }) => /closed/.test(subject));
  await vi.waitFor(async () => expect(await closed()).toHaveLength(1), { timeout: 30_000 });
  await sleep(1_000);
  expect(await closed()).toHaveLength(1);
}, 180_000);

describe('a closing meets', () => {
  test('a refresh: in whatever order they come, nothing of the family lives', async () => {
    for (let round = 0; round < 8; round += 1) {
      const mara = await someone();
      const close = await closer(mara);
      const { code } = await freshCode(server, OFFLINE, { user: userOf(mara) });
      const before = await redeem(code);
      const [closed, refreshed] = await Promise.all([
        close(),
        sleep(Math.random() * 40).then(() => refresh(before.refresh_token)),
      ]);
      expect(closed.location).toBe('/account/closed');
      for (const token of [before.access_token, refreshed.json.access_token]) {
        if (token) expect(await isAlive(token)).toBe(false);
      }
      for (const token of [before.refresh_token, refreshed.json.refresh_token]) {
        if (token) expect((await refresh(token)).json).toMatchObject({ error: 'invalid_grant' });
      }
    }
  }, 180_000);

  test('a sign-in: neither its code nor its session lives', async () => {
    for (let round = 0; round < 8; round += 1) {
      const mara = await someone();
      const close = await closer(mara);
      const there = openBrowser(server);
      const form = await follow(there, server, await there.get(authorizeUrl(OFFLINE)));
      const [closed, reply] = await Promise.all([
        sleep(40 + Math.random() * 120).then(close),
        submitLogin(there, form, userOf(mara)),
      ]);
      expect(closed.location).toBe('/account/closed');
      expect([303, 422]).toContain(reply.status);
      const end = reply.status === 303 ? await follow(there, server, reply) : reply;
      const code = end.location ? new URL(end.location).searchParams.get('code') : null;
      if (code) {
        const json = await redeem(code);
        if (json.access_token) expect(await isAlive(json.access_token)).toBe(false);
        if (json.refresh_token) expect((await refresh(json.refresh_token)).status).toBe(400);
      }
      const silent = await there.get(authorizeUrl({ prompt: 'none' }));
      expect(silent.location).toContain('error=login_required');
      // A sign-in leaves its device behind, and must not do so for somebody who is gone.
      for (const table of ['known_devices', 'seen_networks', 'sign_in_attempts']) {
        expect({ table, rows: await rowsOf(table, mara) }).toEqual({ table, rows: 0 });
      }
    }
  }, 180_000);

  test('an authorization in another tab: neither code nor session lives', async () => {
    for (let round = 0; round < 8; round += 1) {
      const mara = await someone();
      const close = await closer(mara);
      const tab = openBrowser(server);
      for (const [name, cookie] of mara.browser.cookies) tab.cookies.set(name, cookie);
      const [closed, ...replies] = await Promise.all([
        close(),
        ...[0, 1, 2].map((turn) =>
          sleep(12 * turn + Math.random() * 15).then(() =>
            tab.get(authorizeUrl({ ...OFFLINE, prompt: 'none' })),
          ),
        ),
      ]);
      expect(closed.location).toBe('/account/closed');
      expect(replies.map(({ status }) => status)).toEqual([303, 303, 303]);
      for (const reply of replies) {
        const code = new URL(reply.location ?? '').searchParams.get('code');
        if (!code) continue;
        const json = await redeem(code);
        if (json.access_token) expect(await isAlive(json.access_token)).toBe(false);
        if (json.refresh_token) expect((await refresh(json.refresh_token)).status).toBe(400);
      }
      const silent = await tab.get(authorizeUrl({ prompt: 'none' }));
      expect(silent.location).toContain('error=login_required');
    }
  }, 180_000);

  test('a change of profile, of password, and a new factor: nothing of them is left', async () => {
    for (let round = 0; round < 6; round += 1) {
      const mara = await someone();
      const close = await closer(mara);
      const profile = await mara.open('/account/profile');
      const phone = await mara.open('/account/profile/phone');
      const password = await mara.open('/account/password');
      const [, ...others] = await Promise.all([
        sleep(Math.random() * 150).then(close),
        mara.send(profile, 'name', { name: 'Wilhelmine Sauerampfer' }),
        mara.send(phone, 'phone', { phone: '+441632960961' }),
        mara.send(password, 'new_password', {
          current_password: PASSWORD,
          new_password: `copper lantern ${round} hums at midnight`,
        }),
      ]);
      expect(
        others.map(({ status }) => status).filter((status) => status >= 500 && status !== 503),
      ).toEqual([]);
      const state = await people.domain.identity.findPerson(mara.person.id);
      // A password that was changed first makes the closing begin again.
      if (!(await people.domain.identity.isClosed(mara.person.id))) {
        expect(await rowsOf('password_credentials', mara)).toBe(1);
        continue;
      }
      expect(state).toMatchObject({ status: 'disabled', email: undefined, profile: {} });
      for (const table of ['password_credentials', 'password_history', 'account_keys']) {
        expect({ table, rows: await rowsOf(table, mara) }).toEqual({ table, rows: 0 });
      }
      const [row] = await people.query('SELECT sealed_profile FROM accounts WHERE id = $1', [
        mara.person.id,
      ]);
      expect(row).toEqual({ sealed_profile: null });
    }
  }, 180_000);
});
