/** Somebody leaves for good: what ends, what is gone, what stays, and that it was them. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Owner, ownerAt } from '../support/account.js';
import { moveTo, openUndo } from '../support/email-change.js';
import { authorizeUrl, ORDERS, post, postAs, redemption } from '../support/protocol.js';
import { askForLetter, lettersTo } from '../support/recovery.js';
import { startServer, type TestServer } from '../support/server.js';
import { adminToken, type Browser, follow, hiddenField, type Reply } from '../support/shopper.js';
import { browserAt, formWith, openPeople, type People, sendForm } from '../support/sign-in.js';
import { soon } from '../support/soon.js';

vi.setConfig({ testTimeout: 40_000, hookTimeout: 60_000 });

const OFFLINE = { scope: 'openid offline_access orders:read', resource: ORDERS };

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
  return browserAt(server, `10.9.${nets}.13`);
};
const someone = async (options: Parameters<People['add']>[0] = {}): Promise<Owner> =>
  ownerAt(server, people, newBrowser(), await people.add(options));
const elsewhere = (owner: Owner): Owner => ownerAt(server, people, newBrowser(), owner.person);
const heading = ({ body }: Reply) =>
  (body.match(/<h1>([\s\S]*?)<\/h1>/)?.[1] ?? '').replace(/<[^>]*>/g, '');
const tokensOf = async (owner: Owner) => {
  const reply = await owner.answer(await owner.browser.get(authorizeUrl(OFFLINE)));
  const code = new URL(reply.location ?? '').searchParams.get('code') ?? '';
  const { json } = await post(server, '/oauth2/token', redemption(code, { resource: ORDERS }));
  return { access: String(json.access_token), refresh: String(json.refresh_token) };
};
const isActive = async (token: string) =>
  (await postAs(server, 'orders_api', '/oauth2/introspect', { token })).json.active;
const refresh = (refresh_token: string) =>
  post(server, '/oauth2/token', {
    grant_type: 'refresh_token',
    client_id: 'demo-storefront',
    refresh_token,
  });
const close = async (owner: Owner, typed = owner.person.email) =>
  owner.send(await owner.open('/account/close'), 'email', { email: typed });

/** Where the account still stands, by table; the audit is not asked. */
async function tracesOf({ person }: Owner): Promise<Record<string, number>> {
  const columns = await people.query(
    `SELECT table_name AS "table", column_name AS "column" FROM information_schema.columns
      WHERE table_schema = 'public' AND column_name = 'account_id'`,
  );
  const traces: Record<string, number> = {};
  for (const { table, column } of columns) {
    const [row] = await people.query(
      `SELECT count(*)::int AS n FROM "${table}" WHERE "${column}" = $1`,
      [person.id],
    );
    if (Number(row?.n) > 0) traces[String(table)] = Number(row?.n);
  }
  return traces;
}

/** What would take a device or a letter to leave behind. */
async function leaveMore(accountId: string): Promise<void> {
  const rows = [
    `passkeys (id, account_id, credential_id, public_key, transports, backup_eligible, backed_up,
               name, created_at)
     VALUES (gen_random_uuid(), $1, uuid_send(gen_random_uuid()), 'key', '{}', false, false, 'phone', now())`,
    'passkey_handles (account_id, handle) VALUES ($1, uuid_send(gen_random_uuid()))',
    `email_codes (id, interaction_hash, browser_hash, account_id, security_epoch, code_hash, expires_at)
     VALUES (gen_random_uuid(), uuid_send(gen_random_uuid()), 'b', $1, 0, 'c', now() + interval '1 hour')`,
    `email_requests (account_id, id, security_epoch, session_hash, sealed_email, code_hash,
                     created_at, expires_at)
     VALUES ($1, gen_random_uuid(), 0, 's', 'e', 'c', now(), now() + interval '1 hour')`,
    // One that can no longer be undone: the account could not be closed before.
    `email_changes (id, account_id, sealed_from, token_hash, created_at, expires_at)
     VALUES (gen_random_uuid(), $1, 'f', uuid_send(gen_random_uuid()), now(), now())`,
    "approval_stops (account_id, client_id, until) VALUES ($1, 'demo-telephone-desk', now())",
    "mail_refusals (account_id, address_index, refused_at) VALUES ($1, 'i', now())",
  ];
  for (const row of rows) await people.query(`INSERT INTO ${row}`, [accountId]);
}

describe('closing an account', () => {
  test('ends everything everywhere, leaves nothing behind, and is told of once', async () => {
    const mara = await someone({ app: true });
    const { email, id } = mara.person;
    const there = elsewhere(mara);
    const phone = await tokensOf(there);
    const laptop = await tokensOf(mara);
    await mara.send(await mara.open('/account/profile'), 'name', {
      name: 'Wilhelmine Sauerampfer',
    });
    await mara.changePassword('copper lantern hums at midnight');
    mara.nowUses({ password: 'copper lantern hums at midnight' });
    there.nowUses({ password: 'copper lantern hums at midnight' });
    const later = await tokensOf(there);
    await askForLetter(newBrowser(), email);
    await mara.open('/account/authenticators/app');
    await people.domain.credentials.replaceRecoveryCodes(id);
    await people.domain.credentials.planFactorReset(id, 3600);
    await leaveMore(id);
    // A table that is about accounts and not in here has to be thought of when one is closed.
    const tables = await people.query(
      `SELECT table_name AS name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name = 'account_id'`,
    );
    const about = tables.map(({ name }) => String(name)).filter((name) => name !== 'account_roles');
    expect(Object.keys(await tracesOf(mara)).sort()).toEqual(about.sort());

    const question = await mara.open('/account/close');
    expect(heading(question)).toBe('Close your account?');
    expect(question.body).toContain('Orders and invoices');
    const done = await mara.send(question, 'email', { email: ` ${email.toUpperCase()} ` });
    expect([done.status, done.location]).toEqual([303, '/account/closed']);
    expect(mara.browser.cookies.has('latchkey_account|/')).toBe(false);
    const farewell = await mara.browser.get('/account/closed');
    expect([farewell.status, heading(farewell)]).toEqual([200, 'Your account is closed']);
    expect(farewell.body).not.toContain(email);

    expect(await tracesOf(mara)).toEqual({});
    const [row] = await people.query(
      'SELECT status::text, sealed_email, sealed_profile, closed_at IS NULL AS open FROM accounts WHERE id = $1',
      [id],
    );
    expect(row).toEqual({
      status: 'disabled',
      sealed_email: null,
      sealed_profile: null,
      open: false,
    });
    for (const token of [phone.access, laptop.access, later.access]) {
      expect(await isActive(token)).toBe(false);
    }
    for (const token of [phone.refresh, later.refresh]) {
      expect((await refresh(token)).json).toMatchObject({ error: 'invalid_grant' });
    }
    for (const { browser } of [mara, there]) {
      const silent = await browser.get(authorizeUrl({ prompt: 'none' }));
      expect(silent.location).toContain('error=login_required');
      const page = await follow(browser, server, await browser.get('/account'));
      expect(formWith(page, 'password')).toBeDefined();
      const again = await sendForm(browser, page, 'password', {
        login: email,
        password: 'copper lantern hums at midnight',
      });
      expect(again.body).toContain('The e-mail address or password is not right.');
    }

    const letters = await vi.waitFor(async () => {
      const all = await lettersTo(server, email);
      const last = all.filter(({ subject }) => subject.includes('is closed'));
      expect(last).toHaveLength(1);
      return last;
    }, soon);
    expect(letters[0]?.text).not.toContain('Sauerampfer');
    const events = await people.query(
      "SELECT actor_id, details FROM audit_events WHERE event = 'account_closed' AND subject_id = $1",
      [id],
    );
    expect(events).toEqual([
      {
        actor_id: id,
        details: {
          sessions: 2,
          grants: expect.any(Number),
          tokens: expect.any(Number),
          credentials: 3,
          devices: 2,
        },
      },
    ]);
    const audit = await people.query('SELECT * FROM audit_events WHERE subject_id = $1', [id]);
    expect(audit.length).toBeGreaterThan(5);
    expect(JSON.stringify(audit)).not.toMatch(new RegExp(`Sauerampfer|${email}`, 'i'));
  });

  test('frees the address: whoever comes with it next is somebody else', async () => {
    const mara = await someone();
    expect((await close(mara)).status).toBe(303);
    const next = ownerAt(
      server,
      people,
      mara.browser,
      await people.add({ email: mara.person.email }),
    );
    expect(next.person.id).not.toBe(mara.person.id);
    const home = await next.open('/account/activity');
    expect(home.status).toBe(200);
    expect(home.body).not.toContain('changed your password');
    expect(await people.domain.identity.findPerson(mara.person.id)).toMatchObject({
      email: undefined,
      profile: {},
    });
  });

  test('takes the address typed, and keeps what was typed instead', async () => {
    const mara = await someone();
    for (const typed of ['', 'somebody.else@fernhill.example', `x${mara.person.email}`]) {
      const reply = await close(mara, typed);
      expect(reply.status).toBe(422);
      expect(reply.body).toContain('This is not the e-mail address of this account.');
      if (typed) expect(reply.body).toContain(`value="${typed}"`);
    }
    expect(await people.domain.identity.isClosed(mara.person.id)).toBe(false);
    expect((await mara.browser.get('/account')).status).toBe(200);
  });

  test('waits while an address that was left can take the account back', async () => {
    const thief = await someone();
    const moved = `moved.${thief.person.email}`;
    const undo = await moveTo(server, thief, moved);
    const refused = await close(thief, moved);
    expect(refused.status).toBe(409);
    expect(refused.body).toContain('less than 72 hours ago');
    expect((await people.domain.identity.findAccount(thief.person.id))?.status).toBe('active');
    // Its owner's link still works.
    expect((await openUndo(newBrowser(), undo)).status).toBe(200);
    await people.query(
      "UPDATE email_changes SET expires_at = expires_at - interval '73 hours' WHERE account_id = $1",
      [thief.person.id],
    );
    expect((await close(thief, moved)).location).toBe('/account/closed');
  });

  test('takes a fresh proof, and the form of the page', async () => {
    const mara = await someone({ app: true });
    const page = await mara.open('/account/close');
    const csrf = hiddenField(page.body, 'csrf');
    const { email } = mara.person;
    expect((await mara.browser.post('/account/close', { email })).status).toBe(403);
    await mara.grow(600);
    const late = await mara.browser.post('/account/close', { csrf, email });
    expect(new URL(late.location ?? '').pathname).toBe('/oauth2/authorize');
    const asked = await follow(mara.browser, server, await mara.browser.get('/account/close'));
    expect(formWith(asked, 'password')).toBeDefined();
    expect(await people.domain.identity.isClosed(mara.person.id)).toBe(false);
  });

  test('is not for staff, who are told who does it', async () => {
    const robin = await someone({ staff: true, app: true });
    const page = await robin.open('/account/close');
    expect(page.body).toContain('Ask your administrator');
    expect(formWith(page, 'email')).toBeUndefined();
    const profile = await robin.open('/account/profile');
    const csrf = hiddenField(profile.body, 'csrf');
    const refused = await robin.browser.post('/account/close', { csrf, email: robin.person.email });
    expect(refused.status).toBe(403);
    expect(heading(refused)).toBe('Your administrator closes this account');
    expect((await robin.browser.get('/account')).status).toBe(200);
  });

  test('is for good: an administrator cannot open it again', async () => {
    const mara = await someone();
    await close(mara);
    const reply = await fetch(`${server.issuer}/admin/api/v1/users/${mara.person.id}`, {
      method: 'PATCH',
      headers: {
        authorization: `Bearer ${await adminToken(server)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ status: 'active', reason: 'a test' }),
    });
    expect(reply.status).toBe(404);
    expect((await people.domain.identity.findAccount(mara.person.id))?.status).toBe('disabled');
  });
});
