/** The one address that this server calls for whoever asks to be registered. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ownerAt } from '../support/account.js';
import { ask, CIBA, ENDPOINT, waitingPages } from '../support/ciba.js';
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
  authorizeUrl,
  basic,
  type Database,
  ORDERS,
  openDatabase,
  post,
  register,
} from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { browserAt, openPeople, type People } from '../support/sign-in.js';
import { soon } from '../support/soon.js';

const CALLBACK = 'https://partner.example/cb';
const PAIRWISE = {
  redirect_uris: [CALLBACK],
  client_name: 'Fernhill Analytics',
  subject_type: 'pairwise',
};
const FAULT = 'sector_identifier_uri must be a public https address that answers with';

let server: TestServer;
let database: Database;
let people: People;
let partner: Partner;

beforeAll(async () => {
  partner = await openPartner();
  const env = {
    ...OPEN,
    LATCHKEY_TRUSTED_PROXIES: '127.0.0.1',
    NODE_EXTRA_CA_CERTS: partner.authority,
    // An operator's own services, for the operator's own clients.
    LATCHKEY_OUTBOUND_ALLOW: '127.0.0.1',
  };
  server = withQuickCommands(await startServer({ env }));
  database = await openDatabase(server);
  people = await openPeople(server);
});
afterAll(async () => {
  await people?.close();
  await database?.close();
  await server?.stop();
  await partner?.close();
});

async function registered(): Promise<Answer> {
  partner.answer(200, [CALLBACK]);
  const { token } = await initialToken(server);
  const sector = { sector_identifier_uri: `${partner.url}/sector` };
  const answer = await registerAt(server, token, { ...PAIRWISE, ...sector });
  expect([answer.status, answer.json.error_description]).toEqual([201, undefined]);
  return answer;
}
/** Nothing that was built of a client survives a change of what it is. */
const touch = (id: unknown) =>
  database.query("UPDATE clients SET name = name || '.' WHERE id = $1", [id]);
const begin = async (id: unknown) =>
  fetch(server.issuer + authorizeUrl({ client_id: String(id), redirect_uri: CALLBACK }), {
    redirect: 'manual',
  });

test('is asked while a client registers or changes itself, and by no other request', async () => {
  const before = partner.calls.length;
  const { json } = await registered();
  expect(partner.calls.length - before).toBe(1);
  for (let turn = 0; turn < 3; turn += 1) {
    await touch(json.client_id);
    expect((await begin(json.client_id)).headers.get('location')).toMatch(/^\/signin\//);
  }
  expect(partner.calls.length - before).toBe(1);

  const { uri, access } = managementOf({ json } as Answer);
  const body = {
    ...PAIRWISE,
    client_id: json.client_id,
    sector_identifier_uri: `${partner.url}/sector`,
  };
  expect((await sendMetadata(uri, access, body, { method: 'PUT' })).status).toBe(200);
  expect(partner.calls.length - before).toBe(2);
});

test('that goes away later takes nothing with it', async () => {
  const { json } = await registered();
  partner.answer(404, 'gone');
  await touch(json.client_id);
  expect((await begin(json.client_id)).headers.get('location')).toMatch(/^\/signin\//);
  const pair = { client_id: String(json.client_id), client_secret: String(json.client_secret) };
  const grant = { grant_type: 'authorization_code', code: 'x', redirect_uri: CALLBACK };
  const used = await post(server, '/oauth2/token', grant, { authorization: basic(pair) });
  expect(used.json.error).toBe('invalid_grant');
});

test('gets one sentence for whatever was wrong with it', async () => {
  const { token } = await initialToken(server);
  const said = new Set<unknown>();
  for (const [status, body] of [
    [200, ['https://partner.example/another']],
    [200, { not: 'a list' }],
    [404, [CALLBACK]],
    [500, [CALLBACK]],
  ] as const) {
    partner.answer(status, body);
    const sector = { sector_identifier_uri: `${partner.url}/sector` };
    const answer = await registerAt(server, token, { ...PAIRWISE, ...sector });
    expect([answer.status, answer.json.error]).toEqual([400, 'invalid_client_metadata']);
    said.add(answer.json.error_description);
  }
  const nobody = { sector_identifier_uri: 'https://localhost:1/sector' };
  said.add((await registerAt(server, token, { ...PAIRWISE, ...nobody })).json.error_description);
  expect([...said]).toEqual([expect.stringContaining(FAULT)]);
});

test('is not where the operator’s own services are', async () => {
  partner.answer(200, [CALLBACK]);
  const before = partner.calls.length;
  const { token } = await initialToken(server);
  const inside = { sector_identifier_uri: `${partner.numericUrl}/sector` };
  const answer = await registerAt(server, token, { ...PAIRWISE, ...inside });
  expect([answer.status, answer.json.error]).toEqual([400, 'invalid_client_metadata']);
  expect(answer.json.error_description).toContain(FAULT);
  expect(partner.calls.length).toBe(before);
});

test('spends the hour’s slot, even where storing what was registered fails', async () => {
  partner.answer(200, [CALLBACK]);
  const sector = { sector_identifier_uri: `${partner.url}/sector` };
  await database.query(
    'ALTER TABLE client_registrations ADD CONSTRAINT broken CHECK (false) NOT VALID',
  );
  try {
    for (const [metadata, spent] of [
      [{ ...PAIRWISE, ...sector }, 1],
      [PAIRWISE, 0],
    ] as const) {
      const { id, token } = await initialToken(server);
      expect((await registerAt(server, token, metadata)).status).toBe(500);
      const rows = await database.query(
        'SELECT clients, window_clients FROM registration_tokens WHERE id = $1',
        [id],
      );
      expect(rows).toEqual([{ clients: 0, window_clients: spent }]);
    }
  } finally {
    await database.query('ALTER TABLE client_registrations DROP CONSTRAINT broken');
  }
});

test('a client that cannot be worked with does not hide what others ask of a shopper', async () => {
  const owner = ownerAt(server, people, browserAt(server, '10.9.0.1'), await people.add());
  const grant = ['--grant-type', CIBA, '--scope', 'openid'];
  const odd = basic(await register(server, 'odd-desk', grant));
  const asking = { scope: 'openid', login_hint: owner.person.email, binding_message: 'Odd' };
  expect((await post(server, ENDPOINT, asking, { authorization: odd })).status).toBe(200);
  expect((await ask(server, owner.person.email, { resource: ORDERS })).status).toBe(200);
  expect(waitingPages(await owner.open('/account/approvals'))).toHaveLength(2);

  await database.query(
    `UPDATE clients SET metadata = '{"subject_type": "nonsense"}' WHERE id = 'odd-desk'`,
  );
  await expect
    .poll(async () => {
      const page = await owner.open('/account/approvals');
      return [page.status, waitingPages(page).length];
    }, soon)
    .toEqual([200, 1]);
});
