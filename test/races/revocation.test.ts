/**
 * What was taken back stays taken back, whatever was in flight at that moment. Storms find the
 * unforeseen; where the order matters, a lock held by the test makes both orders happen.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { Client as PgClient } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  atOnce,
  authorizeUrl,
  basic,
  command,
  type Database,
  freshCode,
  ORDERS,
  openDatabase,
  post,
  postAs,
  postToNode,
  redemption,
  register,
  rowOf,
  walk,
  wire,
} from '../support/protocol.js';
import { startTwoNodes, type TestServer } from '../support/server.js';
import {
  adminToken,
  type Browser,
  demoClient,
  follow,
  formAction,
  hiddenField,
  openBrowser,
  type Reply,
  submitLogin,
} from '../support/shopper.js';

let server: TestServer;
let other: TestServer;
let database: Database;
let admin: string;
let shopper: { email: string; password: string };
let sub: string;

const OFFLINE = { scope: 'openid offline_access orders:read', resource: ORDERS };
const PARTNER = 'https://partner.example/cb';

beforeAll(async () => {
  [server, other] = await startTwoNodes();
  database = await openDatabase(server);
  shopper = server.demo.users.shopper as { email: string; password: string };
  admin = await adminToken(server);
  sub = (await shopperTokens()).sub;
}, 180_000);
afterAll(async () => {
  await database.close();
  await other.stop();
  await server.stop();
});

// A storm leaves guesses behind that were never forgiven; the next story starts without them.
beforeEach(() => database.query('DELETE FROM guess_counters'));

const redeem = (code: string) =>
  post(server, '/oauth2/token', redemption(code, { resource: ORDERS }));
const shopperTokens = async (browser?: Browser) => {
  const { code, browser: used } = await freshCode(server, OFFLINE, browser ? { browser } : {});
  const { json } = await redeem(code);
  return {
    browser: used,
    access: String(json.access_token),
    refresh: String(json.refresh_token),
    sub: String(decodeJwt(String(json.id_token)).sub),
  };
};
const refresh = (refresh_token: string) =>
  post(server, '/oauth2/token', {
    grant_type: 'refresh_token',
    client_id: 'demo-storefront',
    refresh_token,
    resource: ORDERS,
  });
const revoke = async (what: string[] = ['sessions', 'tokens']) => {
  const reply = await fetch(`${server.issuer}/admin/api/v1/users/${sub}/revocations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: JSON.stringify({ what, reason: 'a test' }),
  });
  expect(reply.status).toBe(200);
};
const alive = async (token: unknown): Promise<boolean> => {
  const seen = await postAs(server, 'orders_api', '/oauth2/introspect', { token: String(token) });
  return seen.json.active === true;
};
const hasSession = async (browser: Browser): Promise<boolean> => {
  const { location = '' } = await browser.get(authorizeUrl({ prompt: 'none' }));
  expect(location).toMatch(/[?&](code=|error=)/);
  return location.includes('code=');
};
/** Another browser with the same cookies: two tabs, each with its own answer. */
const twin = (browser: Browser): Browser => {
  const copy = openBrowser(server);
  for (const [name, cookie] of browser.cookies) copy.cookies.set(name, cookie);
  return copy;
};
const sessionRow = (browser: Browser): Buffer =>
  rowOf(browser.cookies.get('latchkey_session|/')?.value ?? '');
const codeIn = (reply: Reply): string | null =>
  reply.location ? new URL(reply.location, server.issuer).searchParams.get('code') : null;

// A machine may be too busy to form the queue within the second for which anybody waits in it.
const IN_ORDER = { retry: 3, timeout: 180_000 };

/**
 * Holds one row while the steps begin, each once the one before it waits for the row; then lets
 * go, so that they get their turns in this order.
 */
async function queueBehind<T>(
  lock: { sql: string; values: unknown[] },
  steps: readonly (() => Promise<T>)[],
): Promise<T[]> {
  const holder = new PgClient({ connectionString: server.databaseUrl });
  await holder.connect();
  try {
    await holder.query('BEGIN');
    const held = await holder.query(lock.sql, lock.values);
    expect(held.rowCount).toBe(1);
    const running: Promise<T>[] = [];
    for (const step of steps) {
      running.push(step());
      const queued = async () => {
        const [row] = await database.query(
          `SELECT count(*)::int AS waiting FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return row?.waiting;
      };
      // The first may take its time to get there; then they wait for a second at most
      // (lock_timeout).
      const timeout = running.length === 1 ? 10_000 : 900;
      await expect.poll(queued, { interval: 5, timeout }).toBe(running.length);
    }
    await holder.query('COMMIT');
    return await Promise.all(running);
  } finally {
    await holder.end();
  }
}

const theAccount = () => ({
  sql: 'SELECT 1 FROM accounts WHERE id = $1::uuid FOR UPDATE',
  values: [sub],
});
const theRow = (idHash: Buffer) => ({
  sql: 'SELECT 1 FROM artifacts WHERE id_hash = $1 FOR UPDATE',
  values: [idHash],
});

describe('a revocation meets a refresh', () => {
  test('in whatever order they come, nothing of the family lives', async () => {
    for (let round = 0; round < 15; round += 1) {
      const before = await shopperTokens();
      const [answer] = await Promise.all([
        refresh(before.refresh),
        sleep(Math.random() * 12).then(() => revoke()),
      ]);
      for (const token of [before.access, answer.json.access_token]) {
        if (token) expect(await alive(token)).toBe(false);
      }
      for (const token of [answer.json.refresh_token, before.refresh]) {
        if (token) expect((await refresh(String(token))).json.error).toBe('invalid_grant');
      }
    }
  });

  test(
    'a refresh that has already begun to spend its token brings nothing back',
    IN_ORDER,
    async () => {
      const before = await shopperTokens();
      const [answer] = await queueBehind<Awaited<ReturnType<typeof refresh>> | undefined>(
        theRow(rowOf(before.refresh)),
        [() => refresh(before.refresh), () => revoke().then(() => undefined)],
      );
      expect(answer?.status).toBe(200);
      expect(await alive(answer?.json.access_token)).toBe(false);
      const next = await refresh(String(answer?.json.refresh_token));
      expect(next.json.error).toBe('invalid_grant');
    },
  );
});

describe('a revocation meets a log-in', () => {
  const form = async () => {
    const browser = openBrowser(server);
    const page = await follow(browser, server, await browser.get(authorizeUrl(OFFLINE)));
    return { browser, page };
  };
  /** Goes on after the password: the tokens the browser ends up with, if any. */
  const goOn = async (browser: Browser, reply: Reply) => {
    const code = codeIn(await follow(browser, server, reply));
    return code ? (await redeem(code)).json : {};
  };

  test(
    'a password that was accepted just before gives a session that is dead already',
    IN_ORDER,
    async () => {
      const { browser, page } = await form();
      const [reply] = await queueBehind<Reply | undefined>(theAccount(), [
        () => submitLogin(browser, page, shopper),
        () => revoke().then(() => undefined),
      ]);
      expect(reply?.status).toBe(303);
      const tokens = await goOn(browser, reply as Reply);
      if (tokens.access_token) expect(await alive(tokens.access_token)).toBe(false);
      expect(tokens.refresh_token).toBeUndefined();
      expect(await hasSession(browser)).toBe(false);
    },
  );

  test.each([[['sessions', 'tokens']], [['sessions', 'tokens', 'credentials']]])(
    'a password that was looked at before counts for nothing after: %j',
    IN_ORDER,
    async (what) => {
      const { browser, page } = await form();
      const [, reply] = await queueBehind<Reply | undefined>(theAccount(), [
        () => revoke(what).then(() => undefined),
        () => submitLogin(browser, page, shopper),
      ]);
      expect(reply?.status).toBe(422);
      expect(reply?.body).toContain('name="password"');
      expect(await hasSession(browser)).toBe(false);
    },
  );

  // Credentials that a test took away are there again for the next one.
  afterEach(async () => {
    await database.query(
      `INSERT INTO password_credentials (account_id, hash, changed_at)
       VALUES ($1::uuid, $2, now()) ON CONFLICT DO NOTHING`,
      [sub, hash],
    );
  });
  let hash: unknown;
  beforeAll(async () => {
    const [row] = await database.query(
      'SELECT hash FROM password_credentials WHERE account_id = $1::uuid',
      [sub],
    );
    hash = row?.hash;
  });

  test('a log-in half way through its pages does not outlive it', async () => {
    const { browser, page } = await form();
    const proven = await submitLogin(browser, page, shopper);
    expect(proven.status).toBe(303);
    await revoke();
    const tokens = await goOn(browser, proven);
    if (tokens.access_token) expect(await alive(tokens.access_token)).toBe(false);
    expect(tokens.refresh_token).toBeUndefined();
    expect(await hasSession(browser)).toBe(false);
  });

  test('in a storm of both, only a log-in from after it lives', async () => {
    for (let round = 0; round < 15; round += 1) {
      const attempts = await atOnce(3, form);
      const [replies] = await Promise.all([
        Promise.all(attempts.map(({ browser, page }) => submitLogin(browser, page, shopper))),
        sleep(Math.random() * 120).then(() => revoke()),
      ]);
      const events = await database.query(
        `SELECT id, event FROM audit_events
          WHERE subject_id = $1 AND event IN ('sign_in_succeeded', 'access_revoked')
          ORDER BY id DESC LIMIT 4`,
        [sub],
      );
      const later = events.findIndex(({ event }) => event === 'access_revoked');
      let living = 0;
      for (const [index, { browser }] of attempts.entries()) {
        const tokens = await goOn(browser, replies[index] as Reply);
        const session = await hasSession(browser);
        const token = tokens.access_token ? await alive(tokens.access_token) : false;
        if (session || token) living += 1;
      }
      expect(living).toBe(later);
    }
  });
});

describe('a revocation meets an authorization on a living session', () => {
  test('in whatever order they come, neither code nor session lives', async () => {
    for (let round = 0; round < 12; round += 1) {
      const { browser } = await walk(server, authorizeUrl(OFFLINE));
      const [replies] = await Promise.all([
        atOnce(4, () => twin(browser).get(authorizeUrl({ ...OFFLINE, prompt: 'none' }))),
        sleep(Math.random() * 15).then(() => revoke()),
      ]);
      for (const reply of replies) {
        const code = codeIn(reply);
        if (!code) continue;
        const { json } = await redeem(code);
        if (json.access_token) expect(await alive(json.access_token)).toBe(false);
        expect(json.refresh_token).toBeUndefined();
      }
      expect(await hasSession(browser)).toBe(false);
    }
  });

  test.each(['before', 'after'])(
    'a session that is saved again just %s it stays dead',
    IN_ORDER,
    async (order) => {
      const { browser } = await walk(server, authorizeUrl(OFFLINE));
      const tab = twin(browser);
      const save = () => tab.get(authorizeUrl({ ...OFFLINE, prompt: 'none' }));
      const end = () => revoke().then(() => undefined);
      await queueBehind<Reply | undefined>(
        theRow(sessionRow(browser)),
        order === 'before' ? [save, end] : [end, save],
      );
      expect(await hasSession(tab)).toBe(false);
      expect(await hasSession(browser)).toBe(false);
    },
  );

  test(
    'ending sessions alone ends them, and leaves who stayed logged in by an app',
    IN_ORDER,
    async () => {
      for (const order of ['before', 'after']) {
        const tokens = await shopperTokens();
        const tab = twin(tokens.browser);
        const save = () => tab.get(authorizeUrl({ ...OFFLINE, prompt: 'none' }));
        const end = () => revoke(['sessions']).then(() => undefined);
        await queueBehind<Reply | undefined>(
          theRow(sessionRow(tokens.browser)),
          order === 'before' ? [save, end] : [end, save],
        );
        expect(await hasSession(tab)).toBe(false);
        expect(await alive(tokens.access)).toBe(true);
      }
    },
  );
});

describe('a log-out meets another tab', () => {
  let partner: { client_id: string; client_secret: string };
  beforeAll(async () => {
    const args = ['--redirect-uri', PARTNER, '--scope', 'openid offline_access'];
    partner = await register(server, 'partner-shop', args);
  });
  const logoutForm = async (browser: Browser) => {
    const page = await browser.get('/oauth2/logout');
    const fields = { xsrf: hiddenField(page.body, 'xsrf'), logout: 'yes' };
    return () => browser.post(formAction(page.body, 'xsrf'), fields);
  };

  test.each(['before', 'after'])(
    'a session that the other tab saves just %s it stays dead',
    IN_ORDER,
    async (order) => {
      const { browser } = await walk(server, authorizeUrl());
      const tab = twin(browser);
      const logOut = await logoutForm(browser);
      const save = () => tab.get(authorizeUrl({ prompt: 'none' }));
      const [early, late] = await queueBehind(
        theRow(sessionRow(browser)),
        order === 'before' ? [save, logOut] : [logOut, save],
      );
      expect(await hasSession(tab)).toBe(false);
      expect(await hasSession(browser)).toBe(false);
      const code = codeIn((order === 'before' ? early : late) as Reply);
      if (code) expect((await redeem(code)).json.error).toBe('invalid_grant');
    },
  );

  test.each(['before', 'after'])(
    'a consent that the other tab gives just %s it does not bring the session back',
    IN_ORDER,
    async (order) => {
      const { browser } = await walk(server, authorizeUrl());
      const ask = authorizeUrl({ client_id: 'partner-shop', redirect_uri: PARTNER });
      const page = await follow(browser, server, await browser.get(ask));
      const allowed = await browser.post(page.body.match(/action="([^"]*\/consent)"/)?.[1] ?? '', {
        csrf: hiddenField(page.body, 'csrf'),
      });
      expect(allowed.status).toBe(303);
      const logOut = await logoutForm(browser);
      const tab = twin(browser);
      const goOn = () => tab.get(allowed.location ?? '');
      const [early, late] = await queueBehind(
        theRow(sessionRow(browser)),
        order === 'before' ? [goOn, logOut] : [logOut, goOn],
      );
      expect((order === 'before' ? late : early)?.status).toBe(303);
      expect((order === 'before' ? early : late)?.status).toBeLessThan(500);
      expect(await hasSession(tab)).toBe(false);
      expect(await hasSession(browser)).toBe(false);
      const code = codeIn((order === 'before' ? early : late) as Reply);
      if (code) {
        const answer = await post(
          server,
          '/oauth2/token',
          redemption(code, { client_id: undefined, redirect_uri: PARTNER }),
          { authorization: basic(partner) },
        );
        expect(answer.json.error).toBe('invalid_grant');
      }
    },
  );

  test('in a storm of tabs the log-out holds', async () => {
    for (let round = 0; round < 12; round += 1) {
      const { browser } = await walk(server, authorizeUrl());
      const logOut = await logoutForm(browser);
      const tabs = [twin(browser), twin(browser), twin(browser)];
      const [replies] = await Promise.all([
        Promise.all(tabs.map((tab) => tab.get(authorizeUrl({ prompt: 'none' })))),
        sleep(Math.random() * 12).then(logOut),
      ]);
      for (const [index, tab] of tabs.entries()) {
        expect(await hasSession(tab)).toBe(false);
        const code = codeIn(replies[index] as Reply);
        if (code) expect((await redeem(code)).json.error).toBe('invalid_grant');
      }
    }
  });
});

describe('what one node does, the other knows', () => {
  const seenByOther = async (token: string) =>
    (
      await postToNode(
        other,
        '/oauth2/introspect',
        { token },
        { authorization: basic(demoClient(server, 'orders_api')) },
      )
    ).text;

  test('a revocation here is seen by the very next introspection there', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { access } = await shopperTokens();
      expect(await seenByOther(access)).toContain('"active":true');
      await revoke();
      expect(await seenByOther(access)).toBe('{"active":false}');
    }
  });

  test('a token taken back by its shop here is dead there', async () => {
    const { access, refresh: refreshToken } = await shopperTokens();
    await post(server, '/oauth2/revoke', { client_id: 'demo-storefront', token: refreshToken });
    expect(await seenByOther(access)).toBe('{"active":false}');
  });

  test('a client disabled by an operator is refused by both within a second', {
    timeout: 180_000,
  }, async () => {
    const robot = await register(server, 'robot', ['--allow', `${ORDERS}=orders:read`]);
    const ask = (node: TestServer) =>
      postToNode(
        node,
        '/oauth2/token',
        { grant_type: 'client_credentials' },
        { authorization: basic(robot) },
      );
    const tokens = await Promise.all([server, other].map(ask));
    expect(tokens.map(({ status }) => status)).toEqual([200, 200]);
    await command(server, 'clients', 'disable', 'robot');
    for (const node of [server, other]) {
      await expect.poll(async () => (await ask(node)).status, { timeout: 1_000 }).toBe(401);
    }
    for (const { json } of tokens) {
      expect(await seenByOther(String(json.access_token))).toBe('{"active":false}');
    }
  });

  test('a log-in begun on one node ends on the other', async () => {
    const cookies = new Map<string, string>();
    const visit = async (node: TestServer, path: string, fields?: Record<string, string>) => {
      const reply = await wire(node.port, {
        path,
        ...(fields ? { method: 'POST', body: new URLSearchParams(fields).toString() } : {}),
        headers: {
          host: new URL(server.issuer).host,
          accept: 'text/html',
          cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
          ...(fields ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
        },
      });
      for (const line of reply.headers['set-cookie'] ?? []) {
        const [name = '', value = ''] = (line.split(';')[0] ?? '').split(/=(.*)/s);
        cookies.set(name, value);
      }
      return { ...reply, next: new URL(reply.headers.location ?? '/', server.issuer) };
    };
    const begun = await visit(server, authorizeUrl(OFFLINE));
    const page = await visit(other, begun.next.pathname);
    const proven = await visit(server, formAction(page.text, 'password'), {
      csrf: hiddenField(page.text, 'csrf'),
      login: shopper.email,
      password: shopper.password,
    });
    const done = await visit(other, proven.next.pathname);
    const answer = await redeem(done.next.searchParams.get('code') ?? '');
    expect(answer.status).toBe(200);
    expect(await seenByOther(String(answer.json.access_token))).toContain('"active":true');
  });
});
