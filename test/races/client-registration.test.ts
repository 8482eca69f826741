/** Clients that register themselves, many at once and on two nodes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  initialToken,
  managementOf,
  OPEN,
  withQuickCommands,
} from '../support/client-registration.js';
import { answerOf, atOnce, openDatabase, wire } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';

vi.setConfig({ testTimeout: 180_000 });

const GOOD = { redirect_uris: ['https://partner.example/cb'], client_name: 'Partner' };

let server: TestServer;
let nodes: readonly TestServer[];

beforeAll(async () => {
  const env = { ...OPEN, LATCHKEY_RATE_LIMITS: 'off' };
  server = withQuickCommands(await startServer({ env }));
  const other = { ...env, LATCHKEY_ISSUER: server.issuer };
  nodes = [server, await startServer({ like: server, env: other })];
});
afterAll(async () => {
  await nodes?.[1]?.stop();
  await server?.stop();
});

/** Sends it to one of the nodes; tried again while that is too busy. */
async function send(turn: number, method: string, path: string, token: string, body?: object) {
  for (;;) {
    const answer = await wire((nodes[turn % nodes.length] as TestServer).port, {
      method,
      path,
      headers: {
        host: new URL(server.issuer).host,
        authorization: `Bearer ${token}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (answer.status !== 503) return answer;
    await sleep(200);
  }
}

async function stored(tokenId: string) {
  const database = await openDatabase(server);
  try {
    const [row] = await database.query(
      'SELECT count(*)::int AS n FROM client_registrations WHERE token_id = $1',
      [tokenId],
    );
    return row?.n;
  } finally {
    await database.close();
  }
}

test('fifty registrations at once over two nodes make twenty clients', async () => {
  const { id, token } = await initialToken(server);
  const ask = (turn: number) => send(turn, 'POST', '/oauth2/register', token, GOOD);
  const statuses = (await atOnce(50, ask)).map(({ status }) => status);
  // What a busy node gave back, others were refused before; it is there for who asks again.
  while (statuses.at(-1) !== 429 || statuses.length === 50) statuses.push((await ask(0)).status);
  expect([...new Set(statuses)].sort()).toEqual([201, 429]);
  expect(statuses.filter((status) => status === 201)).toHaveLength(20);
  expect(await stored(id)).toBe(20);
});

test('a token for three clients makes three, however many ask at once', async () => {
  const { id, token } = await initialToken(server, '--max', '3');
  const answers = await atOnce(15, (turn) => send(turn, 'POST', '/oauth2/register', token, GOOD));
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(3);
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(12);
  expect(await stored(id)).toBe(3);
});

test('of ten changes with one registration access token one counts', async () => {
  const { token } = await initialToken(server);
  const made = await answerOf(
    await fetch(`${server.issuer}/oauth2/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(GOOD),
    }),
  );
  const { uri, access } = managementOf(made);
  const { pathname } = new URL(uri);
  const answers = await atOnce(10, (turn) =>
    send(turn, 'PUT', pathname, access, {
      ...GOOD,
      client_id: made.json.client_id,
      client_name: `Partner ${turn}`,
    }),
  );
  const winners = answers.filter(({ status }) => status === 200);
  expect(winners).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(9);
  const access2 = String(winners[0]?.json.registration_access_token);
  const read = await fetch(uri, { headers: { authorization: `Bearer ${access2}` } });
  expect(await read.json()).toMatchObject({ client_name: winners[0]?.json.client_name });
});

test('of ten deletions one counts', async () => {
  const { token } = await initialToken(server);
  const made = await send(0, 'POST', '/oauth2/register', token, GOOD);
  const { pathname } = new URL(String(made.json.registration_client_uri));
  const access = String(made.json.registration_access_token);
  const answers = await atOnce(10, (turn) => send(turn, 'DELETE', pathname, access));
  expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(9);
});
