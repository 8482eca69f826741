/**
 * oauth4webapi, which sends one request at a time and believes nothing: pushed requests, DPoP
 * with our nonces, a client that signs, and every signature checked.
 */
import { createHash } from 'node:crypto';
import { decodeProtectedHeader } from 'jose';
import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Operator, openOperator } from '../support/operator.js';
import { ORDERS, walk } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { newSigner, type Signer, signing } from '../support/signers.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const CALLBACK = 'https://bank.example/cb';
const insecure = { [oauth.allowInsecureRequests]: true };

let server: TestServer;
let operator: Operator;
let signer: Signer;
let as: oauth.AuthorizationServer;
let auth: oauth.ClientAuth;

const bank: oauth.Client = {
  client_id: 'bank',
  id_token_signed_response_alg: 'ES256',
  userinfo_signed_response_alg: 'ES256',
  authorization_signed_response_alg: 'ES256',
  introspection_signed_response_alg: 'ES256',
  require_auth_time: true,
};

beforeAll(async () => {
  server = await startServer();
  operator = openOperator(server);
  signer = await newSigner();
  auth = oauth.PrivateKeyJwt({ key: signer.key, kid: signer.kid });
  const metadata = {
    userinfo_signed_response_alg: 'ES256',
    authorization_signed_response_alg: 'ES256',
    introspection_signed_response_alg: 'ES256',
    require_auth_time: true,
  };
  await operator.register('bank', [
    ...['--profile', 'fapi2', '--auth', 'private_key_jwt', '--require-par', '--dpop'],
    ...['--first-party', '--redirect-uri', CALLBACK, '--audience', ORDERS],
    ...['--scope', 'openid email offline_access', '--allow', `${ORDERS}=orders:read`],
    ...signing({ signer, metadata }),
  ]);
  const issuer = new URL(server.issuer);
  as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
});
afterAll(async () => {
  await operator?.close();
  await server?.stop();
});

/** Sends a request; once more where the server wants a nonce of its own in the proof. */
async function withNonce<T>(send: () => Promise<T>): Promise<{ result: T; refused: number }> {
  try {
    return { result: await send(), refused: 0 };
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return { result: await send(), refused: 1 };
  }
}

test('a client that signs everything, and checks every signature', async () => {
  const DPoP = oauth.DPoP(bank, await oauth.generateKeyPair('ES256'));
  const options = { ...insecure, DPoP };
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const parameters = {
    redirect_uri: CALLBACK,
    response_type: 'code',
    response_mode: 'jwt',
    scope: 'openid email offline_access orders:read',
    resource: ORDERS,
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  };

  const pushed = await withNonce(async () =>
    oauth.processPushedAuthorizationResponse(
      as,
      bank,
      await oauth.pushedAuthorizationRequest(as, bank, auth, parameters, options),
    ),
  );
  // Nobody's proof counts without a nonce of ours.
  expect(pushed.refused).toBe(1);
  const url = new URL(as.authorization_endpoint ?? '');
  url.search = `${new URLSearchParams({
    client_id: 'bank',
    request_uri: pushed.result.request_uri,
  })}`;
  const { callback } = await walk(server, url.href);
  const answer = await oauth.validateJwtAuthResponse(as, bank, callback, state, insecure);

  const resource = { additionalParameters: { resource: ORDERS } };
  const codeResponse = await withNonce(async () => {
    const response = await oauth.authorizationCodeGrantRequest(
      as,
      bank,
      auth,
      answer,
      CALLBACK,
      verifier,
      { ...options, ...resource },
    );
    const checks = { expectedNonce: nonce, requireIdToken: true, maxAge: 300 };
    const tokens = await oauth.processAuthorizationCodeResponse(as, bank, response, checks);
    await oauth.validateApplicationLevelSignature(as, response, insecure);
    return tokens;
  });
  const tokens = codeResponse.result;
  expect(tokens).toMatchObject({ token_type: 'dpop', scope: 'orders:read' });
  const claims = oauth.getValidatedIdTokenClaims(tokens);
  expect(claims).toMatchObject({ iss: server.issuer, aud: 'bank', auth_time: expect.any(Number) });
  const half = createHash('sha256').update(tokens.access_token).digest().subarray(0, 16);
  if (claims?.at_hash !== undefined) expect(claims.at_hash).toBe(half.toString('base64url'));

  const about = async () => {
    const response = await oauth.introspectionRequest(as, bank, auth, tokens.access_token, {
      ...insecure,
      requestJwtResponse: true,
    });
    const type = decodeProtectedHeader(await response.clone().text()).typ;
    expect(type).toBe('token-introspection+jwt');
    const told = await oauth.processIntrospectionResponse(as, bank, response);
    await oauth.validateApplicationLevelSignature(as, response, insecure);
    return told;
  };
  expect(await about()).toMatchObject({ active: true, scope: 'orders:read', sub: claims?.sub });

  // A refresh without a resource: a token for userinfo, whose answer is signed as well.
  const renewed = await withNonce(async () =>
    oauth.processRefreshTokenResponse(
      as,
      bank,
      await oauth.refreshTokenGrantRequest(as, bank, auth, tokens.refresh_token ?? '', {
        ...options,
        additionalParameters: { scope: 'openid email' },
      }),
    ),
  );
  const userInfo = async () => {
    const { access_token: token } = renewed.result;
    const response = await oauth.userInfoRequest(as, bank, token, options);
    const person = await oauth.processUserInfoResponse(as, bank, claims?.sub ?? '', response);
    await oauth.validateApplicationLevelSignature(as, response, insecure);
    return person;
  };
  expect((await withNonce(userInfo)).result).toMatchObject({
    iss: server.issuer,
    aud: 'bank',
    email: server.demo.users.shopper?.email,
  });

  await oauth.processRevocationResponse(
    await oauth.revocationRequest(as, bank, auth, tokens.refresh_token ?? '', insecure),
  );
  expect(await about()).toMatchObject({ active: false });
});

test('an answer under another issuer’s name is not believed', async () => {
  const callback = new URL(`${CALLBACK}?code=x&state=s&iss=https%3A%2F%2Felsewhere.example`);
  expect(as.authorization_response_iss_parameter_supported).toBe(true);
  expect(() => oauth.validateAuthResponse(as, bank, callback, 's')).toThrow(/iss/);
});
