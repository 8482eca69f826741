/** The authorization endpoint: what gets a shopper back to a shop, and what never leaves here. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Answer,
  age,
  answerOf,
  atOnce,
  authorizeUrl,
  basic,
  type Database,
  encode,
  type Fields,
  freshCode,
  newShopper,
  ORDERS,
  openDatabase,
  post,
  redemption,
  register,
  requestFields,
  walk,
} from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import {
  follow,
  formAction,
  hiddenField,
  openBrowser,
  type Reply,
  submitLogin,
} from '../support/shopper.js';

let server: TestServer;
let database: Database;
let partner: { client_id: string; client_secret: string };

const PARTNER_CALLBACK = 'https://partner.example/cb';

beforeAll(async () => {
  // Several browsers log in as one person at once here, which may look like guessing.
  server = await startServer({ env: { LATCHKEY_BOT_CHALLENGE: 'off' } });
  database = await openDatabase(server);
  partner = await register(server, 'partner-shop', [
    '--redirect-uri',
    PARTNER_CALLBACK,
    '--scope',
    'openid email',
    '--allow',
    `${ORDERS}=orders:read`,
  ]);
  await register(server, 'pushing-shop', [
    '--first-party',
    '--auth',
    'none',
    '--redirect-uri',
    'http://localhost:4000/callback',
    '--scope',
    'openid',
    '--require-par',
  ]);
  await register(server, 'phone-app', [
    '--first-party',
    '--native',
    '--auth',
    'none',
    '--redirect-uri',
    'http://127.0.0.1/callback',
    '--redirect-uri',
    'com.demo-shop.app:/callback',
    '--scope',
    'openid',
  ]);
  await register(server, 'closed-shop', [
    '--first-party',
    '--auth',
    'none',
    '--redirect-uri',
    'http://localhost:4000/callback',
    '--scope',
    'openid',
  ]);
}, 60_000);
afterAll(async () => {
  await database.close();
  await server.stop();
});

/** Asks with a browser that has never been here. */
const ask = (changes: Fields = {}): Promise<Reply> =>
  openBrowser(server).get(authorizeUrl(changes));

/** What the client's redirect URI was told. */
const toldTo = (reply: Reply): Record<string, string> => {
  expect(reply.status).toBe(303);
  const callback = new URL(reply.location ?? '');
  expect(callback.origin + callback.pathname).toBe('http://localhost:4000/callback');
  return Object.fromEntries(callback.searchParams);
};

const expectPage = (reply: Reply, status: number, error: string) => {
  expect(reply.status).toBe(status);
  expect(reply.location).toBeUndefined();
  expect(reply.headers.get('content-type')).toContain('text/html');
  expect(reply.body).toContain(error);
};

const whoami = async ({ json }: Answer) =>
  answerOf(
    await fetch(`${server.issuer}/oauth2/userinfo`, {
      headers: { authorization: `Bearer ${json.access_token}` },
    }),
  );

const partnerRequest = (changes: Fields = {}) =>
  authorizeUrl({ client_id: 'partner-shop', redirect_uri: PARTNER_CALLBACK, ...changes });

describe('the way back', () => {
  test.each([
    'http://localhost:4000/callback/',
    'http://localhost:4000/callback?x=1',
    'http://localhost:4000/callback#x',
    'http://localhost:4000/CALLBACK',
    'http://LOCALHOST:4000/callback',
    'http://localhost:4000/callback/../callback',
    'http://localhost:4000/%63allback',
    'http://localhost:4001/callback',
    'http://127.0.0.1:4000/callback',
    'http://localhost/callback',
    'https://localhost:4000/callback',
    'http://localhost:4000@evil.example/callback',
    'http://shop@localhost:4000/callback',
    'https://evil.example/callback',
    'javascript:alert(1)//http://localhost:4000/callback',
    '//evil.example',
    ' http://localhost:4000/callback',
    'http://localhost:4000/callback\n',
  ])(
    'an address that only resembles the registered one is never redirected to: %j',
    async (uri) => {
      expectPage(await ask({ redirect_uri: uri }), 400, 'invalid_redirect_uri');
      // Not for an error either, which would be the same door.
      const broken = await ask({ redirect_uri: uri, response_type: 'token', prompt: 'none' });
      expectPage(broken, 400, 'invalid_redirect_uri');
    },
  );

  test('a shop that names no redirect URI gets a page, though it has registered only one', async () => {
    expectPage(await ask({ redirect_uri: undefined }), 400, 'invalid_request');
  });

  test('an application on a device may listen on any loopback port', async () => {
    for (const uri of ['http://127.0.0.1:51004/callback', 'http://127.0.0.1/callback']) {
      const { callback } = await walk(
        server,
        authorizeUrl({ client_id: 'phone-app', redirect_uri: uri }),
      );
      expect(callback.origin + callback.pathname).toBe(uri);
      expect(callback.searchParams.get('code')).toBeTypeOf('string');
    }
  });

  test('an application on a device may vary nothing but the port', async () => {
    for (const uri of [
      'http://127.0.0.1:51004/other',
      'http://localhost:51004/callback',
      'http://127.0.0.2:51004/callback',
      'com.demo-shop.app:/other',
    ]) {
      const reply = await ask({ client_id: 'phone-app', redirect_uri: uri });
      expectPage(reply, 400, 'invalid_redirect_uri');
    }
  });

  test('a client nobody registered gets a page and no redirect', async () => {
    expectPage(await ask({ client_id: 'nobody' }), 400, 'invalid_client');
    expectPage(await ask({ client_id: undefined }), 400, 'invalid_request');
  });

  test('a client that was switched off gets the page of one that never was', async () => {
    expect((await ask({ client_id: 'closed-shop' })).status).toBe(303);
    await database.query("UPDATE clients SET status = 'disabled' WHERE id = 'closed-shop'");
    const strip = (reply: Reply) => reply.body.replace(/nonce="[^"]*"|<code>[^ ]*/g, '');
    await expect
      .poll(async () => (await ask({ client_id: 'closed-shop' })).status, { timeout: 1_000 })
      .toBe(400);
    const off = await ask({ client_id: 'closed-shop' });
    expectPage(off, 400, 'invalid_client');
    expect(strip(off)).toBe(strip(await ask({ client_id: 'nobody' })));
  });
});

describe('the request', () => {
  test.each(['token', 'id_token', 'code id_token', 'code token', 'none', 'CODE'])(
    'a shop cannot ask for anything but a code: response_type=%s',
    async (responseType) => {
      const reply = await ask({ response_type: responseType, nonce: 'n', response_mode: 'query' });
      const told = reply.location?.includes('#')
        ? Object.fromEntries(new URLSearchParams(reply.location.split('#')[1]))
        : toldTo(reply);
      expect(told.error).toMatch(/^(unsupported_response_type|invalid_request)$/);
      expect(told).toMatchObject({ iss: server.issuer, state: 'st' });
      expect(told.code ?? told.access_token ?? told.id_token).toBeUndefined();
    },
  );

  test('response_type=token is refused as unsupported, and told to the registered address', async () => {
    const reply = await ask({ response_type: 'token' });
    expect(reply.status).toBe(303);
    const told = new URL((reply.location ?? '').replace('#', '?')).searchParams;
    expect(told.get('error')).toBe('unsupported_response_type');
  });

  test('a request without a proof key, or with a plain one, is refused', async () => {
    const refused = { error: 'invalid_request', state: 'st', iss: server.issuer };
    const none = { code_challenge: undefined, code_challenge_method: undefined };
    expect(toldTo(await ask(none))).toMatchObject(refused);
    expect(toldTo(await ask({ code_challenge_method: 'plain' }))).toMatchObject(refused);
    // No method means plain (RFC 7636 section 4.3).
    expect(toldTo(await ask({ code_challenge_method: undefined }))).toMatchObject(refused);
    expect(toldTo(await ask({ code_challenge: 'short' }))).toMatchObject(refused);
  });

  test('confidential clients need a proof key too', async () => {
    const reply = await openBrowser(server).get(
      partnerRequest({ code_challenge: undefined, code_challenge_method: undefined }),
    );
    const told = new URL(reply.location ?? '').searchParams;
    expect(told.get('error')).toBe('invalid_request');
  });

  test('every answer names the issuer, good or bad', async () => {
    const { issuer } = server;
    const { callback } = await walk(server, authorizeUrl());
    expect(callback.searchParams.get('iss')).toBe(issuer);
    expect(callback.searchParams.get('code')).toBeTypeOf('string');
    for (const changes of [
      { prompt: 'none' },
      { scope: 'openid bogus' },
      { prompt: 'none login' },
      { code_challenge: undefined },
      { resource: 'https://unknown.example' },
    ]) {
      expect(toldTo(await ask(changes))).toMatchObject({ iss: issuer, state: 'st' });
    }
    const discovery = await fetch(`${issuer}/.well-known/openid-configuration`);
    expect(await discovery.json()).toMatchObject({
      issuer,
      authorization_response_iss_parameter_supported: true,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
    });
  });

  test('state and nonce come back byte for byte, two kilobytes of them', async () => {
    const awkward = `"<>&'%20+ =;/?#[]@ü€😀\t`;
    const state = awkward.repeat(200).slice(0, 2048);
    const nonce = `n${awkward.repeat(200).slice(0, 2047)}`;
    const { callback } = await walk(server, authorizeUrl({ state, nonce }));
    expect(callback.searchParams.get('state')).toBe(state);
    const code = callback.searchParams.get('code') ?? '';
    const tokens = await post(server, '/oauth2/token', redemption(code));
    expect(decodeJwt(String(tokens.json.id_token)).nonce).toBe(nonce);
    expect(toldTo(await ask({ state, prompt: 'none' }))).toMatchObject({
      error: 'login_required',
      state,
    });
  });

  test.each(['scope', 'state', 'nonce', 'code_challenge', 'response_type', 'prompt'])(
    'a parameter sent twice is refused, not chosen from: %s',
    async (name) => {
      const [value] = [requestFields()[name] ?? 'login'].flat();
      const told = toldTo(await ask({ [name]: [value as string, `${value}2`] }));
      expect(told.error).toBe('invalid_request');
      // Even the same value twice.
      const same = toldTo(await ask({ [name]: [value as string, value as string] }));
      expect(same.error).toBe('invalid_request');
    },
  );

  test.each(['redirect_uri', 'client_id'])('%s sent twice leads nowhere', async (name) => {
    const [value] = [requestFields()[name] ?? ''].flat();
    expectPage(await ask({ [name]: [value as string, value as string] }), 400, 'invalid_request');
    expect((await ask({ [name]: [value as string, 'https://evil.example/'] })).location).toBe(
      undefined,
    );
  });

  test('a request object without a signature is refused', async () => {
    const request = new UnsecuredJWT({ client_id: 'demo-storefront' }).encode();
    expect(toldTo(await ask({ request })).error).toBe('invalid_request_object');
  });

  test('a request_uri that is an address is refused, and never fetched', async () => {
    let visits = 0;
    const listener = createServer((_req, res) => {
      visits += 1;
      res.end();
    }).listen(0, '127.0.0.1');
    try {
      await new Promise((resolve) => listener.once('listening', resolve));
      const { port } = listener.address() as AddressInfo;
      const told = toldTo(await ask({ request_uri: `http://127.0.0.1:${port}/r.jwt` }));
      expect(told.error).toBe('request_uri_not_supported');
      const pushed = await post(server, '/oauth2/par', {
        ...requestFields(),
        request_uri: `http://127.0.0.1:${port}/r.jwt`,
      });
      expect(pushed.status).toBe(400);
      expect(visits).toBe(0);
    } finally {
      listener.close();
    }
  });

  test('a scope the client was not granted is refused by name', async () => {
    for (const scope of ['openid orders:write', 'openid users:read', 'openid phone', 'nonsense']) {
      const resource = scope.includes('orders') ? ORDERS : undefined;
      expect(toldTo(await ask({ scope, resource })).error).toBe('invalid_scope');
    }
  });

  test('a resource that is unknown, or not granted, is refused alike', async () => {
    const unknown = toldTo(await ask({ scope: 'openid', resource: 'https://unknown.example' }));
    expect(unknown.error).toBe('invalid_target');
    const foreign = toldTo(await ask({ scope: 'openid', resource: 'urn:latchkey:admin' }));
    expect(foreign).toEqual(unknown);
    // Several granted and none named: the server does not guess.
    expect(toldTo(await ask({ scope: 'openid orders:read' })).error).toBe('invalid_target');
  });

  test('the endpoint takes no POST and no other site may read it', async () => {
    const posted = await post(server, '/oauth2/authorize', requestFields());
    expect(posted.status).toBe(405);
    expect(posted.headers.get('allow')).toBe('GET');
    for (const method of ['GET', 'OPTIONS']) {
      const reply = await fetch(server.issuer + authorizeUrl(), {
        method,
        redirect: 'manual',
        headers: { origin: 'http://localhost:4000', 'access-control-request-method': 'GET' },
      });
      const cors = [...reply.headers.keys()].filter((name) => name.startsWith('access-control-'));
      expect(cors).toEqual([]);
    }
  });
});

describe('pushed requests', () => {
  const push = (changes: Fields = {}, headers: Record<string, string> = {}) =>
    post(server, '/oauth2/par', requestFields(changes), headers);
  const pushed = async (changes: Fields = {}) => {
    const answer = await push(changes);
    expect(answer.status).toBe(201);
    expect(answer.json.expires_in).toBe(60);
    return String(answer.json.request_uri);
  };
  const link = (requestUri: string, clientId = 'demo-storefront') =>
    `/oauth2/authorize?${encode({ client_id: clientId, request_uri: requestUri })}`;

  test('a shop may push its request, and needs nothing in the address but its name', async () => {
    const { callback } = await walk(server, link(await pushed({ state: 'kept' })));
    expect(callback.searchParams.get('state')).toBe('kept');
    expect(callback.searchParams.get('code')).toBeTypeOf('string');
  });

  test('what stands in the address cannot change a pushed request', async () => {
    const uri = await pushed({ scope: 'openid', state: 'kept' });
    const { callback } = await walk(server, `${link(uri)}&scope=openid+email&state=other`);
    expect(callback.searchParams.get('state')).toBe('kept');
    const code = callback.searchParams.get('code') ?? '';
    const tokens = await post(server, '/oauth2/token', redemption(code));
    expect(tokens.json.scope).toBe('openid');
  });

  test('a pushed request is good for one log-in', async () => {
    const uri = await pushed();
    await walk(server, link(uri));
    const again = await openBrowser(server).get(link(uri));
    expect(again.status).toBe(400);
    expect(again.location).toBeUndefined();
    expect(again.body).toContain('invalid_request_uri');
  });

  test('one pushed request that several browsers take to the end at once gives one code', async () => {
    let given = 0;
    for (let round = 0; round < 3; round += 1) {
      const uri = await pushed();
      const resumes = await atOnce(6, async () => {
        const browser = openBrowser(server);
        const page = await follow(browser, server, await browser.get(link(uri)));
        const user = server.demo.users.shopper as { email: string; password: string };
        return { browser, reply: await submitLogin(browser, page, user) };
      });
      const ends = await Promise.all(
        resumes.map(({ browser, reply }) => (reply.location ? browser.get(reply.location) : reply)),
      );
      const codes = ends.filter(({ location }) => location?.includes('code='));
      expect(codes.length).toBeLessThanOrEqual(1);
      given += codes.length;
      for (const { status, body, location } of ends) {
        // Who came when the machine was too busy is told to come again.
        if (location?.includes('code=') || status === 503) continue;
        expect(body + location).toContain('invalid_request_uri');
      }
    }
    expect(given).toBeGreaterThan(0);
  });

  test('a pushed request is only for the client that pushed it', async () => {
    const uri = await pushed();
    const reply = await openBrowser(server).get(link(uri, 'phone-app'));
    expect(reply.status).toBe(400);
    expect(reply.location).toBeUndefined();
  });

  test('a pushed request is over after its minute', async () => {
    const uri = await pushed();
    await age(database, uri.split(':').at(-1) ?? '');
    const reply = await openBrowser(server).get(link(uri));
    expect(reply.status).toBe(400);
    expect(reply.body).toContain('invalid_request_uri');
  });

  test('a shopper may take longer over the password than the pushed request lives', async () => {
    const uri = await pushed();
    const browser = openBrowser(server);
    const page = await follow(browser, server, await browser.get(link(uri)));
    await age(database, uri.split(':').at(-1) ?? '');
    const user = server.demo.users.shopper as { email: string; password: string };
    const end = await follow(browser, server, await submitLogin(browser, page, user));
    expect(end.location).toContain('code=');
  });

  test('a made-up request_uri is refused', async () => {
    const made = `urn:ietf:params:oauth:request_uri:${'a'.repeat(43)}`;
    expect((await openBrowser(server).get(link(made))).status).toBe(400);
  });

  test('a client that has to push cannot do without', async () => {
    const refused = toldTo(await ask({ client_id: 'pushing-shop' }));
    expect(refused.error).toBe('invalid_request');
    const uri = await pushed({ client_id: 'pushing-shop' });
    const { callback } = await walk(server, link(uri, 'pushing-shop'));
    expect(callback.searchParams.get('code')).toBeTypeOf('string');
  });

  test('a confidential client pushes with its secret only, and faults are told at once', async () => {
    const own = { client_id: 'partner-shop', redirect_uri: PARTNER_CALLBACK };
    expect((await push(own)).status).toBe(401);
    const right = { authorization: basic(partner) };
    expect((await push(own, right)).status).toBe(201);
    for (const wrong of [
      { redirect_uri: 'https://partner.example/other' },
      { scope: 'openid orders:write', resource: ORDERS },
      { code_challenge: undefined },
      { response_type: 'token' },
    ]) {
      expect((await push({ ...own, ...wrong }, right)).status).toBe(400);
    }
  });
});

describe('asking the shopper', () => {
  test('prompt=none shows nothing: a code where there is a session, else login_required', async () => {
    expect(toldTo(await ask({ prompt: 'none' })).error).toBe('login_required');
    const { browser } = await walk(server, authorizeUrl());
    const told = toldTo(await browser.get(authorizeUrl({ prompt: 'none' })));
    expect(told.code).toBeTypeOf('string');
  });

  test.each([{ prompt: 'login' }, { max_age: '0' }])(
    'the password is asked again, and the log-in is a new one: %j',
    async (changes) => {
      const { browser } = await walk(server, authorizeUrl());
      // The log-in was a while ago.
      await database.query(
        `UPDATE artifacts
            SET payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload->>'loginTs')::int - 50))
          WHERE kind = 'Session' AND payload ? 'loginTs'`,
      );
      const before = Math.floor(Date.now() / 1000);
      const shown = await follow(browser, server, await browser.get(authorizeUrl(changes)));
      expect(shown.body).toContain('name="password"');
      const { code } = await freshCode(server, changes, { browser });
      const tokens = await post(server, '/oauth2/token', redemption(code));
      const { auth_time } = decodeJwt(String(tokens.json.id_token)) as { auth_time: number };
      expect(auth_time).toBeGreaterThanOrEqual(before);
    },
  );

  test('max_age lets a fresh session pass and asks again for an old one', async () => {
    const { browser } = await walk(server, authorizeUrl());
    expect(toldTo(await browser.get(authorizeUrl({ max_age: '30' }))).code).toBeTypeOf('string');
    await database.query(
      `UPDATE artifacts
          SET payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload->>'loginTs')::int - 60))
        WHERE kind = 'Session' AND payload ? 'loginTs'`,
    );
    const shown = await follow(browser, server, await browser.get(authorizeUrl({ max_age: '30' })));
    expect(shown.body).toContain('name="password"');
  });

  test('a wrong password leads back to the form and nowhere else', async () => {
    const browser = openBrowser(server);
    const page = await follow(browser, server, await browser.get(authorizeUrl()));
    const email = server.demo.users.shopper?.email ?? '';
    const reply = await submitLogin(browser, page, { email, password: 'not the password' });
    expect(reply.status).toBe(422);
    expect(reply.location).toBeUndefined();
    expect(reply.body).toContain('name="password"');
  });

  test('the browser leaves the password form with 303, so that it is not sent on', async () => {
    const browser = openBrowser(server);
    const page = await follow(browser, server, await browser.get(authorizeUrl()));
    const user = server.demo.users.shopper as { email: string; password: string };
    const reply = await submitLogin(browser, page, user);
    expect(reply.status).toBe(303);
    const next = await browser.get(reply.location ?? '');
    expect(next.status).toBe(303);
  });

  test('a shopper who presses twice is logged in all the same, and meets no error of ours', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { browser } = await walk(server, authorizeUrl());
      const ask = authorizeUrl({ prompt: 'login' });
      const page = await follow(browser, server, await browser.get(ask));
      const user = server.demo.users.shopper as { email: string; password: string };
      const { location = '' } = await submitLogin(browser, page, user);
      const replies = await atOnce(3, () => browser.get(location));
      expect(replies.some((reply) => reply.location?.includes('code='))).toBe(true);
      for (const { status } of replies) expect([303, 400]).toContain(status);
    }
  });

  test('a stronger log-in than there is cannot be pretended', async () => {
    const unmet = 'unmet_authentication_requirements';
    expect(toldTo(await ask({ acr_values: 'urn:example:mfa' })).error).toBe(unmet);
    const { browser } = await walk(server, authorizeUrl());
    const told = toldTo(await browser.get(authorizeUrl({ acr_values: 'urn:example:mfa' })));
    expect(told.error).toBe(unmet);
    for (const acr of [
      { essential: true, value: 'urn:example:mfa' },
      { essential: true, values: ['urn:example:mfa', 'urn:example:gold'] },
    ]) {
      const claims = JSON.stringify({ id_token: { acr } });
      expect(toldTo(await browser.get(authorizeUrl({ claims }))).error).toBe(unmet);
    }
  });

  test('a log-in that can be reached is reached, and says so', async () => {
    const changes = {
      acr_values: 'urn:example:mfa urn:latchkey:acr:1',
      claims: JSON.stringify({
        id_token: { acr: { essential: true, value: 'urn:latchkey:acr:1' } },
      }),
    };
    const { code } = await freshCode(server, changes);
    const tokens = await post(server, '/oauth2/token', redemption(code));
    expect(decodeJwt(String(tokens.json.id_token)).acr).toBe('urn:latchkey:acr:1');
  });

  test('somebody else may log in on the same browser, and gets an account of their own', async () => {
    const { browser, code } = await freshCode(server, { scope: 'openid email' });
    const first = await post(server, '/oauth2/token', redemption(code));
    const other = await newShopper(server);
    let reply = await follow(
      browser,
      server,
      await browser.get(authorizeUrl({ prompt: 'login', scope: 'openid email' })),
    );
    reply = await follow(browser, server, await submitLogin(browser, reply, other));
    // The first session is signed out by a form that sends itself.
    expect(reply.body).toContain('name="xsrf"');
    reply = await browser.post(formAction(reply.body, 'xsrf'), {
      xsrf: hiddenField(reply.body, 'xsrf'),
      logout: 'yes',
    });
    reply = await follow(browser, server, reply);
    const second = new URL(reply.location ?? '').searchParams.get('code') ?? '';
    const tokens = await post(server, '/oauth2/token', redemption(second));
    expect(await whoami(tokens)).toMatchObject({ status: 200, json: { email: other.email } });
    // What the first one had hung on the session that ended.
    expect((await whoami(first)).status).toBe(401);
  });

  test('the cancel button takes the shopper back to the shop with access_denied', async () => {
    const browser = openBrowser(server);
    const page = await follow(browser, server, await browser.get(authorizeUrl({ state: 'mine' })));
    const reply = await follow(
      browser,
      server,
      await browser.post(page.body.match(/action="([^"]*\/cancel)"/)?.[1] ?? '', {
        csrf: hiddenField(page.body, 'csrf'),
      }),
    );
    expect(toldTo(reply)).toMatchObject({
      error: 'access_denied',
      state: 'mine',
      iss: server.issuer,
    });
  });
});

describe('consent', () => {
  const toConsent = async (changes: Fields = {}) => {
    const browser = openBrowser(server);
    const user = server.demo.users.shopper as { email: string; password: string };
    let page = await follow(browser, server, await browser.get(partnerRequest(changes)));
    page = await follow(browser, server, await submitLogin(browser, page, user));
    expect(page.status).toBe(200);
    return { browser, page };
  };
  const press = (browser: ReturnType<typeof openBrowser>, page: Reply, button: string) =>
    browser.post(page.body.match(new RegExp(`action="([^"]*/${button})"`))?.[1] ?? '', {
      csrf: hiddenField(page.body, 'csrf'),
    });
  const withOrders = { scope: 'openid email orders:read', resource: ORDERS };

  test('a shop of somebody else says who it is, where it is, and what it wants', async () => {
    const { page } = await toConsent(withOrders);
    expect(page.body).toContain('partner-shop');
    expect(page.body).toContain('partner.example');
    expect(page.body).toContain('See your orders');
    expect(page.body).not.toContain('name="password"');
    // Masked: the page tells whose account it is to its owner only.
    expect(page.body).not.toContain(server.demo.users.shopper?.email);
  });

  test('saying no gives the shop nothing but access_denied', async () => {
    const { browser, page } = await toConsent(withOrders);
    const reply = await follow(browser, server, await press(browser, page, 'cancel'));
    const told = new URL(reply.location ?? '').searchParams;
    expect(told.get('error')).toBe('access_denied');
    expect(told.get('state')).toBe('st');
    expect(told.get('iss')).toBe(server.issuer);
    expect(told.get('code')).toBeNull();
    // And it is asked again, not taken as settled.
    const again = await follow(browser, server, await browser.get(partnerRequest(withOrders)));
    expect(again.body).toContain('/consent"');
  });

  test('saying yes gives the shop what was on the page, and more is asked for separately', async () => {
    const { browser, page } = await toConsent({ scope: 'openid' });
    const reply = await follow(browser, server, await press(browser, page, 'consent'));
    const code = new URL(reply.location ?? '').searchParams.get('code') ?? '';
    const tokens = await post(
      server,
      '/oauth2/token',
      redemption(code, { client_id: undefined, redirect_uri: PARTNER_CALLBACK }),
      { authorization: basic(partner) },
    );
    expect(tokens.json.scope).toBe('openid');
    expect(decodeJwt(String(tokens.json.id_token))).not.toHaveProperty('email');

    const silent = await browser.get(partnerRequest({ ...withOrders, prompt: 'none' }));
    expect(new URL(silent.location ?? '').searchParams.get('error')).toBe('consent_required');
    const more = await follow(browser, server, await browser.get(partnerRequest(withOrders)));
    expect(more.body).toContain('See your orders');
  });

  test('one person’s yes is nobody else’s', async () => {
    const { browser, page } = await toConsent({ scope: 'openid' });
    await follow(browser, server, await press(browser, page, 'consent'));
    const other = openBrowser(server);
    const user = await newShopper(server);
    const asked = await follow(other, server, await other.get(partnerRequest({ scope: 'openid' })));
    const shown = await follow(other, server, await submitLogin(other, asked, user));
    expect(shown.body).toContain('/consent"');
  });

  test('the page cannot be skipped by posting the password step again', async () => {
    const { browser, page } = await toConsent(withOrders);
    const uid = page.body.match(/\/signin\/([^/"]+)\/consent/)?.[1] ?? '';
    const reply = await browser.post(`/signin/${uid}/login`, {
      csrf: hiddenField(page.body, 'csrf'),
      login: server.demo.users.shopper?.email ?? '',
      password: server.demo.users.shopper?.password ?? '',
    });
    expect(reply.location).toBe(`/signin/${uid}`);
  });

  test('the shop’s own clients are not asked about', async () => {
    const browser = openBrowser(server);
    const page = await follow(
      browser,
      server,
      await browser.get(authorizeUrl({ scope: 'openid email orders:read', resource: ORDERS })),
    );
    const user = server.demo.users.shopper as { email: string; password: string };
    const reply = await follow(browser, server, await submitLogin(browser, page, user));
    expect(toldTo(reply).code).toBeTypeOf('string');
  });
});
