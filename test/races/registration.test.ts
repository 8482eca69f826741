/** Newcomers' codes and links under fire, on two nodes at once: one use, one account. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { isBusy, untilAnswered } from '../support/busy.js';
import { atOnce, postToNode } from '../support/protocol.js';
import {
  askToRegister,
  awaitInvitation,
  openInvitation,
  typeCode,
} from '../support/registration.js';
import { CALM, startServer, type TestServer } from '../support/server.js';
import { type Browser, hiddenField, openBrowser, type Reply } from '../support/shopper.js';
import { openPeople, type People } from '../support/sign-in.js';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

// Many of everything at once is the point here, so nobody is slowed down for it.

let server: TestServer;
let nodes: readonly TestServer[];
let people: People;

beforeAll(async () => {
  server = await startServer({ env: CALM });
  nodes = [
    server,
    await startServer({ like: server, env: { ...CALM, LATCHKEY_ISSUER: server.issuer } }),
  ];
  people = await openPeople(server);
});
afterAll(async () => {
  await people?.close();
  await nodes?.[1]?.stop();
  await server?.stop();
});

const newEmail = () => `${randomBytes(6).toString('hex')}@fernhill.example`;
const created = async () =>
  Number((await people.query('SELECT count(*)::int AS n FROM accounts'))[0]?.n);
const cookieOf = ({ cookies }: Browser, at: string) =>
  [...cookies]
    .filter(([, { path }]) => at.startsWith(path))
    .map(([name, { value }]) => `${name.split('|')[0]}=${value}`)
    .join('; ');

/** Sends the password form of a page to one of the nodes; tried again while it is too busy. */
async function use(turn: number, browser: Browser, page: Reply): Promise<number> {
  const action = /action="([^"]+\/password)"/.exec(page.body)?.[1] ?? '';
  for (;;) {
    const reply = await postToNode(
      nodes[turn % nodes.length] as TestServer,
      action,
      {
        csrf: hiddenField(page.body, 'csrf'),
        new_password: `copper lantern ${turn} hums at midnight`,
      },
      { cookie: cookieOf(browser, action), accept: 'text/html' },
    );
    if (reply.status !== 503) return reply.status;
    await sleep(200);
  }
}

test('twenty uses of one code over two nodes make one account', async () => {
  const [email, browser] = [newEmail(), openBrowser(server)];
  const waiting = await askToRegister(server, browser, email);
  const { code } = await awaitInvitation(server, email);
  const page = await typeCode(browser, waiting, code);
  const before = await created();
  const statuses = await atOnce(20, (turn) => use(turn, browser, page));
  expect(await created()).toBe(before + 1);
  expect(statuses.filter((status) => status === 303)).toHaveLength(1);
});

test('twenty uses of one link over two nodes make one account', async () => {
  const [email, browser] = [newEmail(), openBrowser(server)];
  await askToRegister(server, openBrowser(server), email);
  const { link } = await awaitInvitation(server, email);
  const page = await openInvitation(browser, link);
  const before = await created();
  const statuses = await atOnce(20, (turn) => use(turn, browser, page));
  expect(await created()).toBe(before + 1);
  expect(statuses.filter((status) => status === 303)).toHaveLength(1);
  expect(statuses.filter((status) => status === 410)).toHaveLength(19);
});

test('code and link of one letter, and a newer letter, at once: one account at most', async () => {
  for (let round = 0; round < 4; round += 1) {
    const email = newEmail();
    const [here, there] = [openBrowser(server), openBrowser(server)];
    const waiting = await askToRegister(server, here, email);
    const { code, link } = await awaitInvitation(server, email);
    const byCode = await typeCode(here, waiting, code);
    const byLink = await openInvitation(there, link);
    const before = await created();
    const [first, second] = await Promise.all([
      use(0, here, byCode),
      use(1, there, byLink),
      sleep(Math.random() * 120).then(() => askToRegister(server, openBrowser(server), email)),
    ]);
    const won = [first, second].filter((status) => status === 303).length;
    expect(won).toBeLessThanOrEqual(1);
    expect(await created()).toBe(before + won);
  }
});

test('two letters’ worth of newcomers for one address over two nodes: one account', async () => {
  const email = newEmail();
  const [first, second] = [openBrowser(server), openBrowser(server)];
  const waiting = await askToRegister(server, first, email);
  const one = await typeCode(first, waiting, (await awaitInvitation(server, email)).code);
  // As if a node with another newest key had kept a row of its own for the same address.
  await people.query(
    "UPDATE registrations SET address_index = decode('00', 'hex') || address_index",
  );
  const again = await askToRegister(server, second, email);
  const two = await typeCode(second, again, (await awaitInvitation(server, email, 2)).code);
  const before = await created();
  const statuses = await Promise.all([use(0, first, one), use(1, second, two)]);
  expect(statuses.sort()).toEqual([200, 303]);
  expect(await created()).toBe(before + 1);
});

test('fifty guesses at once: five are looked at, and then nothing is left to guess', async () => {
  await untilAnswered(50, async (crowd) => {
    const [email, browser] = [newEmail(), openBrowser(server)];
    const waiting = await askToRegister(server, browser, email);
    const { code } = await awaitInvitation(server, email);
    const action = /action="([^"]+\/code)"/.exec(waiting.body)?.[1] ?? '';
    const replies = await atOnce(crowd, (turn) => {
      const wrong = String((Number(code) + 1 + turn) % 1_000_000).padStart(6, '0');
      return postToNode(
        nodes[turn % nodes.length] as TestServer,
        action,
        { csrf: hiddenField(waiting.body, 'csrf'), code: wrong },
        { cookie: cookieOf(browser, action), accept: 'text/html' },
      );
    });
    const told = replies.filter((reply) => !isBusy(reply)).map(({ status }) => status);
    const wrong = told.filter((status) => status === 422).length;
    expect(wrong).toBeLessThanOrEqual(4);
    expect(told.filter((status) => status === 410)).toHaveLength(told.length - wrong);
    if (told.length < crowd) return false;
    expect(crowd).toBeGreaterThan(5);
    expect(wrong).toBe(4);
    expect((await typeCode(browser, waiting, code)).status).toBe(410);
    return true;
  });
});
