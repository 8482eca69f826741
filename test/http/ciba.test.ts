/** A telephone desk asks, a shopper approves on another device (OpenID Connect CIBA). */
import { randomUUID } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Owner, ownerAt } from '../support/account.js';
import { type Certificate, createAuthority, SERVER_AUTH } from '../support/certificates.js';
import {
  addDesk,
  answerAt,
  answerOldest,
  ask,
  asked,
  CIBA,
  DESK,
  ENDPOINT,
  poll,
  press,
  titleOf,
  waitingPages,
} from '../support/ciba.js';
import { age, basic, command, ORDERS, post, postAs, register, rowOf } from '../support/protocol.js';
import { lettersTo } from '../support/recovery.js';
import { startServer, type TestServer } from '../support/server.js';
import { clientFor, demoClient, hiddenField, introspect } from '../support/shopper.js';
import { browserAt, openPeople, type People, type Person } from '../support/sign-in.js';
import { jwtBy, newSigner, seconds, signing } from '../support/signers.js';
import { soon } from '../support/soon.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 90_000 });

const TWO = 'urn:latchkey:acr:2';
let server: TestServer;
let people: People;
let site: Certificate;
let nets = 0;

beforeAll(async () => {
  const web = await createAuthority('CN=Web');
  site = await web.issue({
    name: 'CN=localhost',
    alternatives: [{ type: 'dns', value: 'localhost' }],
    purposes: [SERVER_AUTH],
  });
  const trusted = join(await mkdtemp(join(tmpdir(), 'latchkey-ciba-')), 'web.pem');
  await writeFile(trusted, web.cert);
  server = await startServer({
    env: {
      LATCHKEY_TRUSTED_PROXIES: '127.0.0.1',
      LATCHKEY_BOT_CHALLENGE: 'off',
      LATCHKEY_OUTBOUND_ALLOW: 'localhost',
      NODE_EXTRA_CA_CERTS: trusted,
    },
  });
  people = await openPeople(server);
});
afterAll(async () => {
  await people?.close();
  await server?.stop();
});

const at = (person: Person): Owner => {
  nets += 1;
  return ownerAt(server, people, browserAt(server, `10.9.${nets >> 8}.${nets & 255}`), person);
};
const someone = async (options?: Parameters<People['add']>[0]): Promise<Owner> =>
  at(await people.add(options));
const errorOf = async (authReqId: string) => {
  const { status, json } = await poll(server, authReqId);
  return [status, json.error];
};
const recordsOf = (event: string, subject: string) =>
  people.query(
    `SELECT result, actor_kind, actor_id, client_id, details FROM audit_events
      WHERE event = $1 AND subject_id = $2 ORDER BY id`,
    [event, subject],
  );
const isActive = async (token: unknown): Promise<boolean> =>
  JSON.parse((await introspect(server, 'orders_api', String(token))).text).active;

describe('a telephone desk', () => {
  test('reads in the metadata how it may ask', async () => {
    const { config } = await clientFor(server, demoClient(server, 'telephone_desk'));
    expect(config.serverMetadata()).toMatchObject({
      backchannel_authentication_endpoint: server.issuer + ENDPOINT,
      backchannel_token_delivery_modes_supported: ['poll', 'ping'],
      backchannel_user_code_parameter_supported: false,
    });
    expect(config.serverMetadata().grant_types_supported).toContain(CIBA);
  });

  test('gets tokens that are renewed, recorded, and taken back by the shopper', async () => {
    const owner = await someone();
    const scope = 'openid profile email offline_access orders:write';
    const id = await asked(server, owner.person.email, { scope });
    await answerOldest(owner, 'approve');
    const { json } = await poll(server, id);
    const { sub, email } = decodeJwt(String(json.id_token));
    expect({ sub, email }).toEqual({ sub: owner.person.id, email: owner.person.email });
    const { json: renewed } = await postAs(server, 'telephone_desk', '/oauth2/token', {
      grant_type: 'refresh_token',
      refresh_token: String(json.refresh_token),
      resource: ORDERS,
    });
    expect(await isActive(renewed.access_token)).toBe(true);
    // The owner takes it back like that of any other application.
    const path = `/account/applications/${DESK}/remove`;
    const csrf = hiddenField((await owner.open(path)).body, 'csrf');
    await owner.browser.post(path, { csrf });
    expect(await isActive(renewed.access_token)).toBe(false);

    expect(await recordsOf('ciba_requested', owner.person.id)).toMatchObject([
      { result: 'success', actor_kind: 'client', actor_id: DESK, client_id: DESK },
    ]);
    expect(await recordsOf('ciba_approved', owner.person.id)).toMatchObject([
      { result: 'success', actor_kind: 'account', actor_id: owner.person.id, client_id: DESK },
    ]);
    const activity = await owner.open('/account/activity');
    expect(activity.body).toContain('You approved a request');
    expect(activity.body).toContain('An application asked for your approval');
  });

  test('waits while nobody answers, and is told to slow down when it does not', async () => {
    const owner = await someone();
    const id = await asked(server, owner.person.email, { requested_expiry: '60' });
    expect(await errorOf(id)).toEqual([400, 'authorization_pending']);
    expect(await errorOf(id)).toEqual([400, 'slow_down']);
    await people.query(
      "UPDATE artifacts SET polled_at = polled_at - interval '11 seconds' WHERE id_hash = $1",
      [rowOf(id)],
    );
    expect(await errorOf(id)).toEqual([400, 'authorization_pending']);
    await age(people, id);
    expect(await errorOf(id)).toEqual([400, 'expired_token']);
    expect(waitingPages(await owner.open('/account/approvals'))).toEqual([]);
  });

  test('says how long a request is to wait, ten minutes at most', async () => {
    const owner = await someone();
    const expiry = async (seconds: string) =>
      (await ask(server, owner.person.email, { requested_expiry: seconds })).json.expires_in;
    expect(await expiry('90')).toBe(90);
    expect(await expiry('86400')).toBe(600);
    const wrong = await ask(server, owner.person.email, { requested_expiry: '-1' });
    expect([wrong.status, wrong.json.error]).toEqual([400, 'invalid_request']);
  });

  test('is refused clearly what it cannot have', async () => {
    const { email } = (await someone()).person;
    const refusals = [
      [{ login_hint: undefined, login_hint_token: 'x.y.z' }, 'invalid_request', /login_hint_token/],
      [{ login_hint: 'Robin' }, 'invalid_request', /e-mail address/],
      [{ login_hint: undefined }, 'invalid_request', /missing one of/],
      [{ user_code: '1234' }, 'invalid_request', /user_code/],
      [{ binding_message: 'x'.repeat(101) }, 'invalid_binding_message', /binding_message/],
      [{ binding_message: 'pay \u202E00.1' }, 'invalid_binding_message', /binding_message/],
      [{ binding_message: 'a\nb' }, 'invalid_binding_message', /binding_message/],
      [{ scope: 'openid catalog:write' }, 'invalid_scope', /./],
      [{ acr_values: 'urn:elsewhere:gold' }, 'unmet_authentication_requirements', /./],
    ] as const;
    for (const [changes, error, words] of refusals) {
      const { status, json } = await ask(server, email, changes);
      expect([changes, status, json.error]).toEqual([changes, 400, error]);
      expect(json.error_description).toMatch(words);
    }
  });

  test('needs the grant, and its secret', async () => {
    const { email } = (await someone()).person;
    const fields = { scope: 'openid', login_hint: email };
    const other = basic(demoClient(server, 'storefront_bff') as never);
    const ungranted = await post(server, ENDPOINT, fields, { authorization: other });
    expect([ungranted.status, ungranted.json.error]).toEqual([400, 'invalid_request']);
    expect(ungranted.json.error_description).toContain('is not allowed for this client');
    const stranger = await post(server, ENDPOINT, { ...fields, client_id: DESK });
    expect([stranger.status, stranger.json.error]).toEqual([401, 'invalid_client']);
    const done = await server.cli([
      ...['clients', 'create', 'open-desk', '--name', 'x', '--auth', 'none'],
      ...['--grant-type', CIBA, '--json'],
    ]);
    expect(done.code).not.toBe(0);
    expect(done.stderr).toContain('CIBA grant needs a client that can authenticate');
  });

  test('may name the shopper by an ID token that it has', async () => {
    const owner = await someone();
    const first = await asked(server, owner.person.email);
    await answerOldest(owner, 'approve');
    const { json } = await poll(server, first);
    const changes = { login_hint: undefined, id_token_hint: String(json.id_token) };
    const id = await asked(server, '', changes);
    await answerOldest(owner, 'approve');
    expect(decodeJwt(String((await poll(server, id)).json.id_token)).sub).toBe(owner.person.id);
  });
});

describe('a name that nobody has', () => {
  test('gets the same answers as one that somebody has, up to the end', async () => {
    const owner = await someone();
    const disabled = await someone();
    await command(server, 'users', 'disable', disabled.person.email);
    const staff = await someone({ staff: true, app: true });
    const names = ['nobody.at.all@alder-oak.example', disabled.person.email, staff.person.email];
    const shape = ({ status, json }: Awaited<ReturnType<typeof ask>>) => ({
      status,
      ...json,
      auth_req_id: String(json.auth_req_id).length,
    });
    const real = await ask(server, owner.person.email);
    for (const name of names) {
      const answer = await ask(server, name);
      expect(shape(answer)).toEqual(shape(real));
      const id = String(answer.json.auth_req_id);
      expect(await errorOf(id)).toEqual([400, 'authorization_pending']);
      expect(await errorOf(id)).toEqual([400, 'slow_down']);
      await age(people, id);
      expect(await errorOf(id)).toEqual([400, 'expired_token']);
      // Their limits are the same.
      const more = [await ask(server, name), await ask(server, name)];
      expect(more.map(({ status }) => status)).toEqual([200, 429]);
      const last = [];
      for (let turn = 0; turn < 4; turn += 1) {
        await people.query('UPDATE approval_requests SET answered_at = now()');
        last.push((await ask(server, name)).status);
      }
      expect(last).toEqual([200, 200, 200, 429]);
    }
    expect(waitingPages(await staff.open('/account/approvals'))).toEqual([]);
  });
});

describe('a shopper', () => {
  test('hears of it by a letter without the words of whoever asks, and at the overview', async () => {
    const owner = await someone();
    await asked(server, owner.person.email, { binding_message: 'call 0800-EVIL now' });
    const letter = await vi.waitFor(async () => {
      const [first] = await lettersTo(server, owner.person.email);
      if (!first) throw new Error('no letter yet');
      return first;
    }, soon);
    expect(letter.subject).toBe('Telephone desk at Alder & Oak asks for your approval');
    expect(letter.text).toContain(`${server.issuer}/account/approvals`);
    expect(letter.text + letter.html).not.toContain('0800-EVIL');

    const overview = await owner.open('/account');
    expect(overview.body).toContain('1 request is waiting for your answer.');
    const list = await owner.open('/account/approvals');
    expect(titleOf(list)).toBe('Waiting for your approval');
    expect(list.body).toContain('Telephone desk at Alder &amp; Oak');
    const [path = ''] = waitingPages(list);
    const page = await owner.open(path);
    expect(page.body).toContain('<q class="said"><bdi>call 0800-EVIL now</bdi></q>');
    expect(page.body).toContain('Place and change orders for you');
  });

  test('sees the message of whoever asks as text and nothing else', async () => {
    const owner = await someone();
    await asked(server, owner.person.email, { binding_message: '</q><img src=x onerror=1>"' });
    const list = await owner.open('/account/approvals');
    expect(list.body).not.toContain('<img src=x');
    expect(list.body).toContain('&lt;/q&gt;&lt;img src=x onerror=1&gt;');
  });

  test('refuses, and the desk hears it once', async () => {
    const owner = await someone();
    const id = await asked(server, owner.person.email);
    const done = await answerOldest(owner, 'refuse');
    expect(done.body).toContain('You have refused it');
    expect(await errorOf(id)).toEqual([400, 'access_denied']);
    expect(await errorOf(id)).toEqual([400, 'invalid_grant']);
    expect(await recordsOf('ciba_refused', owner.person.id)).toMatchObject([
      { result: 'failure', details: { stopped: false } },
    ]);
  });

  test('who did not ask for it keeps this desk from asking for a day, and no other', async () => {
    const owner = await someone();
    const ids = [
      await asked(server, owner.person.email),
      await asked(server, owner.person.email),
    ] as const;
    const done = await answerOldest(owner, 'stop');
    expect(done.body).toContain('cannot ask you again for a day');
    // The other one that waited is refused with it.
    for (const id of ids) expect(await errorOf(id)).toEqual([400, 'access_denied']);
    const again = await ask(server, owner.person.email);
    expect([again.status, again.json.error]).toEqual([400, 'access_denied']);
    const other = await register(server, 'other-desk', [
      ...['--auth', 'client_secret_basic', '--first-party', '--grant-type', CIBA],
      ...['--scope', 'openid'],
    ]);
    const fields = { scope: 'openid', login_hint: owner.person.email };
    const asks = () => post(server, ENDPOINT, fields, { authorization: basic(other) });
    expect((await asks()).status).toBe(200);
    await people.query("UPDATE approval_stops SET until = now() - interval '1 second'");
    expect((await ask(server, owner.person.email)).status).toBe(200);
  });

  test('is not worn down: three requests wait at a time, ten come in an hour', async () => {
    const owner = await someone();
    const desks = [
      await addDesk(people, 'a-desk'),
      await addDesk(people, 'b-desk'),
      await addDesk(people, 'c-desk'),
    ];
    const [a = '', b = '', c = ''] = desks;
    const askAs = (authorization: string) =>
      post(
        server,
        ENDPOINT,
        { scope: 'openid', login_hint: owner.person.email },
        { authorization },
      );
    const statusOf = async (desk: string) => (await askAs(desk)).status;
    expect([await statusOf(a), await statusOf(a)]).toEqual([200, 200]);
    const third = await askAs(a);
    expect([third.status, third.json.error]).toEqual([429, 'temporarily_unavailable']);
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0);
    // Another desk has a place left, and then nobody has.
    expect([await statusOf(b), await statusOf(b), await statusOf(c)]).toEqual([200, 429, 429]);
    for (let count = 0; count < 3; count += 1) await answerOldest(owner, 'refuse');

    const askAndRefuse = async (desk: string, times: number) => {
      for (let count = 0; count < times; count += 1) {
        expect(await statusOf(desk)).toBe(200);
        await answerOldest(owner, 'refuse');
      }
    };
    await askAndRefuse(a, 3);
    for (let count = 0; count < 6; count += 1) expect(await statusOf(a)).toBe(429);
    await askAndRefuse(b, 4);
    // Five of one and five of another: nobody asks any more.
    expect([await statusOf(b), await statusOf(c)]).toEqual([429, 429]);
    const reasons = await people.query(
      `SELECT DISTINCT details->>'reason' AS reason FROM audit_events
        WHERE event = 'ciba_requested' AND result = 'failure' AND subject_id = $1 ORDER BY 1`,
      [owner.person.id],
    );
    expect(reasons.map(({ reason }) => reason)).toEqual([
      'limit',
      'limit_of_pair',
      'too_many_open',
    ]);
  });

  test('who has stopped a desk can be asked by others, however often it tries', async () => {
    const owner = await someone();
    await asked(server, owner.person.email);
    await answerOldest(owner, 'stop');
    for (let count = 0; count < 12; count += 1) {
      const { status, json } = await ask(server, owner.person.email);
      expect([status, json.error]).toEqual([400, 'access_denied']);
    }
    const authorization = await addDesk(people, 'patient-desk');
    const fields = { scope: 'openid', login_hint: owner.person.email };
    expect((await post(server, ENDPOINT, fields, { authorization })).status).toBe(200);
  });

  test('approves with a log-in that is fresh', async () => {
    const owner = await someone();
    const id = await asked(server, owner.person.email);
    const [path = ''] = waitingPages(await owner.open('/account/approvals'));
    const page = await owner.open(path);
    await owner.grow(600);
    const stale = await press(owner, page, path, 'approve');
    expect(stale.location).toMatch(/\/oauth2\/authorize/);
    expect(await errorOf(id)).toEqual([400, 'authorization_pending']);
    const back = await owner.answer(stale);
    expect(titleOf(back)).toBe('Approve the request of Telephone desk at Alder &amp; Oak?');
    expect((await owner.answer(await press(owner, back, path, 'approve'))).body).toContain(
      'You have approved it',
    );
    const { json } = await poll(server, id);
    expect(decodeJwt(String(json.id_token)).auth_time).toBeGreaterThan(Date.now() / 1000 - 60);
  });

  test('with an app approves with two factors, and the tokens say so', async () => {
    const owner = await someone({ app: true });
    const id = await asked(server, owner.person.email, { acr_values: TWO });
    await answerOldest(owner, 'approve');
    const claims = decodeJwt(String((await poll(server, id)).json.id_token));
    expect(claims).toMatchObject({ acr: TWO });
    expect(claims.amr).toEqual(expect.arrayContaining(['pwd', 'otp', 'mfa']));
  });

  test('without one cannot approve what takes two factors, not by posting the form either', async () => {
    const owner = await someone();
    const id = await asked(server, owner.person.email, { acr_values: TWO });
    const list = await owner.open('/account/approvals');
    const [path = ''] = waitingPages(list);
    // The sign-in wants the second factor that there is not.
    expect(titleOf(await owner.open(path))).not.toContain('Approve');
    const posted = await press(owner, list, path, 'approve');
    expect(posted.location).toBe(path);
    expect(await errorOf(id)).toEqual([400, 'authorization_pending']);
  });

  test('answers their own requests only', async () => {
    const owner = await someone();
    const stranger = await someone();
    const id = await asked(server, owner.person.email);
    const [path = ''] = waitingPages(await owner.open('/account/approvals'));
    const page = await stranger.open('/account/approvals');
    const csrfPage = page.body.includes('name="csrf"') ? page : await stranger.open('/account');
    for (const choice of ['approve', 'refuse', 'stop'] as const) {
      const done = await stranger.answer(await press(stranger, csrfPage, path, choice));
      expect(done.body).not.toContain('You have');
    }
    expect(await errorOf(id)).toEqual([400, 'authorization_pending']);
    // Nor does anybody whose form is not from our page.
    const forged = await owner.browser.post(path, { csrf: 'made-up' });
    expect(forged.status).toBe(403);
  });

  test('whose account is disabled, or whose access is revoked, approves nothing', async () => {
    const owner = await someone();
    const id = await asked(server, owner.person.email);
    const [path = ''] = waitingPages(await owner.open('/account/approvals'));
    const page = await owner.open(path);
    await command(server, 'users', 'disable', owner.person.email);
    await press(owner, page, path, 'approve');
    expect(await errorOf(id)).toEqual([400, 'invalid_grant']);

    const other = await someone();
    const second = await asked(server, other.person.email);
    await answerOldest(other, 'approve');
    await command(server, 'users', 'revoke', other.person.email);
    expect(await errorOf(second)).toEqual([400, 'invalid_grant']);
  });

  test('can answer the others when one is of a client that cannot be used any more', async () => {
    const owner = await someone();
    const broken = await addDesk(people, 'broken-desk');
    const fields = { scope: 'openid', login_hint: owner.person.email };
    expect((await post(server, ENDPOINT, fields, { authorization: broken })).status).toBe(200);
    const id = await asked(server, owner.person.email);
    expect(waitingPages(await owner.open('/account/approvals')).length).toBe(2);
    // Its tokens are bound to certificates, and this server takes none (any more).
    await people.query(
      `UPDATE clients SET metadata = metadata || '{"tls_client_certificate_bound_access_tokens":true}'
        WHERE id = 'broken-desk'`,
    );
    await expect
      .poll(async () => waitingPages(await owner.open('/account/approvals')).length, {
        timeout: 10_000,
      })
      .toBe(1);
    await expect
      .poll(() => server.output(), soon)
      .toContain('a request for an approval cannot be shown');
    expect((await owner.open('/account')).status).toBe(200);
    await answerOldest(owner, 'approve');
    expect((await poll(server, id)).status).toBe(200);
  });

  test('the desk of another client cannot fetch what was approved', async () => {
    const owner = await someone();
    const id = await asked(server, owner.person.email);
    await answerOldest(owner, 'approve');
    const foreign = await register(server, 'foreign-desk', [
      ...['--auth', 'client_secret_basic', '--first-party', '--grant-type', CIBA],
      ...['--scope', 'openid'],
    ]);
    const { status, json } = await poll(server, id, foreign);
    expect([status, json.error]).toEqual([400, 'invalid_grant']);
    expect((await poll(server, id)).status).toBe(200);
  });
});

describe('a desk that wants to be told', () => {
  type Heard = { readonly headers: IncomingHttpHeaders; readonly body: string };

  async function openDesk(id: string, answers: number[]) {
    const heard: Heard[] = [];
    const http = createServer({ cert: site.cert, key: site.key }, (req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        heard.push({ headers: req.headers, body: Buffer.concat(chunks).toString() });
        res.writeHead(answers.shift() ?? 204, { location: '/elsewhere' });
        res.end();
      });
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const { port } = http.address() as AddressInfo;
    const file = join(server.dataDir, `${id}.json`);
    const metadata = {
      backchannel_token_delivery_mode: 'ping',
      backchannel_client_notification_endpoint: `https://localhost:${port}/ciba`,
    };
    await writeFile(file, JSON.stringify(metadata));
    const client = await register(server, id, [
      ...['--auth', 'client_secret_basic', '--first-party', '--grant-type', CIBA],
      ...['--scope', 'openid', '--allow', `${ORDERS}=orders:write`, '--metadata', file],
    ]);
    return { client, heard, close: () => new Promise((done) => http.close(done)) };
  }

  test('hears of the answer, from the queue, again when it did not take it', async () => {
    const owner = await someone();
    const desk = await openDesk('ping-desk', [503, 302]);
    try {
      const { config } = await clientFor(server, desk.client);
      const token = 'n0tification-token-of-the-desk';
      const started = await oidc.initiateBackchannelAuthentication(config, {
        scope: 'openid orders:write',
        resource: ORDERS,
        login_hint: owner.person.email,
        client_notification_token: token,
      });
      // What is kept for the notification is sealed.
      const [row] = await people.query('SELECT * FROM approval_requests WHERE id_hash = $1', [
        rowOf(started.auth_req_id),
      ]);
      expect(row?.sealed_ping).toBeInstanceOf(Buffer);
      expect(JSON.stringify(row)).not.toContain(token);
      expect(String(row?.sealed_ping)).not.toContain(token);

      await answerOldest(owner, 'approve');
      await vi.waitFor(async () => {
        await people.query(
          `UPDATE graphile_worker._private_jobs SET run_at = now()
              WHERE run_at > now() AND locked_at IS NULL`,
        );
        expect(desk.heard.length).toBe(3);
      }, soon);
      for (const { headers, body } of desk.heard) {
        expect(headers.authorization).toBe(`Bearer ${token}`);
        expect(JSON.parse(body)).toEqual({ auth_req_id: started.auth_req_id });
      }
      await vi.waitFor(async () => {
        const [after] = await people.query(
          'SELECT sealed_ping FROM approval_requests WHERE id_hash = $1',
          [rowOf(started.auth_req_id)],
        );
        expect(after?.sealed_ping).toBeNull();
      }, soon);
      const tokens = await oidc.pollBackchannelAuthenticationGrant(config, started, {
        resource: ORDERS,
      });
      expect(tokens.claims()?.sub).toBe(owner.person.id);
    } finally {
      await desk.close();
    }
  });

  test('is told of a refusal as well', async () => {
    const owner = await someone();
    const desk = await openDesk('ping-desk-two', []);
    try {
      const answer = await post(
        server,
        ENDPOINT,
        { scope: 'openid', login_hint: owner.person.email, client_notification_token: 'abc123' },
        { authorization: basic(desk.client) },
      );
      const id = String(answer.json.auth_req_id);
      await answerOldest(owner, 'refuse');
      await vi.waitFor(() => expect(desk.heard.length).toBe(1), soon);
      const { status, json } = await poll(server, id, desk.client);
      expect([status, json.error]).toEqual([400, 'access_denied']);
    } finally {
      await desk.close();
    }
  });
});

describe('a desk that signs its requests', () => {
  test('asks with a signed request, once, and in no other way', async () => {
    const owner = await someone();
    const signer = await newSigner();
    const client = await register(server, 'signing-desk', [
      ...['--auth', 'client_secret_basic', '--first-party', '--grant-type', CIBA],
      ...['--scope', 'openid'],
      ...signing({
        signer,
        metadata: { backchannel_authentication_request_signing_alg: 'ES256' },
      }),
    ]);
    const authorization = basic(client);
    const send = (fields: Record<string, string>) =>
      post(server, ENDPOINT, fields, { authorization });
    const sound = {
      iss: 'signing-desk',
      aud: server.issuer,
      iat: seconds(),
      nbf: seconds(),
      exp: seconds(60),
      scope: 'openid',
      login_hint: owner.person.email,
      binding_message: 'Signed',
    };
    const request = await jwtBy(signer, { ...sound, jti: randomUUID() });
    const taken = await send({ request });
    expect([taken.status, taken.json.error]).toEqual([200, undefined]);
    expect((await owner.open('/account/approvals')).body).toContain('Signed');

    const refused = async (fields: Record<string, string>) => {
      const { status, json } = await send(fields);
      return [status, json.error];
    };
    // The host calls what is wrong with it `invalid_request` (CIBA 13).
    expect(await refused({ request })).toEqual([400, 'invalid_request']);
    expect(await refused({ request: await jwtBy(signer, sound) })).toEqual([
      400,
      'invalid_request',
    ]);
    expect(await refused({ scope: 'openid', login_hint: owner.person.email })).toEqual([
      400,
      'invalid_request',
    ]);
    const stranger = await newSigner();
    const forged = await jwtBy(stranger, { ...sound, jti: randomUUID() });
    expect(await refused({ request: forged })).toEqual([400, 'invalid_request']);
    expect(waitingPages(await owner.open('/account/approvals')).length).toBe(1);
  });
});

test('an answer is not taken twice', async () => {
  const owner = await someone();
  const id = await asked(server, owner.person.email);
  const [path = ''] = waitingPages(await owner.open('/account/approvals'));
  await answerAt(owner, path, 'approve');
  const late = await owner.answer(
    await press(owner, await owner.open('/account/approvals'), path, 'refuse'),
  );
  expect(late.body).not.toContain('You have refused it');
  expect((await poll(server, id)).status).toBe(200);
});
