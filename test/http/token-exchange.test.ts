/** A service goes on with what a shopper let an application do (RFC 8693): how far, and how long. */
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ownerAt } from '../support/account.js';
import {
  ACCESS,
  addApi,
  allow,
  askedOf,
  createProver,
  EXCHANGE,
  endedOn,
  exchange,
  faultOf,
  type Secretive,
  seenBy,
  TYPE,
} from '../support/exchange.js';
import {
  ADMIN,
  age,
  authorizeUrl,
  basic,
  CATALOG,
  command,
  type Fields,
  ORDERS,
  post,
  redemption,
} from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { adminToken, clientFor, demoClient, openBrowser } from '../support/shopper.js';
import { openPeople, type People, type Person } from '../support/sign-in.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const PAYMENTS = 'https://api.demo-shop.example/payments';
const LEDGER = 'https://api.demo-shop.example/ledger';
const ARCHIVE = 'https://api.demo-shop.example/archive';
const EVERYWHERE = [ORDERS, CATALOG, PAYMENTS, LEDGER, ARCHIVE];
const SCOPE =
  'openid orders:read cart:write catalog:read payments:read payments:pay ledger:read archive:read';

let server: TestServer;
let other: TestServer;
let people: People;
let orders: Secretive;
let payments: Secretive;
let ledger: Secretive;
let archive: Secretive;
/** The API whose tokens are JWTs, behind a gateway. */
let catalog: Secretive;
let admin: string;

beforeAll(async () => {
  const calm = { LATCHKEY_RATE_LIMITS: 'off', LATCHKEY_BOT_CHALLENGE: 'off' };
  server = await startServer({ env: calm });
  other = await startServer({ like: server, env: { ...calm, LATCHKEY_ISSUER: server.issuer } });
  people = await openPeople(server);
  orders = demoClient(server, 'orders_api');
  catalog = demoClient(server, 'catalog_api');
  payments = await addApi(people, {
    indicator: PAYMENTS,
    speaker: 'payments-api',
    scopes: [
      { name: 'payments:read' },
      { name: 'payments:pay', requiredAcr: 'urn:latchkey:acr:2' },
      { name: 'payments:refund' },
      { name: 'payments:recent', maxAgeSeconds: 300 },
    ],
  });
  ledger = await addApi(people, {
    indicator: LEDGER,
    speaker: 'ledger-api',
    scopes: [{ name: 'ledger:read' }],
    ttl: 60,
  });
  archive = await addApi(people, {
    indicator: ARCHIVE,
    speaker: 'archive-api',
    scopes: [{ name: 'archive:read' }],
  });
  const paying = ['payments:read', 'payments:pay', 'payments:refund', 'payments:recent'];
  await allow(people, 'demo-storefront', PAYMENTS, paying);
  await allow(people, 'demo-storefront', LEDGER, ['ledger:read']);
  await allow(people, 'demo-storefront', ARCHIVE, ['archive:read']);
  await allow(people, orders.client_id, PAYMENTS, paying);
  await allow(people, orders.client_id, ORDERS, ['orders:read', 'orders:write', 'cart:write']);
  await allow(people, payments.client_id, LEDGER, ['ledger:read']);
  await allow(people, payments.client_id, CATALOG, ['catalog:read']);
  await allow(people, ledger.client_id, ARCHIVE, ['archive:read']);
  await allow(people, archive.client_id, LEDGER, ['ledger:read']);
  admin = await adminToken(server);
}, 120_000);
afterAll(async () => {
  await people?.close();
  await other?.stop();
  await server?.stop();
});

/** A shopper who has signed in at the storefront, and what it holds: for orders, unless changed. */
async function shopperAt(changes: Fields = {}, redeemed: Fields = {}, known?: Person) {
  const person = known ?? (await people.add());
  const browser = openBrowser(server);
  const owner = ownerAt(server, people, browser, person);
  const scope = SCOPE.replace(' payments:pay', '');
  const url = authorizeUrl({ scope, resource: EVERYWHERE, ...changes });
  const reply = await owner.answer(await browser.get(url));
  const code = new URL(reply.location ?? '').searchParams.get('code') ?? '';
  const fields = redemption(code, { resource: ORDERS, ...redeemed });
  const { json, text } = await post(server, '/oauth2/token', fields);
  if (typeof json.access_token !== 'string') throw new Error(text);
  return {
    person,
    owner,
    browser,
    access: json.access_token,
    refresh: String(json.refresh_token),
    idToken: String(json.id_token),
  };
}

const asked = (token: string, changes: Fields = {}): Fields => ({
  subject_token: token,
  subject_token_type: ACCESS,
  resource: PAYMENTS,
  ...changes,
});
const exchanged = async (client: Secretive, fields: Fields) => {
  const answer = await exchange(server, client, fields);
  if (typeof answer.json.access_token !== 'string') throw new Error(answer.text);
  return { token: answer.json.access_token, json: answer.json };
};

describe('an API goes on to another one', () => {
  test('with openid-client, and gets a JWT that says for whom and by whom', async () => {
    const { access, person } = await shopperAt();
    const { config } = await clientFor(server, orders);
    const grants = config.serverMetadata().grant_types_supported;
    expect(grants).toContain(EXCHANGE);
    const answer = await oidc.genericGrantRequest(config, EXCHANGE, {
      subject_token: access,
      subject_token_type: ACCESS,
      resource: CATALOG,
    });
    expect(answer).toMatchObject({
      issued_token_type: ACCESS,
      token_type: 'bearer',
      scope: 'catalog:read',
    });
    expect(answer).not.toHaveProperty('refresh_token');
    expect(answer).not.toHaveProperty('id_token');
    expect(answer.expires_in).toBeLessThanOrEqual(300);
    const jwks = createRemoteJWKSet(new URL(`${server.issuer}/oauth2/jwks`));
    const { payload } = await jwtVerify(answer.access_token, jwks, {
      issuer: server.issuer,
      audience: CATALOG,
      typ: 'at+jwt',
    });
    expect(payload).toMatchObject({
      sub: person.id,
      client_id: 'demo-orders-api',
      scope: 'catalog:read',
      act: { client_id: 'demo-orders-api' },
      acr: 'urn:latchkey:acr:1',
      amr: ['pwd'],
    });
    expect(payload.auth_time).toBeTypeOf('number');
  });

  test('with oauth4webapi, and the next API is told the same by introspection', async () => {
    const { access, person } = await shopperAt();
    const insecure = { [oauth.allowInsecureRequests]: true };
    const issuer = new URL(server.issuer);
    const as = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, insecure),
    );
    const client = { client_id: orders.client_id };
    const response = await oauth.genericTokenEndpointRequest(
      as,
      client,
      oauth.ClientSecretBasic(orders.client_secret),
      EXCHANGE,
      {
        subject_token: access,
        subject_token_type: ACCESS,
        audience: PAYMENTS,
        scope: 'payments:read',
      },
      insecure,
    );
    expect(response.headers.get('cache-control')).toBe('no-store');
    const answer = await oauth.processGenericTokenEndpointResponse(as, client, response);
    expect(answer.issued_token_type).toBe(ACCESS);
    const seen = await seenBy(server, payments, answer.access_token);
    expect(seen).toMatchObject({
      active: true,
      sub: person.id,
      client_id: 'demo-orders-api',
      aud: PAYMENTS,
      scope: 'payments:read',
      act: { client_id: 'demo-orders-api' },
      acr: 'urn:latchkey:acr:1',
      token_type: 'Bearer',
    });
  });

  test('a chain names every service, the last one first, and ends at the third', async () => {
    const { access } = await shopperAt();
    const first = await exchanged(orders, asked(access, { scope: 'payments:read' }));
    const second = await exchanged(payments, asked(first.token, { resource: LEDGER }));
    const third = await exchanged(ledger, asked(second.token, { resource: ARCHIVE }));
    expect(await seenBy(server, archive, third.token)).toMatchObject({
      scope: 'archive:read',
      client_id: 'ledger-api',
      act: {
        client_id: 'ledger-api',
        act: { client_id: 'payments-api', act: { client_id: 'demo-orders-api' } },
      },
    });
    const fourth = await exchange(server, archive, asked(third.token, { resource: LEDGER }));
    expect(faultOf(fourth)).toEqual({ status: 400, error: 'invalid_request' });
    expect(fourth.json.error_description).toContain('too often');
  });

  test('it lives no longer than the API says, nor than the token it was made from', async () => {
    const { access } = await shopperAt();
    const first = await exchanged(orders, asked(access, { scope: 'payments:read' }));
    expect(
      (await exchanged(payments, asked(first.token, { resource: LEDGER }))).json.expires_in,
    ).toBe(60);
    const soon = Math.floor(Date.now() / 1000) + 30;
    await people.query(
      `UPDATE artifacts SET expires_at = to_timestamp($2),
              payload = jsonb_set(payload, '{exp}', to_jsonb($2::int))
        WHERE id_hash = sha256($1::text::bytea)`,
      [access, soon],
    );
    const { json } = await exchanged(orders, asked(access));
    expect(json.expires_in).toBeLessThanOrEqual(30);
    expect(json.expires_in).toBeGreaterThan(20);
  });

  test('without a scope it gets what both sides allow, and can narrow its own token', async () => {
    const { access } = await shopperAt();
    const all = await exchanged(orders, asked(access));
    // Neither what needs a stronger log-in nor what the storefront did not ask for.
    expect(all.json.scope).toBe('payments:read');
    const narrowed = await exchanged(
      orders,
      asked(access, { resource: ORDERS, scope: 'cart:write' }),
    );
    expect(await seenBy(server, orders, narrowed.token)).toMatchObject({ scope: 'cart:write' });
    const wider = await exchange(
      server,
      orders,
      asked(narrowed.token, { resource: ORDERS, scope: 'orders:read' }),
    );
    expect(faultOf(wider)).toEqual({ status: 400, error: 'invalid_scope' });
  });

  test('nothing of it is in the list of applications, and it opens neither account nor userinfo', async () => {
    const { access, person } = await shopperAt();
    const { token } = await exchanged(orders, asked(access));
    const bearer = { headers: { authorization: `Bearer ${token}` } };
    expect((await fetch(`${server.issuer}/oauth2/userinfo`, bearer)).status).toBe(403);
    expect((await fetch(`${server.issuer}/account/api/v1/me`, bearer)).status).toBe(401);
    const revocation = `${server.issuer}/admin/api/v1/users/${person.id}/revocations`;
    expect((await fetch(revocation, { ...bearer, method: 'POST' })).status).toBe(403);
    const listed = await people.domain.grants.listGrants(person.id);
    expect(listed.map(({ clientId }) => clientId)).toEqual(['demo-storefront']);
  });
});

describe('what is refused', () => {
  test('targets, scopes and shapes', async () => {
    const { access } = await shopperAt();
    const tries: [string, Fields, string][] = [
      ['no subject token', { subject_token: undefined }, 'invalid_request'],
      ['no type', { subject_token_type: undefined }, 'invalid_request'],
      ['an unknown type', { subject_token_type: `${TYPE}saml2` }, 'invalid_request'],
      ['as a refresh token', { subject_token_type: `${TYPE}refresh_token` }, 'invalid_request'],
      ['as an ID token', { subject_token_type: `${TYPE}id_token` }, 'invalid_request'],
      ['as a JWT', { subject_token_type: `${TYPE}jwt` }, 'invalid_request'],
      ['for a refresh token', { requested_token_type: `${TYPE}refresh_token` }, 'invalid_request'],
      ['for an ID token', { requested_token_type: `${TYPE}id_token` }, 'invalid_request'],
      ['with an actor', { actor_token: access, actor_token_type: ACCESS }, 'invalid_request'],
      ['the same twice', { subject_token: [access, access] }, 'invalid_request'],
      ['no target', { resource: undefined }, 'invalid_target'],
      ['an empty target', { resource: '' }, 'invalid_target'],
      ['two targets', { resource: [PAYMENTS, CATALOG] }, 'invalid_target'],
      ['two that differ', { audience: CATALOG }, 'invalid_target'],
      ['an unknown target', { resource: 'https://nowhere.example/' }, 'invalid_target'],
      ['a target not granted', { resource: LEDGER }, 'invalid_target'],
      ['the administration', { resource: ADMIN, scope: undefined }, 'invalid_target'],
      ['the account', { resource: 'urn:latchkey:account' }, 'invalid_target'],
      [
        'the account, as audience',
        { resource: undefined, audience: 'urn:latchkey:account' },
        'invalid_target',
      ],
      ['more than the person allowed', { scope: 'payments:refund' }, 'invalid_scope'],
      ['more than the client may', { resource: ORDERS, scope: 'orders:write' }, 'invalid_scope'],
      ['a scope of nobody', { scope: 'payments:everything' }, 'invalid_scope'],
      ['a scope of another API', { scope: 'catalog:read' }, 'invalid_scope'],
      ['an identity scope', { scope: 'openid' }, 'invalid_scope'],
      ['an admin scope', { scope: 'users:read' }, 'invalid_scope'],
    ];
    for (const [what, changes, error] of tries) {
      const answer = await exchange(server, orders, asked(access, changes));
      expect([what, faultOf(answer)]).toEqual([what, { status: 400, error }]);
    }
    // The same name twice, and in both parameters, is one target.
    const twice = await exchange(
      server,
      orders,
      asked(access, { resource: [PAYMENTS, PAYMENTS], audience: PAYMENTS }),
    );
    expect(twice.status).toBe(200);
  });

  test('tokens that are not one: all with the same words', async () => {
    const { access, refresh } = await shopperAt({
      scope: `${SCOPE.replace(' payments:pay', '')} offline_access`,
    });
    const forPayments = await shopperAt({}, { resource: PAYMENTS });
    const forUserinfo = await shopperAt(
      { resource: undefined, scope: 'openid email' },
      { resource: undefined },
    );
    const forAccount = await shopperAt(
      { resource: 'urn:latchkey:account', scope: 'openid account:read' },
      { resource: 'urn:latchkey:account' },
    );
    const machine = await post(
      server,
      '/oauth2/token',
      { grant_type: 'client_credentials', resource: ORDERS, scope: 'orders:read' },
      { authorization: basic(demoClient(server, 'automation')) },
    );
    const expired = await shopperAt();
    await age(people, expired.access);
    const revoked = await shopperAt();
    const gone = { token: revoked.access, client_id: 'demo-storefront' };
    expect((await post(server, '/oauth2/revoke', gone)).status).toBe(200);
    const subjects: [string, string, Secretive?][] = [
      ['made up', 'x'.repeat(43)],
      ['a token for another API', forPayments.access],
      ['a token for userinfo', forUserinfo.access],
      ['a token for the account', forAccount.access],
      ['a machine’s token', String(machine.json.access_token)],
      ['a refresh token', refresh],
      ['expired', expired.access],
      ['revoked', revoked.access],
      ['at an API that it is not for', access, payments],
    ];
    for (const [what, subject, client = orders] of subjects) {
      const fields = asked(subject, client === payments ? { resource: LEDGER } : {});
      const answer = await exchange(server, client, fields);
      expect([what, answer.status, answer.json]).toEqual([
        what,
        400,
        {
          error: 'invalid_request',
          error_description: 'subject_token is not acceptable',
        },
      ]);
    }
  });

  test('JWTs: nobody could take back what came of them', async () => {
    const { idToken } = await shopperAt();
    const { access: jwt } = await shopperAt({}, { resource: CATALOG });
    expect(decodeJwt(jwt).aud).toBe(CATALOG);
    for (const subject of [idToken, jwt]) {
      const { status, json } = await exchange(server, orders, asked(subject));
      expect([status, json.error]).toEqual([400, 'invalid_request']);
      expect(json.error_description).toContain('only opaque access tokens');
    }
  });

  test('clients that may not: without the grant, without a secret, with a wrong one', async () => {
    const { access } = await shopperAt();
    const bff = demoClient(server, 'storefront_bff');
    expect(faultOf(await exchange(server, bff, asked(access)))).toEqual({
      status: 400,
      error: 'invalid_request',
    });
    const anonymous = { grant_type: EXCHANGE, client_id: orders.client_id, ...asked(access) };
    expect(faultOf(await post(server, '/oauth2/token', anonymous))).toEqual({
      status: 401,
      error: 'invalid_client',
    });
    const wrong = { ...orders, client_secret: 'wrong' };
    expect((await exchange(server, wrong, asked(access))).status).toBe(401);
    const created = await server.cli([
      'clients',
      'create',
      'open-door',
      '--name',
      'Open',
      '--auth',
      'none',
      '--grant-type',
      EXCHANGE,
    ]);
    expect(created.code).not.toBe(0);
    expect(created.stderr).toContain('needs a client that can authenticate');
    // However it came to be registered.
    await people.domain.clients.register({
      id: 'slipped-in',
      name: 'Slipped in',
      authMethod: 'none',
      grantTypes: [EXCHANGE],
    });
    const slipped = { ...anonymous, client_id: 'slipped-in' };
    expect(faultOf(await post(server, '/oauth2/token', slipped))).toEqual({
      status: 400,
      error: 'unauthorized_client',
    });
  });

  test('what asks for a stronger or more recent log-in than there was', async () => {
    const shopper = await people.add({ app: true });
    const scope = `${SCOPE} payments:recent`;
    const strong = await shopperAt({ scope, acr_values: 'urn:latchkey:acr:2' }, {}, shopper);
    const pay = await exchanged(orders, asked(strong.access, { scope: 'payments:pay' }));
    expect(await seenBy(server, payments, pay.token)).toMatchObject({ acr: 'urn:latchkey:acr:2' });
    const recent = asked(strong.access, { scope: 'payments:recent' });
    expect((await exchange(server, orders, recent)).status).toBe(200);
    await strong.owner.grow(301);
    expect(faultOf(await exchange(server, orders, recent))).toEqual({
      status: 400,
      error: 'invalid_scope',
    });
    // The same grant, but the log-in behind the token was one factor: what is allowed is not enough.
    await people.query(
      `UPDATE artifacts SET payload = jsonb_set(payload, '{extra,acr}', '"urn:latchkey:acr:1"')
        WHERE account_id = $1 AND kind = 'AccessToken'`,
      [shopper.id],
    );
    const weak = await exchange(server, orders, asked(strong.access, { scope: 'payments:pay' }));
    expect(faultOf(weak)).toEqual({ status: 400, error: 'invalid_scope' });
    expect(weak.json.error_description).toContain('strong or fresh enough');
  });
});

describe('proof of possession (DPoP)', () => {
  test('what is made is bound to the key of the service that shows one', async () => {
    const { access } = await shopperAt();
    const prove = await createProver(server);
    const dpop = await prove();
    const answer = await exchange(server, orders, asked(access), { dpop });
    expect(answer.json.token_type).toBe('DPoP');
    const seen = await seenBy(server, payments, String(answer.json.access_token));
    expect(seen).toMatchObject({ token_type: 'DPoP', cnf: { jkt: expect.any(String) } });
    const again = await exchange(server, orders, asked(access), { dpop });
    expect([again.status, again.json.access_token]).toEqual([400, undefined]);
    const misplaced = await prove({ htu: `${server.issuer}/oauth2/introspect` });
    expect(faultOf(await exchange(server, orders, asked(access), { dpop: misplaced }))).toEqual({
      status: 400,
      error: 'invalid_dpop_proof',
    });
  });

  test('a bound token is taken from the API that has seen its proof, and from nobody else', async () => {
    const shopper = await people.add();
    const browser = openBrowser(server);
    const owner = ownerAt(server, people, browser, shopper);
    const prove = await createProver(server);
    const bff = demoClient(server, 'storefront_bff');
    await people.query(
      'UPDATE clients SET grant_types = array_append(grant_types, $1) WHERE id = $2',
      [EXCHANGE, bff.client_id],
    );
    const callback = { client_id: bff.client_id, redirect_uri: 'http://localhost:4001/callback' };
    const url = authorizeUrl({
      ...callback,
      scope: 'openid orders:read catalog:read',
      resource: [ORDERS, CATALOG],
    });
    const redeem = async (headers: Record<string, string>) => {
      const reply = await owner.answer(await browser.get(url));
      const code = new URL(reply.location ?? '').searchParams.get('code') ?? '';
      const { json } = await post(
        server,
        '/oauth2/token',
        redemption(code, { ...callback, resource: ORDERS }),
        { authorization: basic(bff), ...headers },
      );
      return json;
    };
    const bound = await redeem({ dpop: await prove() });
    expect(bound.token_type).toBe('DPoP');
    const fields = asked(String(bound.access_token), { resource: CATALOG });
    expect(faultOf(await exchange(server, bff, fields, { dpop: await prove() }))).toEqual({
      status: 400,
      error: 'invalid_request',
    });
    expect((await exchange(server, orders, fields)).status).toBe(200);
    // Its own token that anybody could use, it may exchange.
    const bearer = await redeem({});
    const own = asked(String(bearer.access_token), { resource: CATALOG });
    expect((await exchange(server, bff, own)).status).toBe(200);
  });
});

describe('whatever ends the shopper’s token ends this one, on both nodes within a second', () => {
  const adminPost = (path: string, method: string, body: object) =>
    fetch(server.issuer + path, {
      method,
      headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }).then((response) => expect(response.ok).toBe(true));
  type Shopper = Awaited<ReturnType<typeof shopperAt>>;

  const ways: Record<string, (shopper: Shopper) => Promise<unknown>> = {
    'the shopper signs out': async ({ owner, browser, idToken }) => {
      const page = await browser.get(`/oauth2/logout?id_token_hint=${idToken}`);
      await owner.send(page, 'xsrf', { logout: 'yes' });
    },
    'the storefront takes its token back': ({ access }) =>
      post(server, '/oauth2/revoke', { token: access, client_id: 'demo-storefront' }),
    'the shopper takes the storefront’s access back': ({ person }) =>
      people.domain.grants.endClientOfAccount(person.id, 'demo-storefront'),
    'an administrator ends the sessions': ({ person }) =>
      adminPost(`/admin/api/v1/users/${person.id}/revocations`, 'POST', {
        what: ['sessions'],
        reason: 'a test',
      }),
    'an administrator ends the tokens': ({ person }) =>
      adminPost(`/admin/api/v1/users/${person.id}/revocations`, 'POST', {
        what: ['tokens'],
        reason: 'a test',
      }),
    'the account is disabled': ({ person }) =>
      adminPost(`/admin/api/v1/users/${person.id}`, 'PATCH', {
        status: 'disabled',
        reason: 'a test',
      }),
    'it runs out': ({ access }) => age(people, access),
  };

  for (const [way, end] of Object.entries(ways)) {
    test(`when ${way}, and so does a chain`, async () => {
      const shopper = await shopperAt();
      const first = await exchanged(orders, asked(shopper.access, { scope: 'payments:read' }));
      const second = await exchanged(payments, asked(first.token, { resource: LEDGER }));
      for (const node of [server, other]) {
        expect(await seenBy(node, payments, first.token)).toMatchObject({ active: true });
        expect(await seenBy(node, ledger, second.token)).toMatchObject({ active: true });
      }
      const signed = [
        (await exchanged(orders, asked(shopper.access, { resource: CATALOG }))).token,
        (await exchanged(payments, asked(first.token, { resource: CATALOG }))).token,
      ];
      for (const jwt of signed) {
        for (const node of [server, other]) expect(await askedOf(node, catalog, jwt)).toBe(200);
      }
      await end(shopper);
      // At a gateway with the very next request.
      for (const jwt of signed) {
        for (const node of [server, other]) expect(await askedOf(node, catalog, jwt)).toBe(401);
      }
      expect(await endedOn([server, other], payments, first.token)).toBeLessThan(1_000);
      expect(await endedOn([server, other], ledger, second.token)).toBeLessThan(1_000);
      // Nor does more come of it.
      const more = await exchange(server, payments, asked(first.token, { resource: LEDGER }));
      expect(faultOf(more)).toEqual({ status: 400, error: 'invalid_request' });
    });
  }

  test('a service gives its own token back, and with it what came of that, and no more', async () => {
    const { access } = await shopperAt();
    const first = await exchanged(orders, asked(access, { scope: 'payments:read' }));
    const second = await exchanged(payments, asked(first.token, { resource: LEDGER }));
    const sibling = await exchanged(orders, asked(access, { scope: 'payments:read' }));
    const jwt = await exchanged(payments, asked(first.token, { resource: CATALOG }));
    const beside = await exchanged(orders, asked(access, { resource: CATALOG }));
    const authorization = basic(orders);
    await post(server, '/oauth2/revoke', { token: first.token }, { authorization });
    expect(await seenBy(other, payments, first.token)).toEqual({ active: false });
    expect(await seenBy(other, ledger, second.token)).toEqual({ active: false });
    expect(await askedOf(other, catalog, jwt.token)).toBe(401);
    expect(await askedOf(other, catalog, beside.token)).toBe(200);
    expect(await seenBy(other, payments, sibling.token)).toMatchObject({ active: true });
    expect(await seenBy(other, orders, access)).toMatchObject({ active: true });
  });

  test('when a client of the chain is disabled', async () => {
    const { access } = await shopperAt();
    const first = await exchanged(orders, asked(access, { scope: 'payments:read' }));
    const second = await exchanged(payments, asked(first.token, { resource: LEDGER }));
    const signed = [
      (await exchanged(orders, asked(access, { resource: CATALOG }))).token,
      (await exchanged(payments, asked(first.token, { resource: CATALOG }))).token,
    ];
    await command(server, 'clients', 'disable', orders.client_id, '--reason', 'a test');
    try {
      expect(await endedOn([server, other], payments, first.token)).toBeLessThan(1_000);
      expect(await endedOn([server, other], ledger, second.token)).toBeLessThan(1_000);
      for (const jwt of signed) {
        for (const node of [server, other]) {
          await expect.poll(() => askedOf(node, catalog, jwt)).toBe(401);
        }
      }
    } finally {
      await command(server, 'clients', 'enable', orders.client_id, '--reason', 'a test');
    }
  });
});
