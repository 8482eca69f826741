/**
 * What the server says of itself is what it does: every endpoint answers a request as its
 * specification says, and every value stands in a table here with the test that uses it. What is
 * newly listed fails until it is tested, and
 * what is no longer listed until it is taken out.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { send } from '../support/outgoing.js';
import { postAs } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { discoveryOf } from '../support/signers.js';
import { CIBA_REQUEST, openSoundRequests, type SOUND } from '../support/sound-requests.js';

type Kind = (typeof SOUND)[number] | typeof CIBA_REQUEST;
const SOME = expect.stringMatching(/./);

const tests = fileURLToPath(new URL('../', import.meta.url));

let server: TestServer;
let discovery: Awaited<ReturnType<typeof discoveryOf>>;

beforeAll(async () => {
  server = await startServer();
  discovery = await discoveryOf(server);
}, 120_000);
afterAll(async () => {
  await server?.stop();
});

/** Endpoint → methods that it takes, and how each answers a request with nothing in it. */
const endpoints: Readonly<Record<string, Readonly<Record<string, readonly [number, string?]>>>> = {
  authorization_endpoint: { GET: [400] },
  backchannel_authentication_endpoint: { POST: [400, 'invalid_request'] },
  device_authorization_endpoint: { POST: [400, 'invalid_request'] },
  end_session_endpoint: { GET: [200], POST: [303] },
  introspection_endpoint: { POST: [400, 'invalid_request'] },
  jwks_uri: { GET: [200] },
  pushed_authorization_request_endpoint: { POST: [400, 'invalid_request'] },
  revocation_endpoint: { POST: [400, 'invalid_request'] },
  token_endpoint: { POST: [400, 'invalid_request'] },
  userinfo_endpoint: { GET: [401, 'invalid_token'], POST: [401, 'invalid_token'] },
};

/** Endpoint → a sound request of each method, and what its specification has it answer. */
const answered: Readonly<Record<string, readonly (readonly [Kind, status: number, object])[]>> = {
  authorization_endpoint: [['authorize, signed in', 303, {}]],
  backchannel_authentication_endpoint: [
    // CIBA 7.3
    [CIBA_REQUEST, 200, { auth_req_id: SOME, expires_in: 300, interval: 5 }],
  ],
  device_authorization_endpoint: [
    // RFC 8628 section 3.2
    [
      'device authorization',
      200,
      {
        ...{ device_code: SOME, user_code: SOME, expires_in: expect.any(Number) },
        ...{ verification_uri: SOME, verification_uri_complete: SOME, interval: 5 },
      },
    ],
  ],
  end_session_endpoint: [
    ['logout', 200, {}],
    ['logout, posted', 303, {}],
  ],
  // RFC 7662 section 2.2
  introspection_endpoint: [
    ['introspect', 200, { active: true, sub: SOME, scope: SOME, client_id: 'demo-storefront' }],
  ],
  // RFC 9126 section 2.2
  pushed_authorization_request_endpoint: [
    ['push', 201, { request_uri: expect.stringMatching(/^urn:/), expires_in: expect.any(Number) }],
  ],
  // RFC 7009 section 2.2
  revocation_endpoint: [['revoke', 200, {}]],
  // RFC 6749 section 5.1
  token_endpoint: [
    ['a code, public', 200, { access_token: SOME, token_type: 'Bearer', expires_in: 900 }],
  ],
  // OpenID Connect Core 5.3.2
  userinfo_endpoint: [
    ['userinfo, asked', 200, { sub: SOME }],
    ['userinfo, posted', 200, { sub: SOME }],
  ],
};

/** Value → the test that uses it, and the words it does so with where they are others. */
type Uses = Readonly<Record<string, string | readonly [file: string, words: string]>>;

/** For a list that the test reads from discovery itself, to try each of its values. */
const each = (list: string, file: string, values: readonly string[]): Uses =>
  Object.fromEntries(values.map((value) => [value, [file, list] as const]));

const OURS = ['ES256', 'EdDSA', 'PS256', 'RS256'];
const CLIENTS = ['ES256', 'EdDSA', 'Ed25519', 'PS256'];
const proven: Uses = {
  client_secret_basic: ['support/protocol.ts', '`Basic ${'],
  client_secret_post: 'clients/passport.test.ts',
  private_key_jwt: 'clients/oauth4webapi.test.ts',
};
const unproven: Uses = { none: ['http/token.test.ts', "client_id: 'demo-storefront'"] };

const lists: Readonly<Record<string, Uses>> = {
  acr_values_supported: {
    'urn:latchkey:acr:1': 'http/step-up.test.ts',
    'urn:latchkey:acr:2': 'http/step-up.test.ts',
    'urn:latchkey:acr:phr': 'http/passkeys.test.ts',
  },
  authorization_details_types_supported: { payment_initiation: 'http/rar.test.ts' },
  authorization_signing_alg_values_supported: each(
    'authorization_signing_alg_values_supported',
    'http/jarm.test.ts',
    OURS,
  ),
  backchannel_authentication_request_signing_alg_values_supported: {
    // The same check of the same signatures as for other request objects.
    ...each('request_object_signing_alg_values_supported', 'http/jar.test.ts', CLIENTS),
    ES256: ['http/ciba.test.ts', "backchannel_authentication_request_signing_alg: 'ES256'"],
  },
  backchannel_token_delivery_modes_supported: each(
    'backchannel_token_delivery_modes_supported',
    'http/ciba.test.ts',
    ['poll', 'ping'],
  ),
  claim_types_supported: { normal: ['http/claims.test.ts', 'claims_supported'] },
  claims_supported: {
    acr: 'http/step-up.test.ts',
    amr: 'http/step-up.test.ts',
    auth_time: 'clients/oauth4webapi.test.ts',
    email: 'clients/oauth4webapi.test.ts',
    email_verified: ['http/email-change.test.ts', 'email, email_verified: true'],
    family_name: 'http/account-own.test.ts',
    given_name: 'http/account-own.test.ts',
    iss: 'clients/oauth4webapi.test.ts',
    locale: 'http/languages.test.ts',
    name: 'http/account-own.test.ts',
    phone_number: 'http/account-own.test.ts',
    sid: 'http/backchannel-logout.test.ts',
    sub: 'clients/openid-client.test.ts',
  },
  code_challenge_methods_supported: { S256: ['clients/authjs.test.ts', "'S256'"] },
  dpop_signing_alg_values_supported: each(
    'dpop_signing_alg_values_supported',
    'http/profiles.test.ts',
    CLIENTS,
  ),
  grant_types_supported: {
    authorization_code: ['clients/openid-client.test.ts', 'authorizationCodeGrant'],
    client_credentials: 'http/token.test.ts',
    'urn:openid:params:grant-type:ciba': ['http/ciba.test.ts', 'CIBA'],
    refresh_token: ['clients/openid-client.test.ts', 'refreshTokenGrant'],
    'urn:ietf:params:oauth:grant-type:device_code': 'http/device.test.ts',
    'urn:ietf:params:oauth:grant-type:token-exchange': ['http/token-exchange.test.ts', 'EXCHANGE'],
  },
  id_token_signing_alg_values_supported: each(
    'id_token_signing_alg_values_supported',
    'http/keys.test.ts',
    OURS,
  ),
  introspection_endpoint_auth_methods_supported: proven,
  introspection_signing_alg_values_supported: each(
    'introspection_signing_alg_values_supported',
    'http/signed-answers.test.ts',
    OURS,
  ),
  request_object_signing_alg_values_supported: each(
    'request_object_signing_alg_values_supported',
    'http/jar.test.ts',
    CLIENTS,
  ),
  response_modes_supported: each('response_modes_supported', 'http/jarm.test.ts', [
    'query',
    'form_post',
    'jwt',
    'query.jwt',
    'form_post.jwt',
  ]),
  response_types_supported: { code: 'clients/oauth4webapi.test.ts' },
  revocation_endpoint_auth_methods_supported: { ...unproven, ...proven },
  scopes_supported: {
    email: 'clients/authjs.test.ts',
    offline_access: 'clients/openid-client.test.ts',
    openid: 'clients/authjs.test.ts',
    phone: 'http/account-own.test.ts',
    profile: 'clients/authjs.test.ts',
  },
  subject_types_supported: {
    pairwise: 'http/claims.test.ts',
    // The account's own, as the shop knows it.
    public: ['clients/openid-client.test.ts', 'claims()?.sub).toBe(shopper.id)'],
  },
  token_endpoint_auth_methods_supported: { ...unproven, ...proven },
  token_endpoint_auth_signing_alg_values_supported: each(
    'token_endpoint_auth_signing_alg_values_supported',
    'http/profiles.test.ts',
    CLIENTS,
  ),
  ui_locales_supported: each('ui_locales_supported', 'http/languages.test.ts', [
    'en',
    'de',
    'fr',
    'es',
    'ja',
  ]),
  userinfo_signing_alg_values_supported: each(
    'userinfo_signing_alg_values_supported',
    'http/signed-answers.test.ts',
    OURS,
  ),
};

/** What is neither an endpoint nor a list. */
const switches: Readonly<Record<string, readonly [value: boolean, file: string, words: string]>> = {
  authorization_response_iss_parameter_supported: [true, 'clients/oauth4webapi.test.ts', '&iss='],
  backchannel_logout_session_supported: [true, 'http/backchannel-logout.test.ts', 'sid'],
  backchannel_logout_supported: [true, 'http/backchannel-logout.test.ts', 'notices'],
  backchannel_user_code_parameter_supported: [
    false,
    'http/ciba.test.ts',
    'backchannel_user_code_parameter_supported: false',
  ],
  claims_parameter_supported: [true, 'http/authorize.test.ts', 'claims: JSON.stringify'],
  request_parameter_supported: [true, 'http/jar.test.ts', 'request_parameter_supported'],
  request_uri_parameter_supported: [false, 'http/jar.test.ts', 'request_uri_parameter_supported'],
};

const contentOf = (file: string) => readFileSync(tests + file, 'utf8');
const isWithin = (term: string, content: string) =>
  new RegExp(`(?<![\\w.-])${term.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w-])`).test(content);

describe('every endpoint', () => {
  test('is in the table', () => {
    const listed = Object.keys(discovery).filter((name) => /_endpoint$|_uri$/.test(name));
    expect(listed.sort()).toEqual(Object.keys(endpoints).sort());
  });

  test.each(Object.entries(endpoints))(
    '%s refuses a request with nothing in it',
    async (name, methods) => {
      for (const [method, [status, error]] of Object.entries(methods)) {
        const init = method === 'POST' ? { body: new URLSearchParams() } : {};
        const url = String(discovery[name]);
        const answer = await fetch(url, { method, redirect: 'manual', ...init });
        expect(answer.status, method).toBe(status);
        if (error) expect(await answer.json(), method).toMatchObject({ error });
      }
    },
  );
});

describe('every endpoint, asked as it is meant to be,', () => {
  let sound: Awaited<ReturnType<typeof openSoundRequests>>;
  beforeAll(async () => {
    sound = await openSoundRequests(server);
  });

  test('is in the table', () => {
    const listed = Object.keys(discovery).filter((name) => name.endsWith('_endpoint'));
    expect(Object.keys(answered).sort()).toEqual(listed.sort());
  });

  test.each(
    Object.entries(answered).flatMap(([name, rows]) => rows.map((row) => [name, ...row] as const)),
  )('%s does what it is for: %s', async (name, kind, status, content) => {
    const request = await sound.requests[kind]?.();
    if (!request) throw new Error(`there is no request "${kind}"`);
    const { pathname } = new URL(String(discovery[name]));
    expect(request.path).toBe(pathname);
    const reply = await send(server, request);
    expect([reply.status, reply.json]).toEqual([status, expect.objectContaining(content)]);
    expect(request.succeeded(reply), reply.text).toBe(true);
  });

  test('the keys are public, and all of them', async () => {
    const { keys } = (await (await fetch(String(discovery.jwks_uri))).json()) as { keys: JWK[] };
    const algorithms = discovery.id_token_signing_alg_values_supported;
    expect([...new Set(keys.map(({ alg }) => alg))].sort()).toEqual([...(algorithms ?? [])].sort());
    for (const key of keys) expect(key).not.toHaveProperty('d');
  });
});

describe('every list', () => {
  test('is in the table, and nothing is besides endpoints and switches', () => {
    const known = [endpoints, lists, switches].flatMap((table) => Object.keys(table));
    expect(Object.keys(discovery).sort()).toEqual(['issuer', ...known].sort());
  });

  test.each(Object.entries(lists))('%s holds what is tested', (name, uses) => {
    expect([...(discovery[name] as string[])].sort()).toEqual(Object.keys(uses).sort());
    for (const [value, use] of Object.entries(uses)) {
      const [file, words] = typeof use === 'string' ? [use, value] : use;
      const content = contentOf(file);
      const used = words === value ? isWithin(value, content) : content.includes(words);
      expect(used, `${file} uses ${words}`).toBe(true);
    }
  });

  test.each(Object.entries(switches))('%s says what is tested', (name, [value, file, words]) => {
    expect(discovery[name]).toBe(value);
    expect(contentOf(file).includes(words), `${file} has ${words}`).toBe(true);
  });
});

test('every grant type that is listed is known, and no other', async () => {
  const errorOf = async (grant_type: string) =>
    (await postAs(server, 'orders_api', '/oauth2/token', { grant_type })).json.error;
  for (const grant of discovery.grant_types_supported ?? []) {
    // Not one that this client may use, or not with nothing; but one that there is.
    expect(await errorOf(grant), grant).toMatch(/^(unauthorized_client|invalid_request)$/);
  }
  expect(await errorOf('password')).toBe('unsupported_grant_type');
});

test('whoever is not proven may take tokens back, and is told nothing about them', async () => {
  const ask = async (path: string) => {
    const body = new URLSearchParams({ client_id: 'demo-storefront', token: 'x'.repeat(43) });
    const answer = await fetch(`${server.issuer}/oauth2/${path}`, { method: 'POST', body });
    return [answer.status, await answer.text(), answer.headers.get('content-type')];
  };
  expect(await ask('revoke')).toEqual([200, '', null]);
  expect(await ask('introspect')).toEqual([
    200,
    '{"active":false}',
    'application/json; charset=utf-8',
  ]);
});
