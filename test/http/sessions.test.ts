/** How long a browser stays logged in, and that nothing from before a log-in is worth anything after it. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { authorizeUrl, ORDERS, post, redemption } from '../support/protocol.js';
import { CALM, startServer, type TestServer } from '../support/server.js';
import { type Browser, follow, openBrowser, type Reply } from '../support/shopper.js';
import {
  codeOf,
  openLogin,
  openPeople,
  type People,
  type Person,
  sendForm,
} from '../support/sign-in.js';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

const MINUTE = 60;
const HOUR = 3600;
const DAY = 24 * HOUR;
const SESSION = 'latchkey_session|/';

let server: TestServer;
let people: People;

beforeAll(async () => {
  server = await startServer({ env: CALM });
  people = await openPeople(server);
});
afterAll(async () => {
  await people.close();
  await server.stop();
});

/** Logs in, with a code if there is an app; stops at the client's address. */
async function logIn(browser: Browser, person: Person, changes = {}): Promise<URL> {
  const page = await openLogin(server, browser, changes);
  const login = { login: person.email, password: person.password };
  let reply = await follow(browser, server, await sendForm(browser, page, 'password', login));
  if (reply.body.includes('name="code"')) {
    await people.query('UPDATE totp_credentials SET last_step = 0 WHERE account_id = $1', [
      person.id,
    ]);
    const sent = await sendForm(browser, reply, 'code', { code: codeOf(person.secret) });
    reply = await follow(browser, server, sent);
  }
  return new URL(reply.location ?? 'about:blank');
}

const silently = (browser: Browser, changes = {}): Promise<Reply> =>
  browser.get(authorizeUrl({ prompt: 'none', ...changes }));

const isLoggedIn = async (browser: Browser): Promise<boolean> =>
  new URL((await silently(browser)).location ?? '').searchParams.has('code');

/** Seconds until the account's only session ends by itself. */
const secondsLeft = async ({ id }: Person, kind = 'Session'): Promise<number> => {
  const rows = await people.query(
    `SELECT extract(epoch FROM expires_at - now())::int AS left FROM artifacts
      WHERE kind = $2 AND account_id = $1 AND consumed_at IS NULL`,
    [id, kind],
  );
  expect(rows).toHaveLength(1);
  return Number(rows[0]?.left);
};

/** The log-in was so long ago. */
const age = ({ id }: Person, seconds: number) =>
  people.query(
    `UPDATE artifacts
        SET payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload->>'loginTs')::int - $2::int)),
            auth_at = auth_at - $2::int
      WHERE kind = 'Session' AND account_id = $1`,
    [id, seconds],
  );

describe.each([
  ['a shopper with a password', {}, 14 * DAY, 30 * DAY],
  ['a shopper with two factors', { app: true }, HOUR, DAY],
  ['a member of staff', { staff: true, app: true }, 15 * MINUTE, 12 * HOUR],
] as const)('%s', (_who, kind, idle, absolute) => {
  test('stays logged in while active, and is logged out when idle', async () => {
    const person = await people.add(kind);
    const browser = openBrowser(server);
    await logIn(browser, person);
    expect(await secondsLeft(person)).toBeLessThanOrEqual(idle);
    expect(await secondsLeft(person)).toBeGreaterThan(idle - MINUTE);
    // Half of the time later, use begins it anew.
    const half = Math.round(idle / 2);
    await people.query(
      `UPDATE artifacts SET expires_at = expires_at - make_interval(secs => $2)
        WHERE kind = 'Session' AND account_id = $1`,
      [person.id, half],
    );
    expect(await secondsLeft(person)).toBeLessThanOrEqual(idle - half);
    expect(await isLoggedIn(browser)).toBe(true);
    expect(await secondsLeft(person)).toBeGreaterThan(idle - MINUTE);
    // All of it without use ends the session.
    await people.query(
      `UPDATE artifacts SET expires_at = expires_at - make_interval(secs => $2)
        WHERE kind = 'Session' AND account_id = $1`,
      [person.id, idle],
    );
    expect(await isLoggedIn(browser)).toBe(false);
  });

  test('is logged out in the end, however active', async () => {
    const person = await people.add(kind);
    const browser = openBrowser(server);
    await logIn(browser, person);
    await age(person, absolute - 2 * MINUTE);
    const reply = await silently(browser);
    expect(await secondsLeft(person)).toBeLessThanOrEqual(2 * MINUTE + 1);
    const cookie = reply.headers
      .getSetCookie()
      .find((line) => line.startsWith('latchkey_session='));
    const expires = Date.parse(cookie?.match(/expires=([^;]+)/i)?.[1] ?? '');
    expect(expires).toBeLessThanOrEqual(Date.now() + 2 * MINUTE * 1000 + 1000);
  });

  test('does not stay longer by requests that are refused', async () => {
    const person = await people.add(kind);
    const browser = openBrowser(server);
    await logIn(browser, person);
    await people.query(
      `UPDATE artifacts SET expires_at = expires_at - make_interval(secs => $2),
              payload = jsonb_set(payload, '{exp}', to_jsonb((payload->>'exp')::int - $2::int))
        WHERE kind = 'Session' AND account_id = $1`,
      [person.id, idle - MINUTE],
    );
    await browser.get(authorizeUrl({ redirect_uri: 'https://elsewhere.example/cb' }));
    await silently(browser, { scope: 'openid nonsense' });
    expect(await secondsLeft(person)).toBeLessThanOrEqual(MINUTE);
  });
});

test('an application keeps staff logged in for half a day at most', async () => {
  const person = await people.add({ staff: true, app: true });
  const offline = { scope: 'openid offline_access orders:read', resource: ORDERS };
  const callback = await logIn(openBrowser(server), person, offline);
  const code = callback.searchParams.get('code') ?? '';
  const { json } = await post(server, '/oauth2/token', redemption(code, { resource: ORDERS }));
  expect(json.refresh_token).toBeTypeOf('string');
  expect(await secondsLeft(person, 'RefreshToken')).toBeLessThanOrEqual(12 * HOUR);
});

describe('the name of a session', () => {
  test('is another one after each log-in, and the ones before it open nothing', async () => {
    const person = await people.add({ app: true });
    const browser = openBrowser(server);
    const seen: string[] = [];
    const note = () => {
      const value = browser.cookies.get(SESSION)?.value;
      if (value) seen.push(value);
    };
    await openLogin(server, browser);
    note();
    await logIn(browser, person);
    note();
    // Stepping up is a log-in of its own.
    await logIn(browser, person, { prompt: 'login', acr_values: 'urn:latchkey:acr:2' });
    note();
    const current = seen.pop();
    expect(seen.length).toBeGreaterThan(0);
    expect(seen).not.toContain(current);
    expect(await isLoggedIn(browser)).toBe(true);
    for (const value of seen) {
      const thief = openBrowser(server);
      for (const [name, cookie] of browser.cookies) {
        if (name.startsWith('latchkey_session')) thief.cookies.set(name, cookie);
      }
      thief.cookies.set(SESSION, { value, path: '/' });
      expect(await isLoggedIn(thief)).toBe(false);
    }
  });

  test('that was planted in a browser before is not the one after it', async () => {
    const person = await people.add();
    const attacker = openBrowser(server);
    const other = await people.add();
    await logIn(attacker, other);
    // The attacker logs out but keeps the signed name, and slips it to the victim.
    const planted = [...attacker.cookies].filter(([name]) => name.startsWith('latchkey_session'));
    expect(planted.length).toBeGreaterThan(0);
    await people.query("DELETE FROM artifacts WHERE kind = 'Session' AND account_id = $1", [
      other.id,
    ]);
    const victim = openBrowser(server);
    for (const [name, cookie] of planted) victim.cookies.set(name, cookie);
    await logIn(victim, person);
    expect(await isLoggedIn(victim)).toBe(true);
    for (const [name, cookie] of planted) attacker.cookies.set(name, cookie);
    expect(victim.cookies.get(SESSION)?.value).not.toBe(planted[0]?.[1].value);
    expect(await isLoggedIn(attacker)).toBe(false);
  });

  test('holds 256 bits and cannot be made up', async () => {
    const person = await people.add();
    const browser = openBrowser(server);
    await logIn(browser, person);
    const value = browser.cookies.get(SESSION)?.value ?? '';
    expect(value).toMatch(/^[\w-]{43,}$/);
    const forger = openBrowser(server);
    // Without its signature even the right one is worth nothing.
    forger.cookies.set(SESSION, { value, path: '/' });
    expect(await isLoggedIn(forger)).toBe(false);
  });
});
