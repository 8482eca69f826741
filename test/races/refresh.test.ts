/** One refresh token, many that use it at once, two nodes: one successor, and everybody gets it. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  atOnce,
  type Database,
  newShopper,
  ORDERS,
  openDatabase,
  postAs,
  postToNode,
  register,
  type WireReply,
} from '../support/protocol.js';
import {
  beginFamily,
  branches,
  passSinceUse,
  recorded,
  refreshing,
  reuseLetters,
} from '../support/refresh.js';
import { CALM, startServer, type TestServer } from '../support/server.js';
import { soon } from '../support/soon.js';

let first: TestServer;
let nodes: readonly TestServer[];
let database: Database;

const ROUNDS = 4;
const another = () => startServer({ like: first, env: { ...CALM, LATCHKEY_ISSUER: first.issuer } });

beforeAll(async () => {
  first = await startServer({ env: CALM });
  nodes = [first, await another()];
  database = await openDatabase(first);
  for (const [id, grace] of [
    ['strict-shop', '0'],
    ['patient-shop', '60'],
  ] as const) {
    await register(first, id, [
      ...['--first-party', '--auth', 'none', '--redirect-uri', 'http://localhost:4000/callback'],
      ...['--scope', 'openid offline_access', '--allow', `${ORDERS}=orders:read`],
      ...['--refresh-grace', grace],
    ]);
  }
}, 180_000);
afterAll(async () => {
  await database.close();
  await nodes[1]?.stop();
  await first.stop();
});

/**
 * The same token, fifty times at once, to both nodes in turn. Whoever is told that the server is
 * busy comes again, as clients do: a refusal or an answer is what counts.
 */
const storm = (refreshToken: unknown, client_id = 'demo-storefront'): Promise<WireReply[]> =>
  atOnce(50, async (index) => {
    const node = nodes[index % nodes.length] as TestServer;
    const ask = () => postToNode(node, '/oauth2/token', refreshing(refreshToken, { client_id }));
    let reply = await ask();
    for (let more = 0; reply.status === 503 && more < 20; more += 1) {
      await new Promise((go) => setTimeout(go, 200));
      reply = await ask();
    }
    return reply;
  });
const isAlive = async (token: unknown): Promise<boolean> =>
  (await postAs(first, 'orders_api', '/oauth2/introspect', { token: String(token) })).json
    .active === true;
const summary = (replies: readonly WireReply[]) => [
  ...new Set(replies.map(({ status, json }) => `${status} ${json.error ?? 'ok'}`)),
];

describe('fifty at once over two nodes', () => {
  test('all get one and the same answer, and one new token exists', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const family = await beginFamily(first);
      const replies = await storm(family.refresh);
      expect(summary(replies)).toEqual(['200 ok']);
      expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
      const tokens = new Set(replies.map(({ json }) => json.refresh_token));
      expect(tokens.size).toBe(1);
      expect(tokens).not.toContain(family.refresh);
      expect(await branches(database, family.refresh)).toEqual({ all: 2, unused: 1 });
      expect(await isAlive(replies[0]?.json.access_token)).toBe(true);

      // And so in the next generation.
      const next = await storm(replies[0]?.json.refresh_token);
      expect(summary(next)).toEqual(['200 ok']);
      expect(new Set(next.map(({ text }) => text)).size).toBe(1);
      expect(await branches(database, family.refresh)).toEqual({ all: 3, unused: 1 });
    }
  });

  test('all are refused when the grace is over, and the family ends once', async () => {
    for (let round = 0; round < 2; round += 1) {
      const user = await newShopper(first);
      const family = await beginFamily(first, { user });
      const [won] = await storm(family.refresh);
      await passSinceUse(database, family.refresh, 11);
      const late = await storm(family.refresh);
      expect(summary(late)).toEqual(['400 invalid_grant']);
      expect(await isAlive(won?.json.access_token)).toBe(false);
      expect(summary(await storm(won?.json.refresh_token))).toEqual(['400 invalid_grant']);
      expect(await recorded(database, 'refresh_reuse', family.sub)).toHaveLength(1);
      const letters = () => reuseLetters(first, user.email);
      await vi.waitFor(async () => expect(await letters()).toHaveLength(1), soon);
    }
  });

  test('one wins at a client without a grace, and nobody keeps anything', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const family = await beginFamily(first, { client: 'strict-shop' });
      const replies = await storm(family.refresh, 'strict-shop');
      expect(replies.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
      for (const { status, json } of replies) {
        if (status !== 200) expect([status, json.error]).toEqual([400, 'invalid_grant']);
      }
      const won = replies.find(({ status }) => status === 200);
      if (won) expect(await isAlive(won.json.access_token)).toBe(false);
      expect(await branches(database, family.refresh)).toEqual({ all: 0, unused: 0 });
    }
  });
});

test('a node that has just started knows what was used before', async () => {
  // Starting may take longer than the usual grace.
  const client = 'patient-shop';
  const family = await beginFamily(first, { client, user: await newShopper(first) });
  const fields = refreshing(family.refresh, { client_id: client });
  const reply = await postToNode(first, '/oauth2/token', fields);
  const third = await another();
  try {
    const ask = () => postToNode(third, '/oauth2/token', fields);
    expect((await ask()).text).toBe(reply.text);
    await passSinceUse(database, family.refresh, 61);
    expect((await ask()).json.error).toBe('invalid_grant');
    expect(await isAlive(reply.json.access_token)).toBe(false);
    expect(await recorded(database, 'refresh_reuse', family.sub)).toHaveLength(1);
  } finally {
    await third.stop();
  }
});
