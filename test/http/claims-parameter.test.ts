/**
 * The `claims` parameter (OpenID Connect Core 5.5) asks for the same personal data as scopes do,
 * and gets no further: not past the client's allow-list, and not past the page.
 */
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ownerAt } from '../support/account.js';
import { CIBA, poll as pollApproval, press, waitingPages } from '../support/ciba.js';
import { approve, poll as pollDevice, showCode, typeCode } from '../support/device.js';
import { type Operator, openOperator } from '../support/operator.js';
import {
  authorizeUrl,
  basic,
  type Database,
  type Fields,
  ORDERS,
  openDatabase,
  post,
  redemption,
} from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import {
  type Browser,
  follow,
  hiddenField,
  openBrowser,
  type Reply,
  submitLogin,
} from '../support/shopper.js';
import { browserAt, openPeople, type People } from '../support/sign-in.js';
import {
  discoveryOf,
  jwtBy,
  newSigner,
  type Signer,
  seconds,
  signing,
} from '../support/signers.js';

vi.setConfig({ testTimeout: 40_000, hookTimeout: 60_000 });

const CALLBACK = 'https://partner.example/cb';
const TOLD_OF_EMAIL = 'See your e-mail address';
const TOLD_OF_PROFILE = 'See your name and profile';

/** Everything, and as insistently as one can. */
const EVERYTHING = JSON.stringify({
  userinfo: { email: null, phone_number: null, name: { essential: true } },
  id_token: { email: { essential: true }, given_name: null, acr: null, auth_time: null },
});

let server: TestServer;
let operator: Operator;
let database: Database;
let people: People;
let signer: Signer;
let desk: { client_id: string; client_secret: string };

beforeAll(async () => {
  server = await startServer({
    env: {
      LATCHKEY_RATE_LIMITS: 'off',
      LATCHKEY_BOT_CHALLENGE: 'off',
      LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32',
    },
  });
  operator = openOperator(server);
  database = await openDatabase(server);
  people = await openPeople(server);
  signer = await newSigner();
  const open = ['--redirect-uri', CALLBACK, '--auth', 'none'];
  await operator.register('bounded', [...open, '--scope', 'openid']);
  await operator.register('own-bounded', [...open, '--first-party', '--scope', 'openid']);
  await operator.register('signing-bounded', [
    ...[...open, '--scope', 'openid'],
    ...signing({ signer, metadata: { request_object_signing_alg: 'ES256' } }),
  ]);
  await operator.register('friend', [...open, '--scope', 'openid profile email']);
  await operator.register('own', [...open, '--first-party', '--scope', 'openid profile email']);
  await operator.register('kiosk', [
    ...['--auth', 'none', '--scope', 'openid'],
    ...['--grant-type', 'urn:ietf:params:oauth:grant-type:device_code'],
  ]);
  await operator.register('kiosk-friend', [
    ...['--auth', 'none', '--scope', 'openid email'],
    ...['--grant-type', 'urn:ietf:params:oauth:grant-type:device_code'],
  ]);
  desk = await operator.register('desk', [
    ...['--auth', 'client_secret_basic', '--scope', 'openid profile', '--grant-type', CIBA],
    ...['--allow', `${ORDERS}=orders:read`],
  ]);
});
afterAll(async () => {
  await people?.close();
  await database?.close();
  await operator?.close();
  await server?.stop();
});

const robin = () => server.demo.users.shopper as { email: string; password: string };
const request = (clientId: string, changes: Fields = {}) =>
  authorizeUrl({ client_id: clientId, redirect_uri: CALLBACK, claims: EVERYTHING, ...changes });

/** Goes to the page that asks, or to the client where none does. */
async function open(url: string, browser = openBrowser(server)) {
  let reply = await follow(browser, server, await browser.get(url));
  if (reply.body.includes('name="password"')) {
    reply = await follow(browser, server, await submitLogin(browser, reply, robin()));
  }
  return { browser, reply };
}
const allow = async (browser: Browser, page: Reply) => {
  const action = page.body.match(/action="([^"]*\/consent)"/)?.[1] ?? '';
  const sent = await browser.post(action, { csrf: hiddenField(page.body, 'csrf') });
  return follow(browser, server, sent);
};
async function redeem(clientId: string, reply: Reply) {
  const code = new URL(reply.location ?? 'none:').searchParams.get('code') ?? '';
  const changes = { client_id: clientId, redirect_uri: CALLBACK };
  return told((await post(server, '/oauth2/token', redemption(code, changes))).json);
}
async function userinfo(token: unknown) {
  const response = await fetch(`${server.issuer}/oauth2/userinfo`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return (await response.json()) as Record<string, unknown>;
}
/** What a client has learned by a token response. */
async function told(tokens: Record<string, unknown>) {
  expect(tokens).toMatchObject({ access_token: expect.any(String), id_token: expect.any(String) });
  return {
    scope: tokens.scope,
    accessToken: tokens.access_token,
    idToken: decodeJwt(String(tokens.id_token)),
    userinfo: await userinfo(tokens.access_token),
  };
}
const PERSONAL = ['email', 'email_verified', 'phone_number', 'name', 'given_name', 'family_name'];
function expectNothingPersonal(learned: Awaited<ReturnType<typeof told>>) {
  expect(Object.keys(learned.userinfo)).toEqual(['sub']);
  for (const claim of PERSONAL) expect(learned.idToken).not.toHaveProperty(claim);
}
const recorded = async (clientId: string) =>
  (
    await database.query(
      "SELECT details->>'scopes' AS scopes FROM audit_events WHERE event = 'consent_granted' AND client_id = $1 ORDER BY id",
      [clientId],
    )
  ).map(({ scopes }) => scopes);

describe('a client that is registered for openid alone', () => {
  test('learns nothing by single claims, neither at userinfo nor in the ID token', async () => {
    const { browser, reply } = await open(request('bounded'));
    expect(reply.body).toContain('/consent"');
    expect(reply.body).not.toContain(TOLD_OF_EMAIL);
    const learned = await redeem('bounded', await allow(browser, reply));
    expectNothingPersonal(learned);
    // What belongs to the log-in itself is told as ever.
    expect(learned.idToken).toMatchObject({
      acr: 'urn:latchkey:acr:1',
      auth_time: expect.any(Number),
    });
    expect(await recorded('bounded')).toEqual(['openid']);
    // There is nothing left that somebody would have to be asked about.
    const silent = await browser.get(request('bounded', { prompt: 'none' }));
    expectNothingPersonal(await redeem('bounded', silent));
  });

  test('nor as the shop’s own, which nobody is asked about', async () => {
    expectNothingPersonal(await redeem('own-bounded', (await open(request('own-bounded'))).reply));
  });

  test('nor by a pushed request, nor by a signed one', async () => {
    const { issuer } = await discoveryOf(server);
    const { redirect_uri, ...rest } = Object.fromEntries(
      new URL(request('signing-bounded'), server.issuer).searchParams,
    );
    const signed = await jwtBy(signer, {
      ...{ ...rest, redirect_uri, claims: JSON.parse(EVERYTHING) },
      ...{ iss: 'signing-bounded', aud: issuer, jti: 'one', iat: seconds(), nbf: seconds() },
      exp: seconds(60),
    });
    const pushed = await post(server, '/oauth2/par', {
      client_id: 'signing-bounded',
      request: signed,
    });
    expect(pushed.json).toMatchObject({ request_uri: expect.any(String) });
    const query = new URLSearchParams({
      client_id: 'signing-bounded',
      request_uri: String(pushed.json.request_uri),
    });
    const { browser, reply } = await open(`/oauth2/authorize?${query}`);
    expectNothingPersonal(await redeem('signing-bounded', await allow(browser, reply)));
  });

  test('nor with a device code', async () => {
    const shown = await showCode(server, {
      ...{ client_id: 'kiosk', scope: 'openid', resource: undefined, claims: EVERYTHING },
    });
    const browser = openBrowser(server);
    const page = await typeCode(browser, shown.user_code);
    expect(page.body).not.toContain(TOLD_OF_EMAIL);
    const asked = await approve(server, browser, shown.user_code);
    if (asked.body.includes('/consent"')) await allow(browser, asked);
    expectNothingPersonal(await told((await pollDevice(server, shown.device_code, 'kiosk')).json));
  });

  test('may still insist on how the log-in was', async () => {
    const acr = { essential: true, values: ['urn:latchkey:acr:2'] };
    const url = request('own-bounded', { claims: JSON.stringify({ id_token: { acr } }) });
    const { reply } = await open(url);
    // Robin has one factor and is led to a second one: the demand has arrived.
    expect(reply.body).not.toContain('/consent"');
    expect(reply.location).toBeUndefined();
  });
});

describe('a client that is registered for the scope behind a claim', () => {
  const single = JSON.stringify({ userinfo: { email: null }, id_token: { given_name: null } });

  test('gets it alone, and the page and the record say so', async () => {
    const { browser, reply } = await open(request('friend', { claims: single }));
    expect(reply.body).toContain(TOLD_OF_EMAIL);
    expect(reply.body).toContain(TOLD_OF_PROFILE);
    const learned = await redeem('friend', await allow(browser, reply));
    expect(learned.scope).toBe('openid');
    expect(learned.userinfo).toEqual({ sub: learned.idToken.sub, email: robin().email });
    expect(learned.idToken).toMatchObject({ given_name: 'Robin' });
    expect(learned.idToken).not.toHaveProperty('name');
    expect(await recorded('friend')).toEqual(['openid profile email']);
  });

  test('and is listed with it among the applications of the account', async () => {
    const owner = ownerAt(server, people, browserAt(server, '10.7.7.7'), await people.add());
    await owner.answer(await owner.browser.get(request('own', { claims: single })));
    const list = await owner.open('/account/applications');
    expect(list.body).toContain(TOLD_OF_EMAIL);
  });

  test('on the page of a device too', async () => {
    const shown = await showCode(server, {
      ...{ client_id: 'kiosk-friend', scope: 'openid', resource: undefined, claims: single },
    });
    const browser = openBrowser(server);
    expect((await typeCode(browser, shown.user_code)).body).toContain(TOLD_OF_EMAIL);
    const asked = await approve(server, browser, shown.user_code);
    if (asked.body.includes('/consent"')) {
      expect(asked.body).toContain(TOLD_OF_EMAIL);
      await allow(browser, asked);
    }
    const tokens = (await pollDevice(server, shown.device_code, 'kiosk-friend')).json;
    const learned = await told(tokens);
    expect(learned.userinfo).toEqual({ sub: learned.idToken.sub, email: robin().email });
    expect(learned.idToken).not.toHaveProperty('given_name');
  });

  test('and where the approval is given elsewhere', async () => {
    const owner = ownerAt(
      server,
      people,
      browserAt(server, '10.7.7.8'),
      await people.add({ locale: 'en' }),
    );
    const answer = await post(
      server,
      '/oauth2/backchannel-authentication',
      {
        ...{ scope: 'openid orders:read', resource: ORDERS, login_hint: owner.person.email },
        claims: JSON.stringify({ id_token: { locale: null, email: { essential: true } } }),
      },
      { authorization: basic(desk) },
    );
    expect(answer.json).toMatchObject({ auth_req_id: expect.any(String) });
    const [path = ''] = waitingPages(await owner.open('/account/approvals'));
    const page = await owner.open(path);
    expect(page.body).toContain(TOLD_OF_PROFILE);
    expect(page.body).not.toContain(TOLD_OF_EMAIL);
    await owner.answer(await press(owner, page, path, 'approve'));
    const { json } = await pollApproval(server, String(answer.json.auth_req_id), desk);
    const idToken = decodeJwt(String(json.id_token));
    expect(idToken).toHaveProperty('locale');
    expect(idToken).not.toHaveProperty('email');
  });

  test('is told no longer than it is registered for it, whatever was granted before', async () => {
    const { reply } = await open(request('own', { claims: single, scope: 'openid profile' }));
    const learned = await redeem('own', reply);
    expect(learned.userinfo).toHaveProperty('email');
    expect(learned.userinfo).toHaveProperty('name');
    await database.query("UPDATE clients SET identity_scopes = '{openid}' WHERE id = 'own'");
    await expect.poll(() => userinfo(learned.accessToken)).toEqual({ sub: learned.idToken.sub });
  });
});
