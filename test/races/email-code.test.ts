/** Codes by e-mail under fire, on two nodes at once: one use, five guesses, and no late winner. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client as PgClient } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { isBusy, untilAnswered } from '../support/busy.js';
import { anotherCode, askForCode, awaitCode, enterCode } from '../support/email-code.js';
import { atOnce, authorizeUrl, post, postToNode, redemption } from '../support/protocol.js';
import { startTwoNodes, type TestServer } from '../support/server.js';
import {
  adminToken,
  type Browser,
  follow,
  hiddenField,
  openBrowser,
  type Reply,
} from '../support/shopper.js';
import { openPeople, type People, type Person } from '../support/sign-in.js';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

// Many of everything at once is the point here, so nobody is slowed down for it.

let server: TestServer;
let nodes: readonly [TestServer, TestServer];
let people: People;
let admin: string;

beforeAll(async () => {
  nodes = await startTwoNodes();
  [server] = nodes;
  people = await openPeople(server);
  admin = await adminToken(server);
});
afterAll(async () => {
  await people?.close();
  await nodes?.[1]?.stop();
  await server?.stop();
});

const cookieOf = ({ cookies }: Browser, at: string) =>
  [...cookies]
    .filter(([, { path }]) => at.startsWith(path))
    .map(([name, { value }]) => `${name.split('|')[0]}=${value}`)
    .join('; ');
const action = ({ body }: Reply, ends: string) =>
  new RegExp(`action="([^"]+${ends})"`).exec(body)?.[1] ?? '';

async function waiting(letters = 1, mara?: Person) {
  const person = mara ?? (await people.add());
  const browser = openBrowser(server);
  const page = await askForCode(server, browser, person.email);
  return { mara: person, browser, page, code: await awaitCode(server, person.email, letters) };
}

/** Types a code at one of the nodes. */
const type = (turn: number, { browser, page }: { browser: Browser; page: Reply }, code: string) =>
  postToNode(
    nodes[turn % nodes.length] as TestServer,
    action(page, '/code'),
    { csrf: hiddenField(page.body, 'csrf'), code },
    { cookie: cookieOf(browser, action(page, '/code')), accept: 'text/html' },
  );
const signIns = ({ id }: Person) =>
  people.query("SELECT 1 FROM audit_events WHERE event = 'sign_in_succeeded' AND subject_id = $1", [
    id,
  ]);
const statusesOf = (replies: readonly { status: number }[]) => replies.map(({ status }) => status);
/** What those were told who were not turned away by a busy machine. */
const told = (replies: readonly { status: number }[]) =>
  statusesOf(replies.filter((reply) => !isBusy(reply)));
const counted = (statuses: readonly number[], status: number) =>
  statuses.filter((one) => one === status).length;
const revoke = async ({ id }: Person) => {
  const reply = await fetch(`${server.issuer}/admin/api/v1/users/${id}/revocations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: JSON.stringify({ what: ['sessions', 'tokens'], reason: 'a test' }),
  });
  expect(reply.status).toBe(200);
};
const hasSession = async (browser: Browser) =>
  ((await browser.get(authorizeUrl({ prompt: 'none' }))).location ?? '').includes('code=');

test('twenty times the right code over two nodes: one sign-in', async () => {
  for (let round = 0; round < 3; round += 1) {
    await untilAnswered(20, async (crowd) => {
      const one = await waiting();
      const statuses = told(await atOnce(crowd, (turn) => type(turn, one, one.code)));
      expect(counted(statuses, 303)).toBeLessThanOrEqual(1);
      expect(counted(statuses, 410)).toBe(statuses.length - counted(statuses, 303));
      if (statuses.length < crowd) return false;
      expect(counted(statuses, 303)).toBe(1);
      expect(await signIns(one.mara)).toHaveLength(1);
      return true;
    });
  }
});

test('fifty guesses over two nodes: five are looked at, and the right one comes too late', async () => {
  await untilAnswered(50, async (crowd) => {
    const one = await waiting();
    const wrong = (turn: number) => anotherCode(one.code, turn + 1);
    const statuses = told(await atOnce(crowd, (turn) => type(turn, one, wrong(turn))));
    expect(counted(statuses, 422)).toBeLessThanOrEqual(4);
    expect(counted(statuses, 410)).toBe(statuses.length - counted(statuses, 422));
    if (statuses.length < crowd) return false;
    expect(crowd).toBeGreaterThan(5);
    expect(counted(statuses, 422)).toBe(4);
    const looked = await people.query(
      "SELECT 1 FROM audit_events WHERE event = 'sign_in_refused' AND subject_id = $1",
      [one.mara.id],
    );
    expect(looked).toHaveLength(5);
    expect((await enterCode(one.browser, one.page, one.code)).status).toBe(410);
    return true;
  });
});

test('the right code among nineteen guesses: one sign-in at most, five looked at', async () => {
  for (let round = 0; round < 4; round += 1) {
    const one = await waiting();
    const replies = await atOnce(20, (turn) =>
      type(turn, one, turn === 7 ? one.code : anotherCode(one.code, turn + 1)),
    );
    const won = counted(statusesOf(replies), 303);
    expect(won).toBe(replies[7]?.status === 303 ? 1 : 0);
    expect(await signIns(one.mara)).toHaveLength(won);
    const [row] = await people.query('SELECT tries FROM email_codes WHERE account_id = $1', [
      one.mara.id,
    ]);
    expect(Number(row?.tries)).toBeLessThanOrEqual(5);
  }
});

test('ten letters asked for at once: three are sent', async () => {
  const mara = await people.add();
  const replies = await atOnce(10, () => askForCode(server, openBrowser(server), mara.email));
  expect(statusesOf(replies)).toEqual(Array(10).fill(200));
  await awaitCode(server, mara.email, 3);
  const sent = await people.query(
    `SELECT 1 FROM audit_events
      WHERE event = 'sign_in_code_requested' AND subject_id = $1 AND result = 'success'`,
    [mara.id],
  );
  expect(sent).toHaveLength(3);
});

test('a code and a newer one at once: never both open the door', async () => {
  for (let round = 0; round < 5; round += 1) {
    const one = await waiting();
    const path = action(one.page, '/email-code/code').replace(/\/code$/, '');
    const again = postToNode(
      nodes[1] as TestServer,
      path,
      { csrf: hiddenField(one.page.body, 'csrf'), login: one.mara.email },
      { cookie: cookieOf(one.browser, path), accept: 'text/html' },
    );
    const [used] = await Promise.all([
      sleep(Math.random() * 30).then(() => type(0, one, one.code)),
      again,
    ]);
    expect([303, 410]).toContain(used.status);
    expect((await type(1, one, one.code)).status).not.toBe(303);
    expect(await signIns(one.mara)).toHaveLength(used.status === 303 ? 1 : 0);
  }
});

// A machine may be too busy to form the queue within the second for which anybody waits in it.
const IN_ORDER = { retry: 3, timeout: 180_000 };

/** Holds the account while the steps begin, each once the one before it waits; then lets go. */
async function queueBehind<T>(mara: Person, steps: readonly (() => Promise<T>)[]): Promise<T[]> {
  const holder = new PgClient({ connectionString: server.databaseUrl });
  await holder.connect();
  try {
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM accounts WHERE id = $1::uuid FOR UPDATE', [mara.id]);
    const running: Promise<T>[] = [];
    for (const step of steps) {
      running.push(step());
      const queued = async () => {
        const [row] = await people.query(
          `SELECT count(*)::int AS waiting FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return row?.waiting;
      };
      // The first may take its time to get there; then they wait for a second at most
      // (lock_timeout).
      const timeout = running.length === 1 ? 10_000 : 900;
      await expect.poll(queued, { interval: 5, timeout }).toBe(running.length);
    }
    await holder.query('COMMIT');
    return await Promise.all(running);
  } finally {
    await holder.end();
  }
}

describe('a revocation meets a code', () => {
  test('that was accepted just before: the session is dead already', IN_ORDER, async () => {
    const one = await waiting();
    const [reply] = await queueBehind<Reply | undefined>(one.mara, [
      () => enterCode(one.browser, one.page, one.code),
      () => revoke(one.mara).then(() => undefined),
    ]);
    expect(reply?.status).toBe(303);
    const { location = '' } = await follow(one.browser, server, reply as Reply);
    const code = new URL(location, server.issuer).searchParams.get('code');
    if (code) {
      const { json } = await post(server, '/oauth2/token', redemption(code));
      expect(json.refresh_token).toBeUndefined();
    }
    expect(await hasSession(one.browser)).toBe(false);
  });

  test('that was looked at before and counts after: it is refused', IN_ORDER, async () => {
    const one = await waiting();
    const [, reply] = await queueBehind<Reply | undefined>(one.mara, [
      () => revoke(one.mara).then(() => undefined),
      () => enterCode(one.browser, one.page, one.code),
    ]);
    expect(reply?.status).toBe(410);
    expect(await hasSession(one.browser)).toBe(false);
    expect(await signIns(one.mara)).toHaveLength(0);
  });

  test('in whatever order they come, nobody is signed in afterwards', async () => {
    for (let round = 0; round < 8; round += 1) {
      const one = await waiting();
      const [reply] = await Promise.all([
        enterCode(one.browser, one.page, one.code),
        sleep(Math.random() * 25).then(() => revoke(one.mara)),
      ]);
      if (reply.status === 303) await follow(one.browser, server, reply);
      expect(await hasSession(one.browser)).toBe(false);
    }
  });
});

test('an unproven address, proven twenty times at once, is proven once', async () => {
  await untilAnswered(20, async (crowd) => {
    const mara = await people.add();
    await people.query('UPDATE accounts SET email_verified = false WHERE id = $1', [mara.id]);
    const one = await waiting(1, mara);
    const statuses = told(await atOnce(crowd, (turn) => type(turn, one, one.code)));
    expect(counted(statuses, 303)).toBeLessThanOrEqual(1);
    if (statuses.length < crowd) return false;
    expect(counted(statuses, 303)).toBe(1);
    const proofs = await people.query(
      "SELECT 1 FROM audit_events WHERE event = 'address_confirmed' AND subject_id = $1",
      [mara.id],
    );
    expect(proofs).toHaveLength(1);
    return true;
  });
});
