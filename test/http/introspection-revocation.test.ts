/** What an API may learn about a token, who may take one back, and what ends it otherwise. */
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ADMIN,
  type Answer,
  answerOf,
  basic,
  CATALOG,
  command,
  type Fields,
  freshCode,
  newShopper,
  ORDERS,
  post,
  postAs,
  redemption,
  register,
} from '../support/protocol.js';
import { runLatchkey, startServer, type TestServer } from '../support/server.js';
import { demoClient } from '../support/shopper.js';
import { soon } from '../support/soon.js';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});

const OFFLINE = { scope: 'openid email offline_access orders:read', resource: ORDERS };
const INACTIVE = '{"active":false}';

/** Tokens of a shopper at the demo storefront. */
const shopperTokens = async (
  changes: Fields = OFFLINE,
  redeemed: Fields = { resource: ORDERS },
  user = server.demo.users.shopper,
) => {
  const { code, browser } = await freshCode(server, changes, { user });
  const { json } = await post(server, '/oauth2/token', redemption(code, redeemed));
  return {
    browser,
    access: String(json.access_token),
    refresh: String(json.refresh_token),
    id: String(json.id_token),
    sub: String(decodeJwt(String(json.id_token)).sub),
  };
};

const introspect = (as: string, token: string, more: Fields = {}) =>
  postAs(server, as, '/oauth2/introspect', { token, ...more });
const revoke = (token: string, more: Fields = { client_id: 'demo-storefront' }) =>
  post(server, '/oauth2/revoke', { token, ...more });
const refresh = (refresh_token: string) =>
  post(server, '/oauth2/token', {
    grant_type: 'refresh_token',
    client_id: 'demo-storefront',
    refresh_token,
    resource: ORDERS,
  });
const userinfo = async (token: string, init: RequestInit = {}): Promise<Answer> =>
  answerOf(
    await fetch(`${server.issuer}/oauth2/userinfo`, {
      headers: { authorization: `Bearer ${token}` },
      ...init,
    }),
  );
const alive = async (token: string) => (await introspect('orders_api', token)).json.active;

describe('introspection', () => {
  test('the API a token is for learns all about it, once, uncached', async () => {
    const { access, sub } = await shopperTokens();
    const seen = await introspect('orders_api', access);
    expect(seen.headers.get('cache-control')).toBe('no-store');
    expect(seen.json).toMatchObject({
      active: true,
      sub,
      aud: ORDERS,
      scope: 'orders:read',
      client_id: 'demo-storefront',
      iss: server.issuer,
      token_type: 'Bearer',
    });
    expect(seen.json.exp).toBeTypeOf('number');
    expect(seen.text).not.toContain(access);
  });

  test('everybody else gets exactly what they get for a token that never was', async () => {
    const { access, refresh: refreshToken } = await shopperTokens();
    const never = await introspect('catalog_api', 'x'.repeat(43));
    expect(never.text).toBe(INACTIVE);
    for (const [as, token] of [
      ['catalog_api', access],
      ['storefront_bff', access],
      ['automation', access],
      ['orders_api', refreshToken],
      ['catalog_api', refreshToken],
      ['storefront_bff', refreshToken],
    ] as const) {
      for (const hint of [undefined, 'access_token', 'refresh_token']) {
        const seen = await introspect(as, token, { token_type_hint: hint });
        expect(seen.text).toBe(INACTIVE);
        expect(seen.status).toBe(never.status);
      }
    }
  });

  test('a public client proves nothing by its name, and so learns nothing', async () => {
    const { access, refresh: refreshToken } = await shopperTokens();
    for (const token of [access, refreshToken]) {
      const seen = await post(server, '/oauth2/introspect', {
        token,
        client_id: 'demo-storefront',
      });
      expect(seen.text).toBe(INACTIVE);
    }
  });

  test('nobody asks without authentication', async () => {
    const { access } = await shopperTokens();
    const { client_id } = demoClient(server, 'orders_api');
    const tries = [
      await post(server, '/oauth2/introspect', { token: access }),
      await post(server, '/oauth2/introspect', { token: access, client_id }),
      await post(
        server,
        '/oauth2/introspect',
        { token: access },
        { authorization: basic({ client_id, client_secret: 'wrong' }) },
      ),
      await post(
        server,
        '/oauth2/introspect',
        { token: access },
        { authorization: `Bearer ${access}` },
      ),
    ];
    expect(tries.map(({ status }) => status)).toEqual([400, 401, 401, 400]);
    for (const { text } of tries) expect(text).not.toContain('active');
  });

  test('a confidential client may look at its own tokens, the refresh token too', async () => {
    const { client_id, client_secret, redirect_uris } = demoClient(server, 'storefront_bff');
    const at = { client_id, redirect_uri: redirect_uris[0] };
    const { code } = await freshCode(server, { ...OFFLINE, ...at });
    const { json } = await post(
      server,
      '/oauth2/token',
      redemption(code, { ...at, client_id: undefined, resource: ORDERS }),
      { authorization: basic({ client_id, client_secret }) },
    );
    expect((await introspect('storefront_bff', String(json.access_token))).json.active).toBe(true);
    const own = await introspect('storefront_bff', String(json.refresh_token));
    expect(own.json).toMatchObject({ active: true, client_id });
    expect((await introspect('orders_api', String(json.refresh_token))).text).toBe(INACTIVE);
    expect((await introspect('automation', String(json.refresh_token))).text).toBe(INACTIVE);
  });

  test('a hint is only a hint: right, wrong or unknown, the answer is the same', async () => {
    const hints = [
      'access_token',
      'refresh_token',
      'urn:ietf:params:oauth:token-type:access_token',
      'urn:ietf:params:oauth:token-type:refresh_token',
      'id_token',
      'nonsense',
      '😀',
      '',
    ];
    const { access } = await shopperTokens();
    const machine = await postAs(server, 'automation', '/oauth2/token', {
      grant_type: 'client_credentials',
      resource: ORDERS,
    });
    const { client_id, client_secret, redirect_uris } = demoClient(server, 'storefront_bff');
    const at = { client_id, redirect_uri: redirect_uris[0] };
    const { code } = await freshCode(server, { ...OFFLINE, ...at });
    const own = await post(
      server,
      '/oauth2/token',
      redemption(code, { ...at, client_id: undefined, resource: ORDERS }),
      { authorization: basic({ client_id, client_secret }) },
    );
    for (const [as, token, active] of [
      ['orders_api', access, true],
      ['orders_api', String(machine.json.access_token), true],
      ['storefront_bff', String(own.json.refresh_token), true],
      ['orders_api', 'x'.repeat(43), false],
    ] as const) {
      const without = await introspect(as, token);
      expect(without.json.active).toBe(active);
      for (const token_type_hint of hints) {
        const seen = await introspect(as, token, { token_type_hint });
        expect([token_type_hint, seen.status, seen.text]).toEqual([
          token_type_hint,
          200,
          without.text,
        ]);
      }
    }
  });

  test('garbage is not active, and is no fault of ours', async () => {
    const { id, browser } = await shopperTokens();
    const session = [...browser.cookies].find(([name]) => name.startsWith('latchkey_session|'));
    for (const token of [
      'x',
      '😀'.repeat(20),
      "'; DROP TABLE artifacts; --",
      'a'.repeat(20_000),
      '\u0000',
      '%00',
      session?.[1].value ?? '',
    ]) {
      const seen = await introspect('orders_api', token);
      expect(seen.text).toBe(INACTIVE);
    }
    // An ID token is no access token.
    expect((await introspect('orders_api', id)).json.error).toBe('unsupported_token_type');
    expect((await introspect('orders_api', '')).status).toBe(400);
    const twice = await introspect('orders_api', 'x', { token: ['x', 'y'] });
    expect(twice.json.error).toBe('invalid_request');
  });

  test('a code is not a token', async () => {
    const { code } = await freshCode(server);
    expect((await introspect('orders_api', code)).text).toBe(INACTIVE);
    expect((await introspect('storefront_bff', code)).text).toBe(INACTIVE);
  });

  test('a JWT says for itself what it is: it is not looked up', async () => {
    const { json } = await postAs(server, 'automation', '/oauth2/token', {
      grant_type: 'client_credentials',
      resource: CATALOG,
    });
    const seen = await introspect('catalog_api', String(json.access_token));
    expect(seen.status).toBe(400);
    expect(seen.json.error).toBe('unsupported_token_type');
    const taken = await postAs(server, 'automation', '/oauth2/revoke', {
      token: String(json.access_token),
    });
    expect(taken.json.error).toBe('unsupported_token_type');
  });
});

describe('revocation', () => {
  test('a shop takes a refresh token back, and everything of that log-in goes with it', async () => {
    const { access, refresh: refreshToken } = await shopperTokens();
    expect(await alive(access)).toBe(true);
    const answer = await revoke(refreshToken);
    expect(answer.status).toBe(200);
    expect(answer.text).toBe('');
    expect(await alive(access)).toBe(false);
    expect((await refresh(refreshToken)).json.error).toBe('invalid_grant');
  });

  test('a shop takes an access token back', async () => {
    for (const token_type_hint of [undefined, 'access_token', 'refresh_token', 'nonsense']) {
      const { access } = await shopperTokens();
      await revoke(access, { client_id: 'demo-storefront', token_type_hint });
      expect(await alive(access)).toBe(false);
    }
  });

  test('what is unknown is revoked already', async () => {
    for (const token of ['x', 'y'.repeat(43), 'a'.repeat(20_000)]) {
      const answer = await revoke(token);
      expect(answer.status).toBe(200);
      expect(answer.text).toBe('');
    }
  });

  test('another client’s token stays as it is, and nobody is told that it exists', async () => {
    const { access, refresh: refreshToken } = await shopperTokens();
    for (const token of [access, refreshToken]) {
      for (const as of ['storefront_bff', 'orders_api', 'automation']) {
        const answer = await postAs(server, as, '/oauth2/revoke', { token });
        expect([answer.status, answer.text]).toEqual([200, '']);
      }
    }
    expect(await alive(access)).toBe(true);
    expect((await refresh(refreshToken)).status).toBe(200);
  });

  test('one machine’s token is not another’s to revoke', async () => {
    const { json } = await postAs(server, 'automation', '/oauth2/token', {
      grant_type: 'client_credentials',
      resource: ORDERS,
    });
    await revoke(String(json.access_token));
    expect(await alive(String(json.access_token))).toBe(true);
    await postAs(server, 'automation', '/oauth2/revoke', { token: String(json.access_token) });
    expect(await alive(String(json.access_token))).toBe(false);
  });

  test('revoking needs the client to be who it says', async () => {
    const { client_id } = demoClient(server, 'automation');
    expect((await revoke('x', { client_id })).status).toBe(401);
    expect((await revoke('x', {})).status).toBe(400);
    expect((await revoke('', { client_id: 'demo-storefront' })).status).toBe(400);
  });
});

describe('userinfo', () => {
  const forUserinfo = () => shopperTokens({ scope: 'openid email' }, {});

  test('tells the shop what the shopper agreed to, and is not cached', async () => {
    const { access, sub } = await forUserinfo();
    const answer = await userinfo(access);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      sub,
      email: server.demo.users.shopper?.email,
      email_verified: true,
    });
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  test('takes nothing but an access token of its own', async () => {
    const own = await forUserinfo();
    const orders = await shopperTokens();
    const machine = await postAs(server, 'automation', '/oauth2/token', {
      grant_type: 'client_credentials',
      resource: ADMIN,
    });
    for (const token of [
      own.id,
      orders.refresh,
      orders.access,
      String(machine.json.access_token),
      'x',
    ]) {
      const answer = await userinfo(token);
      expect(answer.status).toBeGreaterThanOrEqual(401);
      expect(answer.status).toBeLessThanOrEqual(403);
      expect(answer.headers.get('www-authenticate')).toMatch(/Bearer .*error=/);
      expect(answer.text).not.toContain(own.sub);
    }
    expect((await userinfo(own.id)).json.error).toBe('invalid_token');
    expect((await userinfo(orders.refresh)).json.error).toBe('invalid_token');
  });

  test('takes the token in the header only', async () => {
    const { access, sub } = await forUserinfo();
    const url = `${server.issuer}/oauth2/userinfo`;
    const tries = [
      await fetch(`${url}?access_token=${access}`),
      await fetch(`${url}?access_token=${access}`, {
        headers: { authorization: `Bearer ${access}` },
      }),
      await fetch(url),
      await fetch(url, { headers: { authorization: access } }),
      await fetch(url, { headers: { authorization: `Basic ${access}` } }),
    ];
    for (const reply of tries) {
      expect(reply.status).toBeGreaterThanOrEqual(400);
      expect(reply.status).toBeLessThan(500);
      expect(await reply.text()).not.toContain(sub);
    }
  });
});

describe('people and clients that are switched off', { timeout: 60_000 }, () => {
  test('a disabled person’s tokens are dead at once, and stay dead when she is let in again', async () => {
    const user = await newShopper(server);
    const {
      access,
      refresh: refreshToken,
      sub,
      browser,
    } = await shopperTokens(OFFLINE, { resource: ORDERS }, user);
    const own = await shopperTokens({ scope: 'openid' }, {}, user);
    const expectDead = async () => {
      expect((await introspect('orders_api', access)).text).toBe(INACTIVE);
      expect((await userinfo(own.access)).status).toBe(401);
      expect((await refresh(refreshToken)).json.error).toBe('invalid_grant');
      const silent = await browser.get(
        `/oauth2/authorize?client_id=demo-storefront&response_type=code&scope=openid&prompt=none&code_challenge=${'a'.repeat(43)}&code_challenge_method=S256&redirect_uri=http://localhost:4000/callback`,
      );
      expect(silent.location).toContain('error=login_required');
    };
    expect(await alive(access)).toBe(true);
    await command(server, 'users', 'disable', sub);
    await expectDead();
    const login = freshCode(server, {}, { user });
    await expect(login).rejects.toThrow('422');
    await command(server, 'users', 'enable', sub);
    await expectDead();
    const again = await shopperTokens(OFFLINE, { resource: ORDERS }, user);
    expect(await alive(again.access)).toBe(true);
  });

  test('a disabled client’s tokens are dead at once, it cannot get others, and none comes back', async () => {
    const robot = await register(server, 'robot', ['--allow', `${ORDERS}=orders:read`]);
    const ask = () =>
      post(
        server,
        '/oauth2/token',
        { grant_type: 'client_credentials' },
        { authorization: basic(robot) },
      );
    const token = String((await ask()).json.access_token);
    expect(await alive(token)).toBe(true);

    // A process of its own, as an operator has it.
    expect(await runLatchkey(['clients', 'disable', 'robot'], server.env)).toMatchObject({
      code: 0,
    });
    expect((await introspect('orders_api', token)).text).toBe(INACTIVE);
    expect((await ask()).status).toBe(401);
    const itself = await post(
      server,
      '/oauth2/introspect',
      { token },
      { authorization: basic(robot) },
    );
    expect(itself.status).toBe(401);

    await command(server, 'clients', 'enable', 'robot');
    expect((await introspect('orders_api', token)).text).toBe(INACTIVE);
    // Whole seconds: what is issued within the one of the change counts as issued before it.
    await expect.poll(async () => alive(String((await ask()).json.access_token)), soon).toBe(true);
  });

  test('a person’s grants at a disabled client are dead, those at others are not', async () => {
    await register(server, 'side-shop', [
      '--first-party',
      '--auth',
      'none',
      '--redirect-uri',
      'http://localhost:4000/callback',
      '--scope',
      'openid offline_access',
      '--allow',
      `${ORDERS}=orders:read`,
    ]);
    const at = { client_id: 'side-shop' };
    const side = await shopperTokens(
      { ...OFFLINE, ...at, scope: 'openid offline_access orders:read' },
      { resource: ORDERS, ...at },
    );
    const main = await shopperTokens();
    await command(server, 'clients', 'disable', 'side-shop');
    expect(await alive(side.access)).toBe(false);
    expect(await alive(main.access)).toBe(true);
    const again = await post(server, '/oauth2/token', {
      grant_type: 'refresh_token',
      refresh_token: side.refresh,
      ...at,
    });
    expect([again.status, again.json.error]).toEqual([401, 'invalid_client']);
    await command(server, 'clients', 'enable', 'side-shop');
    expect(await alive(side.access)).toBe(false);
  });
});
