/** Storefronts with account pages of their own: what each operation of the self-service API does. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Owner, ownerAt } from '../support/account.js';
import { ALL, type Ask, openAccountApi, problemOf, tokenOf } from '../support/account-api.js';
import { awaitCode } from '../support/email-change.js';
import { passkeyDevice } from '../support/passkey-device.js';
import { atOnce, authorizeUrl, ORDERS, post, redemption } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Browser, hiddenField } from '../support/shopper.js';
import {
  browserAt,
  codeOf,
  openPeople,
  PASSWORD,
  type People,
  WRONG,
  wrongCodeOf,
} from '../support/sign-in.js';
import { soon } from '../support/soon.js';

vi.setConfig({ testTimeout: 40_000, hookTimeout: 60_000 });

const NEXT = 'copper lantern hums at midnight';
const env = { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32', LATCHKEY_BOT_CHALLENGE: 'off' };

let server: TestServer;
let people: People;
let api: Awaited<ReturnType<typeof openAccountApi>>;
let nets = 0;

beforeAll(async () => {
  server = await startServer({ env });
  people = await openPeople(server);
  api = await openAccountApi(server);
});
afterAll(async () => {
  await people.close();
  await server.stop();
});

const newBrowser = (): Browser => {
  nets += 1;
  return browserAt(server, `10.${nets >> 8}.${nets & 255}.17`);
};
const someone = async (options: Parameters<People['add']>[0] = {}): Promise<Owner> =>
  ownerAt(server, people, newBrowser(), await people.add(options));
const elsewhere = (owner: Owner): Owner => ownerAt(server, people, newBrowser(), owner.person);
const apiFor = async (owner: Owner, scope = ALL): Promise<Ask> =>
  api.with(await tokenOf(server, owner, { scope }));
const recorded = (event: string, { person }: Owner) =>
  people.query(
    'SELECT details, client_id FROM audit_events WHERE event = $1 AND subject_id = $2 ORDER BY id',
    [event, person.id],
  );
const letters = async ({ person }: Owner): Promise<string[]> => {
  const all = (await (await fetch(`${server.issuer}/dev/mailbox.json`)).json()) as {
    to: string;
    subject: string;
  }[];
  return all.filter(({ to }) => to.includes(person.email)).map(({ subject }) => subject);
};
const isLoggedIn = async ({ browser }: Owner): Promise<boolean> =>
  new URL((await browser.get(authorizeUrl({ prompt: 'none' }))).location ?? '').searchParams.has(
    'code',
  );
/** Where the log-in behind a token has too few factors or is too old. */
const asksForMore = (answer: Awaited<ReturnType<Ask>>) => [
  answer.status,
  answer.headers.get('www-authenticate'),
];

describe('GET /me', () => {
  test('tells at a glance who it is and how the account is kept safe', async () => {
    const mara = await someone({ app: true });
    const me = await (await apiFor(mara))('GET', '/me');
    expect(me.json).toEqual({
      id: mara.person.id,
      kind: 'shopper',
      email: mara.person.email,
      emailVerified: true,
      name: null,
      createdAt: expect.stringMatching(/^\d{4}-/),
      passwordChangedAt: expect.stringMatching(/^\d{4}-/),
      secondFactor: {
        since: expect.stringMatching(/^\d{4}-/),
        required: false,
        recoveryCodesLeft: expect.any(Number),
      },
      passkeys: 0,
      devices: 1,
    });
    expect(me.headers.get('cache-control')).toBe('no-store');
  });

  test('tells no more of the person than the owner lets the client know', async () => {
    const user = server.demo.users.shopper as { email: string; password: string };
    const robin = ownerAt(server, people, newBrowser(), { ...user, id: '', secret: '' });
    robin.nowUses({ password: user.password });
    const some = await (await apiFor(robin, 'openid account:read'))('GET', '/me');
    expect([some.json.email, some.json.name]).toEqual(['ro•••@demo-shop.example', null]);
    expect(some.text).not.toContain(user.email);
    const all = await (await apiFor(robin))('GET', '/me');
    expect([all.json.email, all.json.name]).toEqual([user.email, 'Robin Sterling']);
  });

  test('is open to staff for their own account', async () => {
    const nora = await someone({ staff: true, app: true });
    const { json } = await (await apiFor(nora))('GET', '/me');
    expect(json).toMatchObject({ kind: 'staff', secondFactor: { required: true } });
  });
});

describe('POST /password', () => {
  test('changes it, ends everything else and this token, and says who did it', async () => {
    const mara = await someone();
    const tablet = elsewhere(mara);
    const there = await apiFor(tablet);
    const here = await apiFor(mara);
    const done = await here('POST', '/password', { currentPassword: PASSWORD, newPassword: NEXT });
    expect([done.status, done.text]).toEqual([204, '']);
    expect((await here('GET', '/me')).status).toBe(401);
    expect((await there('GET', '/me')).status).toBe(401);
    expect(await isLoggedIn(tablet)).toBe(false);
    // The session it was done from lives, and gives another token without a question.
    expect((await (await apiFor(mara))('GET', '/me')).status).toBe(200);
    expect(await recorded('password_changed', mara)).toMatchObject([
      { client_id: 'demo-storefront', details: { kept: true } },
    ]);
    await expect
      .poll(() => letters(mara), soon)
      .toContainEqual(expect.stringContaining('password was changed'));
    const check = await people.domain.credentials.checkPassword(mara.person.id, NEXT);
    expect(check.kind).toBe('right');
  });

  test('says which field will not do, in words and codes', async () => {
    const mara = await someone();
    const ask = await apiFor(mara);
    const cases: [object, string[]][] = [
      [{ currentPassword: WRONG, newPassword: NEXT }, ['/currentPassword wrong']],
      [{ currentPassword: PASSWORD, newPassword: 'xq vlat' }, ['/newPassword too-short']],
      [{ currentPassword: PASSWORD, newPassword: PASSWORD }, ['/newPassword reused']],
      [{ currentPassword: PASSWORD }, ['/newPassword']],
      [{ currentPassword: PASSWORD, newPassword: NEXT, force: true }, ['/force']],
      [{ currentPassword: ['a'], newPassword: 7 }, ['/currentPassword', '/newPassword']],
    ];
    for (const [body, errors] of cases) {
      const answer = await ask('POST', '/password', body);
      expect(problemOf(answer)).toEqual({ status: 422, code: 'validation_failed', errors });
      expect(answer.text).not.toContain(PASSWORD);
    }
    expect(await recorded('password_changed', mara)).toEqual([]);
  });

  test('counts wrong ones where log-ins count, and no more than ten at once', async () => {
    const mara = await someone();
    const ask = await apiFor(mara);
    const answers = await atOnce(20, () =>
      ask('POST', '/password', { currentPassword: WRONG, newPassword: NEXT }),
    );
    const wrong = answers.filter(({ status }) => status === 422);
    expect(wrong.length).toBeLessThanOrEqual(10);
    const rest = answers.filter(({ status }) => status !== 422);
    expect(rest.every(({ status }) => status === 429 || status === 503)).toBe(true);
    for (let turn = wrong.length; turn < 10; turn += 1) {
      await ask('POST', '/password', { currentPassword: WRONG, newPassword: NEXT });
    }
    const locked = await ask('POST', '/password', { currentPassword: PASSWORD, newPassword: NEXT });
    expect(problemOf(locked)).toEqual({ status: 429, code: 'too_many_tries' });
    expect(Number(locked.headers.get('retry-after'))).toBeGreaterThan(1700);
    // A stranger's browser meets the same lock at the log-in.
    const stranger = elsewhere(mara);
    expect((await stranger.open()).status).toBe(429);
  });

  test('done ten times at once counts once', async () => {
    const mara = await someone();
    const ask = await apiFor(mara);
    const answers = await atOnce(10, (turn) =>
      ask('POST', '/password', { currentPassword: PASSWORD, newPassword: `${NEXT} ${turn}` }),
    );
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    expect(answers.filter(({ status }) => status >= 500 && status !== 503)).toEqual([]);
    expect(await recorded('password_changed', mara)).toHaveLength(1);
  });
});

describe('a proof that is fresh', () => {
  const changes: [string, string, unknown?][] = [
    ['POST', '/password', { currentPassword: PASSWORD, newPassword: NEXT }],
    ['PATCH', '/profile/phone', { phone: '' }],
    ['POST', '/email', { email: 'x@fernhill.example' }],
    ['POST', '/email/confirmation', { code: '123456' }],
    ['POST', '/closure', { email: 'x' }],
    ['POST', '/second-factor/enrolment'],
    ['POST', '/second-factor/confirmation', { code: '123456' }],
    ['DELETE', '/second-factor'],
    ['POST', '/recovery-codes'],
    ['PATCH', `/passkeys/${randomUUID()}`, { name: 'Key' }],
    ['DELETE', `/passkeys/${randomUUID()}`],
    ['DELETE', '/devices'],
    ['DELETE', `/devices/${randomUUID()}`],
    ['DELETE', `/devices/${randomUUID()}/trust`],
    ['DELETE', '/sessions/others'],
    ['DELETE', '/sessions/x'],
    ['DELETE', '/applications/demo-storefront'],
  ];

  test('is asked for by everything that changes something, and a new log-in gives it', async () => {
    const mara = await someone();
    const ask = await apiFor(mara);
    await mara.grow(305);
    for (const [method, path, body] of changes) {
      expect([path, ...asksForMore(await ask(method, path, body))]).toEqual([
        path,
        401,
        'Bearer error="insufficient_user_authentication", error_description="A log-in of the last five minutes is needed", max_age="240"',
      ]);
    }
    for (const path of ['/me', '/second-factor', '/passkeys', '/devices', '/sessions']) {
      expect((await ask('GET', path)).status).toBe(200);
    }
    expect((await mara.browser.get(authorizeUrl({ prompt: 'none' }))).location).toContain('code=');
    // What the challenge says is what the authorization endpoint is asked for.
    const renewed = api.with(await tokenOf(server, mara, { max_age: '240' }));
    expect((await renewed('DELETE', '/sessions/others')).status).toBe(204);
  });

  test('is both factors where there are two, and the challenge says so', async () => {
    const mara = await someone({ app: true });
    await mara.open('/account', true);
    const kept = [...mara.browser.cookies].filter(([name]) => name.includes('device'));
    mara.browser.cookies.clear();
    for (const [name, cookie] of kept) mara.browser.cookies.set(name, cookie);
    // A remembered device gets in with the password alone.
    const ask = await apiFor(mara);
    expect((await ask('GET', '/me')).status).toBe(200);
    expect(asksForMore(await ask('DELETE', '/second-factor'))).toEqual([
      401,
      expect.stringContaining('acr_values="urn:latchkey:acr:2", max_age="240"'),
    ]);
    const acr = { acr_values: 'urn:latchkey:acr:2', max_age: '240' };
    const strong = api.with(await tokenOf(server, mara, acr));
    expect((await strong('DELETE', '/second-factor')).status).toBe(204);
  });
});

describe('the second factor', () => {
  test('is set up with a code from the app, and gives recovery codes until they are kept', async () => {
    const mara = await someone();
    const ask = await apiFor(mara);
    expect((await ask('GET', '/second-factor')).json).toEqual({
      since: null,
      required: false,
      recoveryCodesLeft: 0,
      codesWaiting: false,
    });
    expect(problemOf(await ask('POST', '/recovery-codes'))).toMatchObject({
      status: 409,
      reason: 'no_second_factor',
    });
    // Before there is anything to confirm.
    const early = await ask('POST', '/second-factor/confirmation', { code: '123456' });
    expect(problemOf(early)).toMatchObject({ status: 409, reason: 'not_begun' });

    const begun = await ask('POST', '/second-factor/enrolment');
    const secret = String(begun.json.secret);
    expect(begun.json.otpauthUri).toContain(`secret=${secret}`);
    expect(begun.json.qrSvg).toContain('<svg');
    expect((await ask('POST', '/second-factor/enrolment')).json.secret).toBe(secret);
    const wrong = await ask('POST', '/second-factor/confirmation', { code: wrongCodeOf(secret) });
    expect(problemOf(wrong)).toMatchObject({ status: 422, errors: ['/code wrong'] });

    const done = await ask('POST', '/second-factor/confirmation', { code: codeOf(secret) });
    const codes = done.json.recoveryCodes as string[];
    expect(new Set(codes).size).toBe(10);
    expect((await ask('GET', '/recovery-codes/waiting')).json).toEqual({ recoveryCodes: codes });
    expect((await ask('GET', '/second-factor')).json).toMatchObject({
      since: expect.any(String),
      recoveryCodesLeft: 10,
      codesWaiting: true,
    });
    // Another token of the same owner does not get to see them.
    const other = await apiFor(mara);
    expect((await other('GET', '/recovery-codes/waiting')).status).toBe(404);
    expect((await ask('DELETE', '/recovery-codes/waiting')).status).toBe(204);
    expect((await ask('GET', '/recovery-codes/waiting')).status).toBe(404);
    expect((await ask('DELETE', '/recovery-codes/waiting')).status).toBe(204);
    expect(await recorded('second_factor_added', mara)).toMatchObject([
      { client_id: 'demo-storefront' },
    ]);
    await expect.poll(async () => (await letters(mara)).length, soon).toBeGreaterThan(0);

    // From here on one factor is not enough to change anything.
    expect((await ask('DELETE', '/second-factor')).status).toBe(401);
  });

  test('takes five wrong codes for one token, and no more at once', async () => {
    const mara = await someone();
    const ask = await apiFor(mara);
    const { json } = await ask('POST', '/second-factor/enrolment');
    const secret = String(json.secret);
    const wrong = { code: wrongCodeOf(secret) };
    const answers = await atOnce(20, () => ask('POST', '/second-factor/confirmation', wrong));
    // Who came when the machine was too busy tries again: nothing was counted.
    const judged = answers.filter(({ status }) => status !== 503);
    for (let turn = judged.length; turn < 20; turn += 1) {
      judged.push(await ask('POST', '/second-factor/confirmation', wrong));
    }
    expect(judged.filter(({ status }) => status === 422)).toHaveLength(4);
    expect(judged.filter(({ status }) => status === 409)).toHaveLength(16);
    const right = await ask('POST', '/second-factor/confirmation', { code: codeOf(secret) });
    expect(problemOf(right)).toMatchObject({ status: 409, reason: 'not_begun' });
    expect(problemOf(await ask('POST', '/second-factor/enrolment'))).toMatchObject({
      reason: 'tries_used_up',
    });
    expect(await people.domain.credentials.hasTotp(mara.person.id)).toBe(false);
    expect((await (await apiFor(mara))('POST', '/second-factor/enrolment')).status).toBe(200);
  });

  test('gets new recovery codes, and the waiting ones stand before a new app', async () => {
    const mara = await someone({ app: true });
    const ask = await apiFor(mara);
    const first = (await ask('POST', '/recovery-codes')).json.recoveryCodes as string[];
    const second = (await ask('POST', '/recovery-codes')).json.recoveryCodes as string[];
    expect(second).toHaveLength(10);
    expect(second.some((code) => first.includes(code))).toBe(false);
    expect(problemOf(await ask('POST', '/second-factor/enrolment'))).toMatchObject({
      status: 409,
      reason: 'codes_waiting',
    });
    await ask('DELETE', '/recovery-codes/waiting');
    expect((await ask('POST', '/second-factor/enrolment')).status).toBe(200);
    expect(await recorded('recovery_codes_replaced', mara)).toHaveLength(2);
  });

  test('is taken away once, and a second time does no harm', async () => {
    const mara = await someone({ app: true });
    const ask = await apiFor(mara);
    expect((await ask('DELETE', '/second-factor')).status).toBe(204);
    expect((await ask('DELETE', '/second-factor')).status).toBe(204);
    expect(await people.domain.credentials.hasTotp(mara.person.id)).toBe(false);
    expect(await recorded('second_factor_removed', mara)).toHaveLength(1);
  });

  test('stays with staff', async () => {
    const nora = await someone({ staff: true, app: true });
    const refused = await (await apiFor(nora))('DELETE', '/second-factor');
    expect(problemOf(refused)).toEqual({ status: 409, code: 'conflict', reason: 'required' });
    expect(await people.domain.credentials.hasTotp(nora.person.id)).toBe(true);
  });
});

describe('passkeys', () => {
  const addPasskey = async (owner: Owner, name: string) => {
    const device = passkeyDevice(server.issuer);
    const page = await owner.open('/account/authenticators/passkeys/new');
    const csrf = hiddenField(page.body, 'csrf');
    const asked = await owner.browser.post('/account/authenticators/passkeys/options', { csrf });
    const passkey = device.create(JSON.parse(asked.body) as object);
    await owner.browser.post('/account/authenticators/passkeys/new', { csrf, passkey, name });
  };
  type Listed = { id: string; name: string; needed: boolean }[];

  test('are listed, renamed and removed, and added on the page the list names', async () => {
    const mara = await someone();
    await addPasskey(mara, 'Phone');
    const ask = await apiFor(mara);
    const { json } = await ask('GET', '/passkeys');
    const [phone] = json.passkeys as Listed;
    expect(json).toEqual({
      passkeys: [
        {
          id: expect.any(String),
          name: 'Phone',
          createdAt: expect.any(String),
          lastUsedAt: null,
          needed: false,
        },
      ],
      addAt: `${server.issuer}/account/authenticators/passkeys/new`,
    });
    const renamed = await ask('PATCH', `/passkeys/${phone?.id}`, { name: ' My  new phone ' });
    expect([renamed.status, renamed.json.name]).toEqual([200, 'My new phone']);
    for (const name of ['', ' ', 'x'.repeat(61), null]) {
      const refused = await ask('PATCH', `/passkeys/${phone?.id}`, { name });
      expect(problemOf(refused)).toMatchObject({ status: 422, errors: ['/name'] });
    }
    expect((await ask('DELETE', `/passkeys/${phone?.id}`)).status).toBe(204);
    expect((await ask('DELETE', `/passkeys/${phone?.id}`)).status).toBe(404);
    expect((await ask('GET', '/passkeys')).json.passkeys).toEqual([]);
    expect(await recorded('passkey_removed', mara)).toHaveLength(1);
  });

  test('of somebody else are not there', async () => {
    const mara = await someone();
    await addPasskey(mara, 'Phone');
    const [phone] = (await (await apiFor(mara))('GET', '/passkeys')).json.passkeys as Listed;
    const thief = await apiFor(await someone());
    for (const id of [phone?.id, randomUUID(), 'x', "1'%20OR%20'1'='1", '%00']) {
      expect((await thief('PATCH', `/passkeys/${id}`, { name: 'Mine' })).status).toBe(404);
      expect((await thief('DELETE', `/passkeys/${id}`)).status).toBe(404);
    }
    const [still] = (await (await apiFor(mara))('GET', '/passkeys')).json.passkeys as Listed;
    expect(still).toEqual(phone);
  });
});

describe('devices', () => {
  type Listed = { id: string; trustedUntil: string | null }[];
  const list = async (ask: Ask) => (await ask('GET', '/devices')).json.devices as Listed;

  test('are listed, asked for the second factor again, and forgotten', async () => {
    const mara = await someone({ app: true });
    await mara.open('/account', true);
    await elsewhere(mara).open();
    const ask = await apiFor(mara);
    const devices = await list(ask);
    expect(devices).toHaveLength(2);
    const trusted = devices.find(({ trustedUntil }) => trustedUntil !== null);
    expect((await ask('DELETE', `/devices/${trusted?.id}/trust`)).status).toBe(204);
    expect((await ask('DELETE', `/devices/${trusted?.id}/trust`)).status).toBe(404);
    expect((await list(ask)).map(({ trustedUntil }) => trustedUntil)).toEqual([null, null]);
    expect((await ask('DELETE', `/devices/${trusted?.id}`)).status).toBe(204);
    expect((await ask('DELETE', `/devices/${trusted?.id}`)).status).toBe(404);
    expect(await list(ask)).toHaveLength(1);
    expect((await ask('DELETE', '/devices')).status).toBe(204);
    expect((await ask('DELETE', '/devices')).status).toBe(204);
    expect(await list(ask)).toEqual([]);
    expect(await recorded('device_forgotten', mara)).toHaveLength(2);
  });

  test('of somebody else are not there', async () => {
    const mara = await someone();
    const ask = await apiFor(mara);
    const [device] = await list(ask);
    const thief = await apiFor(await someone());
    for (const id of [device?.id, randomUUID(), 'x']) {
      expect((await thief('DELETE', `/devices/${id}`)).status).toBe(404);
      expect((await thief('DELETE', `/devices/${id}/trust`)).status).toBe(404);
    }
    expect(await list(ask)).toHaveLength(1);
  });
});

describe('sessions', () => {
  type Listed = { id: string; current: boolean; applications: string[] }[];
  const list = async (ask: Ask) => (await ask('GET', '/sessions')).json.sessions as Listed;

  test('are listed, and one ends from another', async () => {
    const here = await someone();
    const there = elsewhere(here);
    const ask = await apiFor(here);
    const other = await apiFor(there);
    const sessions = await list(ask);
    expect(sessions.map(({ current }) => current).sort()).toEqual([false, true]);
    expect((await list(other)).find(({ current }) => current)).toMatchObject({
      applications: ['Alder & Oak'],
    });
    const id = sessions.find(({ current }) => !current)?.id;
    expect((await ask('DELETE', `/sessions/${id}`)).status).toBe(204);
    expect(await isLoggedIn(there)).toBe(false);
    expect((await other('GET', '/me')).status).toBe(401);
    expect((await ask('DELETE', `/sessions/${id}`)).status).toBe(404);
    expect(await isLoggedIn(here)).toBe(true);
    expect(await recorded('sessions_ended', here)).toEqual([
      { details: { sessions: 1 }, client_id: 'demo-storefront' },
    ]);
  });

  test('all end but the one that asks, and that one too if it says so', async () => {
    const here = await someone();
    const others = [elsewhere(here), elsewhere(here)];
    for (const other of others) await other.open();
    const ask = await apiFor(here);
    expect(await list(ask)).toHaveLength(3);
    expect((await ask('DELETE', '/sessions/others')).status).toBe(204);
    for (const other of others) expect(await isLoggedIn(other)).toBe(false);
    expect((await ask('DELETE', '/sessions/others')).status).toBe(204);
    const [own] = await list(ask);
    expect((await ask('DELETE', `/sessions/${own?.id}`)).status).toBe(204);
    expect((await ask('GET', '/me')).status).toBe(401);
    expect(await isLoggedIn(here)).toBe(false);
  });

  test('of somebody else are not there', async () => {
    const mara = await someone();
    const [own] = await list(await apiFor(mara));
    const thief = await apiFor(await someone());
    expect((await thief('DELETE', `/sessions/${own?.id}`)).status).toBe(404);
    expect(await isLoggedIn(mara)).toBe(true);
  });
});

describe('applications', () => {
  type Listed = { id: string; name: string; resources: { name: string; scopes: object[] }[] }[];

  test('are listed in words, and lose everything when it is taken back', async () => {
    const mara = await someone();
    const scope = 'openid offline_access orders:read';
    const reply = await mara.answer(
      await mara.browser.get(authorizeUrl({ scope, resource: ORDERS })),
    );
    const code = new URL(reply.location ?? '').searchParams.get('code') ?? '';
    const { json: shop } = await post(
      server,
      '/oauth2/token',
      redemption(code, { resource: ORDERS }),
    );
    const ask = await apiFor(mara);
    const applications = (await ask('GET', '/applications')).json.applications as Listed;
    expect(applications.map(({ id, name }) => [id, name])).toEqual([
      ['demo-storefront', 'Alder & Oak'],
    ]);
    expect(applications[0]?.resources).toContainEqual({
      name: 'Orders',
      scopes: [{ name: 'orders:read', description: 'See your orders' }],
    });
    expect((await ask('DELETE', '/applications/nobody')).status).toBe(404);
    expect((await ask('DELETE', '/applications/latchkey-account')).status).toBe(404);
    // The application that asks is one of them: its own token ends as well.
    expect((await ask('DELETE', '/applications/demo-storefront')).status).toBe(204);
    expect((await ask('GET', '/me')).status).toBe(401);
    const refresh = await post(server, '/oauth2/token', {
      grant_type: 'refresh_token',
      client_id: 'demo-storefront',
      refresh_token: String(shop.refresh_token),
    });
    expect(refresh.json.error).toBe('invalid_grant');
    expect(await recorded('application_removed', mara)).toHaveLength(1);
  });
});

describe('the profile', () => {
  const fields = (answer: Awaited<ReturnType<Ask>>) =>
    Object.fromEntries(
      (answer.json.fields as { field: string; value: string }[]).map(({ field, value }) => [
        field,
        value,
      ]),
    );

  test('is read and changed as far as the owner lets the client know it', async () => {
    const mara = await someone();
    const ask = await apiFor(mara);
    expect(fields(await ask('GET', '/profile'))).toEqual({
      name: '',
      given_name: '',
      family_name: '',
      locale: '',
    });
    const changed = await ask('PATCH', '/profile', { name: ' Mara Quist ', locale: 'fr' });
    expect(fields(changed)).toMatchObject({ name: 'Mara Quist', locale: 'fr' });
    expect((await ask('GET', '/me')).json.name).toBe('Mara Quist');
    expect(await recorded('profile_changed', mara)).toEqual([
      { details: { fields: expect.any(String) }, client_id: 'demo-storefront' },
    ]);
    const some = await apiFor(elsewhere(mara), 'openid account:read account:write');
    expect(fields(await some('GET', '/profile'))).toEqual({});
    // It may still be given, as on a form that begins empty.
    expect((await some('PATCH', '/profile/phone', { phone: '+33 6 12 34 56 78' })).status).toBe(
      200,
    );
    const person = await people.domain.identity.findPerson(mara.person.id);
    expect(person?.profile).toMatchObject({ name: 'Mara Quist', phone: '+33612345678' });
  });

  test('takes no value that is none, and no field that is not its own', async () => {
    const ask = await apiFor(await someone());
    const cases: [string, object, string[]][] = [
      [
        '/profile',
        { name: 'x'.repeat(101), locale: 'tlh' },
        ['/name too-long', '/locale not-a-language'],
      ],
      ['/profile', { given_name: 'a\u202eb' }, ['/given_name not-plain']],
      ['/profile', { phone: '+33612345678' }, ['/phone']],
      ['/profile', { email: 'a@b.example' }, ['/email']],
      ['/profile', { name: null }, ['/name']],
      ['/profile/phone', { phone: '12' }, ['/phone not-a-number']],
    ];
    for (const [path, body, errors] of cases) {
      expect(problemOf(await ask('PATCH', path, body))).toEqual({
        status: 422,
        code: 'validation_failed',
        errors,
      });
    }
  });
});

test('what happened lately is told page by page, and to nobody else', async () => {
  const mara = await someone();
  const ask = await apiFor(mara);
  for (let turn = 0; turn < 22; turn += 1) await ask('PATCH', '/profile', { name: `Mara ${turn}` });
  type Page = { entries: { kind: string; application: string | null }[]; older: string | null };
  const first = (await ask('GET', '/activity')).json as Page;
  expect(first.entries).toHaveLength(20);
  expect(first.entries[0]).toMatchObject({ kind: 'profile-changed', application: 'Alder & Oak' });
  const rest = (await ask('GET', `/activity?before=${first.older}`)).json as Page;
  expect(rest.older).toBeNull();
  expect(rest.entries.map(({ kind }) => kind)).toContain('signed-in');
  // Another owner's place in the list is none in one's own.
  const other = await apiFor(await someone());
  const theirs = (await other('GET', `/activity?before=${first.older}`)).json as Page;
  expect(theirs.entries.map(({ kind }) => kind)).not.toContain('profile-changed');
});

describe('POST /email', () => {
  test('moves the account with the code from the letter, and says nothing of others', async () => {
    const [mara, otto] = [await someone(), await someone()];
    const ask = await apiFor(mara);
    const bad = await ask('POST', '/email', { email: 'nowhere' });
    expect(problemOf(bad)).toMatchObject({ status: 422, errors: ['/email malformed'] });
    const same = await ask('POST', '/email', { email: mara.person.email });
    expect(problemOf(same)).toMatchObject({ status: 422, errors: ['/email same'] });
    expect((await ask('POST', '/email', { email: otto.person.email })).status).toBe(204);
    const next = `next.${mara.person.email}`;
    expect((await ask('POST', '/email', { email: next })).status).toBe(204);
    const code = await awaitCode(server, next);
    const wrong = await ask('POST', '/email/confirmation', {
      code: code === '123456' ? '654321' : '123456',
    });
    expect(problemOf(wrong)).toMatchObject({ status: 422, errors: ['/code wrong'] });
    expect((await ask('POST', '/email/confirmation', { code })).status).toBe(204);
    expect((await people.domain.identity.findByLogin(next))?.id).toBe(mara.person.id);
  });
});

describe('POST /closure', () => {
  test('closes the account for whoever types its address, and is over at once', async () => {
    const mara = await someone();
    const ask = await apiFor(mara);
    const wrong = await ask('POST', '/closure', { email: `x${mara.person.email}` });
    expect(problemOf(wrong)).toMatchObject({ status: 422, errors: ['/email wrong'] });
    const answers = await atOnce(10, () => ask('POST', '/closure', { email: mara.person.email }));
    expect(answers.filter(({ status }) => status === 204).length).toBeGreaterThan(0);
    // One waits for the other, and not for longer than a second.
    expect(answers.filter(({ status }) => ![204, 401, 409, 503].includes(status))).toEqual([]);
    expect(await recorded('account_closed', mara)).toMatchObject([
      { client_id: 'demo-storefront' },
    ]);
    expect((await ask('GET', '/me')).status).toBe(401);
    expect(await isLoggedIn(mara)).toBe(false);
    expect(await people.domain.identity.findByLogin(mara.person.email)).toBeUndefined();
  });

  test('is not for staff', async () => {
    const nora = await someone({ staff: true, app: true });
    const refused = await (await apiFor(nora))('POST', '/closure', { email: nora.person.email });
    expect(problemOf(refused)).toEqual({ status: 409, code: 'conflict', reason: 'staff' });
  });
});
