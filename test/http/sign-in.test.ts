/** Signing in at a real server, page by page: what has to be proven, and what guessing costs. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { authorizeUrl, command, ORDERS, post, postAs, redemption } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { adminToken, type Browser, follow, hiddenField, type Reply } from '../support/shopper.js';
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
  wrongCodeOf,
} from '../support/sign-in.js';
import { soon } from '../support/soon.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const ONE = { acr: 'urn:latchkey:acr:1', amr: ['pwd'] };
const TWO = { acr: 'urn:latchkey:acr:2', amr: ['pwd', 'otp', 'mfa'] };
const SHOP = { scope: 'openid orders:read', resource: ORDERS };

let server: TestServer;
let people: People;
let nets = 0;

beforeAll(async () => {
  // Every browser comes from a network of its own, so that only what a test means is counted.
  const env = { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32', LATCHKEY_BOT_CHALLENGE: 'off' };
  server = await startServer({ env });
  people = await openPeople(server);
});
afterAll(async () => {
  await people.close();
  await server.stop();
});

const newBrowser = (at: TestServer = server): Browser => {
  nets += 1;
  return browserAt(at, `10.${nets >> 8}.${nets & 255}.7`);
};

const sendPassword = (browser: Browser, page: Reply, person: Person, password = PASSWORD) =>
  sendForm(browser, page, 'password', { login: person.email, password });

/** Up to the page after the password. */
async function enter(browser: Browser, person: Person, changes = {}): Promise<Reply> {
  return sendPassword(browser, await openLogin(server, browser, changes), person);
}

const callbackOf = async (browser: Browser, reply: Reply): Promise<URL> => {
  const last = await follow(browser, server, reply);
  if (!last.location) throw new Error(`not sent to the client: ${last.status} ${last.body}`);
  return new URL(last.location);
};

/** What the client learns about the log-in, from the ID token. */
async function claimsOf(browser: Browser, reply: Reply, changes = {}) {
  const callback = await callbackOf(browser, reply);
  const code = callback.searchParams.get('code');
  if (!code) throw new Error(`no code: ${callback}`);
  const answer = await post(server, '/oauth2/token', redemption(code, changes));
  if (answer.status !== 200) throw new Error(answer.text);
  return { claims: decodeJwt(String(answer.json.id_token)), tokens: answer.json };
}

/** Lets the present code count again, as time would. */
const nextCode = ({ id }: Person) =>
  people.query('UPDATE totp_credentials SET last_step = 0 WHERE account_id = $1', [id]);

const guess = async (browser: Browser, login: string, password: string): Promise<Reply> => {
  const page = await openLogin(server, browser);
  return sendForm(browser, page, 'password', { login, password });
};

const isLoggedIn = async (browser: Browser): Promise<boolean> => {
  const silent = await browser.get(authorizeUrl({ prompt: 'none' }));
  return new URL(silent.location ?? '').searchParams.has('code');
};

const letters = async (to: string): Promise<{ subject: string; text: string }[]> => {
  const all = (await (await fetch(`${server.issuer}/dev/mailbox.json`)).json()) as {
    to: string;
    subject: string;
    text: string;
  }[];
  return all.filter((letter) => letter.to.includes(to));
};

const recorded = (event: string, { id }: Person) =>
  people.query(
    'SELECT details FROM audit_events WHERE event = $1 AND subject_id = $2 ORDER BY id',
    [event, id],
  );

describe('an account with an authenticator app', () => {
  let mara: Person;
  beforeEach(async () => {
    mara = await people.add({ app: true });
  });

  test('is asked for a code, and its tokens say so', async () => {
    const browser = newBrowser();
    const asked = await enter(browser, mara, SHOP);
    expect(asked.status).toBe(200);
    expect(asked.body).toContain('autocomplete="one-time-code"');
    const done = await sendForm(browser, asked, 'code', { code: codeOf(mara.secret) });
    expect(done.status).toBe(303);
    const { claims, tokens } = await claimsOf(browser, done, { resource: ORDERS });
    expect(claims).toMatchObject({ sub: mara.id, ...TWO });
    expect(claims.auth_time).toBeTypeOf('number');
    const token = String(tokens.access_token);
    const seen = await postAs(server, 'orders_api', '/oauth2/introspect', { token });
    expect(seen.json).toMatchObject({ active: true, acr: TWO.acr, auth_time: claims.auth_time });
  });

  test('is led to the page of the code, so that reloading it sends no password', async () => {
    const browser = newBrowser();
    const login = await openLogin(server, browser);
    const posted = await browser.post(
      formWith(login, 'password')?.match(/action="([^"]*)"/)?.[1] ?? '',
      {
        csrf: hiddenField(login.body, 'csrf'),
        login: mara.email,
        password: PASSWORD,
      },
    );
    expect([posted.status, posted.body.includes('one-time-code')]).toEqual([303, false]);
    expect(posted.location).toMatch(/^\/signin\/[\w-]+$/);
    for (let turn = 0; turn < 2; turn += 1) {
      const page = await browser.get(posted.location ?? '');
      expect([page.status, formWith(page, 'code') !== undefined]).toEqual([200, true]);
    }
  });

  test('has neither session nor code before the second factor', async () => {
    const browser = newBrowser();
    const asked = await enter(browser, mara);
    expect([...browser.cookies.keys()].filter((name) => name.includes('session'))).toEqual([]);
    expect([...browser.cookies.keys()].filter((name) => name.includes('device'))).toEqual([]);
    expect(await isLoggedIn(browser)).toBe(false);
    // Going on without it leads back to the question.
    const uid = formWith(asked, 'code')?.match(/\/signin\/([\w-]+)\/code/)?.[1] ?? '';
    expect(uid).not.toBe('');
    const resumed = await follow(browser, server, await browser.get(`/oauth2/authorize/${uid}`));
    expect(resumed.location ?? '').not.toContain('code=');
  });

  test('does not take the same code twice', async () => {
    const code = codeOf(mara.secret);
    const first = newBrowser();
    const done = await sendForm(first, await enter(first, mara), 'code', { code });
    expect(done.status).toBe(303);
    const second = newBrowser();
    const again = await sendForm(second, await enter(second, mara), 'code', { code });
    expect(again.status).toBe(422);
    expect(again.body).toContain('used already');
    expect(await isLoggedIn(second)).toBe(false);
  });

  test('starts over after five wrong codes, and the sixth is not looked at', async () => {
    const browser = newBrowser();
    const login = await openLogin(server, browser);
    let page = await sendPassword(browser, login, mara);
    const asked = page;
    for (let turn = 0; turn < 4; turn += 1) {
      page = await sendForm(browser, page, 'code', { code: wrongCodeOf(mara.secret) });
      expect([page.status, turn]).toEqual([422, turn]);
      expect(formWith(page, 'code')).toBeDefined();
    }
    page = await sendForm(browser, page, 'code', { code: wrongCodeOf(mara.secret) });
    expect([page.status, page.body]).toEqual([410, expect.stringContaining('has ended')]);
    const late = await sendForm(browser, asked, 'code', { code: codeOf(mara.secret) });
    expect(late.status).toBe(410);
    expect(await isLoggedIn(browser)).toBe(false);
    // The right password does not bring the void interaction back to life.
    expect((await sendPassword(browser, login, mara)).status).toBe(410);
    // The page leads back to the shop.
    const back = await callbackOf(browser, await sendForm(browser, page, 'csrf', {}));
    expect(back.searchParams.get('error')).toBe('access_denied');
    // Another interaction does: nobody is shut out by five typing errors.
    const other = newBrowser();
    const fresh = await enter(other, mara);
    const done = await sendForm(other, fresh, 'code', { code: codeOf(mara.secret) });
    expect(done.status).toBe(303);
  });

  test('locks after ten wrong codes, whatever the password does in between', async () => {
    for (let turn = 0; turn < 10; turn += 1) {
      const browser = newBrowser();
      const asked = await enter(browser, mara);
      const refused = await sendForm(browser, asked, 'code', { code: wrongCodeOf(mara.secret) });
      expect([refused.status, turn]).toEqual([422, turn]);
    }
    const browser = newBrowser();
    const asked = await enter(browser, mara);
    const locked = await sendForm(browser, asked, 'code', { code: codeOf(mara.secret) });
    expect(locked.status).toBe(429);
    expect(Number(locked.headers.get('retry-after'))).toBeGreaterThan(1700);
  });

  test('lets a recovery code stand in once, and tells the owner', async () => {
    const [code = '', other = ''] = await people.domain.credentials.replaceRecoveryCodes(mara.id);
    const withCode = async (browser: Browser, recoveryCode: string) => {
      const asked = await enter(browser, mara);
      const href = asked.body.match(/href="([^"]*use=recovery)"/)?.[1] ?? '';
      const page = await browser.get(href);
      return sendForm(browser, page, 'recovery_code', { recovery_code: recoveryCode });
    };
    const first = newBrowser();
    const done = await withCode(first, code);
    expect(done.status).toBe(303);
    expect((await claimsOf(first, done)).claims).toMatchObject(TWO);
    const second = newBrowser();
    const again = await withCode(second, code);
    expect(again.status).toBe(422);
    expect(await isLoggedIn(second)).toBe(false);
    // Small letters without dashes are the same code.
    const third = newBrowser();
    expect((await withCode(third, other.toLowerCase().replaceAll('-', ''))).status).toBe(303);
    expect(await recorded('recovery_code_used', mara)).toHaveLength(2);
    await expect
      .poll(async () => (await letters(mara.email)).length, soon)
      .toBeGreaterThanOrEqual(2);
  });

  test('is not asked again on a device it told to be remembered', async () => {
    const browser = newBrowser();
    const asked = await enter(browser, mara);
    expect(asked.body).toContain('name="remember"');
    const code = codeOf(mara.secret);
    const done = await sendForm(browser, asked, 'code', { code, remember: 'yes' });
    expect(done.status).toBe(303);
    // Only the device stays; the session does not.
    const kept = [...browser.cookies].filter(([name]) => name.includes('device'));
    browser.cookies.clear();
    for (const [name, cookie] of kept) browser.cookies.set(name, cookie);
    const again = await enter(browser, mara);
    expect(again.status).toBe(303);
    // True to what happened: a remembered device proves nothing.
    expect((await claimsOf(browser, again)).claims).toMatchObject(ONE);
    const elsewhere = newBrowser();
    expect(formWith(await enter(elsewhere, mara), 'code')).toBeDefined();

    // Who asks for two factors gets two factors, from this device and this session too.
    await nextCode(mara);
    const stepUp = await openLogin(server, browser, { acr_values: TWO.acr });
    const second = await sendPassword(browser, stepUp, mara);
    expect(formWith(second, 'code')).toBeDefined();
    const up = await sendForm(browser, second, 'code', { code: codeOf(mara.secret) });
    expect((await claimsOf(browser, up)).claims).toMatchObject(TWO);
    const silent = await browser.get(authorizeUrl({ acr_values: TWO.acr, prompt: 'none' }));
    expect(new URL(silent.location ?? '').searchParams.has('code')).toBe(true);
  });

  test('hears at the client that what nobody can prove cannot be had', async () => {
    const browser = newBrowser();
    const reply = await browser.get(authorizeUrl({ acr_values: 'urn:latchkey:acr:phrh' }));
    const callback = await callbackOf(browser, reply);
    expect(callback.searchParams.get('error')).toBe('unmet_authentication_requirements');
  });
});

describe('staff', () => {
  test('without an app set one up before anything else', async () => {
    const email = `${randomBytes(5).toString('hex')}@alder-oak.example`;
    const made = await command(server, 'users', 'create', email, '--staff', '--json');
    const { id, password } = JSON.parse(made) as { id: string; password: string };
    const nora: Person = { id, email, password, secret: '' };
    const browser = newBrowser();
    const login = await openLogin(server, browser);
    let page = await sendPassword(browser, login, nora, password);
    expect(page.status).toBe(200);
    const secret = page.body.match(/data-copy="([A-Z2-7]{32})"/)?.[1] ?? '';
    expect(secret).not.toBe('');
    expect(page.body).toContain('<svg');
    expect(await isLoggedIn(browser)).toBe(false);
    // Loading the page again sends nothing again, and shows the same key.
    const uid = page.body.match(/\/signin\/([\w-]+)\/enrolment/)?.[1] ?? '';
    expect((await browser.get(`/signin/${uid}`)).body).toContain(secret);

    page = await sendForm(browser, page, 'code', { code: wrongCodeOf(secret) });
    expect(page.status).toBe(422);
    expect(page.body).toContain(secret);

    page = await sendForm(browser, page, 'code', { code: codeOf(secret) });
    const reloaded = await browser.get(`/signin/${uid}`);
    const codes = [...page.body.matchAll(/<li><code dir="ltr">([^<]+)<\/code>/g)].map(
      ([, code]) => code,
    );
    expect(new Set(codes).size).toBe(10);
    expect(reloaded.body).toContain(codes[9]);
    expect(await isLoggedIn(browser)).toBe(false);
    const unseen = await sendForm(browser, page, 'saved', {});
    expect(unseen.location).toBeUndefined();
    expect(unseen.body).toContain(codes[0]);

    const done = await sendForm(browser, page, 'saved', { saved: 'yes' });
    expect(done.status).toBe(303);
    expect((await claimsOf(browser, done)).claims).toMatchObject({ sub: id, ...TWO });
    expect(await recorded('second_factor_added', nora)).toHaveLength(1);
  });

  test('are never remembered', async () => {
    const otto = await people.add({ staff: true, app: true });
    const browser = newBrowser();
    const asked = await enter(browser, otto);
    expect(asked.body).not.toContain('name="remember"');
    const code = codeOf(otto.secret);
    const done = await sendForm(browser, asked, 'code', { code, remember: 'yes' });
    expect(done.status).toBe(303);
    for (const name of [...browser.cookies.keys()]) {
      if (!name.includes('device')) browser.cookies.delete(name);
    }
    expect(formWith(await enter(browser, otto), 'code')).toBeDefined();
  });
});

describe('a scope that asks for two factors', () => {
  test('makes a shopper who came with one prove the other', async () => {
    await people.query(
      "UPDATE resource_scopes SET required_acr = 'urn:latchkey:acr:2' WHERE name = 'cart:write'",
    );
    const lena = await people.add({ app: true });
    const device = newBrowser();
    const code = codeOf(lena.secret);
    await sendForm(device, await enter(device, lena), 'code', { code, remember: 'yes' });
    for (const name of [...device.cookies.keys()]) {
      if (!name.includes('device')) device.cookies.delete(name);
    }
    const plain = await enter(device, lena, SHOP);
    expect((await claimsOf(device, plain)).claims).toMatchObject(ONE);
    await nextCode(lena);
    const cart = { scope: 'openid orders:read cart:write', resource: ORDERS };
    const asked = await sendPassword(device, await openLogin(server, device, cart), lena);
    expect(formWith(asked, 'code')).toBeDefined();
    const done = await sendForm(device, asked, 'code', { code: codeOf(lena.secret) });
    expect((await claimsOf(device, done)).claims).toMatchObject(TWO);
  });
});

describe('guessing at one account', () => {
  /** What a stranger can tell answers apart by. */
  const shape = (reply: Reply, login: string) => ({
    status: reply.status,
    headers: [...reply.headers]
      .filter(([name]) => !['date', 'x-request-id', 'set-cookie'].includes(name))
      .map(([name, value]) => [name, value.replace(/nonce-[\w+/=-]+/g, 'nonce')])
      .map(([name, value]) => [name, name === 'retry-after' ? '' : value]),
    body: reply.body
      .replaceAll(login, 'login')
      .replace(/nonce="[^"]*"/g, '')
      .replace(/\/signin\/[\w-]+|\?from=[\w-]+/g, '')
      .replace(/name="csrf" value="[^"]*"/g, '')
      .replace(/[0-9a-f-]{36}/g, '')
      .replace(/in \d+ minutes|\d\d:\d\d UTC/g, ''),
  });

  async function burn(login: string, times = 10): Promise<Reply[]> {
    const replies: Reply[] = [];
    for (let turn = 0; turn < times; turn += 1) {
      replies.push(await guess(newBrowser(), login, WRONG));
    }
    return replies;
  }

  test('ends after ten, also for the right password, and for names that nobody has', async () => {
    const person = await people.add();
    const nobody = `${randomBytes(6).toString('hex')}@alder-oak.example`;
    const known = await burn(person.email);
    const unknown = await burn(nobody);
    expect(known.map(({ status }) => status)).toEqual(Array(10).fill(422));
    known.push(await guess(newBrowser(), person.email, PASSWORD));
    unknown.push(await guess(newBrowser(), nobody, PASSWORD));
    expect(known[10]?.status).toBe(429);
    const wait = Number(known[10]?.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(1700);
    expect(wait).toBeLessThanOrEqual(1800);
    for (const [turn, reply] of known.entries()) {
      expect(shape(reply, person.email)).toEqual(shape(unknown[turn] as Reply, nobody));
    }
  });

  test('may go on when the lock has opened by itself', async () => {
    const person = await people.add();
    await burn(person.email);
    expect((await guess(newBrowser(), person.email, PASSWORD)).status).toBe(429);
    await people.query(
      `UPDATE guess_counters SET window_ends = now() - interval '1 second',
              locked_until = now() - interval '1 second' WHERE locked_until IS NOT NULL`,
    );
    expect((await guess(newBrowser(), person.email, PASSWORD)).status).toBe(303);
  });

  test('may go on when an operator or an administrator opens the lock', async () => {
    const person = await people.add();
    await burn(person.email);
    await command(server, 'users', 'unlock', person.email);
    expect((await guess(newBrowser(), person.email, PASSWORD)).status).toBe(303);
    await burn(person.email);
    expect((await guess(newBrowser(), person.email, PASSWORD)).status).toBe(429);
    const unlocked = await fetch(`${server.issuer}/admin/api/v1/users/${person.id}/unlock`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await adminToken(server)}` },
    });
    expect(unlocked.status).toBe(204);
    expect((await guess(newBrowser(), person.email, PASSWORD)).status).toBe(303);
    expect(await recorded('account_unlocked', person)).toHaveLength(2);
  });

  test('does not shut the owner out of a device they have used before', async () => {
    const owner = await people.add();
    const home = newBrowser();
    expect((await enter(home, owner)).status).toBe(303);
    for (const name of [...home.cookies.keys()]) {
      if (!name.includes('device')) home.cookies.delete(name);
    }
    await burn(owner.email);
    expect((await guess(newBrowser(), owner.email, PASSWORD)).status).toBe(429);
    expect((await enter(home, owner)).status).toBe(303);
  });

  test('is counted together however the name is written', async () => {
    const person = await people.add();
    const spellings = [
      person.email,
      person.email.toUpperCase(),
      ` ${person.email}`,
      `${person.email}\t`,
      person.email.replace('alder', 'ALDER'),
    ];
    const own = `zoë-${randomBytes(4).toString('hex')}@alder-oak.example`;
    const unknown = [own, own.normalize('NFD'), own.toUpperCase(), ` ${own} `, own];
    for (const names of [spellings, unknown]) {
      for (const name of [...names, ...names]) {
        expect((await guess(newBrowser(), name, WRONG)).status).toBe(422);
      }
      for (const name of names) {
        expect((await guess(newBrowser(), name, PASSWORD)).status).toBe(429);
      }
    }
  });

  test('with more than a password can have is refused like any other', async () => {
    const person = await people.add();
    const [plain] = await burn(person.email, 1);
    for (const long of ['x'.repeat(129), 'x'.repeat(20_000)]) {
      const reply = await guess(newBrowser(), person.email, long);
      expect(shape(reply, person.email)).toEqual(shape(plain as Reply, person.email));
    }
  });
});

describe('a log-in that is out of the ordinary', () => {
  const suspicions = async (person: Person) =>
    (await recorded('login_suspicious', person)).map(
      ({ details }) => (details as { why: string }).why,
    );
  const told = (person: Person) =>
    expect.poll(async () => (await letters(person.email)).length, soon);

  test('after failures is recorded, and the owner gets a letter', async () => {
    const person = await people.add();
    for (let turn = 0; turn < 5; turn += 1) await guess(newBrowser(), person.email, WRONG);
    expect((await enter(newBrowser(), person)).status).toBe(303);
    expect(await suspicions(person)).toEqual(['after_failures']);
    await told(person).toBe(1);
  });

  test('on a new device is too, and the first one of all is not', async () => {
    const person = await people.add();
    expect((await enter(newBrowser(), person)).status).toBe(303);
    expect(await suspicions(person)).toEqual([]);
    expect((await enter(newBrowser(), person)).status).toBe(303);
    expect(await suspicions(person)).toEqual(['new_device new_network']);
    await told(person).toBe(1);
  });
});

describe('where the challenge is on', () => {
  let careful: TestServer;
  beforeAll(async () => {
    const env = { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32' };
    careful = await startServer({ like: server, env });
  });
  afterAll(async () => {
    await careful.stop();
  });

  const looked = async (person: Person) => (await recorded('sign_in_refused', person)).length;

  test('three failures bring it up, and without an answer no password is looked at', async () => {
    const person = await people.add();
    const browser = newBrowser(careful);
    const tell = (page: Reply, password: string, waitToken: string) =>
      sendForm(browser, page, 'password', {
        login: person.email,
        password,
        wait_token: waitToken,
      });
    let page = await openLogin(careful, browser);
    for (let turn = 0; turn < 3; turn += 1) {
      expect(page.body).not.toContain('wait_token');
      page = await sendPassword(browser, page, person, WRONG);
      expect(page.status).toBe(422);
    }
    const first = hiddenField(page.body, 'wait_token');
    expect(page.body).toContain('data-puzzle');
    expect(await looked(person)).toBe(3);

    const unanswered = await tell(page, PASSWORD, '');
    expect(unanswered.status).toBe(422);
    expect(unanswered.body).toContain('one short check');
    const second = hiddenField(unanswered.body, 'wait_token');
    const early = await tell(page, PASSWORD, second);
    expect(early.body).toContain('one short check');
    const madeUp = await tell(page, PASSWORD, `${second.slice(0, -4)}AAAA`);
    expect(madeUp.body).toContain('one short check');
    expect(await looked(person)).toBe(3);

    await sleep(6_100);
    // Somebody else cannot spend it: it was made for this interaction.
    const other = newBrowser(careful);
    const elsewhere = await sendForm(other, await openLogin(careful, other), 'password', {
      login: person.email,
      password: PASSWORD,
      wait_token: second,
    });
    expect(elsewhere.status).toBe(422);
    expect(elsewhere.body).toContain('one short check');

    const wrong = await tell(page, WRONG, first);
    expect(wrong.body).toContain('is not right');
    expect(await looked(person)).toBe(4);
    const spent = await tell(page, PASSWORD, first);
    expect(spent.body).toContain('one short check');
    expect(await looked(person)).toBe(4);
    expect((await tell(page, PASSWORD, second)).status).toBe(303);
  });
});
