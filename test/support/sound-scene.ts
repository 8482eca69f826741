/** Who is there when sound requests are made: clients, two browsers, and tokens that are held. */
import { exportJWK, generateKeyPair } from 'jose';
import { allow, createProver } from './exchange.js';
import {
  authorizeUrl,
  basic,
  CATALOG,
  type Fields,
  freshCode,
  ORDERS,
  post,
  redemption,
  requestFields,
  walk,
} from './protocol.js';
import type { TestServer } from './server.js';
import { type Browser, demoClient } from './shopper.js';
import { openPeople } from './sign-in.js';

export async function openScene(server: TestServer) {
  const robotKeys = await generateKeyPair('ES256', { extractable: true });
  const { d: _d, ...publicKey } = await exportJWK(robotKeys.privateKey);
  const people = await openPeople(server);
  const poster = await people.transact(async ({ clients }) => {
    const machine = { grantTypes: ['client_credentials'] as const };
    const own = { kid: 'robot', alg: 'ES256' };
    await clients.register({
      ...{ ...machine, id: 'robot', name: 'Robot', authMethod: 'private_key_jwt' },
      jwks: { keys: [{ ...publicKey, ...own }] },
    });
    await clients.register({
      ...{ id: 'bound-shop', name: 'Bound shop', authMethod: 'none', firstParty: true },
      ...{ grantTypes: ['authorization_code'], identityScopes: ['openid'] },
      redirectUris: ['http://localhost:4000/callback'],
      dpopBoundAccessTokens: true,
    });
    const secret = { id: 'poster', name: 'Poster', authMethod: 'client_secret_post' } as const;
    await clients.register({ ...machine, ...secret });
    const issued = await clients.issueSecret('poster');
    if (issued.kind !== 'issued') throw new Error(issued.kind);
    return { client_id: 'poster', client_secret: issued.secret };
  });
  for (const id of ['poster', 'robot', 'bound-shop']) {
    await allow(people, id, ORDERS, ['orders:read']);
  }
  await people.close();
  const prove = await createProver(server);
  const bff = demoClient(server, 'storefront_bff');
  const automation = demoClient(server, 'automation');
  const ordersApi = demoClient(server, 'orders_api');

  // One browser whose grants are ended by codes that come back, and one that keeps what it has.
  const worn = (await walk(server, authorizeUrl())).browser;
  const wide = { scope: 'openid profile orders:read catalog:read', resource: [ORDERS, CATALOG] };
  const kept = await freshCode(server, wide);
  const redeemed = redemption(kept.code, { resource: ORDERS });
  const held = (await post(server, '/oauth2/token', redeemed)).json;
  const forUserinfo = await freshCode(
    server,
    { scope: 'openid profile' },
    { browser: kept.browser },
  );
  const plain = (await post(server, '/oauth2/token', redemption(forUserinfo.code))).json;
  const other = await freshCode(server, {
    client_id: 'demo-support-desk',
    redirect_uri: 'http://localhost:4002/callback',
  });

  const cookies = (browser: Browser) =>
    [...browser.cookies]
      .filter(([key]) => key.startsWith('latchkey_session'))
      .map(([key, { value }]) => `${key.split('|')[0]}=${value}`)
      .join('; ');
  const code = async (changes: Fields = {}) =>
    (await freshCode(server, { scope: 'openid orders:read', ...changes }, { browser: worn })).code;
  const machineToken = async () => {
    const fields = { grant_type: 'client_credentials', resource: ORDERS, scope: 'orders:read' };
    const headers = { authorization: basic(automation) };
    return String((await post(server, '/oauth2/token', fields, headers)).json.access_token);
  };

  /** An authorization request with everything in it. */
  const everything: Fields = {
    ...requestFields({ scope: 'openid profile orders:read', state: 'a state/of=mind&ü' }),
    nonce: 'n-1',
    resource: ORDERS,
    claims: '{"id_token":{"acr":{"values":["urn:latchkey:acr:1"]}},"userinfo":{"name":null}}',
    acr_values: 'urn:latchkey:acr:1',
    max_age: '3600',
    prompt: 'none',
    response_mode: 'query',
    display: 'page',
    ui_locales: 'fr de',
    id_token_hint: String(held.id_token),
    login_hint: server.demo.users.shopper?.email,
  };

  /** What belongs to somebody else, by the name under which one would try it. */
  const foreign: Readonly<Record<string, string>> = {
    client_id: bff.client_id,
    client_secret: bff.client_secret,
    redirect_uri: 'http://localhost:4001/callback',
    post_logout_redirect_uri: 'http://localhost:4001/',
    code: other.code,
    code_verifier: 'v'.repeat(43),
    code_challenge: 'v'.repeat(43),
    token: String(plain.access_token),
    refresh_token: String(held.access_token),
    subject_token: String(plain.access_token),
    access_token: String(held.access_token),
    device_code: other.code,
    id_token_hint: String(held.access_token),
    client_assertion: String(held.id_token),
    resource: 'urn:latchkey:admin',
    audience: CATALOG,
    scope: 'users:write',
    acr_values: 'urn:latchkey:acr:3',
  };

  return {
    ...{ robotKey: robotKeys.privateKey, poster, bff, automation, ordersApi, prove },
    ...{ everything, foreign, worn, held, plain, code, machineToken },
    /** The cookies of the browser that is signed in. */
    session: cookies(kept.browser),
  };
}
