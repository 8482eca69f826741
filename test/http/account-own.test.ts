/** People say who they are, see what happened to their account, and take their data along. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Owner, ownerAt } from '../support/account.js';
import { isLegible } from '../support/leaks.js';
import {
  authorizeUrl,
  command,
  post,
  postToNode,
  redemption,
  register,
  wire,
} from '../support/protocol.js';
import { lettersTo } from '../support/recovery.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Browser, follow, hiddenField, type Reply } from '../support/shopper.js';
import { browserAt, formWith, openPeople, type People, WRONG } from '../support/sign-in.js';
import { soon } from '../support/soon.js';

vi.setConfig({ testTimeout: 40_000, hookTimeout: 60_000 });

const env = { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32', LATCHKEY_BOT_CHALLENGE: 'off' };
const SHOP = 'https://quince.example/cb';

let server: TestServer;
let strict: TestServer;
let people: People;
let nets = 0;

beforeAll(async () => {
  server = await startServer({ env });
  strict = await startServer({
    like: server,
    env: { ...env, LATCHKEY_ISSUER: server.issuer, LATCHKEY_PROFILE_FIELDS: 'family_name' },
  });
  people = await openPeople(server);
  await register(server, 'quince', [
    ...['--name', 'Quince & Fig', '--auth', 'none', '--redirect-uri', SHOP],
    ...['--scope', 'openid profile phone', '--first-party'],
  ]);
});
afterAll(async () => {
  await people.close();
  await strict.stop();
  await server.stop();
});

const newBrowser = (): Browser => {
  nets += 1;
  return browserAt(server, `10.7.${nets}.13`);
};
const someone = async (options: Parameters<People['add']>[0] = {}): Promise<Owner> =>
  ownerAt(server, people, newBrowser(), await people.add(options));

const notice = ({ body }: Reply) =>
  (body.match(/<div class="notice[^>]*>[\s\S]*?<p>([\s\S]*?)<\/p>/)?.[1] ?? '').trim();
const filledIn = ({ body }: Reply, field: string) =>
  body.match(new RegExp(`<input[^>]*id="${field}"[^>]*value="([^"]*)"`))?.[1];
const wordsOf = (html: string) =>
  html
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
const cookieOf = ({ cookies }: Browser) =>
  [...cookies].map(([name, { value }]) => `${name.split('|')[0]}=${value}`).join('; ');
const recorded = (event: string, { person }: Owner) =>
  people.query(
    'SELECT details FROM audit_events WHERE event = $1 AND subject_id = $2 ORDER BY id',
    [event, person.id],
  );
/** What a shop learns at this moment. */
const shopOf = async (owner: Owner) => {
  const request = { client_id: 'quince', redirect_uri: SHOP, scope: 'openid profile phone' };
  const reply = await owner.answer(await owner.browser.get(authorizeUrl(request)));
  const code = new URL(reply.location ?? '').searchParams.get('code') ?? '';
  const { json } = await post(
    server,
    '/oauth2/token',
    redemption(code, { client_id: 'quince', redirect_uri: SHOP }),
  );
  return async () => {
    const headers = { authorization: `Bearer ${json.access_token}` };
    const reply_ = await fetch(`${server.issuer}/oauth2/userinfo`, { headers });
    return [reply_.status, await reply_.json()] as [number, Record<string, unknown>];
  };
};

describe('the profile', () => {
  test('is saved, sealed, recorded by its fields alone, and told at the next userinfo', async () => {
    const mara = await someone();
    const userinfo = await shopOf(mara);
    expect(await userinfo()).toEqual([200, { sub: mara.person.id }]);
    const page = await mara.open('/account/profile');
    const saved = await mara.send(page, 'given_name', {
      name: 'Wilhelmine Sauerampfer',
      given_name: 'Wilhelmine',
      family_name: ' Sauerampfer ',
      locale: 'de',
    });
    expect([saved.status, saved.location]).toEqual([303, '/account/profile']);
    const after = await mara.open('/account/profile');
    // It speaks the language that was chosen, from now on.
    expect(after.body).toContain('<html lang="de"');
    expect(notice(after)).toBe('Ihr Profil ist gespeichert.');
    expect(filledIn(after, 'family-name')).toBe('Sauerampfer');
    expect(await userinfo()).toEqual([
      200,
      {
        sub: mara.person.id,
        name: 'Wilhelmine Sauerampfer',
        given_name: 'Wilhelmine',
        family_name: 'Sauerampfer',
        locale: 'de',
      },
    ]);
    expect(await recorded('profile_changed', mara)).toEqual([
      { details: { fields: 'name given_name family_name locale' } },
    ]);
    const rows = await people.query('SELECT * FROM accounts WHERE id = $1', [mara.person.id]);
    expect(JSON.stringify(rows)).not.toContain('auerampfer');
    // Nothing else is said about it, neither in the log nor by mail.
    expect(server.output()).not.toContain('auerampfer');
    expect(await lettersTo(server, mara.person.email)).toEqual([]);

    await mara.send(after, 'given_name', { locale: '', name: '', given_name: '', family_name: '' });
    expect(await userinfo()).toEqual([200, { sub: mara.person.id }]);
  });

  test('that is not plain comes back as it was typed, with what is wrong at each field', async () => {
    const mara = await someone();
    const page = await mara.open('/account/profile');
    const long = 'x'.repeat(101);
    const reply = await mara.send(page, 'name', {
      name: long,
      given_name: 'Ma\u202era',
      family_name: 'Quist & Søn',
    });
    expect(reply.status).toBe(422);
    expect(filledIn(reply, 'name')).toBe(long);
    expect(filledIn(reply, 'given-name')).toBe('Ma\u202era');
    expect(filledIn(reply, 'family-name')).toBe('Quist &amp; Søn');
    expect(reply.body).toContain('2 fields need another look');
    expect(reply.body).toMatch(/id="name-problem"[\s\S]*Use 100 characters at most/);
    expect(reply.body).toMatch(/id="given-name-problem"[\s\S]*without invisible characters/);
    expect(reply.body).not.toContain('id="family-name-problem"');
    expect(await recorded('profile_changed', mara)).toEqual([]);
  });

  test('is changed by its owner’s own form alone, and by nobody whose access was taken back', async () => {
    const mara = await someone();
    const page = await mara.open('/account/profile');
    expect((await mara.browser.post('/account/profile', { name: 'Eve' })).status).toBe(403);
    const stranger = await someone();
    await stranger.open();
    const csrf = hiddenField(page.body, 'csrf');
    expect((await stranger.browser.post('/account/profile', { csrf, name: 'Eve' })).status).toBe(
      403,
    );
    await people.domain.identity.raiseSecurityEpoch(mara.person.id);
    const late = await mara.browser.post('/account/profile', { csrf, name: 'Eve' });
    expect(new URL(late.location ?? '').pathname).toBe('/oauth2/authorize');
    const person = await people.domain.identity.findPerson(mara.person.id);
    expect(person?.profile).toEqual({});
  });

  test('shows what the operator keeps to themself, and does not take it', async () => {
    const mara = await someone();
    await mara.send(await mara.open('/account/profile'), 'name', { name: 'Mara Quist' });
    // The same account at a node that was started with the narrower setting.
    const node = { issuer: server.issuer, port: strict.port };
    const headers = { cookie: cookieOf(mara.browser), accept: 'text/html' };
    const host = new URL(server.issuer).host;
    const look = async (path: string) => wire(strict.port, { path, headers: { ...headers, host } });
    const page = await look('/account/profile');
    expect(page.status).toBe(200);
    expect(wordsOf(page.text)).toContain('Name Mara Quist You cannot change this here.');
    expect(page.text.match(/<(?:input|select)[^>]*class="input"[^>]*>/g)).toEqual([
      expect.stringContaining('name="family_name"'),
    ]);
    expect(page.text).not.toMatch(/Given name|Phone number|as my browser/i);
    expect((await look('/account/profile/phone')).headers.location).toBe('/account/profile');
    const csrf = hiddenField(page.text, 'csrf');
    for (const fields of [{ name: 'Eve' }, { locale: 'de' }, { family_name: 'Eve', name: 'Eve' }]) {
      const refused = await postToNode(node, '/account/profile', { csrf, ...fields }, headers);
      expect(refused.status).toBe(403);
    }
    const phone = { csrf, phone: '+441632960961' };
    expect((await postToNode(node, '/account/profile/phone', phone, headers)).status).toBe(403);
    const family = { csrf, family_name: 'Quist' };
    expect((await postToNode(node, '/account/profile', family, headers)).status).toBe(303);
    expect((await people.domain.identity.findPerson(mara.person.id))?.profile).toEqual({
      name: 'Mara Quist',
      familyName: 'Quist',
    });
  });
});

describe('the phone number', () => {
  test('takes a fresh proof, is kept in one spelling, and its owner is written to', async () => {
    const mara = await someone();
    const userinfo = await shopOf(mara);
    await mara.open('/account/profile');
    await mara.grow(600);
    const asked = await follow(
      mara.browser,
      server,
      await mara.browser.get('/account/profile/phone'),
    );
    expect(formWith(asked, 'password')).toBeDefined();
    const page = await mara.answer(asked);
    const bad = await mara.send(page, 'phone', { phone: '0170 1234567' });
    expect([bad.status, filledIn(bad, 'phone')]).toEqual([422, '0170 1234567']);
    expect(bad.body).toContain('with its country code');
    expect((await mara.send(bad, 'phone', { phone: '+49 (170) 123 45 67' })).status).toBe(303);
    expect(await userinfo()).toEqual([200, { sub: mara.person.id, phone_number: '+491701234567' }]);
    await mara.send(await mara.open('/account/profile/phone'), 'phone', { phone: '+441632960961' });
    await mara.send(await mara.open('/account/profile/phone'), 'phone', {
      phone: '+44 1632 960961',
    });
    await mara.send(await mara.open('/account/profile/phone'), 'phone', { phone: ' ' });
    expect(await userinfo()).toEqual([200, { sub: mara.person.id }]);
    expect(await recorded('profile_changed', mara)).toEqual(
      [1, 2, 3].map(() => ({ details: { fields: 'phone' } })),
    );
    const letters = await vi.waitFor(async () => {
      const all = await lettersTo(server, mara.person.email);
      expect(all).toHaveLength(3);
      return all;
    }, soon);
    expect(letters.map(({ subject }) => subject.replace(/ your .*account/, '')).sort()).toEqual([
      'A phone number was added to',
      'The phone number of was changed',
      'The phone number of was removed',
    ]);
    // Neither number is in them, however it is spaced, nor the end of one by itself.
    const told = letters.map(({ subject, text, html }) => [subject, text, html].join('\n')).join();
    expect(told.replace(/[ ()-]/g, '')).not.toMatch(/1701234567|1632960961/);
    expect(isLegible(told, '960961')).toBe(false);
  });

  test('is not taken by the form that asks for no fresh proof, nor by a stale one', async () => {
    const mara = await someone();
    const page = await mara.open('/account/profile');
    const csrf = hiddenField(page.body, 'csrf');
    const other = { csrf, name: 'Mara', phone: '+441632960961' };
    expect((await mara.browser.post('/account/profile', other)).status).toBe(403);
    await mara.grow(600);
    const late = await mara.browser.post('/account/profile/phone', other);
    expect(new URL(late.location ?? '').pathname).toBe('/oauth2/authorize');
    expect((await people.domain.identity.findPerson(mara.person.id))?.profile).toEqual({});
  });
});

describe('the activity', () => {
  test('tells in plain words what happened, coarse, and what staff did without who', async () => {
    const mara = await someone({ app: true });
    const wrong = newBrowser();
    const form = await follow(wrong, server, await wrong.get('/account'));
    await wrong.post(form.body.match(/action="([^"]*\/login)"/)?.[1] ?? '', {
      csrf: hiddenField(form.body, 'csrf'),
      login: mara.person.email,
      password: WRONG,
    });
    await shopOf(mara);
    await mara.send(await mara.open('/account/profile'), 'name', { name: 'Mara Quist' });
    await command(server, 'users', 'unlock', mara.person.email);
    const page = await mara.open('/account/activity');
    const entries = [...page.body.matchAll(/<li>\s*<h2>[\s\S]*?<\/li>/g)].map(([li]) =>
      wordsOf(li),
    );
    const said = entries.map((entry) => entry.replace(/ \d+ \w+ \d{4} at \d\d:\d\d UTC/, ''));
    expect(said).toEqual(
      [
        'Staff opened the lock after wrong tries',
        'You changed your profile Network 10.7.NET.0/24',
        'You signed in Application Quince &amp; Fig Device An unknown browser Network 10.7.NET.0/24',
        'Somebody entered a wrong password Network 10.7.OTHER.0/24',
        'Your account was created',
      ].map((line) => expect.stringMatching(new RegExp(`^${line.replace(/NET|OTHER/g, '\\d+')}$`))),
    );
    expect(page.body).not.toMatch(/10\.7\.\d+\.13/);
    expect(page.body).not.toContain('activity?before');
  });

  test('goes on page by page, and shows nobody else’s', async () => {
    const mara = await someone();
    const rows = Array.from({ length: 30 }, (_, n) => n);
    await people.query(
      `INSERT INTO audit_events (at, event, result, actor_kind, subject_id, ip)
       SELECT now() - n * interval '1 minute', 'sign_in_refused', 'failure', 'anonymous', $1,
              '203.0.113.' || n FROM unnest($2::int[]) n`,
      [mara.person.id, rows],
    );
    const first = await mara.open('/account/activity');
    const href = first.body.match(/href="(\/account\/activity\?before=[^"]*)"/)?.[1] ?? '';
    expect(first.body.match(/<li>\s*<h2>/g)).toHaveLength(20);
    const second = await mara.browser.get(href);
    expect(second.body.match(/<li>\s*<h2>/g)).toHaveLength(12);
    expect(second.body).toContain('203.0.113.0/24');
    expect(second.body).not.toContain('href="/account/activity?before');
    const stranger = await someone();
    await stranger.open();
    const theirs = await stranger.browser.get(href);
    expect(theirs.body).not.toContain('203.0.113');
    for (const odd of ['?before=AAAA', '?before=a&before=b', `?before=${'x'.repeat(4000)}`]) {
      expect((await stranger.browser.get(`/account/activity${odd}`)).status).toBe(200);
    }
  });
});

describe('one’s own data', () => {
  test('is handed out to somebody who has just proven who they are, and is all of it', async () => {
    const mara = await someone();
    await shopOf(mara);
    await mara.send(await mara.open('/account/profile'), 'name', { name: 'Mara Quist' });
    await mara.grow(600);
    const asked = await follow(mara.browser, server, await mara.browser.get('/account/export'));
    expect(formWith(asked, 'password')).toBeDefined();
    const page = await mara.answer(asked);
    const action = page.body.match(/action="(\/account\/export)"/)?.[1] ?? '';
    const csrf = hiddenField(page.body, 'csrf');
    const file = await mara.browser.post(action, { csrf });
    expect(file.status).toBe(200);
    expect(file.headers.get('content-type')).toContain('application/json');
    expect(file.headers.get('content-disposition')).toBe('attachment; filename="my-account.json"');
    expect(file.headers.get('cache-control')).toBe('no-store');
    const data = JSON.parse(file.body);
    expect(data).toMatchObject({
      issuer: server.issuer,
      account: {
        sub: mara.person.id,
        kind: 'shopper',
        email: mara.person.email,
        email_verified: true,
        profile: { name: 'Mara Quist' },
      },
      sign_in: { authenticator_app_since: null, recovery_codes_left: 0, passkeys: [] },
      sessions: [{ device: 'An unknown browser' }],
      devices: [{ device: 'An unknown browser' }],
      applications: [{ client_id: 'quince', name: 'Quince & Fig' }],
      activity_complete: true,
    });
    expect(data.activity.map(({ what }: { what: string }) => what)).toEqual([
      'data-exported',
      'signed-in',
      'profile-changed',
      'signed-in',
      'account-created',
    ]);
    expect(file.body).not.toMatch(/\$argon2|10\.7\.\d+\.13/);
    expect(await recorded('data_exported', mara)).toHaveLength(1);

    expect((await mara.browser.post(action, {})).status).toBe(403);
    await mara.grow(600);
    const late = await mara.browser.post(action, { csrf });
    expect(new URL(late.location ?? '').pathname).toBe('/oauth2/authorize');
    expect(await recorded('data_exported', mara)).toHaveLength(1);
  });
});
