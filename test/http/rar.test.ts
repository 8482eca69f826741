/**
 * Payments as rich authorization requests (RFC 9396): asked for by clients that are registered for
 * them, approved by a person each time, told to the API they are for, and renewed by nobody.
 */
import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Operator, openOperator } from '../support/operator.js';
import {
  basic,
  CATALOG,
  type Database,
  encode,
  type Fields,
  ORDERS,
  openDatabase,
  PROOF,
  post,
  postAs,
  redemption,
  register,
  requestFields,
  wire,
} from '../support/protocol.js';
import { CALM, startServer, type TestServer } from '../support/server.js';
import {
  authorizationRequest,
  type Browser,
  demoClient,
  follow,
  hiddenField,
  openBrowser,
  type Reply,
  submitLogin,
} from '../support/shopper.js';
import {
  discoveryOf,
  jwtBy,
  newSigner,
  type Signer,
  seconds,
  signing,
} from '../support/signers.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const CALLBACK = 'http://localhost:4000/callback';
const BANK_CALLBACK = 'https://bank-till.example/callback';
const JWT_API = 'https://api.demo-shop.example/ledger';
const PAYS = { authorization_details_types: ['payment_initiation'] };

const payment = (changes: Record<string, unknown> = {}) => ({
  type: 'payment_initiation',
  locations: [ORDERS],
  instructedAmount: { currency: 'EUR', amount: '1249.90' },
  order: 'AO-4711',
  creditorName: 'Alder & <Oak>',
  ...changes,
});
const costing = (amount: string, currency = 'EUR') =>
  payment({ instructedAmount: { currency, amount } });

let server: TestServer;
let operator: Operator;
let database: Database;
let signer: Signer;
let partner: { client_id: string; client_secret: string };

beforeAll(async () => {
  server = await startServer({ env: CALM });
  operator = openOperator(server);
  database = await openDatabase(server);
  signer = await newSigner();
  const jwtApi = ['resource-servers', 'create', JWT_API, '--name', 'Ledger', '--jwt'];
  const made = await operator.run(...jwtApi, '--scope', 'ledger:read=Read it');
  if (made.code !== 0) throw new Error(made.stderr);
  const own = ['--first-party', '--redirect-uri', CALLBACK, '--scope', 'openid offline_access'];
  const allow = ['--allow', `${ORDERS}=orders:read`, '--allow', `${CATALOG}=catalog:read`];
  const reads = [...allow, '--allow', `${JWT_API}=ledger:read`];
  const open = [...own, ...reads, '--auth', 'none'];
  await operator.register('till', [...open, ...signing({ metadata: PAYS })]);
  await operator.register('no-till', open);
  const signs = { ...PAYS, request_object_signing_alg: 'ES256' };
  await operator.register('signing-till', [...open, ...signing({ signer, metadata: signs })]);
  partner = await operator.register('partner', [
    ...['--redirect-uri', CALLBACK, '--scope', 'openid', '--auth', 'client_secret_basic'],
    ...['--allow', `${ORDERS}=orders:read`],
    ...signing({ metadata: PAYS }),
  ]);
  await operator.register('bank-till', [
    ...['--profile', 'fapi2', '--auth', 'private_key_jwt', '--require-par', '--dpop'],
    ...['--first-party', '--redirect-uri', BANK_CALLBACK, '--scope', 'openid'],
    ...['--allow', `${ORDERS}=orders:read`],
    ...signing({ signer, metadata: PAYS }),
  ]);
});
afterAll(async () => {
  await database.close();
  await operator.close();
  await server.stop();
});

const asking = (details: unknown, changes: Fields = {}): Fields =>
  requestFields({
    client_id: 'till',
    scope: 'openid orders:read',
    resource: ORDERS,
    authorization_details: typeof details === 'string' ? details : JSON.stringify([details].flat()),
    ...changes,
  });
const urlOf = (fields: Fields) => `/oauth2/authorize?${encode(fields)}`;

/** Goes to the page on which a payment is approved, logging in where asked. */
async function toPage(fields: Fields, browser = openBrowser(server)) {
  return { browser, page: await visit(browser, urlOf(fields)) };
}
async function visit(browser: Browser, url: string): Promise<Reply> {
  const user = server.demo.users.shopper as { email: string; password: string };
  let page = await follow(browser, server, await browser.get(url));
  if (page.body.includes('name="password"')) {
    page = await follow(browser, server, await submitLogin(browser, page, user));
  }
  return page;
}
const press = (browser: Browser, page: Reply, button: 'consent' | 'cancel' = 'consent') =>
  browser.post(page.body.match(new RegExp(`action="([^"]*/${button})"`))?.[1] ?? '', {
    csrf: hiddenField(page.body, 'csrf'),
  });
const toldTo = (reply: Reply) =>
  Object.fromEntries(new URL(reply.location ?? 'none:').searchParams) as Record<string, string>;

async function codeFor(fields: Fields, browser?: Browser): Promise<string> {
  const at = await toPage(fields, browser);
  const told = toldTo(await follow(at.browser, server, await press(at.browser, at.page)));
  if (!told.code) throw new Error(`no code: ${JSON.stringify(told)} ${at.page.body}`);
  return told.code;
}
const redeem = (code: string, changes: Fields = {}) =>
  post(server, '/oauth2/token', redemption(code, { client_id: 'till', ...changes }));

/** Until several wait for a lock and no more join them; the server gives up after a second. */
async function everybodyWaits(): Promise<void> {
  // The connection that holds the lock would see the same picture of it all the time.
  const onlooker = await openDatabase(server);
  for (let [before, now] = [0, 0]; now < 2 || now !== before; ) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const [row] = await onlooker.query(
      `SELECT count(*)::int AS waiting FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    [before, now] = [now, Number(row?.waiting)];
  }
  await onlooker.close();
}

async function tell(as: string, token: unknown): Promise<Record<string, unknown>> {
  return (await postAs(server, as, '/oauth2/introspect', { token: String(token) })).json;
}

describe('a payment of the shop’s own application', () => {
  test('is shown with amount, order and creditor, and nothing else is asked', async () => {
    const { page } = await toPage(asking(payment()));
    expect(page.status).toBe(200);
    expect(page.body).toContain('<bdi>€1,249.90</bdi>');
    expect(page.body).toContain('<bdi>AO-4711</bdi>');
    expect(page.body).toContain('<bdi>Alder &amp; &lt;Oak&gt;</bdi>');
    expect(page.body).not.toContain('See your orders');
  });

  test.each([
    ['de', '1.249,90 €'],
    ['fr', '1 249,90 €'],
    ['es', '1249,90 €'],
    ['ja', '€1,249.90'],
  ])('in %s as %s', async (language, amount) => {
    const { page } = await toPage(asking(payment(), { ui_locales: language }));
    expect(page.body.replace(/[\u00a0\u202f]/g, ' ')).toContain(`<bdi>${amount}</bdi>`);
  });

  test('reaches openid-client, and the API it is for through introspection', async () => {
    const config = await oidc.discovery(
      new URL(server.issuer),
      'till',
      { id_token_signed_response_alg: 'ES256' },
      oidc.None(),
      { execute: [oidc.allowInsecureRequests] },
    );
    const pending = await authorizationRequest(
      { config, redirectUri: CALLBACK },
      {
        scope: 'openid orders:read',
        resource: ORDERS,
        authorization_details: JSON.stringify([payment()]),
      },
    );
    const browser = openBrowser(server);
    const page = await visit(browser, pending.url.href);
    const reply = await follow(browser, server, await press(browser, page));
    const tokens = await oidc.authorizationCodeGrant(
      config,
      new URL(reply.location ?? ''),
      pending.checks,
      { resource: ORDERS },
    );
    expect(tokens.authorization_details).toEqual([payment()]);
    const told = await tell('orders_api', tokens.access_token);
    expect(told).toMatchObject({ active: true, scope: 'orders:read', aud: ORDERS });
    expect(told.authorization_details).toEqual([payment()]);
    // Another API learns nothing of it.
    expect(await tell('catalog_api', tokens.access_token)).toEqual({ active: false });
  });

  test('stands in a JWT for an API that takes them', async () => {
    const detail = payment({ locations: [JWT_API] });
    const code = await codeFor(asking(detail, { scope: 'openid ledger:read', resource: JWT_API }));
    const { json } = await redeem(code, { resource: JWT_API });
    expect(decodeJwt(String(json.access_token)).authorization_details).toEqual([detail]);
  });

  test('reaches an API behind a gateway, of an opaque token and of a JWT, in ASCII', async () => {
    const gateway = await register(server, 'ledger-gateway', ['--audience', JWT_API]);
    const asked = async (authorization: string, token: unknown) => {
      const { status, headers } = await wire(server.port, {
        method: 'GET',
        path: '/oauth2/verify',
        headers: {
          host: 'latchkey.internal',
          'x-gateway-authorization': authorization,
          authorization: `Bearer ${token}`,
        },
      });
      expect(status).toBe(200);
      const told = String(headers['x-auth-authorization-details']);
      expect(told).toMatch(/^[\x20-\x7e]+$/);
      return JSON.parse(told);
    };
    const opaque = payment({ creditorName: 'Käse & Söhne' });
    const { json } = await redeem(await codeFor(asking(opaque)), { resource: ORDERS });
    const orders = basic(demoClient(server, 'orders_api'));
    expect(await asked(orders, json.access_token)).toEqual([opaque]);

    const signed = payment({ creditorName: 'Käse & Söhne', locations: [JWT_API] });
    const code = await codeFor(asking(signed, { scope: 'openid ledger:read', resource: JWT_API }));
    const jwt = (await redeem(code, { resource: JWT_API })).json.access_token;
    expect(await asked(basic(gateway), jwt)).toEqual([signed]);
  });

  test('is in no token for another API, nor for userinfo', async () => {
    const scope = 'openid orders:read catalog:read';
    const fields = asking(payment(), { scope, resource: [ORDERS, CATALOG] });
    const { json } = await redeem(await codeFor(fields), { resource: CATALOG });
    expect(json.access_token).toBeTypeOf('string');
    expect(json).not.toHaveProperty('authorization_details');
    expect(await tell('catalog_api', json.access_token)).not.toHaveProperty(
      'authorization_details',
    );
  });

  test('can be named once more where the code is redeemed, but not be another one', async () => {
    const named = { resource: ORDERS, authorization_details: JSON.stringify([payment()]) };
    const same = await redeem(await codeFor(asking(payment())), named);
    expect(same.json.authorization_details).toEqual([payment()]);
    const other = { ...named, authorization_details: JSON.stringify([costing('1249.91')]) };
    const more = await redeem(await codeFor(asking(payment())), other);
    expect([more.status, more.json.error]).toEqual([400, 'invalid_authorization_details']);
  });

  test('that is refused gives access_denied', async () => {
    const { browser, page } = await toPage(asking(payment()));
    const reply = await follow(browser, server, await press(browser, page, 'cancel'));
    expect(toldTo(reply).error).toBe('access_denied');
  });
});

describe('an approval', () => {
  test('is never remembered: the same payment, and another amount, are asked for again', async () => {
    const browser = openBrowser(server);
    await codeFor(asking(payment()), browser);
    for (const detail of [payment(), costing('1249.91')]) {
      const { page } = await toPage(asking(detail), browser);
      expect(page.body).toContain('/consent"');
    }
    // What it came with is granted already, and needs no page.
    const plain = asking([], { authorization_details: undefined });
    expect(toldTo((await toPage(plain, browser)).page).code).toBeTypeOf('string');
  });

  test('cannot be had without a page', async () => {
    const browser = openBrowser(server);
    await codeFor(asking(payment()), browser);
    const reply = await browser.get(urlOf(asking(payment(), { prompt: 'none' })));
    expect(toldTo(reply).error).toBe('consent_required');
  });

  test('is for one request: two at once in one browser do not mix', async () => {
    const browser = openBrowser(server);
    await codeFor(asking(payment()), browser);
    const amounts = ['1.01', '2.02', '3.03'];
    const pages: Reply[] = [];
    for (const amount of amounts) {
      pages.push((await toPage(asking(costing(amount)), browser)).page);
    }
    // Approved in another order than asked, each in its own time.
    const order = [2, 0, 1];
    for (const at of order) {
      const reply = await follow(browser, server, await press(browser, pages[at] as Reply));
      const { json } = await redeem(toldTo(reply).code ?? '', { resource: ORDERS });
      expect(json.authorization_details).toEqual([costing(amounts[at] as string)]);
    }
  });

  test('makes one code, however often it is sent at once', async () => {
    const browser = openBrowser(server);
    const { page } = await toPage(asking(costing('77.00')), browser);
    const sent = await press(browser, page);
    // All of them find the interaction before one of them can remove it.
    await database.query('BEGIN');
    await database.query(`SELECT 1 FROM artifacts WHERE kind = 'Interaction' FOR UPDATE`);
    const racing = Promise.all(Array.from({ length: 6 }, () => browser.get(sent.location ?? '')));
    await everybodyWaits();
    await database.query('COMMIT');
    const replies = await racing;
    const codes = replies.filter((reply) => reply.location && toldTo(reply).code);
    expect(codes).toHaveLength(1);
  });

  test('is recorded with what was paid, and shown to its owner', async () => {
    const order = `AO-${Date.now()}`;
    const browser = openBrowser(server);
    await codeFor(asking(payment({ order })), browser);
    const rows = await database.query(
      `SELECT event, result, client_id, details FROM audit_events WHERE details->>'order' = $1`,
      [order],
    );
    expect(rows).toEqual([
      {
        event: 'payment_approved',
        result: 'success',
        client_id: 'till',
        details: { amount: '1249.90', currency: 'EUR', order },
      },
    ]);
    const activity = await visit(browser, '/account/activity');
    expect(activity.body).toContain('You allowed a payment');
  });

  test('lies in no row in clear', async () => {
    const order = `SECRET-${Date.now()}`;
    const fields = asking(payment({ order }), { scope: 'openid orders:read offline_access' });
    const code = await codeFor(fields);
    await redeem(code, { resource: ORDERS });
    await codeFor(fields);
    const rows = await database.query(
      `SELECT kind FROM artifacts WHERE payload::text LIKE '%' || $1 || '%'`,
      [order],
    );
    expect(rows).toEqual([]);
    const sealed = await database.query(
      `SELECT DISTINCT kind FROM artifacts WHERE payload ? 'sealedDetails' ORDER BY kind`,
    );
    // The refresh token has nothing to seal.
    expect(sealed.map(({ kind }) => kind)).toEqual(['AccessToken', 'AuthorizationCode']);
  });
});

test('a refreshed token carries no payment', async () => {
  const fields = asking(payment(), { scope: 'openid orders:read offline_access' });
  const first = await redeem(await codeFor(fields), { resource: ORDERS });
  expect(first.json.authorization_details).toEqual([payment()]);
  const refresh = { grant_type: 'refresh_token', client_id: 'till', resource: ORDERS };
  const again = { ...refresh, refresh_token: String(first.json.refresh_token) };
  const asks = { ...again, authorization_details: JSON.stringify([payment()]) };
  expect((await post(server, '/oauth2/token', asks)).json.error).toBe(
    'invalid_authorization_details',
  );
  const next = await post(server, '/oauth2/token', again);
  expect(next.status).toBe(200);
  expect(next.json).not.toHaveProperty('authorization_details');
  const told = await tell('orders_api', next.json.access_token);
  expect(told.active).toBe(true);
  expect(told).not.toHaveProperty('authorization_details');
});

test('a shop of somebody else is asked about both, and again about the payment alone', async () => {
  const browser = openBrowser(server);
  const fields = asking(payment(), { client_id: partner.client_id });
  const { page } = await toPage(fields, browser);
  expect(page.body).toContain('See your orders');
  expect(page.body).toContain('€1,249.90');
  const code = await codeFor(fields, browser);
  const redeemed = redemption(code, { client_id: undefined, resource: ORDERS });
  const tokens = await post(server, '/oauth2/token', redeemed, { authorization: basic(partner) });
  expect(tokens.json.authorization_details).toEqual([payment()]);
  const silent = await browser.get(urlOf({ ...fields, prompt: 'none' }));
  expect(toldTo(silent).error).toBe('consent_required');
});

describe('refused as invalid_authorization_details', () => {
  const eur = (amount: unknown) => payment({ instructedAmount: { currency: 'EUR', amount } });
  const pay = (currency: unknown, amount = '1.00') =>
    payment({ instructedAmount: { currency, amount } });
  const rows: [string, unknown, Fields?][] = [
    ['no JSON', '{'],
    ['an object', JSON.stringify(payment())],
    ['a list of texts', '["payment_initiation"]'],
    ['another type', payment({ type: 'account_information' })],
    ['a type of every object', payment({ type: 'toString' })],
    ['no type', payment({ type: undefined })],
    ['two payments', [payment(), payment()]],
    ['an unknown member', payment({ remark: 'x' })],
    ['a member that JavaScript knows', `[{"__proto__":{},${JSON.stringify(payment()).slice(1)}]`],
    [
      'an unknown member of the amount',
      payment({ instructedAmount: { currency: 'EUR', amount: '1.00', tip: '1' } }),
    ],
    ['no amount', payment({ instructedAmount: undefined })],
    ['a number', eur(12.9)],
    ['nothing to pay', eur('0.00')],
    ['less than nothing', eur('-1.00')],
    ['a plus', eur('+1.00')],
    ['an exponent', eur('1e3')],
    ['a leading zero', eur('01.00')],
    ['a comma', eur('1,00')],
    ['grouping', eur('1 000.00')],
    ['other digits', eur('١.٠٠')],
    ['a line end', eur('1.00\n')],
    ['too few decimals', eur('1.0')],
    ['no decimals', eur('1')],
    ['too many decimals', eur('1.000')],
    ['decimals where there are none', pay('JPY', '100.00')],
    ['two decimals where there are three', pay('KWD')],
    ['a thousand millions', eur('1000000000.00')],
    ['no such currency', pay('ABC')],
    ['a currency in small letters', pay('eur')],
    ['no currency at all', pay('XXX')],
    ['no order', payment({ order: undefined })],
    ['an empty order', payment({ order: '' })],
    ['a long order', payment({ order: 'x'.repeat(65) })],
    ['a blank order', payment({ order: ' ' })],
    ['an order on two lines', payment({ order: 'a\nb' })],
    ['an order in other letters', payment({ order: 'bestellüng' })],
    ['an empty creditor', payment({ creditorName: '' })],
    ['a long creditor', payment({ creditorName: 'x'.repeat(71) })],
    ['a creditor that turns the line', payment({ creditorName: 'abc\u202e90.1€' })],
    ['a creditor that is not seen', payment({ creditorName: '\u200b' })],
    ['a creditor of blanks', payment({ creditorName: '  ' })],
    ['no location', payment({ locations: undefined })],
    ['two locations', payment({ locations: [ORDERS, CATALOG] })],
    ['a location that is not asked for', payment({ locations: [CATALOG] })],
    ['no resource', payment(), { resource: undefined }],
    ['another action', payment({ actions: ['cancel'] })],
    ['an unregistered client', payment(), { client_id: 'no-till' }],
  ];
  test.each(rows)('%s', async (_what, details, changes) => {
    const reply = await openBrowser(server).get(urlOf(asking(details, changes)));
    expect(toldTo(reply)).toMatchObject({ error: 'invalid_authorization_details', state: 'st' });
  });

  test.each([
    ['JPY', '128000', '<bdi>JP¥128,000</bdi>'],
    ['KWD', '0.001', '<bdi>KWD 0.001</bdi>'],
    ['HUF', '1290.50', '<bdi>HUF 1,290.50</bdi>'],
    ['EUR', '999999999.99', '<bdi>€999,999,999.99</bdi>'],
  ])('but not %s %s, which is shown to the last digit', async (currency, amount, shown) => {
    const { page } = await toPage(asking(costing(amount, currency)));
    expect(page.body.replace(/\u00a0/g, ' ')).toContain(shown);
  });

  test('a device, whose code may be a stranger’s, and a machine', async () => {
    const details = { authorization_details: JSON.stringify([payment()]), resource: ORDERS };
    const device = { client_id: 'demo-pos-terminal', scope: 'openid', ...details };
    const asked = await post(server, '/oauth2/device_authorization', device);
    expect([asked.status, asked.json.error]).toEqual([400, 'invalid_authorization_details']);
    const machine = { grant_type: 'client_credentials', ...details };
    const got = await postAs(server, 'automation', '/oauth2/token', machine);
    expect([got.status, got.json.error]).toEqual([400, 'invalid_authorization_details']);
  });

  test('a type that is not known is not registered either', async () => {
    const types = { authorization_details_types: ['account_information'] };
    const args = ['clients', 'create', 'odd-till', '--name', 'Odd', '--auth', 'none'];
    const redirect = ['--redirect-uri', CALLBACK, '--scope', 'openid'];
    const done = await operator.run(...args, ...redirect, ...signing({ metadata: types }));
    expect(done.code).not.toBe(0);
    expect(done.stderr).toContain('authorization_details_types');
  });
});

test('discovery names the type', async () => {
  const { authorization_details_types_supported: types } = await discoveryOf(server);
  expect(types).toEqual(['payment_initiation']);
});

describe('the other ways to ask', () => {
  const tokensOf = async (fields: Fields, clientId: string) => {
    const browser = openBrowser(server);
    const code = await codeFor(fields, browser);
    return redeem(code, { client_id: clientId, resource: ORDERS });
  };

  test('pushed, where faults are told at once', async () => {
    const pushed = await post(server, '/oauth2/par', asking(payment()));
    expect(pushed.status).toBe(201);
    const fields = { client_id: 'till', request_uri: String(pushed.json.request_uri) };
    const { json } = await tokensOf(fields, 'till');
    expect(json.authorization_details).toEqual([payment()]);
    const refused = await post(server, '/oauth2/par', asking(costing('0.00')));
    expect([refused.status, refused.json.error]).toEqual([400, 'invalid_authorization_details']);
  });

  test('signed', async () => {
    const { client_id: _id, ...plain } = asking([]) as Record<string, string>;
    const request = await jwtBy(signer, {
      ...plain,
      ...{ iss: 'signing-till', aud: server.issuer, client_id: 'signing-till' },
      ...{ iat: seconds(), nbf: seconds(), exp: seconds(60), jti: crypto.randomUUID() },
      authorization_details: [payment()],
    });
    const fields = { client_id: 'signing-till', request };
    const { json } = await tokensOf(fields, 'signing-till');
    expect(json.authorization_details).toEqual([payment()]);
  });

  test('by a FAPI 2.0 client', async () => {
    const config = await oidc.discovery(
      new URL(server.issuer),
      'bank-till',
      { id_token_signed_response_alg: 'ES256' },
      oidc.PrivateKeyJwt({ key: signer.key, kid: signer.kid }),
      { execute: [oidc.allowInsecureRequests] },
    );
    const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
    const url = await oidc.buildAuthorizationUrlWithPAR(
      config,
      {
        redirect_uri: BANK_CALLBACK,
        scope: 'openid orders:read',
        resource: ORDERS,
        code_challenge: PROOF.challenge,
        code_challenge_method: 'S256',
        authorization_details: JSON.stringify([payment()]),
      },
      { DPoP },
    );
    const browser = openBrowser(server);
    const page = await visit(browser, url.href);
    const reply = await follow(browser, server, await press(browser, page));
    const tokens = await oidc.authorizationCodeGrant(
      config,
      new URL(reply.location ?? ''),
      { pkceCodeVerifier: PROOF.verifier },
      { resource: ORDERS },
      { DPoP },
    );
    expect(tokens.authorization_details).toEqual([payment()]);
    expect(await tell('orders_api', tokens.access_token)).toMatchObject({
      active: true,
      authorization_details: [payment()],
    });
  });
});
