/** Signing out: asked for by a shop, confirmed by the person, and then true at once. */
import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  authorizeUrl,
  encode,
  type Fields,
  freshCode,
  ORDERS,
  post,
  postAs,
  redemption,
} from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import {
  type Browser,
  follow,
  formAction,
  hiddenField,
  openBrowser,
  type Reply,
} from '../support/shopper.js';

let server: TestServer;
const HOME = 'http://localhost:4000/';

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});

/** Somebody logged in at the demo storefront. */
const loggedIn = async (scope = 'openid orders:read') => {
  const { browser, code } = await freshCode(server, { scope, resource: ORDERS });
  const { json } = await post(server, '/oauth2/token', redemption(code, { resource: ORDERS }));
  return {
    browser,
    access: String(json.access_token),
    refresh: String(json.refresh_token),
    idToken: String(json.id_token),
  };
};
const ask = (browser: Browser, fields: Fields = {}) =>
  browser.get(`/oauth2/logout?${encode(fields)}`);
const answer = (
  browser: Browser,
  page: Reply,
  yes: boolean,
  changes: Record<string, string> = {},
) =>
  browser.post(formAction(page.body, 'xsrf'), {
    xsrf: hiddenField(page.body, 'xsrf'),
    ...(yes ? { logout: 'yes' } : {}),
    ...changes,
  });
const hasSession = async (browser: Browser): Promise<boolean> => {
  const { location = '' } = await browser.get(authorizeUrl({ prompt: 'none' }));
  expect(location).toMatch(/[?&](code=|error=login_required)/);
  return location.includes('code=');
};
const alive = async (token: string) =>
  (await postAs(server, 'orders_api', '/oauth2/introspect', { token })).json.active;

describe('signing out', () => {
  test('is asked about, whoever wants it, and nothing happens before the answer', async () => {
    for (const fields of [{}, { client_id: 'demo-storefront', post_logout_redirect_uri: HOME }]) {
      const { browser, access } = await loggedIn();
      const page = await ask(browser, fields);
      expect(page.status).toBe(200);
      expect(page.body).toContain('Stay signed in');
      expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(await hasSession(browser)).toBe(true);
      expect(await alive(access)).toBe(true);
    }
  });

  test('with the shop’s hint it ends the session and its tokens, and leads back with the state', async () => {
    const { browser, access, idToken } = await loggedIn();
    const page = await ask(browser, {
      id_token_hint: idToken,
      post_logout_redirect_uri: HOME,
      state: 'back & forth',
    });
    const reply = await answer(browser, page, true);
    expect(reply.status).toBe(303);
    const back = new URL(reply.location ?? '');
    expect(back.origin + back.pathname).toBe(HOME);
    expect(back.searchParams.get('state')).toBe('back & forth');
    expect(await hasSession(browser)).toBe(false);
    expect(await alive(access)).toBe(false);
  });

  test('the session is dead for whoever kept its cookie', async () => {
    const { browser } = await loggedIn();
    const thief = openBrowser(server);
    for (const [name, cookie] of browser.cookies) thief.cookies.set(name, cookie);
    expect(await hasSession(thief)).toBe(true);
    // What the thief's visit did to the session cookie does not matter to its owner.
    const page = await ask(browser);
    await answer(browser, page, true);
    expect(await hasSession(thief)).toBe(false);
  });

  test('a code that was not redeemed yet is worth nothing after it', async () => {
    const { browser, code } = await freshCode(server);
    await answer(browser, await ask(browser), true);
    const { json, status } = await post(server, '/oauth2/token', redemption(code));
    expect([status, json.error]).toEqual([400, 'invalid_grant']);
  });

  test('who asked to stay logged in with the shop’s app stays so', async () => {
    const { browser, access, refresh } = await loggedIn('openid offline_access orders:read');
    await answer(browser, await ask(browser), true);
    expect(await hasSession(browser)).toBe(false);
    expect(await alive(access)).toBe(true);
    const next = await post(server, '/oauth2/token', {
      grant_type: 'refresh_token',
      client_id: 'demo-storefront',
      refresh_token: refresh,
      resource: ORDERS,
    });
    expect(next.status).toBe(200);
    expect(await alive(String(next.json.access_token))).toBe(true);
  });

  test('without a place to go there is a page that says so', async () => {
    const { browser } = await loggedIn();
    const done = await follow(browser, server, await answer(browser, await ask(browser), true));
    expect(done.status).toBe(200);
    expect(done.body).toContain('You are signed out');
  });

  test('“stay signed in” keeps the session', async () => {
    const { browser } = await loggedIn();
    const page = await ask(browser);
    const done = await answer(browser, page, false);
    expect(done.status).toBe(303);
    expect(await hasSession(browser)).toBe(true);
  });

  test('logging in again after it asks for the password', async () => {
    const { browser, access } = await loggedIn();
    await answer(browser, await ask(browser), true);
    const page = await follow(browser, server, await browser.get(authorizeUrl()));
    expect(page.body).toContain('name="password"');
    const again = await loggedIn();
    expect(await alive(again.access)).toBe(true);
    expect(await alive(access)).toBe(false);
  });
});

describe('the way out', () => {
  test.each([
    'https://evil.example/',
    'http://localhost:4000',
    'http://localhost:4000/?x=1',
    'http://localhost:4000/other',
    'http://localhost:4000/#x',
    'http://localhost:4001/',
    'HTTP://localhost:4000/',
    'http://localhost:4000/callback',
    'javascript:alert(1)',
    '//evil.example/',
  ])('an address that is not registered is never gone to: %s', async (uri) => {
    const { browser, idToken } = await loggedIn();
    for (const fields of [{ client_id: 'demo-storefront' }, { id_token_hint: idToken }]) {
      const page = await ask(browser, { ...fields, post_logout_redirect_uri: uri });
      expect(page.status).toBe(400);
      expect(page.location).toBeUndefined();
    }
    // From nobody in particular it is ignored.
    const page = await ask(browser, { post_logout_redirect_uri: uri });
    expect(page.status).toBe(200);
    const done = await answer(browser, page, true);
    expect(done.location).toBe(`${server.issuer}/oauth2/logout/success`);
  });

  test('the address cannot be slipped in with the answer', async () => {
    const { browser } = await loggedIn();
    const page = await ask(browser);
    const done = await answer(browser, page, true, {
      post_logout_redirect_uri: 'https://evil.example/',
    });
    expect(done.location).toBe(`${server.issuer}/oauth2/logout/success`);
  });

  test('another client’s address is not one’s own', async () => {
    const { browser } = await loggedIn();
    const page = await ask(browser, {
      client_id: 'demo-storefront-bff',
      post_logout_redirect_uri: HOME,
    });
    expect(page.status).toBe(400);
  });
});

describe('asked for by a form', () => {
  /** A form on the client's site: the browser keeps the session's cookie to itself. */
  const postFrom = (fields: Fields, headers: Record<string, string> = {}) =>
    fetch(`${server.issuer}/oauth2/logout`, {
      method: 'POST',
      body: encode(fields),
      headers: { origin: 'http://localhost:4000', 'sec-fetch-site': 'cross-site', ...headers },
      redirect: 'manual',
    });

  test('it is the same question, to whoever is signed in here', async () => {
    const { browser, access, idToken } = await loggedIn();
    const config = await oidc.discovery(
      new URL(server.issuer),
      'demo-storefront',
      {},
      oidc.None(),
      { execute: [oidc.allowInsecureRequests] },
    );
    const { searchParams } = oidc.buildEndSessionUrl(config, {
      id_token_hint: idToken,
      post_logout_redirect_uri: HOME,
      state: 'back & forth',
      ui_locales: 'de',
    });
    const sent = await postFrom({ ...Object.fromEntries(searchParams), logout: 'yes', xsrf: 'x' });
    expect(sent.status).toBe(303);
    expect(sent.headers.getSetCookie()).toEqual([]);
    const target = new URL(sent.headers.get('location') ?? '', server.issuer);
    expect(target.origin + target.pathname).toBe(`${server.issuer}/oauth2/logout`);
    expect(Object.fromEntries(target.searchParams)).toEqual(Object.fromEntries(searchParams));
    expect(await hasSession(browser)).toBe(true);

    // What a browser does with it: a GET, which brings the cookie.
    const page = await browser.get(target.href);
    expect(page.body).toContain('Angemeldet bleiben');
    const reply = await answer(browser, page, true);
    expect(reply.location).toBe(`${HOME}?state=back+%26+forth`);
    expect(await hasSession(browser)).toBe(false);
    expect(await alive(access)).toBe(false);
  });

  test('an address to go to is checked as ever, and nothing may be said twice', async () => {
    const { browser, idToken } = await loggedIn();
    for (const fields of [
      { id_token_hint: idToken, post_logout_redirect_uri: 'https://evil.example/' },
      { client_id: 'demo-storefront', post_logout_redirect_uri: [HOME, HOME] },
    ]) {
      const sent = await postFrom(fields);
      expect(sent.status).toBe(303);
      const page = await browser.get(sent.headers.get('location') ?? '');
      expect([page.status, page.location]).toEqual([400, undefined]);
    }
    expect(await hasSession(browser)).toBe(true);
  });

  test('with nothing in it, or too much, nobody is led astray', async () => {
    expect((await postFrom({})).headers.get('location')).toBe('/oauth2/logout');
    expect((await postFrom({ state: 'x'.repeat(9_000) })).status).toBe(413);
    const other = await postFrom({}, { 'content-type': 'application/json' });
    expect(other.headers.get('location')).toBe('/oauth2/logout');
  });

  test('other methods are refused', async () => {
    const refused = await fetch(`${server.issuer}/oauth2/logout`, { method: 'PUT' });
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, POST']);
  });
});

describe('signing somebody else out', () => {
  test('takes the value on the page, and the browser it was shown to', async () => {
    const { browser, access } = await loggedIn();
    const page = await ask(browser);
    const other = await loggedIn();
    const foreign = hiddenField((await ask(other.browser)).body, 'xsrf');
    for (const xsrf of ['', 'x', 'x'.repeat(48), foreign]) {
      const refused = await answer(browser, page, true, { xsrf });
      expect(refused.status).toBe(400);
      expect(refused.location).toBeUndefined();
    }
    const stranger = openBrowser(server);
    expect((await answer(stranger, page, true)).status).toBe(400);
    expect(await hasSession(browser)).toBe(true);
    expect(await alive(access)).toBe(true);
    // An answer without a question.
    const { browser: quiet } = await loggedIn();
    const unasked = await quiet.post('/oauth2/logout/confirm', { xsrf: '', logout: 'yes' });
    expect(unasked.status).toBe(400);
    expect(await hasSession(quiet)).toBe(true);
  });

  test('a forged hint is refused', async () => {
    const { browser, idToken } = await loggedIn();
    const [head, , signature] = idToken.split('.');
    const claims = { ...decodeJwt(idToken), sub: 'somebody-else' };
    const body = Buffer.from(JSON.stringify(claims)).toString('base64url');
    for (const hint of [
      `${head}.${body}.${signature}`,
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`,
      'x',
      '',
    ].filter(Boolean)) {
      const page = await ask(browser, { id_token_hint: hint, post_logout_redirect_uri: HOME });
      expect(page.status).toBe(400);
      expect(page.location).toBeUndefined();
    }
    const wrongClient = await ask(browser, {
      id_token_hint: idToken,
      client_id: 'demo-orders-api',
    });
    expect(wrongClient.status).toBe(400);
    expect(await hasSession(browser)).toBe(true);
  });

  test('asking with nobody signed in is harmless', async () => {
    const browser = openBrowser(server);
    const page = await ask(browser, {
      client_id: 'demo-storefront',
      post_logout_redirect_uri: HOME,
    });
    expect(page.status).toBe(200);
    const done = await answer(browser, page, true);
    expect(done.location).toBe(HOME);
  });
});
