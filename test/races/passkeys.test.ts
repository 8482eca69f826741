/** A passkey's answer, sent twenty times at once to two nodes, opens the account once. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Owner, ownerAt } from '../support/account.js';
import { isBusy, untilAnswered } from '../support/busy.js';
import { type PasskeyDevice, passkeyDevice } from '../support/passkey-device.js';
import { atOnce, postToNode } from '../support/protocol.js';
import { startTwoNodes, type TestServer } from '../support/server.js';
import { type Browser, hiddenField, openBrowser, type Reply } from '../support/shopper.js';
import { openLogin, openPeople, type People } from '../support/sign-in.js';

// Many of everything at once is the point here, so nobody is slowed down for it.
const NEW = '/account/authenticators/passkeys/new';

let server: TestServer;
let other: TestServer;
let people: People;

beforeAll(async () => {
  [server, other] = await startTwoNodes();
  people = await openPeople(server);
}, 180_000);
afterAll(async () => {
  await people.close();
  await other.stop();
  await server.stop();
});

const cookieOf = ({ cookies }: Browser) =>
  [...cookies].map(([name, { value }]) => `${name.split('|')[0]}=${value}`).join('; ');

async function optionsFor(browser: Browser, page: Reply): Promise<object> {
  const path = page.body.match(/data-options="([^"]*)"/)?.[1] ?? '';
  const reply = await browser.post(path, { csrf: hiddenField(page.body, 'csrf') });
  return JSON.parse(reply.body) as object;
}

/** The same form, twenty times unless told otherwise, to both nodes in turn. */
const flood = (
  browser: Browser,
  page: Reply,
  path: string,
  fields: Record<string, string>,
  times = 20,
) =>
  atOnce(times, (turn) =>
    postToNode(
      { issuer: server.issuer, port: (turn % 2 === 0 ? server : other).port },
      path,
      { csrf: hiddenField(page.body, 'csrf'), ...fields },
      { cookie: cookieOf(browser), accept: 'text/html' },
    ),
  );

const count = async (sql: string, { person }: Owner) =>
  Number((await people.query(sql, [person.id]))[0]?.count);

async function withPasskey(): Promise<{ mara: Owner; device: PasskeyDevice }> {
  const mara = ownerAt(server, people, openBrowser(server), await people.add());
  const device = passkeyDevice(server.issuer);
  const page = await mara.open(NEW);
  const passkey = device.create(await optionsFor(mara.browser, page));
  await flood(mara.browser, page, NEW, { passkey, name: 'my phone' });
  return { mara, device };
}

test('twenty answers to one question for a new passkey make one', async () => {
  const { mara } = await withPasskey();
  expect(await count('SELECT count(*) FROM passkeys WHERE account_id = $1', mara)).toBe(1);
  const added = `SELECT count(*) FROM audit_events
                  WHERE event = 'passkey_added' AND subject_id = $1`;
  expect(await count(added, mara)).toBe(1);
}, 180_000);

test('twenty uses of one signature sign in once', async () => {
  for (let round = 0; round < 4; round += 1) {
    await untilAnswered(20, async (crowd) => {
      const { mara, device } = await withPasskey();
      const before = `SELECT count(*) FROM audit_events
                     WHERE event = 'sign_in_succeeded' AND subject_id = $1`;
      const seen = await count(before, mara);
      const browser = openBrowser(server);
      const page = await openLogin(server, browser);
      const passkey = device.sign(await optionsFor(browser, page));
      const path = page.body.match(/action="([^"]*\/passkey)"/)?.[1] ?? '';
      const replies = await flood(browser, page, path, { passkey }, crowd);
      const told = replies.filter((reply) => !isBusy(reply));
      expect(told.filter(({ status }) => status === 303).length).toBeLessThanOrEqual(1);
      expect(told.filter(({ status }) => status !== 303 && status !== 422)).toEqual([]);
      expect((await count(before, mara)) - seen).toBeLessThanOrEqual(1);
      if (told.length < crowd) return false;
      expect(told.filter(({ status }) => status === 303)).toHaveLength(1);
      expect((await count(before, mara)) - seen).toBe(1);
      return true;
    });
  }
}, 180_000);
