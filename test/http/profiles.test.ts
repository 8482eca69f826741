/** What a client's profile makes of the protocol: FAPI 2.0, and one that cannot do PKCE. */
import { randomUUID } from 'node:crypto';
import { decodeJwt, generateKeyPair } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { growLogin } from '../support/account.js';
import { type Operator, openOperator } from '../support/operator.js';
import {
  type Answer,
  answerOf,
  authorizeUrl,
  basic,
  CATALOG,
  type Database,
  encode,
  type Fields,
  openDatabase,
  PROOF,
  post,
  redemption,
  requestFields,
  walk,
} from '../support/protocol.js';
import { CALM, startServer, type TestServer } from '../support/server.js';
import { type Browser, openBrowser } from '../support/shopper.js';
import {
  discoveryOf,
  fileOf,
  jwtBy,
  libraryFor,
  named,
  newSigner,
  type Signer,
  seconds,
  signing,
} from '../support/signers.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const BANK = 'https://bank.example/cb';
const CALLBACK = 'http://localhost:4000/callback';
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const FAPI = ['--profile', 'fapi2', '--auth', 'private_key_jwt', '--require-par', '--dpop'];
const BANKING = ['--first-party', '--scope', 'openid offline_access', '--redirect-uri', BANK];

let server: TestServer;
let operator: Operator;
let database: Database;
let browser: Browser;
let signer: Signer;
let legacy: { client_id: string; client_secret: string };

beforeAll(async () => {
  server = await startServer({ env: CALM });
  operator = openOperator(server);
  database = await openDatabase(server);
  browser = openBrowser(server);
  await walk(server, authorizeUrl(), { browser });
  signer = await newSigner();
  const metadata = { authorization_signed_response_alg: 'ES256' };
  await operator.register('bank', [...FAPI, ...BANKING, ...signing({ signer, metadata })]);
  legacy = await operator.register('old-shop', [
    ...['--profile', 'legacy', '--first-party', '--redirect-uri', CALLBACK, '--scope', 'openid'],
  ]);
});
afterAll(async () => {
  await database.close();
  await operator.close();
  await server.stop();
});

/** An assertion of the bank's, with changes. */
const assertion = (claims: Record<string, unknown> = {}, header = {}, by = signer) =>
  jwtBy(
    by,
    {
      iss: 'bank',
      sub: 'bank',
      aud: server.issuer,
      jti: randomUUID(),
      iat: seconds(),
      exp: seconds(60),
      ...claims,
    },
    header,
  );
const asBank = async (jwt?: string): Promise<Fields> => ({
  client_assertion_type: ASSERTION,
  client_assertion: jwt ?? (await assertion()),
});
const bankRequest = (changes: Fields = {}) =>
  requestFields({ client_id: 'bank', redirect_uri: BANK, ...changes });

/** Pushes a request of the bank's and comes back with its code. */
async function bankCode(changes: Fields = {}): Promise<string> {
  const pushed = await post(server, '/oauth2/par', {
    ...bankRequest(changes),
    ...(await asBank()),
  });
  const { request_uri } = pushed.json as { request_uri: string };
  const query = encode({ client_id: 'bank', request_uri });
  const { callback } = await walk(server, `/oauth2/authorize?${query}`, { browser });
  return callback.searchParams.get('code') ?? '';
}

describe('a fapi2 client', () => {
  test('pushes, proves, gets bound tokens and keeps its refresh token', async () => {
    const config = await libraryFor(server, 'bank', oidc.PrivateKeyJwt(signer.key), {
      authorization_signed_response_alg: 'ES256',
    });
    oidc.useJwtResponseMode(config);
    const keys = await oidc.randomDPoPKeyPair('ES256');
    const DPoP = oidc.getDPoPHandle(config, keys);
    const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
    const [expectedState, expectedNonce] = [oidc.randomState(), oidc.randomNonce()];
    const parameters = {
      redirect_uri: BANK,
      scope: 'openid offline_access',
      state: expectedState,
      nonce: expectedNonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    };
    const url = await oidc.buildAuthorizationUrlWithPAR(config, parameters, { DPoP });
    expect([...url.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);
    const { callback } = await walk(server, url.href, { browser });
    const checks = { pkceCodeVerifier, expectedState, expectedNonce };
    const tokens = await oidc.authorizationCodeGrant(config, callback, checks, {}, { DPoP });
    expect(tokens.token_type).toBe('dpop');
    const claims = tokens.claims();
    expect(claims).toMatchObject({ aud: 'bank', iss: server.issuer });
    const subject = claims?.sub ?? '';
    expect(await oidc.fetchUserInfo(config, tokens.access_token, subject, { DPoP })).toMatchObject({
      sub: subject,
    });

    // Twice with the same refresh token: a lost answer does not lose the log-in.
    const { refresh_token: refreshToken = '' } = tokens;
    for (const time of ['first', 'second']) {
      const renewed = await oidc.refreshTokenGrant(config, refreshToken, {}, { DPoP });
      expect(renewed.token_type, time).toBe('dpop');
      expect(renewed.refresh_token ?? refreshToken, time).toBe(refreshToken);
    }
    // Its thief has no key: neither the token's nor the client's.
    const bearer = await fetch(`${server.issuer}/oauth2/userinfo`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    });
    expect(bearer.status).toBe(401);
    const stolen = { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: 'bank' };
    expect(await post(server, '/oauth2/token', stolen)).toMatchObject({ status: 401 });
  });

  test('is asked for a nonce of ours in its proofs', async () => {
    const keys = await generateKeyPair('ES256');
    const config = await libraryFor(server, 'bank', oidc.PrivateKeyJwt(signer.key));
    const seen: number[] = [];
    config[oidc.customFetch] = async (url, options) => {
      const response = await fetch(url, options as RequestInit);
      if (url.endsWith('/token')) seen.push(response.status);
      return response;
    };
    const DPoP = oidc.getDPoPHandle(config, keys as never);
    const callback = new URL(`${BANK}?code=${await bankCode()}&iss=${server.issuer}&state=st`);
    const checks = { pkceCodeVerifier: PROOF.verifier, expectedState: 'st' };
    await oidc.authorizationCodeGrant(config, callback, checks, {}, { DPoP });
    expect(seen).toEqual([400, 200]);
  });

  test('may not come with a request that was not pushed', async () => {
    const reply = await openBrowser(server).get(`/oauth2/authorize?${encode(bankRequest())}`);
    expect(Object.fromEntries(new URL(reply.location ?? '').searchParams)).toMatchObject({
      error: 'invalid_request',
      error_description: 'Pushed Authorization Request must be used',
      state: 'st',
      iss: server.issuer,
    });
  });

  test.each<[string, Fields]>([
    ['a code challenge', { code_challenge: undefined, code_challenge_method: undefined }],
    ['S256', { code_challenge_method: 'plain' }],
    ['a redirect URI', { redirect_uri: undefined }],
  ])('may not push without %s', async (_what, changes) => {
    const fields = { ...bankRequest(changes), ...(await asBank()) };
    expect(await post(server, '/oauth2/par', fields)).toMatchObject({
      status: 400,
      json: { error: 'invalid_request' },
    });
  });

  test('may not push without proving who it is', async () => {
    expect(await post(server, '/oauth2/par', bankRequest())).toMatchObject({
      status: 401,
      json: { error: 'invalid_client' },
    });
  });

  test.each<[string, () => Promise<string>]>([
    ['for the token endpoint', () => assertion({ aud: `${server.issuer}/oauth2/token` })],
    ['for a list of audiences', () => assertion({ aud: [server.issuer] })],
    ['from the future', () => assertion({ iat: seconds(90), exp: seconds(120) })],
    ['without an end', () => assertion({ exp: undefined })],
    ['with its own key', () => assertion({}, { jwk: signer.jwks.keys[0] })],
    ['by another key', async () => assertion({}, {}, await newSigner())],
    ['under RS256', async () => assertion({}, {}, await newSigner('RS256'))],
  ])('may not authenticate with an assertion %s', async (_what, make) => {
    const fields = { ...bankRequest(), ...(await asBank(await make())) };
    expect(await post(server, '/oauth2/par', fields)).toMatchObject({
      status: 401,
      json: { error: 'invalid_client' },
    });
  });

  const redeem = async (code: string): Promise<Answer> =>
    post(server, '/oauth2/token', {
      ...redemption(code, { client_id: undefined, redirect_uri: BANK }),
      ...(await asBank()),
    });

  test('never gets a bearer token', async () => {
    const answer = await redeem(await bankCode());
    expect(answer).toMatchObject({ status: 400, json: { error: 'invalid_grant' } });
  });

  test('stays bound when somebody loosens its settings in the database', async () => {
    await operator.register('loose', [...FAPI, ...BANKING, ...signing({ signer })]);
    await database.query(
      `UPDATE clients SET dpop_bound_access_tokens = false, require_pushed_requests = false
        WHERE id = 'loose'`,
    );
    const query = encode(bankRequest({ client_id: 'loose' }));
    const reply = await openBrowser(server).get(`/oauth2/authorize?${query}`);
    expect(reply.location).toContain('error=invalid_request');
    const [row] = await database.query("SELECT profile FROM clients WHERE id = 'loose'");
    expect(row?.profile).toBe('fapi2');
  });
});

describe('registration', () => {
  const refused = async (...args: string[]): Promise<string> => {
    const done = await operator.run('clients', 'create', 'refused', '--name', 'Refused', ...args);
    expect(done.code).toBe(1);
    return done.stderr;
  };

  test('names everything that a fapi2 client would violate', async () => {
    const metadata = fileOf({ userinfo_signed_response_alg: 'RS256' });
    const said = await refused(
      ...['--profile', 'fapi2', '--redirect-uri', CALLBACK, '--scope', 'openid'],
      ...['--id-token-alg', 'RS256', '--metadata', metadata],
    );
    for (const fault of [
      'authenticates with private_key_jwt, tls_client_auth or self_signed_tls_client_auth',
      'has to push its authorization requests',
      'needs access tokens bound to a DPoP key or to a certificate',
      'id_token_signed_response_alg of a fapi2 client must be ES256, EdDSA or PS256, not RS256',
      'userinfo_signed_response_alg of a fapi2 client must be ES256, EdDSA or PS256, not RS256',
      `The redirect URI ${CALLBACK} of a fapi2 client must be https`,
    ]) {
      expect(said).toContain(fault);
    }
  });

  test('lets no public client do without PKCE', async () => {
    const args = ['--profile', 'legacy', '--auth', 'none', '--redirect-uri', CALLBACK];
    expect(await refused(...args)).toContain('A legacy client must authenticate');
  });

  test('cannot be got round by a change afterwards', async () => {
    const done = await operator.run('clients', 'configure', 'bank', '--dpop', 'off');
    expect(done).toMatchObject({ code: 1 });
    expect(done.stderr).toContain('bound to a DPoP key or to a certificate');
    const moved = await operator.run(
      'clients',
      'configure',
      'demo-storefront',
      '--profile',
      'fapi2',
    );
    expect(moved.code).toBe(1);
  });
});

describe('a legacy client', () => {
  const plain = { code_challenge: undefined, code_challenge_method: undefined };
  const redeem = (code: string, changes: Fields = {}) =>
    post(
      server,
      '/oauth2/token',
      redemption(code, { client_id: undefined, code_verifier: undefined, ...changes }),
      { authorization: basic(legacy) },
    );
  const codeFor = async (changes: Fields) => {
    const url = authorizeUrl({ client_id: 'old-shop', ...changes });
    const { callback } = await walk(server, url, { browser });
    return callback.searchParams.get('code') ?? '';
  };

  test('logs in without PKCE', async () => {
    const { json } = await redeem(await codeFor(plain));
    expect(decodeJwt(json.id_token as string).aud).toBe('old-shop');
  });

  test('is held to its proof key once it sends one, and cannot invent one later', async () => {
    expect((await redeem(await codeFor({}))).json.error).toBe('invalid_grant');
    const wrong = { code_verifier: 'x'.repeat(43) };
    expect((await redeem(await codeFor({}), wrong)).json.error).toBe('invalid_grant');
    const invented = { code_verifier: PROOF.verifier };
    expect((await redeem(await codeFor(plain), invented)).json.error).toBe('invalid_grant');
    expect((await redeem(await codeFor({}), invented)).status).toBe(200);
  });

  test('is the only one: everybody else is refused without a challenge', async () => {
    for (const id of ['demo-storefront', 'demo-backend']) {
      const known = server.demo.clients;
      const client = Object.values(known).find(({ client_id }) => client_id === id);
      if (!client?.redirect_uris?.[0]) continue;
      const query = { client_id: id, redirect_uri: client.redirect_uris[0], ...plain };
      const reply = await openBrowser(server).get(authorizeUrl(query));
      expect(reply.location, id).toContain('error=invalid_request');
    }
  });
});

describe('every way to authenticate that discovery lists', () => {
  test('works, with every algorithm it lists for assertions', async () => {
    const {
      token_endpoint_auth_methods_supported: methods = [],
      token_endpoint_auth_signing_alg_values_supported: algs = [],
    } = await discoveryOf(server);
    expect(algs.length).toBeGreaterThanOrEqual(3);
    const machine = ['--grant-type', 'client_credentials', '--allow', `${CATALOG}=catalog:read`];
    const tokenFor = async (id: string, auth: oidc.ClientAuth) => {
      const config = await libraryFor(server, id, auth);
      const { access_token } = await oidc.clientCredentialsGrant(config, { resource: CATALOG });
      expect(access_token, id).toBeTruthy();
    };
    const tried: Record<string, () => Promise<void>> = {
      async none() {
        await walk(server, authorizeUrl(), { browser });
      },
      async client_secret_basic() {
        const { client_id, client_secret } = await operator.register('by-basic', machine);
        await tokenFor(client_id, oidc.ClientSecretBasic(client_secret));
      },
      async client_secret_post() {
        const args = [...machine, '--auth', 'client_secret_post'];
        const { client_id, client_secret } = await operator.register('by-post', args);
        await tokenFor(client_id, oidc.ClientSecretPost(client_secret));
      },
      async private_key_jwt() {
        for (const alg of algs) {
          const by = await newSigner(alg);
          const id = `by-${alg.toLowerCase()}`;
          const metadata = { token_endpoint_auth_signing_alg: alg };
          const args = [
            ...machine,
            '--auth',
            'private_key_jwt',
            ...signing({ signer: by, metadata }),
          ];
          await operator.register(id, args);
          await tokenFor(id, oidc.PrivateKeyJwt({ key: by.key, kid: by.kid }, named(by)));
        }
      },
    };
    for (const method of methods) {
      // Certificates need a TLS server; they have tests of their own.
      if (method.endsWith('tls_client_auth')) continue;
      const attempt = tried[method];
      if (!attempt) throw new Error(`${method} is listed, and nobody has tried it`);
      await attempt();
    }
  });

  test('and proofs of possession are taken with every algorithm it lists', async () => {
    const { dpop_signing_alg_values_supported: algs = [] } = await discoveryOf(server);
    expect(algs.length).toBeGreaterThanOrEqual(3);
    const args = ['--allow', `${CATALOG}=catalog:read`, '--dpop'];
    const { client_id, client_secret } = await operator.register('by-proof', args);
    for (const alg of algs) {
      const config = await libraryFor(server, client_id, oidc.ClientSecretBasic(client_secret));
      const keys = await generateKeyPair(alg, { extractable: true });
      const DPoP = oidc.getDPoPHandle(config, keys as never, named({ alg } as Signer));
      const { token_type } = await oidc.clientCredentialsGrant(
        config,
        { resource: CATALOG },
        { DPoP },
      );
      expect(token_type, alg).toBe('dpop');
    }
  });
});

describe('what a client is registered to ask always', () => {
  const shop = async (id: string, metadata: Record<string, unknown>) => {
    await operator.register(id, [
      ...['--auth', 'none', '--first-party', '--redirect-uri', CALLBACK, '--scope', 'openid'],
      ...signing({ metadata }),
    ]);
    return async (changes: Fields = {}) => {
      const url = authorizeUrl({ client_id: id, ...changes });
      const { callback, reply } = await walk(server, url, { browser });
      const code = callback.searchParams.get('code') ?? '';
      const { json } = await post(server, '/oauth2/token', redemption(code, { client_id: id }));
      return { reply, claims: decodeJwt(json.id_token as string) };
    };
  };

  test('default_max_age: an old log-in is renewed, and says when it was', async () => {
    const logIn = await shop('wary-shop', { default_max_age: 300 });
    const first = await logIn();
    await growLogin(database, String(first.claims.sub), 301);
    // Still signed in for everybody else…
    const silent = await browser.get(authorizeUrl({ prompt: 'none' }));
    expect(silent.location).toContain('code=');
    // …and asked again here.
    const page = await browser.get(authorizeUrl({ client_id: 'wary-shop', prompt: 'none' }));
    expect(page.location).toContain('error=login_required');
    const second = await logIn();
    expect(Number(second.claims.auth_time)).toBeGreaterThan(Number(first.claims.auth_time));
  });

  test('require_auth_time: the ID token says when the log-in was', async () => {
    const logIn = await shop('timed-shop', { require_auth_time: true });
    expect((await logIn()).claims.auth_time).toBeTypeOf('number');
  });

  test('default_acr_values: the log-in reaches the class, or the client is told', async () => {
    await shop('strong-shop', { default_acr_values: ['urn:latchkey:acr:2'] });
    const url = authorizeUrl({ client_id: 'strong-shop', prompt: 'none' });
    const weak = await answerOf(
      await fetch(server.issuer + url, { redirect: 'manual', headers: { accept: 'text/html' } }),
    );
    expect(weak.headers.get('location')).toContain('error=login_required');
    const done = await operator.run(
      ...['clients', 'create', 'odd-shop', '--name', 'Odd', '--redirect-uri', CALLBACK],
      ...['--metadata', fileOf({ default_acr_values: ['urn:nobody'] })],
    );
    expect(done).toMatchObject({ code: 1 });
    expect(done.stderr).toContain('default_acr_values must be a list of urn:latchkey:acr:1');
  });
});
