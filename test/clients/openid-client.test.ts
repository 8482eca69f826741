/** openid-client from discovery on: the modules of the documentation, and all that it can sign. */
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ownerAt } from '../support/account.js';
import { answerOldest, DESK } from '../support/ciba.js';
import { approve, TILL } from '../support/device.js';
import { snippetsOf } from '../support/documented.js';
import { ACCESS, addStaff, seenBy, signInAtDesk } from '../support/exchange.js';
import { type Operator, openOperator } from '../support/operator.js';
import { CATALOG, freshCode, ORDERS, post, redemption, walk } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { demoClient, introspect, openBrowser } from '../support/shopper.js';
import { openPeople, type People } from '../support/sign-in.js';
import { libraryFor, newSigner, type Signer, signing } from '../support/signers.js';
import { moduleOf } from '../support/snippet-program.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const CALLBACK = 'https://shop.example/callback';

type Documented = {
  begin(redirectUri: string): Promise<{ url: URL; checks: oidc.AuthorizationCodeGrantChecks }>;
  finish(
    callback: URL,
    checks: oidc.AuthorizationCodeGrantChecks,
  ): Promise<{ tokens: oidc.TokenEndpointResponse; shopper: oidc.UserInfoResponse }>;
  renew(refreshToken: string): Promise<oidc.TokenEndpointResponse>;
};

let server: TestServer;
let operator: Operator;
let people: People;
let signer: Signer;

beforeAll(async () => {
  server = await startServer();
  operator = openOperator(server);
  people = await openPeople(server);
  signer = await newSigner();
});
afterAll(async () => {
  await people?.close();
  await operator?.close();
  await server?.stop();
});

/** A module of the documentation, loaded as it stands there for a client. */
function documented<T>(
  [page, heading]: readonly [page: string, heading: string],
  client: { client_id: string; client_secret: string },
  more: Readonly<Record<string, string>> = {},
): Promise<T> {
  const [snippet = ''] = snippetsOf(page, heading, 'js');
  return moduleOf<T>(snippet, {
    ISSUER: server.issuer,
    CLIENT_ID: client.client_id,
    CLIENT_SECRET: client.client_secret,
    ...more,
  });
}

test('as documented: pushed request, code, userinfo, refresh', async () => {
  const client = await operator.register('web-shop', [
    ...['--first-party', '--redirect-uri', CALLBACK, '--scope', 'openid email offline_access'],
  ]);
  const shop = await documented<Documented>(['clients.md', '## openid-client'], client);
  const { url, checks } = await shop.begin(CALLBACK);
  expect([...url.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);
  const { callback } = await walk(server, url.href);
  const { tokens, shopper } = await shop.finish(callback, checks);
  expect(shopper.email).toBe(server.demo.users.shopper?.email);
  const renewed = await shop.renew(tokens.refresh_token ?? '');
  expect(renewed.access_token).not.toBe(tokens.access_token);
  expect(renewed.refresh_token).not.toBe(tokens.refresh_token);
});

test('signed request, signed response, DPoP, revocation and log-out in one life', async () => {
  const metadata = {
    request_object_signing_alg: 'ES256',
    authorization_signed_response_alg: 'ES256',
    userinfo_signed_response_alg: 'ES256',
  };
  await operator.register('signing-shop', [
    ...['--auth', 'private_key_jwt', '--first-party', '--dpop', '--redirect-uri', CALLBACK],
    ...['--post-logout-redirect-uri', 'https://shop.example/', '--scope', 'openid offline_access'],
    ...signing({ signer, metadata }),
  ]);
  const config = await libraryFor(
    server,
    'signing-shop',
    oidc.PrivateKeyJwt({ key: signer.key, kid: signer.kid }),
    metadata,
  );
  oidc.useJwtResponseMode(config);
  const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [oidc.randomState(), oidc.randomNonce()];
  const signed = await oidc.buildAuthorizationUrlWithJAR(
    config,
    {
      redirect_uri: CALLBACK,
      scope: 'openid offline_access',
      state: expectedState,
      nonce: expectedNonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    },
    { key: signer.key, kid: signer.kid },
  );
  const url = await oidc.buildAuthorizationUrlWithPAR(config, signed.searchParams, { DPoP });
  const browser = openBrowser(server);
  const { callback } = await walk(server, url.href, { browser });
  expect([...callback.searchParams.keys()]).toEqual(['response']);
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
  const tokens = await oidc.authorizationCodeGrant(config, callback, checks, {}, { DPoP });
  const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token ?? '', {}, { DPoP });
  const { sub = '' } = tokens.claims() ?? {};
  const userInfo = () => oidc.fetchUserInfo(config, renewed.access_token, sub, { DPoP });
  expect(await userInfo()).toMatchObject({ sub, aud: 'signing-shop', iss: server.issuer });

  await oidc.tokenRevocation(config, renewed.refresh_token ?? '');
  await expect(userInfo()).rejects.toMatchObject({ status: 401 });
  const end = oidc.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token ?? '',
    post_logout_redirect_uri: 'https://shop.example/',
  });
  expect((await browser.get(end.href)).body).toContain('Sign out of');
});

test('a till that is signed in by its code stays so', async () => {
  const till = await libraryFor(server, TILL, oidc.None());
  const shown = await oidc.initiateDeviceAuthorization(till, { scope: 'openid offline_access' });
  await approve(server, openBrowser(server), shown.user_code);
  const tokens = await oidc.pollDeviceAuthorizationGrant(till, shown);
  const renewed = await oidc.refreshTokenGrant(till, tokens.refresh_token ?? '');
  expect(renewed.claims()?.sub).toBe(tokens.claims()?.sub);
});

describe('as documented, without a browser of its own:', () => {
  test('a telephone desk asks, the shopper approves, and the tokens say how they had logged in', async () => {
    type Desk = {
      ask(email: string, message: string): Promise<oidc.BackchannelAuthenticationResponse>;
      answerTo(
        asked: oidc.BackchannelAuthenticationResponse,
      ): Promise<oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers>;
    };
    const section = ['clients.md', '### Orders by telephone (CIBA)'] as const;
    const desk = await documented<Desk>(section, demoClient(server, 'telephone_desk'), {
      ORDERS_API: ORDERS,
    });
    const shopper = await people.add();
    const owner = ownerAt(server, people, openBrowser(server), shopper);
    const wanted = await desk.ask(shopper.email, 'Order 4711');
    expect(wanted).toMatchObject({ expires_in: 300, interval: 5 });
    const approval = desk.answerTo(wanted);
    expect((await answerOldest(owner, 'approve')).body).toContain('You have approved it');
    const unwanted = await desk.ask(shopper.email, 'Order 4712');
    const refusal = expect(desk.answerTo(unwanted)).rejects.toMatchObject({
      error: 'access_denied',
    });
    await answerOldest(owner, 'refuse');
    const [tokens] = await Promise.all([approval, refusal]);
    expect(tokens.claims()?.sub).toBe(shopper.id);
    const seen = JSON.parse((await introspect(server, 'orders_api', tokens.access_token)).text);
    expect(seen).toMatchObject({ active: true, client_id: DESK, aud: ORDERS, amr: ['pwd'] });
    expect(seen.scope).toBe('orders:write');
    // That of the log-in on the shopper's device, not of the request.
    expect(tokens.claims()?.auth_time).toBe(seen.auth_time);
  });

  test('an API goes on to another one, and gets a JWT that says for whom and by whom', async () => {
    type Api = { tokenForCatalog(token: string): Promise<oidc.TokenEndpointResponse> };
    const section = ['token-exchange.md', '## On behalf of'] as const;
    const api = await documented<Api>(section, demoClient(server, 'orders_api'));
    const scope = 'openid orders:read catalog:read';
    const { code } = await freshCode(server, { scope, resource: [ORDERS, CATALOG] });
    const { json } = await post(server, '/oauth2/token', redemption(code, { resource: ORDERS }));
    const { sub, auth_time } = decodeJwt(String(json.id_token));
    const answer = await api.tokenForCatalog(String(json.access_token));
    expect(answer).toMatchObject({
      issued_token_type: ACCESS,
      token_type: 'bearer',
      scope: 'catalog:read',
    });
    expect(answer).not.toHaveProperty('refresh_token');
    expect(answer).not.toHaveProperty('id_token');
    expect(answer.expires_in).toBeLessThanOrEqual(300);
    const jwks = createRemoteJWKSet(new URL(`${server.issuer}/oauth2/jwks`));
    const { payload } = await jwtVerify(answer.access_token, jwks, {
      issuer: server.issuer,
      audience: CATALOG,
      typ: 'at+jwt',
    });
    expect(payload).toMatchObject({
      sub,
      auth_time,
      client_id: 'demo-orders-api',
      scope: 'catalog:read',
      act: { client_id: 'demo-orders-api' },
      acr: 'urn:latchkey:acr:1',
      amr: ['pwd'],
    });
  });

  test('staff act for a shopper: a short token that says who acts, for one API', async () => {
    type Desk = {
      tokenToHelp(
        accountId: string,
        staffToken: string,
        reason: string,
      ): Promise<oidc.TokenEndpointResponse>;
    };
    const section = ['token-exchange.md', '## Acting for a shopper'] as const;
    const desk = await documented<Desk>(section, demoClient(server, 'support_desk'));
    const [shopper, staff] = [await people.add(), await addStaff(people, 'support')];
    const { access } = await signInAtDesk(server, people, staff);
    const answer = await desk.tokenToHelp(shopper.id, access, 'Ticket 4711: nothing has arrived');
    expect(answer).toMatchObject({
      issued_token_type: ACCESS,
      token_type: 'bearer',
      scope: 'orders:read',
    });
    expect(answer).not.toHaveProperty('refresh_token');
    expect(answer).not.toHaveProperty('id_token');
    expect(answer.expires_in).toBe(600);
    const seen = await seenBy(server, demoClient(server, 'orders_api'), answer.access_token);
    expect(seen).toMatchObject({
      active: true,
      sub: shopper.id,
      aud: ORDERS,
      scope: 'orders:read',
      client_id: 'demo-support-desk',
      act: { sub: staff.id, client_id: 'demo-support-desk' },
    });
    // The shopper has not logged in, and nothing says so.
    for (const claim of ['auth_time', 'acr', 'amr']) expect(seen).not.toHaveProperty(claim);
  });
});
