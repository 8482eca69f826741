/** Characters that no database keeps, wherever a request can bring them. */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ENDPOINT } from '../support/ciba.js';
import {
  initialToken,
  managementOf,
  OPEN,
  registerAt,
  sendMetadata,
  withQuickCommands,
} from '../support/client-registration.js';
import { TILL } from '../support/device.js';
import {
  authorizeUrl,
  basic,
  type Database,
  encode,
  type Fields,
  openDatabase,
  post,
  postAs,
  requestFields,
  walk,
} from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Browser, demoClient, openBrowser } from '../support/shopper.js';

const NUL = '\u0000';
const GOOD = { redirect_uris: ['https://partner.example/cb'], client_name: 'Partner' };

let server: TestServer;
let database: Database;
let browser: Browser;

beforeAll(async () => {
  server = withQuickCommands(await startServer({ env: { ...OPEN, LATCHKEY_RATE_LIMITS: 'off' } }));
  database = await openDatabase(server);
  ({ browser } = await walk(server, authorizeUrl()));
});
afterAll(async () => {
  await database?.close();
  await server?.stop();
});

describe('a client that cannot be', () => {
  const id = `a${NUL}b`;

  test('is unknown on the page that begins a log-in', async () => {
    for (const client_id of [NUL, id, 'ü', 'a b', 'x'.repeat(201)]) {
      const reply = await openBrowser(server).get(authorizeUrl({ client_id }));
      expect([client_id, reply.status]).toEqual([client_id, 400]);
    }
  });

  test('is unknown wherever a client proves itself', async () => {
    const authorization = basic({ client_id: id, client_secret: 'x' });
    for (const path of ['token', 'introspect', 'revoke', 'par', 'device_authorization']) {
      const fields = { grant_type: 'client_credentials', token: 'x' };
      for (const [sent, headers] of [
        [{ ...fields, client_id: id }, {}],
        [fields, { authorization }],
      ] as [Fields, Record<string, string>][]) {
        const { status, json } = await post(server, `/oauth2/${path}`, sent, headers);
        // Those that hold a secret, and headers that are none at all, differ in what they are told.
        expect([path, status]).toEqual([path, expect.toBeOneOf([400, 401])]);
        expect(json.error).toMatch(/^invalid_(client|request)$/);
      }
    }
    const gateway = `Basic ${Buffer.from(`${id}:x`).toString('base64')}`;
    const verified = await fetch(`${server.issuer}/oauth2/verify?audience=x`, {
      headers: { 'x-gateway-authorization': gateway, authorization: 'Bearer x' },
    });
    // 500 is what a gateway gets for its own mistakes; the log below says whether it was one.
    expect(verified.headers.get('content-type')).toContain('json');
    const left = await fetch(`${server.issuer}/oauth2/logout?${encode({ client_id: id })}`);
    expect(left.status).toBe(400);
  });
});

describe('a request whose parameters cannot be kept', () => {
  const parameters: [string, Fields][] = [
    ...[
      'nonce',
      'state',
      'login_hint',
      'ui_locales',
      'acr_values',
      'display',
      'claims_locales',
    ].map((name): [string, Fields] => [name, { [name]: `x${NUL}` }]),
    ['claims', { claims: '{"userinfo":{"name":{"value":"\\u0000"}}}' }],
    ['claims, half a letter', { claims: '{"id_token":{"name":{"value":"\\ud800"}}}' }],
    ['claims, by name', { claims: '{"userinfo":{"\\u0000":null}}' }],
  ];
  const SAID = 'a parameter holds a character that cannot be stored';

  test.each(parameters)('is refused before anything comes of it: %s', async (_name, changes) => {
    const reply = await browser.get(authorizeUrl({ scope: 'openid profile', ...changes }));
    const said = new URL(reply.location ?? 'about:blank').searchParams;
    expect([reply.status, said.get('error')]).toEqual([303, 'invalid_request']);
    expect(said.get('error_description')).toBe(SAID);
  });

  test.each(parameters)('is refused when it is pushed: %s', async (_name, changes) => {
    const { client_id, redirect_uris } = demoClient(server, 'storefront_bff');
    const own = requestFields({
      client_id,
      redirect_uri: redirect_uris[0],
      scope: 'openid profile',
    });
    const push = (fields: Fields) => postAs(server, 'storefront_bff', '/oauth2/par', fields);
    expect((await push(own)).status).toBe(201);
    const answer = await push({ ...own, ...changes });
    expect([answer.status, answer.json.error]).toEqual([400, 'invalid_request']);
    expect(answer.json.error_description).toBe(SAID);
  });

  test('is refused from devices and desks', async () => {
    const claims = '{"userinfo":{"name":{"value":"\\u0000"}}}';
    const device = { client_id: TILL, scope: 'openid profile', claims };
    const till = await post(server, '/oauth2/device_authorization', device);
    expect([till.status, till.json.error_description]).toEqual([400, SAID]);
    const asking = { scope: 'openid profile', login_hint: 'mara@demo-shop.example', claims };
    const desk = await postAs(server, 'telephone_desk', ENDPOINT, asking);
    expect([desk.status, desk.json.error_description]).toEqual([400, SAID]);
  });

  test('ends no log-out with a fault of ours', async () => {
    const leaving = {
      client_id: 'demo-storefront',
      post_logout_redirect_uri: 'http://localhost:4000/',
      state: NUL,
    };
    const reply = await browser.get(`/oauth2/logout?${encode(leaving)}`);
    expect(reply.status).toBe(400);
  });
});

describe('a registration that cannot be kept', () => {
  const bodies: [string, string][] = [
    ['a NUL', '"software_id":"\\u0000"'],
    ['a NUL in an address', '"client_uri":"https://a.example/\\u0000"'],
    ['a NUL in a key', '"jwks":{"keys":[{"kty":"EC","kid":"\\u0000"}]}'],
    ['half a letter', '"client_name":"x\\ud800"'],
    ['a NUL in a name', '"\\u0000":"x"'],
    ['half a letter, of the other kind', '"software_version":"\\udc00"'],
  ];

  test.each(bodies)(
    'is refused with %s, spends nothing and changes nothing',
    async (_what, one) => {
      const { id, token } = await initialToken(server);
      const text = `{"redirect_uris":["https://partner.example/cb"],${one}}`;
      const answer = await registerAt(server, token, text);
      expect([answer.status, answer.json.error]).toEqual([400, 'invalid_client_metadata']);
      const made = await registerAt(server, token, GOOD);
      const { uri, access } = managementOf(made);
      const own = `{"client_id":"${made.json.client_id}",${text.slice(1)}`;
      const put = await sendMetadata(uri, access, own, { method: 'PUT' });
      expect([put.status, put.json.error]).toEqual([400, 'invalid_client_metadata']);
      const rows = await database.query(
        'SELECT clients, window_clients FROM registration_tokens WHERE id = $1',
        [id],
      );
      expect(rows).toEqual([{ clients: 1, window_clients: 1 }]);
    },
  );

  test('a letter of two halves is one', async () => {
    const { token } = await initialToken(server);
    const answer = await registerAt(server, token, { ...GOOD, client_name: 'Möbel 🛋️' });
    expect([answer.status, answer.json.client_name]).toEqual([201, 'Möbel 🛋️']);
  });

  test('nor can one that is not in the encoding it says', async () => {
    const { token } = await initialToken(server);
    const made = await registerAt(server, token, GOOD);
    const { uri, access } = managementOf(made);
    for (const [method, at, value] of [
      ['POST', `${server.issuer}/oauth2/register`, token],
      ['PUT', uri, access],
    ] as const) {
      const headers = {
        authorization: `Bearer ${value}`,
        'content-type': 'application/json',
        'content-encoding': 'gzip',
      };
      const cut = gzipSync(JSON.stringify(GOOD)).subarray(0, 20);
      for (const body of ['x', cut]) {
        const { status } = await fetch(at, { method, headers, body });
        expect([method, status]).toEqual([method, 400]);
      }
    }
  });
});

test('nothing of this was a fault of ours', () => {
  expect(server.output()).not.toMatch(/"level":"error"/);
});
