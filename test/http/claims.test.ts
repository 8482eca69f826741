/** What clients learn about a person: claims of the shop's own, and pairwise names. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withQuickCommands } from '../support/client-registration.js';
import {
  authorizeUrl,
  basic,
  CATALOG,
  command,
  type Database,
  type Fields,
  ORDERS,
  openDatabase,
  PROOF,
  post,
  postAs,
  register,
  walk,
} from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { demoClient } from '../support/shopper.js';

let server: TestServer;
let database: Database;
let files = 0;

beforeAll(async () => {
  server = withQuickCommands(await startServer({ env: { LATCHKEY_RATE_LIMITS: 'off' } }));
  database = await openDatabase(server);
});
afterAll(async () => {
  await database.close();
  await server.stop();
});

const redirectOf = (id: string, host = id) => `https://${host}.example/cb`;

async function addClient(id: string, metadata: object = {}, host?: string, more: string[] = []) {
  files += 1;
  const file = join(server.dataDir, `claims-${files}.json`);
  await writeFile(file, JSON.stringify(metadata));
  await register(server, id, [
    ...['--first-party', '--auth', 'none', '--redirect-uri', redirectOf(id, host)],
    ...['--scope', 'openid profile shop_profile offline_access', '--metadata', file, ...more],
  ]);
}

/** Signs the demo shopper in at a client; the answer of the token endpoint. */
async function signIn(id: string, changes: Fields = {}, host?: string) {
  const redirect = { client_id: id, redirect_uri: redirectOf(id, host) };
  const { callback } = await walk(server, authorizeUrl({ ...redirect, ...changes }));
  const answer = await post(server, '/oauth2/token', {
    grant_type: 'authorization_code',
    code: callback.searchParams.get('code') ?? '',
    code_verifier: PROOF.verifier,
    ...redirect,
    ...(changes.resource ? { resource: changes.resource } : {}),
  });
  expect(answer.json).toMatchObject({ access_token: expect.any(String) });
  return answer.json as { access_token: string; id_token: string; refresh_token?: string };
}

async function userinfo(token: string, method: 'GET' | 'POST' = 'GET') {
  const response = await fetch(`${server.issuer}/oauth2/userinfo`, {
    method,
    headers: { authorization: `Bearer ${token}` },
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

const mapClaim = (...args: string[]) => server.cli(['claims', 'map', ...args]);
const robinsId = async () =>
  String(
    (await database.query("SELECT id FROM accounts WHERE kind = 'shopper' ORDER BY created_at"))[0]
      ?.id,
  );

describe('claims of the shop’s own', () => {
  beforeAll(async () => {
    await command(
      server,
      'claims',
      'map',
      'shop_roles',
      '--scope',
      'shop_profile',
      '--from',
      'roles',
      '--access-tokens',
    );
    await command(
      server,
      'claims',
      'map',
      'https://shop.example/kind',
      '--scope',
      'shop_profile',
      '--from',
      'kind',
    );
    await command(
      server,
      'claims',
      'map',
      'nickname',
      '--scope',
      'profile',
      '--from',
      'profile.given_name',
    );
    await command(
      server,
      'claims',
      'map',
      'tenant',
      '--scope',
      'shop_profile',
      '--from',
      'text:alder-oak',
      '--access-tokens',
    );
    const allow = ['--allow', `${ORDERS}=orders:read`, '--allow', `${CATALOG}=catalog:read`];
    const grants = ['--grant-type', 'authorization_code', '--grant-type', 'refresh_token'];
    await addClient('own-claims', {}, undefined, [...allow, ...grants]);
  });

  test('come with their scope, at userinfo by GET and POST alike', async () => {
    const { access_token } = await signIn('own-claims', { scope: 'openid profile shop_profile' });
    const seen = await userinfo(access_token);
    expect(seen).toEqual({
      sub: await robinsId(),
      name: 'Robin Sterling',
      given_name: 'Robin',
      family_name: 'Sterling',
      nickname: 'Robin',
      'https://shop.example/kind': 'shopper',
      shop_roles: [],
      tenant: 'alder-oak',
    });
    expect(await userinfo(access_token, 'POST')).toEqual(seen);
  });

  test('and not without it', async () => {
    const { access_token } = await signIn('own-claims', { scope: 'openid' });
    expect(await userinfo(access_token)).toEqual({ sub: await robinsId() });
  });

  test('one by one through the claims parameter, into the ID token as well', async () => {
    const claims = { id_token: { nickname: null }, userinfo: { tenant: null } };
    const asked = { scope: 'openid', claims: JSON.stringify(claims) };
    const { access_token, id_token } = await signIn('own-claims', asked);
    expect(decodeJwt(id_token)).toMatchObject({ nickname: 'Robin' });
    expect(decodeJwt(id_token)).not.toHaveProperty('tenant');
    expect(await userinfo(access_token)).toEqual({ sub: await robinsId(), tenant: 'alder-oak' });
  });

  test('are in access tokens only where that was said, and only with their scope', async () => {
    const scope = 'openid shop_profile orders:read';
    const token = (await signIn('own-claims', { scope, resource: ORDERS })).access_token;
    const seen = (await postAs(server, 'orders_api', '/oauth2/introspect', { token })).json;
    expect(seen).toMatchObject({ active: true, shop_roles: [], tenant: 'alder-oak' });
    expect(seen).not.toHaveProperty('https://shop.example/kind');
    expect(seen).not.toHaveProperty('nickname');

    const jwt = await signIn('own-claims', {
      scope: 'openid shop_profile catalog:read',
      resource: CATALOG,
    });
    expect(decodeJwt(jwt.access_token)).toMatchObject({ shop_roles: [], tenant: 'alder-oak' });

    const bare = { scope: 'openid orders:read', resource: ORDERS };
    const without = (await signIn('own-claims', bare)).access_token;
    const other = await postAs(server, 'orders_api', '/oauth2/introspect', { token: without });
    expect(other.json).toMatchObject({ active: true });
    expect(other.json).not.toHaveProperty('tenant');
  });

  test('leave the access token with their scope when a refresh asks for less', async () => {
    const scope = 'openid shop_profile offline_access orders:read';
    const first = await signIn('own-claims', { scope, resource: ORDERS });
    const seen = async (token: unknown) =>
      (await postAs(server, 'orders_api', '/oauth2/introspect', { token: String(token) })).json;
    const refresh = (refresh_token: unknown, changes: Fields = {}) =>
      post(server, '/oauth2/token', {
        grant_type: 'refresh_token',
        client_id: 'own-claims',
        refresh_token: String(refresh_token),
        ...changes,
      });
    expect(await seen(first.access_token)).toMatchObject({ active: true, tenant: 'alder-oak' });
    const less = (await refresh(first.refresh_token, { scope: 'orders:read' })).json;
    expect(await seen(less.access_token)).toMatchObject({ active: true, scope: 'orders:read' });
    expect(await seen(less.access_token)).not.toHaveProperty('tenant');
    expect(await seen(less.access_token)).not.toHaveProperty('shop_roles');
    // The refresh token itself has not lost anything.
    const all = (await refresh(less.refresh_token, { resource: ORDERS })).json;
    expect(await seen(all.access_token)).toMatchObject({ active: true, tenant: 'alder-oak' });
  });

  test('stand in discovery, and leave it when they are taken away', async () => {
    const discovery = async () =>
      (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as {
        claims_supported: string[];
        scopes_supported: string[];
      };
    const before = await discovery();
    expect(before.claims_supported).toEqual(
      expect.arrayContaining(['nickname', 'tenant', 'shop_roles', 'https://shop.example/kind']),
    );
    expect(before.scopes_supported).toContain('shop_profile');
    await command(server, 'claims', 'map', 'passing', '--scope', 'profile', '--from', 'kind');
    await expect.poll(async () => (await discovery()).claims_supported).toContain('passing');
    await command(server, 'claims', 'unmap', 'passing');
    await expect.poll(async () => (await discovery()).claims_supported).not.toContain('passing');
  });

  test('take their scope with them when the last one goes, and no client that has it', async () => {
    const known = async () =>
      (
        (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as {
          scopes_supported: string[];
        }
      ).scopes_supported;
    const shift = ['claims', 'map', 'shift', '--scope', 'shop_shift', '--from', 'text:early'];
    await command(server, ...shift);
    await register(server, 'shift-planner', [
      ...['--first-party', '--auth', 'none', '--redirect-uri', redirectOf('shift-planner')],
      ...['--scope', 'openid shop_shift'],
    ]);
    await expect.poll(known).toContain('shop_shift');
    const learned = async () => {
      const { access_token } = await signIn('shift-planner', { scope: 'openid shop_shift' });
      return userinfo(access_token);
    };
    expect(await learned()).toEqual({ sub: await robinsId(), shift: 'early' });

    const said = await command(server, 'claims', 'unmap', 'shift');
    await expect.poll(known).not.toContain('shop_shift');
    expect(await learned()).toEqual({ sub: await robinsId() });
    expect(said).toContain(
      'No claim comes with shop_shift any more; registered for it: shift-planner',
    );

    await command(server, ...shift);
    await expect.poll(known).toContain('shop_shift');
    expect(await learned()).toEqual({ sub: await robinsId(), shift: 'early' });

    const moved = ['claims', 'map', 'shift', '--scope', 'profile', '--from', 'text:late'];
    expect(JSON.parse(await command(server, ...moved, '--json'))).toMatchObject({
      lost: { scope: 'shop_shift', clientIds: ['shift-planner'] },
    });
    await expect.poll(known).not.toContain('shop_shift');
    expect(await learned()).toEqual({ sub: await robinsId() });
    await command(server, 'claims', 'unmap', 'shift');
  });

  const refused: readonly [string, string[], RegExp][] = [
    ['the subject', ['sub', '--scope', 'profile', '--from', 'kind'], /meaning of its own/],
    [
      'whether an address is proven',
      ['email_verified', '--scope', 'email', '--from', 'text:true'],
      /meaning of its own/,
    ],
    ['who acts', ['act', '--scope', 'profile', '--from', 'kind'], /meaning of its own/],
    ['a scope of an API', ['x', '--scope', 'orders:read', '--from', 'kind'], /is one of https/],
    ['openid itself', ['x', '--scope', 'openid', '--from', 'kind'], /says nothing about a person/],
    [
      'a name of every object',
      ['constructor', '--scope', 'profile', '--from', 'kind'],
      /not a name/,
    ],
    ['a prototype', ['__proto__', '--scope', 'profile', '--from', 'kind'], /not a name/],
    ['with such a scope', ['x', '--scope', 'constructor', '--from', 'kind'], /not a name/],
    ...['sid', 'iss', 'acr', 'auth_time', 'sub'].map((scope): [string, string[], RegExp] => [
      `with the scope ${scope}`,
      ['x', '--scope', scope, '--from', 'kind'],
      /no scope/,
    ]),
    ['a source nobody knows', ['x', '--scope', 'profile', '--from', 'password'], /source must be/],
    ['an empty text', ['x', '--scope', 'profile', '--from', 'text:'], /source must be/],
    ['a name with blanks', ['x y', '--scope', 'profile', '--from', 'kind'], /lower-case name/],
    [
      'personal data in access tokens',
      ['x', '--scope', 'profile', '--from', 'profile.name', '--access-tokens'],
      /does not go into access tokens/,
    ],
  ];
  test.each(refused)('cannot be %s', async (_what, args, complaint) => {
    const { code, stderr } = await mapClaim(...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(complaint);
  });

  test('that nobody could declare stop no server, wherever they come from', async () => {
    const supported = async () =>
      (
        (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as {
          claims_supported: string[];
        }
      ).claims_supported;
    await database.query(
      `INSERT INTO claim_mappings (claim, scope, source, in_access_tokens)
       VALUES ('odd', 'constructor', 'kind', false), ('odder', 'sid', 'kind', false)`,
    );
    await command(server, 'claims', 'map', 'even', '--scope', 'profile', '--from', 'kind');
    // The change has arrived, so the server was built with these rows; and `sid` is still a claim.
    await expect.poll(supported).toContain('even');
    expect(await supported()).toContain('sid');
    const { access_token } = await signIn('own-claims', { scope: 'openid profile' });
    expect(await userinfo(access_token)).toHaveProperty('even', 'shopper');
    for (const claim of ['odd', 'odder', 'even']) await command(server, 'claims', 'unmap', claim);
    await expect.poll(supported).not.toContain('even');
  });

  test('are declared and taken away on the record', async () => {
    const events = await database.query(
      `SELECT event, actor_kind, details FROM audit_events
        WHERE event IN ('claim_mapped', 'claim_unmapped') AND details->>'claim' = 'passing' ORDER BY id`,
    );
    expect(events).toMatchObject([
      { event: 'claim_mapped', actor_kind: 'operator' },
      { event: 'claim_unmapped', actor_kind: 'operator' },
    ]);
    expect((await server.cli(['claims', 'unmap', 'passing'])).code).toBe(1);
    expect(JSON.parse(await command(server, 'claims', 'list', '--json'))).toContainEqual({
      claim: 'tenant',
      scope: 'shop_profile',
      source: 'text:alder-oak',
      inAccessTokens: true,
    });
  });
});

describe('pairwise subjects', () => {
  const pairwise = { subject_type: 'pairwise' };
  beforeAll(async () => {
    const allow = ['--allow', `${ORDERS}=orders:read`, '--allow', `${CATALOG}=catalog:read`];
    await addClient('partner-a', pairwise, 'partner-a', allow);
    await addClient('partner-b', pairwise, 'partner-b');
    await addClient('partner-a-app', pairwise, 'partner-a');
  });

  test('are others for each sector and the same within one', async () => {
    const names = new Map<string, string>();
    for (const [id, host] of [
      ['partner-a', 'partner-a'],
      ['partner-b', 'partner-b'],
      ['partner-a-app', 'partner-a'],
    ] as const) {
      const { access_token, id_token } = await signIn(id, {}, host);
      const { sub } = decodeJwt(id_token);
      expect((await userinfo(access_token)).sub).toBe(sub);
      names.set(id, String(sub));
    }
    expect(names.get('partner-a')).toBe(names.get('partner-a-app'));
    expect(names.get('partner-a')).not.toBe(names.get('partner-b'));
    expect([...names.values()]).not.toContain(await robinsId());
    expect(names.get('partner-a')).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  test('stand in what APIs see of such a client’s tokens too, opaque or JWT', async () => {
    const scopes = { scope: 'openid orders:read', resource: ORDERS };
    const opaque = await signIn('partner-a', scopes, 'partner-a');
    const { sub } = decodeJwt(opaque.id_token);
    const token = opaque.access_token;
    const seen = (await postAs(server, 'orders_api', '/oauth2/introspect', { token })).json;
    expect(seen).toMatchObject({ active: true, sub });
    const verified = await fetch(
      `${server.issuer}/oauth2/verify?${new URLSearchParams({ audience: ORDERS })}`,
      {
        headers: {
          authorization: `Bearer ${token}`,
          'x-gateway-authorization': basic(demoClient(server, 'orders_api')),
        },
      },
    );
    expect(verified.headers.get('x-auth-subject')).toBe(sub);
    const catalog = { scope: 'openid catalog:read', resource: CATALOG };
    const jwt = await signIn('partner-a', catalog, 'partner-a');
    expect(decodeJwt(jwt.access_token).sub).toBe(sub);
  });

  test('are the same on every node', async () => {
    const before = decodeJwt((await signIn('partner-a', {}, 'partner-a')).id_token).sub;
    const secret = async () =>
      (await database.query("SELECT sealed FROM milestones WHERE name = 'pairwise-secret'"))[0];
    const kept = await secret();
    const second = await startServer({ like: server });
    try {
      const at = { ...server, issuer: second.issuer } as TestServer;
      const redirect = { client_id: 'partner-a', redirect_uri: redirectOf('partner-a') };
      const { callback } = await walk(at, authorizeUrl(redirect));
      const answer = await post(second, '/oauth2/token', {
        grant_type: 'authorization_code',
        code: callback.searchParams.get('code') ?? '',
        code_verifier: PROOF.verifier,
        ...redirect,
      });
      expect(decodeJwt(String(answer.json.id_token)).sub).toBe(before);
    } finally {
      await second.stop();
    }
    expect(await secret()).toEqual(kept);
  });

  test('are an id_token_hint that leads to the right person', async () => {
    const { id_token } = await signIn('partner-a', {}, 'partner-a');
    const redirect = { client_id: 'partner-a', redirect_uri: redirectOf('partner-a') };
    const hinted = { ...redirect, id_token_hint: id_token };
    const { callback } = await walk(server, authorizeUrl(hinted));
    expect(callback.searchParams.get('code')).toBeTruthy();
    const other = await walk(server, authorizeUrl({ ...hinted, prompt: 'none' }), {
      user: undefined,
    });
    expect(other.callback.searchParams.get('error')).toBe('login_required');
  });
});
