/** Refresh tokens: replaced at every use, forgiving for seconds, and then not at all. */
import { randomUUID } from 'node:crypto';
import { exportJWK, type GenerateKeyPairResult, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type Answer,
  age,
  atOnce,
  CATALOG,
  command,
  type Database,
  freshCode,
  newShopper,
  ORDERS,
  openDatabase,
  post,
  postAs,
  redemption,
  register,
  rowOf,
} from '../support/protocol.js';
import {
  answerRow,
  beginFamily,
  branches,
  passSinceUse,
  recorded,
  refresh,
  reuseLetters,
} from '../support/refresh.js';
import { startServer, type TestServer } from '../support/server.js';
import { soon } from '../support/soon.js';

let server: TestServer;
let database: Database;

beforeAll(async () => {
  server = await startServer({ env: { LATCHKEY_RATE_LIMITS: 'off' } });
  database = await openDatabase(server);
  for (const [id, ...more] of [
    ['bound-shop', '--dpop'],
    ['strict-shop', '--refresh-grace', '0'],
    ['patient-shop', '--refresh-grace', '60'],
    ['brief-shop', '--refresh-idle', '3600', '--refresh-absolute', '7200'],
  ]) {
    await register(server, String(id), [
      ...['--first-party', '--auth', 'none', '--redirect-uri', 'http://localhost:4000/callback'],
      ...['--scope', 'openid offline_access', '--allow', `${ORDERS}=orders:read`, ...more],
    ]);
  }
}, 180_000);
afterAll(async () => {
  await database.close();
  await server.stop();
});

const isAlive = async (token: unknown): Promise<boolean> =>
  (await postAs(server, 'orders_api', '/oauth2/introspect', { token: String(token) })).json
    .active === true;

const expectRefused = (answer: Answer) => {
  expect([answer.status, answer.json.error]).toEqual([400, 'invalid_grant']);
  expect(answer.text).not.toContain('token_type');
  expect(answer.headers.get('cache-control')).toBe('no-store');
};

/** Waits until no letter waits. */
const allSent = () =>
  vi.waitFor(async () => {
    const [row] = await database.query(
      `SELECT count(*)::int AS waiting FROM graphile_worker.jobs
          WHERE task_identifier LIKE '%letter%'`,
    );
    expect(row?.waiting).toBe(0);
  }, soon);

describe('within the grace', () => {
  test('whoever comes second gets the very same answer, and no branch begins', async () => {
    const family = await beginFamily(server, { user: await newShopper(server) });
    const first = await refresh(server, family.refresh);
    expect(first.status).toBe(200);
    expect(first.json.refresh_token).not.toBe(family.refresh);
    for (const again of await atOnce(5, () => refresh(server, family.refresh))) {
      expect(again.status).toBe(200);
      expect(again.text).toBe(first.text);
      for (const header of ['content-type', 'cache-control']) {
        expect(again.headers.get(header)).toBe(first.headers.get(header));
      }
    }
    expect(await branches(database, family.refresh)).toEqual({ all: 2, unused: 1 });
    expect((await refresh(server, first.json.refresh_token)).status).toBe(200);
    expect(await recorded(database, 'refresh_reuse', family.sub)).toEqual([]);
  });

  test('a client may have a longer one', async () => {
    const client_id = 'patient-shop';
    const family = await beginFamily(server, { client: client_id });
    const first = await refresh(server, family.refresh, { client_id });
    await passSinceUse(database, family.refresh, 55);
    expect((await refresh(server, family.refresh, { client_id })).text).toBe(first.text);
    await passSinceUse(database, family.refresh, 10);
    expectRefused(await refresh(server, family.refresh, { client_id }));
    expect(await isAlive(first.json.access_token)).toBe(false);
  });

  test('who asks for something else does not get what was not asked for', async () => {
    const family = await beginFamily(server);
    const first = await refresh(server, family.refresh);
    for (const changes of [
      { scope: 'openid orders:read' },
      { resource: CATALOG },
      { resource: undefined },
    ]) {
      expectRefused(await refresh(server, family.refresh, changes));
    }
    // More than was granted is refused as ever, before the race is looked at.
    const wider = await refresh(server, family.refresh, { scope: 'openid email' });
    expect([wider.status, wider.json.error]).toEqual([400, 'invalid_scope']);
    expect(await isAlive(first.json.access_token)).toBe(true);
    expect((await refresh(server, first.json.refresh_token)).status).toBe(200);
  });

  test('another client gets nothing, learns nothing and ends nothing', async () => {
    const family = await beginFamily(server);
    const first = await refresh(server, family.refresh);
    const unknown = await refresh(server, 'x'.repeat(43), { client_id: 'strict-shop' });
    const others = () => [
      refresh(server, family.refresh, { client_id: 'strict-shop' }),
      refresh(server, family.refresh, { client_id: 'patient-shop' }),
      postAs(server, 'storefront_bff', '/oauth2/token', {
        grant_type: 'refresh_token',
        refresh_token: family.refresh,
        resource: ORDERS,
      }),
    ];
    for (const answer of await Promise.all(others())) {
      expectRefused(answer);
      expect(answer.text).toBe(unknown.text);
    }
    await passSinceUse(database, family.refresh, 11);
    for (const answer of await Promise.all(others())) expect(answer.text).toBe(unknown.text);
    expect(await isAlive(first.json.access_token)).toBe(true);
    expect((await refresh(server, first.json.refresh_token)).status).toBe(200);
  });

  test('a used token does not pass for a good one anywhere else', async () => {
    const client = { client_id: server.demo.clients.storefront_bff?.client_id };
    const redirect_uri = String(server.demo.clients.storefront_bff?.redirect_uris[0]);
    const { code } = await freshCode(server, {
      ...client,
      redirect_uri,
      scope: 'openid offline_access',
    });
    const asked = redemption(code, { client_id: undefined, redirect_uri });
    const { json } = await postAs(server, 'storefront_bff', '/oauth2/token', asked);
    const token = String(json.refresh_token);
    const isActive = async () =>
      (await postAs(server, 'storefront_bff', '/oauth2/introspect', { token })).json.active;
    expect(await isActive()).toBe(true);
    const fields = { grant_type: 'refresh_token', refresh_token: token };
    const first = await postAs(server, 'storefront_bff', '/oauth2/token', fields);
    expect(first.status).toBe(200);
    expect(await isActive()).toBe(false);
    expect((await postAs(server, 'storefront_bff', '/oauth2/token', fields)).text).toBe(first.text);
  });

  test('a family that was ended is not served from what is stored', async () => {
    const revoked = await beginFamily(server);
    const first = await refresh(server, revoked.refresh);
    const token = String(first.json.refresh_token);
    await post(server, '/oauth2/revoke', { client_id: 'demo-storefront', token });
    expectRefused(await refresh(server, revoked.refresh));

    const user = await newShopper(server);
    const family = await beginFamily(server, { user });
    expect((await refresh(server, family.refresh)).status).toBe(200);
    await command(server, 'users', 'revoke', user.email);
    expectRefused(await refresh(server, family.refresh));
  });

  test('an expired one is refused, whatever it was answered with', async () => {
    const family = await beginFamily(server);
    const first = await refresh(server, family.refresh);
    await age(database, family.refresh);
    expectRefused(await refresh(server, family.refresh));
    expect(await isAlive(first.json.access_token)).toBe(true);
  });
});

describe('a winner that has not answered', () => {
  /** As if its process had been killed between two statements, or had not got to the second. */
  const hide = async (refreshToken: string) => {
    const rows = await database.query(
      "UPDATE artifacts SET expires_at = expires_at - interval '1 day' WHERE id_hash = $1 RETURNING kind",
      [answerRow(refreshToken)],
    );
    expect(rows).toEqual([{ kind: 'RefreshAnswer' }]);
  };

  test('is waited for', async () => {
    const family = await beginFamily(server);
    const first = await refresh(server, family.refresh);
    await hide(family.refresh);
    let answered = false;
    const waiting = refresh(server, family.refresh).finally(() => {
      answered = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(answered).toBe(false);
    await database.query(
      "UPDATE artifacts SET expires_at = expires_at + interval '1 day' WHERE id_hash = $1",
      [answerRow(family.refresh)],
    );
    expect((await waiting).text).toBe(first.text);
  });

  test('is a reason to come again, and none to refuse or to end anything', async () => {
    const family = await beginFamily(server, { user: await newShopper(server) });
    const first = await refresh(server, family.refresh);
    await hide(family.refresh);
    for (const answer of await atOnce(3, () => refresh(server, family.refresh))) {
      expect([answer.status, answer.json.error]).toEqual([503, 'temporarily_unavailable']);
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(answer.headers.get('content-type')).toContain('application/json');
    }
    expect(await isAlive(first.json.access_token)).toBe(true);
    expect(await branches(database, family.refresh)).toEqual({ all: 2, unused: 1 });
    expect(await recorded(database, 'refresh_reuse', family.sub)).toEqual([]);
  });

  test('and could not be served has spent nothing', async () => {
    const family = await beginFamily(server);
    const wrong = await refresh(server, family.refresh, { resource: CATALOG });
    expect([wrong.status, wrong.json.error]).toEqual([400, 'invalid_target']);
    expect(await branches(database, family.refresh)).toEqual({ all: 1, unused: 1 });
    expect((await refresh(server, family.refresh)).status).toBe(200);
    expect(await branches(database, family.refresh)).toEqual({ all: 2, unused: 1 });
  });
});

describe('a client that holds a key (DPoP)', () => {
  const client_id = 'bound-shop';
  const newKeys = () => generateKeyPair('ES256', { extractable: true });
  const proof = async (keys: GenerateKeyPairResult): Promise<string> =>
    new SignJWT({ htm: 'POST', htu: `${server.issuer}/oauth2/token`, jti: randomUUID() })
      .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: await exportJWK(keys.publicKey) })
      .setIssuedAt()
      .sign(keys.privateKey);

  test('loses a race with its own key only, and with a fresh proof', async () => {
    const keys = await newKeys();
    const family = await beginFamily(server, {
      client: client_id,
      headers: { dpop: await proof(keys) },
    });
    const once = await proof(keys);
    const first = await refresh(server, family.refresh, { client_id }, { dpop: once });
    expect(first.json.token_type).toBe('DPoP');

    const dpop = await proof(keys);
    expect((await refresh(server, family.refresh, { client_id }, { dpop })).text).toBe(first.text);
    const thieves: Record<string, string>[] = [
      {},
      { dpop: await proof(await newKeys()) },
      { dpop: once },
    ];
    for (const headers of thieves) {
      const answer = await refresh(server, family.refresh, { client_id }, headers);
      expect(answer.status).toBe(400);
      expect(answer.text).not.toContain('token_type');
    }
    // Not after it either: nobody without the key can end what the key holds.
    await passSinceUse(database, family.refresh, 11);
    for (const headers of thieves) {
      expect((await refresh(server, family.refresh, { client_id }, headers)).status).toBe(400);
    }
    const next = await refresh(
      server,
      first.json.refresh_token,
      { client_id },
      { dpop: await proof(keys) },
    );
    expect(next.status).toBe(200);
  });

  test('may have a bearer token or one for its key, but not the other one’s', async () => {
    const family = await beginFamily(server);
    const keys = await newKeys();
    // A refresh token that is bound to no key: the access token is bound to the winner's.
    const first = await refresh(server, family.refresh);
    expect(first.json.token_type).toBe('Bearer');
    expectRefused(await refresh(server, family.refresh, {}, { dpop: await proof(keys) }));
    expect((await refresh(server, family.refresh)).text).toBe(first.text);
  });
});

describe('after the grace', () => {
  test('the whole family ends, it is recorded, and the owner is told where to look', async () => {
    const user = await newShopper(server);
    const family = await beginFamily(server, { user });
    const first = await refresh(server, family.refresh);
    await passSinceUse(database, family.refresh, 11);
    expect(await isAlive(first.json.access_token)).toBe(true);

    expectRefused(await refresh(server, family.refresh));
    // By the time of the refusal all of it has happened.
    expect(await recorded(database, 'refresh_reuse', family.sub)).toEqual([
      { client_id: 'demo-storefront', result: 'failure', actor_kind: 'client' },
    ]);
    for (const token of [family.access, first.json.access_token]) {
      expect(await isAlive(token)).toBe(false);
    }
    expectRefused(await refresh(server, first.json.refresh_token));
    const left = await database.query(
      `SELECT kind FROM artifacts WHERE account_id = $1 AND kind <> 'Session'`,
      [family.sub],
    );
    expect(left).toEqual([]);

    const [letter] = await vi.waitFor(async () => {
      const letters = await reuseLetters(server, user.email);
      if (letters.length === 0) throw new Error('no letter yet');
      return letters;
    }, soon);
    expect(letter?.text).toContain(`${server.issuer}/account/sessions`);
    expect(letter?.html).toContain(`href="${server.issuer}/account/sessions"`);
    expect(letter?.text).not.toContain(family.refresh);
  });

  test('twenty that come late at once are one theft: one record, one letter', async () => {
    const user = await newShopper(server);
    const family = await beginFamily(server, { user });
    const first = await refresh(server, family.refresh);
    await passSinceUse(database, family.refresh, 11);
    for (const answer of await atOnce(20, () => refresh(server, family.refresh))) {
      expectRefused(answer);
    }
    expect(await isAlive(first.json.access_token)).toBe(false);
    expect(await recorded(database, 'refresh_reuse', family.sub)).toHaveLength(1);
    await allSent();
    expect(await reuseLetters(server, user.email)).toHaveLength(1);
  });

  test('a client in a loop does not fill a mailbox', { timeout: 120_000 }, async () => {
    const user = await newShopper(server);
    let sub = '';
    for (let round = 0; round < 7; round += 1) {
      const family = await beginFamily(server, { user });
      sub = family.sub;
      await refresh(server, family.refresh);
      await passSinceUse(database, family.refresh, 11);
      expectRefused(await refresh(server, family.refresh));
    }
    expect(await recorded(database, 'refresh_reuse', sub)).toHaveLength(7);
    await allSent();
    expect(await reuseLetters(server, user.email)).toHaveLength(5);
  });

  test('there is none for a client that wants none', async () => {
    const client_id = 'strict-shop';
    const family = await beginFamily(server, { client: client_id });
    const first = await refresh(server, family.refresh, { client_id });
    expect(first.status).toBe(200);
    const stored = await database.query('SELECT 1 FROM artifacts WHERE id_hash = $1', [
      answerRow(family.refresh),
    ]);
    expect(stored).toEqual([]);
    expectRefused(await refresh(server, family.refresh, { client_id }));
    expectRefused(await refresh(server, first.json.refresh_token, { client_id }));
    expect(await isAlive(first.json.access_token)).toBe(false);
  });
});

describe('how long a family lives', () => {
  const secondsLeft = async (value: unknown): Promise<number> => {
    const [row] = await database.query(
      'SELECT extract(epoch FROM expires_at - now())::float AS left FROM artifacts WHERE id_hash = $1',
      [rowOf(String(value))],
    );
    return Number(row?.left);
  };
  const began = (refreshToken: string, claim: 'iiat' | 'authTime', daysAgo: number) =>
    database.query(
      'UPDATE artifacts SET payload = payload || jsonb_build_object($2::text, $3::int) WHERE id_hash = $1',
      [rowOf(refreshToken), claim, Math.floor(Date.now() / 1000 - daysAgo * 86_400)],
    );

  test('a fortnight without use, and never past thirty days from the log-in', async () => {
    for (const claim of ['iiat', 'authTime'] as const) {
      const family = await beginFamily(server);
      expect(await secondsLeft(family.refresh)).toBeGreaterThan(14 * 86_400 - 60);
      expect(await secondsLeft(family.refresh)).toBeLessThanOrEqual(14 * 86_400);
      await began(family.refresh, claim, 29.5);
      const { json } = await refresh(server, family.refresh);
      expect(await secondsLeft(json.refresh_token)).toBeGreaterThan(43_200 - 60);
      expect(await secondsLeft(json.refresh_token)).toBeLessThanOrEqual(43_200);
    }
  });

  test('a client may have less of both', async () => {
    const client_id = 'brief-shop';
    const family = await beginFamily(server, { client: client_id });
    expect(await secondsLeft(family.refresh)).toBeGreaterThan(3_540);
    expect(await secondsLeft(family.refresh)).toBeLessThanOrEqual(3_600);
    // An hour and a half ago: half an hour is left, and a further use does not make it more.
    await began(family.refresh, 'iiat', 1.5 / 24);
    const next = await refresh(server, family.refresh, { client_id });
    expect(await secondsLeft(next.json.refresh_token)).toBeGreaterThan(1_740);
    expect(await secondsLeft(next.json.refresh_token)).toBeLessThanOrEqual(1_800);
    const last = await refresh(server, next.json.refresh_token, { client_id });
    expect(await secondsLeft(last.json.refresh_token)).toBeLessThanOrEqual(1_800);
  });
});
