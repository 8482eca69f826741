/** Another e-mail address at a real server: who may, who learns what, and the way back. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Owner, ownerAt } from '../support/account.js';
import {
  askForCode,
  awaitCode,
  awaitUndo,
  codeIn,
  moveTo,
  openUndo,
  undoIn,
} from '../support/email-change.js';
import {
  authorizeUrl,
  freshCode,
  ORDERS,
  post,
  postAs,
  redemption,
  wire,
} from '../support/protocol.js';
import { askForLetter, awaitLink, lettersTo, linkIn, openLink } from '../support/recovery.js';
import { askToRegister } from '../support/registration.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Browser, follow, type Reply } from '../support/shopper.js';
import {
  browserAt,
  formWith,
  openLogin,
  openPeople,
  PASSWORD,
  type People,
  sendForm,
} from '../support/sign-in.js';
import { soon } from '../support/soon.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const NEXT = 'copper lantern hums at midnight';

let server: TestServer;
let people: People;
let nets = 0;

beforeAll(async () => {
  server = await startServer({
    env: { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32', LATCHKEY_BOT_CHALLENGE: 'off' },
  });
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
const newEmail = (local = 'new') => `${local}.${randomBytes(6).toString('hex')}@fernhill.example`;
const someone = async (options: Parameters<People['add']>[0] = {}): Promise<Owner> =>
  ownerAt(server, people, newBrowser(), await people.add(options));
/** The same person with the address they have now. */
const under = (owner: Owner, email: string, browser = newBrowser()): Owner =>
  ownerAt(server, people, browser, { ...owner.person, email });
const heading = ({ body }: Reply) =>
  (body.match(/<h1>([\s\S]*?)<\/h1>/)?.[1] ?? '').replace(/<[^>]*>/g, '');
const notice = ({ body }: Reply) =>
  (body.match(/<div class="notice[^>]*>[\s\S]*?<p>([\s\S]*?)<\/p>/)?.[1] ?? '').trim();
const logIn = async (email: string, password = PASSWORD, browser = newBrowser()) => {
  const page = await openLogin(server, browser);
  return sendForm(browser, page, 'password', { login: email, password });
};
const isIn = (reply: Reply) => reply.status === 303 && !formWith(reply, 'login');
const recorded = (event: string, { person }: Owner) =>
  people.query(
    'SELECT details, actor_kind, result FROM audit_events WHERE event = $1 AND subject_id = $2 ORDER BY id',
    [event, person.id],
  );
const awaitLetter = (email: string, subject: string) =>
  vi.waitFor(async () => {
    const found = (await lettersTo(server, email)).find((one) => one.subject.includes(subject));
    if (!found) throw new Error(`no letter "${subject}" to ${email}`);
    return found;
  }, soon);
const phoneOf = async (email: string) => {
  const { code, browser } = await freshCode(
    server,
    { scope: 'openid offline_access orders:read', resource: ORDERS },
    { user: { email, password: PASSWORD }, browser: newBrowser() },
  );
  const { json } = await post(server, '/oauth2/token', redemption(code, { resource: ORDERS }));
  const token = String(json.access_token);
  return {
    browser,
    refresh: () =>
      post(server, '/oauth2/token', {
        grant_type: 'refresh_token',
        client_id: 'demo-storefront',
        refresh_token: String(json.refresh_token),
        resource: ORDERS,
      }),
    isAlive: async () =>
      (await postAs(server, 'orders_api', '/oauth2/introspect', { token })).json.active,
    isSignedIn: async () =>
      !(await browser.get(authorizeUrl({ prompt: 'none' }))).location?.includes('login_required'),
  };
};
const use = (browser: Browser, page: Reply) => {
  const csrf = page.body.match(/name="csrf" value="([^"]+)"/)?.[1] ?? '';
  return browser.post('/restore-email/ask', { csrf });
};
const undo = async (link: string, browser = newBrowser()) =>
  follow(browser, server, await use(browser, await openUndo(browser, link)));
/** Numbers and names that differ from request to request. */
const plain = (reply: Reply) => {
  const headers = Object.fromEntries(reply.headers);
  for (const changing of ['date', 'x-request-id', 'set-cookie']) delete headers[changing];
  const nonce = /nonce-([\w-]+)/.exec(headers['content-security-policy'] ?? '')?.[1] ?? '-';
  return (JSON.stringify([reply.status, headers, reply.headers.getSetCookie().length]) + reply.body)
    .replaceAll(nonce, 'nonce')
    .replace(/[\w.%-]+(?:@|%40)[\w-]+\.example/g, 'somebody')
    .replace(/name="csrf" value="[^"]*"/g, 'csrf')
    .replace(/"content-length":"\d+"/, '');
};

describe('asking for another address', () => {
  test('needs somebody who is signed in, and a proof of the last five minutes', async () => {
    const mara = await someone();
    expect((await mara.browser.get('/account/email')).status).toBe(303);
    const page = await mara.open('/account/email');
    expect([page.status, heading(page)]).toEqual([200, 'Change your address']);
    expect(page.body).toContain(mara.person.email);
    await mara.grow(400);
    const late = await mara.send(page, 'email', { email: newEmail() });
    expect(late.status).toBe(303);
    expect(late.location).toContain('/oauth2/authorize');
    const back = await mara.answer(late);
    expect(notice(back)).toContain('nothing was changed yet');
    expect(await recorded('email_change_requested', mara)).toEqual([]);
  });

  test('and a form of our own', async () => {
    const mara = await someone();
    await mara.open('/account/email');
    for (const path of ['/account/email', '/account/email/code']) {
      const forged = await mara.browser.post(path, {
        email: newEmail(),
        code: '123456',
        csrf: 'x',
      });
      expect(forged.status).toBe(403);
    }
  });

  test('refuses what is no address, and the one that the account has', async () => {
    const mara = await someone();
    const page = await mara.open('/account/email');
    const wrong = await mara.send(page, 'email', { email: 'mara at home' });
    expect(wrong.status).toBe(422);
    expect(wrong.body).toContain('Enter an address such as');
    expect(wrong.body).toContain('value="mara at home"');
    const same = await mara.send(page, 'email', { email: ` ${mara.person.email.toUpperCase()} ` });
    expect(same.status).toBe(422);
    expect(same.body).toContain('This is the address your account has already');
  });

  test('tells nobody whether the new one has an account', async () => {
    const [owner, disabled, left] = [await someone(), await someone(), await someone()];
    await people.query("UPDATE accounts SET status = 'disabled' WHERE id = $1", [
      disabled.person.id,
    ]);
    await moveTo(server, left, newEmail());
    // Rows by their keys, not a count of all: what expired may be purged at any moment, and what
    // else the server does on its own is nobody's answer. So is the counter of letters to an
    // owner, which is written when the letter leaves the queue.
    const written = async (accountId: string) => {
      const rows = await people.query(
        `SELECT 'request ' || account_id AS key FROM email_requests
         UNION ALL SELECT 'event ' || id || ' ' || event FROM audit_events WHERE subject_id = $1
         UNION ALL SELECT 'counter ' || encode(key, 'hex') FROM guess_counters
                    WHERE key NOT IN (SELECT sha256(convert_to('letter-caused ' || id
                                                               || ' email_wanted', 'UTF8'))
                                        FROM accounts)
         UNION ALL SELECT 'name ' || encode(index, 'hex') FROM login_names
         UNION ALL SELECT 'account ' || id FROM accounts`,
        [accountId],
      );
      return new Set(rows.map(({ key }) => String(key)));
    };
    // Of each new row what kind it is; of an event also which one.
    const kindOf = (key: string) =>
      key.startsWith('event') ? key.replace(/ \d+/, '') : key.split(' ')[0];
    const seen = new Set<string>();
    const grown = new Set<string>();
    for (const email of [
      newEmail(),
      owner.person.email,
      disabled.person.email,
      left.person.email,
    ]) {
      const mara = await someone();
      const page = await mara.open('/account/email');
      const before = await written(mara.person.id);
      const sent = await mara.send(page, 'email', { email });
      const added = [...(await written(mara.person.id))].filter((key) => !before.has(key));
      const code = await mara.browser.get(sent.location ?? '');
      expect(code.body).toContain(`<bdi>${email}</bdi>`);
      const again = await mara.send(code, 'code', { code: '000000' });
      seen.add(plain(sent) + plain(code) + plain(again));
      grown.add(JSON.stringify(added.map(kindOf).sort()));
    }
    expect(seen.size).toBe(1);
    expect([...seen][0]).toContain('Confirm your new address');
    expect([...grown]).toHaveLength(1);
    expect([...grown][0]).toContain('request');

    const told = await awaitLetter(owner.person.email, 'Your e-mail address is in use');
    expect(codeIn(told)).toBe('');
    expect(told.text).toContain('nothing about it was changed');
    expect((await lettersTo(server, owner.person.email)).map(codeIn).filter(Boolean)).toEqual([]);
    expect(await lettersTo(server, disabled.person.email)).toEqual([]);
    expect((await lettersTo(server, left.person.email)).map(codeIn).filter(Boolean)).toEqual([]);
  });

  test('is answered three times an hour; the newest letter stays good', async () => {
    const mara = await someone();
    const email = newEmail();
    let code = '';
    for (let letter = 1; letter <= 3; letter += 1) {
      expect(heading(await askForCode(mara, email))).toBe('Confirm your new address');
      code = await awaitCode(server, email, letter);
    }
    const limited = await askForCode(mara, newEmail());
    expect(limited.status).toBe(429);
    expect(limited.headers.get('retry-after')).toBe('3600');
    expect(notice(limited)).toContain('Three letters');
    const page = await mara.open('/account/email/code');
    expect((await mara.send(page, 'code', { code })).status).toBe(303);
  });

  test('fills nobody’s mailbox: several accounts have three letters an hour between them', async () => {
    const email = newEmail();
    for (let turn = 1; turn <= 4; turn += 1) {
      const page = await askForCode(await someone(), email);
      expect(heading(page)).toBe('Confirm your new address');
    }
    await awaitCode(server, email, 3);
    const more = await someone();
    await askForCode(more, newEmail());
    expect(await lettersTo(server, email)).toHaveLength(3);
  });

  test('is limited by network as well, together with forgotten passwords', async () => {
    const mara = await someone();
    const page = await mara.open('/account/email');
    for (let letter = 0; letter < 10; letter += 1) {
      await askForLetter(mara.browser, `nobody${letter}@fernhill.example`);
    }
    const limited = await mara.send(page, 'email', { email: newEmail() });
    expect(limited.status).toBe(429);
    expect(notice(limited)).toContain('your network');
  });
});

describe('the code', () => {
  test('is taken in the session that asked and in no other of the account', async () => {
    const mara = await someone();
    const email = newEmail();
    await askForCode(mara, email);
    const code = await awaitCode(server, email);
    const elsewhere = under(mara, mara.person.email);
    await elsewhere.open('/account/email');
    const page = await elsewhere.browser.get('/account/email/code');
    expect([page.status, page.location]).toEqual([303, '/account/email']);
    const form = await elsewhere.open('/account/email');
    const csrf = form.body.match(/name="csrf" value="([^"]+)"/)?.[1] ?? '';
    const forced = await elsewhere.browser.post('/account/email/code', { csrf, code });
    expect(forced.status).toBe(410);
    expect((await people.domain.identity.findByLogin(email))?.id).toBeUndefined();
  });

  test('has five tries', async () => {
    const mara = await someone();
    const email = newEmail();
    let page = await askForCode(mara, email);
    const code = await awaitCode(server, email);
    const statuses: number[] = [];
    for (let turn = 1; turn <= 5; turn += 1) {
      const wrong = String((Number(code) + turn) % 1_000_000).padStart(6, '0');
      const reply = await mara.send(page, 'code', { code: wrong });
      statuses.push(reply.status);
      if (reply.status === 422) page = reply;
    }
    expect(statuses).toEqual([422, 422, 422, 422, 410]);
    const dead = await mara.send(page, 'code', { code });
    expect(dead.status).toBe(410);
    expect(notice(dead)).toContain('no longer works');
    expect(await recorded('email_change_void', mara)).toHaveLength(1);
    expect(await recorded('email_changed', mara)).toEqual([]);
  });

  test('wants a proof as fresh as the form before it', async () => {
    const mara = await someone();
    const email = newEmail();
    const page = await askForCode(mara, email);
    const code = await awaitCode(server, email);
    await mara.grow(400);
    const late = await mara.send(page, 'code', { code });
    expect(late.location).toContain('/oauth2/authorize');
    const back = await mara.answer(late);
    expect(heading(back)).toBe('Confirm your new address');
    expect((await mara.send(back, 'code', { code })).status).toBe(303);
  });

  test('for an address that got an account meanwhile changes nothing', async () => {
    const mara = await someone();
    const email = newEmail();
    const page = await askForCode(mara, email);
    const code = await awaitCode(server, email);
    await people.add({ email });
    const taken = await mara.send(page, 'code', { code });
    expect(taken.status).toBe(409);
    expect(notice(taken)).toContain('belongs to another account');
    expect((await mara.open()).body).toContain(mara.person.email);
    expect(isIn(await logIn(mara.person.email))).toBe(true);
    expect(await recorded('email_changed', mara)).toEqual([]);
  });

  test('is dead after a reset of the password, a revocation, and in a disabled account', async () => {
    for (const end of [
      async ({ person }: Owner) => {
        const browser = newBrowser();
        await askForLetter(browser, person.email);
        const form = await openLink(browser, await awaitLink(server, person.email));
        const done = await sendForm(browser, form, 'new_password', { new_password: NEXT });
        expect(done.status).toBe(303);
      },
      ({ person }: Owner) => people.domain.identity.raiseSecurityEpoch(person.id),
      ({ person }: Owner) => people.domain.identity.setStatus(person.id, 'disabled'),
    ]) {
      const mara = await someone();
      const email = newEmail();
      const page = await askForCode(mara, email);
      const code = await awaitCode(server, email);
      await end(mara);
      const reply = await mara.send(page, 'code', { code });
      expect(reply.location ?? '').toContain('/oauth2/authorize');
      expect(await people.domain.identity.findByLogin(email)).toBeUndefined();
      const waiting = await people.query('SELECT id FROM email_requests WHERE account_id = $1', [
        mara.person.id,
      ]);
      const { findEmailRequest } = people.domain.identity;
      expect(await findEmailRequest(String(waiting[0]?.id))).toBeUndefined();
    }
  });
});

describe('the change', () => {
  test('moves the name; others are signed out, this browser stays; both addresses hear of it', async () => {
    const mara = await someone();
    const email = newEmail();
    const phone = await phoneOf(mara.person.email);
    await askForLetter(newBrowser(), mara.person.email);
    const reset = await awaitLink(server, mara.person.email);

    const page = await askForCode(mara, email);
    const code = await awaitCode(server, email);
    const spaced = `${code.slice(0, 3)} ${code.slice(3)}`;
    const done = await mara.answer(await mara.send(page, 'code', { code: spaced }));
    expect(heading(done)).toBe('Change your address');
    expect(notice(done)).toContain('is changed');
    expect(done.body).toContain(`<bdi>${email}</bdi>`);

    expect(await phone.isAlive()).toBe(false);
    expect((await phone.refresh()).json.error).toBe('invalid_grant');
    expect(await phone.isSignedIn()).toBe(false);
    expect((await openLink(newBrowser(), reset)).status).toBe(410);
    expect(isIn(await logIn(mara.person.email))).toBe(false);
    expect(isIn(await logIn(email.toUpperCase()))).toBe(true);

    const old = await awaitLetter(mara.person.email, 'was changed');
    expect(undoIn(old)).toMatch(new RegExp(`^${server.issuer}/restore-email/[\\w-]{43}$`));
    expect(old.text).not.toContain(email);
    const fresh = await awaitLetter(email, 'address of your');
    expect(undoIn(fresh)).toBe('');
    expect(await recorded('email_changed', mara)).toMatchObject([
      { actor_kind: 'account', result: 'success', details: { sessions: 1, links: 1, kept: true } },
    ]);
  });

  test('is in the ID token and userinfo, verified', async () => {
    const mara = await someone();
    const email = newEmail();
    await moveTo(server, mara, email);
    const { code } = await freshCode(
      server,
      { scope: 'openid email' },
      { user: { email, password: PASSWORD }, browser: newBrowser() },
    );
    const { json } = await post(server, '/oauth2/token', redemption(code));
    const me = await fetch(`${server.issuer}/oauth2/userinfo`, {
      headers: { authorization: `Bearer ${json.access_token}` },
    });
    expect(await me.json()).toMatchObject({ sub: mara.person.id, email, email_verified: true });
  });

  test('asks staff and owners of an app for both factors, and keeps what the session proved', async () => {
    const mara = await someone({ staff: true, app: true });
    const email = newEmail();
    await moveTo(server, mara, email);
    const [session] = await people.query(
      `SELECT payload->>'acr' AS acr FROM artifacts
        WHERE account_id = $1 AND kind = 'Session' AND consumed_at IS NULL`,
      [mara.person.id],
    );
    expect(session?.acr).toBe('urn:latchkey:acr:2');
    const page = await logIn(email);
    expect(heading(page)).toBe('Enter your code');
  });

  test('keeps the old name for its owner: newcomers are treated like for any account', async () => {
    const mara = await someone();
    const email = newEmail();
    await moveTo(server, mara, email);
    const [known, unknown] = [newBrowser(), newBrowser()];
    const taken = await askToRegister(server, known, mara.person.email);
    const free = await askToRegister(server, unknown, newEmail());
    expect(heading(taken)).toBe(heading(free));
    await awaitLetter(email, 'You already have an account');
    const letters = await lettersTo(server, mara.person.email);
    expect(letters.map(({ text }) => /\/register\//.test(text))).not.toContain(true);
    // And it is no name to forget a password for.
    await askForLetter(newBrowser(), mara.person.email);
    await askForLetter(newBrowser(), email);
    await awaitLink(server, email);
    expect((await lettersTo(server, mara.person.email)).map(linkIn).filter(Boolean)).toEqual([]);
  });
});

describe('the way back', () => {
  test('is the issuer’s, leaves the address bar, and survives being looked at', async () => {
    const mara = await someone();
    const link = await moveTo(server, mara, newEmail());
    const token = link.split('/').at(-1) ?? '';
    for (const scanner of [newBrowser(), newBrowser()]) {
      await wire(server.port, {
        method: 'HEAD',
        path: new URL(link).pathname,
        headers: { host: new URL(server.issuer).host },
      });
      expect(heading(await openUndo(scanner, link))).toBe('Take your address back');
    }
    const browser = newBrowser();
    const moved = await browser.get(new URL(link).pathname);
    expect([moved.status, moved.location]).toEqual([303, '/restore-email/ask']);
    const [cookie = ''] = moved.headers.getSetCookie();
    expect(cookie).toMatch(/path=\/restore-email;/i);
    expect(cookie).toMatch(/httponly/i);
    expect(cookie).toMatch(/samesite=lax/i);
    const page = await browser.get(moved.location ?? '');
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page.body).not.toContain(token);
    expect(page.body).toContain(`<bdi>${mara.person.email}</bdi>`);
    // Not without the page's own form.
    expect((await browser.post('/restore-email/ask', { csrf: 'x' })).status).toBe(403);
    const csrf = page.body.match(/name="csrf" value="([^"]+)"/)?.[1] ?? '';
    const foreign = { 'sec-fetch-site': 'cross-site' };
    expect((await browser.post('/restore-email/ask', { csrf }, foreign)).status).toBe(403);
    expect((await browser.post('/restore-email/ask', { csrf })).status).toBe(303);
    expect(server.output()).not.toContain(token);
  });

  test('locks out whoever is in: sessions, tokens, devices, password, links, pending changes', async () => {
    const mara = await someone();
    const [second, third, fourth] = [newEmail('thief'), newEmail('thief'), newEmail('thief')];
    const link = await moveTo(server, mara, second);
    // The thief moves on, is signed in elsewhere, has a letter out, and one more change begun.
    const thief = under(mara, second, mara.browser);
    const later = await moveTo(server, thief, third);
    const phone = await phoneOf(third);
    await askForLetter(newBrowser(), third);
    const reset = await awaitLink(server, third);
    const pending = await askForCode(under(mara, third, mara.browser), fourth);
    const code = await awaitCode(server, fourth);
    await people.query(
      `INSERT INTO passkeys (id, account_id, credential_id, public_key, transports, backup_eligible,
                             backed_up, name, created_at)
       VALUES (gen_random_uuid(), $1, $2, '\\x01', '{}', false, false, 'thief’s', now())`,
      [mara.person.id, randomBytes(16)],
    );

    const own = newBrowser();
    const done = await undo(link, own);
    expect([done.status, heading(done)]).toEqual([200, 'Your address is back']);
    expect(done.body).toContain('href="/recovery"');

    expect(await phone.isAlive()).toBe(false);
    expect((await phone.refresh()).json.error).toBe('invalid_grant');
    expect(await phone.isSignedIn()).toBe(false);
    expect((await mara.browser.get('/account')).location).toContain('/oauth2/authorize');
    const forced = await mara.send(pending, 'code', { code });
    expect(forced.location).toContain('/oauth2/authorize');
    expect((await openLink(newBrowser(), reset)).status).toBe(410);
    expect((await openUndo(newBrowser(), later)).status).toBe(410);
    expect(await people.domain.risk.listDevices(mara.person.id)).toEqual([]);
    expect(await people.domain.credentials.listPasskeys(mara.person.id)).toEqual([]);
    for (const email of [mara.person.email, second, third]) {
      expect(isIn(await logIn(email)), email).toBe(false);
    }

    // The owner gets in through the letter to the address that is theirs again.
    const letter = await awaitLetter(mara.person.email, 'is back');
    const form = await openLink(own, linkIn(letter));
    expect(heading(form)).toBe('Choose a new password');
    expect((await sendForm(own, form, 'new_password', { new_password: NEXT })).status).toBe(303);
    expect(isIn(await logIn(mara.person.email, NEXT))).toBe(true);
    await awaitLetter(third, 'was undone');
    expect(await recorded('email_change_undone', mara)).toMatchObject([
      { actor_kind: 'account', result: 'success', details: { passkeys: 1 } },
    ]);
    // What the thief had is nobody's now, and the link is spent.
    expect(await people.domain.identity.findNameHolder(third)).toBeUndefined();
    expect((await openUndo(newBrowser(), link)).status).toBe(410);
  });

  test('leaves the second factor, and passkeys that staff had before', async () => {
    const mara = await someone({ staff: true, app: true });
    const addPasskey = (name: string, age: string) =>
      people.query(
        `INSERT INTO passkeys (id, account_id, credential_id, public_key, transports,
                               backup_eligible, backed_up, name, created_at)
         VALUES (gen_random_uuid(), $1, $2, '\\x01', '{}', false, false, $3, now() - $4::interval)`,
        [mara.person.id, randomBytes(16), name, age],
      );
    const link = await moveTo(server, mara, newEmail());
    await addPasskey('own', '3 days');
    await addPasskey('thief’s', '0 days');
    await undo(link);
    const left = await people.domain.credentials.listPasskeys(mara.person.id);
    expect(left.map(({ name }) => name)).toEqual(['own']);
    const browser = newBrowser();
    const letter = await awaitLetter(mara.person.email, 'is back');
    const form = await openLink(browser, linkIn(letter));
    await sendForm(browser, form, 'new_password', { new_password: NEXT });
    expect(heading(await logIn(mara.person.email, NEXT))).toBe('Enter your code');
  });

  test('survives a new password: a thief cannot keep it shut that way', async () => {
    const mara = await someone();
    const next = newEmail();
    const link = await moveTo(server, mara, next);
    const thief = newBrowser();
    await askForLetter(thief, next);
    const form = await openLink(thief, await awaitLink(server, next));
    await sendForm(thief, form, 'new_password', { new_password: NEXT });
    expect(heading(await undo(link))).toBe('Your address is back');
    expect(isIn(await logIn(mara.person.email, NEXT))).toBe(false);
  });

  test('is dead when used, late, unknown, or of a disabled account: one page for all', async () => {
    const [used, late, disabled] = [await someone(), await someone(), await someone()];
    const links = [
      await moveTo(server, used, newEmail()),
      await moveTo(server, late, newEmail()),
      await moveTo(server, disabled, newEmail()),
      `${server.issuer}/restore-email/${'A'.repeat(43)}`,
      `${server.issuer}/restore-email/x`,
    ];
    await undo(links[0] ?? '');
    await people.query(
      "UPDATE email_changes SET expires_at = expires_at - interval '72 hours' WHERE account_id = $1",
      [late.person.id],
    );
    const open = newBrowser();
    const page = await openUndo(open, links[2] ?? '');
    await people.query("UPDATE accounts SET status = 'disabled' WHERE id = $1", [
      disabled.person.id,
    ]);
    const seen = new Set<string>();
    for (const link of links) {
      const reply = await openUndo(newBrowser(), link);
      expect(reply.status).toBe(410);
      seen.add(plain(reply));
    }
    expect(seen.size).toBe(1);
    expect([...seen][0]).toContain('This link no longer works');
    expect((await use(open, page)).status).toBe(410);
    expect(await people.domain.identity.findByLogin(disabled.person.email)).toBeUndefined();
    // Without a link there is nothing to see.
    for (const path of ['/restore-email/ask', '/restore-email/done']) {
      expect((await newBrowser().get(path)).status).toBe(410);
    }
  });

  test('says so when the address is another account’s, and does nothing by half', async () => {
    const mara = await someone();
    const next = newEmail();
    const link = await moveTo(server, mara, next);
    // Only somebody who tampers with the database gets there.
    await people.query(
      'DELETE FROM login_names WHERE account_id = $1 AND reserved_until IS NOT NULL',
      [mara.person.id],
    );
    await people.add({ email: mara.person.email });
    const reply = await undo(link);
    expect([reply.status, heading(reply)]).toEqual([409, 'Your address could not be taken back']);
    expect(isIn(await logIn(next))).toBe(true);
    expect(await recorded('email_change_undone', mara)).toEqual([]);
    expect((await openUndo(newBrowser(), link)).status).toBe(200);
  });

  test('leads past an owner’s own return, which makes no way to where the thief was', async () => {
    const mara = await someone();
    const thief = newEmail('thief');
    await moveTo(server, mara, thief);
    const back = under(mara, thief, mara.browser);
    const page = await askForCode(back, mara.person.email);
    const done = await mara.send(page, 'code', {
      code: await awaitCode(server, mara.person.email),
    });
    expect(done.status).toBe(303);
    await awaitLetter(thief, 'was changed');
    expect((await lettersTo(server, thief)).map(undoIn).filter(Boolean)).toEqual([]);
    const first = await awaitUndo(server, mara.person.email);
    expect((await openUndo(newBrowser(), first)).status).toBe(410);
    expect(isIn(await logIn(mara.person.email))).toBe(true);
  });
});
