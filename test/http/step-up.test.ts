/** What a scope asks of the log-in behind it, and that tokens keep telling the truth about that log-in. */
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { DEMANDABLE_ACRS } from '../../src/flows/change-scope-demand.js';
import {
  authorizeUrl,
  CATALOG,
  command,
  type Fields,
  ORDERS,
  post,
  postAs,
  redemption,
} from '../support/protocol.js';
import { CALM, startServer, type TestServer } from '../support/server.js';
import { type Browser, follow, openBrowser, type Reply } from '../support/shopper.js';
import {
  codeOf,
  formWith,
  openLogin,
  openPeople,
  type People,
  type Person,
  sendForm,
} from '../support/sign-in.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const ONE = { acr: 'urn:latchkey:acr:1', amr: ['pwd'] };
const TWO = { acr: 'urn:latchkey:acr:2', amr: ['pwd', 'otp', 'mfa'] };
const CART = { scope: 'openid cart:write', resource: ORDERS };
const READING = { scope: 'openid orders:read', resource: ORDERS };

let server: TestServer;
let people: People;

beforeAll(async () => {
  server = await startServer({ env: CALM });
  people = await openPeople(server);
});
afterAll(async () => {
  await people.close();
  await server.stop();
});

/** From the log-in page on, with a code if one is asked for; stops at the client's address. */
async function proveAll(browser: Browser, page: Reply, person: Person): Promise<URL> {
  const login = { login: person.email, password: person.password };
  let reply = await sendForm(browser, page, 'password', login);
  if (formWith(reply, 'code')) {
    reply = await sendForm(browser, reply, 'code', { code: codeOf(person.secret) });
  }
  const { location, status, body } = await follow(browser, server, reply);
  if (!location) throw new Error(`not sent to the client: ${status} ${body}`);
  return new URL(location);
}

const logIn = async (browser: Browser, person: Person, changes: Fields = {}): Promise<URL> =>
  proveAll(browser, await openLogin(server, browser, changes), person);

/** What the client hears without anybody being asked. */
async function silently(browser: Browser, changes: Fields): Promise<string | null> {
  const reply = await browser.get(authorizeUrl({ ...changes, prompt: 'none' }));
  const { searchParams } = new URL(reply.location ?? '');
  return searchParams.get('error') ?? (searchParams.has('code') ? 'code' : null);
}

/** The log-in was so long ago. */
const age = ({ id }: Person, seconds: number) =>
  people.query(
    `UPDATE artifacts
        SET payload = jsonb_set(payload, '{loginTs}',
                                to_jsonb(floor(extract(epoch FROM now()))::int - $2::int))
      WHERE kind = 'Session' AND account_id = $1`,
    [id, seconds],
  );

async function redeem(callback: URL, changes: Fields) {
  const code = callback.searchParams.get('code') ?? '';
  const answer = await post(server, '/oauth2/token', redemption(code, changes));
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.json as { access_token: string; refresh_token: string; id_token: string };
}

async function refresh(token: string, changes: Fields) {
  const answer = await post(server, '/oauth2/token', {
    grant_type: 'refresh_token',
    client_id: 'demo-storefront',
    refresh_token: token,
    ...changes,
  });
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.json as { access_token: string; refresh_token: string; id_token: string };
}

const loginOf = ({ acr, amr, auth_time }: Record<string, unknown>) => ({ acr, amr, auth_time });

async function introspected(token: string) {
  const { json } = await postAs(server, 'orders_api', '/oauth2/introspect', { token });
  expect(json.active).toBe(true);
  return loginOf(json);
}

describe('a scope that asks for a log-in of the last minute', () => {
  let lena: Person;
  let browser: Browser;

  beforeAll(async () => {
    await people.query("UPDATE resource_scopes SET max_age_seconds = 60 WHERE name = 'cart:write'");
  });
  afterAll(async () => {
    await people.query('UPDATE resource_scopes SET max_age_seconds = NULL');
  });
  beforeEach(async () => {
    lena = await people.add();
    browser = openBrowser(server);
    await logIn(browser, lena);
  });

  test('is had without a page while the log-in is fresh', async () => {
    await age(lena, 30);
    const reply = await browser.get(authorizeUrl(CART));
    expect(new URL(reply.location ?? '').searchParams.has('code')).toBe(true);
    expect(await silently(browser, CART)).toBe('code');
  });

  test('asks for the password again after that, and once', async () => {
    await age(lena, 61);
    const page = await openLogin(server, browser, CART);
    expect(page.status).toBe(200);
    expect(formWith(page, 'password')).toBeDefined();
    const before = Math.floor(Date.now() / 1000) - 2;
    const callback = await proveAll(browser, page, lena);
    const { id_token, access_token } = await redeem(callback, { resource: ORDERS });
    expect(decodeJwt(id_token)).toMatchObject({ sub: lena.id, ...ONE });
    // An API that looks for itself sees that the log-in is the new one.
    expect(Number((await introspected(access_token)).auth_time)).toBeGreaterThanOrEqual(before);
    expect(await silently(browser, CART)).toBe('code');
  });

  test('is refused where nobody may be asked', async () => {
    await age(lena, 61);
    expect(await silently(browser, CART)).toBe('login_required');
  });

  test('is the only one that asks: others are had with an old log-in', async () => {
    await age(lena, 3600);
    expect(await silently(browser, READING)).toBe('code');
    expect(await silently(browser, { ...CART, scope: 'openid orders:read cart:write' })).toBe(
      'login_required',
    );
  });

  test('asks for no less than the request itself does', async () => {
    await age(lena, 30);
    expect(await silently(browser, { ...CART, max_age: '10' })).toBe('login_required');
    expect(await silently(browser, { ...CART, max_age: '3600' })).toBe('code');
    await age(lena, 61);
    expect(await silently(browser, { ...CART, max_age: '3600' })).toBe('login_required');
  });
});

describe('what an operator asks for a scope', () => {
  const LOOKING = { scope: 'openid catalog:read', resource: CATALOG };
  const require = (...demand: string[]) =>
    command(server, 'resource-servers', 'require', CATALOG, 'catalog:read', ...demand);

  test('counts from the next request on, and no longer than it is asked', async () => {
    const nora = await people.add();
    const browser = openBrowser(server);
    await logIn(browser, nora, LOOKING);
    await age(nora, 61);
    expect(await silently(browser, LOOKING)).toBe('code');

    // The change was made elsewhere; this node hears of it within the second.
    await require('--max-age', '60');
    await expect.poll(() => silently(browser, LOOKING)).toBe('login_required');
    const stale = await openLogin(server, browser, LOOKING);
    expect(formWith(stale, 'password')).toBeDefined();
    expect(await silently(browser, { scope: 'openid' })).toBe('code');

    await age(nora, 0);
    await expect.poll(() => silently(browser, LOOKING)).toBe('code');
    await require('--acr', TWO.acr);
    await expect.poll(() => silently(browser, LOOKING)).toBe('login_required');
    await age(nora, 61);
    const weak = await openLogin(server, browser, LOOKING);
    const login = { login: nora.email, password: nora.password };
    const asked = await sendForm(browser, weak, 'password', login);
    expect(asked.status).toBe(200);
    expect(asked.body).toContain('/enrolment"');

    await require('--none');
    await expect.poll(() => silently(browser, LOOKING)).toBe('code');
  });

  test('can be anything that a log-in here can be', async () => {
    const response = await fetch(`${server.issuer}/.well-known/openid-configuration`);
    const { acr_values_supported } = (await response.json()) as { acr_values_supported: string[] };
    expect([...DEMANDABLE_ACRS].sort()).toEqual(acr_values_supported.sort());
  });
});

describe('the tokens of a log-in with two factors', () => {
  test.each([
    ['an opaque one, through introspection', ORDERS, 'orders:read', introspected],
    ['a JWT, by itself', CATALOG, 'catalog:read', async (jwt: string) => loginOf(decodeJwt(jwt))],
  ] as const)('say the same after a refresh: %s', async (_what, resource, scope, read) => {
    const mara = await people.add({ app: true });
    const browser = openBrowser(server);
    const callback = await logIn(browser, mara, {
      scope: `openid offline_access ${scope}`,
      resource,
    });
    const first = await redeem(callback, { resource });
    const claimed = await read(first.access_token);
    expect(claimed).toEqual({ ...TWO, auth_time: expect.any(Number) });
    expect(loginOf(decodeJwt(first.id_token))).toEqual(claimed);

    // A clock that is read again would show.
    await sleep(1_100);
    let { refresh_token } = first;
    for (let turn = 0; turn < 2; turn += 1) {
      const next = await refresh(refresh_token, { resource });
      expect(next.access_token).not.toBe(first.access_token);
      expect(await read(next.access_token)).toEqual(claimed);
      expect(loginOf(decodeJwt(next.id_token))).toEqual(claimed);
      refresh_token = next.refresh_token;
    }
  });

  test('say one factor where there was one, and keep saying so', async () => {
    const otto = await people.add();
    const callback = await logIn(openBrowser(server), otto, {
      scope: 'openid offline_access orders:read',
      resource: ORDERS,
    });
    const first = await redeem(callback, { resource: ORDERS });
    const claimed = await introspected(first.access_token);
    expect(claimed).toEqual({ ...ONE, auth_time: expect.any(Number) });
    const next = await refresh(first.refresh_token, { resource: ORDERS });
    expect(await introspected(next.access_token)).toEqual(claimed);
  });
});
