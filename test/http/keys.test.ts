/** Signing keys from outside: every algorithm verifies against the JWKS, and nothing private shows. */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  type JSONWebKeySet,
  errors as joseErrors,
  jwtVerify,
} from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signingAlgs } from '../../src/kernel/signing-algs.js';
import {
  ADMIN,
  answerOf,
  basic,
  CATALOG,
  encode,
  freshCode,
  ORDERS,
  openDatabase,
  post,
  redemption,
  register,
} from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Browser, introspect } from '../support/shopper.js';
import { soon } from '../support/soon.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ env: { LATCHKEY_BOT_CHALLENGE: 'off' } });
}, 60_000);
afterAll(() => server.stop());

const discovery = async () =>
  (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as Record<
    string,
    unknown
  >;
const published = async () => {
  const answer = await fetch(`${server.issuer}/oauth2/jwks`);
  return ((await answer.json()) as { keys: Record<string, unknown>[] }).keys;
};

describe('algorithms', () => {
  test('discovery offers exactly those that have a key', async () => {
    const { id_token_signing_alg_values_supported: offered } = await discovery();
    expect([offered].flat().sort()).toEqual([...signingAlgs].sort());
    expect((await published()).map(({ alg }) => alg).sort()).toEqual([...signingAlgs].sort());
  });

  test.each(signingAlgs)(
    'a client that asked for %s verifies its ID token with it',
    async (alg) => {
      const client_id = `shop-${alg.toLowerCase()}`;
      await register(server, client_id, [
        ...['--first-party', '--auth', 'none', '--scope', 'openid', '--id-token-alg', alg],
        ...['--redirect-uri', 'http://localhost:4000/callback'],
      ]);
      const { code } = await freshCode(server, { client_id });
      const { json } = await post(server, '/oauth2/token', redemption(code, { client_id }));
      const jwks = createRemoteJWKSet(new URL(`${server.issuer}/oauth2/jwks`));
      const { protectedHeader } = await jwtVerify(String(json.id_token), jwks, {
        algorithms: [alg],
        issuer: server.issuer,
        audience: client_id,
      });
      const [key, ...more] = (await published()).filter((each) => each.alg === alg);
      expect(more).toEqual([]);
      expect(protectedHeader).toMatchObject({ alg, kid: key?.kid });
    },
  );
});

test('the JWKS holds nothing private, and may be kept five minutes', async () => {
  const howLong = async () =>
    (await fetch(`${server.issuer}/oauth2/jwks`)).headers.get('cache-control');
  // Five seconds only while the server does not hear of changes, as after a stall of the machine.
  await expect.poll(howLong, soon).toBe('public, max-age=300');
  const keys = await published();
  expect(keys).toHaveLength(signingAlgs.length);
  for (const key of keys) {
    for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']) {
      expect(key).not.toHaveProperty(name);
    }
  }
});

test('an API chooses how its JWTs are signed', async () => {
  const indicator = 'urn:example:stock';
  const made = await server.cli([
    ...['resource-servers', 'create', indicator, '--name', 'Stock', '--scope', 'stock:read=See it'],
    ...['--jwt', '--jwt-alg', 'PS256'],
  ]);
  expect(made).toMatchObject({ code: 0 });
  const robot = await register(server, 'stock-robot', ['--allow', `${indicator}=stock:read`]);
  const { json } = await post(
    server,
    '/oauth2/token',
    { grant_type: 'client_credentials', scope: 'stock:read' },
    { authorization: basic(robot) },
  );
  const jwks = createRemoteJWKSet(new URL(`${server.issuer}/oauth2/jwks`));
  await jwtVerify(String(json.access_token), jwks, {
    algorithms: ['PS256'],
    typ: 'at+jwt',
    audience: indicator,
  });
});

describe('the admin API', () => {
  let bearer: Record<string, string>;
  const api = async (method: string, path: string, body?: object, headers = bearer) =>
    answerOf(
      await fetch(`${server.issuer}/admin/api/v1${path}`, {
        method,
        headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
        ...(body ? { body: JSON.stringify(body) } : {}),
      }),
    );
  const tokenFor = async (client: { client_id: string; client_secret: string }, scope: string) => {
    const { json } = await post(
      server,
      '/oauth2/token',
      { grant_type: 'client_credentials', resource: ADMIN, scope },
      { authorization: basic(client) },
    );
    return { authorization: `Bearer ${String(json.access_token)}` };
  };
  beforeAll(async () => {
    const robot = await register(server, 'key-robot', [
      '--allow',
      `${ADMIN}=keys:read keys:rotate`,
    ]);
    bearer = await tokenFor(robot, 'keys:read keys:rotate');
    const readOnly = await tokenFor(robot, 'keys:read');
    expect((await api('POST', '/keys/rotations', {}, readOnly)).status).toBe(403);
    expect((await api('GET', '/keys', undefined, {})).status).toBe(401);
  });

  type Listed = { kid: string; alg: string; state: string };
  const listed = async () => {
    const { status, json } = await api('GET', '/keys');
    expect(status).toBe(200);
    return json.data as Listed[];
  };

  test('shows the keys and nothing of what they are made of', async () => {
    const keys = await listed();
    expect(keys.map(({ alg, state }) => `${alg} ${state}`).sort()).toEqual(
      signingAlgs.map((alg) => `${alg} signing`).sort(),
    );
    expect(Object.keys(keys[0] ?? {}).sort()).toEqual(
      ['alg', 'createdAt', 'kid', 'publishedUntil', 'revokedAt', 'signsFrom', 'state'].sort(),
    );
  });

  test('refuses what would not mean what it seems to', async () => {
    const [key] = await listed();
    for (const [body, field] of [
      [{ kid: key?.kid }, 'kid'],
      [{ emergency: true }, 'reason'],
      [{ emergency: 'yes', reason: 'x' }, 'emergency'],
      [{ gentle: true }, 'gentle'],
    ] as const) {
      const { status, json } = await api('POST', '/keys/rotations', body);
      expect(status).toBe(422);
      expect(JSON.stringify(json.errors)).toContain(field);
    }
    const unknown = { emergency: true, kid: 'nonsense', reason: 'a test' };
    expect((await api('POST', '/keys/rotations', unknown)).status).toBe(404);
    expect(await published()).toHaveLength(signingAlgs.length);
  });

  test('rotates, and asked again only says that it is under way', async () => {
    const first = await api('POST', '/keys/rotations', {});
    expect(first.json).toMatchObject({ revoked: [], underWay: false });
    const upcoming = first.json.published as string[];
    expect(upcoming).toHaveLength(signingAlgs.length);
    const second = await api('POST', '/keys/rotations', { emergency: false });
    expect({ ...second.json, published: [...(second.json.published as string[])].sort() }).toEqual({
      revoked: [],
      published: [...upcoming].sort(),
      underWay: true,
    });
    await expect.poll(async () => (await published()).length).toBe(2 * signingAlgs.length);
    expect((await listed()).filter(({ state }) => state === 'upcoming')).toHaveLength(4);
  });

  test('in an emergency takes one key out, and says who did it and why', async () => {
    const leaked = (await listed()).find(
      ({ alg, state }) => alg === 'RS256' && state === 'signing',
    );
    const body = { emergency: true, kid: leaked?.kid, reason: 'a laptop was stolen' };
    const { status, json } = await api('POST', '/keys/rotations', body);
    expect([status, json]).toEqual([
      200,
      { revoked: [leaked?.kid], published: [], underWay: false },
    ]);
    await expect
      .poll(async () => (await published()).map(({ kid }) => kid), { timeout: 5_000 })
      .not.toContain(leaked?.kid);
    expect((await listed()).find(({ kid }) => kid === leaked?.kid)?.state).toBe('revoked');
    const database = await openDatabase(server);
    const [event] = await database.query(
      "SELECT actor_kind, actor_id, details FROM audit_events WHERE event = 'signing_keys_revoked'",
    );
    await database.close();
    expect(event).toMatchObject({
      actor_kind: 'client',
      actor_id: 'key-robot',
      details: { revoked: leaked?.kid, reason: 'a laptop was stolen' },
    });
  });
});

describe('an emergency', () => {
  const clientOf = (alg: string) => `shop-${alg.toLowerCase()}`;
  const login = async (client_id: string) => {
    const { code, browser } = await freshCode(server, { client_id });
    const { json } = await post(server, '/oauth2/token', redemption(code, { client_id }));
    return { browser, idToken: String(json.id_token) };
  };
  const jwks = async () =>
    createLocalJWKSet(
      (await (await fetch(`${server.issuer}/oauth2/jwks`)).json()) as JSONWebKeySet,
    );
  const signOut = (browser: Browser, idToken: string) =>
    browser.get(`/oauth2/logout?${encode({ id_token_hint: idToken })}`);

  test('kills what was signed, at home and abroad, and spares what is not signed', async () => {
    const { client_secret } = await register(server, 'catalog-robot', [
      ...['--allow', `${CATALOG}=catalog:read`, '--allow', `${ORDERS}=orders:read`],
    ]);
    const robot = { client_id: 'catalog-robot', client_secret };
    const tokenAt = async (resource: string, scope: string) =>
      String(
        (
          await post(
            server,
            '/oauth2/token',
            { grant_type: 'client_credentials', resource, scope },
            { authorization: basic(robot) },
          )
        ).json.access_token,
      );
    const jwt = await tokenAt(CATALOG, 'catalog:read');
    const opaque = await tokenAt(ORDERS, 'orders:read');
    await jwtVerify(jwt, await jwks(), { audience: CATALOG });
    const people: Awaited<ReturnType<typeof login>>[] = [];
    for (const alg of signingAlgs) people.push(await login(clientOf(alg)));
    for (const { idToken } of people) await jwtVerify(idToken, await jwks());
    const [first, second] = people;
    if (!first || !second) throw new Error('nobody logged in');
    // The hint is good: it is asked, on a page, whether to sign out.
    expect((await signOut(first.browser, first.idToken)).status).toBe(200);

    const before = (await published()).map(({ kid }) => kid);
    const began = performance.now();
    const done = await server.cli(['keys', 'rotate', '--emergency', '--yes', '--json']);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    await expect
      .poll(async () => (await published()).filter(({ kid }) => before.includes(kid)), {
        timeout: 5_000,
      })
      .toEqual([]);
    console.info(
      `out of the JWKS ${Math.round(performance.now() - began)} ms after the command began`,
    );

    const after = await fetch(`${server.issuer}/oauth2/jwks`);
    expect(after.headers.get('cache-control')).toBe('public, max-age=5');
    await expect(jwtVerify(jwt, await jwks())).rejects.toThrow(joseErrors.JWKSNoMatchingKey);
    for (const { idToken } of people) {
      await expect(jwtVerify(idToken, await jwks())).rejects.toThrow(joseErrors.JWKSNoMatchingKey);
    }
    expect((await signOut(second.browser, second.idToken)).status).toBe(400);
    const asBearer = { authorization: `Bearer ${jwt}` };
    expect((await fetch(`${server.issuer}/oauth2/userinfo`, { headers: asBearer })).status).toBe(
      401,
    );

    // New ones verify at once, and whoever was signed in still is.
    await jwtVerify(await tokenAt(CATALOG, 'catalog:read'), await jwks(), { audience: CATALOG });
    for (const [i, alg] of signingAlgs.entries()) {
      const client_id = clientOf(alg);
      const { browser } = people[i] ?? first;
      const { code } = await freshCode(server, { client_id }, { browser });
      const { json } = await post(server, '/oauth2/token', redemption(code, { client_id }));
      const { protectedHeader } = await jwtVerify(String(json.id_token), await jwks());
      expect(protectedHeader.alg).toBe(alg);
    }
    const seen = await introspect(server, 'orders_api', opaque);
    expect(JSON.parse(seen.text)).toMatchObject({ active: true });
  });
});
