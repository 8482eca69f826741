/** A forgotten password at a real server: what strangers learn, and what a link is good for. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  authorizeUrl,
  freshCode,
  ORDERS,
  post,
  postAs,
  redemption,
  wire,
} from '../support/protocol.js';
import { askForLetter, awaitLink, lettersTo, linkIn, openLink } from '../support/recovery.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Browser, follow, type Reply } from '../support/shopper.js';
import {
  browserAt,
  codeOf,
  formWith,
  openLogin,
  openPeople,
  PASSWORD,
  type People,
  type Person,
  sendForm,
  WRONG,
} from '../support/sign-in.js';
import { soon } from '../support/soon.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const NEXT = 'copper lantern hums at midnight';

let server: TestServer;
let people: People;
let nets = 0;

beforeAll(async () => {
  server = await startServer({ env: { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32' } });
  people = await openPeople(server);
});
afterAll(async () => {
  await people?.close();
  await server?.stop();
});

const newAddress = () => {
  nets += 1;
  return `10.${nets >> 8}.${nets & 255}.9`;
};
const newBrowser = (): Browser => browserAt(server, newAddress());
const heading = ({ body }: Reply) =>
  (body.match(/<h1>([\s\S]*?)<\/h1>/)?.[1] ?? '').replace(/<[^>]*>/g, '');
const choose = (browser: Browser, page: Reply, password = NEXT) =>
  sendForm(browser, page, 'new_password', { new_password: password });
const logIn = async (browser: Browser, { email }: Person, password: string) => {
  const page = await openLogin(server, browser);
  return sendForm(browser, page, 'password', { login: email, password });
};
const isIn = (reply: Reply) => reply.status === 303 && !formWith(reply, 'login');
/** A link in a letter of the person's own, in a browser of their own. */
const linkFor = async ({ email }: Person, browser = newBrowser()) => {
  const before = (await lettersTo(server, email)).map(linkIn).filter(Boolean).length;
  expect((await askForLetter(browser, email)).status).toBe(200);
  return awaitLink(server, email, before + 1);
};
const recorded = (event: string, { id }: Person) =>
  people.query(
    'SELECT details, actor_kind, result FROM audit_events WHERE event = $1 AND subject_id = $2 ORDER BY id',
    [event, id],
  );
const countOf = async (tables: readonly string[]): Promise<number[]> => {
  const counts: number[] = [];
  for (const table of tables) {
    counts.push(Number((await people.query(`SELECT count(*)::int AS n FROM ${table}`))[0]?.n));
  }
  return counts;
};

describe('asking for a letter', () => {
  test('the page says the same for known, unknown and disabled addresses', async () => {
    const known = await people.add();
    const disabled = await people.add();
    const staff = await people.add({ staff: true, app: true });
    await people.query("UPDATE accounts SET status = 'disabled' WHERE id = $1", [disabled.id]);
    const logins = [known.email, disabled.email, staff.email, 'nobody@alder-oak.example', '%', 'x'];
    const seen: string[] = [];
    for (const login of logins) {
      const reply = await askForLetter(newBrowser(), login);
      const headers = Object.fromEntries(reply.headers);
      for (const changing of ['date', 'x-request-id', 'set-cookie']) delete headers[changing];
      const nonce = /nonce-([\w-]+)/.exec(headers['content-security-policy'] ?? '')?.[1] ?? '-';
      const shown = JSON.stringify([reply.status, headers, reply.headers.getSetCookie().length]);
      seen.push((shown + reply.body).replaceAll(nonce, 'nonce'));
    }
    expect(new Set(seen).size).toBe(1);
    expect(seen[0]).toContain('<h1>Look into your mailbox</h1>');
    expect(seen[0]).not.toContain('alder-oak.example');
    expect(await awaitLink(server, known.email)).toContain(`${server.issuer}/recovery/`);
    await awaitLink(server, staff.email);
    expect(await lettersTo(server, disabled.email)).toEqual([]);
  });

  test('the database does the same for an unknown name as for a known one', async () => {
    const tables = ['one_time_links', 'audit_events', 'guess_counters'];
    const grown = async (login: string) => {
      const browser = newBrowser();
      await browser.get('/recovery');
      const before = await countOf(tables);
      await askForLetter(browser, login);
      const after = await countOf(tables);
      return after.map((count, at) => count - (before[at] ?? 0));
    };
    const { email } = await people.add();
    const known = [await grown(email), await grown(email), await grown(email), await grown(email)];
    const name = 'somebody.else@alder-oak.example';
    const unknown = [await grown(name), await grown(name), await grown(name), await grown(name)];
    expect(unknown).toEqual(known);
    expect(known[0]?.slice(0, 2)).toEqual([1, 1]);
    expect(known[1]?.slice(0, 2)).toEqual([0, 1]);
  });

  test('an account gets three letters an hour; the page does not tell, the last link works', async () => {
    const mara = await people.add();
    let link = '';
    for (let letters = 1; letters <= 3; letters += 1) link = await linkFor(mara);
    for (let more = 0; more < 3; more += 1) {
      const reply = await askForLetter(newBrowser(), ` ${mara.email.toUpperCase()} `);
      expect([reply.status, heading(reply)]).toEqual([200, 'Look into your mailbox']);
    }
    const reasons = await recorded('password_reset_requested', mara);
    expect(reasons.map(({ details }) => details)).toEqual([
      ...[null, null, null],
      ...Array(3).fill({ reason: 'limit' }),
    ]);
    const page = await openLink(newBrowser(), link);
    expect(heading(page)).toBe('Choose a new password');
    expect((await lettersTo(server, mara.email)).length).toBe(3);
  });

  test('a network gets ten answers an hour and is then told to wait; others go on', async () => {
    const patient = await startServer({
      env: { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32', LATCHKEY_BOT_CHALLENGE: 'off' },
    });
    try {
      // One /64 is one network, whichever of its addresses is used.
      const at = (host: number) => browserAt(patient, `2001:db8:7:7::${host}`);
      for (let turn = 1; turn <= 10; turn += 1) {
        expect((await askForLetter(at(turn), `nobody${turn}@shop.example`)).status).toBe(200);
      }
      const refused = await askForLetter(at(99), 'nobody@shop.example');
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3000);
      expect(refused.body).toContain('Please wait until');
      const other = browserAt(patient, '2001:db8:7:8::1');
      expect((await askForLetter(other, 'nobody@shop.example')).status).toBe(200);
    } finally {
      await patient.stop();
    }
  });

  test('a network that asks often has to show that a browser is there', async () => {
    const browser = newBrowser();
    for (const turn of [1, 2, 3]) {
      expect((await askForLetter(browser, `n${turn}@shop.example`)).status).toBe(200);
    }
    const page = await browser.get('/recovery');
    expect(page.body).toContain('data-puzzle');
    expect(page.headers.get('content-security-policy')).toContain("worker-src 'self'");
    const mara = await people.add();
    const hasty = await sendForm(browser, page, 'login', { login: mara.email, wait_token: '' });
    expect(hasty.status).toBe(422);
    expect(hasty.body).toContain('one short check');
    expect(hasty.body).toContain(`value="${mara.email}"`);
    // Without scripts: waiting is enough, once.
    await new Promise((resolve) => setTimeout(resolve, 5_500));
    const sent = await sendForm(browser, hasty, 'login', { login: mara.email });
    expect([sent.status, heading(sent)]).toEqual([200, 'Look into your mailbox']);
    expect((await sendForm(browser, hasty, 'login', { login: mara.email })).status).toBe(422);
    await awaitLink(server, mara.email);
  });

  test('a form of another site, or of another browser, is refused', async () => {
    const [browser, stranger] = [newBrowser(), newBrowser()];
    const page = await browser.get('/recovery');
    const csrf = page.body.match(/name="csrf" value="([^"]+)"/)?.[1] ?? '';
    const fields = { csrf, login: 'nobody@shop.example' };
    const cross = await browser.post('/recovery', fields, { origin: 'https://evil.example' });
    expect(cross.status).toBe(403);
    expect((await stranger.post('/recovery', fields)).status).toBe(403);
    await stranger.get('/recovery');
    expect((await stranger.post('/recovery', fields)).status).toBe(403);
    expect((await browser.post('/recovery', fields)).status).toBe(200);
  });

  test('the log-in page leads there and back, and the letter names the shop', async () => {
    const mara = await people.add();
    const browser = newBrowser();
    const login = await openLogin(server, browser);
    const href = /href="(\/recovery\?from=[\w-]+)"/.exec(login.body)?.[1] ?? '';
    const page = await browser.get(href);
    expect(page.body).toContain('Alder &amp; Oak');
    const back = /href="(\/signin\/[\w-]+)"/.exec(page.body)?.[1] ?? '';
    expect(heading(await browser.get(back))).toBe(heading(login));
    await sendForm(browser, page, 'login', { login: mara.email });
    const link = await awaitLink(server, mara.email);
    const [letter] = await lettersTo(server, mara.email);
    expect(letter?.subject).toContain('Alder & Oak');

    // In the same browser the log-in goes on; elsewhere there is the shop.
    const elsewhere = newBrowser();
    expect((await openLink(elsewhere, link)).body).toContain('Alder &amp; Oak');
    const done = await follow(
      browser,
      server,
      await choose(browser, await openLink(browser, link)),
    );
    expect(heading(done)).toBe('Your password is changed');
    expect(done.body).toContain(`href="${back}"`);
  });

  test('an interaction that is none brands nothing and leads nowhere', async () => {
    for (const from of ['x', 'A'.repeat(43), '//evil.example', '../x', '"><script>']) {
      const page = await newBrowser().get(`/recovery?from=${encodeURIComponent(from)}`);
      expect(page.status).toBe(200);
      expect(page.body).not.toMatch(/evil\.example|<script>|\/signin\//);
    }
  });
});

describe('the link', () => {
  test('is the issuer’s, whatever host a request claims to come to', async () => {
    const mara = await people.add();
    const browser = newBrowser();
    const page = await browser.get('/recovery');
    const body = new URLSearchParams({
      csrf: page.body.match(/name="csrf" value="([^"]+)"/)?.[1] ?? '',
      login: mara.email,
    }).toString();
    const cookie = [...browser.cookies]
      .map(([name, { value }]) => `${name.split('|')[0]}=${value}`)
      .join('; ');
    const { host } = new URL(server.issuer);
    const send = (headers: Record<string, string>) =>
      wire(server.port, {
        method: 'POST',
        path: '/recovery',
        headers: {
          host,
          cookie,
          accept: 'text/html',
          'content-type': 'application/x-www-form-urlencoded',
          ...headers,
        },
        body,
      });
    // The peer is a trusted proxy here, so what it forwards is looked at, and refused.
    for (const forged of [
      { host: 'evil.example' },
      { 'x-forwarded-host': 'evil.example' },
      { 'x-forwarded-proto': 'https' },
    ]) {
      expect((await send(forged)).status, JSON.stringify(forged)).toBe(421);
    }
    const harmless = [
      { forwarded: 'host=evil.example;proto=https' },
      { 'x-original-host': 'evil.example', 'x-original-url': 'https://evil.example/' },
      { 'x-forwarded-prefix': '/evil.example', 'x-forwarded-port': '4444' },
    ];
    for (const [before, forged] of harmless.entries()) {
      expect((await send(forged)).status, JSON.stringify(forged)).toBe(200);
      // One that is replaced before it left is not sent, so each is waited for.
      await awaitLink(server, mara.email, before + 1);
    }
    for (const letter of await lettersTo(server, mara.email)) {
      expect(linkIn(letter)).toMatch(new RegExp(`^${server.issuer}/recovery/[\\w-]{43}$`));
      expect(JSON.stringify(letter)).not.toContain('evil.example');
    }
  });

  test('leaves the address bar at once, is told to nobody, and survives being looked at', async () => {
    const mara = await people.add();
    const link = await linkFor(mara);
    const token = link.split('/').at(-1) ?? '';
    // A mail scanner, twice, with everything it does.
    for (const scanner of [newBrowser(), newBrowser()]) {
      await wire(server.port, {
        method: 'HEAD',
        path: new URL(link).pathname,
        headers: { host: new URL(server.issuer).host },
      });
      expect(heading(await openLink(scanner, link))).toBe('Choose a new password');
    }
    const browser = newBrowser();
    const moved = await browser.get(new URL(link).pathname);
    expect([moved.status, moved.location]).toEqual([303, '/recovery/new-password']);
    const [cookie = ''] = moved.headers.getSetCookie();
    expect(cookie).toMatch(/path=\/recovery;/i);
    expect(cookie).toMatch(/httponly/i);
    expect(cookie).toMatch(/samesite=lax/i);
    for (const path of [moved.location ?? '', moved.location ?? '']) {
      const page = await browser.get(path);
      expect(page.headers.get('referrer-policy')).toBe('no-referrer');
      expect(page.headers.get('cache-control')).toBe('no-store');
      expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(page.body).not.toContain(token);
      expect(page.body).toContain('autocomplete="new-password"');
      expect(page.body).toContain(`value="${mara.email}"`);
    }
    const done = await choose(browser, await browser.get('/recovery/new-password'));
    expect([done.status, done.location]).toEqual([303, '/recovery/done']);
    expect(server.output()).not.toContain(token);
  });

  test('that was used, is expired, was replaced or never was: one page for all', async () => {
    const [used, late, replaced] = [await people.add(), await people.add(), await people.add()];
    const browser = newBrowser();
    const usedLink = await linkFor(used);
    await choose(browser, await openLink(browser, usedLink));
    const lateLink = await linkFor(late);
    await people.query(
      "UPDATE one_time_links SET expires_at = expires_at - interval '15 minutes' WHERE account_id = $1",
      [late.id],
    );
    const replacedLink = await linkFor(replaced);
    const newest = await linkFor(replaced);
    const seen = new Set<string>();
    for (const link of [
      usedLink,
      lateLink,
      replacedLink,
      `${server.issuer}/recovery/${'A'.repeat(43)}`,
      `${server.issuer}/recovery/x`,
    ]) {
      const page = await openLink(newBrowser(), link);
      expect(page.status).toBe(410);
      const nonce = /nonce="([\w-]+)"/.exec(page.body)?.[1] ?? '-';
      seen.add(page.body.replaceAll(nonce, ''));
    }
    expect(seen.size).toBe(1);
    expect([...seen][0]).toContain('This link no longer works');
    expect([...seen][0]).toContain('href="/recovery"');
    expect((await openLink(newBrowser(), newest)).status).toBe(200);
  });

  test('that dies while its page is open changes nothing', async () => {
    const mara = await people.add();
    const browser = newBrowser();
    const page = await openLink(browser, await linkFor(mara));
    await linkFor(mara);
    expect((await choose(browser, page)).status).toBe(410);
    expect(isIn(await logIn(newBrowser(), mara, PASSWORD))).toBe(true);
  });

  test('of an account that was disabled meanwhile opens nothing', async () => {
    const mara = await people.add();
    const browser = newBrowser();
    const link = await linkFor(mara);
    const page = await openLink(browser, link);
    await people.query("UPDATE accounts SET status = 'disabled' WHERE id = $1", [mara.id]);
    expect((await choose(browser, page)).status).toBe(410);
    expect((await openLink(browser, link)).status).toBe(410);
  });

  test('is not spent by a password that is refused, with the reason', async () => {
    const mara = await people.add();
    const browser = newBrowser();
    let page = await openLink(browser, await linkFor(mara));
    for (const [password, reason] of [
      ['short', 'at least 12 characters'],
      ['password1234', 'most common'],
      [PASSWORD, 'used this password here before'],
      [`${mara.email.split('@')[0]} and more`, 'must not contain'],
    ] as const) {
      page = await choose(browser, page, password);
      expect(page.status).toBe(422);
      expect(page.body).toContain(reason);
      expect(page.body).not.toContain(`value="${password}"`);
    }
    expect((await choose(browser, page)).status).toBe(303);
    const again = await people.query('SELECT hash FROM password_history WHERE account_id = $1', [
      mara.id,
    ]);
    expect(again).toHaveLength(1);
  });

  test('is no place to find out which passwords its owner has used', async () => {
    const mara = await people.add();
    const browser = newBrowser();
    const page = await openLink(browser, await linkFor(mara));
    const tries: number[] = [];
    for (let turn = 0; turn < 21; turn += 1) {
      tries.push((await choose(browser, page, 'short')).status);
    }
    expect(tries).toEqual([...Array(20).fill(422), 410]);
  });

  test('ends when its owner changes the password otherwise', async () => {
    const mara = await people.add();
    const link = await linkFor(mara);
    await people.domain.credentials.setPasswordHash(mara.id, 'another');
    expect((await openLink(newBrowser(), link)).status).toBe(410);
  });
});

describe('after the reset', () => {
  test('nothing from before lives: sessions, codes, tokens, devices', async () => {
    const mara = await people.add();
    const thief = newBrowser();
    const { code, browser } = await freshCode(
      server,
      { scope: 'openid offline_access orders:read', resource: ORDERS },
      { user: mara, browser: thief },
    );
    const tokens = await post(server, '/oauth2/token', redemption(code, { resource: ORDERS }));
    const pending = await freshCode(server, { scope: 'openid' }, { browser });
    const alive = async () =>
      (
        await postAs(server, 'orders_api', '/oauth2/introspect', {
          token: String(tokens.json.access_token),
        })
      ).json.active;
    expect(await alive()).toBe(true);
    expect(await people.domain.risk.listDevices(mara.id)).toHaveLength(1);

    const own = newBrowser();
    const done = await choose(own, await openLink(own, await linkFor(mara)));
    expect(done.status).toBe(303);
    expect(await alive()).toBe(false);
    const refreshed = await post(server, '/oauth2/token', {
      grant_type: 'refresh_token',
      client_id: 'demo-storefront',
      refresh_token: String(tokens.json.refresh_token),
      resource: ORDERS,
    });
    expect(refreshed.json.error).toBe('invalid_grant');
    expect((await post(server, '/oauth2/token', redemption(pending.code))).json.error).toBe(
      'invalid_grant',
    );
    for (const one of [browser, own]) {
      const silent = await one.get(authorizeUrl({ prompt: 'none' }));
      expect(silent.location).toContain('error=login_required');
    }
    expect(await people.domain.risk.listDevices(mara.id)).toEqual([]);
    expect(await recorded('password_reset', mara)).toMatchObject([
      { actor_kind: 'account', result: 'success', details: { devices: 1, sessions: 1 } },
    ]);
    await vi.waitFor(
      async () =>
        expect((await lettersTo(server, mara.email))[0]?.subject).toContain('password was changed'),
      soon,
    );

    expect((await logIn(newBrowser(), mara, PASSWORD)).status).toBe(422);
    expect(isIn(await logIn(newBrowser(), mara, NEXT))).toBe(true);
  });

  test('a sign-in that was half way through with the old password is over', async () => {
    const mara = await people.add({ app: true });
    const thief = newBrowser();
    const half = await logIn(thief, mara, PASSWORD);
    expect(heading(half)).toBe('Enter your code');
    const own = newBrowser();
    await choose(own, await openLink(own, await linkFor(mara)));
    const page = await sendForm(thief, half, 'code', { code: codeOf(mara.secret) });
    expect(isIn(page)).toBe(false);
    expect(formWith(page, 'password')).toBeDefined();
  });

  test('the second factor is still asked for, of shoppers and of staff', async () => {
    for (const mara of [
      await people.add({ app: true }),
      await people.add({ staff: true, app: true }),
    ]) {
      const own = newBrowser();
      await choose(own, await openLink(own, await linkFor(mara)));
      const page = await logIn(own, mara, NEXT);
      expect(heading(page)).toBe('Enter your code');
      expect(isIn(await sendForm(own, page, 'code', { code: codeOf(mara.secret) }))).toBe(true);
    }
  });

  test('a locked owner gets in: the way is on the page of the lock', async () => {
    const mara = await people.add();
    for (let guess = 0; guess < 11; guess += 1) {
      // The challenge would slow this down; the counter is what it is about.
      await people.domain.risk.reserveGuess({
        subject: { accountId: mara.id },
        factor: 'password',
      });
    }
    const browser = newBrowser();
    const locked = await logIn(browser, mara, WRONG);
    expect([locked.status, heading(locked)]).toEqual([429, 'Sign-in is paused']);
    const href = /href="(\/recovery\?from=[\w-]+)">Get in by e-mail/.exec(locked.body)?.[1] ?? '';
    const page = await browser.get(href);
    await sendForm(browser, page, 'login', { login: mara.email });
    const link = await awaitLink(server, mara.email);
    await choose(browser, await openLink(browser, link));
    expect(isIn(await logIn(newBrowser(), mara, NEXT))).toBe(true);
    expect((await recorded('password_reset', mara))[0]?.details).toMatchObject({ counters: 1 });
  });

  test('a lock of wrong codes stays: a mailbox is not worth ten more of them', async () => {
    const mara = await people.add({ app: true });
    const guess = { subject: { accountId: mara.id }, factor: 'code' } as const;
    for (let turn = 0; turn < 10; turn += 1) await people.domain.risk.reserveGuess(guess);
    const browser = newBrowser();
    await choose(browser, await openLink(browser, await linkFor(mara)));
    expect((await people.domain.risk.standingOf(guess)).kind).toBe('locked');
    const page = await logIn(browser, mara, NEXT);
    const locked = await sendForm(browser, page, 'code', { code: codeOf(mara.secret) });
    expect(locked.status).toBe(429);
    expect(locked.body).not.toContain('Get in by e-mail');
  });
});

test('a thief of the database finds no link, in no table and no queue', async () => {
  const mara = await people.add();
  const link = await linkFor(mara);
  const token = link.split('/').at(-1) ?? '';
  const tables = await people.query(
    `SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS name FROM pg_tables
      WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );
  expect(tables.length).toBeGreaterThan(15);
  const forms = [token, Buffer.from(token, 'base64url').toString('hex'), mara.email].map((form) =>
    form.toLowerCase(),
  );
  for (const { name } of tables) {
    for (const { line } of await people.query(`SELECT t::text AS line FROM ${name} t`)) {
      const text = String(line).toLowerCase();
      expect(forms.filter((form) => text.includes(form))).toEqual([]);
    }
  }
  expect(server.output()).not.toContain(token);
});
