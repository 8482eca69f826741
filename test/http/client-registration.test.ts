/** Clients register themselves (RFC 7591) and manage what they registered (RFC 7592). */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority, SERVER_AUTH } from '../support/certificates.js';
import {
  initialToken,
  managementOf,
  OPEN,
  registerAt,
  sendMetadata,
  withQuickCommands,
} from '../support/client-registration.js';
import {
  type Answer,
  authorizeUrl,
  basic,
  CATALOG,
  command,
  type Database,
  ORDERS,
  openDatabase,
  PROOF,
  post,
  register,
} from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { follow, hiddenField, openBrowser, submitLogin } from '../support/shopper.js';

const CALLBACK = 'https://partner.example/cb';
const GOOD = {
  redirect_uris: [CALLBACK],
  client_name: 'Fernhill Analytics',
  grant_types: ['authorization_code', 'refresh_token'],
};

let server: TestServer;
let database: Database;
let closed: TestServer;
/** Answers as a partner's server would: what stands here, at any path. */
let partner: Server;
let partnerUrl: string;
let scratch: string;
let sectorAnswer: unknown = [];
/** Tokens whose quota a test does not have to share. */
let token: string;
let jwk: JWK;
let privateJwk: JWK;
let networks = 0;

beforeAll(async () => {
  const authority = await createAuthority('CN=Partners');
  const issued = await authority.issue({
    name: 'CN=localhost',
    alternatives: [{ type: 'dns', value: 'localhost' }],
    purposes: [SERVER_AUTH],
  });
  scratch = await mkdtemp(join(tmpdir(), 'latchkey-partner-'));
  const extra = join(scratch, 'authority.pem');
  await writeFile(extra, authority.cert);
  const env = {
    ...OPEN,
    LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32',
    NODE_EXTRA_CA_CERTS: extra,
  };
  [server, closed] = (await Promise.all([startServer({ env }), startServer()])).map(
    withQuickCommands,
  ) as [TestServer, TestServer];
  database = await openDatabase(server);
  ({ token } = await initialToken(server));
  const pair = await generateKeyPair('ES256', { extractable: true });
  [jwk, privateJwk] = await Promise.all([exportJWK(pair.publicKey), exportJWK(pair.privateKey)]);
  partner = createServer({ cert: issued.cert, key: issued.key }, (_req, res) => {
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify(sectorAnswer));
  });
  await new Promise<void>((done) => partner.listen(0, '127.0.0.1', done));
  const address = partner.address();
  partnerUrl = `https://localhost:${typeof address === 'object' ? address?.port : 0}`;
});
afterAll(async () => {
  partner?.close();
  await rm(scratch, { recursive: true, force: true });
  await database?.close();
  await Promise.all([server?.stop(), closed?.stop()]);
});

const discovery = async (of: TestServer) =>
  (await (await fetch(`${of.issuer}/.well-known/openid-configuration`)).json()) as Record<
    string,
    unknown
  >;
const newNetwork = () => {
  networks += 1;
  return { 'x-forwarded-for': `10.9.${networks}.1` };
};
/** A registration that must go through, with a token of its own. */
async function registered(metadata: object, ...args: string[]): Promise<Answer> {
  const own = await initialToken(server, ...args);
  const answer = await registerAt(server, own.token, metadata);
  expect(answer.json.error_description).toBeUndefined();
  expect(answer.status).toBe(201);
  return answer;
}

describe('closed, as it is unless the operator opens it', () => {
  test('there is no such address, and discovery names none', async () => {
    expect(await discovery(closed)).not.toHaveProperty('registration_endpoint');
    const { token: any } = await initialToken(closed);
    expect((await registerAt(closed, any, GOOD)).status).toBe(404);
    const at = `${closed.issuer}/oauth2/register/6b0c0000-0000-4000-8000-000000000000`;
    expect((await sendMetadata(at, any, undefined, { method: 'GET' })).status).toBe(404);
  });

  test('open, discovery names the address', async () => {
    const { registration_endpoint: at } = await discovery(server);
    expect(at).toBe(`${server.issuer}/oauth2/register`);
  });
});

describe('the initial access token', () => {
  test('is needed, in the header and nowhere else', async () => {
    const none = await registerAt(server, undefined, GOOD, newNetwork());
    expect([none.status, none.json.error]).toEqual([401, 'invalid_token']);
    expect(none.headers.get('www-authenticate')).toBe('Bearer');
    const at = `${server.issuer}/oauth2/register?access_token=${token}`;
    const inQuery = await sendMetadata(at, undefined, GOOD, { headers: newNetwork() });
    expect(inQuery.status).toBe(401);
  });

  test('of anybody else opens nothing: made up, revoked, expired, used up, or for an API', async () => {
    const revoked = await initialToken(server);
    await command(server, 'registration-tokens', 'revoke', revoked.id);
    const expired = await initialToken(server, '--expires', '12h');
    await database.query(
      "UPDATE registration_tokens SET expires_at = now() - interval '1 second' WHERE id = $1",
      [expired.id],
    );
    const usedUp = await initialToken(server, '--max', '1');
    expect((await registerAt(server, usedUp.token, GOOD)).status).toBe(201);
    const network = newNetwork();
    for (const value of ['made-up', revoked.token, expired.token, usedUp.token]) {
      const answer = await registerAt(server, value, GOOD, network);
      expect([answer.status, answer.json.error]).toEqual([401, 'invalid_token']);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
      expect(answer.headers.get('cache-control')).toBe('no-store');
    }
  });

  test('ten wrong ones from a network in a minute, and it has to wait', async () => {
    const network = newNetwork();
    for (let turn = 0; turn < 10; turn += 1) {
      expect((await registerAt(server, `guess-${turn}`, GOOD, network)).status).toBe(401);
    }
    const late = await registerAt(server, 'guess-11', GOOD, network);
    expect(late.status).toBe(429);
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await registerAt(server, token, GOOD, newNetwork())).status).toBe(201);
  });

  test('registers twenty clients an hour; a refused one does not count', async () => {
    const own = await initialToken(server);
    for (let turn = 0; turn < 20; turn += 1) {
      const answer = await registerAt(server, own.token, GOOD);
      expect(answer.status).toBe(201);
      expect((await registerAt(server, own.token, { redirect_uris: [] })).status).toBe(400);
    }
    const over = await registerAt(server, own.token, GOOD);
    expect([over.status, over.json.error]).toEqual([429, 'temporarily_unavailable']);
    const wait = Number(over.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(3_500);
    expect(wait).toBeLessThanOrEqual(3_600);
    await database.query(
      "UPDATE registration_tokens SET window_started_at = now() - interval '61 minutes' WHERE id = $1",
      [own.id],
    );
    expect((await registerAt(server, own.token, GOOD)).status).toBe(201);
  });

  test('is made for less than everything: no administration, no grants or scopes nobody knows', async () => {
    for (const [args, said] of [
      [['--allow', 'urn:latchkey:admin=users:read'], 'urn:latchkey:admin is not for clients'],
      [['--allow', 'urn:latchkey:account=account:read'], 'urn:latchkey:account is not for'],
      [['--allow', `${ORDERS}=nothing:such`], 'has no scope nothing:such'],
      [['--scope', 'openid godmode'], 'godmode is not an OpenID scope'],
      [['--grant-type', 'password'], 'password is not a grant type'],
      [['--profile', 'easy'], 'The profile must be one of'],
      [['--expires', '400d'], 'from a minute to a year'],
    ] as const) {
      const done = await server.cli(['registration-tokens', 'create', ...args]);
      expect([done.code, done.stderr]).toEqual([1, expect.stringContaining(said)]);
    }
    expect((await server.cli(['registration-tokens', 'create', '--expires', 'soon'])).code).toBe(2);
  });

  test('is listed with what it is for, and never with its value', async () => {
    const own = await initialToken(server, '--name', 'Fernhill', '--max', '3');
    await registerAt(server, own.token, GOOD);
    const listed = await command(server, 'registration-tokens', 'list');
    expect(listed).toMatch(new RegExp(`${own.id}\\s+Fernhill\\s+active\\s+1 of 3`));
    expect(listed).not.toContain(own.token);
  });
});

describe('a registration', () => {
  test('with every metadata there is comes back whole, and is in force', async () => {
    sectorAnswer = [CALLBACK, 'https://partner.example/other'];
    const asked = {
      redirect_uris: [CALLBACK, 'https://partner.example/other'],
      post_logout_redirect_uris: ['https://partner.example/bye'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      application_type: 'web',
      client_name: 'Partner, with everything',
      client_uri: 'https://partner.example/',
      policy_uri: 'https://partner.example/privacy',
      tos_uri: 'https://partner.example/terms',
      contacts: ['ops@partner.example'],
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      id_token_signed_response_alg: 'RS256',
      jwks: { keys: [{ ...jwk, kid: 'one', use: 'sig', alg: 'ES256' }] },
      scope: 'openid email',
      subject_type: 'pairwise',
      sector_identifier_uri: `${partnerUrl}/sector.json`,
      userinfo_signed_response_alg: 'RS256',
      authorization_signed_response_alg: 'RS256',
      introspection_signed_response_alg: 'PS256',
      request_object_signing_alg: 'ES256',
      backchannel_logout_uri: 'https://partner.example/signed-out',
      backchannel_logout_session_required: true,
      default_max_age: 3600,
      require_auth_time: true,
      default_acr_values: ['urn:latchkey:acr:1'],
      initiate_login_uri: 'https://partner.example/login',
      software_id: '4NRB1-0XZABZI9E6-5SM3R',
      software_version: '2.1',
      require_pushed_authorization_requests: true,
      dpop_bound_access_tokens: true,
    };
    const { json, headers } = await registered(asked);
    expect(json).toMatchObject({
      ...asked,
      client_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      client_id_issued_at: expect.any(Number),
      registration_access_token: expect.stringMatching(/^[\w-]{43}$/),
      registration_client_uri: `${server.issuer}/oauth2/register/${json.client_id}`,
    });
    expect(json).not.toHaveProperty('client_secret');
    expect(headers.get('cache-control')).toBe('no-store');
    // A request that was not pushed is refused: what was registered holds.
    const plain = await fetch(
      server.issuer + authorizeUrl({ client_id: String(json.client_id), redirect_uri: CALLBACK }),
      { redirect: 'manual' },
    );
    expect(plain.headers.get('location')).toContain('error=invalid_request');
  });

  test('with next to nothing gets the defaults of the specifications', async () => {
    const { json } = await registered({ redirect_uris: [CALLBACK] });
    expect(json).toMatchObject({
      client_name: 'partner.example',
      application_type: 'web',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      id_token_signed_response_alg: 'RS256',
      subject_type: 'public',
      require_auth_time: false,
      scope: 'openid profile email',
      client_secret: expect.stringMatching(/^[\w-]{43}$/),
      client_secret_expires_at: 0,
    });
  });

  test('ignores what nobody knows, translations and pictures, and says so by leaving them out', async () => {
    const { json } = await registered({
      ...GOOD,
      'client_name#de': 'Fernhill-Auswertung',
      logo_uri: 'https://partner.example/logo.png',
      favourite_colour: 'green',
      policy_uri: null,
      client_id: 'demo-storefront',
      client_secret: 'chosen-by-the-client',
      first_party: true,
      firstParty: true,
    });
    for (const name of ['client_name#de', 'logo_uri', 'favourite_colour', 'policy_uri']) {
      expect(json).not.toHaveProperty(name);
    }
    expect(json.client_id).not.toBe('demo-storefront');
    expect(json.client_secret).not.toBe('chosen-by-the-client');
    const rows = await database.query('SELECT first_party FROM clients WHERE id = $1', [
      json.client_id,
    ]);
    expect(rows).toEqual([{ first_party: false }]);
  });

  const addresses: [string, string][] = [
    ['http://evil.com/cb', 'must be https'],
    ['https://*.evil.com/cb', 'wildcards'],
    ['https://shop.example@evil.com/cb', 'user information'],
    ['https://shop:pass@evil.com/cb', 'user information'],
    ['https://evil.com/cb#fragment', 'fragment'],
    ['https://evil.com/cb#', 'fragment'],
    ['javascript:alert(1)', 'scheme'],
    ['data:text/html,hello', 'scheme'],
    ['evil.app:/cb', 'must be https'],
    ['https://evil.com\\@shop.example/cb', 'backslashes'],
    ['/relative', 'is not an absolute URI'],
    ['https://evil.com/ cb', 'blanks'],
  ];
  for (const [uri, said] of addresses) {
    test(`does not send anybody to ${uri}`, async () => {
      const answer = await registerAt(server, token, { ...GOOD, redirect_uris: [CALLBACK, uri] });
      expect([answer.status, answer.json.error]).toEqual([400, 'invalid_redirect_uri']);
      expect(answer.json.error_description).toContain(said);
    });
  }

  const refused: [string, object, string, string?][] = [
    ['no redirect URI', { redirect_uris: undefined }, 'redirect_uris', 'invalid_redirect_uri'],
    [
      'redirect URIs that are a text',
      { redirect_uris: CALLBACK },
      'redirect_uris must be a list',
      'invalid_redirect_uri',
    ],
    [
      'redirect URIs that are numbers',
      { redirect_uris: [7] },
      'redirect_uris must be a list',
      'invalid_redirect_uri',
    ],
    [
      'a software statement',
      { software_statement: 'eyJ.eyJ.sig' },
      'software_statement',
      'unapproved_software_statement',
    ],
    [
      'the implicit flow',
      { response_types: ['id_token'] },
      'response_types must not hold id_token',
    ],
    ['the implicit grant', { grant_types: ['implicit'] }, 'grant_types must not hold implicit'],
    [
      'machine tokens',
      { grant_types: ['client_credentials'], redirect_uris: undefined },
      'client_credentials',
    ],
    [
      'grants and responses that disagree',
      { grant_types: ['refresh_token'], response_types: ['code'] },
      'must agree',
    ],
    ['a scope of an API', { scope: 'openid orders:read' }, 'scope must not hold orders:read'],
    ['a scope of the administration', { scope: 'openid users:write' }, 'users:write'],
    [
      'an unknown way to authenticate',
      { token_endpoint_auth_method: 'client_secret_jwt' },
      'token_endpoint_auth_method',
    ],
    [
      'certificates where there are none',
      { token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_subject_dn: 'CN=x' },
      'certificates',
    ],
    [
      'a key method without a key',
      { token_endpoint_auth_method: 'private_key_jwt' },
      'needs public keys',
    ],
    [
      'unsigned ID tokens',
      { id_token_signed_response_alg: 'none' },
      'id_token_signed_response_alg',
    ],
    [
      'encrypted ID tokens',
      { id_token_encrypted_response_alg: 'RSA-OAEP' },
      'id_token_encrypted_response_alg is not supported',
    ],
    [
      'request_uris',
      { request_uris: ['https://partner.example/r'] },
      'request_uris is not supported',
    ],
    [
      'payments',
      { authorization_details_types: ['payment_initiation'] },
      'authorization_details_types is not supported',
    ],
    ['keys twice', { jwks: { keys: [] }, jwks_uri: 'https://partner.example/jwks' }, 'jwks'],
    ['a plain jwks_uri', { jwks_uri: 'http://partner.example/jwks' }, 'jwks_uri'],
    ['keys of the wrong kind', { jwks: 'none' }, 'jwks'],
    ['a plain policy_uri', { policy_uri: 'http://partner.example/p' }, 'https'],
    ['a script as its page', { client_uri: 'javascript:alert(1)' }, 'https'],
    [
      'a script to begin log-ins',
      { initiate_login_uri: 'javascript:alert(1)' },
      'initiate_login_uri',
    ],
    [
      'a plain log-out address',
      { backchannel_logout_uri: 'http://partner.example/out' },
      'backchannel_logout_uri',
    ],
    ['a number as its name', { client_name: 7 }, 'client_name must be a text'],
    ['a name with a line break', { client_name: 'Two\nlines' }, 'printable'],
    ['a text where true or false belongs', { require_auth_time: 'yes' }, 'require_auth_time'],
    ['a negative age', { default_max_age: -1 }, 'default_max_age'],
    ['a log-in that nobody can reach', { default_acr_values: ['urn:other'] }, 'default_acr_values'],
    ['an unknown kind of subject', { subject_type: 'secret' }, 'subject_type'],
    ['contacts that are none', { contacts: ['call me'] }, 'contacts'],
    ['an unknown kind of application', { application_type: 'robot' }, 'application_type'],
  ];
  for (const [what, changes, said, error = 'invalid_client_metadata'] of refused) {
    test(`is refused with ${what}`, async () => {
      const answer = await registerAt(server, token, { ...GOOD, ...changes });
      expect([answer.status, answer.json.error]).toEqual([400, error]);
      expect(answer.json.error_description).toContain(said);
    });
  }

  test('is refused with a private key, by name', async () => {
    const answer = await registerAt(server, token, { ...GOOD, jwks: { keys: [privateJwk] } });
    expect([answer.status, answer.json.error]).toEqual([400, 'invalid_client_metadata']);
    expect(answer.json.error_description).toContain('public keys only');
  });

  test('is refused with a sector that does not know its addresses, or none that answers', async () => {
    sectorAnswer = ['https://partner.example/another'];
    const own = await initialToken(server);
    const pairwise = { ...GOOD, subject_type: 'pairwise' };
    const failed = 'sector_identifier_uri must be a public https address that answers with';
    for (const [uri, said] of [
      [`${partnerUrl}/sector.json`, failed],
      ['https://10.0.0.1/sector.json', failed],
      ['http://partner.example/sector.json', 'sector_identifier_uri must be an https address'],
      ['http://localhost/sector.json', 'sector_identifier_uri must be an https address'],
    ]) {
      const metadata = { ...pairwise, sector_identifier_uri: uri };
      const answer = await registerAt(server, own.token, metadata);
      expect([answer.status, answer.json.error]).toEqual([400, 'invalid_client_metadata']);
      expect(answer.json.error_description).toContain(said);
    }
    const rows = await database.query(
      'SELECT clients, window_clients FROM registration_tokens WHERE id = $1',
      [own.id],
    );
    // It called somebody: that counts in its hour, though nothing was registered.
    expect(rows).toEqual([{ clients: 0, window_clients: 2 }]);
  });

  test('is refused when the body is anything but one sound JSON object', async () => {
    const deep = `{"redirect_uris":["${CALLBACK}"],"x":${'['.repeat(30)}${']'.repeat(30)}}`;
    const bodies: [string, string][] = [
      ['{"redirect_uris":', 'not valid JSON'],
      ['', 'not valid JSON'],
      ['[]', 'one JSON object'],
      ['null', 'one JSON object'],
      ['"text"', 'one JSON object'],
      [deep, 'nested deeper than 20'],
      [
        `{"redirect_uris":["${CALLBACK}"],"redirect_uris":["https://evil.com/cb"]}`,
        'redirect_uris stands twice',
      ],
      [
        `{"redirect_uris":["${CALLBACK}"],"redirect\\u005furis":["https://evil.com/cb"]}`,
        'redirect_uris stands twice',
      ],
    ];
    for (const [body, said] of bodies) {
      const answer = await registerAt(server, token, body);
      expect([body, answer.status]).toEqual([body, 400]);
      expect(answer.json.error).toBe('invalid_client_metadata');
      expect(answer.json.error_description).toContain(said);
    }
    const large = { ...GOOD, x: 'x'.repeat(60_000) };
    expect((await registerAt(server, token, large)).status).toBe(413);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await registerAt(server, token, 'redirect_uris=x', form)).status).toBe(415);
  });

  test('cannot be called what the shop is called, nor anything that looks like it', async () => {
    await register(server, 'oakfield', [
      ...[
        '--name',
        'Oakfield Märkte',
        '--redirect-uri',
        'https://oakfield.example/cb',
        '--first-party',
      ],
    ]);
    const names = [
      'Oakfield Märkte',
      'OAKFIELD  MARKTE',
      'oakfie1d märkte',
      'Оakfield Märkte',
      'Oakfield​Märkte',
      'Ｏａｋｆｉｅｌｄ Märkte.',
      'Oakfield‮Märkte',
      '...',
    ];
    for (const name of names) {
      const answer = await registerAt(server, token, { ...GOOD, client_name: name });
      expect([name, answer.status, answer.json.error]).toEqual([
        name,
        400,
        'invalid_client_metadata',
      ]);
      expect(answer.json.error_description).toContain('client_name');
    }
    await registered({ ...GOOD, client_name: 'Oakfield Märkte, a fan’s page' });
  });

  test('gets the API scopes, grants and profile that its token allows, and no others', async () => {
    const args = ['--allow', `${CATALOG}=catalog:read`, '--grant-type', 'client_credentials'];
    const { json } = await registered({ grant_types: ['client_credentials'] }, ...args);
    expect(json).toMatchObject({ scope: 'catalog:read', response_types: [], redirect_uris: [] });
    const pair = { client_id: String(json.client_id), client_secret: String(json.client_secret) };
    const machine = (resource: string, scope = 'catalog:read') =>
      post(
        server,
        '/oauth2/token',
        { grant_type: 'client_credentials', resource, scope },
        { authorization: basic(pair) },
      );
    expect((await machine(CATALOG)).json.scope).toBe('catalog:read');
    expect((await machine(CATALOG, 'catalog:write')).json.error).toBe('invalid_scope');
    expect((await machine(ORDERS)).json.error).toBe('invalid_target');
    expect((await machine('urn:latchkey:admin')).json.error).toBe('invalid_target');
  });
});

describe('a registered client', () => {
  test('made by openid-client, logs somebody in, who is asked first', async () => {
    const own = await initialToken(server);
    const config = await oidc.dynamicClientRegistration(
      new URL(server.issuer),
      { ...GOOD, client_name: 'Fernhill Reports', require_auth_time: true },
      undefined,
      { initialAccessToken: own.token, execute: [oidc.allowInsecureRequests] },
    );
    const { client_id: id } = config.clientMetadata();
    expect(config.clientMetadata()).toMatchObject({ client_name: 'Fernhill Reports' });

    const browser = openBrowser(server);
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: CALLBACK,
      scope: 'openid email',
      state: 'st',
      code_challenge: PROOF.challenge,
      code_challenge_method: 'S256',
    });
    const shopper = server.demo.users.shopper as { email: string; password: string };
    let page = await follow(browser, server, await browser.get(url.href));
    page = await follow(browser, server, await submitLogin(browser, page, shopper));
    expect(page.body).toContain('Fernhill Reports');
    const consent = page.body.match(/action="([^"]*\/consent)"/)?.[1] ?? '';
    const csrf = hiddenField(page.body, 'csrf');
    const reply = await follow(browser, server, await browser.post(consent, { csrf }));
    const tokens = await oidc.authorizationCodeGrant(config, new URL(reply.location ?? ''), {
      pkceCodeVerifier: PROOF.verifier,
      expectedState: 'st',
    });
    expect(tokens.claims()).toMatchObject({ aud: id, auth_time: expect.any(Number) });
    const userinfo = await oidc.fetchUserInfo(
      config,
      tokens.access_token,
      tokens.claims()?.sub ?? '',
    );
    expect(userinfo.email).toBe(shopper.email);

    const listed = await command(server, 'clients', 'list');
    expect(listed.split('\n').find((line) => line.startsWith(id))).toMatch(/itself$/);
    expect(listed).toMatch(/demo-storefront.*an operator/);

    const asked = await server.cli(['clients', 'delete', id]);
    expect([asked.code, asked.stderr]).toEqual([1, expect.stringContaining('--yes')]);
    const kept = await server.cli(['clients', 'delete', 'demo-storefront', '--yes']);
    expect([kept.code, kept.stderr]).toEqual([1, expect.stringContaining('disable it instead')]);
    await command(server, 'clients', 'delete', id, '--yes', '--reason', 'no longer a partner');
    const dead = await fetch(`${server.issuer}/oauth2/userinfo`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    });
    expect(dead.status).toBe(401);
  });

  test('made by oauth4webapi, passes every check of its', async () => {
    const own = await initialToken(server);
    const issuer = new URL(server.issuer);
    const insecure = { [oauth.allowInsecureRequests]: true };
    const as = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, insecure),
    );
    const client = await oauth.processDynamicClientRegistrationResponse(
      await oauth.dynamicClientRegistrationRequest(as, GOOD, {
        ...insecure,
        initialAccessToken: own.token,
      }),
    );
    expect(client.redirect_uris).toEqual([CALLBACK]);
    expect(client.client_secret_expires_at).toBe(0);
  });

  test('reads itself with its own token, and nobody else does', async () => {
    const answer = await registered(GOOD);
    const { uri, access } = managementOf(answer);
    const read = await sendMetadata(uri, access, undefined, { method: 'GET' });
    const { client_secret: _once, client_secret_expires_at: _end, ...rest } = answer.json;
    expect([read.status, read.json]).toEqual([200, rest]);

    const other = managementOf(await registered(GOOD));
    const nowhere = `${server.issuer}/oauth2/register/6b0c0000-0000-4000-8000-000000000000`;
    const strange = [
      [uri, other.access],
      [uri, undefined],
      [nowhere, access],
      [`${server.issuer}/oauth2/register/demo-storefront`, access],
      [uri, token],
    ] as const;
    for (const [at, value] of strange) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const body = method === 'PUT' ? GOOD : undefined;
        const asked = { method, headers: newNetwork() };
        const { status, json } = await sendMetadata(at, value, body, asked);
        expect([at, method, status, json.error]).toEqual([at, method, 401, 'invalid_token']);
      }
    }
  });

  test('replaces itself whole: what it leaves out gets its default, and its token is another', async () => {
    const answer = await registered({ ...GOOD, policy_uri: 'https://partner.example/p' });
    const { uri, access } = managementOf(answer);
    const { client_id: id, client_secret: secret } = answer.json;
    const next = {
      client_id: id,
      client_secret: secret,
      redirect_uris: ['https://partner.example/new'],
      client_name: 'Fernhill, renamed',
    };
    const replaced = await sendMetadata(uri, access, next, { method: 'PUT' });
    expect(replaced.status).toBe(200);
    expect(replaced.json).toMatchObject({
      client_id: id,
      client_id_issued_at: answer.json.client_id_issued_at,
      client_name: 'Fernhill, renamed',
      redirect_uris: ['https://partner.example/new'],
      grant_types: ['authorization_code'],
      registration_client_uri: uri,
    });
    expect(replaced.json).not.toHaveProperty('policy_uri');
    const newer = String(replaced.json.registration_access_token);
    expect(newer).not.toBe(access);
    const late = { headers: newNetwork(), method: 'GET' };
    expect((await sendMetadata(uri, access, undefined, late)).status).toBe(401);
    expect((await sendMetadata(uri, newer, undefined, { method: 'GET' })).status).toBe(200);
    // The secret still counts, as the token endpoint tells: the code is wrong, the client right.
    const pair = { client_id: String(id), client_secret: String(secret) };
    const grant = {
      grant_type: 'authorization_code',
      code: 'x',
      redirect_uri: 'x',
      code_verifier: PROOF.verifier,
    };
    const used = await post(server, '/oauth2/token', grant, { authorization: basic(pair) });
    expect(used.json.error).toBe('invalid_grant');
  });

  test('cannot make itself somebody else, nor more than its token allowed', async () => {
    const answer = await registered(GOOD);
    const { uri, access } = managementOf(answer);
    const own = { ...GOOD, client_id: answer.json.client_id };
    for (const [changes, said] of [
      [{ client_id: 'demo-storefront' }, 'client_id'],
      [{ client_id: undefined }, 'client_id'],
      [{ client_secret: 'my own choice' }, 'client_secret'],
      [{ registration_access_token: access }, 'registration_access_token must not be sent'],
      [{ client_id_issued_at: 1 }, 'client_id_issued_at must not be sent'],
      [{ scope: 'openid orders:read' }, 'scope'],
      [{ grant_types: ['client_credentials'] }, 'grant_types'],
      [{ client_name: 'ALDER & Оak' }, 'client_name'],
      [{ redirect_uris: ['http://evil.com/cb'] }, 'must be https'],
    ] as const) {
      const put = await sendMetadata(uri, access, { ...own, ...changes }, { method: 'PUT' });
      expect([changes, put.status]).toEqual([changes, 400]);
      expect(put.json.error_description).toContain(said);
    }
    const whole = await sendMetadata(uri, access, own, { method: 'PUT' });
    expect(whole.status).toBe(200);
  });

  test('changes itself twenty times an hour, and then has to wait', async () => {
    const answer = await registered(GOOD);
    const own = { ...GOOD, client_id: answer.json.client_id };
    const { uri } = managementOf(answer);
    let { access } = managementOf(answer);
    for (let turn = 0; turn < 20; turn += 1) {
      const put = await sendMetadata(uri, access, own, { method: 'PUT' });
      expect(put.status).toBe(200);
      ({ access } = managementOf(put));
    }
    const over = await sendMetadata(uri, access, own, { method: 'PUT' });
    expect([over.status, Number(over.headers.get('retry-after'))]).toEqual([429, 3_600]);
    expect((await sendMetadata(uri, access, undefined, { method: 'GET' })).status).toBe(200);
  });

  test('that turns to keys loses its secret, and gets one when it turns back', async () => {
    const answer = await registered(GOOD);
    const { uri, access } = managementOf(answer);
    const own = { ...GOOD, client_id: answer.json.client_id };
    const keys = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } };
    const first = await sendMetadata(uri, access, { ...own, ...keys }, { method: 'PUT' });
    expect([first.status, first.json.client_secret]).toEqual([200, undefined]);
    const second = await sendMetadata(uri, managementOf(first).access, own, { method: 'PUT' });
    expect(second.json.client_secret).toMatch(/^[\w-]{43}$/);
    expect(second.json.client_secret).not.toBe(answer.json.client_secret);
  });

  test('keeps what only an operator sets', async () => {
    const answer = await registered(GOOD);
    const { uri, access } = managementOf(answer);
    const id = String(answer.json.client_id);
    await command(server, 'clients', 'configure', id, '--refresh-absolute', '3600');
    await command(server, 'clients', 'grant', id, ORDERS, 'orders:read');
    const own = { ...GOOD, client_id: id };
    expect((await sendMetadata(uri, access, own, { method: 'PUT' })).status).toBe(200);
    const rows = await database.query(
      `SELECT c.refresh_absolute_seconds AS seconds, g.scopes
         FROM clients c JOIN client_grants g ON g.client_id = c.id WHERE c.id = $1`,
      [id],
    );
    expect(rows).toEqual([{ seconds: 3600, scopes: ['orders:read'] }]);
  });

  test('that an operator has disabled is told so, and nobody else is', async () => {
    const answer = await registered(GOOD);
    const { uri, access } = managementOf(answer);
    await command(server, 'clients', 'disable', String(answer.json.client_id));
    const own = { ...GOOD, client_id: answer.json.client_id };
    for (const [method, body] of [
      ['GET', undefined],
      ['PUT', own],
      ['DELETE', undefined],
    ] as const) {
      const { status } = await sendMetadata(uri, access, body, { method });
      expect([method, status]).toEqual([method, 403]);
      const wrong = { method, headers: newNetwork() };
      expect((await sendMetadata(uri, 'wrong', body, wrong)).status).toBe(401);
    }
  });

  test('takes itself away, with everything that was issued to it', async () => {
    const args = ['--allow', `${CATALOG}=catalog:read`, '--grant-type', 'client_credentials'];
    const answer = await registered({ grant_types: ['client_credentials'] }, ...args);
    const { uri, access } = managementOf(answer);
    const { client_id, client_secret } = answer.json as Record<string, string>;
    const authorization = basic({
      client_id: String(client_id),
      client_secret: String(client_secret),
    });
    const grant = { grant_type: 'client_credentials', resource: CATALOG };
    expect((await post(server, '/oauth2/token', grant, { authorization })).status).toBe(200);

    const gone = await sendMetadata(uri, access, undefined, { method: 'DELETE' });
    expect([gone.status, gone.text]).toEqual([204, '']);
    await expect
      .poll(async () => (await post(server, '/oauth2/token', grant, { authorization })).json.error)
      .toBe('invalid_client');
    const again = { method: 'DELETE', headers: newNetwork() };
    expect((await sendMetadata(uri, access, undefined, again)).status).toBe(401);
  });

  test('leaves a trail of who did what', async () => {
    const own = await initialToken(server);
    const answer = await registerAt(server, own.token, GOOD);
    const id = String(answer.json.client_id);
    const { uri, access } = managementOf(answer);
    const put = await sendMetadata(uri, access, { ...GOOD, client_id: id }, { method: 'PUT' });
    await sendMetadata(uri, managementOf(put).access, undefined, { method: 'DELETE' });
    const rows = await database.query(
      'SELECT event, actor_kind, actor_id FROM audit_events WHERE client_id = $1 ORDER BY id',
      [id],
    );
    expect(rows).toEqual([
      { event: 'client_registered', actor_kind: 'registration-token', actor_id: own.id },
      { event: 'client_changed', actor_kind: 'client', actor_id: id },
      { event: 'client_deleted', actor_kind: 'client', actor_id: id },
    ]);
  });

  test('is known to the database by digests alone', async () => {
    const own = await initialToken(server);
    const { json } = await registerAt(server, own.token, GOOD);
    const tables = [
      'registration_tokens',
      'client_registrations',
      'clients',
      'client_secrets',
      'audit_events',
    ];
    let dump = '';
    for (const table of tables) {
      const rows = await database.query(`SELECT t::text AS line FROM ${table} t`);
      dump += rows.map(({ line }) => String(line)).join('\n');
    }
    for (const value of [own.token, json.registration_access_token, json.client_secret].map(
      String,
    )) {
      expect(dump).not.toContain(value);
      expect(dump).not.toContain(Buffer.from(value).toString('hex'));
      expect(dump).not.toContain(Buffer.from(value, 'base64url').toString('hex'));
    }
    for (const value of [own.token, json.registration_access_token].map(String)) {
      expect(dump).toContain(
        Buffer.from(
          await crypto.subtle.digest('SHA-256', new TextEncoder().encode(value)),
        ).toString('hex'),
      );
    }
  });
});
