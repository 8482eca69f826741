/** What an operator has decided about a client that registered itself, and the client's changes. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  initialToken,
  managementOf,
  OPEN,
  registerAt,
  sendMetadata,
  withQuickCommands,
} from '../support/client-registration.js';
import { openPartner, type Partner } from '../support/partner.js';
import {
  type Answer,
  CATALOG,
  command,
  type Database,
  ORDERS,
  openDatabase,
} from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { soon } from '../support/soon.js';

const CALLBACK = 'https://partner.example/cb';
const GOOD = { redirect_uris: [CALLBACK], client_name: 'Fernhill Analytics' };
/** RFC 7592 section 2.2: in the answer, and not to be sent back. */
const NOT_SENT = [
  'registration_access_token',
  'registration_client_uri',
  'client_secret_expires_at',
  'client_id_issued_at',
];

let server: TestServer;
let database: Database;
let partner: Partner;
let scratch: string;

beforeAll(async () => {
  partner = await openPartner();
  const env = { ...OPEN, NODE_EXTRA_CA_CERTS: partner.authority };
  server = withQuickCommands(await startServer({ env }));
  database = await openDatabase(server);
  scratch = await mkdtemp(join(tmpdir(), 'latchkey-operators-'));
});
afterAll(async () => {
  await database?.close();
  await server?.stop();
  await partner?.close();
  await rm(scratch, { recursive: true, force: true });
});

async function registered(metadata: object, ...args: string[]): Promise<Answer> {
  const { token } = await initialToken(server, ...args);
  const answer = await registerAt(server, token, metadata);
  expect([answer.status, answer.json.error_description]).toEqual([201, undefined]);
  return answer;
}
const clientIdOf = ({ json }: Answer) => String(json.client_id);
const put = (uri: string, access: string, body: object) =>
  sendMetadata(uri, access, body, { method: 'PUT' });
const get = (uri: string, access: string) =>
  sendMetadata(uri, access, undefined, { method: 'GET' });
const operate = (...args: string[]) => command(server, 'clients', ...args);

async function metadataFile(metadata: object): Promise<string> {
  const file = join(scratch, 'metadata.json');
  await writeFile(file, JSON.stringify(metadata));
  return file;
}
/** What GET tells, as the client may send it back. */
function sendable({ json }: Answer): Record<string, unknown> {
  return Object.fromEntries(Object.entries(json).filter(([name]) => !NOT_SENT.includes(name)));
}
const scopesOf = ({ json }: Answer) =>
  String(json.scope ?? '')
    .split(' ')
    .sort();

describe('what an operator has decided', () => {
  test('about an API stays: neither taken back, nor lost, nor widened', async () => {
    const args = ['--scope', 'openid', '--allow', `${ORDERS}=orders:read,orders:write`];
    const answer = await registered(GOOD, ...args);
    const { uri, access } = managementOf(answer);
    const id = clientIdOf(answer);
    expect(scopesOf(answer)).toEqual(['openid', 'orders:read', 'orders:write']);
    await operate('grant', id, ORDERS, 'orders:read');
    await operate('grant', id, CATALOG, 'catalog:read');

    const own = { ...GOOD, client_id: id };
    const plain = await put(uri, access, own);
    expect(scopesOf(plain)).toEqual(['catalog:read', 'openid', 'orders:read']);
    const less = await put(uri, managementOf(plain).access, { ...own, scope: 'openid' });
    expect(scopesOf(less)).toEqual(['catalog:read', 'openid', 'orders:read']);
    for (const scope of ['openid orders:write', 'openid catalog:write']) {
      const more = await put(uri, managementOf(less).access, { ...own, scope });
      expect([scope, more.status]).toEqual([scope, 400]);
      expect(more.json.error_description).toContain('scope must not hold');
    }
    await operate('grant', id, ORDERS, '--none');
    const none = await put(uri, managementOf(less).access, own);
    expect(scopesOf(none)).toEqual(['catalog:read', 'openid']);
  });

  test('about no API leaves the client its own: it asks for less, and for all again', async () => {
    const args = ['--scope', 'openid', '--allow', `${ORDERS}=orders:read,orders:write`];
    const answer = await registered(GOOD, ...args);
    const { uri, access } = managementOf(answer);
    const own = { ...GOOD, client_id: clientIdOf(answer) };
    const less = await put(uri, access, { ...own, scope: 'openid orders:read' });
    expect(scopesOf(less)).toEqual(['openid', 'orders:read']);
    const all = await put(uri, managementOf(less).access, own);
    expect(scopesOf(all)).toEqual(['openid', 'orders:read', 'orders:write']);
  });

  test('of proofs, pushed requests and metadata stays, left out or said otherwise', async () => {
    const answer = await registered({ ...GOOD, default_max_age: 60, software_id: 'one' });
    const { uri, access } = managementOf(answer);
    const id = clientIdOf(answer);
    const set = await metadataFile({ default_max_age: null, require_auth_time: true });
    await operate('configure', id, '--dpop', 'on', '--require-par', 'on', '--metadata', set);
    const own = { ...GOOD, client_id: id };
    const left = await put(uri, access, own);
    const decided = {
      dpop_bound_access_tokens: true,
      require_pushed_authorization_requests: true,
      require_auth_time: true,
    };
    expect(left.json).toMatchObject(decided);
    const otherwise = await put(uri, managementOf(left).access, {
      ...own,
      dpop_bound_access_tokens: false,
      require_pushed_authorization_requests: false,
      require_auth_time: false,
      default_max_age: 3600,
      software_id: 'two',
    });
    expect(otherwise.json).toMatchObject({ ...decided, software_id: 'two' });
    expect(otherwise.json).not.toHaveProperty('default_max_age');
  });

  test('can be read and sent back: it is accepted and changes nothing', async () => {
    const args = ['--scope', 'openid email', '--allow', `${ORDERS}=orders:read,orders:write`];
    const answer = await registered(GOOD, ...args);
    const { uri, access } = managementOf(answer);
    const id = clientIdOf(answer);
    const set = await metadataFile({
      authorization_details_types: ['payment_initiation'],
      default_max_age: 600,
    });
    await operate('configure', id, '--dpop', 'on', '--require-par', 'on', '--metadata', set);
    await operate('grant', id, ORDERS, 'orders:write');
    await operate('grant', id, CATALOG, 'catalog:read');

    const before = await get(uri, access);
    expect(before.json).toMatchObject({ authorization_details_types: ['payment_initiation'] });
    const back = await put(uri, access, sendable(before));
    expect([back.status, back.json.error_description]).toEqual([200, undefined]);
    expect(sendable(back)).toEqual(sendable(before));
    const after = await get(uri, managementOf(back).access);
    expect(sendable(after)).toEqual(sendable(before));

    // Left out it stays as well; nobody names a payment type for themself.
    const own = { ...GOOD, client_id: id };
    const left = await put(uri, managementOf(back).access, own);
    expect(left.json).toMatchObject({ authorization_details_types: ['payment_initiation'] });
    const other = { ...own, authorization_details_types: ['account_information'] };
    const refused = await put(uri, managementOf(left).access, other);
    expect(refused.json.error_description).toContain('authorization_details_types');
    expect(refused.status).toBe(400);
  });

  const keyed = {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks_uri: 'https://partner.example/jwks',
  };
  test.each([
    ['under FAPI 2.0', ['--profile', 'fapi2'], keyed],
    ['with every default', [], {}],
  ])('is not needed: what a client reads %s it can send back', async (_what, args, changes) => {
    const answer = await registered({ ...GOOD, ...changes }, ...args);
    const { uri, access } = managementOf(answer);
    const before = await get(uri, access);
    const back = await put(uri, access, sendable(before));
    expect([back.status, back.json.error_description]).toEqual([200, undefined]);
    expect(sendable(back)).toEqual(sendable(before));
  });
});

describe('at the same moment', () => {
  /** A client whose next change waits for its own server; resolves once that was asked. */
  async function changing(...args: string[]) {
    partner.answer(200, [CALLBACK]);
    const sector = { subject_type: 'pairwise', sector_identifier_uri: `${partner.url}/sector` };
    const answer = await registered({ ...GOOD, ...sector }, ...args);
    const { uri, access } = managementOf(answer);
    let release = () => {};
    const wait = new Promise<void>((done) => {
      release = done;
    });
    partner.answer(200, [CALLBACK], wait);
    const asked = partner.calls.length;
    const body = { ...GOOD, ...sector, client_id: clientIdOf(answer), client_name: 'Renamed' };
    const change = put(uri, access, body);
    while (partner.calls.length === asked) await sleep(10);
    return { id: clientIdOf(answer), uri, access, change, release };
  }

  test('an operator’s word is not written over by a change that began before it', async () => {
    const args = ['--scope', 'openid', '--allow', `${ORDERS}=orders:read,orders:write`];
    const { id, change, release } = await changing(...args);
    const set = await metadataFile({ authorization_details_types: ['payment_initiation'] });
    await operate('configure', id, '--dpop', 'on', '--metadata', set);
    await operate('grant', id, ORDERS, 'orders:read');
    release();
    const changed = await change;
    expect([changed.status, changed.json.error_description]).toEqual([200, undefined]);
    expect(changed.json).toMatchObject({
      client_name: 'Renamed',
      dpop_bound_access_tokens: true,
      authorization_details_types: ['payment_initiation'],
    });
    expect(scopesOf(changed)).toEqual(['openid', 'orders:read']);
    const rows = await database.query('SELECT dpop_bound_access_tokens FROM clients WHERE id=$1', [
      id,
    ]);
    expect(rows).toEqual([{ dpop_bound_access_tokens: true }]);
  });

  test('a client that is disabled meanwhile does not change', async () => {
    const { id, change, release } = await changing();
    await operate('disable', id);
    release();
    expect((await change).status).toBe(403);
    const rows = await database.query('SELECT name FROM clients WHERE id = $1', [id]);
    expect(rows).toEqual([{ name: GOOD.client_name }]);
  });

  test('one registration access token does not both change a client and remove it', async () => {
    const answer = await registered(GOOD);
    const { uri, access } = managementOf(answer);
    const id = clientIdOf(answer);
    const watching = await openDatabase(server);
    const untilWaiting = (requests: number) =>
      vi.waitFor(async () => {
        const rows = await watching.query(
          `SELECT 1 FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        expect(rows).toHaveLength(requests);
      }, soon);
    // Both are well on their way before either can end, the change first.
    await database.query('BEGIN');
    await database.query('SELECT 1 FROM clients WHERE id = $1 FOR UPDATE', [id]);
    const change = put(uri, access, { ...GOOD, client_id: id });
    await untilWaiting(1);
    const removal = sendMetadata(uri, access, undefined, { method: 'DELETE' });
    await untilWaiting(2);
    await database.query('COMMIT');
    await watching.close();
    const statuses = [(await change).status, (await removal).status];
    expect(statuses.sort()).toEqual([200, 401]);
    const rows = await database.query('SELECT 1 FROM clients WHERE id = $1', [id]);
    expect(rows).toHaveLength(1);
  });
});
