/** Links in letters under fire, on two nodes at once: one use, one password, nothing in flight. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
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
import { askForLetter, awaitLink, lettersTo, linkIn, openLink } from '../support/recovery.js';
import { startTwoNodes, type TestServer } from '../support/server.js';
import { type Browser, hiddenField, openBrowser, type Reply } from '../support/shopper.js';
import { openLogin, openPeople, type People, type Person, sendForm } from '../support/sign-in.js';

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

const passwordOf = (turn: number) => `copper lantern ${turn} hums at midnight`;
const cookieOf = ({ cookies }: Browser) =>
  [...cookies].map(([name, { value }]) => `${name.split('|')[0]}=${value}`).join('; ');
const use = (turn: number, browser: Browser, page: Reply) =>
  postToNode(
    nodes[turn % nodes.length] as TestServer,
    '/recovery/new-password',
    { csrf: hiddenField(page.body, 'csrf'), new_password: passwordOf(turn) },
    { cookie: cookieOf(browser), accept: 'text/html' },
  );
const canLogIn = async ({ email }: Person, password: string): Promise<boolean> => {
  const browser = openBrowser(server);
  const page = await openLogin(server, browser);
  return (await sendForm(browser, page, 'password', { login: email, password })).status === 303;
};
const resets = ({ id }: Person) =>
  people.query("SELECT 1 FROM audit_events WHERE event = 'password_reset' AND subject_id = $1", [
    id,
  ]);
const isAlive = async (token: unknown) =>
  (await postAs(server, 'orders_api', '/oauth2/introspect', { token: String(token) })).json.active;

/** A browser with the link open. */
async function atTheForm(person: Person, letters = 1) {
  const browser = openBrowser(server);
  await askForLetter(browser, person.email);
  return { browser, page: await openLink(browser, await awaitLink(server, person.email, letters)) };
}

test('twenty uses of one link over two nodes: one counts, and its password is the password', async () => {
  const mara = await people.add();
  const { browser, page } = await atTheForm(mara);
  const replies = await atOnce(20, async (turn) => {
    // The hashing queue may be full for a moment; a use that was not looked at is tried again.
    for (;;) {
      const reply = await use(turn, browser, page);
      if (reply.status !== 503) return reply.status;
      await sleep(200);
    }
  });
  expect(replies.filter((status) => status === 303)).toHaveLength(1);
  expect(replies.filter((status) => status === 410)).toHaveLength(19);
  expect(await resets(mara)).toHaveLength(1);
  expect(await canLogIn(mara, passwordOf(replies.indexOf(303)))).toBe(true);
  const other = replies.indexOf(410);
  expect(await canLogIn(mara, passwordOf(other))).toBe(false);
});

test('a use and a newer letter at once: never both an old link used and its form alive', async () => {
  for (let round = 0; round < 6; round += 1) {
    const mara = await people.add();
    const { browser, page } = await atTheForm(mara);
    const [used] = await Promise.all([
      use(round, browser, page),
      sleep(Math.random() * 120).then(() => askForLetter(openBrowser(server), mara.email)),
    ]);
    expect([303, 410]).toContain(used.status);
    expect((await use(round + 1, browser, page)).status).toBe(410);
    expect(await resets(mara)).toHaveLength(used.status === 303 ? 1 : 0);
  }
});

test('ten letters asked for at once: three are written, one link lives', async () => {
  const mara = await people.add();
  const replies = await atOnce(10, () => askForLetter(openBrowser(server), mara.email));
  expect(replies.map(({ status }) => status)).toEqual(Array(10).fill(200));
  await expect
    .poll(() => people.query('SELECT 1 FROM graphile_worker.jobs'), { timeout: 30_000 })
    .toEqual([]);
  // One whose link was replaced before it left is not sent: it would open nothing.
  const letters = (await lettersTo(server, mara.email)).map(linkIn).filter(Boolean);
  expect(letters.length).toBeGreaterThan(0);
  expect(letters.length).toBeLessThanOrEqual(3);
  // One of them opens the form, whatever became of the others; letters may overtake each other.
  const forms = [];
  for (const link of letters) forms.push(await openLink(openBrowser(server), link));
  const open = forms.filter(({ body }) => body.includes('name="new_password"'));
  expect(open.map(({ status }) => status)).toEqual([200]);
  const sent = await people.query(
    `SELECT result FROM audit_events
      WHERE event = 'password_reset_requested' AND subject_id = $1 AND result = 'success'`,
    [mara.id],
  );
  expect(sent).toHaveLength(3);
  const alive = await people.query('SELECT 1 FROM one_time_links WHERE account_id = $1', [mara.id]);
  expect(alive).toHaveLength(1);
});

test('a reset meets a refresh and an authorization in flight: nothing of them lives', async () => {
  for (let round = 0; round < 6; round += 1) {
    const mara = await people.add();
    const { browser, page } = await atTheForm(mara);
    const phone = await freshCode(server, OFFLINE, { user: mara });
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
    const [used, refreshed, silent] = await Promise.all([
      use(round, browser, page),
      sleep(40 + Math.random() * 160).then(() => refresh(json.refresh_token)),
      sleep(40 + Math.random() * 160).then(() =>
        phone.browser.get(authorizeUrl({ ...OFFLINE, prompt: 'none' })),
      ),
    ]);
    expect(used.status).toBe(303);
    expect(await isAlive(json.access_token)).toBe(false);
    if (refreshed.status === 200) {
      expect(await isAlive(refreshed.json.access_token)).toBe(false);
      expect((await refresh(refreshed.json.refresh_token)).status).toBe(400);
    }
    const code = new URL(silent.location ?? '', server.issuer).searchParams.get('code');
    if (code) {
      const late = await post(server, '/oauth2/token', redemption(code, { resource: ORDERS }));
      if (late.json.access_token) expect(await isAlive(late.json.access_token)).toBe(false);
    }
    const again = await phone.browser.get(authorizeUrl({ prompt: 'none' }));
    expect(again.location).toContain('error=login_required');
  }
});
