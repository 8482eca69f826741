/** People see who is in their account, browsers and applications, and put them out. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Owner, ownerAt } from '../support/account.js';
import { authorizeUrl, ORDERS, post, postAs, redemption, register } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Browser, follow, type Reply } from '../support/shopper.js';
import { browserAt, formWith, openPeople, type People } from '../support/sign-in.js';

vi.setConfig({ testTimeout: 40_000, hookTimeout: 60_000 });

const OFFLINE = { scope: 'openid offline_access orders:read', resource: ORDERS };
const PARTNER = 'https://quince.example/cb';

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
  return browserAt(server, `10.${nets >> 8}.${nets & 255}.13`);
};
const someone = async (): Promise<Owner> =>
  ownerAt(server, people, newBrowser(), await people.add());
const elsewhere = (owner: Owner): Owner => ownerAt(server, people, newBrowser(), owner.person);

const isLoggedIn = async ({ browser }: Owner): Promise<boolean> =>
  new URL((await browser.get(authorizeUrl({ prompt: 'none' }))).location ?? '').searchParams.has(
    'code',
  );
const things = ({ body }: Reply) =>
  body.match(/<li class="thing">[\s\S]*?<\/li>\s*(?=<li class="thing"|<\/ul>)/g) ?? [];
const notice = ({ body }: Reply) =>
  (body.match(/<div class="notice[^>]*>[\s\S]*?<p>([\s\S]*?)<\/p>/)?.[1] ?? '').trim();
const tokensOf = async (owner: Owner, changes: Record<string, string> = {}) => {
  const reply = await owner.answer(
    await owner.browser.get(authorizeUrl({ ...OFFLINE, ...changes })),
  );
  const code = new URL(reply.location ?? '').searchParams.get('code') ?? '';
  const { json } = await post(server, '/oauth2/token', redemption(code, { resource: ORDERS }));
  return { access: String(json.access_token), refresh: String(json.refresh_token) };
};
const isActive = async (token: string) =>
  (await postAs(server, 'orders_api', '/oauth2/introspect', { token })).json.active;
const refresh = (refresh_token: string, client_id = 'demo-storefront') =>
  post(server, '/oauth2/token', { grant_type: 'refresh_token', client_id, refresh_token });

describe('the browsers that are signed in', () => {
  test('are listed with what they are for, and one is ended from another', async () => {
    const here = await someone();
    const there = elsewhere(here);
    await tokensOf(there, { scope: 'openid orders:read' });
    await there.open();
    const list = await here.open('/account/sessions');
    expect(things(list)).toHaveLength(2);
    const own = things(list).find((thing) => thing.includes('This one')) ?? '';
    const other = things(list).find((thing) => !thing.includes('This one')) ?? '';
    expect(own).not.toContain('<form');
    expect(other).toContain('Alder &amp; Oak');
    expect(other).not.toContain('Your account');
    expect(other).toContain('An unknown browser');
    const bound = await tokensOf(there, { scope: 'openid orders:read' });
    expect(await isActive(bound.access)).toBe(true);

    const action = other.match(/action="([^"]*)"/)?.[1] ?? '';
    const done = await here.browser.post(action, {
      csrf: other.match(/name="csrf" value="([^"]*)"/)?.[1] ?? '',
    });
    expect(done.status).toBe(303);
    expect(await isLoggedIn(there)).toBe(false);
    expect(await isActive(bound.access)).toBe(false);
    const page = await follow(there.browser, server, await there.browser.get('/account'));
    expect(formWith(page, 'password')).toBeDefined();
    expect(await isLoggedIn(here)).toBe(true);
    const after = await here.open('/account/sessions');
    expect(notice(after)).toBe('That browser is signed out.');
    expect(things(after)).toHaveLength(1);
    const recorded = await people.query(
      "SELECT details FROM audit_events WHERE event = 'sessions_ended' AND subject_id = $1",
      [here.person.id],
    );
    expect(recorded).toEqual([{ details: { sessions: 1 } }]);
  });

  test('are all ended, with applications that stay signed in and known devices: everywhere', async () => {
    const here = await someone();
    const there = elsewhere(here);
    await there.open();
    const kept = await tokensOf(there, { scope: 'openid offline_access orders:read' });
    const bound = await tokensOf(there, { scope: 'openid orders:read' });
    const known = async () =>
      Number(
        (
          await people.query('SELECT count(*)::int AS n FROM known_devices WHERE account_id = $1', [
            here.person.id,
          ])
        )[0]?.n,
      );
    expect(await known()).toBeGreaterThan(0);
    expect(await isActive(kept.access)).toBe(true);

    expect((await here.open('/account/sessions')).body).toContain('/account/sessions/everywhere');
    const question = await here.open('/account/sessions/everywhere');
    expect(question.body).toContain('Every browser, this one too');
    const csrf = question.body.match(/answers[\s\S]*?name="csrf" value="([^"]*)"/)?.[1] ?? '';
    const forged = await here.browser.post('/account/sessions/everywhere', { csrf: 'x' });
    expect(forged.status).toBe(403);
    expect(await isActive(kept.access)).toBe(true);
    const replies = await Promise.all(
      Array.from({ length: 5 }, () => here.browser.post('/account/sessions/everywhere', { csrf })),
    );
    expect(replies.filter(({ location }) => location === '/account/signed-out')).toHaveLength(1);

    expect([await isLoggedIn(here), await isLoggedIn(there)]).toEqual([false, false]);
    expect([await isActive(kept.access), await isActive(bound.access)]).toEqual([false, false]);
    expect(await known()).toBe(0);
    expect((await here.browser.get('/account/signed-out')).body).toContain(
      'You are signed out everywhere',
    );
    const recorded = await people.query(
      "SELECT 1 FROM audit_events WHERE event = 'signed_out_everywhere' AND subject_id = $1",
      [here.person.id],
    );
    expect(recorded).toHaveLength(1);
  });

  test('are all ended but the one that asks', async () => {
    const here = await someone();
    const others = [elsewhere(here), elsewhere(here)];
    for (const other of others) await other.open();
    const list = await here.open('/account/sessions');
    expect(things(list)).toHaveLength(3);
    const form = (list.body.match(/<form[\s\S]*?<\/form>/g) ?? []).find((one) =>
      one.includes('/others/end'),
    );
    const csrf = form?.match(/value="([^"]*)"/)?.[1] ?? '';
    await here.browser.post('/account/sessions/others/end', { csrf });
    for (const other of others) expect(await isLoggedIn(other)).toBe(false);
    expect(await isLoggedIn(here)).toBe(true);
    expect(things(await here.open('/account/sessions'))).toHaveLength(1);
  });

  test('of somebody else stay as they are, and so do one’s own without a form token', async () => {
    const mine = await someone();
    const list = await mine.open('/account/sessions');
    const csrf = list.body.match(/name="csrf" value="([^"]*)"/)?.[1] ?? '';
    const other = elsewhere(mine);
    await other.open();
    const stranger = await someone();
    await stranger.open();
    const rows = await people.query(
      "SELECT uid FROM artifacts WHERE kind = 'Session' AND account_id = $1",
      [stranger.person.id],
    );
    const id = createHash('sha256').update(String(rows[0]?.uid)).digest('base64url');
    await mine.browser.post(`/account/sessions/${id}/end`, { csrf });
    expect(notice(await mine.open('/account/sessions'))).toContain('gone already');
    expect(await isLoggedIn(stranger)).toBe(true);
    expect((await mine.browser.post('/account/sessions/others/end', {})).status).toBe(403);
    expect(await isLoggedIn(other)).toBe(true);
  });

  test('are ended by somebody who has proven themself lately, and by nobody else', async () => {
    const here = await someone();
    const there = elsewhere(here);
    await there.open();
    const list = await here.open('/account/sessions');
    const csrf = list.body.match(/name="csrf" value="([^"]*)"/)?.[1] ?? '';
    await here.grow(600);
    const asked = await here.browser.post('/account/sessions/others/end', { csrf });
    const page = await follow(here.browser, server, asked);
    expect(formWith(page, 'password')).toBeDefined();
    expect(await isLoggedIn(there)).toBe(true);
  });
});

describe('the applications that have access', () => {
  test('are listed in words, and lose everything when it is taken back', async () => {
    await register(server, 'quince', [
      ...['--name', 'Quince & Fig', '--auth', 'none', '--redirect-uri', PARTNER],
      ...['--grant-type', 'authorization_code', '--grant-type', 'refresh_token'],
      ...['--scope', 'openid offline_access', '--allow', `${ORDERS}=orders:read`],
    ]);
    const owner = await someone();
    const shop = await tokensOf(owner);
    const asked = { client_id: 'quince', redirect_uri: PARTNER, ...OFFLINE, prompt: 'consent' };
    const consent = await owner.answer(await owner.browser.get(authorizeUrl(asked)));
    expect(consent.body).toContain('href="/account/applications"');
    const allowed = (consent.body.match(/action="([^"]*\/consent)"/) ?? [])[1] ?? '';
    const csrf = consent.body.match(/name="csrf" value="([^"]*)"/)?.[1] ?? '';
    const back = await follow(owner.browser, server, await owner.browser.post(allowed, { csrf }));
    const code = new URL(back.location ?? '').searchParams.get('code') ?? '';
    const { json } = await post(
      server,
      '/oauth2/token',
      redemption(code, { client_id: 'quince', redirect_uri: PARTNER, resource: ORDERS }),
    );
    const access = String(json.access_token);
    expect(await isActive(access)).toBe(true);

    const list = await owner.open('/account/applications');
    const partner = things(list).find((thing) => thing.includes('Quince &amp; Fig')) ?? '';
    expect(partner).toContain('Keep this access while you are away');
    expect(partner).toContain('Recognise you when you come back');
    expect(things(list).some((thing) => thing.includes('Your account'))).toBe(false);

    const question = await owner.open('/account/applications/quince/remove');
    expect(question.body).toContain('Take back the access of');
    expect(await isActive(access)).toBe(true);
    const removal = (question.body.match(/<form[\s\S]*?<\/form>/g) ?? []).find((form) =>
      form.includes('/quince/remove'),
    );
    await owner.browser.post('/account/applications/quince/remove', {
      csrf: removal?.match(/value="([^"]*)"/)?.[1] ?? '',
    });
    expect(await isActive(access)).toBe(false);
    const { status, json: told } = await refresh(String(json.refresh_token), 'quince');
    expect([status, told.error]).toEqual([400, 'invalid_grant']);
    // Others keep theirs, and it has to ask again.
    expect(await isActive(shop.access)).toBe(true);
    expect((await refresh(shop.refresh)).status).toBe(200);
    const again = await owner.answer(
      await owner.browser.get(authorizeUrl({ ...asked, prompt: undefined } as never)),
    );
    expect(formWith(again, 'csrf')).toContain('/consent');
    const after = await owner.open('/account/applications');
    expect(after.body).not.toContain('Quince &amp; Fig');
  });

  test('that are not there cannot be taken back', async () => {
    const owner = await someone();
    expect(notice(await owner.open('/account/applications/nobody/remove'))).toContain(
      'gone already',
    );
  });
});
