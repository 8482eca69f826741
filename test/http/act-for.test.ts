/** Staff act for a shopper who asks for help (RFC 8693): who may, how far, how long, who hears. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createEnsureAdminScopes } from '../../src/flows/ensure-admin-scopes.js';
import { ownerAt } from '../support/account.js';
import {
  ACCESS,
  ACCOUNT_ID,
  ACT,
  actingFields,
  addApi,
  addStaff,
  allow,
  createProver,
  DESK_CALLBACK,
  EXCHANGE,
  endedOn,
  exchange,
  faultOf,
  type Secretive,
  seenBy,
  signInAtDesk,
} from '../support/exchange.js';
import {
  ADMIN,
  atOnce,
  authorizeUrl,
  basic,
  CATALOG,
  type Fields,
  ORDERS,
  post,
  redemption,
} from '../support/protocol.js';
import { startTwoNodes, type TestServer } from '../support/server.js';
import { adminToken, demoClient, openBrowser } from '../support/shopper.js';
import { openPeople, type People, type Person } from '../support/sign-in.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const PAYMENTS = 'https://api.demo-shop.example/payments';
const REASON = 'Ticket 4711: the parcel did not arrive';

let server: TestServer;
let other: TestServer;
let people: People;
let desk: Secretive;
let orders: Secretive;
let staff: Person;
let admin: string;
let signedIn: Awaited<ReturnType<typeof signInAtDesk>>;

beforeAll(async () => {
  [server, other] = await startTwoNodes();
  people = await openPeople(server);
  desk = demoClient(server, 'support_desk');
  orders = demoClient(server, 'orders_api');
  await addApi(people, {
    indicator: PAYMENTS,
    ttl: 90,
    scopes: [
      { name: 'payments:read' },
      { name: 'payments:pay', requiredAcr: 'urn:latchkey:acr:2' },
      { name: 'payments:recent', maxAgeSeconds: 300 },
    ],
  });
  await allow(people, desk.client_id, PAYMENTS, [
    'payments:read',
    'payments:pay',
    'payments:recent',
  ]);
  await allow(people, desk.client_id, CATALOG, ['catalog:read']);
  staff = await addStaff(people, 'support');
  signedIn = await signInAtDesk(server, people, staff);
  admin = await adminToken(server);
}, 120_000);
afterAll(async () => {
  await people?.close();
  await other?.stop();
  await server?.stop();
});

const act = (shopperId: string, changes: Fields = {}, actor = signedIn.access) =>
  exchange(server, desk, actingFields(shopperId, actor, changes));
const acting = async (shopperId: string, changes: Fields = {}, actor?: string) => {
  const answer = await act(shopperId, changes, actor);
  if (typeof answer.json.access_token !== 'string') throw new Error(answer.text);
  return { token: answer.json.access_token, json: answer.json };
};
const recorded = (shopperId: string) =>
  people.query(
    `SELECT event, result, actor_kind, actor_id, subject_id, client_id, details
       FROM audit_events WHERE subject_id = $1 AND event IN ('acted_for_shopper', 'acting_refused')
      ORDER BY id`,
    [shopperId],
  );

describe('staff act for a shopper', () => {
  test('with oauth4webapi, at an API whose tokens live even shorter', async () => {
    const shopper = await people.add();
    const insecure = { [oauth.allowInsecureRequests]: true };
    const issuer = new URL(server.issuer);
    const found = await oauth.discoveryRequest(issuer, insecure);
    const as = await oauth.processDiscoveryResponse(issuer, found);
    const client = { client_id: desk.client_id };
    const { resource: _resource, ...fields } = actingFields(shopper.id, signedIn.access, {
      audience: PAYMENTS,
      scope: 'payments:read',
    });
    const response = await oauth.genericTokenEndpointRequest(
      as,
      client,
      oauth.ClientSecretBasic(desk.client_secret),
      EXCHANGE,
      fields as Record<string, string>,
      insecure,
    );
    const answer = await oauth.processGenericTokenEndpointResponse(as, client, response);
    expect(answer.expires_in).toBe(90);
  });

  test('it lives no longer than what is left of the staff’s own token', async () => {
    const shopper = await people.add();
    const { access } = await signInAtDesk(server, people, staff);
    await people.query(
      `UPDATE artifacts SET payload = jsonb_set(payload, '{exp}', to_jsonb($2::int))
        WHERE id_hash = sha256($1::text::bytea)`,
      [access, Math.floor(Date.now() / 1000) + 45],
    );
    const { json } = await acting(shopper.id, {}, access);
    expect(json.expires_in).toBeLessThanOrEqual(45);
  });

  test('leaves one record for each token, in the words of staff', async () => {
    const shopper = await people.add();
    const answers = await atOnce(5, () => act(shopper.id, { scope: 'orders:read cart:write' }));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    const records = await recorded(shopper.id);
    expect(records).toHaveLength(5);
    expect(records[0]).toEqual({
      event: 'acted_for_shopper',
      result: 'success',
      actor_kind: 'account',
      actor_id: staff.id,
      subject_id: shopper.id,
      client_id: 'demo-support-desk',
      details: {
        indicator: ORDERS,
        scopes: 'orders:read cart:write',
        reason: REASON,
        seconds: expect.any(Number),
      },
    });
  });

  test('no record, no token: they are written together', async () => {
    const shopper = await people.add();
    await people.query(
      `CREATE FUNCTION no_acting() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN IF NEW.event = 'acted_for_shopper' THEN RAISE EXCEPTION 'no'; END IF;
          RETURN NEW; END $$`,
    );
    await people.query(
      `CREATE TRIGGER no_acting BEFORE INSERT ON audit_events
          FOR EACH ROW EXECUTE FUNCTION no_acting()`,
    );
    try {
      const answer = await act(shopper.id);
      expect(answer.status).toBe(500);
      expect(answer.json.access_token).toBeUndefined();
    } finally {
      await people.query('DROP TRIGGER no_acting ON audit_events');
      await people.query('DROP FUNCTION no_acting');
    }
    const kept = await people.query('SELECT 1 FROM artifacts WHERE account_id = $1', [shopper.id]);
    expect(kept).toEqual([]);
  });

  test('the shopper reads of it among the activity, without names, reasons or networks', async () => {
    const shopper = await people.add();
    await acting(shopper.id);
    const browser = openBrowser(server);
    const page = await ownerAt(server, people, browser, shopper).open('/account/activity');
    expect(page.body).toContain('Staff acted for you, to help you');
    const entry = page.body.match(/<li(?:(?!<li)[\s\S])*Staff acted for you[\s\S]*?<\/li>/)?.[0];
    expect(entry).toContain('Support desk');
    expect(entry).not.toContain('127.0.0');
    for (const secret of [staff.id, staff.email, 'Ticket 4711'])
      expect(page.body).not.toContain(secret);
  });

  test('in their own language', async () => {
    const words = {
      de: 'Das Personal hat für Sie gehandelt',
      fr: 'Le personnel a agi pour vous',
      es: 'El personal actuó en tu nombre',
      ja: 'あなたに代わって操作しました',
    } as const;
    for (const [locale, text] of Object.entries(words)) {
      const shopper = await people.add({ locale: locale as keyof typeof words });
      await acting(shopper.id);
      const owner = ownerAt(server, people, openBrowser(server), shopper);
      await owner.open();
      expect((await owner.open('/account/activity')).body).toContain(text);
    }
  });

  test('an administrator may as well; other staff may not, and that is on record', async () => {
    const shopper = await people.add();
    const boss = await signInAtDesk(server, people, await addStaff(people, 'admin'));
    await acting(shopper.id, {}, boss.access);
    const packer = await addStaff(people);
    const { access } = await signInAtDesk(server, people, packer);
    const refused = await act(shopper.id, {}, access);
    expect(faultOf(refused)).toEqual({ status: 400, error: 'invalid_request' });
    expect(refused.json.error_description).toContain('no permission');
    const [, last] = await recorded(shopper.id);
    expect(last).toMatchObject({
      event: 'acting_refused',
      result: 'failure',
      actor_id: packer.id,
      details: { cause: 'staff', reason: REASON },
    });
    // Who may not act does not learn who there is either.
    const nobody = await act(crypto.randomUUID(), {}, access);
    expect(nobody.json).toEqual(refused.json);
  });
});

test('a shop that was set up before there was the permission gets it at start, for nobody', async () => {
  const scopes = async () =>
    (await people.domain.access.findResourceServer(ADMIN))?.scopes.map(({ name }) => name);
  await people.query('DELETE FROM resource_scopes WHERE name = $1', [ACT]);
  expect(await scopes()).not.toContain(ACT);
  const granted = await people.query('SELECT * FROM client_grants ORDER BY 1, 2');
  const ensure = createEnsureAdminScopes(people);
  await Promise.all([ensure(), ensure()]);
  expect(await scopes()).toContain(ACT);
  expect(await people.query('SELECT * FROM client_grants ORDER BY 1, 2')).toEqual(granted);
});

describe('what is refused', () => {
  test('requests that are not whole', async () => {
    const shopper = await people.add();
    const tries: [string, Fields, string][] = [
      ['no reason', { reason: undefined }, 'invalid_request'],
      ['a reason that says nothing', { reason: 'because' }, 'invalid_request'],
      ['spaces', { reason: ' '.repeat(40) }, 'invalid_request'],
      ['too many words', { reason: 'x'.repeat(501) }, 'invalid_request'],
      ['control characters', { reason: `${REASON}\u0000x` }, 'invalid_request'],
      ['a line that looks like another', { reason: `${REASON}\nadmin: fine` }, 'invalid_request'],
      ['text turned round', { reason: `${REASON} \u202Eenif` }, 'invalid_request'],
      ['two reasons', { reason: [REASON, REASON] }, 'invalid_request'],
      ['no actor', { actor_token: undefined }, 'invalid_request'],
      ['no type of actor', { actor_token_type: undefined }, 'invalid_request'],
      [
        'an actor by name',
        { actor_token: staff.id, actor_token_type: ACCOUNT_ID },
        'invalid_request',
      ],
      [
        'an unknown type',
        { subject_token_type: 'urn:latchkey:params:oauth:token-type:e-mail' },
        'invalid_request',
      ],
      ['an address', { subject_token: shopper.email }, 'invalid_request'],
      ['no scope', { scope: undefined }, 'invalid_scope'],
      ['more than the desk may', { scope: 'orders:write' }, 'invalid_scope'],
      ['an admin scope', { scope: 'users:read' }, 'invalid_scope'],
      ['the permission itself', { scope: ACT }, 'invalid_scope'],
      ['who the shopper is', { scope: 'openid' }, 'invalid_scope'],
      ['what needs the shopper', { resource: PAYMENTS, scope: 'payments:pay' }, 'invalid_scope'],
      [
        'what needs them just now',
        { resource: PAYMENTS, scope: 'payments:recent' },
        'invalid_scope',
      ],
      [
        'a token nobody can take back',
        { resource: CATALOG, scope: 'catalog:read' },
        'invalid_target',
      ],
      ['the administration', { resource: ADMIN, scope: ACT }, 'invalid_target'],
      [
        'the account',
        { resource: 'urn:latchkey:account', scope: 'account:read' },
        'invalid_target',
      ],
      ['no target', { resource: undefined }, 'invalid_target'],
    ];
    for (const [what, changes, error] of tries) {
      const answer = await act(shopper.id, changes);
      expect([what, faultOf(answer)]).toEqual([what, { status: 400, error }]);
    }
    expect(await recorded(shopper.id)).toEqual([]);
    const kept = await people.query('SELECT 1 FROM artifacts WHERE account_id = $1', [shopper.id]);
    expect(kept).toEqual([]);
  });

  test('accounts that are no shopper’s: nobody, disabled, closed, staff, oneself; one answer', async () => {
    const disabled = await people.add();
    await people.domain.identity.setStatus(disabled.id, 'disabled');
    const closed = await people.add();
    const state = await people.domain.identity.findAccount(closed.id);
    await people.domain.identity.closeAccount(closed.id, state?.securityEpoch ?? 0);
    const colleague = await addStaff(people, 'support');
    const whole = (await act(crypto.randomUUID())).json;
    expect(whole).toEqual({
      error: 'invalid_request',
      error_description: 'subject_token is not acceptable',
    });
    for (const id of [disabled.id, closed.id, colleague.id, staff.id, 'x', 'demo-storefront']) {
      const answer = await act(id);
      expect([id, answer.status, answer.json]).toEqual([id, 400, whole]);
    }
    expect(await recorded(disabled.id)).toMatchObject([{ event: 'acting_refused' }]);
  });

  test('actor tokens that are not one', async () => {
    const shopper = await people.add();
    const elsewhere = { scope: 'openid orders:read', resource: ORDERS };
    const forOrders = await signInAtDesk(server, people, staff, elsewhere);
    const withoutScope = await signInAtDesk(server, people, staff, {
      scope: 'openid',
    });
    // A shopper who finds the desk's address gets in, and gets a token even; it is worth nothing.
    const stranger = await signInAtDesk(server, people, await people.add({ app: true }), {
      acr_values: 'urn:latchkey:acr:2',
    });
    const store = await people.add();
    const storefront = ownerAt(server, people, openBrowser(server), store);
    const reply = await storefront.answer(
      await storefront.browser.get(authorizeUrl({ scope: 'openid orders:read', resource: ORDERS })),
    );
    const code = new URL(reply.location ?? '').searchParams.get('code') ?? '';
    const theirs = await post(server, '/oauth2/token', redemption(code, { resource: ORDERS }));
    const acted = await acting(shopper.id);
    const tokens: [string, string | undefined, string][] = [
      ['made up', 'x'.repeat(43), 'actor_token is not acceptable'],
      ['for another API', forOrders.access, 'actor_token is not acceptable'],
      ['without the scope', withoutScope.access, 'actor_token is not acceptable'],
      ['an ID token', signedIn.idToken, 'actor_token is not acceptable'],
      [
        'a shopper’s, from a storefront',
        String(theirs.json.access_token),
        'actor_token is not acceptable',
      ],
      ['a machine’s', admin, 'actor_token is not acceptable'],
      ['one that staff act with', acted.token, 'actor_token is not acceptable'],
      [
        'a shopper’s, from the desk',
        stranger.access,
        'actor_token: no permission to act for shoppers',
      ],
    ];
    for (const [what, token, description] of tokens) {
      const answer = await act(shopper.id, { actor_token: token });
      expect([what, answer.status, answer.json]).toEqual([
        what,
        400,
        { error: 'invalid_request', error_description: description },
      ]);
    }
  });

  test('a log-in with one factor, and one that is sixteen minutes old', async () => {
    const shopper = await people.add();
    const tired = await addStaff(people, 'support');
    const at = await signInAtDesk(server, people, tired);
    await at.owner.grow(840);
    await acting(shopper.id, {}, at.access);
    await at.owner.grow(65);
    const old = await act(shopper.id, {}, at.access);
    expect(faultOf(old)).toEqual({ status: 400, error: 'invalid_request' });
    expect(old.json.error_description).toContain('two factors in the last fifteen minutes');
    const weak = await addStaff(people, 'support');
    const second = await signInAtDesk(server, people, weak);
    await people.query(
      `UPDATE artifacts SET payload = jsonb_set(payload, '{extra,acr}', '"urn:latchkey:acr:1"')
        WHERE account_id = $1 AND kind = 'AccessToken'`,
      [weak.id],
    );
    expect((await act(shopper.id, {}, second.access)).json).toEqual(old.json);
  });

  test('another client with the staff’s token, and the desk after it lost the permission', async () => {
    const shopper = await people.add();
    const foreign = await exchange(
      server,
      orders,
      actingFields(shopper.id, signedIn.access, { resource: CATALOG, scope: 'catalog:read' }),
    );
    expect(foreign.json.error_description).toBe('actor_token is not acceptable');
    await allow(people, desk.client_id, ADMIN, []);
    try {
      await vi.waitFor(async () => {
        const { json } = await act(shopper.id);
        expect(json.error_description).toBe('actor_token is not acceptable');
      });
    } finally {
      await allow(people, desk.client_id, ADMIN, [ACT]);
    }
    await vi.waitFor(async () => expect((await act(shopper.id)).status).toBe(200));
  });

  test('exchanging it again, the account, the administration and who the shopper is', async () => {
    const shopper = await people.add();
    const { token } = await acting(shopper.id);
    for (const [client, resource] of [
      [orders, CATALOG],
      [desk, PAYMENTS],
    ] as const) {
      const fields = { subject_token: token, subject_token_type: ACCESS, resource };
      const { status, json } = await exchange(server, client, fields);
      expect([status, json.error_description]).toEqual([400, 'subject_token is not acceptable']);
    }
    const bearer = { headers: { authorization: `Bearer ${token}` } };
    expect((await fetch(`${server.issuer}/account/api/v1/me`, bearer)).status).toBe(401);
    expect((await fetch(`${server.issuer}/oauth2/userinfo`, bearer)).status).toBe(403);
    const admins = `${server.issuer}/admin/api/v1/users/${shopper.id}/revocations`;
    expect((await fetch(admins, { ...bearer, method: 'POST' })).status).toBe(403);
  });

  test('a bound token of staff without its key', async () => {
    const shopper = await people.add();
    const prove = await createProver(server);
    const browser = openBrowser(server);
    const owner = ownerAt(server, people, browser, staff);
    const url = authorizeUrl({
      client_id: desk.client_id,
      redirect_uri: DESK_CALLBACK,
      scope: `openid ${ACT}`,
      resource: ADMIN,
    });
    const reply = await owner.answer(await browser.get(url));
    const code = new URL(reply.location ?? '').searchParams.get('code') ?? '';
    const { json } = await post(
      server,
      '/oauth2/token',
      redemption(code, { client_id: undefined, redirect_uri: DESK_CALLBACK, resource: ADMIN }),
      { authorization: basic(desk), dpop: await prove() },
    );
    const fields = actingFields(shopper.id, String(json.access_token));
    const stranger = await createProver(server);
    for (const headers of [{}, { dpop: await stranger() }]) {
      const { status, json: said } = await exchange(server, desk, fields, headers);
      expect([status, said.error_description]).toEqual([
        400,
        'actor_token is bound to another key',
      ]);
    }
    const sound = await exchange(server, desk, fields, { dpop: await prove() });
    expect(sound.json.token_type).toBe('DPoP');
  });
});

describe('it ends at once, on both nodes within a second', () => {
  const revoke = async (id: string, what: string) => {
    const response = await fetch(`${server.issuer}/admin/api/v1/users/${id}/revocations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
      body: JSON.stringify({ what: [what], reason: 'a test' }),
    });
    expect(response.status).toBe(200);
  };
  const disable = async (id: string) => {
    const response = await fetch(`${server.issuer}/admin/api/v1/users/${id}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
      body: JSON.stringify({ status: 'disabled', reason: 'a test' }),
    });
    expect(response.status).toBe(200);
  };
  type Scene = {
    shopper: Person;
    agent: Person;
    at: Awaited<ReturnType<typeof signInAtDesk>>;
  };

  const ways: Record<string, (scene: Scene) => Promise<unknown>> = {
    'the shopper is disabled': ({ shopper }) => disable(shopper.id),
    'the shopper’s access is revoked': ({ shopper }) => revoke(shopper.id, 'tokens'),
    'the staff member is disabled': ({ agent }) => disable(agent.id),
    'the staff member’s tokens are revoked': ({ agent }) => revoke(agent.id, 'tokens'),
    'the staff member is signed out everywhere': ({ agent }) => revoke(agent.id, 'sessions'),
    'the staff member signs out': async ({ at }) => {
      const page = await at.browser.get(`/oauth2/logout?id_token_hint=${at.idToken}`);
      await at.owner.send(page, 'xsrf', { logout: 'yes' });
    },
    'the desk gives the staff’s token back': ({ at }) =>
      post(server, '/oauth2/revoke', { token: at.access }, { authorization: basic(desk) }),
  };

  for (const [way, end] of Object.entries(ways)) {
    test(`when ${way}`, async () => {
      const agent = await addStaff(people, 'support');
      const at = await signInAtDesk(server, people, agent);
      const shopper = await people.add();
      const { token } = await acting(shopper.id, {}, at.access);
      for (const node of [server, other]) {
        expect(await seenBy(node, orders, token)).toMatchObject({ active: true });
      }
      await end({ shopper, agent, at });
      expect(await endedOn([server, other], orders, token)).toBeLessThan(1_000);
    });
  }

  test('a shopper who signs out somewhere does not end the help', async () => {
    const shopper = await people.add();
    await ownerAt(server, people, openBrowser(server), shopper).open();
    const { token } = await acting(shopper.id);
    expect(await people.domain.grants.endOtherSessions(shopper.id, 'none')).toBe(1);
    expect(await seenBy(other, orders, token)).toMatchObject({ active: true });
  });

  test('an account taken back while staff get tokens leaves no token alive', async () => {
    const tokens: string[] = [];
    // A little later each time, so that it comes before, among and after the answers; and once
    // with the first of them, however slow the machine is.
    for (const milliseconds of [0, 10, 30, 60, undefined]) {
      const agent = await addStaff(people, 'support');
      const at = await signInAtDesk(server, people, agent);
      const shopper = await people.add();
      const asked = Array.from({ length: 10 }, () => act(shopper.id, {}, at.access));
      const moment = milliseconds === undefined ? Promise.race(asked) : sleep(milliseconds);
      const [answers] = await Promise.all([
        Promise.all(asked),
        moment.then(() => disable(agent.id)),
      ]);
      const made = answers.flatMap(({ json }) => json.access_token ?? []).map(String);
      for (const token of made) {
        expect(await endedOn([server, other], orders, token)).toBeLessThan(1_000);
      }
      tokens.push(...made);
    }
    expect(tokens.length).toBeGreaterThan(0);
  });
});
