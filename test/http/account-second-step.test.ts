/** People and their second step and devices, on their own account pages. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Owner, ownerAt } from '../support/account.js';
import { command } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Browser, hiddenField, type Reply } from '../support/shopper.js';
import {
  browserAt,
  codeOf,
  formWith,
  openPeople,
  type People,
  wrongCodeOf,
} from '../support/sign-in.js';
import { soon } from '../support/soon.js';

vi.setConfig({ testTimeout: 40_000, hookTimeout: 60_000 });

const HOME = '/account/authenticators';

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
  return browserAt(server, `10.${nets >> 8}.${nets & 255}.11`);
};
const someone = async (options: Parameters<People['add']>[0] = {}): Promise<Owner> =>
  ownerAt(server, people, newBrowser(), await people.add(options));
const elsewhere = (owner: Owner): Owner => ownerAt(server, people, newBrowser(), owner.person);

const heading = ({ body }: Reply) =>
  (body.match(/<h1>([\s\S]*?)<\/h1>/)?.[1] ?? '').replace(/<[^>]*>/g, '');
const notice = ({ body }: Reply) =>
  (body.match(/<div class="notice[^>]*>[\s\S]*?<p>([\s\S]*?)<\/p>/)?.[1] ?? '').trim();
const secretOn = ({ body }: Reply) => body.match(/data-copy="([A-Z2-7]{32})"/)?.[1] ?? '';
const codesOn = ({ body }: Reply) =>
  [...body.matchAll(/<li><code dir="ltr">([^<]+)<\/code>/g)].map(([, code = '']) => code);
const recorded = (event: string, { person }: Owner) =>
  people.query(
    'SELECT details FROM audit_events WHERE event = $1 AND subject_id = $2 ORDER BY id',
    [event, person.id],
  );
const letters = async ({ person }: Owner): Promise<string[]> => {
  const all = (await (await fetch(`${server.issuer}/dev/mailbox.json`)).json()) as {
    to: string;
    subject: string;
  }[];
  return all.filter(({ to }) => to.includes(person.email)).map(({ subject }) => subject);
};
/** A new visit: only what devices keep is left in the browser. */
const comeBack = ({ browser }: Owner) => {
  const kept = [...browser.cookies].filter(([name]) => name.includes('device'));
  browser.cookies.clear();
  for (const [name, cookie] of kept) browser.cookies.set(name, cookie);
};
/** Sets an app up on the page; gives its key and the recovery codes. */
async function enrol(owner: Owner): Promise<{ secret: string; codes: string[] }> {
  const page = await owner.open(`${HOME}/app`);
  const secret = secretOn(page);
  const codes = await owner.answer(await owner.send(page, 'code', { code: codeOf(secret) }));
  const shown = codesOn(codes);
  await owner.send(codes, 'saved', { saved: 'yes' });
  owner.nowUses({ secret });
  return { secret, codes: shown };
}
/** Comes to the account pages as far as the second step. */
async function enterPassword(owner: Owner): Promise<Reply> {
  const { browser, person } = owner;
  const signIn = await browser.get((await browser.get('/account')).location ?? '');
  return owner.send(await browser.get(signIn.location ?? ''), 'password', {
    login: person.email,
    password: person.password,
  });
}
/** Six digits that one app shows about now and the other does not. */
function codeOfAlone(secret: string, other: string): string {
  const others = [-2, -1, 0, 1, 2].map((steps) => codeOf(other, steps));
  const own = [0, -1, 1].map((steps) => codeOf(secret, steps));
  return own.find((code) => !others.includes(code)) ?? '';
}
/** Whether a recovery code signs its owner in. */
async function opens(owner: Owner, code: string): Promise<boolean> {
  const stranger = elsewhere(owner);
  const { browser } = stranger;
  let page = await enterPassword(stranger);
  page = await browser.get(page.body.match(/href="([^"]*use=recovery)"/)?.[1] ?? '/');
  if (!formWith(page, 'recovery_code')) return false;
  return (await stranger.send(page, 'recovery_code', { recovery_code: code })).status === 303;
}

describe('an authenticator app', () => {
  test('is set up with a code from it, and gives ten recovery codes once', async () => {
    const mara = await someone();
    expect((await mara.open(HOME)).body).toContain('Set up an authenticator app');
    const page = await mara.open(`${HOME}/app`);
    expect(page.body).toContain('<svg');
    const secret = secretOn(page);
    expect(secret).not.toBe('');
    // Loaded again, it is the key that is in the app already.
    expect(secretOn(await mara.open(`${HOME}/app`))).toBe(secret);
    const wrong = await mara.send(page, 'code', { code: wrongCodeOf(secret) });
    expect([wrong.status, secretOn(wrong)]).toEqual([422, secret]);
    expect(await people.domain.credentials.hasTotp(mara.person.id)).toBe(false);

    const done = await mara.send(wrong, 'code', { code: codeOf(secret) });
    const codes = await mara.answer(done);
    expect(heading(codes)).toBe('Keep your recovery codes');
    expect(notice(codes)).toContain('Your second step is set up');
    expect(new Set(codesOn(codes)).size).toBe(10);
    const file = codes.body.match(/href="data:text\/plain;charset=utf-8;base64,([^"]+)"/)?.[1];
    expect(Buffer.from(file ?? '', 'base64').toString()).toContain(codesOn(codes)[9]);
    expect(codes.body).toContain('download="recovery-codes.txt"');
    // An answer that got lost loses nothing; once they were kept they are gone.
    expect(codesOn(await mara.open('/account/recovery-codes'))).toEqual(codesOn(codes));
    const unseen = await mara.send(codes, 'saved', {});
    expect([unseen.status, codesOn(unseen).length]).toEqual([422, 10]);
    const kept = await mara.answer(await mara.send(codes, 'saved', { saved: 'yes' }));
    expect(heading(kept)).toBe('Second step');
    expect(kept.body).toContain('10 left');
    expect(codesOn(await mara.open('/account/recovery-codes'))).toEqual([]);

    expect(await recorded('second_factor_added', mara)).toHaveLength(1);
    await expect
      .poll(() => letters(mara), soon)
      .toContainEqual(expect.stringMatching(/second step was added/));
    mara.nowUses({ secret });
    comeBack(mara);
    expect(heading(await mara.open())).toBe('Your account');
    const [last] = (await recorded('sign_in_succeeded', mara)).slice(-1);
    expect(last?.details).toMatchObject({ amr: 'pwd otp mfa' });
  });

  test('is shown anew after five wrong codes', async () => {
    const mara = await someone();
    let page = await mara.open(`${HOME}/app`);
    const secret = secretOn(page);
    for (let turn = 1; turn <= 4; turn += 1) {
      page = await mara.send(page, 'code', { code: wrongCodeOf(secret) });
      expect([page.status, turn]).toEqual([422, turn]);
    }
    const again = await mara.answer(await mara.send(page, 'code', { code: wrongCodeOf(secret) }));
    expect(heading(again)).toBe('Set up your second step');
    expect(notice(again)).toContain('here is a new key');
    expect(secretOn(again)).not.toBe(secret);
    const late = await mara.answer(await mara.send(page, 'code', { code: codeOf(secret) }));
    expect(await people.domain.credentials.hasTotp(mara.person.id)).toBe(false);
    expect(heading(late)).toBe('Set up your second step');
  });

  test('takes a fresh proof to set up, move and remove', async () => {
    const mara = await someone();
    const page = await mara.open(`${HOME}/app`);
    const secret = secretOn(page);
    await mara.grow(305);
    for (const path of [`${HOME}/app`]) {
      expect((await mara.browser.get(path)).location).toContain('/oauth2/authorize');
    }
    const late = await mara.send(page, 'code', { code: codeOf(secret) });
    expect(late.location).toContain('/oauth2/authorize');
    expect(await people.domain.credentials.hasTotp(mara.person.id)).toBe(false);

    const noor = await someone({ app: true });
    const remove = await noor.open(`${HOME}/remove`);
    const codes = await noor.open('/account/recovery-codes/new');
    await noor.grow(305);
    for (const form of [remove, codes]) {
      expect((await noor.send(form, 'csrf')).status).toBe(303);
    }
    expect(await people.domain.credentials.hasTotp(noor.person.id)).toBe(true);
    expect(await people.domain.credentials.remainingRecoveryCodes(noor.person.id)).toBe(0);
  });

  test('that a password alone has let in cannot be removed without a code', async () => {
    const mara = await someone({ app: true });
    await mara.open('/account', true);
    comeBack(mara);
    expect(heading(await mara.open())).toBe('Your account');
    const asked = await mara.browser.get(`${HOME}/remove`);
    const question = await mara.browser.get(
      (await mara.browser.get(asked.location ?? '')).location ?? '',
    );
    expect(question.body).toContain('name="password"');
    // Nor by sending the form at once, with the token of another page.
    const csrf = hiddenField((await mara.browser.get('/account')).body, 'csrf');
    const sent = await mara.browser.post(`${HOME}/remove`, { csrf });
    expect(sent.location).toContain('/oauth2/authorize');
    expect(await people.domain.credentials.hasTotp(mara.person.id)).toBe(true);
  });

  test('is removed after a question, with its codes and what devices were spared', async () => {
    const mara = await someone();
    const { codes } = await enrol(mara);
    comeBack(mara);
    await mara.open('/account', true);
    const question = await mara.open(`${HOME}/remove`);
    expect(heading(question)).toBe('Remove your second step?');
    expect(question.body).toContain('your 10 recovery codes');
    const done = await mara.answer(
      await mara.browser.post(`${HOME}/remove`, {
        csrf: hiddenField(question.body, 'csrf'),
      }),
    );
    expect(notice(done)).toContain('Your second step is removed');
    expect(await recorded('second_factor_removed', mara)).toHaveLength(1);
    await expect
      .poll(() => letters(mara), soon)
      .toContainEqual(expect.stringMatching(/second step was removed/));
    expect(await opens(mara, codes[0] ?? '')).toBe(false);
    const devices = await people.domain.risk.listDevices(mara.person.id);
    expect(devices.filter(({ mfaTrustedUntil }) => mfaTrustedUntil !== null)).toEqual([]);
    comeBack(mara);
    expect(heading(await mara.open())).toBe('Your account');
  });

  test('moves to another phone: the old one stays good until the new one has shown a code', async () => {
    const mara = await someone({ app: true });
    const page = await mara.open(`${HOME}/app`);
    expect(heading(page)).toBe('Move to another app');
    const secret = secretOn(page);
    const wrong = await mara.send(page, 'code', { code: wrongCodeOf(secret) });
    expect(wrong.status).toBe(422);
    const old = elsewhere(mara);
    expect(heading(await old.open())).toBe('Your account');
    await mara.answer(await mara.send(wrong, 'code', { code: codeOf(secret) }));
    comeBack(mara);
    mara.nowUses({ secret });
    expect(heading(await mara.open())).toBe('Your account');
    const again = elsewhere(mara);
    const asked = await enterPassword(again);
    await people.query('UPDATE totp_credentials SET last_step = 0 WHERE account_id = $1', [
      mara.person.id,
    ]);
    const refused = await again.send(asked, 'code', {
      code: codeOfAlone(mara.person.secret, secret),
    });
    expect([refused.status, heading(refused)]).toEqual([422, 'Enter your code']);
  });

  test('cannot be removed by staff, who are told why', async () => {
    const nora = await someone({ staff: true, app: true });
    const page = await nora.open(HOME);
    expect(page.body).toContain('never sign in with a password alone');
    expect(page.body).not.toContain(`href="${HOME}/remove"`);
    expect(heading(await nora.open(`${HOME}/remove`))).toBe('Second step');
    const csrf = hiddenField(page.body, 'csrf');
    await nora.open(`${HOME}/app`);
    const sent = await nora.answer(await nora.browser.post(`${HOME}/remove`, { csrf }));
    expect(sent.body).toContain('never sign in with a password alone');
    expect(await people.domain.credentials.hasTotp(nora.person.id)).toBe(true);
    expect(heading(await nora.open(`${HOME}/app`))).toBe('Move to another app');
  });
});

describe('recovery codes', () => {
  test('are replaced whole, and their owner is told', async () => {
    const mara = await someone();
    const { codes } = await enrol(mara);
    const question = await mara.open('/account/recovery-codes/new');
    expect(heading(question)).toBe('Make new recovery codes?');
    expect(question.body).toContain('The 10 you have now');
    const page = await mara.answer(
      await mara.browser.post('/account/recovery-codes/new', {
        csrf: hiddenField(question.body, 'csrf'),
      }),
    );
    const fresh = codesOn(page);
    expect(new Set([...codes, ...fresh]).size).toBe(20);
    expect(await recorded('recovery_codes_replaced', mara)).toHaveLength(1);
    await expect
      .poll(() => letters(mara), soon)
      .toContainEqual(expect.stringMatching(/New recovery codes/));
    expect(await opens(mara, codes[3] ?? '')).toBe(false);
    expect(await opens(mara, fresh[3] ?? '')).toBe(true);
    expect((await mara.open(HOME)).body).toContain('9 left');
  });

  test('made twenty times at once are ten', async () => {
    const mara = await someone({ app: true });
    const question = await mara.open('/account/recovery-codes/new');
    const csrf = hiddenField(question.body, 'csrf');
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => mara.browser.post('/account/recovery-codes/new', { csrf })),
    );
    expect(replies.filter(({ status }) => status !== 303 && status !== 503)).toEqual([]);
    expect(await people.domain.credentials.remainingRecoveryCodes(mara.person.id)).toBe(10);
    const [code = ''] = codesOn(await mara.open('/account/recovery-codes'));
    expect(await opens(mara, code)).toBe(true);
  });
});

describe('devices', () => {
  test('are listed with what is known of them, the one in use marked', async () => {
    const mara = await someone({ app: true });
    await elsewhere(mara).open('/account', true);
    await people.query(
      "UPDATE known_devices SET label = 'Firefox on Windows' WHERE account_id = $1",
      [mara.person.id],
    );
    const page = await mara.open('/account/devices');
    expect(page.body.match(/class="thing"/g)).toHaveLength(2);
    expect(page.body.match(/This one/g)).toHaveLength(1);
    expect(page.body).toContain('Firefox on Windows');
    expect(page.body.match(/Not asked for a code until/g)).toHaveLength(1);
    expect((await mara.open('/account')).body).toContain('2 devices');
  });

  test('that stop being remembered are asked for a code again', async () => {
    const mara = await someone({ app: true });
    await mara.open('/account', true);
    const list = await mara.open('/account/devices');
    const href = list.body.match(/href="([^"]*\/ask-again)"/)?.[1] ?? '';
    const question = await mara.open(href);
    expect(heading(question)).toMatch(/^Ask for a code on /);
    const done = await mara.answer(
      await mara.browser.post(href, { csrf: hiddenField(question.body, 'csrf') }),
    );
    expect(notice(done)).toContain('asked for a code at its next sign-in');
    expect(await recorded('device_trust_ended', mara)).toHaveLength(1);
    comeBack(mara);
    expect(heading(await enterPassword(mara))).toBe('Enter your code');
  });

  test('are forgotten after a question: one, or all but the one in use', async () => {
    const mara = await someone();
    for (let turn = 0; turn < 3; turn += 1) await elsewhere(mara).open();
    const list = await mara.open('/account/devices');
    const hrefs = [...list.body.matchAll(/href="([^"]*\/forget)"/g)].map(([, href = '']) => href);
    expect(hrefs).toHaveLength(4);
    const other = hrefs[1] ?? '';
    const question = await mara.open(other);
    expect(heading(question)).toMatch(/^Forget .*\?$/);
    const csrf = hiddenField(question.body, 'csrf');
    const once = await mara.answer(await mara.browser.post(other, { csrf }));
    expect(notice(once)).toContain('The device is forgotten');
    const twice = await mara.answer(await mara.browser.post(other, { csrf }));
    expect(notice(twice)).toContain('gone already');

    const all = await mara.open('/account/devices/others');
    expect(all.body).toContain('2 devices will be forgotten');
    const done = await mara.answer(await mara.browser.post('/account/devices/others', { csrf }));
    expect(notice(done)).toContain('All other devices are forgotten');
    expect(done.body.match(/class="thing"/g)).toHaveLength(1);
    expect(done.body).toContain('This one');
    expect(await recorded('device_forgotten', mara)).toEqual([
      { details: { devices: 1 } },
      { details: { devices: 2 } },
    ]);
  });

  test('of somebody else are nobody’s to forget', async () => {
    const mara = await someone();
    const otto = await someone();
    await otto.open();
    const [device] = await people.domain.risk.listDevices(otto.person.id);
    const page = await mara.open('/account/devices');
    const csrf = hiddenField(page.body, 'csrf');
    for (const id of [device?.id ?? '', 'not-an-id', '00000000-0000-0000-0000-000000000000']) {
      for (const verb of ['forget', 'ask-again']) {
        const path = `/account/devices/${id}/${verb}`;
        expect(heading(await mara.open(path))).toBe('Devices');
        await mara.browser.post(path, { csrf });
      }
    }
    expect(await people.domain.risk.listDevices(otto.person.id)).toHaveLength(1);
  });

  test('can be none', async () => {
    const mara = await someone();
    await mara.open();
    await people.domain.risk.revokeDevices(mara.person.id);
    expect((await mara.open('/account/devices')).body).toContain('There are none');
  });
});

describe('the client of the account pages', () => {
  test('is the same after another start, and follows the issuer', async () => {
    const before = await command(server, 'clients', 'list', '--json');
    const settled = async () =>
      (
        await people.query(
          "SELECT details->>'redirectUri' AS uri FROM audit_events WHERE event = 'account_client_settled' ORDER BY id",
        )
      ).map(({ uri }) => uri);
    // The first is of the demo shop's own first start, of which this database is a copy.
    const first = await settled();
    expect(first).toHaveLength(2);
    expect(first[1]).toBe(`${server.issuer}/account/callback`);
    const twin = await startServer({
      like: server,
      env: { LATCHKEY_ISSUER: 'http://localhost:4999' },
    });
    try {
      const [row] = await people.query(
        "SELECT redirect_uris FROM clients WHERE id = 'latchkey-account'",
      );
      expect(row?.redirect_uris).toEqual(['http://localhost:4999/account/callback']);
    } finally {
      await twin.stop();
    }
    const back = await startServer({ like: server, env: { LATCHKEY_ISSUER: server.issuer } });
    await back.stop();
    expect(await command(server, 'clients', 'list', '--json')).toBe(before);
    expect(await settled()).toEqual([
      ...first,
      'http://localhost:4999/account/callback',
      `${server.issuer}/account/callback`,
    ]);
  }, 60_000);

  test('is made on a database without the demo, by several nodes at once', async () => {
    const env = { LATCHKEY_SEED: 'none' };
    const first = await startServer({ env });
    const nodes = await Promise.all(
      [1, 2, 3].map(() =>
        startServer({ like: first, env: { ...env, LATCHKEY_ISSUER: first.issuer } }),
      ),
    );
    try {
      const reply = await fetch(`${first.issuer}/account`, { redirect: 'manual' });
      expect(reply.status).toBe(303);
    } finally {
      for (const node of nodes) await node.stop();
      await first.stop();
    }
  }, 90_000);
});
