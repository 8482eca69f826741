/** One request, many hands: over two nodes it is answered once and fetched once. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ownerAt } from '../support/account.js';
import { oneWon, patiently, untilAnswered } from '../support/busy.js';
import {
  addDesk,
  answerOldest,
  ask,
  asked,
  CIBA,
  ENDPOINT,
  press,
  waitingPages,
} from '../support/ciba.js';
import { atOnce, basic, ORDERS, postToNode, type WireReply } from '../support/protocol.js';
import { startTwoNodes, type TestServer } from '../support/server.js';
import { demoClient } from '../support/shopper.js';
import { browserAt, openPeople, type People } from '../support/sign-in.js';

let first: TestServer;
let nodes: readonly [TestServer, TestServer];
/** How two more desks authenticate. */
let second: string;
let third: string;
let people: People;

const calm = { LATCHKEY_BOT_CHALLENGE: 'off', LATCHKEY_TRUSTED_PROXIES: '127.0.0.1' };

beforeAll(async () => {
  nodes = await startTwoNodes(calm);
  [first] = nodes;
  people = await openPeople(first);
  second = await addDesk(people, 'second-desk');
  third = await addDesk(people, 'third-desk');
}, 180_000);
afterAll(async () => {
  await people?.close();
  await nodes?.[1]?.stop();
  await first?.stop();
});

const authorization = () => basic(demoClient(first, 'telephone_desk') as never);
const pollAt = (index: number, authReqId: string) =>
  postToNode(
    nodes[index % nodes.length] as TestServer,
    '/oauth2/token',
    { grant_type: CIBA, auth_req_id: authReqId, resource: ORDERS },
    { authorization: authorization() },
  );
let nets = 0;
const someone = async () => {
  nets += 1;
  return ownerAt(first, people, browserAt(first, `10.11.0.${nets}`), await people.add());
};
const recordsOf = (subject: string) =>
  people.query(
    `SELECT event FROM audit_events
      WHERE subject_id = $1 AND event IN ('ciba_approved', 'ciba_refused')`,
    [subject],
  );

test('what was approved is fetched once', async () => {
  for (let round = 0; round < 3; round += 1) {
    await untilAnswered(50, async (crowd) => {
      const owner = await someone();
      const id = await asked(first, owner.person.email);
      await answerOldest(owner, 'approve');
      const replies = await atOnce(crowd, (index) => pollAt(index, id));
      return oneWon(replies, [400, 'invalid_grant']);
    });
  }
}, 180_000);

const isInTime = ({ json }: WireReply) => json.error === 'authorization_pending';

test('of fifty polls at once one is in time, whichever node they reach', async () => {
  await untilAnswered(50, async (crowd) => {
    const owner = await someone();
    const id = await asked(first, owner.person.email);
    const replies = await atOnce(crowd, (index) => pollAt(index, id));
    return oneWon(replies, [400, 'slow_down'], isInTime);
  });
}, 180_000);

/** Twenty requests to one person at once, of these desks in turn, over both nodes. */
const burst = async (email: string, desks: readonly string[]) => {
  const replies = await atOnce(20, (index) =>
    patiently(() =>
      postToNode(
        nodes[(index >> 1) % nodes.length] as TestServer,
        ENDPOINT,
        { scope: 'openid', login_hint: email },
        { authorization: desks[index % desks.length] ?? '' },
      ),
    ),
  );
  const taken = replies.map(({ status }) => status);
  expect(taken.filter((status) => status !== 200 && status !== 429)).toEqual([]);
  return desks.map((_, desk) =>
    taken.reduce(
      (sum, status, at) => sum + Number(at % desks.length === desk && status === 200),
      0,
    ),
  );
};

test('of twenty requests at once to one shopper three wait, two of one desk', async () => {
  const owner = await someone();
  expect(await burst(owner.person.email, [authorization()])).toEqual([2]);
  expect(waitingPages(await owner.open('/account/approvals')).length).toBe(2);
  expect((await ask(first, owner.person.email)).status).toBe(429);

  const other = await someone();
  const both = await burst(other.person.email, [authorization(), second]);
  expect([...both].sort()).toEqual([1, 2]);
  expect(waitingPages(await other.open('/account/approvals')).length).toBe(3);
  // A name that nobody has is asked as often.
  expect(await burst('no.one@alder-oak.example', [authorization()])).toEqual([2]);
}, 180_000);

test('of twenty requests at once as many count as the hour has left, and no refused one', async () => {
  const owner = await someone();
  const { email } = owner.person;
  const send = async (desk: string) => {
    const fields = { scope: 'openid', login_hint: email };
    const { status } = await postToNode(first, ENDPOINT, fields, { authorization: desk });
    if (status === 200) await answerOldest(owner, 'refuse');
    return status;
  };
  for (let turn = 0; turn < 4; turn += 1) expect(await send(second)).toBe(200);
  expect(await burst(email, [second])).toEqual([1]);
  await answerOldest(owner, 'refuse');
  // Its own five are spent; nineteen refused ones have taken nothing of the other's.
  for (let turn = 0; turn < 4; turn += 1) expect(await send(authorization())).toBe(200);
  expect((await burst(email, [authorization(), third])).reduce((sum, one) => sum + one)).toBe(1);
}, 180_000);

test('of a yes and a no at the same moment one counts, and it alone is on record', async () => {
  for (let round = 0; round < 5; round += 1) {
    const owner = await someone();
    const id = await asked(first, owner.person.email);
    const [path = ''] = waitingPages(await owner.open('/account/approvals'));
    const page = await owner.open(path);
    await Promise.all([
      press(owner, page, path, 'approve'),
      press(owner, page, path, 'refuse'),
      press(owner, page, path, 'approve'),
      press(owner, page, path, 'refuse'),
    ]);
    const records = await recordsOf(owner.person.id);
    expect(records.length).toBe(1);
    const { status, json } = await pollAt(round, id);
    if (records[0]?.event === 'ciba_approved') expect(status).toBe(200);
    else expect([status, json.error]).toEqual([400, 'access_denied']);
    // Whoever came second has left no grant behind.
    const grants = await people.query(
      `SELECT 1 FROM artifacts
        WHERE account_id = $1 AND kind = 'Grant' AND client_id = 'demo-telephone-desk'`,
      [owner.person.id],
    );
    expect(grants.length).toBe(status === 200 ? 1 : 0);
  }
}, 180_000);
