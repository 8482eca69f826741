/** One code, many hands: over two nodes a device gets its tokens once, from one shopper. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { oneWon, untilAnswered } from '../support/busy.js';
import {
  approve,
  DEVICE_CODE,
  goOn,
  heading,
  showCode,
  TILL,
  typeCode,
} from '../support/device.js';
import {
  atOnce,
  type Database,
  ORDERS,
  openDatabase,
  postToNode,
  type WireReply,
  wire,
} from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { follow, openBrowser, type Reply, submitLogin } from '../support/shopper.js';
import { openPeople, type People } from '../support/sign-in.js';

let first: TestServer;
let nodes: readonly TestServer[];
let database: Database;
let people: People;

const calm = { LATCHKEY_BOT_CHALLENGE: 'off' };

beforeAll(async () => {
  first = await startServer({ env: { ...calm, LATCHKEY_TRUSTED_PROXIES: '127.0.0.1' } });
  const env = { ...calm, LATCHKEY_ISSUER: first.issuer, LATCHKEY_TRUSTED_PROXIES: '127.0.0.1' };
  const second = await startServer({ like: first, env });
  nodes = [first, second];
  database = await openDatabase(first);
  people = await openPeople(first);
}, 180_000);
afterAll(async () => {
  await people?.close();
  await database?.close();
  await nodes?.[1]?.stop();
  await first?.stop();
});

const nodeOf = (index: number) => nodes[index % nodes.length] as TestServer;

const pollAt = (index: number, deviceCode: string) =>
  postToNode(nodeOf(index), '/oauth2/token', {
    grant_type: DEVICE_CODE,
    client_id: TILL,
    device_code: deviceCode,
    resource: ORDERS,
  });

test('a device code is redeemed once', async () => {
  for (let round = 0; round < 3; round += 1) {
    await untilAnswered(50, async (crowd) => {
      const shown = await showCode(first);
      const done = await approve(first, openBrowser(first), shown.user_code, await people.add());
      expect(heading(done)).toBe('Your device is connected');
      const replies = await atOnce(crowd, (index) => pollAt(index, shown.device_code));
      return oneWon(replies, [400, 'invalid_grant']);
    });
  }
}, 180_000);

const isInTime = ({ json }: WireReply) => json.error === 'authorization_pending';

test('of fifty polls at once one is in time, whichever node they reach', async () => {
  await untilAnswered(50, async (crowd) => {
    const shown = await showCode(first);
    const replies = await atOnce(crowd, (index) => pollAt(index, shown.device_code));
    return oneWon(replies, [400, 'slow_down'], isInTime);
  });
});

test('two shoppers who say yes at the same moment: one of them signs in', async () => {
  for (let round = 0; round < 5; round += 1) {
    const shown = await showCode(first);
    const persons = [await people.add(), await people.add()];
    // Both are signed in already, so that nothing but the last step is left.
    const browsers = await Promise.all(
      persons.map(async (person) => {
        const browser = openBrowser(first);
        const before = await showCode(first);
        await approve(first, browser, before.user_code, person);
        return browser;
      }),
    );
    const pages = await Promise.all(browsers.map((one) => typeCode(one, shown.user_code)));
    const replies = await Promise.all(
      browsers.map((one, index) => goOn(one, pages[index] as Reply)),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 422]);
    const winner = replies.findIndex(({ status }) => status === 200);
    const records = await database.query(
      `SELECT subject_id FROM audit_events
        WHERE event = 'device_authorized' ORDER BY id DESC LIMIT 3`,
    );
    expect(records[0]?.subject_id).toBe(persons[winner]?.id);
    // Two who signed in before, and one now: the loser left no record.
    const tokens = await pollAt(round, shown.device_code);
    expect(tokens.status).toBe(200);
    const [payload = ''] = String(tokens.json.id_token).split('.').slice(1);
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString()).sub).toBe(persons[winner]?.id);
  }
}, 180_000);

test('the sign-in that a code leads to may go on at the other node', async () => {
  const person = await people.add();
  const shown = await showCode(first);
  const browser = openBrowser(first);
  const confirmed = await goOn(browser, await typeCode(browser, shown.user_code));
  const page = await follow(browser, first, confirmed);
  const signedIn = await submitLogin(browser, page, person);
  const target = new URL(signedIn.location ?? '', first.issuer);
  expect(target.pathname).toMatch(/^\/device\//);
  const cookies = [...browser.cookies]
    .filter(([, { path }]) => target.pathname.startsWith(path))
    .map(([key, { value }]) => `${key.split('|')[0]}=${value}`);
  const other = nodes[1] as TestServer;
  const done = await wire(other.port, {
    path: target.pathname,
    headers: {
      cookie: cookies.join('; '),
      accept: 'text/html',
      host: new URL(first.issuer).host,
    },
  });
  expect([done.status, done.text.includes('Your device is connected')]).toEqual([200, true]);
  expect((await pollAt(0, shown.device_code)).status).toBe(200);
});
