/**
 * A sound request for each thing that can be asked of the protocol's endpoints, made afresh each
 * time (codes and proofs are used once), and what must not change in it for it to succeed.
 */
import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { approve, DEVICE_CODE, showCode, TILL } from './device.js';
import { ACCESS, allow, createProver, EXCHANGE } from './exchange.js';
import type { Outgoing, Parameter } from './mutations.js';
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
  type WireReply,
  walk,
} from './protocol.js';
import type { TestServer } from './server.js';
import { type Browser, demoClient } from './shopper.js';
import { openPeople } from './sign-in.js';

export type Sound = Outgoing & {
  /** Whether the answer gave what was asked for. */
  readonly succeeded: (reply: WireReply) => boolean;
  /** Parameters that must arrive exactly once, as they are here; otherwise nothing is given. */
  readonly needs: readonly string[];
  /** Headers whose first value must arrive as it is here. */
  readonly proofs: readonly string[];
  /** What is used up by it: asked again, it is refused. */
  readonly once?: true;
};

const listed = (fields: Fields): Parameter[] =>
  Object.entries(fields).flatMap(([name, value]) =>
    [value ?? []].flat().map((one) => ({ name, value: one as string })),
  );
const FORM = ['content-type', 'application/x-www-form-urlencoded'] as const;
const JSON_PLEASE = ['accept', 'application/json'] as const;
const PAGE_PLEASE = ['accept', 'text/html'] as const;

const hasToken = ({ json }: WireReply) => typeof json.access_token === 'string';
const codeIn = ({ headers, text }: WireReply) =>
  /[?&]code=/.test(headers.location ?? '') || /name="code" value="/.test(text);

/** Clients, a shopper who is signed in, and the requests they could send. */
export async function openSoundRequests(server: TestServer) {
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

  const posted = (
    path: string,
    fields: Fields,
    proofs: Readonly<Record<string, string>>,
    more: Pick<Sound, 'succeeded' | 'needs'> & { once?: true },
  ): Sound => ({
    method: 'POST',
    path,
    carrier: 'form',
    parameters: listed(fields),
    headers: [FORM, JSON_PLEASE, ...Object.entries(proofs)],
    proofs: Object.keys(proofs),
    ...more,
  });
  const asked = (path: string, fields: Fields, more: Partial<Sound> = {}): Sound => ({
    method: 'GET',
    path,
    carrier: 'query',
    parameters: listed(fields),
    headers: [PAGE_PLEASE, ['cookie', cookies(kept.browser)]],
    needs: [],
    proofs: [],
    succeeded: ({ status }) => status === 200,
    ...more,
  });
  const token = (fields: Fields, needs: readonly string[], proofs = {}, once = {}) =>
    posted('/oauth2/token', fields, proofs, { succeeded: hasToken, needs, ...once });

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
  const bound = { client_id: 'bound-shop', scope: 'openid orders:read', resource: ORDERS };
  const REDEEMED = ['grant_type', 'code', 'redirect_uri', 'code_verifier'];
  const PUBLIC_CODE = [...REDEEMED, 'client_id'];
  const WAY = ['client_id', 'response_type', 'redirect_uri', 'code_challenge_method'];

  const requests: Readonly<Record<string, () => Promise<Sound>>> = {
    'authorize, signed in': async () =>
      asked('/oauth2/authorize', everything, { succeeded: codeIn, needs: WAY, proofs: ['cookie'] }),
    'authorize, a stranger': async () =>
      asked(
        '/oauth2/authorize',
        { ...everything, prompt: undefined, id_token_hint: undefined },
        {
          headers: [PAGE_PLEASE],
          succeeded: ({ headers }) => (headers.location ?? '').startsWith('/signin/'),
          needs: WAY,
        },
      ),
    'authorize, pushed before': async () => {
      const pushed = await post(server, '/oauth2/par', everything);
      const request_uri = String(pushed.json.request_uri);
      const fields = { client_id: 'demo-storefront', request_uri };
      const needs = ['client_id', 'request_uri'];
      return asked('/oauth2/authorize', fields, { succeeded: codeIn, needs, proofs: ['cookie'] });
    },
    push: async () => {
      const own = {
        client_id: bff.client_id,
        redirect_uri: bff.redirect_uris[0],
        prompt: undefined,
      };
      const fields = { ...everything, ...own, id_token_hint: undefined };
      return posted(
        '/oauth2/par',
        fields,
        { authorization: basic(bff) },
        {
          succeeded: ({ json }) => typeof json.request_uri === 'string',
          needs: WAY,
        },
      );
    },
    'a code, public': async () =>
      token(
        redemption(await code({ resource: ORDERS }), { resource: ORDERS }),
        PUBLIC_CODE,
        {},
        {
          once: true,
        },
      ),
    'a code, with a secret': async () => {
      const [redirect_uri] = bff.redirect_uris;
      const fresh = await code({ client_id: bff.client_id, redirect_uri, scope: 'openid' });
      const fields = redemption(fresh, { client_id: undefined, redirect_uri });
      return token(fields, REDEEMED, { authorization: basic(bff) }, { once: true });
    },
    'a code, with a proof of possession': async () =>
      token(
        redemption(await code(bound), { client_id: 'bound-shop', resource: ORDERS }),
        PUBLIC_CODE,
        { dpop: await prove() },
      ),
    'a refresh token': async () => {
      const scope = 'openid offline_access orders:read';
      const first = redemption(await code({ scope, resource: ORDERS }), { resource: ORDERS });
      const { refresh_token } = (await post(server, '/oauth2/token', first)).json;
      const fields = {
        ...{ grant_type: 'refresh_token', client_id: 'demo-storefront' },
        ...{ refresh_token: String(refresh_token), resource: ORDERS, scope: 'orders:read' },
      };
      return token(fields, ['grant_type', 'client_id', 'refresh_token']);
    },
    'client credentials, basic': async () =>
      token(
        { grant_type: 'client_credentials', resource: CATALOG, scope: 'catalog:read' },
        ['grant_type'],
        { authorization: basic(automation) },
      ),
    'client credentials, posted': async () =>
      token(
        { grant_type: 'client_credentials', resource: ORDERS, scope: 'orders:read', ...poster },
        ['grant_type', 'client_id', 'client_secret'],
      ),
    'client credentials, signed': async () => {
      const client_assertion = await new SignJWT({ jti: randomUUID() })
        .setProtectedHeader({ alg: 'ES256', kid: 'robot' })
        .setIssuer('robot')
        .setSubject('robot')
        .setAudience(server.issuer)
        .setIssuedAt()
        .setExpirationTime('1m')
        .sign(robotKeys.privateKey);
      const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
      const proof = { client_assertion, client_assertion_type };
      const fields = { grant_type: 'client_credentials', scope: 'orders:read', ...proof };
      return token(fields, ['grant_type', ...Object.keys(proof)], {}, { once: true });
    },
    'a device code': async () => {
      const { device_code, user_code } = await showCode(server);
      await approve(server, worn, user_code);
      const fields = { grant_type: DEVICE_CODE, client_id: TILL, device_code, resource: ORDERS };
      return token(fields, ['grant_type', 'client_id', 'device_code'], {}, { once: true });
    },
    exchange: async () =>
      token(
        {
          ...{ grant_type: EXCHANGE, resource: CATALOG, scope: 'catalog:read' },
          ...{ subject_token: String(held.access_token), subject_token_type: ACCESS },
          requested_token_type: ACCESS,
        },
        ['grant_type', 'subject_token', 'subject_token_type'],
        { authorization: basic(ordersApi) },
      ),
    introspect: async () =>
      posted(
        '/oauth2/introspect',
        { token: String(held.access_token), token_type_hint: 'access_token' },
        { authorization: basic(ordersApi) },
        { succeeded: ({ json }) => json.active === true, needs: ['token'] },
      ),
    revoke: async () =>
      posted(
        '/oauth2/revoke',
        { token: await machineToken(), token_type_hint: 'access_token' },
        { authorization: basic(automation) },
        { succeeded: ({ status }) => status === 200, needs: [] },
      ),
    'device authorization': async () =>
      posted(
        '/oauth2/device_authorization',
        { client_id: TILL, scope: 'openid orders:read', resource: ORDERS },
        {},
        { succeeded: ({ json }) => typeof json.device_code === 'string', needs: ['client_id'] },
      ),
    'userinfo, asked': async () =>
      asked(
        '/oauth2/userinfo',
        {},
        {
          headers: [JSON_PLEASE, ['authorization', `Bearer ${String(plain.access_token)}`]],
          succeeded: ({ json }) => typeof json.sub === 'string',
          proofs: ['authorization'],
        },
      ),
    'userinfo, posted': async () =>
      posted(
        '/oauth2/userinfo',
        { access_token: String(plain.access_token) },
        {},
        {
          succeeded: ({ json }) => typeof json.sub === 'string',
          needs: ['access_token'],
        },
      ),
    verify: async () =>
      asked(
        '/oauth2/verify',
        { audience: ORDERS, scope: 'orders:read', max_age: '3600' },
        {
          headers: [
            JSON_PLEASE,
            ['x-gateway-authorization', basic(ordersApi)],
            ['authorization', `Bearer ${String(held.access_token)}`],
          ],
          proofs: ['x-gateway-authorization', 'authorization'],
        },
      ),
    logout: async () => asked('/oauth2/logout', leaving()),
    'logout, posted': async () =>
      posted(
        '/oauth2/logout',
        leaving(),
        {},
        { succeeded: ({ status }) => status === 303, needs: [] },
      ),
    'the device’s page': async () => asked('/device', { user_code: 'BCDF-GHJK' }),
  };

  function leaving(): Fields {
    return {
      ...{ client_id: 'demo-storefront', id_token_hint: String(held.id_token), state: 'bye' },
      ...{
        post_logout_redirect_uri: 'http://localhost:4000/',
        logout_hint: 'robin',
        ui_locales: 'ja',
      },
    };
  }

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
  return { requests, foreign };
}

/** The names, known before there is a server, so that each is a test of its own. */
export const SOUND = [
  ...['authorize, signed in', 'authorize, a stranger', 'authorize, pushed before', 'push'],
  ...['a code, public', 'a code, with a secret', 'a code, with a proof of possession'],
  ...['a refresh token', 'client credentials, basic', 'client credentials, posted'],
  ...['client credentials, signed', 'a device code', 'exchange', 'introspect', 'revoke'],
  ...['device authorization', 'userinfo, asked', 'userinfo, posted', 'verify', 'logout'],
  ...['logout, posted', 'the device’s page'],
] as const;
