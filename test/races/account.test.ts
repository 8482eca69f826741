/**
 * A new password ends what else is signed in, whatever is in flight at that moment, on whichever
 * node; and the browser in which it was chosen stays.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Owner, ownerAt } from '../support/account.js';
import { freshDatabase } from '../support/database.js';
import {
  atOnce,
  authorizeUrl,
  freshCode,
  ORDERS,
  openDatabase,
  post,
  postAs,
  postToNode,
  redemption,
} from '../support/protocol.js';
import { CALM, startServer, type TestServer } from '../support/server.js';
import { type Browser, hiddenField, openBrowser } from '../support/shopper.js';
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

const someone = async () => ownerAt(server, people, openBrowser(server), await people.add());
const cookieOf = ({ cookies }: Browser) =>
  [...cookies].map(([name, { value }]) => `${name.split('|')[0]}=${value}`).join('; ');
const isAlive = async (token: unknown) =>
  (await postAs(server, 'orders_api', '/oauth2/introspect', { token: String(token) })).json.active;
const phoneOf = async ({ person }: Owner) => {
  const user = { email: person.email, password: PASSWORD };
  const { code, browser } = await freshCode(server, OFFLINE, { user });
  const { json } = await post(server, '/oauth2/token', redemption(code, { resource: ORDERS }));
  return { browser, refresh: String(json.refresh_token) };
};
const refresh = (token: string) =>
  postToNode({ issuer: server.issuer, port: other.port }, '/oauth2/token', {
    grant_type: 'refresh_token',
    client_id: 'demo-storefront',
    refresh_token: token,
    resource: ORDERS,
  });

describe('a change of password meets', () => {
  test('a refresh on another device: in whatever order they come, nothing of it lives', async () => {
    for (let round = 0; round < 8; round += 1) {
      const mara = await someone();
      const page = await mara.open('/account/password');
      const phone = await phoneOf(mara);
      const [changed, refreshed] = await Promise.all([
        mara.send(page, 'new_password', {
          current_password: PASSWORD,
          new_password: `copper lantern ${round} hums at midnight`,
        }),
        // About as long as it takes to hash.
        sleep(60 + Math.random() * 160).then(() => refresh(phone.refresh)),
      ]);
      expect(changed.status).toBe(303);
      if (refreshed.status === 200) {
        expect(await isAlive(refreshed.json.access_token)).toBe(false);
        const again = await refresh(String(refreshed.json.refresh_token));
        expect(again.json).toMatchObject({ error: 'invalid_grant' });
      } else {
        expect(refreshed.json).toMatchObject({ error: 'invalid_grant' });
      }
      expect((await mara.answer(changed)).body).toContain('Your password is changed');
    }
  }, 180_000);

  test('an authorization on another device’s session: neither code nor session lives', async () => {
    for (let round = 0; round < 8; round += 1) {
      const mara = await someone();
      const page = await mara.open('/account/password');
      const phone = await phoneOf(mara);
      const [changed, ...replies] = await Promise.all([
        mara.send(page, 'new_password', {
          current_password: PASSWORD,
          new_password: `copper lantern ${round} hums at midnight`,
        }),
        ...[1, 2, 3].map((turn) =>
          sleep(40 * turn + Math.random() * 80).then(() =>
            phone.browser.get(authorizeUrl({ ...OFFLINE, prompt: 'none' })),
          ),
        ),
      ]);
      expect(changed.status).toBe(303);
      for (const reply of replies) {
        const code = new URL(reply.location ?? '', server.issuer).searchParams.get('code');
        if (!code) continue;
        const { json } = await post(
          server,
          '/oauth2/token',
          redemption(code, { resource: ORDERS }),
        );
        if (json.access_token) expect(await isAlive(json.access_token)).toBe(false);
        if (json.refresh_token) {
          expect((await refresh(String(json.refresh_token))).status).toBe(400);
        }
      }
      const silent = await phone.browser.get(authorizeUrl({ prompt: 'none' }));
      expect(silent.location).toContain('error=login_required');
    }
  }, 180_000);

  test('another tab of its own browser: the session that proved it stays', async () => {
    for (let round = 0; round < 8; round += 1) {
      const mara = await someone();
      const page = await mara.open('/account/password');
      const tab = openBrowser(server);
      for (const [name, cookie] of mara.browser.cookies) tab.cookies.set(name, cookie);
      const [changed] = await Promise.all([
        mara.send(page, 'new_password', {
          current_password: PASSWORD,
          new_password: `copper lantern ${round} hums at midnight`,
        }),
        ...[1, 2, 3, 4].map((turn) =>
          sleep(40 * turn + Math.random() * 60).then(() =>
            tab.get(authorizeUrl({ ...OFFLINE, prompt: 'none' })),
          ),
        ),
      ]);
      expect((await mara.answer(changed)).body).toContain('Your password is changed');
      const silent = await mara.browser.get(authorizeUrl({ prompt: 'none' }));
      expect(silent.location).toContain('code=');
    }
  }, 180_000);
});

test('recovery codes made on two nodes at once are one set of ten', async () => {
  const mara = ownerAt(server, people, openBrowser(server), await people.add({ app: true }));
  const question = await mara.open('/account/recovery-codes/new');
  const csrf = hiddenField(question.body, 'csrf');
  const headers = { cookie: cookieOf(mara.browser), accept: 'text/html' };
  const replies = await atOnce(20, (turn) => {
    const { port } = turn % 2 === 0 ? server : other;
    return postToNode(
      { issuer: server.issuer, port },
      '/account/recovery-codes/new',
      { csrf },
      headers,
    );
  });
  expect(replies.filter(({ status }) => status !== 303 && status !== 503)).toEqual([]);
  expect(await people.domain.credentials.remainingRecoveryCodes(mara.person.id)).toBe(10);
  const page = await mara.open('/account/recovery-codes');
  const codes = [...page.body.matchAll(/<li><code dir="ltr">([^<]+)<\/code>/g)];
  expect(codes).toHaveLength(10);
  // What is shown is what counts.
  for (const [, code = ''] of codes) {
    expect(await people.domain.credentials.spendRecoveryCode(mara.person.id, code)).toBe(true);
  }
}, 180_000);

test('three nodes that come up at once on a new database make one client between them', async () => {
  const database = await freshDatabase();
  const env = {
    ...CALM,
    LATCHKEY_SEED: 'none',
    LATCHKEY_KEYRING: server.env.LATCHKEY_KEYRING ?? '',
    LATCHKEY_COOKIE_KEYS: server.env.LATCHKEY_COOKIE_KEYS ?? '',
    LATCHKEY_ISSUER: 'http://localhost:4998',
  };
  const nodes = await Promise.all(
    [1, 2, 3].map(() => startServer({ databaseUrl: database.url, env })),
  );
  const look = await openDatabase({ databaseUrl: database.url });
  try {
    const clients = await look.query('SELECT id, redirect_uris FROM clients');
    expect(clients).toEqual([
      { id: 'latchkey-account', redirect_uris: ['http://localhost:4998/account/callback'] },
    ]);
    const events = await look.query(
      "SELECT 1 FROM audit_events WHERE event = 'account_client_settled'",
    );
    expect(events).toHaveLength(1);
  } finally {
    await look.close();
    for (const node of nodes) await node.stop();
    await database.drop();
  }
}, 180_000);
