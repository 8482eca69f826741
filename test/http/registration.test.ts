/** Creating an account at a real server: what strangers learn, and what a letter is good for. */
import { randomBytes } from 'node:crypto';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { isLegible } from '../support/leaks.js';
import { authorizeUrl, freshCode, post, redemption, wire } from '../support/protocol.js';
import { lettersTo } from '../support/recovery.js';
import {
  askToRegister,
  awaitInvitation,
  openInvitation,
  openRegister,
  typeCode,
} from '../support/registration.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Browser, follow, type Reply } from '../support/shopper.js';
import { browserAt, openLogin, openPeople, type People, sendForm } from '../support/sign-in.js';
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

const newBrowser = (): Browser => {
  nets += 1;
  return browserAt(server, `10.${nets >> 8}.${nets & 255}.9`);
};
const newEmail = () => `${randomBytes(6).toString('hex')}@fernhill.example`;
const heading = ({ body }: Reply) =>
  (body.match(/<h1>([\s\S]*?)<\/h1>/)?.[1] ?? '').replace(/<[^>]*>/g, '');
const choose = (browser: Browser, page: Reply, password = NEXT) =>
  sendForm(browser, page, 'new_password', { new_password: password });
const countOf = async (table: string): Promise<number> =>
  Number((await people.query(`SELECT count(*)::int AS n FROM ${table}`))[0]?.n);
const accountOf = (email: string) => people.domain.identity.findByLogin(email);
const canLogIn = async (email: string, password = NEXT) => {
  const browser = newBrowser();
  const page = await openLogin(server, browser);
  const reply = await sendForm(browser, page, 'password', { login: email, password });
  return reply.status === 303;
};

describe('the whole way', () => {
  test('code, password, and back in the shop, signed in', async () => {
    const email = newEmail();
    const browser = newBrowser();
    const page = await askToRegister(server, browser, ` ${email} `, ' Mara\u2028  Quill ');
    expect(heading(page)).toBe('Look into your mailbox');
    expect(page.body).toContain(email);
    const { code } = await awaitInvitation(server, email);
    expect(await accountOf(email)).toBeUndefined();

    const form = await typeCode(browser, page, `${code.slice(0, 3)} ${code.slice(3)}`);
    expect(heading(form)).toBe('Choose a password');
    const weak = await choose(browser, form, `${email} 2026`);
    expect(weak.status).toBe(422);
    expect(weak.body).toContain('field-error');
    expect(await accountOf(email)).toBeUndefined();
    const back = await follow(browser, server, await choose(browser, weak));
    expect(back.location).toMatch(/^http:\/\/localhost:4000\/callback\?code=/);

    const account = await accountOf(email);
    expect(account).toMatchObject({ kind: 'shopper', status: 'active', emailVerified: true });
    const person = await people.domain.identity.findPerson(account?.id ?? '');
    expect(person).toMatchObject({ email, profile: { name: 'Mara Quill' } });
    const events = await people.query(
      'SELECT event, actor_kind, client_id FROM audit_events WHERE subject_id = $1 ORDER BY id',
      [account?.id],
    );
    expect(events).toMatchObject([
      { event: 'account_created', actor_kind: 'account', client_id: 'demo-storefront' },
      { event: 'sign_in_succeeded' },
    ]);
    // The shop is told that the address is proven: by userinfo and, where asked, the ID token.
    const claims = JSON.stringify({ id_token: { email: null, email_verified: null } });
    const { code: grant } = await freshCode(
      server,
      { scope: 'openid email', claims },
      { user: { email, password: NEXT } },
    );
    const { json } = await post(server, '/oauth2/token', redemption(grant));
    const told = { sub: account?.id, email, email_verified: true };
    const headers = { authorization: `Bearer ${json.access_token}` };
    const userinfo = await fetch(`${server.issuer}/oauth2/userinfo`, { headers });
    expect(await userinfo.json()).toMatchObject(told);
    expect(decodeJwt(String(json.id_token))).toMatchObject(told);
    expect(isLegible(server.output(), code)).toBe(false);
  });

  test('the link in the same browser goes on with the sign-in', async () => {
    const email = newEmail();
    const browser = newBrowser();
    await askToRegister(server, browser, email, 'Mara Quill');
    const { link } = await awaitInvitation(server, email);
    // Twice: looking is free.
    await openInvitation(browser, link);
    const form = await openInvitation(browser, link);
    expect(heading(form)).toBe('Choose a password');
    expect(form.body).not.toContain(link.split('/').at(-1));
    const back = await follow(browser, server, await choose(browser, form));
    expect(back.location).toMatch(/\/callback\?code=/);
    const person = await people.domain.identity.findPerson((await accountOf(email))?.id ?? '');
    expect(person?.profile).toEqual({ name: 'Mara Quill' });
  });

  test('the link in another browser makes the account, signs nobody in, takes no name', async () => {
    const email = newEmail();
    const stranger = newBrowser();
    const waiting = await askToRegister(server, stranger, email, 'A stranger’s joke');
    const { link } = await awaitInvitation(server, email);
    // Mail scanners look first, and twice.
    for (const scanner of [newBrowser(), newBrowser()]) {
      const path = new URL(link).pathname;
      const { host } = new URL(server.issuer);
      await wire(server.port, { method: 'HEAD', path, headers: { host } });
      expect(heading(await openInvitation(scanner, link))).toBe('Choose a password');
    }
    const browser = newBrowser();
    const moved = await browser.get(new URL(link).pathname);
    expect([moved.status, moved.location]).toEqual([303, '/register/password']);
    const [cookie = ''] = moved.headers.getSetCookie();
    expect(cookie).toMatch(/path=\/register;.*samesite=lax;.*httponly/i);
    const form = await browser.get('/register/password');
    expect(form.body).not.toContain(link.split('/').at(-1));
    const done = await follow(browser, server, await choose(browser, form));
    expect(heading(done)).toBe('Your account is ready');
    expect([...browser.cookies.keys()].join()).not.toMatch(/session/i);

    const person = await people.domain.identity.findPerson((await accountOf(email))?.id ?? '');
    expect(person).toMatchObject({ emailVerified: true, profile: {} });
    expect(await canLogIn(email)).toBe(true);
    // Whoever asked gets nothing of it, and the link is used up.
    expect((await typeCode(stranger, waiting, '000000')).status).toBe(410);
    const silent = await stranger.get(authorizeUrl({ prompt: 'none' }));
    expect(silent.location).toContain('error=login_required');
    expect((await openInvitation(newBrowser(), link)).status).toBe(410);
  });
});

describe('strangers', () => {
  test('see the same for new, existing, disabled and staff addresses', async () => {
    const known = await people.add();
    const disabled = await people.add();
    const staff = await people.add({ staff: true, app: true });
    await people.query("UPDATE accounts SET status = 'disabled' WHERE id = $1", [disabled.id]);
    const fresh = `${randomBytes(6).toString('hex')}@alder-oak.example`;
    const tables = ['registrations', 'audit_events', 'guess_counters'];
    const seen = new Set<string>();
    for (const email of [known.email, disabled.email, staff.email, fresh]) {
      const browser = newBrowser();
      const form = await openRegister(server, browser);
      const before = await Promise.all(tables.map(countOf));
      const sent = await sendForm(browser, form, 'email', { email });
      const grown = (await Promise.all(tables.map(countOf))).map((n, at) => n - (before[at] ?? 0));
      const page = await browser.get(sent.location ?? '');
      const wrong = await typeCode(browser, page, '1234567');
      const shown = [sent, page, wrong].map((reply) => {
        const headers = Object.fromEntries(reply.headers);
        for (const changing of ['date', 'x-request-id', 'set-cookie']) delete headers[changing];
        const nonce = /nonce-([\w-]+)/.exec(headers['content-security-policy'] ?? '')?.[1] ?? '-';
        const cookies = reply.headers.getSetCookie().length;
        return JSON.stringify([reply.status, headers, cookies, reply.body]).replaceAll(nonce, '');
      });
      const uid = /signin\/([\w-]+)/.exec(sent.location ?? '')?.[1] ?? '';
      const text = JSON.stringify([grown, ...shown]);
      seen.add(
        text
          .replaceAll(email, '')
          .replaceAll(uid, '')
          .replace(/name=\\+"csrf\\+" value=\\+"[\w-]+/g, '')
          .replace(/"content-length":"\d+"/g, ''),
      );
    }
    expect(seen.size).toBe(1);
    await awaitInvitation(server, fresh);
    expect((await lettersTo(server, fresh)).length).toBe(1);
    expect(await lettersTo(server, disabled.email)).toEqual([]);
  });

  test('make no difference to an owner, who is told', async () => {
    const mara = await people.add();
    const before = await people.query('SELECT * FROM accounts WHERE id = $1', [mara.id]);
    const browser = newBrowser();
    await askToRegister(server, browser, mara.email.toUpperCase(), 'Somebody else');
    const letter = await vi.waitFor(async () => {
      const [newest] = await lettersTo(server, mara.email);
      if (!newest) throw new Error('no letter yet');
      return newest;
    }, soon);
    expect(letter.subject).toBe('You already have an account at Alder & Oak');
    expect(letter.text).toContain(`${server.issuer}/recovery`);
    expect(letter.text).not.toMatch(/\d{3} \d{3}|\/register\//);
    expect(await people.query('SELECT * FROM accounts WHERE id = $1', [mara.id])).toEqual(before);
    expect(await canLogIn(mara.email, mara.password)).toBe(true);
  });

  test('have five tries; then the right code and the link are void as well', async () => {
    const email = newEmail();
    const browser = newBrowser();
    const page = await askToRegister(server, browser, email);
    const { code, link } = await awaitInvitation(server, email);
    const wrong = code === '111111' ? '222222' : '111111';
    for (let turn = 1; turn <= 4; turn += 1) {
      const reply = await typeCode(browser, page, wrong);
      expect([reply.status, reply.body.includes('That code is not right')]).toEqual([422, true]);
    }
    expect((await typeCode(browser, page, wrong)).status).toBe(410);
    expect((await typeCode(browser, page, code)).status).toBe(410);
    expect((await openInvitation(browser, link)).status).toBe(410);
    expect((await openInvitation(newBrowser(), link)).status).toBe(410);
    expect(await accountOf(email)).toBeUndefined();
    const voids = await people.query(
      "SELECT 1 FROM audit_events WHERE event = 'registration_void'",
    );
    expect(voids.length).toBeGreaterThan(0);
  });

  test('cannot use a code in another browser, nor a password page without a proof', async () => {
    const email = newEmail();
    const browser = newBrowser();
    await askToRegister(server, browser, email);
    const { code } = await awaitInvitation(server, email);
    const other = newBrowser();
    const page = await askToRegister(server, other, newEmail());
    expect((await typeCode(other, page, code)).status).toBe(422);
    const path = /action="([^"]+\/register)\/code"/.exec(page.body)?.[1] ?? '';
    expect((await other.get(`${path}/password`)).status).toBe(410);
    expect((await browser.get(`${path}/password`)).status).toBe(400);
  });

  test('get no account for an address whose letter is old or was replaced', async () => {
    const email = newEmail();
    const [first, second] = [newBrowser(), newBrowser()];
    const older = await askToRegister(server, first, email);
    const old = await awaitInvitation(server, email);
    const newer = await askToRegister(server, second, email);
    const now = await awaitInvitation(server, email, 2);
    expect((await typeCode(first, older, old.code)).status).toBe(410);
    expect((await openInvitation(newBrowser(), old.link)).status).toBe(410);
    await people.query(
      "UPDATE registrations SET expires_at = expires_at - interval '15 minutes' WHERE used_at IS NULL",
    );
    expect((await typeCode(second, newer, now.code)).status).toBe(410);
    expect((await openInvitation(newBrowser(), now.link)).status).toBe(410);
    expect(await accountOf(email)).toBeUndefined();
  });

  test('fill no mailbox: three letters an hour and address, and the page does not tell', async () => {
    const email = newEmail();
    for (let turn = 1; turn <= 5; turn += 1) {
      const page = await askToRegister(server, newBrowser(), email);
      expect([page.status, heading(page)]).toEqual([200, 'Look into your mailbox']);
      // One that is replaced before it left is not sent.
      if (turn <= 3) await awaitInvitation(server, email, turn);
    }
    const { link } = await awaitInvitation(server, email, 3);
    expect(heading(await openInvitation(newBrowser(), link))).toBe('Choose a password');
    expect((await lettersTo(server, email)).length).toBe(3);
  });

  test('of a busy network show that a browser is there, and are told to wait', async () => {
    const browser = newBrowser();
    for (const turn of [1, 2, 3]) {
      expect((await askToRegister(server, browser, newEmail())).status, `${turn}`).toBe(200);
    }
    const page = await openRegister(server, browser);
    expect(page.body).toContain('data-puzzle');
    const email = newEmail();
    let reply = await sendForm(browser, page, 'email', { email, wait_token: '' });
    expect([reply.status, reply.body.includes('one short check')]).toEqual([422, true]);
    expect(reply.body).toContain(`value="${email}"`);
    for (let turn = 0; turn < 7; turn += 1) {
      reply = await sendForm(browser, page, 'email', { email, wait_token: '' });
    }
    expect(reply.status).toBe(429);
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(3000);
  });

  test('get nowhere with addresses that are none, or with forms of another site', async () => {
    const browser = newBrowser();
    const page = await openRegister(server, browser);
    for (const email of ['', 'mara', 'a@b@c', 'mara @fernhill.example']) {
      const reply = await sendForm(browser, page, 'email', { email, name: 'Mara' });
      expect([email, reply.status]).toEqual([email, 422]);
      expect(reply.body).toContain('Enter an address such as');
      expect(reply.body).toContain('value="Mara"');
    }
    const action = /action="([^"]+\/register)"/.exec(page.body)?.[1] ?? '';
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.body)?.[1] ?? '';
    const fields = { csrf, email: newEmail() };
    const evil = await browser.post(action, fields, { origin: 'https://evil.example' });
    expect(evil.status).toBe(403);
    expect((await browser.post(action, { ...fields, csrf: 'x' })).status).toBe(403);
    expect((await newBrowser().post(action, fields)).status).toBe(400);
    expect((await browser.post(action, fields)).status).toBe(303);
  });
});

test('letters lead to the issuer, whatever host a request claims to come to', async () => {
  const email = newEmail();
  const browser = newBrowser();
  const page = await openRegister(server, browser);
  const path = /action="([^"]+\/register)"/.exec(page.body)?.[1] ?? '';
  const csrf = /name="csrf" value="([^"]+)"/.exec(page.body)?.[1] ?? '';
  const cookie = [...browser.cookies]
    .filter(([, value]) => path.startsWith(value.path))
    .map(([name, { value }]) => `${name.split('|')[0]}=${value}`)
    .join('; ');
  const { host } = new URL(server.issuer);
  const send = (headers: Record<string, string>) =>
    wire(server.port, {
      method: 'POST',
      path,
      headers: {
        host,
        cookie,
        accept: 'text/html',
        'content-type': 'application/x-www-form-urlencoded',
        ...headers,
      },
      body: new URLSearchParams({ csrf, email }).toString(),
    });
  for (const forged of [{ host: 'evil.example' }, { 'x-forwarded-host': 'evil.example' }]) {
    expect((await send(forged)).status, JSON.stringify(forged)).toBe(421);
  }
  expect((await send({ forwarded: 'host=evil.example;proto=https' })).status).toBe(303);
  const { link } = await awaitInvitation(server, email);
  expect(link).toMatch(new RegExp(`^${server.issuer}/register/[\\w-]{43}$`));
  expect(JSON.stringify(await lettersTo(server, email))).not.toContain('evil.example');
});

test('somebody was quicker: the page says so, and nothing of theirs changes', async () => {
  const email = newEmail();
  const browser = newBrowser();
  const page = await askToRegister(server, browser, email);
  const { code } = await awaitInvitation(server, email);
  const form = await typeCode(browser, page, code);
  const quick = await people.add({ email });
  const reply = await choose(browser, form);
  expect(heading(reply)).toBe('You already have an account');
  expect(await canLogIn(email, quick.password)).toBe(true);
  expect(await canLogIn(email)).toBe(false);
});

test('a client that takes no newcomers has no such page, also when it changes its mind', async () => {
  const email = newEmail();
  const browser = newBrowser();
  await askToRegister(server, browser, email);
  const { link } = await awaitInvitation(server, email);
  const open = await openRegister(server, browser);
  const path = /action="([^"]+\/register)"/.exec(open.body)?.[1] ?? '';
  const off = await server.cli(['clients', 'sign-up', 'demo-storefront', 'off']);
  expect(off.code).toBe(0);
  try {
    await vi.waitFor(async () => expect((await browser.get(path)).status).toBe(404));
    expect((await openLogin(server, newBrowser())).body).not.toContain('Create an account');
    expect((await openInvitation(newBrowser(), link)).status).toBe(410);
    expect((await browser.get(`${path}/code`)).status).toBe(404);
    expect((await browser.get(`${path}/password`)).status).toBe(404);
  } finally {
    await server.cli(['clients', 'sign-up', 'demo-storefront', 'on']);
  }
  await vi.waitFor(async () => expect((await browser.get(path)).status).toBe(200));
  expect((await server.cli(['clients', 'sign-up', 'latchkey-account', 'on'])).code).toBe(1);
  expect((await server.cli(['clients', 'sign-up', 'demo-orders-api', 'on'])).code).toBe(1);
  expect((await server.cli(['clients', 'sign-up', 'nobody', 'on'])).code).toBe(1);
  expect((await server.cli(['clients', 'sign-up', 'demo-storefront', 'yes'])).code).toBe(2);
});

test('a dump of the table yields neither address nor code nor link', async () => {
  const email = newEmail();
  await askToRegister(server, newBrowser(), email, 'Mara Quill');
  const { code, link } = await awaitInvitation(server, email);
  const rows = await people.query('SELECT r::text AS line FROM registrations r');
  const jobs = await people.query(
    'SELECT payload::text AS line FROM graphile_worker._private_jobs',
  );
  const dump = JSON.stringify([rows, jobs]);
  expect(isLegible(dump, code)).toBe(false);
  expect(dump).not.toContain(Buffer.from(code).toString('hex'));
  // Five letters in a row are not that rare in sealed payloads.
  expect(isLegible(dump, 'Quill')).toBe(false);
  for (const secret of [email, link.split('/').at(-1) ?? '', 'Mara Quill']) {
    expect(dump).not.toContain(secret);
    expect(dump).not.toContain(Buffer.from(secret).toString('hex'));
  }
  expect(dump).not.toContain(Buffer.from('Quill').toString('hex'));
});
