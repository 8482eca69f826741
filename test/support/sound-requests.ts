/**
 * A sound request for each thing that can be asked of the protocol's endpoints, made afresh each
 * time (codes and proofs are used once), and what must not change in it for it to succeed.
 */
import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { ENDPOINT } from './ciba.js';
import { approve, DEVICE_CODE, showCode, TILL } from './device.js';
import { ACCESS, EXCHANGE } from './exchange.js';
import { basic, CATALOG, type Fields, ORDERS, post, redemption } from './protocol.js';
import type { TestServer } from './server.js';
import { demoClient } from './shopper.js';
import { asked, codeIn, JSON_PLEASE, PAGE_PLEASE, posted, type Sound, token } from './sound.js';
import { openScene } from './sound-scene.js';

/** The requests that could be sent, by name, and what belongs to somebody else. */
export async function openSoundRequests(server: TestServer) {
  const scene = await openScene(server);
  const { poster, bff, automation, ordersApi, prove } = scene;
  const { everything, worn, held, plain, code, machineToken } = scene;
  const SESSION = [PAGE_PLEASE, ['cookie', scene.session]] as const;

  const bound = { client_id: 'bound-shop', scope: 'openid orders:read', resource: ORDERS };
  const REDEEMED = ['grant_type', 'code', 'redirect_uri', 'code_verifier'];
  const PUBLIC_CODE = [...REDEEMED, 'client_id'];
  const WAY = ['client_id', 'response_type', 'redirect_uri', 'code_challenge_method'];

  const requests: Readonly<Record<string, () => Promise<Sound>>> = {
    'authorize, signed in': async () =>
      asked('/oauth2/authorize', everything, {
        ...{ headers: SESSION, proofs: ['cookie'] },
        ...{ succeeded: codeIn, needs: WAY },
      }),
    'authorize, a stranger': async () =>
      asked(
        '/oauth2/authorize',
        { ...everything, prompt: undefined, id_token_hint: undefined },
        {
          succeeded: ({ headers }) => (headers.location ?? '').startsWith('/signin/'),
          needs: WAY,
        },
      ),
    'authorize, pushed before': async () => {
      const pushed = await post(server, '/oauth2/par', everything);
      const request_uri = String(pushed.json.request_uri);
      const fields = { client_id: 'demo-storefront', request_uri };
      return asked('/oauth2/authorize', fields, {
        ...{ headers: SESSION, proofs: ['cookie'] },
        ...{ succeeded: codeIn, needs: ['client_id', 'request_uri'] },
      });
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
        .sign(scene.robotKey);
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
    [CIBA_REQUEST]: async () =>
      posted(
        ENDPOINT,
        {
          ...{ scope: 'openid orders:write', resource: ORDERS, binding_message: 'Order 4711' },
          login_hint: server.demo.users.shopper?.email,
        },
        { authorization: basic(demoClient(server, 'telephone_desk')) },
        { succeeded: ({ json }) => typeof json.auth_req_id === 'string', needs: ['scope'] },
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
    logout: async () => asked('/oauth2/logout', leaving(), { headers: SESSION }),
    'logout, posted': async () =>
      posted(
        '/oauth2/logout',
        leaving(),
        {},
        { succeeded: ({ status }) => status === 303, needs: [] },
      ),
    'the device’s page': async () =>
      asked('/device', { user_code: 'BCDF-GHJK' }, { headers: SESSION }),
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

  return { requests, foreign: scene.foreign };
}

/** Not among those that are broken by chance: three of them wait for a person at most. */
export const CIBA_REQUEST = 'a request for approval';

/** The names, known before there is a server, so that each is a test of its own. */
export const SOUND = [
  ...['authorize, signed in', 'authorize, a stranger', 'authorize, pushed before', 'push'],
  ...['a code, public', 'a code, with a secret', 'a code, with a proof of possession'],
  ...['a refresh token', 'client credentials, basic', 'client credentials, posted'],
  ...['client credentials, signed', 'a device code', 'exchange', 'introspect', 'revoke'],
  ...['device authorization', 'userinfo, asked', 'userinfo, posted', 'verify', 'logout'],
  ...['logout, posted', 'the device’s page'],
] as const;
