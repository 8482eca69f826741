/** Whoever somebody signed in at is told when that session ends, however it ends. */
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Owner, ownerAt } from '../support/account.js';
import {
  atOnce,
  authorizeUrl,
  command,
  encode,
  ORDERS,
  post,
  redemption,
} from '../support/protocol.js';
import { askForLetter, awaitLink, openLink } from '../support/recovery.js';
import { openRelyingParty, type RelyingParty } from '../support/relying-party.js';
import { startServer, type TestServer } from '../support/server.js';
import { adminToken, type Browser, follow, formAction, hiddenField } from '../support/shopper.js';
import { browserAt, openPeople, type People, sendForm } from '../support/sign-in.js';
import { soon } from '../support/soon.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 90_000 });

let server: TestServer;
let people: People;
let shop: RelyingParty;
let blog: RelyingParty;
let nets = 0;

beforeAll(async () => {
  server = await startServer({
    env: {
      LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32',
      LATCHKEY_BOT_CHALLENGE: 'off',
      LATCHKEY_RATE_LIMITS: 'off',
      LATCHKEY_OUTBOUND_ALLOW: 'localhost',
    },
  });
  people = await openPeople(server);
  shop = await openRelyingParty(server, 'linden-shop');
  blog = await openRelyingParty(server, 'linden-blog', {
    args: ['--id-token-alg', 'RS256'],
    algorithm: 'RS256',
    metadata: { backchannel_logout_session_required: false, subject_type: 'pairwise' },
  });
});
afterAll(async () => {
  await Promise.all([shop?.close(), blog?.close(), people?.close()]);
  await server?.stop();
});
afterEach(() => {
  for (const party of [shop, blog]) {
    expect(party.faults).toEqual([]);
    party.answer = 200;
    party.notices.length = 0;
  }
});

const newBrowser = (): Browser => {
  nets += 1;
  return browserAt(server, `10.${nets >> 8}.${nets & 255}.17`);
};
const someone = async (): Promise<Owner> =>
  ownerAt(server, people, newBrowser(), await people.add());
const elsewhere = (owner: Owner): Owner => ownerAt(server, people, newBrowser(), owner.person);

/** Signs somebody in at a client; what its ID token says. */
async function signIn(owner: Owner, party: RelyingParty, scope = 'openid orders:read') {
  const asked = { client_id: party.id, redirect_uri: party.redirectUri, scope, resource: ORDERS };
  const reply = await owner.answer(await owner.browser.get(authorizeUrl(asked)));
  const code = new URL(reply.location ?? '').searchParams.get('code') ?? '';
  const fields = { client_id: party.id, redirect_uri: party.redirectUri, resource: ORDERS };
  const { json } = await post(server, '/oauth2/token', redemption(code, fields));
  const idToken = String(json.id_token);
  return { idToken, refresh: String(json.refresh_token), ...decodeJwt<{ sid: string }>(idToken) };
}
/** Signs out as a client asks for it, and answers the question. */
async function signOut(owner: Owner, fields: Record<string, string> = {}, yes = true) {
  const page = await owner.browser.get(`/oauth2/logout?${encode(fields)}`);
  return owner.browser.post(formAction(page.body, 'xsrf'), {
    xsrf: hiddenField(page.body, 'xsrf'),
    ...(yes ? { logout: 'yes' } : {}),
  });
}
/** Whichever clock ran out first. */
const SILENT = /^(timed-out|unreachable)$/;
const waiting = async () =>
  people.query(
    `SELECT id::text, attempts, last_error AS error, extract(epoch FROM run_at - now())::float AS wait
       FROM graphile_worker.jobs WHERE task_identifier = 'backchannel_logout' ORDER BY id`,
  );
/** Until everything that was queued has been done. */
const settled = () => vi.waitFor(async () => expect(await waiting()).toEqual([]), soon);
/** Until the one notice that waits was not taken; how many times it was sent by then. */
const failed = (error: string) =>
  vi.waitFor(async () => {
    const jobs = await waiting();
    expect(jobs).toMatchObject([{ attempts: expect.any(Number), error }]);
    // Not while it is being sent again: that try counts already.
    expect(jobs[0]?.wait).toBeGreaterThan(0);
    return Number(jobs[0]?.attempts);
  }, soon);
/** What the back-off of seconds, minutes and hours would bring about by itself. */
const hurry = () =>
  people.query(
    'UPDATE graphile_worker._private_jobs SET run_at = now() WHERE run_at > now() AND locked_at IS NULL',
  );
const sids = (party: RelyingParty) => party.notices.map(({ sid }) => sid);
const formOf = async (owner: Owner, path: string, target: string) => {
  const page = await owner.open(path);
  const form = (page.body.match(/<form[\s\S]*?<\/form>/g) ?? []).find((one) =>
    one.includes(target),
  );
  const action = form?.match(/action="([^"]*)"/)?.[1] ?? '';
  return owner.browser.post(action, { csrf: form?.match(/csrf" value="([^"]*)"/)?.[1] ?? '' });
};

describe('a log-out', () => {
  test('is told to every client of the session, signed, with what its ID token called it', async () => {
    const discovery = await (
      await fetch(`${server.issuer}/.well-known/openid-configuration`)
    ).json();
    expect(discovery).toMatchObject({
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
    });
    expect(discovery).not.toHaveProperty('frontchannel_logout_supported');

    const owner = await someone();
    const atShop = await signIn(owner, shop);
    const atBlog = await signIn(owner, blog);
    expect(atShop.sid).not.toBe(atBlog.sid);
    expect(atShop.sub).not.toBe(atBlog.sub);
    await signOut(owner, { id_token_hint: atShop.idToken });
    await settled();
    for (const [party, { sid, sub }] of [
      [shop, atShop],
      [blog, atBlog],
    ] as const) {
      expect(party.notices).toHaveLength(1);
      const [told] = party.notices;
      expect(told).toMatchObject({ sid, sub });
      expect((told?.exp ?? 0) - (told?.iat ?? 0)).toBe(120);
    }
    expect(shop.notices[0]?.jti).not.toBe(blog.notices[0]?.jti);
  });

  test('of one browser is not told of another, and one that is not confirmed of none', async () => {
    const here = await someone();
    const there = elsewhere(here);
    const kept = await signIn(here, shop);
    const left = await signIn(there, shop);
    await here.browser.get('/oauth2/logout');
    await signOut(here, {}, false);
    await signOut(there);
    await settled();
    expect(sids(shop)).toEqual([left.sid]);
    expect(kept.sid).not.toBe(left.sid);
  });

  test('with “stay signed in” is told to the client that asked and to no other', async () => {
    const owner = await someone();
    const atShop = await signIn(owner, shop);
    const atBlog = await signIn(owner, blog);
    await signOut(owner, { id_token_hint: atShop.idToken }, false);
    await settled();
    expect(sids(shop)).toEqual([atShop.sid]);
    expect(sids(blog)).toEqual([]);
    // Signed in there again it has another name, and the rest of the session is told of as ever.
    const again = await signIn(owner, shop);
    await signOut(owner);
    await settled();
    expect(sids(shop)).toEqual([atShop.sid, again.sid]);
    expect(sids(blog)).toEqual([atBlog.sid]);
  });

  test('that is sent twelve times at once is told once', async () => {
    const owner = await someone();
    const { sid } = await signIn(owner, shop);
    const page = await owner.browser.get('/oauth2/logout');
    const xsrf = hiddenField(page.body, 'xsrf');
    const [action, jar] = [formAction(page.body, 'xsrf'), [...owner.browser.cookies]];
    await atOnce(12, async (at) => {
      const tab = browserAt(server, `10.77.0.${at}`);
      for (const [name, cookie] of jar) tab.cookies.set(name, cookie);
      await tab.post(action, { xsrf, logout: 'yes' });
    });
    await settled();
    expect(sids(shop)).toEqual([sid]);
  });
});

describe('a session is told of when it ends', () => {
  test('on the account pages: by signing out, one from another, and all the others', async () => {
    const here = await someone();
    const there = elsewhere(here);
    const third = elsewhere(here);
    const ids = [await signIn(here, shop), await signIn(there, shop), await signIn(third, shop)];
    const [a, b, c] = ids.map(({ sid }) => sid);
    const before = await here.open('/account/sessions');
    const [one = ''] = before.body.match(/\/account\/sessions\/(?!others)[^"]*\/end/) ?? [];
    await formOf(here, '/account/sessions', one);
    await settled();
    expect([[b], [c]]).toContainEqual(sids(shop));
    await formOf(here, '/account/sessions', '/others/end');
    await settled();
    expect(sids(shop).slice().sort()).toEqual([b, c].sort());
    const asked = await formOf(here, '/account', '/account/sign-out');
    const question = await follow(here.browser, server, asked);
    expect(question.body).toContain('name="xsrf"');
    await sendForm(here.browser, question, 'xsrf', { logout: 'yes' });
    await settled();
    expect(sids(shop)).toHaveLength(3);
    expect(sids(shop)).toContain(a);
  });

  test('by a new password: everywhere else, but not where it was chosen', async () => {
    const here = await someone();
    const there = elsewhere(here);
    const kept = await signIn(here, shop);
    const left = await signIn(there, shop);
    await here.changePassword('copper lantern hums at midnight');
    await settled();
    expect(sids(shop)).toEqual([left.sid]);
    expect(kept.sid).not.toBe(left.sid);
  });

  test('by a password that was chosen through a link in a letter', async () => {
    const owner = await someone();
    const { sid } = await signIn(owner, shop);
    const stranger = newBrowser();
    await askForLetter(stranger, owner.person.email);
    const link = await awaitLink(server, owner.person.email);
    const page = await openLink(stranger, link);
    await sendForm(stranger, page, 'new_password', {
      new_password: 'copper lantern hums at midnight',
    });
    await settled();
    expect(sids(shop)).toEqual([sid]);
  });

  test('by staff: revoked through the API, and with the account that is disabled', async () => {
    const first = await someone();
    const second = await someone();
    const [a, b] = [await signIn(first, shop), await signIn(second, shop)];
    const admin = await adminToken(server);
    const revoked = await fetch(
      `${server.issuer}/admin/api/v1/users/${first.person.id}/revocations`,
      {
        method: 'POST',
        headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
        body: JSON.stringify({ what: ['sessions'], reason: 'lost phone' }),
      },
    );
    expect([revoked.status, await revoked.text()]).toMatchObject([200, expect.anything()]);
    await command(server, 'users', 'disable', second.person.email);
    await settled();
    // Each is told as soon as a worker gets to it.
    expect(sids(shop).sort()).toEqual([a.sid, b.sid].sort());
  });

  test('with the account that its owner closes, whose name the notice still says', async () => {
    const owner = await someone();
    const { sid, sub } = await signIn(owner, shop);
    shop.answer = 503;
    await owner.send(await owner.open('/account/close'), 'email', { email: owner.person.email });
    const tries = await failed('HTTP 503');
    expect(shop.notices).toHaveLength(tries);
    shop.answer = 200;
    await hurry();
    await settled();
    expect(shop.notices).toMatchObject(Array(tries + 1).fill({ sid, sub }));
  });

  test('for one client: with the access that its owner takes back', async () => {
    const owner = await someone();
    const atShop = await signIn(owner, shop);
    const atBlog = await signIn(owner, blog);
    await formOf(owner, `/account/applications/${shop.id}/remove`, '/remove"');
    await settled();
    expect(sids(shop)).toEqual([atShop.sid]);
    expect((await signIn(owner, shop)).sid).not.toBe(atShop.sid);
    expect(sids(blog)).toEqual([]);
    expect(atBlog.sid).toBeDefined();
  });

  test('but not when it runs out by itself', async () => {
    const owner = await someone();
    await signIn(owner, shop);
    await people.query(
      "UPDATE artifacts SET expires_at = now() - interval '1 s' WHERE account_id = $1 AND kind = 'Session'",
      [owner.person.id],
    );
    await command(server, 'users', 'disable', owner.person.email);
    await settled();
    expect(shop.notices).toEqual([]);
  });
});

describe('a client that', () => {
  test('does not take it is told again, later and later, each time with a token of that moment', async () => {
    const owner = await someone();
    const { sid } = await signIn(owner, shop);
    shop.answer = 503;
    await signOut(owner);
    const pauses: number[] = [];
    for (let tries = 0; tries < 7; ) {
      const job = await vi.waitFor(async () => {
        const jobs = await waiting();
        expect(jobs).toMatchObject([{ attempts: expect.any(Number), error: 'HTTP 503' }]);
        expect(jobs[0]?.attempts).toBeGreaterThan(tries);
        expect(jobs[0]?.wait).toBeGreaterThan(0);
        return jobs[0];
      }, soon);
      tries = Number(job?.attempts);
      if (tries < 7) pauses.push(Number(job?.wait));
      await hurry();
    }
    // Five tries and more, over ten minutes and more (the pauses we just cut short). One of the
    // first, of seconds, may have passed before it was looked at.
    expect(pauses.length).toBeGreaterThanOrEqual(5);
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
    expect(pauses.reduce((sum, pause) => sum + pause)).toBeGreaterThan(600);
    shop.answer = 204;
    await hurry();
    await settled();
    expect(new Set(sids(shop))).toEqual(new Set([sid]));
    expect(new Set(shop.notices.map(({ jti }) => jti)).size).toBe(shop.notices.length);
  });

  test.each([
    ['refuses', 400, 'HTTP 400'],
    ['sends it elsewhere', 307, 'redirected'],
  ])('%s has not been told', async (_, status, error) => {
    const owner = await someone();
    await signIn(owner, shop);
    shop.answer = status;
    await signOut(owner);
    const tries = await failed(error);
    expect(shop.notices).toHaveLength(tries);
    shop.answer = 200;
    await hurry();
    await settled();
    expect(shop.notices).toHaveLength(tries + 1);
  });

  test('never answers is given up in the end, which is recorded, and delays nobody else', async () => {
    const owner = await someone();
    await signIn(owner, shop);
    await signIn(owner, blog);
    shop.answer = 'hang';
    await signOut(owner);
    await vi.waitFor(() => expect(blog.notices).toHaveLength(1), { timeout: 2_000, interval: 20 });
    await vi.waitFor(
      async () => expect(await waiting()).toMatchObject([{ error: expect.stringMatching(SILENT) }]),
      soon,
    );
    // Its last try but one was long ago; a try that is under way is not to be touched.
    await vi.waitFor(async () => {
      await people.query(
        'UPDATE graphile_worker._private_jobs SET attempts = 9, run_at = now() WHERE locked_at IS NULL',
      );
      expect(await waiting()).toEqual([]);
    }, soon);
    const recorded = await people.query(
      "SELECT client_id, details, result FROM audit_events WHERE event = 'backchannel_logout_failed' AND subject_id = $1",
      [owner.person.id],
    );
    expect(recorded).toEqual([
      { client_id: shop.id, details: { why: expect.stringMatching(SILENT) }, result: 'failure' },
    ]);
  });

  test('is disabled meanwhile is not told any more', async () => {
    const gone = await openRelyingParty(server, 'linden-gone');
    const owner = await someone();
    await signIn(owner, gone);
    gone.answer = 503;
    await signOut(owner);
    await vi.waitFor(
      async () => expect(await waiting()).toMatchObject([{ error: 'HTTP 503' }]),
      soon,
    );
    await people.query("UPDATE graphile_worker._private_jobs SET run_at = now() + interval '1 h'");
    const before = gone.notices.length;
    await command(server, 'clients', 'disable', gone.id);
    gone.answer = 200;
    await hurry();
    await settled();
    expect(gone.notices).toHaveLength(before);
    await gone.close();
  });
});
