/** A code by e-mail at a real server: what it opens, what strangers learn, what it leaves closed. */
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/kernel/clock.js';
import { createKeyring } from '../../src/kernel/keyring.js';
import { createNetworkLimits } from '../../src/platform/network-limits.js';
import {
  anotherCode,
  askForCode,
  awaitCode,
  codeIn,
  enterCode,
  openEmailCode,
} from '../support/email-code.js';
import { isLegible } from '../support/leaks.js';
import { authorizeUrl, type Fields, post, redemption } from '../support/protocol.js';
import { askForLetter, awaitLink, lettersTo, openLink } from '../support/recovery.js';
import { startServer, type TestServer } from '../support/server.js';
import { adminToken, type Browser, follow, type Reply } from '../support/shopper.js';
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
  wrongCodeOf,
} from '../support/sign-in.js';
import { soon } from '../support/soon.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

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
const heading = ({ body }: Reply) =>
  (body.match(/<h1>([\s\S]*?)<\/h1>/)?.[1] ?? '').replace(/<[^>]*>/g, '');
const recorded = (event: string, { id }: Pick<Person, 'id'>) =>
  people.query(
    'SELECT result, client_id, details FROM audit_events WHERE event = $1 AND subject_id = $2 ORDER BY id',
    [event, id],
  );
/** Asks for a code, reads the letter; does not type it. */
async function waiting(mara: Person, browser = newBrowser(), changes: Fields = {}, letters = 1) {
  const page = await askForCode(server, browser, mara.email, changes);
  return { browser, page, code: await awaitCode(server, mara.email, letters) };
}
/** What a sign-in ended with. */
async function claimsOf(browser: Browser, reply: Reply) {
  const { location = '' } = await follow(browser, server, reply);
  const code = new URL(location).searchParams.get('code') ?? '';
  const { json } = await post(server, '/oauth2/token', redemption(code));
  return decodeJwt(String(json.id_token));
}
const logIn = async (browser: Browser, { email }: Person, password: string) =>
  sendForm(browser, await openLogin(server, browser), 'password', { login: email, password });
const isSignedOut = async (browser: Browser) =>
  ((await browser.get(authorizeUrl({ prompt: 'none' }))).location ?? '').includes('login_required');
const revoke = async ({ id }: Person, what: string[]) => {
  const headers = {
    authorization: `Bearer ${await adminToken(server)}`,
    'content-type': 'application/json',
  };
  const url = `${server.issuer}/admin/api/v1/users/${id}/revocations`;
  const body = JSON.stringify({ what, reason: 'a test' });
  expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(200);
};

describe('the whole way', () => {
  test('address, code, and back in the shop, signed in with one factor', async () => {
    const mara = await people.add();
    const browser = newBrowser();
    const page = await askForCode(server, browser, ` ${mara.email.toUpperCase()} `);
    expect([page.status, heading(page)]).toEqual([200, 'Look into your mailbox']);
    expect(page.body).toContain(mara.email.toUpperCase());
    expect(page.body).toMatch(
      /name="code"[^>]*inputmode="numeric"[^>]*autocomplete="one-time-code"/,
    );
    const code = await awaitCode(server, mara.email);
    const [letter] = await lettersTo(server, mara.email);
    expect(letter?.subject).not.toContain(code.slice(0, 3));
    expect(letter?.text).toContain('Alder & Oak');
    expect(letter?.text).not.toContain('/signin/');
    expect(await isSignedOut(browser)).toBe(true);

    const done = await enterCode(browser, page, `${code.slice(0, 3)} ${code.slice(3)}`);
    expect([done.status, done.body]).toEqual([303, expect.not.stringContaining(code)]);
    expect(await claimsOf(browser, done)).toMatchObject({
      sub: mara.id,
      acr: 'urn:latchkey:acr:1',
      amr: ['otp'],
    });
    expect(await recorded('sign_in_code_requested', mara)).toEqual([
      { result: 'success', client_id: 'demo-storefront', details: null },
    ]);
    expect(await recorded('sign_in_succeeded', mara)).toMatchObject([
      { client_id: 'demo-storefront', details: { amr: 'otp', acr: 'urn:latchkey:acr:1' } },
    ]);
    expect(isLegible(server.output(), code)).toBe(false);
  });

  test('the address is filled in where it is known, and the way back is the password', async () => {
    const browser = newBrowser();
    const hinted = await openEmailCode(server, browser, { login_hint: 'mara@alder-oak.example' });
    expect(formWith(hinted, 'login')).toContain('value="mara@alder-oak.example"');
    await sendForm(browser, hinted, 'login', { login: 'lena@alder-oak.example' });
    const action = /action="([^"]+\/email-code)"/.exec(hinted.body)?.[1] ?? '';
    expect(formWith(await browser.get(action), 'login')).toContain(
      'value="lena@alder-oak.example"',
    );
    const back = /href="(\/signin\/[\w-]+)"/.exec(hinted.body)?.[1] ?? '';
    expect(formWith(await browser.get(back), 'password')).toBeDefined();
    // Straight to the page for the code: there is none to type yet.
    const fresh = newBrowser();
    const asked = await openEmailCode(server, fresh);
    const path = /action="([^"]+\/email-code)"/.exec(asked.body)?.[1] ?? '';
    expect((await fresh.get(`${path}/code`)).location).toBe(path);
    expect((await fresh.get(`${path}/`)).status).toBe(404);
  });

  test('a code is asked for in the language of the page', async () => {
    const browser = newBrowser();
    const page = await openEmailCode(server, browser, { ui_locales: 'de' });
    expect(heading(page)).toBe('Code per E-Mail erhalten');
    const sent = await sendForm(browser, page, 'login', { login: 'x@alder-oak.example' });
    const next = await browser.get(sent.location ?? '');
    expect(next.body).toContain('Sechsstelliger Code');
  });

  test('a second factor is still asked for, and its own rules hold', async () => {
    const mara = await people.add({ app: true });
    const { browser, page, code } = await waiting(mara);
    const asked = await enterCode(browser, page, code);
    expect(heading(asked)).toBe('Enter your code');
    expect(await isSignedOut(browser)).toBe(true);
    const remember = { code: codeOf(mara.secret), remember: 'yes' };
    const done = await sendForm(browser, asked, 'code', remember);
    expect(await claimsOf(browser, done)).toMatchObject({
      acr: 'urn:latchkey:acr:2',
      amr: ['otp', 'mfa'],
    });
    // The device is remembered as after a password: it spares the app, and is no second factor.
    const again = await waiting(mara, browser, { prompt: 'login' }, 2);
    const spared = await enterCode(browser, again.page, again.code);
    expect(await claimsOf(browser, spared)).toMatchObject({
      acr: 'urn:latchkey:acr:1',
      amr: ['otp'],
    });
  });

  test('five wrong codes of the app end the sign-in, and the letter does not speak of a password', async () => {
    const mara = await people.add({ app: true });
    const { browser, page, code } = await waiting(mara);
    let reply = await enterCode(browser, page, code);
    for (let turn = 0; turn < 5; turn += 1) {
      reply = await sendForm(browser, reply, 'code', { code: wrongCodeOf(mara.secret) });
    }
    expect(reply.status).toBe(410);
    await vi.waitFor(async () => {
      const [letter] = await lettersTo(server, mara.email);
      expect(letter?.subject).toContain('was stopped');
      expect(letter?.text).toContain('a code by e-mail');
      expect(letter?.text).not.toMatch(/typed your .* password/);
    }, soon);
    // Nor does another code bring five more.
    const path = /action="([^"]+)\/code"/.exec(page.body)?.[1] ?? '';
    const sent = await sendForm(browser, await browser.get(path), 'login', { login: mara.email });
    const next = await browser.get(sent.location ?? '');
    const second = await awaitCode(server, mara.email, 2);
    expect((await enterCode(browser, next, second)).status).toBe(410);
  });
});

describe('a stronger or fresher log-in', () => {
  test('two factors: the code by e-mail is the first of them', async () => {
    const mara = await people.add({ app: true });
    const want = { acr_values: 'urn:latchkey:acr:2' };
    const { browser, page, code } = await waiting(mara, newBrowser(), want);
    const asked = await enterCode(browser, page, code);
    const done = await sendForm(browser, asked, 'code', { code: codeOf(mara.secret) });
    expect(await claimsOf(browser, done)).toMatchObject({ acr: 'urn:latchkey:acr:2' });
  });

  test('a session of one factor is no answer to a request for two', async () => {
    const mara = await people.add({ app: true });
    const first = await waiting(mara);
    await people.query('DELETE FROM totp_credentials WHERE account_id = $1', [mara.id]);
    const done = await enterCode(first.browser, first.page, first.code);
    expect(await claimsOf(first.browser, done)).toMatchObject({ amr: ['otp'] });
    const silent = await first.browser.get(
      authorizeUrl({ prompt: 'none', acr_values: 'urn:latchkey:acr:2' }),
    );
    expect(silent.location).toContain('error=login_required');
  });

  test('max_age asks again, and a new code answers it with a new time', async () => {
    const mara = await people.add();
    const first = await waiting(mara);
    const { browser } = first;
    const before = await claimsOf(browser, await enterCode(browser, first.page, first.code));
    await people.query(
      `UPDATE artifacts SET payload = jsonb_set(payload, '{loginTs}', to_jsonb($2::int))
        WHERE kind = 'Session' AND account_id = $1`,
      [mara.id, Number(before.auth_time) - 300],
    );
    const fresh = { max_age: '60' };
    const silent = await browser.get(authorizeUrl({ ...fresh, prompt: 'none' }));
    expect(silent.location).toContain('error=login_required');
    const again = await waiting(mara, browser, fresh, 2);
    // The first letter's code is of another interaction.
    expect((await enterCode(browser, again.page, first.code)).status).toBe(422);
    const after = await claimsOf(browser, await enterCode(browser, again.page, again.code));
    expect(Number(after.auth_time)).toBeGreaterThanOrEqual(Number(before.auth_time));
    expect(after.amr).toEqual(['otp']);
  });

  test('a passkey cannot be had from a mailbox', async () => {
    const mara = await people.add();
    const want = { acr_values: 'urn:latchkey:acr:phr' };
    const { browser, page, code } = await waiting(mara, newBrowser(), want);
    const done = await follow(browser, server, await enterCode(browser, page, code));
    expect(done.location).toContain('error=unmet_authentication_requirements');
  });
});

describe('strangers', () => {
  test('see the same for known, unknown, disabled and staff addresses, at every step', async () => {
    const known = await people.add();
    const disabled = await people.add();
    const staff = await people.add({ staff: true, app: true });
    await people.query("UPDATE accounts SET status = 'disabled' WHERE id = $1", [disabled.id]);
    const nobody = 'nobody@alder-oak.example';
    const seen = new Map<string, string>();
    for (const email of [known.email, disabled.email, staff.email, nobody]) {
      const browser = newBrowser();
      const form = await openEmailCode(server, browser);
      const sent = await sendForm(browser, form, 'login', { login: email });
      const page = await browser.get(sent.location ?? '');
      const replies = [sent, page];
      for (let turn = 0; turn < 6; turn += 1) {
        // A letter is out for one of them; no code is typed that could be in it.
        replies.push(await enterCode(browser, page, '12345'));
      }
      const uid = /signin\/([\w-]+)/.exec(sent.location ?? '')?.[1] ?? '';
      const shown = replies.map((reply) => {
        const headers = Object.fromEntries(reply.headers);
        for (const changing of ['date', 'x-request-id', 'set-cookie']) delete headers[changing];
        const nonce = /nonce-([\w-]+)/.exec(headers['content-security-policy'] ?? '')?.[1] ?? '-';
        const cookies = reply.headers.getSetCookie().map((line) => line.length - email.length);
        return JSON.stringify([reply.status, headers, cookies.length, reply.body])
          .replaceAll(nonce, '')
          .replaceAll(email, '')
          .replaceAll(uid, '')
          .replace(/name=\\"csrf\\" value=\\"[\w-]+/g, '')
          .replace(/"content-length":"\d+"/g, '');
      });
      expect(replies.map(({ status }) => status)).toEqual([303, 200, 422, 422, 422, 422, 410, 410]);
      seen.set(JSON.stringify(shown), email);
    }
    expect(seen.size).toBe(1);
    await awaitCode(server, known.email);
    expect(await lettersTo(server, disabled.email)).toEqual([]);
    expect(await lettersTo(server, staff.email)).toEqual([]);
    const reasons = await people.query(
      `SELECT subject_id AS who, details->>'reason' AS reason FROM audit_events
        WHERE event = 'sign_in_code_requested' ORDER BY id DESC LIMIT 4`,
    );
    expect(reasons.reverse()).toEqual([
      { who: known.id, reason: null },
      { who: disabled.id, reason: 'disabled' },
      { who: staff.id, reason: 'staff' },
      { who: null, reason: 'unknown_name' },
    ]);
  });

  test('cause the same statements for an unknown name as for a known one', async () => {
    const counts = async (): Promise<number[]> => {
      const [row] = await people.query(
        `SELECT (SELECT count(*) FROM email_codes) + (SELECT sum(tries) FROM email_codes) AS codes,
                (SELECT count(*) FROM audit_events) AS events,
                (SELECT count(*) + sum(failures) FROM guess_counters) AS counters,
                (SELECT max(last_value) FROM pg_sequences WHERE sequencename LIKE '%jobs_id%') AS jobs`,
      );
      return ['codes', 'events', 'counters', 'jobs'].map((name) => Number(row?.[name]));
    };
    const less = (more: number[], few: number[]) => more.map((n, at) => n - (few[at] ?? 0));
    const grown = async (login: string) => {
      const browser = newBrowser();
      const form = await openEmailCode(server, browser);
      const before = await counts();
      const sent = await sendForm(browser, form, 'login', { login });
      const asked = await counts();
      await enterCode(browser, await browser.get(sent.location ?? ''), '12345');
      return [less(asked, before), less(await counts(), asked)];
    };
    const four = async (login: string) => {
      const all = [];
      for (let turn = 0; turn < 4; turn += 1) all.push(await grown(login));
      return all;
    };
    const mara = await people.add();
    const known = await four(mara.email);
    expect(await four('somebody@alder-oak.example')).toEqual(known);
    // A row, a record and a letter; a try and a record.
    expect(known[0]?.map(([codes, events]) => [codes, events])).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect(known.map(([asked]) => asked?.[3])).toEqual([1, 1, 1, 0]);
  });

  test('cannot use a code that they were told, in a browser of their own', async () => {
    const mara = await people.add();
    const { browser, page, code } = await waiting(mara);
    const thief = newBrowser();
    const theirs = await askForCode(server, thief, 'thief@alder-oak.example');
    expect((await enterCode(thief, theirs, code)).status).toBe(422);
    // Not even in the same interaction, without the cookie of the one who asked.
    const path = /action="([^"]+\/email-code)\/code"/.exec(page.body)?.[1] ?? '';
    for (const [name, cookie] of browser.cookies) {
      if (!name.includes('email_code')) thief.cookies.set(name, cookie);
    }
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.body)?.[1] ?? '';
    expect((await thief.post(`${path}/code`, { csrf, code })).status).toBe(410);
    expect((await newBrowser().post(`${path}/code`, { csrf, code })).status).toBe(400);
    expect((await enterCode(browser, page, code)).status).toBe(303);
  });

  test('have five tries; then the right code is void as well, and a new one is needed', async () => {
    const mara = await people.add();
    const { browser, page, code } = await waiting(mara);
    for (let turn = 1; turn <= 4; turn += 1) {
      const reply = await enterCode(browser, page, anotherCode(code, turn));
      expect([reply.status, reply.body.includes('That code is not right')]).toEqual([422, true]);
    }
    const dead = await enterCode(browser, page, anotherCode(code, 5));
    expect([dead.status, heading(dead)]).toEqual([410, 'This code no longer works']);
    expect((await enterCode(browser, page, code)).status).toBe(410);
    expect(await isSignedOut(browser)).toBe(true);
    expect(await recorded('sign_in_code_void', mara)).toHaveLength(1);
    const refusals = await recorded('sign_in_refused', mara);
    expect(refusals.map(({ details }) => details)).toEqual(
      Array(5).fill({ reason: 'no_match', factor: 'email_code' }),
    );
    const path = /href="([^"]+\/email-code)"/.exec(dead.body)?.[1] ?? '';
    const again = await sendForm(browser, await browser.get(path), 'login', { login: mara.email });
    const next = await browser.get(again.location ?? '');
    const done = await enterCode(browser, next, await awaitCode(server, mara.email, 2));
    expect(done.status).toBe(303);
  });

  test('neither old nor replaced nor used codes open anything', async () => {
    const mara = await people.add();
    const first = await waiting(mara);
    const { browser } = first;
    const path = /action="([^"]+\/email-code)\/code"/.exec(first.page.body)?.[1] ?? '';
    const form = await browser.get(path);
    const sent = await sendForm(browser, form, 'login', { login: mara.email });
    const page = await browser.get(sent.location ?? '');
    const code = await awaitCode(server, mara.email, 2);
    expect((await enterCode(browser, page, first.code)).status).toBe(422);
    await people.query(
      "UPDATE email_codes SET expires_at = expires_at - interval '10 minutes' WHERE account_id = $1",
      [mara.id],
    );
    expect((await enterCode(browser, page, code)).status).toBe(410);

    const lena = await people.add();
    const used = await waiting(lena);
    expect((await enterCode(used.browser, used.page, used.code)).status).toBe(303);
    expect((await enterCode(used.browser, used.page, used.code)).status).toBe(410);
  });

  test('fill no mailbox: three letters an hour and ten a day, and no page tells', async () => {
    const mara = await people.add();
    const hour = () =>
      people.query("UPDATE guess_counters SET window_ends = window_ends - interval '1 hour'");
    const first = await waiting(mara);
    for (let turn = 2; turn <= 3; turn += 1) {
      await askForCode(server, newBrowser(), mara.email);
      await awaitCode(server, mara.email, turn);
    }
    const refused = newBrowser();
    const page = await askForCode(server, refused, mara.email);
    expect([page.status, heading(page)]).toEqual([200, 'Look into your mailbox']);
    expect((await enterCode(refused, page, '123456')).status).toBe(422);
    // Whoever asks too often where a code is waiting does not lose that one.
    const path = /action="([^"]+\/email-code)\/code"/.exec(first.page.body)?.[1] ?? '';
    await sendForm(first.browser, await first.browser.get(path), 'login', { login: mara.email });
    expect((await enterCode(first.browser, first.page, first.code)).status).toBe(303);
    expect((await lettersTo(server, mara.email)).filter((one) => codeIn(one))).toHaveLength(3);

    for (let letters = 4; letters <= 10; letters += 1) {
      await hour();
      await askForCode(server, newBrowser(), mara.email);
      await awaitCode(server, mara.email, letters);
    }
    await hour();
    const last = await askForCode(server, newBrowser(), mara.email);
    expect([last.status, heading(last)]).toEqual([200, 'Look into your mailbox']);
    const reasons = (await recorded('sign_in_code_requested', mara)).map(({ details }) => details);
    expect(reasons.filter(Boolean)).toEqual(Array(3).fill({ reason: 'limit' }));
    expect(reasons).toHaveLength(13);
  });

  test('of a busy network show that a browser is there, and are told to wait', async () => {
    const browser = newBrowser();
    for (const turn of [1, 2, 3]) {
      const page = await askForCode(server, browser, `n${turn}@alder-oak.example`);
      expect(page.status, `${turn}`).toBe(200);
    }
    const page = await openEmailCode(server, browser);
    expect(page.body).toContain('data-puzzle');
    expect(page.headers.get('content-security-policy')).toContain("worker-src 'self'");
    const login = 'n4@alder-oak.example';
    let reply = await sendForm(browser, page, 'login', { login, wait_token: '' });
    expect([reply.status, reply.body.includes('one short check')]).toEqual([422, true]);
    expect(reply.body).toContain(`value="${login}"`);
    for (let turn = 0; turn < 7; turn += 1) {
      reply = await sendForm(browser, page, 'login', { login, wait_token: '' });
    }
    expect(reply.status).toBe(429);
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(3000);
    expect(reply.body).toContain('Please wait until');
  });

  test('get nowhere with addresses that are none, or with forms of another site', async () => {
    const browser = newBrowser();
    const page = await openEmailCode(server, browser);
    for (const login of ['', 'mara', 'a@b@c', 'mara @alder-oak.example']) {
      const reply = await sendForm(browser, page, 'login', { login });
      expect([login, reply.status]).toEqual([login, 422]);
      expect(reply.body).toContain('Enter an address such as');
    }
    const action = /action="([^"]+\/email-code)"/.exec(page.body)?.[1] ?? '';
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.body)?.[1] ?? '';
    const fields = { csrf, login: 'nobody@alder-oak.example' };
    const evil = await browser.post(action, fields, { origin: 'https://evil.example' });
    expect(evil.status).toBe(403);
    expect((await browser.post(action, { ...fields, csrf: 'x' })).status).toBe(403);
    const crossCode = await browser.post(
      `${action}/code`,
      { csrf, code: '123456' },
      { origin: 'https://evil.example' },
    );
    expect(crossCode.status).toBe(403);
    expect((await newBrowser().post(action, fields)).status).toBe(400);
    expect((await browser.post(action, fields)).status).toBe(303);
  });
});

describe('locks', () => {
  test('a password that strangers have locked does not lock the code, nor is it opened by it', async () => {
    const mara = await people.add();
    const guess = { subject: { accountId: mara.id }, factor: 'password' } as const;
    for (let turn = 0; turn < 11; turn += 1) await people.domain.risk.reserveGuess(guess);
    const { browser, page, code } = await waiting(mara);
    expect((await enterCode(browser, page, code)).status).toBe(303);
    expect((await people.domain.risk.standingOf(guess)).kind).toBe('locked');
  });

  test('wrong codes lock nobody’s password, and count for the network', async () => {
    const mara = await people.add();
    const before = await people.query('SELECT count(*)::int AS n FROM guess_counters');
    const { browser, page, code } = await waiting(mara);
    for (let turn = 1; turn <= 5; turn += 1)
      await enterCode(browser, page, anotherCode(code, turn));
    for (const factor of ['password', 'code'] as const) {
      const standing = await people.domain.risk.standingOf({
        subject: { accountId: mara.id },
        factor,
      });
      expect(standing).toEqual({ kind: 'open', failures: 0 });
    }
    expect(before.length).toBe(1);
    const second = newBrowser();
    expect((await logIn(second, mara, PASSWORD)).status).toBe(303);
    // Ten failures of one network, and its next log-in is asked for a check.
    const other = await people.add();
    const more = await askForCode(server, browser, other.email);
    const theirs = await awaitCode(server, other.email);
    for (let turn = 1; turn <= 5; turn += 1)
      await enterCode(browser, more, anotherCode(theirs, turn));
    expect((await openLogin(server, browser)).body).toContain('data-puzzle');
  });

  test('a noisy network shuts out strangers, not a browser that has been here', async () => {
    const ip = '10.99.0.9';
    const [own, stranger] = [browserAt(server, ip), browserAt(server, ip)];
    const [mara, lena] = [await people.add(), await people.add()];
    await follow(own, server, await logIn(own, mara, PASSWORD));
    const known = await waiting(mara, own, { prompt: 'login' });
    const unknown = await waiting(lena, stranger);
    // Somebody works through a list of names, at another node.
    const [id = '', key = ''] = (server.env.LATCHKEY_KEYRING ?? '').split(':');
    const node = createNetworkLimits({
      enabled: true,
      keyring: createKeyring([{ id, key: new Uint8Array(Buffer.from(key, 'base64')) }]),
      clock: systemClock,
      shared: people.domain.risk.sharedCounters,
    });
    for (let turn = 0; turn < 30; turn += 1) await node.recordFailure(ip, `name${turn}`);
    const locked = await enterCode(stranger, unknown.page, unknown.code);
    expect([locked.status, heading(locked)]).toEqual([429, 'Sign-in is paused']);
    expect((await enterCode(own, known.page, known.code)).status).toBe(303);
  });
});

describe('what is taken back in between', () => {
  const asks = async () => {
    const mara = await people.add();
    return { mara, ...(await waiting(mara)) };
  };
  const isDead = async ({ browser, page, code }: Awaited<ReturnType<typeof asks>>) => {
    const reply = await enterCode(browser, page, code);
    expect([reply.status, heading(reply)]).toEqual([410, 'This code no longer works']);
    expect(await isSignedOut(browser)).toBe(true);
  };

  test('access: the code ends with it', async () => {
    const one = await asks();
    await revoke(one.mara, ['sessions', 'tokens']);
    await isDead(one);
    expect(await recorded('sign_in_refused', one.mara)).toMatchObject([
      { details: { reason: 'revoked', factor: 'email_code' } },
    ]);
  });

  test('the account: a disabled one refuses, and an enabled one does not forgive', async () => {
    const one = await asks();
    expect((await server.cli(['users', 'disable', one.mara.id])).code).toBe(0);
    await isDead(one);
    const other = await asks();
    expect((await server.cli(['users', 'disable', other.mara.id])).code).toBe(0);
    expect((await server.cli(['users', 'enable', other.mara.id])).code).toBe(0);
    await isDead(other);
  });

  test('the password: a new one through a letter voids the code', async () => {
    const one = await asks();
    const own = newBrowser();
    await askForLetter(own, one.mara.email);
    const page = await openLink(own, await awaitLink(server, one.mara.email));
    const next = { new_password: 'copper lantern hums at midnight' };
    expect((await sendForm(own, page, 'new_password', next)).status).toBe(303);
    await isDead(one);
  });

  test('the switch: no link, no pages, and the code that is out opens nothing', async () => {
    const one = await asks();
    const path = /action="([^"]+\/email-code)\/code"/.exec(one.page.body)?.[1] ?? '';
    const [on, off] = ['on', 'off'].map(
      (to) => () => server.cli(['clients', 'email-code', 'demo-storefront', to]),
    );
    expect((await off?.())?.stdout).toContain('with a code by e-mail any more');
    try {
      await vi.waitFor(async () => expect((await one.browser.get(path)).status).toBe(404));
      expect((await enterCode(one.browser, one.page, one.code)).status).toBe(404);
      expect((await openLogin(server, newBrowser())).body).not.toContain('/email-code');
    } finally {
      expect((await on?.())?.code).toBe(0);
    }
    await vi.waitFor(async () => expect((await one.browser.get(path)).status).toBe(200));
    expect((await enterCode(one.browser, one.page, one.code)).status).toBe(303);
    const changes = await people.query(
      `SELECT client_id, actor_kind, details FROM audit_events
        WHERE event = 'client_email_code_changed' ORDER BY id`,
    );
    const by = { client_id: 'demo-storefront', actor_kind: 'operator' };
    expect(changes).toEqual([
      { ...by, details: { allowed: false } },
      { ...by, details: { allowed: true } },
    ]);
    for (const id of ['latchkey-account', 'demo-orders-api', 'nobody']) {
      expect((await server.cli(['clients', 'email-code', id, 'on'])).code, id).toBe(1);
    }
    expect((await server.cli(['clients', 'email-code', 'demo-storefront', 'yes'])).code).toBe(2);
  });
});

describe('an address that nobody has proven', () => {
  test('is proven by the code, and nothing that was prepared in the account lives on', async () => {
    const mara = await people.add();
    await people.query('UPDATE accounts SET email_verified = false WHERE id = $1', [mara.id]);
    const stranger = newBrowser();
    await follow(stranger, server, await logIn(stranger, mara, PASSWORD));
    expect(await isSignedOut(stranger)).toBe(false);

    const { browser, page, code } = await waiting(mara);
    const done = await enterCode(browser, page, code);
    expect(await claimsOf(browser, done)).toMatchObject({ sub: mara.id, amr: ['otp'] });
    expect(await isSignedOut(browser)).toBe(false);
    expect(await people.domain.identity.findAccount(mara.id)).toMatchObject({
      emailVerified: true,
    });
    expect(await isSignedOut(stranger)).toBe(true);
    expect((await logIn(newBrowser(), mara, PASSWORD)).status).toBe(422);
    expect(await recorded('address_confirmed', mara)).toMatchObject([
      { result: 'success', details: { sessions: 1, credentials: 1, devices: 1 } },
    ]);
    await vi.waitFor(async () => {
      const letters = await lettersTo(server, mara.email);
      const letter = letters.find(({ subject }) => subject.includes('is confirmed'));
      expect(letter?.text).toContain(`${server.issuer}/recovery`);
    }, soon);
    // The next code is an ordinary one.
    const epoch = (await people.domain.identity.findAccount(mara.id))?.securityEpoch;
    const again = await waiting(mara, newBrowser(), {}, 2);
    expect((await enterCode(again.browser, again.page, again.code)).status).toBe(303);
    expect((await people.domain.identity.findAccount(mara.id))?.securityEpoch).toBe(epoch);
  });

  test('loses the app too: whose it is, nobody has proven', async () => {
    const mara = await people.add({ app: true });
    await people.query('UPDATE accounts SET email_verified = false WHERE id = $1', [mara.id]);
    const { browser, page, code } = await waiting(mara);
    const done = await enterCode(browser, page, code);
    expect(await claimsOf(browser, done)).toMatchObject({ sub: mara.id, amr: ['otp'] });
    expect(await people.domain.credentials.hasTotp(mara.id)).toBe(false);
    expect(await recorded('address_confirmed', mara)).toMatchObject([{ details: { app: true } }]);
  });
});

test('a sign-in on a new device is told, and how it was done', async () => {
  const mara = await people.add();
  expect((await logIn(newBrowser(), mara, PASSWORD)).status).toBe(303);
  const { browser, page, code } = await waiting(mara);
  expect((await enterCode(browser, page, code)).status).toBe(303);
  expect(await recorded('login_suspicious', mara)).toMatchObject([
    { details: { why: 'new_device new_network' } },
  ]);
  await vi.waitFor(async () => {
    const [letter] = await lettersTo(server, mara.email);
    expect(letter?.subject).toContain('New sign-in');
    expect(letter?.text).toContain('with a code by e-mail');
  }, soon);
});

test('a dump yields neither address nor code nor what is in the cookie', async () => {
  const mara = await people.add();
  const { browser, code } = await waiting(mara);
  const cookie = [...browser.cookies].find(([name]) => name.includes('email_code|'))?.[1].value;
  const { secret } = JSON.parse(Buffer.from(cookie ?? '', 'base64url').toString('utf8'));
  expect(secret).toMatch(/^[\w-]{43}$/);
  const rows = await people.query('SELECT e::text AS line FROM email_codes e');
  const jobs = await people.query(
    'SELECT payload::text AS line FROM graphile_worker._private_jobs',
  );
  const dump = JSON.stringify([rows, jobs]).toLowerCase();
  expect(rows.length).toBeGreaterThan(0);
  expect(isLegible(dump, code)).toBe(false);
  expect(dump).not.toContain(Buffer.from(code).toString('hex'));
  for (const value of [mara.email, secret]) {
    for (const form of [value, Buffer.from(value).toString('hex')]) {
      expect(dump).not.toContain(form.toLowerCase());
    }
  }
  expect(dump).not.toContain(Buffer.from(secret, 'base64url').toString('hex'));
});
