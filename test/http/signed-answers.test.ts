/** Answers an API or a client can keep as evidence: signed userinfo and introspection (RFC 9701). */
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Operator, openOperator } from '../support/operator.js';
import { basic, type Fields, freshCode, ORDERS, post, redemption } from '../support/protocol.js';
import { CALM, startServer, type TestServer } from '../support/server.js';
import { type Browser, demoClient, openBrowser } from '../support/shopper.js';
import { discoveryOf, libraryFor, signing } from '../support/signers.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const CALLBACK = 'http://localhost:4000/callback';
const INTROSPECTION = 'application/token-introspection+jwt';

let server: TestServer;
let operator: Operator;
let browser: Browser;

beforeAll(async () => {
  server = await startServer({ env: CALM });
  operator = openOperator(server);
  browser = openBrowser(server);
});
afterAll(async () => {
  await operator.close();
  await server.stop();
});

/** Tokens of the shopper for a public client. */
async function tokensOf(clientId: string, changes: Fields = {}): Promise<Record<string, string>> {
  const { code } = await freshCode(server, { client_id: clientId, ...changes }, { browser });
  const { resource } = changes;
  const fields = redemption(code, { client_id: clientId, resource });
  const { json } = await post(server, '/oauth2/token', fields);
  return json as Record<string, string>;
}

async function verified(jwt: string, audience: string) {
  const keys = createRemoteJWKSet(new URL(`${server.issuer}/oauth2/jwks`));
  return (await jwtVerify(jwt, keys, { issuer: server.issuer, audience })).payload;
}

describe('userinfo', () => {
  test('is signed with each algorithm that discovery lists', async () => {
    const { userinfo_signing_alg_values_supported: algs } = await discoveryOf(server);
    expect(algs?.length).toBeGreaterThanOrEqual(3);
    for (const alg of algs ?? []) {
      const id = `told-${alg.toLowerCase()}`;
      await operator.register(id, [
        ...['--auth', 'none', '--first-party', '--redirect-uri', CALLBACK],
        ...['--scope', 'openid email'],
        ...signing({ metadata: { userinfo_signed_response_alg: alg } }),
      ]);
      const { access_token: token = '' } = await tokensOf(id, { scope: 'openid email' });
      const config = await libraryFor(server, id, oidc.None(), {
        userinfo_signed_response_alg: alg,
      });
      const info = await oidc.fetchUserInfo(config, token, oidc.skipSubjectCheck);
      expect(info, alg).toMatchObject({
        email: server.demo.users.shopper?.email,
        iss: server.issuer,
        aud: id,
      });
      const answer = await fetch(`${server.issuer}/oauth2/userinfo`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(answer.headers.get('content-type')).toContain('application/jwt');
      expect(decodeProtectedHeader(await answer.text()).alg).toBe(alg);
    }
  });

  test('is plain for a client that is not registered for it', async () => {
    const { access_token: token } = await tokensOf('demo-storefront');
    const answer = await fetch(`${server.issuer}/oauth2/userinfo`, {
      headers: { authorization: `Bearer ${token}`, accept: 'application/jwt' },
    });
    expect(answer.headers.get('content-type')).toContain('application/json');
    expect(await answer.json()).toHaveProperty('sub');
  });
});

describe('introspection', () => {
  const ask = (token: string, accept: string, as = 'orders_api') =>
    post(
      server,
      '/oauth2/introspect',
      { token },
      { authorization: basic(demoClient(server, as)), accept },
    );

  test('is signed with each algorithm that discovery lists', async () => {
    const { introspection_signing_alg_values_supported: algs } = await discoveryOf(server);
    expect(algs?.length).toBeGreaterThanOrEqual(3);
    const { access_token: token = '' } = await tokensOf('demo-storefront', {
      scope: 'openid orders:read',
      resource: ORDERS,
    });
    for (const alg of algs ?? []) {
      const id = `api-${alg.toLowerCase()}`;
      const { client_secret: secret } = await operator.register(id, [
        ...['--audience', ORDERS],
        ...signing({ metadata: { introspection_signed_response_alg: alg } }),
      ]);
      const auth = oidc.ClientSecretBasic(secret);
      const config = await libraryFor(server, id, auth, {
        introspection_signed_response_alg: alg,
      });
      expect(await oidc.tokenIntrospection(config, token), alg).toMatchObject({
        active: true,
        scope: 'orders:read',
        client_id: 'demo-storefront',
      });
      const { text } = await post(
        server,
        '/oauth2/introspect',
        { token },
        { authorization: basic({ client_id: id, client_secret: secret }), accept: INTROSPECTION },
      );
      const header = decodeProtectedHeader(text);
      expect(header).toMatchObject({ alg, typ: 'token-introspection+jwt' });
    }
  });

  test('is signed for whoever asks for that, about a token that is dead as well', async () => {
    const answer = await ask('no-such-token', INTROSPECTION);
    expect(answer.headers.get('content-type')).toContain(INTROSPECTION);
    const claims = await verified(answer.text, 'demo-orders-api');
    expect(claims.token_introspection).toEqual({ active: false });
    // Nothing that would make it pass for an access token or an ID token (RFC 9701 section 8.1).
    expect(Object.keys(claims).sort()).toEqual(['aud', 'iat', 'iss', 'token_introspection']);
  });

  test('tells a client that is not concerned nothing, signed or not', async () => {
    const { access_token: token = '' } = await tokensOf('demo-storefront', {
      scope: 'openid orders:read',
      resource: ORDERS,
    });
    const answer = await ask(token, INTROSPECTION, 'automation');
    const claims = await verified(answer.text, demoClient(server, 'automation').client_id);
    expect(claims.token_introspection).toEqual({ active: false });
    expect((await ask(token, INTROSPECTION)).text.split('.')).toHaveLength(3);
    expect((await ask(token, 'application/json', 'automation')).text).toBe('{"active":false}');
  });

  test('is plain JSON for everybody else', async () => {
    for (const accept of ['application/json', '*/*']) {
      const answer = await ask('no-such-token', accept);
      expect(answer.text).toBe('{"active":false}');
    }
  });
});
