/** What somebody might try who knows how sign-in works: each way round, and that it is closed. */

import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { authorizeUrl, command, post, redemption, register } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { adminToken, type Browser, demoClient, follow, type Reply } from '../support/shopper.js';
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

const TWO = 'urn:latchkey:acr:2';

let server: TestServer;
let careful: TestServer;
let people: People;
let nets = 0;

beforeAll(async () => {
  const env = { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32' };
  server = await startServer({ env: { ...env, LATCHKEY_BOT_CHALLENGE: 'off' } });
  careful = await startServer({ like: server, env });
  people = await openPeople(server);
});
afterAll(async () => {
  await people.close();
  await careful.stop();
  await server.stop();
});

const newBrowser = (at: TestServer = server): Browser => {
  nets += 1;
  return browserAt(at, `10.7.${nets}.9`);
};

const enter = async (browser: Browser, person: Person, changes = {}, password = PASSWORD) =>
  sendForm(browser, await openLogin(server, browser, changes), 'password', {
    login: person.email,
    password,
  });

/** Logs in, with a code where one is asked. */
async function logIn(
  browser: Browser,
  person: Person,
  changes = {},
  more: Record<string, string> = {},
): Promise<URL> {
  let reply = await enter(browser, person, changes);
  if (formWith(reply, 'code')) {
    reply = await sendForm(browser, reply, 'code', { code: codeOf(person.secret), ...more });
  }
  reply = await follow(browser, server, reply);
  return new URL(reply.location ?? 'about:blank');
}

const nextCode = ({ id }: Person) =>
  people.query('UPDATE totp_credentials SET last_step = 0 WHERE account_id = $1', [id]);

const recorded = async (event: string, { id }: Person) =>
  people.query(
    'SELECT details FROM audit_events WHERE event = $1 AND subject_id = $2 ORDER BY id',
    [event, id],
  );

const subjectsTo = async ({ email }: Person): Promise<string[]> => {
  const all = (await (await fetch(`${server.issuer}/dev/mailbox.json`)).json()) as {
    to: string;
    subject: string;
  }[];
  return all.filter(({ to }) => to.includes(email)).map(({ subject }) => subject);
};

const shows = (reply: Reply, field: string) => formWith(reply, field) !== undefined;

describe('a strong demand', () => {
  const claims = (acr: object) => JSON.stringify({ id_token: { acr } });

  test('is not weakened by a weak acr_values beside it', async () => {
    const lena = await people.add({ app: true });
    const browser = newBrowser();
    // One factor, from a device that is remembered.
    await logIn(browser, lena, {}, { remember: 'yes' });
    for (const name of [...browser.cookies.keys()]) {
      if (!name.includes('device')) browser.cookies.delete(name);
    }
    await logIn(browser, lena);
    for (const acr of [
      { essential: true, value: TWO },
      { essential: true, values: [TWO] },
    ]) {
      for (const acr_values of ['urn:latchkey:acr:1', `urn:latchkey:acr:1 ${TWO}`]) {
        const request = { claims: claims(acr), acr_values };
        const asked = await follow(browser, server, await browser.get(authorizeUrl(request)));
        expect(shows(asked, 'password')).toBe(true);
        const silent = await browser.get(authorizeUrl({ ...request, prompt: 'none' }));
        const told = new URL(silent.location ?? '').searchParams;
        expect([told.get('code'), told.get('error')]).toEqual([null, 'login_required']);
      }
    }
    // The page asks for what is demanded, and the log-in reaches it.
    await nextCode(lena);
    const strong = {
      claims: claims({ essential: true, value: TWO }),
      acr_values: 'urn:latchkey:acr:1',
    };
    const callback = await logIn(browser, lena, strong);
    const { json } = await post(
      server,
      '/oauth2/token',
      redemption(callback.searchParams.get('code') ?? ''),
    );
    expect(decodeJwt(String(json.id_token)).acr).toBe(TWO);
  });

  test('that is no list is an invalid request', async () => {
    const request = { claims: claims({ essential: true, values: TWO }) };
    const reply = await newBrowser().get(authorizeUrl(request));
    expect(new URL(reply.location ?? '').searchParams.get('error')).toBe('invalid_request');
  });

  test('for a fresh log-in is not met by a password from a while ago', async () => {
    const lena = await people.add({ app: true });
    const browser = newBrowser();
    const asked = await enter(browser, lena);
    await people.query(
      `UPDATE sign_in_attempts
          SET proven = jsonb_set(proven, '{0,at}', to_jsonb((proven->0->>'at')::int - 500))
        WHERE account_id = $1`,
      [lena.id],
    );
    const done = await sendForm(browser, asked, 'code', { code: codeOf(lena.secret) });
    const callback = new URL((await follow(browser, server, done)).location ?? 'about:blank');
    const { json } = await post(
      server,
      '/oauth2/token',
      redemption(callback.searchParams.get('code') ?? ''),
    );
    const { auth_time } = decodeJwt(String(json.id_token)) as { auth_time: number };
    expect(auth_time).toBeLessThanOrEqual(Date.now() / 1000 - 490);
    const fresh = await follow(
      browser,
      server,
      await browser.get(authorizeUrl({ max_age: '300' })),
    );
    expect(shows(fresh, 'password')).toBe(true);
  });
});

describe('somebody who guessed the password of an account with an app', () => {
  test('is told of when they got the code as well', async () => {
    const mara = await people.add({ app: true });
    for (let turn = 0; turn < 6; turn += 1) await enter(newBrowser(), mara, {}, WRONG);
    await logIn(newBrowser(), mara);
    const [event] = await recorded('login_suspicious', mara);
    expect(event).toMatchObject({ details: { why: 'after_failures' } });
    await expect
      .poll(() => subjectsTo(mara), soon)
      .toEqual([expect.stringContaining('New sign-in')]);
  });

  test('is told of when they did not', async () => {
    const mara = await people.add({ app: true });
    const browser = newBrowser();
    let page = await enter(browser, mara);
    for (let turn = 0; turn < 5; turn += 1) {
      page = await sendForm(browser, page, 'code', { code: wrongCodeOf(mara.secret) });
    }
    expect(page.status).toBe(410);
    expect(await recorded('sign_in_void', mara)).toHaveLength(1);
    await expect
      .poll(() => subjectsTo(mara), soon)
      .toEqual([expect.stringContaining('was stopped')]);
  });

  test('gets no more tries by having been here before the app was', async () => {
    const mara = await people.add();
    const thief = newBrowser();
    await logIn(thief, mara);
    const home = newBrowser();
    await logIn(home, mara);
    expect(await people.domain.risk.listDevices(mara.id)).toHaveLength(2);
    let page = await enter(home, mara, { prompt: 'login', acr_values: TWO });
    const secret = page.body.match(/data-copy="([A-Z2-7]{32})"/)?.[1] ?? '';
    page = await sendForm(home, page, 'code', { code: codeOf(secret) });
    page = await sendForm(home, page, 'saved', { saved: 'yes' });
    expect(page.status).toBe(303);
    expect(await people.domain.risk.listDevices(mara.id)).toHaveLength(1);
  });
});

describe('a lost second factor', () => {
  test('is taken away by an administrator, and everybody has to come in again', async () => {
    const mara = await people.add({ app: true });
    const home = newBrowser();
    await logIn(home, mara, {}, { remember: 'yes' });
    const reset = async (
      authorization?: string,
      body: object = { reason: 'phone lost', now: true },
    ) =>
      fetch(`${server.issuer}/admin/api/v1/users/${mara.id}/second-factor-resets`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(authorization ? { authorization } : {}),
        },
        body: JSON.stringify(body),
      });
    const admin = `Bearer ${await adminToken(server)}`;
    expect((await reset()).status).toBe(401);
    expect((await reset(admin, {})).status).toBe(422);
    expect(await (await reset(admin)).json()).toEqual({ removed: true });
    const silent = await home.get(authorizeUrl({ prompt: 'none' }));
    expect(new URL(silent.location ?? '').searchParams.get('error')).toBe('login_required');
    expect(await people.domain.risk.listDevices(mara.id)).toEqual([]);
    expect((await enter(newBrowser(), mara)).status).toBe(303);
    expect(await recorded('second_factor_removed', mara)).toHaveLength(1);
    await expect
      .poll(() => subjectsTo(mara), soon)
      .toContainEqual(expect.stringContaining('second step was removed'));
    expect(await (await reset(admin)).json()).toEqual({ removed: false });
  });

  test('is taken away on the command line, for staff as well, who then set up a new one', async () => {
    const otto = await people.add({ app: true, staff: true });
    await command(
      server,
      'users',
      'reset-second-factor',
      otto.email,
      '--now',
      '--reason',
      'phone lost',
    );
    const again = await server.cli(['users', 'reset-second-factor', otto.email]);
    expect([again.code, again.stderr]).toEqual([1, 'The account has no second factor\n']);
    const browser = newBrowser();
    const page = await follow(browser, server, await enter(browser, otto));
    expect(page.body).toMatch(/data-copy="[A-Z2-7]{32}"/);
  });
});

describe('a thief whose browser was remembered', () => {
  test.each([
    ['the credentials are revoked', ['users', 'revoke', '--what', 'credentials']],
    ['the account is disabled for a while', ['users', 'disable']],
  ])('is a stranger again once %s', async (_what, words) => {
    const mara = await people.add({ app: true });
    const thief = newBrowser();
    await logIn(thief, mara, {}, { remember: 'yes' });
    for (const name of [...thief.cookies.keys()]) {
      if (!name.includes('device')) thief.cookies.delete(name);
    }
    await command(server, words[0] ?? '', words[1] ?? '', mara.email, ...words.slice(2));
    if (words[1] === 'disable') await command(server, 'users', 'enable', mara.email);
    const hash = await people.domain.credentials.hashPassword(PASSWORD);
    await people.domain.credentials.setPasswordHash(mara.id, hash);
    const asked = await enter(thief, mara);
    expect([asked.status, shows(asked, 'code')]).toEqual([200, true]);
    expect(await people.domain.risk.listDevices(mara.id)).toEqual([]);
  });
});

describe('the counters', () => {
  test('are not kept alive by forms that answer no challenge', async () => {
    const owner = await people.add();
    const guess = { subject: { accountId: owner.id }, factor: 'password' } as const;
    for (let turn = 0; turn < 9; turn += 1) await enter(newBrowser(), owner, {}, WRONG);
    const windows = () =>
      people.query('SELECT max(window_ends) AS ends FROM guess_counters WHERE failures = 9');
    const before = await windows();
    const browser = newBrowser(careful);
    for (const answer of ['', 'made-up']) {
      const page = await openLogin(careful, browser);
      const form = { login: owner.email, password: WRONG, wait_token: answer };
      const refused = await sendForm(browser, page, 'password', form);
      expect(refused.body).toContain('one short check');
    }
    expect(await windows()).toEqual(before);
    expect(await people.domain.risk.standingOf(guess)).toEqual({ kind: 'open', failures: 9 });
  });

  test('do not count a code that nobody looked at', async () => {
    const mara = await people.add({ app: true });
    const browser = newBrowser();
    const asked = await enter(browser, mara);
    const code = codeOf(mara.secret);
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => sendForm(browser, asked, 'code', { code })),
    );
    expect(replies.filter(({ status }) => status === 303)).toHaveLength(1);
    const guess = { subject: { accountId: mara.id }, factor: 'code' } as const;
    expect(await people.domain.risk.standingOf(guess)).toEqual({ kind: 'open', failures: 0 });
  });

  test('of a network go on counting while a client of it waits', async () => {
    const { client_id } = await register(server, 'form-guesser', ['--auth', 'client_secret_post']);
    const from = { 'x-forwarded-for': '10.250.1.1' };
    const wrong = { grant_type: 'client_credentials', client_id, client_secret: 'not-the-secret' };
    for (let turn = 0; turn < 100; turn += 1) await post(server, '/oauth2/token', wrong, from);
    const { client_id: id, client_secret } = demoClient(server, 'automation');
    const authorization = `Basic ${Buffer.from(`${id}:${client_secret}`).toString('base64')}`;
    const right = await post(
      server,
      '/oauth2/token',
      { grant_type: 'client_credentials' },
      { ...from, authorization },
    );
    expect(right.status).toBe(429);
  });

  test.each([
    ['with the port that some proxies add', (left: string) => `${left}, 203.0.113.5:4711`],
    ['with brackets and a port', (left: string) => `${left}, [2001:db8::5]:4711`],
    ['next to something unreadable', (left: string) => `${left}, unknown`],
  ])('belong to the address the proxy wrote, %s', async (how, chain) => {
    const name = `behind-${how.split(' ').at(-1)}-${how.length}`;
    const { client_id } = await register(server, name, ['--auth', 'client_secret_post']);
    const ask = (turn: number) =>
      post(
        server,
        '/oauth2/token',
        { grant_type: 'client_credentials', client_id, client_secret: 'not-the-secret' },
        { 'x-forwarded-for': chain(`198.51.100.${turn}`) },
      );
    for (let turn = 0; turn < 10; turn += 1) expect((await ask(turn)).status).toBe(401);
    expect((await ask(10)).status).toBe(429);
  });
});
