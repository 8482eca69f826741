/** The JavaScript of docs/for-api-owners.md, run as it stands there. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { snippetsOf } from '../support/documented.js';
import { newKeys, proofOf, shopperTokens } from '../support/gateway.js';
import { type Answer, answerOf, basic, ORDERS, post } from '../support/protocol.js';
import { freePort, startServer, type TestServer } from '../support/server.js';
import { openSeverableWire, type SeverableWire } from '../support/severable.js';
import { demoClient } from '../support/shopper.js';
import { programOfSnippet } from '../support/snippet-program.js';

const API = 'https://orders.demo-shop.example';

let server: TestServer;
let line: SeverableWire;
beforeAll(async () => {
  server = await startServer();
  line = await openSeverableWire(() => server.port);
});
afterAll(async () => {
  await line.close();
  await server.stop();
});

async function startApi(heading: string) {
  const [shared = ''] = snippetsOf('for-api-owners.md', '## JavaScript', 'js');
  const [api = ''] = snippetsOf('for-api-owners.md', heading, 'js');
  const port = await freePort();
  const { client_id, client_secret } = demoClient(server, 'orders_api');
  const env = {
    PORT: String(port),
    LATCHKEY_URL: `http://127.0.0.1:${line.port}`,
    API_ORIGIN: API,
    AUDIENCE: ORDERS,
    CLIENT_ID: client_id,
    CLIENT_SECRET: client_secret,
  };
  const program = await programOfSnippet(api, env, { 'latchkey.mjs': shared });
  return { ...program, origin: `http://127.0.0.1:${port}` };
}

describe.each(['### Express', '### Fastify', '### Koa'])('%s', (heading) => {
  let api: Awaited<ReturnType<typeof startApi>>;
  beforeAll(async () => {
    api = await startApi(heading);
  });
  afterAll(async () => {
    await api?.stop();
  });

  const send = async (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    answerOf(await fetch(api.origin + path, { method, headers }));
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const refusal = ({ status, headers, json }: Answer) => [
    status,
    json.error,
    headers.get('www-authenticate')?.split(' ')[0],
  ];

  test('answers whoever may, and sees a revocation with the next request', async () => {
    const scope = 'openid offline_access orders:read';
    const { access, refresh } = await shopperTokens(server, { scope });
    const answer = await send('/orders?page=2', bearer(access));
    expect(answer.status).toBe(200);
    expect(answer.json.ordersOf).toMatch(/^[0-9a-f-]{36}$/);
    await post(server, '/oauth2/revoke', { token: refresh, client_id: 'demo-storefront' });
    expect(refusal(await send('/orders', bearer(access)))).toEqual([
      401,
      'invalid_token',
      'Bearer',
    ]);
  });

  test('says what is missing: a token, a scope, a better log-in', async () => {
    expect(refusal(await send('/orders'))).toEqual([401, 'unauthorized', 'Bearer,']);
    const cart = (await shopperTokens(server, { scope: 'openid cart:write' })).access;
    expect(refusal(await send('/orders', bearer(cart)))).toEqual([
      403,
      'insufficient_scope',
      'Bearer',
    ]);
    const { access } = await shopperTokens(server);
    const refund = await send('/refunds', bearer(access), 'POST');
    expect(refusal(refund)).toEqual([401, 'insufficient_user_authentication', 'Bearer']);
    expect(refund.headers.get('www-authenticate')).toContain('acr_values="urn:latchkey:acr:2"');
  });

  test('takes a bound token with a proof for this request, once', async () => {
    const keys = await newKeys();
    const { access } = await shopperTokens(server, { keys });
    const dpop = await proofOf(keys, { htm: 'GET', htu: `${API}/orders`, token: access });
    const present = () => send('/orders?page=2', { authorization: `DPoP ${access}`, dpop });
    expect((await present()).status).toBe(200);
    expect(refusal(await present())).toEqual([401, 'invalid_dpop_proof', 'DPoP']);
  });

  test('says "later" in an outage', async () => {
    const { access } = await shopperTokens(server);
    await line.cut();
    const answer = await send('/orders', bearer(access));
    await line.mend();
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2']);
    expect(answer.json).toEqual({ error: 'temporarily_unavailable' });
  });
});

// Those gateways are not here to be run, but what they ask is asked as they would.
describe.each([
  ['### Traefik', 1],
  ['### Envoy', 2],
  ['### Kong', 1],
] as const)('%s', (heading, count) => {
  const text = snippetsOf('for-api-owners.md', heading, 'yaml').join('\n');
  const questions = [...text.matchAll(/\/oauth2\/verify\?[^"\s]*/g)].flatMap(([question]) => {
    if (!question.endsWith('&')) return [question];
    // The rest is put together on the way, from what is written above it.
    const needs = [...text.matchAll(/"(&?[a-z_]+=[^"]+)"/g)].map(([, some = '']) => some);
    return needs.map((_, index) => question + needs.slice(0, index + 1).join(''));
  });

  test('asks what is answered, whatever the caller has in the address', async () => {
    expect(questions).toHaveLength(count);
    const { access } = await shopperTokens(server);
    const outcomes = await Promise.all(
      questions.map(async (question) => {
        const answer = await fetch(`http://127.0.0.1:${line.port}${question}`, {
          headers: {
            authorization: `Bearer ${access}`,
            'x-gateway-authorization': basic(demoClient(server, 'orders_api')),
            'x-original-method': 'GET',
            'x-original-url': `${API}/orders?page=2&scope=`,
            'x-forwarded-method': 'GET',
            'x-forwarded-proto': 'https',
            'x-forwarded-host': new URL(API).host,
            'x-forwarded-uri': '/orders?page=2&scope=',
          },
        });
        return [answer.status, (await answerOf(answer)).json.error];
      }),
    );
    expect(outcomes[0]).toEqual([200, undefined]);
    for (const outcome of outcomes.slice(1)) {
      expect(outcome).toEqual([401, 'insufficient_user_authentication']);
    }
  });
});
