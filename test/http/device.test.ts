/** Signing a device in by the code that it shows (RFC 8628), as a till and a shopper live it. */
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  approve,
  goOn,
  heading,
  poll,
  refuse,
  type Shown,
  showCode,
  TILL,
  typeCode,
} from '../support/device.js';
import {
  age,
  atOnce,
  type Database,
  ORDERS,
  openDatabase,
  post,
  register,
  rowOf,
} from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import {
  clientFor,
  follow,
  hiddenField,
  introspect,
  openBrowser,
  type Reply,
  submitLogin,
} from '../support/shopper.js';
import { browserAt, codeOf, openPeople, type People, sendForm } from '../support/sign-in.js';

let server: TestServer;
let database: Database;
let people: People;

beforeAll(async () => {
  server = await startServer({ env: { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1' } });
  database = await openDatabase(server);
  people = await openPeople(server);
}, 60_000);
afterAll(async () => {
  await people?.close();
  await database?.close();
  await server?.stop();
});

const grant = 'urn:ietf:params:oauth:grant-type:device_code';
const DONE = 'Your device is connected';
const ENTER = 'Connect a device';
const COMPARE = 'Is this the code on the device?';

let neighbours = 0;
/** Somebody at an address of their own, so that tests do not spend each other's tries. */
const somebody = () => {
  neighbours += 1;
  return browserAt(server, `198.51.100.${neighbours}`);
};

const errorOf = async (deviceCode: string) => {
  const { status, json } = await poll(server, deviceCode);
  return [status, json.error];
};

async function isActive(token: unknown): Promise<boolean> {
  return JSON.parse((await introspect(server, 'orders_api', String(token))).text).active;
}

/** As if the till had waited for so many seconds. */
async function wait(shown: Shown, seconds: number): Promise<void> {
  await database.query(
    'UPDATE artifacts SET polled_at = polled_at - make_interval(secs => $2) WHERE id_hash = $1',
    [rowOf(shown.device_code), seconds],
  );
}

const recordsOf = async (event: string) =>
  database.query(
    'SELECT result, subject_id, client_id, details FROM audit_events WHERE event = $1 ORDER BY id',
    [event],
  );

describe('a till', () => {
  test('is told a short address and a code that people can type', async () => {
    const shown = await showCode(server);
    expect(shown.user_code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
    expect(shown).toMatchObject({
      verification_uri: `${server.issuer}/device`,
      verification_uri_complete: `${server.issuer}/device?user_code=${shown.user_code}`,
      expires_in: 600,
      interval: 5,
    });
    const { config } = await clientFor(server, { client_id: TILL });
    expect(config.serverMetadata().device_authorization_endpoint).toBe(
      `${server.issuer}/oauth2/device_authorization`,
    );
  });

  test('signs a shopper in with openid-client, keeps their session, and is signed out', async () => {
    const { config } = await clientFor(server, { client_id: TILL });
    const started = await oidc.initiateDeviceAuthorization(config, {
      scope: 'openid profile offline_access orders:read',
      resource: ORDERS,
    });
    const polling = oidc.pollDeviceAuthorizationGrant(config, started, { resource: ORDERS });
    const done = await approve(server, somebody(), started.user_code);
    expect([done.status, heading(done)]).toEqual([200, DONE]);

    const tokens = await polling;
    expect(tokens.claims()).toMatchObject({ name: 'Robin Sterling' });
    expect(tokens.scope?.split(' ')).toContain('orders:read');
    const seen = JSON.parse((await introspect(server, 'orders_api', tokens.access_token)).text);
    expect(seen).toMatchObject({ active: true, client_id: TILL, aud: ORDERS });
    expect(seen.auth_time).toBeGreaterThan(Date.now() / 1000 - 60);

    const { refresh_token: first = '' } = tokens;
    const renewed = await oidc.refreshTokenGrant(config, first, { resource: ORDERS });
    expect(await isActive(renewed.access_token)).toBe(true);
    expect(renewed.refresh_token).not.toBe(tokens.refresh_token);
    await oidc.tokenRevocation(config, renewed.refresh_token ?? '');
    expect(await isActive(renewed.access_token)).toBe(false);
  }, 40_000);

  test('waits while nobody has answered, and is told to slow down when it does not', async () => {
    const shown = await showCode(server);
    expect(await errorOf(shown.device_code)).toEqual([400, 'authorization_pending']);
    // Too soon: from now on ten seconds lie between two polls, then fifteen.
    expect(await errorOf(shown.device_code)).toEqual([400, 'slow_down']);
    await wait(shown, 6);
    expect(await errorOf(shown.device_code)).toEqual([400, 'slow_down']);
    await wait(shown, 11);
    expect(await errorOf(shown.device_code)).toEqual([400, 'slow_down']);
    await wait(shown, 21);
    expect(await errorOf(shown.device_code)).toEqual([400, 'authorization_pending']);

    // Once it is answered, nobody has to wait for anything any more.
    await approve(server, somebody(), shown.user_code);
    expect((await poll(server, shown.device_code)).status).toBe(200);
  });

  test('waits five seconds between two polls and no more', async () => {
    const shown = await showCode(server);
    for (let round = 0; round < 3; round += 1) {
      expect(await errorOf(shown.device_code)).toEqual([400, 'authorization_pending']);
      await wait(shown, 5);
    }
  });

  test('cannot be slowed down by a stranger', async () => {
    await register(server, 'other-till', ['--auth', 'none', '--grant-type', grant]);
    const shown = await showCode(server);
    for (const client of ['other-till', 'demo-storefront', 'nobody']) {
      const answer = await poll(server, shown.device_code, client);
      expect(answer.json.error).not.toBe('slow_down');
      expect(answer.status).toBeGreaterThanOrEqual(400);
    }
    expect(await errorOf(shown.device_code)).toEqual([400, 'authorization_pending']);
  });

  test('is told when the code has expired, and so is the shopper', async () => {
    const shown = await showCode(server);
    await age(database, shown.device_code);
    expect(await errorOf(shown.device_code)).toEqual([400, 'expired_token']);
    const page = await typeCode(somebody(), shown.user_code);
    expect(page.status).toBe(422);
    expect(page.body).toContain('This code is too old');
  });

  test('gets tokens once', async () => {
    const shown = await showCode(server);
    await approve(server, somebody(), shown.user_code);
    const first = await poll(server, shown.device_code);
    expect(await isActive(first.json.access_token)).toBe(true);
    expect(await errorOf(shown.device_code)).toEqual([400, 'invalid_grant']);
    // Two have had the code: what it led to has ended.
    expect(await isActive(first.json.access_token)).toBe(false);
  });

  test('asks for nothing that it was not granted, and for nothing without the grant', async () => {
    const foreign = await post(server, '/oauth2/device_authorization', {
      client_id: TILL,
      scope: 'openid catalog:read',
    });
    expect([foreign.status, foreign.json.error]).toEqual([400, 'invalid_scope']);
    const storefront = await post(server, '/oauth2/device_authorization', {
      client_id: 'demo-storefront',
      scope: 'openid',
    });
    expect(storefront.status).toBe(400);
  });
});

describe('a shopper', () => {
  test('compares the code, reads what is asked for, and is warned of strangers', async () => {
    const shown = await showCode(server);
    const page = await typeCode(somebody(), shown.user_code);
    expect([page.status, heading(page)]).toEqual([200, COMPARE]);
    for (const words of [
      shown.user_code,
      'Till at Alder &amp; Oak',
      'See your name and profile',
      'See your orders',
      'Only go on if you started this yourself',
    ]) {
      expect(page.body).toContain(words);
    }
    expect(page.body).not.toContain('Put things into your cart');
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(page.headers.get('cache-control')).toBe('no-store');
  });

  test('may type small letters, blanks, and no dash', async () => {
    for (const spell of [
      (code: string) => code.toLowerCase(),
      (code: string) => code.replace('-', ''),
      (code: string) => `  ${code.toLowerCase().replace('-', ' ')} `,
    ]) {
      const shown = await showCode(server);
      const page = await typeCode(somebody(), spell(shown.user_code));
      expect(heading(page)).toBe(COMPARE);
      expect(page.body).toContain(shown.user_code);
    }
  });

  test('who scans the picture still compares the code, with and without scripts', async () => {
    const shown = await showCode(server);
    const browser = somebody();
    const scanned = await browser.get(shown.verification_uri_complete);
    // A form that scripts send by themselves; without them it has a button.
    const page = await sendForm(browser, scanned, 'user_code', {});
    expect(heading(page)).toBe(COMPARE);
    expect(await errorOf(shown.device_code)).toEqual([400, 'authorization_pending']);
  });

  test('is told of a wrong code, and the same form takes the right one', async () => {
    const shown = await showCode(server);
    const browser = somebody();
    const wrong = await typeCode(browser, 'BBBB-BBBB');
    expect([wrong.status, heading(wrong)]).toEqual([422, ENTER]);
    expect(wrong.body).toContain('There is no such code');
    const nothing = await sendForm(browser, wrong, 'user_code', { user_code: ' ' });
    expect(nothing.status).toBe(422);
    const right = await sendForm(browser, nothing, 'user_code', { user_code: shown.user_code });
    expect(heading(right)).toBe(COMPARE);
  });

  test('refuses, signed in or not; the till is told and it is on the record', async () => {
    const shown = await showCode(server);
    const browser = somebody();
    const page = await refuse(browser, await typeCode(browser, shown.user_code));
    expect([page.status, heading(page)]).toEqual([200, 'The device was not let in']);
    expect(await errorOf(shown.device_code)).toEqual([400, 'access_denied']);
    expect((await recordsOf('device_denied')).at(-1)).toMatchObject({
      result: 'failure',
      subject_id: null,
      client_id: TILL,
      details: { reason: 'access_denied' },
    });
    expect((await typeCode(browser, shown.user_code)).body).toContain('has been used already');
  });

  test('changes their mind at the sign-in', async () => {
    const shown = await showCode(server);
    const browser = somebody();
    const confirmed = await goOn(browser, await typeCode(browser, shown.user_code));
    const signIn = await follow(browser, server, confirmed);
    expect(heading(signIn)).toBe('Sign in to Till at Alder &amp; Oak');
    const cancel = signIn.body.match(/action="([^"]*\/cancel)"/)?.[1] ?? '';
    const left = await browser.post(cancel, { csrf: hiddenField(signIn.body, 'csrf') });
    const page = await follow(browser, server, left);
    expect([page.status, heading(page)]).toEqual([200, 'The device was not let in']);
    expect(await errorOf(shown.device_code)).toEqual([400, 'access_denied']);
  });

  test('who is signed in already sees as whom, and sees the device in the account', async () => {
    const person = await people.add();
    const browser = somebody();
    const first = await showCode(server);
    expect(heading(await approve(server, browser, first.user_code, person))).toBe(DONE);
    expect((await recordsOf('device_authorized')).at(-1)).toMatchObject({
      result: 'success',
      subject_id: person.id,
      client_id: TILL,
    });
    const second = await showCode(server);
    const page = await typeCode(browser, second.user_code);
    expect(page.body).toContain('You are signed in as');
    expect(heading(await goOn(browser, page))).toBe(DONE);
    const tokens = await poll(server, second.device_code);
    expect(await isActive(tokens.json.access_token)).toBe(true);

    const applications = await open(browser, '/account/applications');
    expect(applications.body).toContain('Till at Alder &amp; Oak');
    const activity = await open(browser, '/account/activity');
    expect(activity.body).toContain('You let a device in that showed a code');

    const path = `/account/applications/${TILL}/remove`;
    const question = await open(browser, path);
    const csrf = hiddenField(
      question.body.slice(question.body.indexOf(`action="${path}"`)),
      'csrf',
    );
    expect((await browser.post(path, { csrf })).status).toBe(303);
    expect(await isActive(tokens.json.access_token)).toBe(false);
  });

  /** A page of the account, through its silent sign-in. */
  async function open(browser: ReturnType<typeof somebody>, path: string): Promise<Reply> {
    return follow(browser, server, await browser.get(path));
  }

  test('proves what the till asks for: both factors, or nothing', async () => {
    const person = await people.add({ app: true });
    const strong = { acr_values: 'urn:latchkey:acr:2' };
    const shown = await showCode(server, strong);
    const browser = somebody();
    const page = await approve(server, browser, shown.user_code, person);
    expect(page.body).toContain('name="code"');
    const coded = await sendForm(browser, page, 'code', { code: codeOf(person.secret) });
    expect(heading(await follow(browser, server, coded))).toBe(DONE);
    const tokens = await poll(server, shown.device_code);
    const seen = await introspect(server, 'orders_api', String(tokens.json.access_token));
    expect(JSON.parse(seen.text)).toMatchObject({ acr: 'urn:latchkey:acr:2' });
  });

  test('is asked by a stranger’s device what it may have, after comparing the code', async () => {
    await register(server, 'kiosk', [
      ...['--auth', 'none', '--grant-type', grant, '--scope', 'openid email'],
    ]);
    const { json } = await post(server, '/oauth2/device_authorization', {
      client_id: 'kiosk',
      scope: 'openid email',
    });
    const shown = json as unknown as Shown;
    const browser = somebody();
    const consent = await approve(server, browser, shown.user_code);
    expect(heading(consent)).toContain('to use your account?');
    expect(consent.body).toContain('You can take this back at any time in');
    expect(consent.body).not.toContain('undefined');
    expect((await poll(server, shown.device_code, 'kiosk')).json.error).toBe(
      'authorization_pending',
    );
    const action = consent.body.match(/action="([^"]*\/consent)"/)?.[1] ?? '';
    const allowed = await browser.post(action, { csrf: hiddenField(consent.body, 'csrf') });
    expect(heading(await follow(browser, server, allowed))).toBe(DONE);
    expect((await poll(server, shown.device_code, 'kiosk')).status).toBe(200);
  });

  test('reads all of it in their language', async () => {
    const shown = await showCode(server, { ui_locales: 'fr' });
    const browser = somebody();
    const page = await browser.get('/device', { 'accept-language': 'de' });
    expect(heading(page)).toBe('Ein Gerät verbinden');
    const confirm = await sendForm(browser, page, 'user_code', { user_code: shown.user_code });
    expect(heading(confirm)).toBe('Est-ce le code affiché par l’appareil ?');
  });
});

describe('nobody else answers', () => {
  test('a code that one browser has confirmed is nothing to another', async () => {
    const shown = await showCode(server);
    const [owner, thief] = [somebody(), somebody()];
    const seenByThief = await typeCode(thief, shown.user_code);
    expect(heading(seenByThief)).toBe(COMPARE);
    const confirmed = await goOn(owner, await typeCode(owner, shown.user_code));
    expect(confirmed.status).toBe(303);

    // Too late for the one who has the same page open, to say yes or no.
    for (const answer of [goOn, refuse]) {
      const late = await answer(thief, await asItWas(thief, seenByThief));
      expect([late.status, late.body.includes('has been used already')]).toEqual([422, true]);
    }
    // And the address at which the owner will come back opens nothing elsewhere.
    const signIn = await owner.get(confirmed.location ?? '');
    const uid = confirmed.location?.split('/').at(-1) ?? '';
    const stolen = await thief.get(`/device/${uid}`);
    expect([stolen.status, stolen.location]).toEqual([400, undefined]);
    expect(await errorOf(shown.device_code)).toEqual([400, 'authorization_pending']);

    const user = server.demo.users.shopper;
    if (!user) throw new Error('the demo has a shopper');
    const done = await follow(owner, server, await submitLogin(owner, signIn, user));
    expect(heading(done)).toBe(DONE);
    expect((await poll(server, shown.device_code)).status).toBe(200);
  });

  /** The page as it was, with the secret that this browser's session has now. */
  async function asItWas(browser: ReturnType<typeof somebody>, page: Reply): Promise<Reply> {
    const fresh = hiddenField((await browser.get('/device')).body, 'xsrf');
    const old = hiddenField(page.body, 'xsrf');
    return { ...page, body: page.body.replaceAll(old, fresh) };
  }

  test('a confirmation of two at once is one', async () => {
    const shown = await showCode(server);
    const browsers = [somebody(), somebody(), somebody(), somebody()];
    const pages = await Promise.all(browsers.map((one) => typeCode(one, shown.user_code)));
    const replies = await Promise.all(
      browsers.map((one, index) => goOn(one, pages[index] as Reply)),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([303, 422, 422, 422]);
  });

  test('a form from elsewhere, or without a session, is refused on a page of ours', async () => {
    const shown = await showCode(server);
    const browser = somebody();
    const fields = { user_code: shown.user_code, confirm: 'yes', xsrf: 'guessed' };
    const alone = await browser.post('/device', fields);
    expect([alone.status, heading(alone)]).toEqual([400, 'This page was open for too long']);
    expect(alone.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(alone.headers.get('content-type')).toContain('text/html');

    const page = await browser.get('/device');
    const forged = await browser.post('/device', fields);
    expect([forged.status, heading(forged)]).toEqual([400, 'This page was open for too long']);
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { origin: 'https://evil.example' },
    ] as Record<string, string>[]) {
      const xsrf = hiddenField(page.body, 'xsrf');
      const foreign = await browser.post('/device', { ...fields, xsrf }, headers);
      expect(foreign.status).toBe(403);
    }
    expect(await errorOf(shown.device_code)).toEqual([400, 'authorization_pending']);
  });

  test('only the exact addresses answer', async () => {
    for (const path of ['/device/', '/DEVICE', '/device/a/b', '/oauth2/device_authorization/']) {
      expect((await openBrowser(server).get(path)).status).toBe(404);
    }
    const put = await fetch(`${server.issuer}/device`, { method: 'PUT' });
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, POST']);
    expect((await fetch(`${server.issuer}/oauth2/device_authorization`)).status).toBe(405);
  });
});

describe('guessing codes', () => {
  const wrong = (index: number) => `BBBB-${'BCDFGHJKLMNPQRSTVWXZ'.slice(index, index + 4)}`;

  test('ends after ten wrong ones from a network, also for ones that are right', async () => {
    const shown = await showCode(server);
    const address = '203.0.113.7';
    const guessers = Array.from({ length: 11 }, () => browserAt(server, address));
    const pages = await Promise.all(guessers.map((one) => one.get('/device')));
    const replies = await atOnce(11, (index) =>
      sendForm(guessers[index] as (typeof guessers)[0], pages[index] as Reply, 'user_code', {
        user_code: wrong(index),
      }),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([...Array(10).fill(422), 429]);
    const limited = await typeCode(browserAt(server, address), shown.user_code);
    expect([limited.status, heading(limited)]).toEqual([429, 'There were too many wrong codes']);
    const seconds = Number(limited.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(590);
    expect(seconds).toBeLessThanOrEqual(600);
    // The shopper next door types theirs.
    expect(heading(await typeCode(somebody(), shown.user_code))).toBe(COMPARE);
  });

  test('ends after ten wrong ones in a browser that changes its address', async () => {
    const shown = await showCode(server);
    const cookies = somebody();
    const from = (index: number) => ({ 'x-forwarded-for': `192.0.2.${index + 1}` });
    let page = await cookies.get('/device');
    for (let index = 0; index < 10; index += 1) {
      const fields = { xsrf: hiddenField(page.body, 'xsrf'), user_code: wrong(index) };
      page = await cookies.post('/device', fields, from(index));
      expect(page.status).toBe(422);
    }
    const fields = { xsrf: hiddenField(page.body, 'xsrf'), user_code: shown.user_code };
    expect((await cookies.post('/device', fields, from(20))).status).toBe(429);
  });

  test('right codes do not count, and open no further tries', async () => {
    const address = '203.0.113.9';
    for (let index = 0; index < 9; index += 1) {
      expect((await typeCode(browserAt(server, address), wrong(index))).status).toBe(422);
      const shown = await showCode(server);
      expect((await typeCode(browserAt(server, address), shown.user_code)).status).toBe(200);
    }
    expect((await typeCode(browserAt(server, address), wrong(9))).status).toBe(422);
    expect((await typeCode(browserAt(server, address), wrong(10))).status).toBe(429);
  });
});

test('no code of a device stands in the database', async () => {
  const shown = await showCode(server);
  await typeCode(somebody(), shown.user_code);
  const rows = await database.query('SELECT * FROM artifacts');
  // A buffer has become a list of numbers before a replacer sees it.
  const text = JSON.stringify(rows, (_key, value) =>
    value?.type === 'Buffer' ? Buffer.from(value.data).toString('latin1') : value,
  );
  expect(text).not.toContain(shown.device_code);
  expect(text).not.toContain(shown.user_code.replace('-', ''));
  expect(rows.some(({ kind }) => kind === 'DeviceCode')).toBe(true);
});
