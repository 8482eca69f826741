/** Addresses that change under fire, on two nodes at once: one change, one owner, one way back. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Owner, ownerAt } from '../support/account.js';
import { patiently } from '../support/busy.js';
import { askForCode, awaitCode, moveTo, openUndo } from '../support/email-change.js';
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
import { startTwoNodes, type TestServer } from '../support/server.js';
import { type Browser, hiddenField, openBrowser, type Reply } from '../support/shopper.js';
import { openPeople, PASSWORD, type People } from '../support/sign-in.js';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

// Many of everything at once is the point here, so nobody is slowed down for it.
const OFFLINE = { scope: 'openid offline_access orders:read', resource: ORDERS };

let server: TestServer;
let nodes: readonly [TestServer, TestServer];
let people: People;

beforeAll(async () => {
  nodes = await startTwoNodes();
  [server] = nodes;
  people = await openPeople(server);
});
afterAll(async () => {
  await people?.close();
  await nodes?.[1]?.stop();
  await server?.stop();
});

const newEmail = () => `${randomBytes(6).toString('hex')}@fernhill.example`;
const someone = async () => ownerAt(server, people, openBrowser(server), await people.add());
const cookieOf = ({ cookies }: Browser, at: string) =>
  [...cookies]
    .filter(([, { path }]) => at.startsWith(path))
    .map(([name, { value }]) => `${name.split('|')[0]}=${value}`)
    .join('; ');
const sendTo = (turn: number, browser: Browser, page: Reply, path: string, fields = {}) =>
  postToNode(
    nodes[turn % nodes.length] as TestServer,
    path,
    { csrf: hiddenField(page.body, 'csrf'), ...fields },
    { cookie: cookieOf(browser, path), accept: 'text/html' },
  );
const type = (turn: number, { browser }: Owner, page: Reply, code: string) =>
  sendTo(turn, browser, page, '/account/email/code', { code });
const undo = (turn: number, browser: Browser, page: Reply) =>
  sendTo(turn, browser, page, '/restore-email/ask');
const events = (event: string, { person }: Owner) =>
  people.query('SELECT 1 FROM audit_events WHERE event = $1 AND subject_id = $2', [
    event,
    person.id,
  ]);
const ownerOf = async (email: string) => (await people.domain.identity.findByLogin(email))?.id;
const isAlive = async (token: unknown) =>
  (await postAs(server, 'orders_api', '/oauth2/introspect', { token: String(token) })).json.active;

test('twenty right codes over two nodes: one change', async () => {
  const mara = await someone();
  const email = newEmail();
  const page = await askForCode(mara, email);
  const code = await awaitCode(server, email);
  const replies = await atOnce(20, (turn) => type(turn, mara, page, code));
  expect(replies.filter(({ status }) => ![303, 410, 503].includes(status))).toEqual([]);
  expect(await events('email_changed', mara)).toHaveLength(1);
  expect(await ownerOf(email)).toBe(mara.person.id);
  expect(await ownerOf(mara.person.email)).toBeUndefined();
});

test('fifty guesses at once: five are looked at, and then nothing is left to guess', async () => {
  const mara = await someone();
  const email = newEmail();
  const page = await askForCode(mara, email);
  const code = await awaitCode(server, email);
  const replies = await atOnce(50, (turn) => {
    const wrong = String((Number(code) + 1 + turn) % 1_000_000).padStart(6, '0');
    return type(turn, mara, page, wrong);
  });
  expect(await events('email_change_void', mara)).toHaveLength(1);
  // A wrong one that is answered after the last try is told that it is over.
  expect(replies.filter(({ status }) => status === 422).length).toBeLessThanOrEqual(4);
  expect(replies.filter(({ status }) => ![422, 410, 503].includes(status))).toEqual([]);
  expect((await type(0, mara, page, code)).status).toBe(410);
  expect(await ownerOf(email)).toBeUndefined();
});

test('two accounts confirm one address at the same moment: exactly one has it', async () => {
  for (let round = 0; round < 4; round += 1) {
    const email = newEmail();
    const [mara, noor] = [await someone(), await someone()];
    // Both codes are in one mailbox, the newest first.
    const herPage = await askForCode(mara, email);
    const first = await awaitCode(server, email);
    const hisPage = await askForCode(noor, email);
    const second = await awaitCode(server, email, 2);
    const [one, two] = await Promise.all([
      type(0, mara, herPage, first),
      type(1, noor, hisPage, second),
    ]);
    const statuses = [one.status, two.status];
    // Letters may leave the queue in the other order; then both codes are wrong, and swapped right.
    if (statuses.includes(422)) {
      const swapped = await Promise.all([
        type(0, mara, herPage, second),
        type(1, noor, hisPage, first),
      ]);
      statuses.splice(0, 2, ...swapped.map(({ status }) => status));
    }
    expect(statuses.sort()).toEqual([303, 409]);
    const changed = [
      ...(await events('email_changed', mara)),
      ...(await events('email_changed', noor)),
    ];
    expect(changed).toHaveLength(1);
    expect([mara.person.id, noor.person.id]).toContain(await ownerOf(email));
  }
});

test('twenty uses of one link over two nodes: the address comes back once', async () => {
  const mara = await someone();
  const link = await moveTo(server, mara, newEmail());
  const browser = openBrowser(server);
  const page = await openUndo(browser, link);
  const replies = await atOnce(20, (turn) => patiently(() => undo(turn, browser, page)));
  expect(replies.filter(({ status }) => status === 303)).toHaveLength(1);
  expect(replies.filter(({ status }) => status === 410)).toHaveLength(19);
  expect(await events('email_change_undone', mara)).toHaveLength(1);
  expect(await ownerOf(mara.person.email)).toBe(mara.person.id);
});

test('the way back meets the thief’s next change, a refresh and an authorization: it wins', async () => {
  for (let round = 0; round < 5; round += 1) {
    const mara = await someone();
    const [second, third] = [newEmail(), newEmail()];
    const link = await moveTo(server, mara, second);
    const user = { email: second, password: PASSWORD };
    const phone = await freshCode(server, OFFLINE, { user });
    const { json } = await post(
      server,
      '/oauth2/token',
      redemption(phone.code, { resource: ORDERS }),
    );
    const refresh = (token: unknown) =>
      postToNode(nodes[1] as TestServer, '/oauth2/token', {
        grant_type: 'refresh_token',
        client_id: 'demo-storefront',
        refresh_token: String(token),
        resource: ORDERS,
      });
    const thief = ownerAt(server, people, mara.browser, { ...mara.person, email: second });
    const waiting = await askForCode(thief, third);
    const code = await awaitCode(server, third);
    const own = openBrowser(server);
    const page = await openUndo(own, link);
    const [undone, , refreshed, silent] = await Promise.all([
      undo(round, own, page),
      sleep(Math.random() * 40).then(() => type(round + 1, thief, waiting, code)),
      sleep(Math.random() * 60).then(() => refresh(json.refresh_token)),
      sleep(Math.random() * 60).then(() =>
        phone.browser.get(authorizeUrl({ ...OFFLINE, prompt: 'none' })),
      ),
    ]);
    expect(undone.status).toBe(303);
    expect(await ownerOf(mara.person.email)).toBe(mara.person.id);
    expect(await ownerOf(third)).toBeUndefined();
    expect(await isAlive(json.access_token)).toBe(false);
    if (refreshed.status === 200) {
      expect(await isAlive(refreshed.json.access_token)).toBe(false);
      expect((await refresh(refreshed.json.refresh_token)).status).toBe(400);
    }
    const late = new URL(silent.location ?? '', server.issuer).searchParams.get('code');
    if (late) {
      const tokens = await post(server, '/oauth2/token', redemption(late, { resource: ORDERS }));
      if (tokens.json.access_token) expect(await isAlive(tokens.json.access_token)).toBe(false);
    }
    expect((await mara.browser.get('/account')).status).toBe(303);
    const again = await phone.browser.get(authorizeUrl({ prompt: 'none' }));
    expect(again.location).toContain('error=login_required');
  }
});

test('a name that is left and a newcomer who wants it, at once: its owner can come back', async () => {
  for (let round = 0; round < 5; round += 1) {
    const mara = await someone();
    const email = newEmail();
    const page = await askForCode(mara, email);
    const code = await awaitCode(server, email);
    await Promise.all([
      type(round, mara, page, code),
      ...[1, 2, 3].map(() =>
        sleep(Math.random() * 60).then(() =>
          people.add({ email: mara.person.email }).catch(() => undefined),
        ),
      ),
    ]);
    const holder = await people.domain.identity.findNameHolder(mara.person.email);
    expect(holder?.id).toBe(mara.person.id);
    expect(await ownerOf(mara.person.email)).toBeUndefined();
  }
});
