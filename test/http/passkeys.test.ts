/** Passkeys at a real server: added on the account pages, used at the sign-in, and nothing twice. */
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Owner, ownerAt } from '../support/account.js';
import { type Lie, type PasskeyDevice, passkeyDevice } from '../support/passkey-device.js';
import { authorizeUrl, command, post, redemption } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Browser, follow, hiddenField, type Reply } from '../support/shopper.js';
import {
  browserAt,
  codeOf,
  formWith,
  openLogin,
  openPeople,
  type People,
  sendForm,
} from '../support/sign-in.js';
import { soon } from '../support/soon.js';

vi.setConfig({ testTimeout: 40_000, hookTimeout: 60_000 });

const HOME = '/account/authenticators';
const NEW = `${HOME}/passkeys/new`;
const PHR = { acr: 'urn:latchkey:acr:phr', amr: ['pop', 'user', 'mfa'] };
const asksPhr = { acr_values: PHR.acr };

let server: TestServer;
let people: People;
let nets = 0;

beforeAll(async () => {
  const env = { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32', LATCHKEY_BOT_CHALLENGE: 'off' };
  server = await startServer({ env });
  people = await openPeople(server);
});
afterAll(async () => {
  await people.close();
  await server.stop();
});

const newBrowser = (): Browser => {
  nets += 1;
  return browserAt(server, `10.${nets >> 8}.${nets & 255}.19`);
};
const someone = async (options: Parameters<People['add']>[0] = {}): Promise<Owner> =>
  ownerAt(server, people, newBrowser(), await people.add(options));

const notice = ({ body }: Reply) =>
  (body.match(/<div class="notice[^>]*>[\s\S]*?<p>([\s\S]*?)<\/p>/)?.[1] ?? '').trim();
const heading = ({ body }: Reply) =>
  (body.match(/<h1>([\s\S]*?)<\/h1>/)?.[1] ?? '').replace(/<[^>]*>/g, '');
const lastEvent = async (event: string, { person }: Owner) =>
  (
    await people.query(
      'SELECT details FROM audit_events WHERE event = $1 AND subject_id = $2 ORDER BY id DESC',
      [event, person.id],
    )
  )[0];
const letters = async ({ person }: Owner): Promise<string[]> => {
  const all = (await (await fetch(`${server.issuer}/dev/mailbox.json`)).json()) as {
    to: string;
    subject: string;
  }[];
  return all.filter(({ to }) => to.includes(person.email)).map(({ subject }) => subject);
};

/** What the page's script asks for. */
async function optionsFor(browser: Browser, page: Reply): Promise<object> {
  const path = page.body.match(/data-options="([^"]*)"/)?.[1] ?? '';
  const reply = await browser.post(path, { csrf: hiddenField(page.body, 'csrf') });
  if (reply.status !== 200) throw new Error(`${reply.status} ${reply.location}`);
  return JSON.parse(reply.body) as object;
}

async function addPasskey(owner: Owner, name = 'my phone', lie: Lie = {}) {
  const device = passkeyDevice(server.issuer);
  const page = await owner.open(NEW);
  const passkey = device.create(await optionsFor(owner.browser, page), lie);
  const reply = await owner.send(page, 'passkey', { passkey, name });
  return { device, page, passkey, reply };
}

/** Signs what the page asks for. */
async function use(device: PasskeyDevice, browser: Browser, page: Reply, lie: Lie = {}) {
  const passkey = device.sign(await optionsFor(browser, page), lie);
  return { passkey, reply: await sendForm(browser, page, 'passkey', { passkey }) };
}

/** What the client learns of the log-in. */
async function claimsOf(browser: Browser, reply: Reply) {
  const { location, status, body } = await follow(browser, server, reply);
  if (!location) throw new Error(`not sent to the client: ${status} ${body}`);
  const code = new URL(location).searchParams.get('code') ?? '';
  const { json } = await post(server, '/oauth2/token', redemption(code, {}));
  return decodeJwt(String(json.id_token));
}

describe('an owner', () => {
  test('adds a passkey, sees it, renames it and removes it', async () => {
    const mara = await someone();
    const { reply } = await addPasskey(mara, 'my <b>phone</b>');
    const list = await mara.answer(reply);
    expect(notice(list)).toContain('Your passkey is ready');
    expect(list.body).toContain('my &lt;b&gt;phone');
    expect(await lastEvent('passkey_added', mara)).toBeDefined();
    const rename = list.body.match(/href="([^"]*\/rename)"/)?.[1] ?? '';
    const renamed = await mara.send(await mara.open(rename), 'name', { name: 'the blue one' });
    expect((await mara.answer(renamed)).body).toContain('the blue one');
    const remove = rename.replace('rename', 'remove');
    const question = await mara.open(remove);
    expect(heading(question)).toBe('Remove the blue one?');
    const csrf = hiddenField(question.body, 'csrf');
    const gone = await mara.answer(await mara.browser.post(remove, { csrf }));
    expect(gone.body).not.toContain('the blue one');
    expect(await lastEvent('passkey_removed', mara)).toBeDefined();
    await vi.waitFor(async () => {
      expect((await letters(mara)).sort()).toEqual([
        `A passkey was added to your ${new URL(server.issuer).host} account`,
        `A passkey was removed from your ${new URL(server.issuer).host} account`,
      ]);
    }, soon);
  });

  test('changes none of it on an old sign-in', async () => {
    const mara = await someone();
    const page = await mara.open(NEW);
    const list = await mara.answer((await addPasskey(mara)).reply);
    const [, id = ''] = list.body.match(/passkeys\/([0-9a-f-]{36})\/rename/) ?? [];
    await mara.grow(301);
    const csrf = hiddenField(page.body, 'csrf');
    for (const path of ['new', 'options', `${id}/rename`, `${id}/remove`]) {
      const reply = await mara.browser.post(`${HOME}/passkeys/${path}`, { csrf, name: 'mine' });
      expect(reply.status).toBe(303);
      expect(reply.location).toContain('/oauth2/authorize');
    }
    const rows = await people.query('SELECT name FROM passkeys WHERE account_id = $1', [
      mara.person.id,
    ]);
    expect(rows).toEqual([{ name: 'my phone' }]);
  });

  test('cannot send one twice, nor one that was made on another site', async () => {
    const mara = await someone();
    const { page, passkey, reply: added } = await addPasskey(mara);
    await mara.answer(added);
    const again = await mara.send(page, 'passkey', { passkey, name: 'again' });
    expect(again.status).toBe(422);
    expect(notice(again)).toContain('open for too long');
    const { reply } = await addPasskey(mara, 'evil', { origin: 'https://evil.example' });
    expect(reply.status).toBe(422);
    expect(notice(reply)).toContain('cannot be used here');
  });

  test('touches nobody else’s', async () => {
    const [mara, nora] = [await someone(), await someone()];
    const list = await mara.answer((await addPasskey(mara)).reply);
    const [, id = ''] = list.body.match(/passkeys\/([0-9a-f-]{36})\/rename/) ?? [];
    const csrf = hiddenField((await nora.open(NEW)).body, 'csrf');
    await nora.browser.post(`${HOME}/passkeys/${id}/remove`, { csrf });
    await nora.browser.post(`${HOME}/passkeys/${id}/rename`, { csrf, name: 'mine' });
    expect((await mara.open(HOME)).body).toContain('my phone');
    expect(heading(await nora.open(`${HOME}/passkeys/${id}/remove`))).toBe('Second step');
  });
});

describe('a passkey', () => {
  test('is all it takes to sign in, and the client is told what it was', async () => {
    const mara = await someone({ app: true });
    const { device } = await addPasskey(mara);
    const browser = newBrowser();
    const page = await openLogin(server, browser);
    expect(page.headers.get('content-security-policy')).toContain("connect-src 'self'");
    const { reply } = await use(device, browser, page);
    expect(await claimsOf(browser, reply)).toMatchObject({ sub: mara.person.id, ...PHR });
    expect(await lastEvent('sign_in_succeeded', mara)).toMatchObject({
      details: { acr: PHR.acr, amr: 'pop user mfa' },
    });
    // The class is good for whatever asks for less.
    const silent = await browser.get(
      authorizeUrl({ acr_values: 'urn:latchkey:acr:2', prompt: 'none' }),
    );
    expect(silent.location).toContain('code=');
  });

  test('gets staff in without a password', async () => {
    const nora = await someone({ staff: true, app: true });
    const { device } = await addPasskey(nora);
    const browser = newBrowser();
    const { reply } = await use(device, browser, await openLogin(server, browser));
    expect(await claimsOf(browser, reply)).toMatchObject(PHR);
  });

  test('takes the place of a code after the password', async () => {
    const mara = await someone({ app: true });
    const { device } = await addPasskey(mara);
    const browser = newBrowser();
    const login = { login: mara.person.email, password: mara.person.password };
    const page = await sendForm(browser, await openLogin(server, browser), 'password', login);
    expect(heading(page)).toBe('Enter your code');
    expect(page.body).toContain('Use a passkey instead');
    expect(await optionsFor(browser, page)).toMatchObject({
      allowCredentials: [{ id: device.id }],
    });
    const { reply } = await use(device, browser, page);
    expect(await claimsOf(browser, reply)).toMatchObject({
      acr: PHR.acr,
      amr: ['pwd', 'pop', 'user', 'mfa'],
    });
  });

  test('of somebody else does not go on with a sign-in that is under way', async () => {
    const [mara, nora] = [await someone({ app: true }), await someone()];
    await addPasskey(mara);
    const { device } = await addPasskey(nora);
    const browser = newBrowser();
    const login = { login: mara.person.email, password: mara.person.password };
    const page = await sendForm(browser, await openLogin(server, browser), 'password', login);
    const { reply } = await use(device, browser, page);
    expect(reply.status).toBe(422);
    expect(notice(reply)).toContain('did not work here');
    expect(await lastEvent('sign_in_refused', nora)).toMatchObject({
      details: { reason: 'other_account', factor: 'passkey' },
    });
  });

  test('can be asked for, of those that have one', async () => {
    const { acr_values_supported: offered } = (await (
      await fetch(`${server.issuer}/.well-known/openid-configuration`)
    ).json()) as { acr_values_supported: string[] };
    expect(offered).toContain(PHR.acr);
    const mara = await someone();
    const login = { login: mara.person.email, password: mara.person.password };
    const without = newBrowser();
    const refused = await sendForm(
      without,
      await openLogin(server, without, asksPhr),
      'password',
      login,
    );
    const { location = '' } = await follow(without, server, refused);
    expect(new URL(location).searchParams.get('error')).toBe('unmet_authentication_requirements');

    const { device } = await addPasskey(mara);
    const browser = newBrowser();
    const page = await sendForm(
      browser,
      await openLogin(server, browser, asksPhr),
      'password',
      login,
    );
    expect(heading(page)).toBe('Use your passkey');
    const { reply } = await use(device, browser, page);
    expect(await claimsOf(browser, reply)).toMatchObject({ acr: PHR.acr });
  });

  const lies: readonly (readonly [string, Lie])[] = [
    ['for a look-alike page', { origin: 'https://id-shop.example' }],
    ['of somebody unverified', { unverified: true }],
    ['by another key', { forged: true }],
  ];
  test.each(lies)('signed %s is refused, recorded, and opens nothing', async (_, lie) => {
    const mara = await someone();
    const { device } = await addPasskey(mara);
    const browser = newBrowser();
    const { reply } = await use(device, browser, await openLogin(server, browser), lie);
    expect(reply.status).toBe(422);
    expect(notice(reply)).toContain('did not work here');
    expect(await lastEvent('sign_in_refused', mara)).toMatchObject({
      details: { reason: 'no_match', factor: 'passkey' },
    });
    expect((await browser.get(authorizeUrl({ prompt: 'none' }))).location).toContain(
      'login_required',
    );
  });

  test('is used once: the same answer opens neither this page nor another one', async () => {
    const mara = await someone();
    const { device } = await addPasskey(mara);
    const browser = newBrowser();
    const page = await openLogin(server, browser);
    const { passkey, reply } = await use(device, browser, page);
    expect(reply.status).toBe(303);
    const thief = newBrowser();
    const other = await openLogin(server, thief);
    const stolen = await sendForm(thief, other, 'passkey', { passkey });
    expect(stolen.status).toBe(422);
    expect(await lastEvent('sign_in_refused', mara)).toMatchObject({
      details: { reason: 'stale' },
    });
  });

  test('whose count does not rise is refused, and its owner hears of it', async () => {
    const mara = await someone();
    const { device } = await addPasskey(mara);
    const first = newBrowser();
    await use(device, first, await openLogin(server, first), { signCount: 9 });
    const browser = newBrowser();
    const { reply } = await use(device, browser, await openLogin(server, browser), {
      signCount: 9,
    });
    expect(reply.status).toBe(422);
    expect(await lastEvent('passkey_suspicious', mara)).toBeDefined();
    await vi.waitFor(async () => {
      expect(await letters(mara)).toContainEqual(
        expect.stringMatching(/^A passkey of .* refused$/),
      );
    }, soon);
  });

  test('that was removed, or whose account is disabled, opens nothing', async () => {
    const mara = await someone();
    const { device } = await addPasskey(mara);
    const browser = newBrowser();
    const page = await openLogin(server, browser);
    await people.query("UPDATE accounts SET status = 'disabled' WHERE id = $1", [mara.person.id]);
    expect((await use(device, browser, page)).reply.status).toBe(422);
    await people.query("UPDATE accounts SET status = 'active' WHERE id = $1", [mara.person.id]);
    await command(
      server,
      'users',
      'reset-second-factor',
      mara.person.email,
      '--now',
      '--reason',
      'lost',
    );
    expect((await use(device, browser, page)).reply.status).toBe(422);
    expect(await lastEvent('sign_in_refused', mara)).toMatchObject({
      details: { reason: 'disabled' },
    });
  });

  test('is asked for in the same words, whoever is asked', async () => {
    const mara = await someone();
    await addPasskey(mara);
    const browser = newBrowser();
    const page = await openLogin(server, browser, { login_hint: mara.person.email });
    expect(await optionsFor(browser, page)).toMatchObject({ allowCredentials: [] });
  });

  test('gets its owner in while strangers have locked the password', async () => {
    const mara = await someone();
    const { device } = await addPasskey(mara);
    const stranger = newBrowser();
    let page = await openLogin(server, stranger);
    for (let turn = 0; turn < 11 && formWith(page, 'password'); turn += 1) {
      const wrong = { login: mara.person.email, password: 'not this one at all' };
      page = await sendForm(stranger, page, 'password', wrong);
    }
    expect(page.status).toBe(429);
    const browser = newBrowser();
    const { reply } = await use(device, browser, await openLogin(server, browser));
    expect(reply.status).toBe(303);
  });

  test('that is the only second step of staff stays; with an app beside it, it goes', async () => {
    const nora = await someone({ staff: true, app: true });
    const { device, reply } = await addPasskey(nora);
    const list = await nora.answer(reply);
    const [, id = ''] = list.body.match(/passkeys\/([0-9a-f-]{36})\/rename/) ?? [];
    await people.query('DELETE FROM totp_credentials WHERE account_id = $1', [nora.person.id]);
    const csrf = hiddenField((await nora.browser.get(NEW)).body, 'csrf');
    await nora.browser.post(`${HOME}/passkeys/${id}/remove`, { csrf });
    expect((await nora.browser.get(HOME)).body).toContain('its only second step');
    // Nobody who has only the password sets an app up beside it.
    const browser = newBrowser();
    const login = { login: nora.person.email, password: nora.person.password };
    const page = await sendForm(browser, await openLogin(server, browser), 'password', login);
    expect(heading(page)).toBe('Use your passkey');
    expect((await use(device, browser, page)).reply.status).toBe(303);
  });

  test('does not take the code away from those who use one', async () => {
    const mara = await someone({ app: true });
    await addPasskey(mara);
    const browser = newBrowser();
    const login = { login: mara.person.email, password: mara.person.password };
    const page = await sendForm(browser, await openLogin(server, browser), 'password', login);
    await people.query('UPDATE totp_credentials SET last_step = 0 WHERE account_id = $1', [
      mara.person.id,
    ]);
    const reply = await sendForm(browser, page, 'code', { code: codeOf(mara.person.secret) });
    expect(await claimsOf(browser, reply)).toMatchObject({ amr: ['pwd', 'otp', 'mfa'] });
  });
});
