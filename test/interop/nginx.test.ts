/** An API behind a real nginx that asks Latchkey, configured as docs/for-api-owners.md shows. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filledIn, snippetsOf } from '../support/documented.js';
import { newKeys, proofOf, shopperTokens } from '../support/gateway.js';
import { type Nginx, startNginx } from '../support/nginx.js';
import { programOf } from '../support/program.js';
import {
  age,
  basic,
  command,
  type Database,
  newShopper,
  openDatabase,
  post,
  type WireReply,
  wire,
} from '../support/protocol.js';
import { freePort, startServer, type TestServer } from '../support/server.js';
import { openSeverableWire, type SeverableWire } from '../support/severable.js';
import { demoClient } from '../support/shopper.js';

const program = programOf('nginx');

describe.skipIf(program === undefined)('behind nginx', { timeout: 60_000 }, () => {
  let server: TestServer;
  let database: Database;
  let line: SeverableWire;
  let api: Server;
  let nginx: Nginx;
  let misled: Nginx;
  let port: number;
  /** What the API was sent; it answers everything. */
  let seen: { method: string; url: string; headers: IncomingHttpHeaders; body: string }[] = [];

  const gatewayAt = async (listen: number, credentials: string) => {
    const [site = '', common = ''] = snippetsOf('for-api-owners.md', '### nginx', 'nginx');
    const values = {
      'server 127.0.0.1:3000': `server 127.0.0.1:${line.port}`,
      'server 127.0.0.1:5000': `server 127.0.0.1:${(api.address() as AddressInfo).port}`,
      'listen 127.0.0.1:8080': `listen 127.0.0.1:${listen}`,
      'Basic <base64 of client_id:client_secret>': credentials,
    };
    return startNginx(program ?? '', {
      port: listen,
      site: filledIn(site, values),
      files: { 'orders-api.conf': common },
    });
  };

  beforeAll(async () => {
    server = await startServer();
    database = await openDatabase(server);
    line = await openSeverableWire(() => server.port);
    api = createServer((req, res) => {
      let body = '';
      req.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      req.on('end', () => {
        seen.push({ method: req.method ?? '', url: req.url ?? '', headers: req.headers, body });
        const status = req.url === '/forbidden-by-the-api' ? 403 : 200;
        res.writeHead(status, { 'content-type': 'text/plain' }).end('the API');
      });
    });
    await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
    port = await freePort();
    nginx = await gatewayAt(port, basic(demoClient(server, 'orders_api')));
    const { client_id } = demoClient(server, 'orders_api');
    misled = await gatewayAt(await freePort(), basic({ client_id, client_secret: 'mistyped' }));
  });
  afterAll(async () => {
    await nginx?.stop();
    await misled?.stop();
    api?.close();
    await line?.close();
    await database?.close();
    await server?.stop();
  });

  const send = async (
    path: string,
    headers: Record<string, string> = {},
    options: { method?: string; body?: string; port?: number } = {},
  ): Promise<WireReply> => {
    seen = [];
    const { method = 'GET', body } = options;
    return wire(options.port ?? port, {
      method,
      path,
      headers: { host: 'orders.demo-shop.example', ...headers },
      ...(body === undefined ? {} : { body }),
    });
  };
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const refusal = ({ status, headers }: WireReply) => [
    status,
    String(headers['www-authenticate'] ?? '').match(/error="(\w+)"/)?.[1],
  ];

  test('a request with a good token gets to the API, which learns for whom it is', async () => {
    const { access } = await shopperTokens(server);
    const reply = await send('/orders?page=2', { ...bearer(access), cookie: 'shop=1' });
    expect([reply.status, reply.text]).toEqual([200, 'the API']);
    expect(seen).toHaveLength(1);
    const [{ url, headers }] = seen as [(typeof seen)[0]];
    expect(url).toBe('/orders?page=2');
    expect(headers).toMatchObject({
      'x-auth-subject': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'x-auth-client': 'demo-storefront',
      'x-auth-scope': 'orders:read',
      'x-auth-audience': 'https://api.demo-shop.example/orders',
      'x-auth-acr': 'urn:latchkey:acr:1',
      'x-auth-amr': 'pwd',
      'x-auth-auth-time': expect.stringMatching(/^\d+$/),
      'x-auth-expires': expect.stringMatching(/^\d+$/),
    });
    expect(headers.authorization).toBeUndefined();
    expect(headers['x-gateway-authorization']).toBeUndefined();
  });

  test('a body arrives whole, whatever the gateway asked before', async () => {
    const { access } = await shopperTokens(server);
    const body = 'x'.repeat(100_000);
    const reply = await send('/orders', bearer(access), { method: 'POST', body });
    expect(reply.status).toBe(200);
    expect([seen[0]?.method, seen[0]?.body.length]).toEqual(['POST', body.length]);
  });

  test('headers that a caller forges do not get to the API', async () => {
    const { access } = await shopperTokens(server);
    const forged = Object.fromEntries(
      [
        ...['Subject', 'Client', 'Scope', 'Audience', 'Acr', 'Amr', 'Auth-Time', 'Expires'],
        ...['Act', 'Authorization-Details'],
      ].map((name) => [`X-Auth-${name}`, 'forged']),
    );
    const reply = await send('/orders', {
      ...bearer(access),
      ...forged,
      'X-Gateway-Authorization': 'Basic forged',
      'X-Original-URL': 'https://orders.demo-shop.example/forged',
    });
    expect(reply.status).toBe(200);
    const told = Object.entries(seen[0]?.headers ?? {}).filter(([name]) =>
      name.startsWith('x-auth'),
    );
    expect(told.map(([, value]) => value)).not.toContain('forged');
    expect(seen[0]?.headers['x-auth-act']).toBeUndefined();
    expect(seen[0]?.headers['x-auth-authorization-details']).toBeUndefined();
    expect((await send('/orders', forged)).status).toBe(401);
    expect(seen).toEqual([]);
  });

  test('nothing gets there without a token, with a made-up or an expired one', async () => {
    const none = await send('/orders');
    expect([none.status, none.headers['www-authenticate']]).toEqual([
      401,
      'Bearer, DPoP algs="ES256 EdDSA Ed25519 PS256"',
    ]);
    const { access } = await shopperTokens(server);
    expect((await send(`/orders?access_token=${access}`)).status).toBe(401);
    expect(refusal(await send('/orders', bearer('made-up')))).toEqual([401, 'invalid_token']);
    await age(database, access);
    expect(refusal(await send('/orders', bearer(access)))).toEqual([401, 'invalid_token']);
    expect(seen).toEqual([]);
    // The question itself cannot be asked from outside.
    expect((await send('/_verify', bearer(access))).status).toBe(404);
  });

  test('a revoked token is refused with the very next request', async () => {
    const user = await newShopper(server);
    const { access, refresh } = await shopperTokens(server, {
      user,
      scope: 'openid offline_access orders:read',
    });
    expect((await send('/orders', bearer(access))).status).toBe(200);
    await post(server, '/oauth2/revoke', { token: refresh, client_id: 'demo-storefront' });
    expect(refusal(await send('/orders', bearer(access)))).toEqual([401, 'invalid_token']);
    const second = (await shopperTokens(server, { user })).access;
    expect((await send('/orders', bearer(second))).status).toBe(200);
    await command(server, 'users', 'revoke', user.email);
    expect(refusal(await send('/orders', bearer(second)))).toEqual([401, 'invalid_token']);
  });

  test('a scope too few is a 403 that says which', async () => {
    const { access } = await shopperTokens(server, { scope: 'openid cart:write' });
    const reply = await send('/orders', bearer(access));
    expect(refusal(reply)).toEqual([403, 'insufficient_scope']);
    expect(reply.headers['www-authenticate']).toContain('scope="orders:read"');
    expect(reply.json).toEqual({ error: 'insufficient_scope' });
    expect(seen).toEqual([]);
  });

  test('a log-in that is too weak is asked for a better one (RFC 9470)', async () => {
    const { access } = await shopperTokens(server);
    const reply = await send('/refunds/1', bearer(access), { method: 'POST' });
    expect(refusal(reply)).toEqual([401, 'insufficient_user_authentication']);
    expect(reply.headers['www-authenticate']).toContain(
      'acr_values="urn:latchkey:acr:2", max_age="300"',
    );
    expect(seen).toEqual([]);
  });

  test('a token bound to a key needs a proof for this request, once (DPoP)', async () => {
    const keys = await newKeys();
    const { access } = await shopperTokens(server, { keys });
    const htu = 'https://orders.demo-shop.example/orders';
    const present = (dpop: string, path = '/orders?page=2') =>
      send(path, { authorization: `DPoP ${access}`, dpop });
    const dpop = await proofOf(keys, { htm: 'GET', htu, token: access });
    expect(refusal(await present(dpop, '/others'))).toEqual([401, 'invalid_dpop_proof']);
    expect((await present(dpop)).status).toBe(200);
    expect(seen[0]?.headers.dpop).toBeUndefined();
    expect(refusal(await present(dpop))).toEqual([401, 'invalid_dpop_proof']);
    const post = await proofOf(keys, { htm: 'POST', htu, token: access });
    expect(refusal(await present(post))).toEqual([401, 'invalid_dpop_proof']);
    // A host that the caller makes up is not the one the proof is held against.
    const elsewhere = 'https://evil.example/orders';
    const misused = await proofOf(keys, { htm: 'GET', htu: elsewhere, token: access });
    const lured = await send('/orders', {
      host: 'evil.example',
      authorization: `DPoP ${access}`,
      dpop: misused,
    });
    expect(refusal(lured)).toEqual([401, 'invalid_dpop_proof']);
    expect(refusal(await send('/orders', bearer(access)))).toEqual([401, 'invalid_token']);
  });

  test('what the API itself refuses stays as the API said it', async () => {
    const { access } = await shopperTokens(server);
    const reply = await send('/forbidden-by-the-api', bearer(access));
    expect([reply.status, reply.text]).toEqual([403, 'the API']);
  });

  test('an outage is "later", and so is a gateway that is set up wrongly: never a 401', async () => {
    const { access } = await shopperTokens(server);
    const expectLater = (reply: WireReply) => {
      expect([reply.status, reply.headers['retry-after']]).toEqual([503, '2']);
      expect(reply.headers['www-authenticate']).toBeUndefined();
      expect(reply.json).toEqual({ error: 'temporarily_unavailable' });
      expect(seen).toEqual([]);
    };
    const wrong = { port: Number(new URL(misled.origin).port) };
    expectLater(await send('/orders', bearer(access), wrong));
    await line.cut();
    expectLater(await send('/orders', bearer(access)));
    expectLater(await send('/orders'));
    await line.mend();
    const status = async () => (await send('/orders', bearer(access))).status;
    await expect.poll(status, { timeout: 5_000 }).toBe(200);
    expect(await nginx.errors()).not.toContain('[emerg]');
  });
});
