/** What stands in front of an API: shoppers' tokens on one side, the question on the other. */
import { createHash, randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import {
  basic,
  encode,
  type Fields,
  freshCode,
  ORDERS,
  post,
  postAs,
  redemption,
  type WireReply,
  wire,
} from './protocol.js';
import type { TestServer } from './server.js';
import { type Browser, demoClient } from './shopper.js';

export type Keys = Awaited<ReturnType<typeof generateKeyPair>>;
export const newKeys = () => generateKeyPair('ES256', { extractable: true });
const sha256 = (text: string) => createHash('sha256').update(text).digest('base64url');

/** A proof of possession (RFC 9449 section 4.2), for a token where one is given. */
export async function proofOf(
  { publicKey, privateKey }: Keys,
  { token, ...claims }: { htm: string; htu: string; token?: string; iat?: number; jti?: string },
): Promise<string> {
  return new SignJWT({
    jti: randomUUID(),
    iat: Math.floor(Date.now() / 1000),
    ...(token === undefined ? {} : { ath: sha256(token) }),
    ...claims,
  })
    .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: await exportJWK(publicKey) })
    .sign(privateKey);
}

export type ShopperTokens = {
  readonly access: string;
  readonly refresh: string;
  readonly id: string;
  readonly browser: Browser;
};

/** Tokens of a shopper at the demo storefront; bound to a key where one is given. */
export async function shopperTokens(
  server: TestServer,
  options: {
    scope?: string;
    resource?: string;
    /** The APIs that the person allows it; the one of the token, unless said. */
    allowed?: readonly string[];
    user?: { email: string; password: string } | undefined;
    keys?: Keys;
  } = {},
): Promise<ShopperTokens> {
  const { scope = 'openid orders:read', resource = ORDERS, user, keys } = options;
  const asked = { scope, resource: options.allowed ?? resource };
  const { code, browser } = await freshCode(server, asked, user ? { user } : {});
  const htu = `${server.issuer}/oauth2/token`;
  const { json } = await post(
    server,
    '/oauth2/token',
    redemption(code, { resource }),
    keys ? { dpop: await proofOf(keys, { htm: 'POST', htu }) } : {},
  );
  if (typeof json.access_token !== 'string') throw new Error(JSON.stringify(json));
  return {
    access: json.access_token,
    refresh: String(json.refresh_token),
    id: String(json.id_token),
    browser,
  };
}

/** A machine's token. */
export async function machineToken(
  server: TestServer,
  resource: string,
  scope: string,
): Promise<string> {
  const fields = { grant_type: 'client_credentials', resource, scope };
  return String((await postAs(server, 'automation', '/oauth2/token', fields)).json.access_token);
}

/** How a gateway with a demo client's secret says who it is. */
export const asGateway = (server: TestServer, key = 'orders_api') => ({
  'x-gateway-authorization': basic(demoClient(server, key)),
});

/** Asks as the gateway of the orders API would. */
export function verify(
  server: TestServer,
  question: Fields,
  headers: Record<string, string> = {},
  options: { method?: string; as?: string } = {},
): Promise<WireReply> {
  return wire(server.port, {
    method: options.method ?? 'GET',
    path: `/oauth2/verify?${encode(question)}`,
    headers: { host: 'latchkey.internal', ...asGateway(server, options.as), ...headers },
  });
}
