/** Clients that fail to prove who they are: counted by client and address, and by network. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, basic, type Fields, ORDERS, post, register } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { demoClient } from '../support/shopper.js';

let server: TestServer;
let nets = 0;

beforeAll(async () => {
  server = await startServer({ env: { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32' } });
});
afterAll(async () => {
  await server.stop();
});

const newIp = () => {
  nets += 1;
  return `10.1.${nets}.7`;
};

const ask = (path: string, ip: string, fields: Fields, authorization?: string): Promise<Answer> =>
  post(server, path, fields, {
    'x-forwarded-for': ip,
    ...(authorization ? { authorization } : {}),
  });

const TOKEN = { grant_type: 'client_credentials', resource: ORDERS };
const wrong = (id: string) => basic({ client_id: id, client_secret: 'not-the-secret' });
const right = () => basic(demoClient(server, 'automation'));

/** Ten failures, all told as such. */
async function fail(ip: string, times = 10): Promise<void> {
  for (let turn = 0; turn < times; turn += 1) {
    const answer = await ask('/oauth2/token', ip, TOKEN, wrong('demo-automation'));
    expect([answer.status, answer.json.error]).toEqual([401, 'invalid_client']);
  }
}

const expectLimited = (answer: Answer) => {
  expect(answer.status).toBe(429);
  expect(answer.headers.get('content-type')).toContain('application/json');
  expect(answer.headers.get('access-control-allow-origin')).toBe('*');
  expect(answer.headers.get('access-control-expose-headers')).toBe('Retry-After');
  const wait = Number(answer.headers.get('retry-after'));
  expect(wait).toBeGreaterThan(0);
  expect(wait).toBeLessThanOrEqual(60);
  expect(answer.json).toEqual({
    error: 'temporarily_unavailable',
    error_description: expect.any(String),
  });
};

describe('a client that fails ten times in a minute', () => {
  test('has to wait, with the right secret too, at every endpoint', async () => {
    const ip = newIp();
    await fail(ip);
    for (const path of ['/oauth2/token', '/oauth2/introspect', '/oauth2/revoke', '/oauth2/par']) {
      expectLimited(await ask(path, ip, { ...TOKEN, token: 'x' }, right()));
    }
  });

  test('waits there only: from elsewhere, and others from there, go on', async () => {
    const ip = newIp();
    await fail(ip);
    expect((await ask('/oauth2/token', newIp(), TOKEN, right())).status).toBe(200);
    const other = basic(demoClient(server, 'orders_api'));
    expect((await ask('/oauth2/introspect', ip, { token: 'x' }, other)).status).toBe(200);
  });

  test('is counted however it writes its name and whichever endpoint it tries', async () => {
    const ip = newIp();
    const secret = ':not-the-secret';
    const spellings = ['demo-automation', 'demo%2Dautomation', '%64emo-automation'];
    const paths = ['/oauth2/token', '/oauth2/introspect', '/oauth2/revoke', '/oauth2/par'];
    for (let turn = 0; turn < 10; turn += 1) {
      const name = spellings[turn % spellings.length] ?? '';
      const header = `Basic ${Buffer.from(name + secret).toString('base64')}`;
      const path = paths[turn % paths.length] ?? '';
      expect((await ask(path, ip, { ...TOKEN, token: 'x' }, header)).status).toBe(401);
    }
    expectLimited(await ask('/oauth2/token', ip, TOKEN, right()));
  });

  test('is counted as well when it sends its secret in the form', async () => {
    const { client_id } = await register(server, 'posting', ['--auth', 'client_secret_post']);
    const ip = newIp();
    const fields = { ...TOKEN, client_id, client_secret: 'not-the-secret' };
    for (let turn = 0; turn < 10; turn += 1) {
      expect((await ask('/oauth2/token', ip, fields)).status).toBe(401);
    }
    expectLimited(await ask('/oauth2/token', ip, fields));
  });

  test('whatever stands in the header, it is counted and nothing breaks', async () => {
    const ip = newIp();
    const odd = ['Basic', 'Basic %%%', `Basic ${'A'.repeat(6_000)}`, 'Basic JTpi', 'Bearer x'];
    for (const header of odd) {
      const answer = await ask('/oauth2/token', ip, TOKEN, header);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
    }
  });
});

describe('what is not a failed authentication', () => {
  test('counts nothing: refused grants, successes, other errors', async () => {
    const ip = newIp();
    const header = right();
    for (let turn = 0; turn < 12; turn += 1) {
      expect((await ask('/oauth2/token', ip, { grant_type: 'made-up' }, header)).status).toBe(400);
      expect((await ask('/oauth2/token', ip, TOKEN, header)).status).toBe(200);
    }
  });
});

describe('a network', () => {
  test('that fails a hundred times in a minute waits as a whole', async () => {
    const ip = newIp();
    for (let turn = 0; turn < 100; turn += 1) {
      expect((await ask('/oauth2/token', ip, TOKEN, wrong(`nobody-${turn}`))).status).toBe(401);
    }
    expectLimited(await ask('/oauth2/token', ip, TOKEN, right()));
  });
});
