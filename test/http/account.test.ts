/** People looking after their own account at a real server: who may, and what it changes. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Owner, ownerAt } from '../support/account.js';
import {
  authorizeUrl,
  command,
  freshCode,
  ORDERS,
  post,
  postAs,
  postToNode,
  redemption,
  wire,
} from '../support/protocol.js';
import { startServer, startTwoNodes, type TestServer } from '../support/server.js';
import { adminToken, type Browser, hiddenField, openBrowser } from '../support/shopper.js';
import { browserAt, openPeople, PASSWORD, type People, WRONG } from '../support/sign-in.js';
import { soon } from '../support/soon.js';

vi.setConfig({ testTimeout: 40_000, hookTimeout: 60_000 });

const NEXT = 'copper lantern hums at midnight';
const env = { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32', LATCHKEY_BOT_CHALLENGE: 'off' };

let server: TestServer;
let other: TestServer;
let people: People;
let nets = 0;

beforeAll(async () => {
  [server, other] = await startTwoNodes(env);
  people = await openPeople(server);
});
afterAll(async () => {
  await people.close();
  await other.stop();
  await server.stop();
});

const newBrowser = (): Browser => {
  nets += 1;
  return browserAt(server, `10.${nets >> 8}.${nets & 255}.9`);
};
const someone = async (options: Parameters<People['add']>[0] = {}): Promise<Owner> =>
  ownerAt(server, people, newBrowser(), await people.add(options));
const elsewhere = (owner: Owner): Owner => ownerAt(server, people, newBrowser(), owner.person);

const heading = ({ body }: { body: string }) =>
  (body.match(/<h1>([\s\S]*?)<\/h1>/)?.[1] ?? '').replace(/<[^>]*>/g, '');
const notice = ({ body }: { body: string }) =>
  (body.match(/<div class="notice[^>]*>[\s\S]*?<p>([\s\S]*?)<\/p>/)?.[1] ?? '').trim();
const fieldErrors = ({ body }: { body: string }) =>
  [...body.matchAll(/class="field-error"[\s\S]*?<\/div><\/div>/g)].map(([text]) =>
    text
      .replace(/<[^>]*>|class="field-error"[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim(),
  );
const recorded = (event: string, { person }: Owner) =>
  people.query(
    'SELECT details, actor_kind FROM audit_events WHERE event = $1 AND subject_id = $2 ORDER BY id',
    [event, person.id],
  );
const letters = async ({ person }: Owner): Promise<string[]> => {
  const all = (await (await fetch(`${server.issuer}/dev/mailbox.json`)).json()) as {
    to: string;
    subject: string;
  }[];
  return all.filter(({ to }) => to.includes(person.email)).map(({ subject }) => subject);
};
/** The account page on the other node, with this browser's cookies. */
const onOtherNode = (browser: Browser, path = '/account') =>
  wire(other.port, {
    path,
    headers: {
      host: new URL(server.issuer).host,
      accept: 'text/html',
      cookie: [...browser.cookies]
        .map(([name, { value }]) => `${name.split('|')[0]}=${value}`)
        .join('; '),
    },
  });
const shopTokens = async (owner: Owner, password = PASSWORD) => {
  const { code } = await freshCode(
    server,
    { scope: 'openid offline_access orders:read', resource: ORDERS },
    { user: { email: owner.person.email, password } },
  );
  const { json } = await post(server, '/oauth2/token', redemption(code, { resource: ORDERS }));
  return { access: String(json.access_token), refresh: String(json.refresh_token) };
};
const refresh = (token: string) =>
  post(server, '/oauth2/token', {
    grant_type: 'refresh_token',
    client_id: 'demo-storefront',
    refresh_token: token,
    resource: ORDERS,
  });
const isAlive = async (token: string) =>
  (await postAs(server, 'orders_api', '/oauth2/introspect', { token })).json.active;

describe('coming to the account pages', () => {
  test('a stranger signs in and gets the page they asked for', async () => {
    const mara = await someone();
    const first = await mara.browser.get('/account/devices');
    expect(first.status).toBe(303);
    // Nothing of the request stands in the address: it was pushed.
    const at = new URL(first.location ?? '');
    expect([...at.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);
    const page = await mara.answer(first);
    expect([page.status, heading(page)]).toEqual([200, 'Devices']);
    expect(page.body).toContain('This one');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page.headers.get('cache-control')).toBe('no-store');
    const home = await mara.browser.get('/account');
    expect(home.status).toBe(200);
    expect(home.body).toContain(mara.person.email);
  });

  test('what the browser holds is no token, and what the database holds is no cookie', async () => {
    const mara = await someone();
    await mara.open();
    const cookie = mara.browser.cookies.get('latchkey_account|/')?.value ?? '';
    expect(cookie.length).toBeGreaterThan(80);
    const rows = await people.query(
      'SELECT encode(id_hash, $2) AS hash, payload::text FROM artifacts WHERE account_id = $1',
      [mara.person.id, 'base64'],
    );
    for (const { hash, payload } of rows) {
      expect(String(payload)).not.toContain(cookie.slice(0, 24));
      const forged = openBrowser(server);
      for (const value of [String(hash), Buffer.from(String(hash), 'base64').toString('base64url')])
        forged.cookies.set('latchkey_account|/', { value, path: '/' });
      expect((await forged.get('/account')).status).toBe(303);
    }
  });

  test('a cookie without its signature, or altered, is none', async () => {
    const mara = await someone();
    await mara.open();
    const value = mara.browser.cookies.get('latchkey_account|/')?.value ?? '';
    const signature = mara.browser.cookies.get('latchkey_account.sig|/')?.value ?? '';
    for (const [cookie, sig] of [
      [value, ''],
      [`${value.slice(0, -4)}AAAA`, signature],
    ]) {
      const thief = openBrowser(server);
      thief.cookies.set('latchkey_account|/', { value: cookie ?? '', path: '/' });
      if (sig) thief.cookies.set('latchkey_account.sig|/', { value: sig, path: '/' });
      expect((await thief.get('/account')).status).toBe(303);
    }
  });

  test.each([
    '/account//evil.example',
    '/account/\\evil.example',
    '/account/%5Cevil.example',
    '/account/@evil.example',
    '/account/%0d%0aLocation:%20evil.example',
    '/account/..%2F..%2Fevil',
    '/account/',
    '/ACCOUNT',
  ])('there is no page %s to be sent back to', async (path) => {
    const reply = await wire(server.port, {
      path,
      headers: { host: new URL(server.issuer).host, accept: 'text/html' },
    });
    expect(reply.status).toBe(404);
    expect(reply.headers.location).toBeUndefined();
  });

  test('an address to return to cannot be passed along', async () => {
    const mara = await someone();
    const page = await mara.open('/account?returnTo=//evil.example&return_to=https://evil.example');
    expect(heading(page)).toBe('Your account');
    expect(page.body).not.toContain('evil.example');
  });

  test('an answer that this browser never asked for is refused', async () => {
    const mara = await someone();
    const code = (await mara.browser.get('/account')).location;
    expect(code).toBeDefined();
    for (const query of ['?code=abc&state=made-up', '?error=access_denied', '']) {
      const reply = await openBrowser(server).get(`/account/callback${query}`);
      expect([reply.status, heading(reply)]).toEqual([400, 'This sign-in has ended']);
    }
  });

  test('whoever goes back from the sign-in is told so, and can begin again', async () => {
    const mara = await someone();
    const signIn = await mara.browser.get((await mara.browser.get('/account')).location ?? '');
    const page = await mara.browser.get(signIn.location ?? '');
    const csrf = hiddenField(page.body, 'csrf');
    const cancelled = await mara.browser.post(
      `${new URL(signIn.location ?? '', server.issuer).pathname}/cancel`,
      { csrf },
    );
    const end = await mara.answer(cancelled);
    expect([end.status, heading(end)]).toEqual([403, 'You are not signed in']);
    expect(end.body).toContain('href="/account"');
  });

  test('is over at once on every node when an administrator ends the sessions', async () => {
    const mara = await someone();
    await mara.open();
    expect((await onOtherNode(mara.browser)).status).toBe(200);
    const ended = await fetch(`${server.issuer}/admin/api/v1/users/${mara.person.id}/revocations`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await adminToken(server)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ what: ['sessions'], reason: 'a test' }),
    });
    expect(ended.status).toBe(200);
    expect((await onOtherNode(mara.browser)).status).toBe(303);
    expect((await mara.browser.get('/account')).status).toBe(303);
    const asked = await mara.browser.get((await mara.browser.get('/account')).location ?? '');
    expect(asked.location).toMatch(/^\/signin\/|\/signin\//);
  });

  test('is over when its owner signs out, and when the account is disabled', async () => {
    const mara = await someone();
    const page = await mara.open();
    const question = await mara.browser.get((await mara.send(page, 'csrf')).location ?? '');
    expect(heading(question)).toBe('Sign out of Your account?');
    expect((await mara.browser.get('/account')).status).toBe(303);

    const otto = await someone();
    await otto.open();
    await command(server, 'users', 'disable', otto.person.id);
    expect((await otto.browser.get('/account')).status).toBe(303);
  });

  test('signing out anywhere signs out here', async () => {
    const mara = await someone();
    await mara.open();
    const kept = mara.browser.cookies.get('latchkey_account|/');
    const question = await mara.browser.get('/oauth2/logout?client_id=demo-storefront');
    const xsrf = hiddenField(question.body, 'xsrf');
    await mara.browser.post('/oauth2/logout/confirm', { xsrf, logout: 'yes' });
    expect(mara.browser.cookies.get('latchkey_account|/')).toEqual(kept);
    expect((await mara.browser.get('/account')).status).toBe(303);
  });

  test('a token that has run out is renewed without a question', async () => {
    const mara = await someone();
    await mara.open();
    await people.query(
      "UPDATE artifacts SET expires_at = now() - interval '1 second' WHERE kind = 'AccessToken' AND account_id = $1",
      [mara.person.id],
    );
    const reply = await mara.browser.get('/account/devices');
    expect(reply.status).toBe(303);
    const asked = await mara.browser.get(reply.location ?? '');
    expect(asked.location).toContain('/account/callback?code=');
    expect(heading(await mara.answer(asked))).toBe('Devices');
  });
});

describe('forms', () => {
  test('of another site, or without the page’s token, do nothing', async () => {
    const mara = await someone();
    const page = await mara.open('/account/password');
    const csrf = hiddenField(page.body, 'csrf');
    const fields = { current_password: PASSWORD, new_password: NEXT };
    const forged: [Record<string, string>, Record<string, string>][] = [
      [{ ...fields, csrf }, { origin: 'https://evil.example' }],
      [{ ...fields, csrf }, { 'sec-fetch-site': 'cross-site' }],
      [fields, {}],
      [{ ...fields, csrf: 'AAAA' }, {}],
    ];
    for (const [values, headers] of forged) {
      expect((await mara.browser.post('/account/password', values, headers)).status).toBe(403);
    }
    // The token of one account is none for another.
    const otto = await someone();
    await otto.open();
    expect((await otto.browser.post('/account/password', { ...fields, csrf })).status).toBe(403);
    expect(await recorded('password_changed', mara)).toEqual([]);
  });

  test('that come too late lose nothing but what is secret', async () => {
    const mara = await someone();
    const page = await mara.open('/account/password');
    await mara.grow(305);
    const late = await mara.send(page, 'new_password', {
      current_password: PASSWORD,
      new_password: NEXT,
    });
    expect(late.status).toBe(303);
    const asked = await mara.browser.get(late.location ?? '');
    expect(asked.location).toContain('/signin/');
    const back = await mara.answer(asked);
    expect(heading(back)).toBe('Change your password');
    expect(notice(back)).toContain('had to sign in again');
    expect(back.body).not.toContain(NEXT);
    expect(await recorded('password_changed', mara)).toEqual([]);
    // It is said once.
    expect(notice(await mara.browser.get('/account/password'))).toBe('');
  });

  test('that come after the session was ended lead back to the page', async () => {
    const mara = await someone();
    const page = await mara.open('/account/password');
    await command(server, 'users', 'revoke', mara.person.id);
    const late = await mara.send(page, 'new_password', {
      current_password: PASSWORD,
      new_password: NEXT,
    });
    const back = await mara.answer(late);
    expect([heading(back), notice(back)]).toEqual([
      'Change your password',
      expect.stringContaining('nothing was changed yet'),
    ]);
  });

  test('a sign-in as somebody else does not go on with what was begun', async () => {
    const mara = await someone();
    const otto = await someone();
    await mara.open();
    await mara.grow(305);
    const asked = await mara.browser.get('/account/password');
    const page = await ownerAt(server, people, mara.browser, otto.person).answer(asked);
    expect(page.body).toContain(otto.person.email);
    expect(notice(page)).toContain('another account');
  });
});

describe('a proof that is fresh', () => {
  test('is asked for when the last one is older than five minutes', async () => {
    const mara = await someone();
    expect(heading(await mara.open('/account/password'))).toBe('Change your password');
    await mara.grow(305);
    expect((await mara.browser.get('/account')).status).toBe(200);
    const asked = await mara.browser.get('/account/password');
    expect(asked.status).toBe(303);
    const page = await mara.browser.get(
      (await mara.browser.get(asked.location ?? '')).location ?? '',
    );
    expect(page.body).toContain('name="password"');
    // Who it is need not be typed again, and stands in no address.
    expect(page.body).toContain(`value="${mara.person.email}"`);
    expect(asked.location).not.toContain('alder-oak');
    expect(heading(await mara.open('/account/password'))).toBe('Change your password');
  });

  test('takes the second factor where there is one, from a remembered device as well', async () => {
    const mara = await someone({ app: true });
    await mara.open('/account', true);
    const kept = [...mara.browser.cookies].filter(([name]) => name.includes('device'));
    mara.browser.cookies.clear();
    for (const [name, cookie] of kept) mara.browser.cookies.set(name, cookie);
    // The password alone gets in here, and is not enough to change anything.
    expect(heading(await mara.open('/account'))).toBe('Your account');
    const asked = await mara.browser.get('/account/password');
    expect(asked.status).toBe(303);
    expect(heading(await mara.answer(asked))).toBe('Change your password');
    const [last] = (await recorded('sign_in_succeeded', mara)).slice(-1);
    expect(last?.details).toMatchObject({ acr: 'urn:latchkey:acr:2' });
  });
});

describe('changing the password', () => {
  test('signs everybody else out and keeps this browser signed in', async () => {
    const mara = await someone({ app: true });
    const tablet = elsewhere(mara);
    await tablet.open('/account', true);
    await people.query('UPDATE totp_credentials SET last_step = 0 WHERE account_id = $1', [
      mara.person.id,
    ]);
    await mara.open('/account', true);
    const before = await mara.changePassword(NEXT);
    expect(before.status).toBe(303);
    const home = await mara.answer(before);
    expect(home.status).toBe(200);
    expect(notice(home)).toContain('Your password is changed');
    // No question was asked on the way: the session lives.
    const silent = await mara.browser.get(authorizeUrl({ prompt: 'none' }));
    expect(silent.location).toContain('code=');

    expect((await tablet.browser.get('/account')).status).toBe(303);
    const gone = await tablet.browser.get(authorizeUrl({ prompt: 'none' }));
    expect(gone.location).toContain('error=login_required');
    const trusted = await people.query(
      'SELECT 1 FROM known_devices WHERE account_id = $1 AND mfa_trusted_until IS NOT NULL',
      [mara.person.id],
    );
    expect(trusted).toEqual([]);
    const [event] = await recorded('password_changed', mara);
    expect(event).toMatchObject({ actor_kind: 'account', details: { kept: true, distrusted: 2 } });
    await expect
      .poll(() => letters(mara), soon)
      .toContainEqual(expect.stringContaining('password was changed'));

    // The old one opens nothing, the new one does.
    mara.browser.cookies.clear();
    const refused = await mara.open();
    expect(refused.status).toBe(422);
    mara.nowUses({ password: NEXT });
    expect(heading(await mara.open())).toBe('Your account');
  });

  test('ends the tokens of shops, and theirs in this browser too', async () => {
    const mara = await someone();
    const shop = await shopTokens(mara);
    await mara.open();
    expect(await isAlive(shop.access)).toBe(true);
    await mara.answer(await mara.changePassword(NEXT));
    expect(await isAlive(shop.access)).toBe(false);
    expect((await refresh(shop.refresh)).json).toMatchObject({ error: 'invalid_grant' });
  });

  test('says what was proven and no more: the next change takes the code again', async () => {
    const mara = await someone({ app: true });
    await mara.open('/account/password');
    await mara.answer(await mara.changePassword(NEXT));
    mara.nowUses({ password: NEXT });
    const asked = await mara.browser.get('/account/authenticators/remove');
    expect(asked.status).toBe(303);
    const next = await mara.browser.get(asked.location ?? '');
    expect(next.location).toContain('/signin/');
  });

  test('with a wrong one is refused, and counts where log-ins count', async () => {
    const mara = await someone();
    let page = await mara.open('/account/password');
    for (let turn = 1; turn <= 10; turn += 1) {
      page = await mara.send(page, 'new_password', { current_password: WRONG, new_password: NEXT });
      expect([page.status, turn]).toEqual([422, turn]);
      expect(fieldErrors(page)).toEqual(['This is not your current password.']);
    }
    const locked = await mara.changePassword(NEXT);
    expect(locked.status).toBe(429);
    expect(Number(locked.headers.get('retry-after'))).toBeGreaterThan(1700);
    expect(locked.body).not.toContain('name="new_password"');
    expect(await recorded('password_change_refused', mara)).toHaveLength(10);
    // The same counter: this browser cannot log in either, a new one is a stranger with its own.
    const kept = [...mara.browser.cookies].filter(([name]) => name.includes('device'));
    mara.browser.cookies.clear();
    for (const [name, cookie] of kept) mara.browser.cookies.set(name, cookie);
    expect((await mara.open()).status).toBe(429);
  });

  test('takes back the guesses before a right one', async () => {
    const mara = await someone();
    let page = await mara.open('/account/password');
    for (let turn = 1; turn <= 9; turn += 1) {
      page = await mara.send(page, 'new_password', { current_password: WRONG, new_password: NEXT });
    }
    const done = await mara.answer(
      await mara.send(page, 'new_password', { current_password: PASSWORD, new_password: NEXT }),
    );
    expect(notice(done)).toContain('Your password is changed');
    mara.nowUses({ password: NEXT });
    mara.browser.cookies.clear();
    expect((await mara.open()).status).toBe(200);
  });

  test('says in words why a new one will not do', async () => {
    const mara = await someone({ email: `rosalind.${Date.now()}@alder-oak.example` });
    const refusals: [string, RegExp][] = [
      ['short', /at least 12 characters/],
      ['a'.repeat(129), /at most 128 characters/],
      ['passwordpassword', /most common|too easy to guess/],
      ['hello from rosalind today', /must not contain your name, your e-mail/],
      ['abcabcabcabc', /too easy to guess|most common/],
      [PASSWORD, /used this password here before/],
    ];
    for (const [next, words] of refusals) {
      const page = await mara.changePassword(next);
      expect([page.status, next]).toEqual([422, next]);
      expect(fieldErrors(page).join(' ')).toMatch(words);
      expect(page.body).not.toContain(`value="${next}"`);
    }
    expect(await recorded('password_changed', mara)).toEqual([]);
  });

  test('refuses the last five, and takes one from longer ago', async () => {
    const mara = await someone();
    const used = [PASSWORD];
    const change = async (next: string) => mara.changePassword(next, used.at(-1));
    for (let turn = 1; turn <= 5; turn += 1) {
      const next = `marble fox ${turn} sings to the harbour`;
      const done = await mara.answer(await change(next));
      expect(notice(done)).toContain('Your password is changed');
      used.push(next);
      mara.nowUses({ password: next });
    }
    for (const before of used.slice(1)) {
      expect(fieldErrors(await change(before)).join(' ')).toContain('used this password');
    }
    const done = await mara.answer(await change(PASSWORD));
    expect(notice(done)).toContain('Your password is changed');
  }, 90_000);

  test('works for staff alike', async () => {
    const nora = await someone({ staff: true, app: true });
    const done = await nora.answer(await nora.changePassword(NEXT));
    expect(notice(done)).toContain('Your password is changed');
  });

  test('done twenty times at once counts once', async () => {
    const mara = await someone();
    const page = await mara.open('/account/password');
    const csrf = hiddenField(page.body, 'csrf');
    const nexts = Array.from({ length: 20 }, (_, turn) => `${NEXT} number ${turn}`);
    const cookie = [...mara.browser.cookies]
      .map(([name, { value }]) => `${name.split('|')[0]}=${value}`)
      .join('; ');
    const replies = await Promise.all(
      nexts.map((next, turn) =>
        postToNode(
          { issuer: server.issuer, port: turn % 2 ? other.port : server.port },
          '/account/password',
          { csrf, current_password: PASSWORD, new_password: next },
          { cookie, accept: 'text/html' },
        ),
      ),
    );
    // Some are locked out of the counter, some too many for the queue, some overtaken.
    expect(replies.filter(({ status }) => status === 500)).toEqual([]);
    expect(await recorded('password_changed', mara)).toHaveLength(1);
    const history = await people.query('SELECT 1 FROM password_history WHERE account_id = $1', [
      mara.person.id,
    ]);
    expect(history).toHaveLength(1);
    const fits = [];
    for (const next of nexts) {
      const check = await people.domain.credentials.checkPassword(mara.person.id, next);
      if (check.kind === 'right') fits.push(next);
    }
    expect(fits).toHaveLength(1);
    mara.nowUses({ password: fits[0] ?? '' });
    expect((await mara.open()).status).toBe(200);
  }, 90_000);
});

describe('behind a proxy that ends TLS', () => {
  test('the pages ask this server from within, and their cookies are for https alone', async () => {
    const issuer = 'https://id.shop.example';
    const proxied = await startServer({
      env: { ...env, LATCHKEY_ISSUER: issuer, LATCHKEY_SEED: 'none' },
    });
    try {
      const forwarded = {
        host: 'id.shop.example',
        accept: 'text/html',
        'x-forwarded-proto': 'https',
        'x-forwarded-for': '203.0.113.7',
      };
      const reply = await wire(proxied.port, { path: '/account', headers: forwarded });
      expect([reply.status, String(reply.headers.location)]).toEqual([
        303,
        expect.stringMatching(/^https:\/\/id\.shop\.example\/oauth2\/authorize\?/),
      ]);
      for (const cookie of reply.headers['set-cookie'] ?? []) {
        expect(cookie).toMatch(/^__Host-latchkey_account_signin/);
        expect(cookie).toMatch(/; path=\/; .*samesite=lax; secure; httponly/i);
      }
      // Somebody else's name in the address is nobody's here either.
      const foreign = await wire(proxied.port, {
        path: '/account',
        headers: { ...forwarded, host: 'evil.example' },
      });
      expect(foreign.status).toBe(421);
    } finally {
      await proxied.stop();
    }
  });
});

describe('an operator', () => {
  test('who switches the client off does it clearly, and can take it back', async () => {
    const mara = await someone();
    await mara.open();
    await command(server, 'clients', 'disable', 'latchkey-account');
    try {
      await expect
        .poll(async () => {
          const reply = await mara.browser.get('/account');
          return [reply.status, heading(reply)];
        })
        .toEqual([403, 'The account pages are switched off']);
    } finally {
      await command(server, 'clients', 'enable', 'latchkey-account');
    }
    // What is issued within the second in which a client was enabled is dead, to be safe.
    await expect
      .poll(async () => (await (await someone()).open()).status, { interval: 500, timeout: 10_000 })
      .toBe(200);
  });
});
