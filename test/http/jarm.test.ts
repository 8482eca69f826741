/** How authorization responses travel: which modes there are, and signed ones (JARM). */
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Operator, openOperator } from '../support/operator.js';
import { authorizeUrl, type Fields, PROOF, walk } from '../support/protocol.js';
import { CALM, startServer, type TestServer } from '../support/server.js';
import {
  type Browser,
  follow,
  hiddenField,
  openBrowser,
  type Reply,
  submitLogin,
} from '../support/shopper.js';
import { discoveryOf, libraryFor, signing } from '../support/signers.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const CALLBACK = 'http://localhost:4000/callback';
const PUBLIC = ['--auth', 'none', '--first-party', '--redirect-uri', CALLBACK];

let server: TestServer;
let operator: Operator;
let browser: Browser;

beforeAll(async () => {
  server = await startServer({ env: CALM });
  operator = openOperator(server);
  await operator.register('jarm-shop', [
    ...[...PUBLIC, '--scope', 'openid'],
    ...signing({ metadata: { authorization_signed_response_alg: 'PS256' } }),
  ]);
  browser = openBrowser(server);
  await walk(server, authorizeUrl(), { browser });
});
afterAll(async () => {
  await operator.close();
  await server.stop();
});

/** The answer's fields, however they came. */
function fieldsOf(reply: Reply): { by: string; fields: Record<string, string> } {
  if (reply.location) {
    const { search, hash } = new URL(reply.location);
    const by = hash ? 'fragment' : 'query';
    return { by, fields: Object.fromEntries(new URLSearchParams(hash.slice(1) || search)) };
  }
  expect(reply.body).toContain(`action="${CALLBACK}"`);
  const names = ['response', 'code', 'state', 'iss', 'error'];
  const filled = names.map((name) => [name, hiddenField(reply.body, name)]);
  return { by: 'form_post', fields: Object.fromEntries(filled.filter(([, value]) => value)) };
}

/** Asks with the browser of somebody who is signed in. */
async function answerTo(changes: Fields): Promise<ReturnType<typeof fieldsOf>> {
  let reply = await follow(browser, server, await browser.get(authorizeUrl(changes)));
  if (reply.body.includes('name="password"')) {
    const shopper = server.demo.users.shopper;
    if (!shopper) throw new Error('no shopper');
    reply = await follow(browser, server, await submitLogin(browser, reply, shopper));
  }
  return fieldsOf(reply);
}

/** What a signed response says, once its signature, audience and issuer are right. */
async function verified(response = '', audience = 'jarm-shop', alg = 'PS256') {
  const keys = createRemoteJWKSet(new URL(`${server.issuer}/oauth2/jwks`));
  const { payload } = await jwtVerify(response, keys, {
    issuer: server.issuer,
    audience,
    algorithms: [alg],
  });
  return payload;
}

describe('every response mode that discovery lists', () => {
  test('carries a code for a client that may use it; a fragment is not among them', async () => {
    const { response_modes_supported: modes } = await discoveryOf(server);
    expect(modes).not.toContain('fragment');
    expect(modes).not.toContain('fragment.jwt');
    expect(modes).toEqual(expect.arrayContaining(['query', 'form_post', 'jwt']));
    for (const mode of modes ?? []) {
      const { by, fields } = await answerTo({ client_id: 'jarm-shop', response_mode: mode });
      expect(by, mode).toBe(mode.startsWith('form_post') ? 'form_post' : 'query');
      if (!mode.includes('jwt')) {
        expect(fields, mode).toMatchObject({ state: 'st', iss: server.issuer });
        expect(fields.code, mode).toBeTruthy();
        continue;
      }
      expect(Object.keys(fields), mode).toEqual(['response']);
      const claims = await verified(fields.response);
      expect(claims, mode).toMatchObject({ state: 'st', iss: server.issuer, aud: 'jarm-shop' });
      expect(claims.code, mode).toBeTruthy();
      expect((claims.exp ?? 0) - Date.now() / 1000, mode).toBeLessThan(600);
    }
  });

  test('and the document for OAuth clients says the same', async () => {
    const answer = await fetch(`${server.issuer}/.well-known/oauth-authorization-server`);
    const { response_modes_supported: modes } = (await answer.json()) as Record<string, string[]>;
    expect(modes).toEqual((await discoveryOf(server)).response_modes_supported);
  });
});

describe('every algorithm that discovery lists', () => {
  test('signs a response that openid-client takes', async () => {
    const { authorization_signing_alg_values_supported: algs } = await discoveryOf(server);
    expect(algs?.length).toBeGreaterThanOrEqual(3);
    for (const alg of algs ?? []) {
      const id = `answered-${alg.toLowerCase()}`;
      await operator.register(id, [
        ...[...PUBLIC, '--scope', 'openid'],
        ...signing({ metadata: { authorization_signed_response_alg: alg } }),
      ]);
      const config = await libraryFor(server, id, oidc.None(), {
        authorization_signed_response_alg: alg,
      });
      oidc.useJwtResponseMode(config);
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: CALLBACK,
        scope: 'openid',
        state: 'st',
        code_challenge: PROOF.challenge,
        code_challenge_method: 'S256',
      });
      const { callback } = await walk(server, url.href, { browser });
      const response = callback.searchParams.get('response') ?? '';
      expect(decodeProtectedHeader(response).alg).toBe(alg);
      const tokens = await oidc.authorizationCodeGrant(config, callback, {
        pkceCodeVerifier: PROOF.verifier,
        expectedState: 'st',
      });
      expect(tokens.claims()?.aud, alg).toBe(id);
    }
  });
});

describe('a signed response', () => {
  test('tells of an error as well', async () => {
    const { fields } = await answerTo({
      client_id: 'jarm-shop',
      response_mode: 'jwt',
      scope: 'openid email',
    });
    expect(Object.keys(fields)).toEqual(['response']);
    expect(await verified(fields.response)).toMatchObject({
      error: 'invalid_scope',
      state: 'st',
      iss: server.issuer,
    });
  });

  test.each(['jwt', 'query.jwt', 'form_post.jwt', 'fragment.jwt', 'fragment'])(
    '%s is refused, plainly, for a client that is not registered for it',
    async (mode) => {
      expect(await answerTo({ response_mode: mode })).toMatchObject({
        by: 'query',
        fields: { error: 'invalid_request', state: 'st', iss: server.issuer },
      });
    },
  );

  test.each(['fragment', 'fragment.jwt'])('%s is for nobody', async (mode) => {
    const { by, fields } = await answerTo({ client_id: 'jarm-shop', response_mode: mode });
    expect({ by, error: fields.error }).toEqual({ by: 'query', error: 'invalid_request' });
  });
});
