/** openid-client from discovery on: the module of docs/clients.md, and everything it can sign. */
import * as oidc from 'openid-client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { approve, TILL } from '../support/device.js';
import { snippetsOf } from '../support/documented.js';
import { type Operator, openOperator } from '../support/operator.js';
import { walk } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { openBrowser } from '../support/shopper.js';
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
let signer: Signer;

beforeAll(async () => {
  server = await startServer();
  operator = openOperator(server);
  signer = await newSigner();
});
afterAll(async () => {
  await operator?.close();
  await server?.stop();
});

test('as documented: pushed request, code, userinfo, refresh', async () => {
  const client = await operator.register('web-shop', [
    ...['--first-party', '--redirect-uri', CALLBACK, '--scope', 'openid email offline_access'],
  ]);
  const [snippet = ''] = snippetsOf('clients.md', '## openid-client', 'js');
  const shop = await moduleOf<Documented>(snippet, {
    ISSUER: server.issuer,
    CLIENT_ID: client.client_id,
    CLIENT_SECRET: client.client_secret,
  });
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
