/** Client certificates from outside: over TLS of our own, and behind a proxy that is declared. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type Authority,
  type Certificate,
  createAuthority,
  SERVER_AUTH,
  selfSigned,
} from '../support/certificates.js';
import {
  type Answer,
  CATALOG,
  encode,
  type Fields,
  freshCode,
  ORDERS,
  post,
  postAs,
  redemption,
  register,
  wire,
} from '../support/protocol.js';
import { freePort, startServer, type TestServer } from '../support/server.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const REDIRECT = 'http://localhost:4000/callback';
let directory: string;
let authority: Authority;
let dn: Certificate;
let dns: Certificate;
let own: Certificate;
let other: Certificate;
/** Trusts this machine as its proxy. */
let proxied: TestServer;
/** The same shop, where this machine is nobody's proxy. */
let open: TestServer;
/** The same shop over TLS of its own. */
let direct: TestServer;
let directCa: string;

const file = async (name: string, content: unknown): Promise<string> => {
  const path = join(directory, name);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'latchkey-mtls-'));
  authority = await createAuthority('CN=Shop Clients');
  const web = await createAuthority('CN=Web');
  [dn, dns, own, other] = await Promise.all([
    authority.issue({ name: 'CN=erp,O=Alder Oak' }),
    authority.issue({ name: 'CN=any', alternatives: [{ type: 'dns', value: 'pos.shop.example' }] }),
    selfSigned({ name: 'CN=own' }),
    selfSigned({ name: 'CN=own' }),
  ]);
  const site = await web.issue({
    name: 'CN=localhost',
    alternatives: [{ type: 'dns', value: 'localhost' }],
    purposes: [SERVER_AUTH],
  });
  directCa = web.cert;
  const ca = await file('ca.pem', authority.cert);
  proxied = await startServer({
    env: {
      LATCHKEY_MTLS: 'proxy',
      LATCHKEY_MTLS_CA: ca,
      LATCHKEY_MTLS_VERIFIED_HEADER: 'x-verdict',
      LATCHKEY_MTLS_ORIGIN: 'https://mtls.shop.example',
      LATCHKEY_RATE_LIMITS: 'off',
      LATCHKEY_TRUSTED_PROXIES: '127.0.0.0/8,::1',
    },
  });
  const port = await freePort();
  [open, direct] = await Promise.all([
    startServer({
      like: proxied,
      env: {
        LATCHKEY_MTLS: 'proxy',
        LATCHKEY_MTLS_CA: ca,
        LATCHKEY_TRUSTED_PROXIES: '10.9.8.7',
        LATCHKEY_RATE_LIMITS: 'off',
      },
    }),
    startServer({
      like: proxied,
      port,
      env: {
        LATCHKEY_ISSUER: `https://localhost:${port}`,
        LATCHKEY_TLS_CERT: await file('site.pem', site.cert),
        LATCHKEY_TLS_KEY: await file('site-key.pem', site.key),
        LATCHKEY_MTLS: 'direct',
        LATCHKEY_RATE_LIMITS: 'off',
        LATCHKEY_MTLS_CA: ca,
      },
    }),
  ]);
  const machine = ['--grant-type', 'client_credentials', '--allow', `${ORDERS}=orders:read`];
  const bound = { tls_client_certificate_bound_access_tokens: true };
  const registrations: [string, string[]][] = [
    [
      'erp',
      [
        ...['--auth', 'tls_client_auth', ...machine, '--allow', `${CATALOG}=catalog:read`],
        '--metadata',
        await file('erp.json', { ...bound, tls_client_auth_subject_dn: 'CN=erp,O=Alder Oak' }),
      ],
    ],
    [
      'pos',
      [
        ...['--auth', 'tls_client_auth', ...machine, '--metadata'],
        await file('pos.json', { tls_client_auth_san_dns: 'pos.shop.example' }),
      ],
    ],
    [
      'own',
      [
        ...['--auth', 'self_signed_tls_client_auth', ...machine],
        ...['--jwks', await file('own-jwks.json', { keys: [{ ...own.jwk, x5c: [own.der] }] })],
        ...['--metadata', await file('own.json', bound)],
      ],
    ],
    [
      'counter',
      [
        ...['--auth', 'self_signed_tls_client_auth', '--first-party', '--scope', 'openid'],
        ...['--grant-type', 'urn:ietf:params:oauth:grant-type:device_code'],
        ...['--grant-type', 'urn:openid:params:grant-type:ciba'],
        ...['--jwks', await file('counter.json', { keys: [{ ...own.jwk, x5c: [own.der] }] })],
      ],
    ],
    [
      'bound-app',
      [
        ...['--auth', 'none', '--redirect-uri', REDIRECT, '--scope', 'openid offline_access'],
        ...['--first-party', '--metadata', await file('app.json', bound)],
      ],
    ],
  ];
  for (const [id, args] of registrations) await register(proxied, id, args);
});

afterAll(async () => {
  await Promise.all([open?.stop(), direct?.stop()]);
  await proxied?.stop();
  if (directory) await rm(directory, { recursive: true });
});

/** What a proxy says of a client's certificate. */
const shown = (certificate: Certificate, verdict = 'SUCCESS') => ({
  'client-cert': certificate.header,
  'x-verdict': verdict,
});
const machineToken = (id: string, headers: Record<string, string>, changes: Fields = {}) =>
  post(
    proxied,
    '/oauth2/token',
    { grant_type: 'client_credentials', client_id: id, resource: ORDERS, ...changes },
    headers,
  );
const introspect = async (token: unknown) =>
  (await postAs(proxied, 'orders_api', '/oauth2/introspect', { token: String(token) })).json;
const outcome = ({ status, json }: Pick<Answer, 'status' | 'json'>) => [status, json.error];

describe('behind a declared proxy', () => {
  test('a client authenticates with a certificate of its subject, and its token is bound', async () => {
    for (const headers of [shown(dn), { 'client-cert': dn.escaped, 'x-verdict': 'SUCCESS' }]) {
      const { status, json } = await machineToken('erp', headers);
      expect({ status, json }).toMatchObject({ status: 200, json: { token_type: 'Bearer' } });
      expect(await introspect(json.access_token)).toMatchObject({
        active: true,
        client_id: 'erp',
        cnf: { 'x5t#S256': dn.thumbprint },
      });
    }
  });

  test('a JWT access token says what it is bound to', async () => {
    const { json } = await machineToken('erp', shown(dn), { resource: CATALOG });
    const [, payload = ''] = String(json.access_token).split('.');
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      cnf: { 'x5t#S256': dn.thumbprint },
    });
  });

  test('a client authenticates by the host name in its certificate', async () => {
    const { status, json } = await machineToken('pos', shown(dns));
    expect(status).toBe(200);
    expect(await introspect(json.access_token)).not.toHaveProperty('cnf');
    expect(outcome(await machineToken('pos', shown(dn)))).toEqual([401, 'invalid_client']);
  });

  test('what does not vouch for a client does not authenticate it', async () => {
    const expired = await authority.issue({ name: 'CN=erp,O=Alder Oak', days: -1 });
    const website = await authority.issue({ name: 'CN=erp,O=Alder Oak', purposes: [SERVER_AUTH] });
    const stranger = await createAuthority('CN=Shop Clients');
    const forged = await stranger.issue({ name: 'CN=erp,O=Alder Oak' });
    const self = await selfSigned({ name: 'CN=erp,O=Alder Oak' });
    for (const headers of [
      shown(dns),
      shown(expired),
      shown(website),
      shown(forged),
      shown(self),
      shown(dn, 'FAILED:certificate revoked'),
      shown(dn, 'NONE'),
      { 'client-cert': dn.header },
      { 'client-cert': '', 'x-verdict': 'SUCCESS' },
      {},
    ] as Record<string, string>[]) {
      expect(outcome(await machineToken('erp', headers))).toEqual([401, 'invalid_client']);
    }
  });

  test('a registered certificate authenticates without any authority, another does not', async () => {
    const unverified = 'FAILED:self-signed certificate';
    const { status, json } = await machineToken('own', shown(own, unverified));
    expect(status).toBe(200);
    expect(await introspect(json.access_token)).toMatchObject({
      cnf: { 'x5t#S256': own.thumbprint },
    });
    expect(outcome(await machineToken('own', shown(other)))).toEqual([401, 'invalid_client']);
    expect(outcome(await machineToken('own', {}))).toEqual([401, 'invalid_client']);
  });

  test('many at once each get a token for their own certificate', async () => {
    const clients = [
      ['erp', dn],
      ['own', own],
    ] as const;
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, at) => {
        const [id, certificate] = clients[at % 2] ?? clients[0];
        const { json } = await machineToken(id, shown(certificate));
        const { cnf } = await introspect(json.access_token);
        return [(cnf as Record<string, string>)['x5t#S256'], certificate.thumbprint];
      }),
    );
    for (const [bound, presented] of answers) expect(bound).toBe(presented);
  });

  test('a header that is sent twice, or is no certificate, is refused', async () => {
    const body = String(
      encode({ grant_type: 'client_credentials', client_id: 'erp', resource: ORDERS }),
    );
    const send = (headers: Record<string, string | string[]>) =>
      wire(proxied.port, {
        method: 'POST',
        path: '/oauth2/token',
        headers: {
          host: `localhost:${proxied.port}`,
          'content-type': 'application/x-www-form-urlencoded',
          'x-verdict': 'SUCCESS',
          ...headers,
        },
        body,
      });
    expect((await send({ 'client-cert': dn.header })).status).toBe(200);
    for (const headers of [
      { 'client-cert': [dn.header, own.header] },
      { 'client-cert': [dn.header, dn.header] },
      { 'client-cert': dn.header, 'x-verdict': ['FAILED', 'SUCCESS'] },
      { 'client-cert': ':AAAA:' },
      { 'client-cert': dn.der },
      { 'client-cert': `${dn.header};a=b` },
      { 'client-cert': encodeURIComponent(dn.cert + own.cert) },
      { 'client-cert': '%zz' },
    ]) {
      expect((await send(headers)).status).toBe(400);
    }
  });
});

describe('a public client', () => {
  test('gets tokens that are of use only with its certificate', async () => {
    const fields = { client_id: 'bound-app', scope: 'openid offline_access', offline: 'yes' };
    const { code } = await freshCode(proxied, { ...fields, prompt: undefined });
    const redeem = (headers: Record<string, string>) =>
      post(proxied, '/oauth2/token', redemption(code, { client_id: 'bound-app' }), headers);
    const { status, json } = await redeem(shown(own));
    expect({ status, json }).toMatchObject({ status: 200 });

    const userinfo = async (headers: Record<string, string>) => {
      const response = await fetch(`${proxied.issuer}/oauth2/userinfo`, {
        headers: { authorization: `Bearer ${json.access_token}`, ...headers },
      });
      return response.status;
    };
    expect(await userinfo(shown(own))).toBe(200);
    expect(await userinfo(shown(other))).toBe(401);
    expect(await userinfo({})).toBe(401);

    const refresh = (headers: Record<string, string>) =>
      post(
        proxied,
        '/oauth2/token',
        {
          grant_type: 'refresh_token',
          client_id: 'bound-app',
          refresh_token: String(json.refresh_token),
        },
        headers,
      );
    expect(outcome(await refresh(shown(other)))).toEqual([400, 'invalid_grant']);
    expect(outcome(await refresh({}))).toEqual([400, 'invalid_grant']);
    const next = await refresh(shown(own));
    expect(next.status).toBe(200);
    expect(next.json.refresh_token).not.toBe(json.refresh_token);
  });

  test('gets none without a certificate', async () => {
    const { code } = await freshCode(proxied, { client_id: 'bound-app' });
    const answer = await post(
      proxied,
      '/oauth2/token',
      redemption(code, { client_id: 'bound-app' }),
    );
    expect(outcome(answer)).toEqual([400, 'invalid_grant']);
  });
});

describe('discovery', () => {
  const discover = async (server: TestServer) =>
    (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as Record<
      string,
      unknown
    >;

  test('tells of certificates, and where they are asked for', async () => {
    const document = await discover(proxied);
    expect(document.token_endpoint_auth_methods_supported).toEqual(
      expect.arrayContaining(['tls_client_auth', 'self_signed_tls_client_auth']),
    );
    expect(document.tls_client_certificate_bound_access_tokens).toBe(true);
    expect(document.mtls_endpoint_aliases).toEqual({
      token_endpoint: 'https://mtls.shop.example/oauth2/token',
      userinfo_endpoint: 'https://mtls.shop.example/oauth2/userinfo',
      introspection_endpoint: 'https://mtls.shop.example/oauth2/introspect',
      revocation_endpoint: 'https://mtls.shop.example/oauth2/revoke',
      pushed_authorization_request_endpoint: 'https://mtls.shop.example/oauth2/par',
      device_authorization_endpoint: 'https://mtls.shop.example/oauth2/device_authorization',
      backchannel_authentication_endpoint:
        'https://mtls.shop.example/oauth2/backchannel-authentication',
    });
    expect(await discover(open)).not.toHaveProperty('mtls_endpoint_aliases');
  });

  test('the second origin serves these endpoints and no page', async () => {
    const at = (path: string, method = 'GET') =>
      wire(proxied.port, { method, path, headers: { host: 'mtls.shop.example' } });
    expect((await at('/oauth2/token', 'POST')).status).toBe(400);
    expect((await at('/oauth2/userinfo')).status).not.toBe(421);
    for (const path of [
      '/',
      '/account',
      '/oauth2/authorize',
      '/.well-known/openid-configuration',
    ]) {
      expect((await at(path)).status).toBe(421);
    }
  });

  test('a till and a telephone desk with certificates are served there', async () => {
    const at = (path: string, certificate: Certificate, fields: Fields) =>
      wire(proxied.port, {
        method: 'POST',
        path,
        headers: {
          host: 'mtls.shop.example',
          'content-type': 'application/x-www-form-urlencoded',
          ...shown(certificate),
        },
        body: String(encode({ client_id: 'counter', scope: 'openid', ...fields })),
      });
    const device = await at('/oauth2/device_authorization', own, {});
    expect([device.status, device.json.error]).toEqual([200, undefined]);
    // The page for people is where browsers are not asked for certificates.
    expect(device.json.verification_uri).toBe(`${proxied.issuer}/device`);
    const asking = { login_hint: 'somebody@alder-oak.example' };
    const desk = await at('/oauth2/backchannel-authentication', own, asking);
    expect([desk.status, typeof desk.json.auth_req_id]).toEqual([200, 'string']);
    for (const path of ['/oauth2/device_authorization', '/oauth2/backchannel-authentication']) {
      expect(outcome(await at(path, other, asking))).toEqual([401, 'invalid_client']);
    }
  });
});

describe('from anybody but the proxy', () => {
  test('a request that names no host is not taken for one to a second origin', async () => {
    for (const path of ['/oauth2/token', '/oauth2/userinfo', '/account']) {
      const socket = connectPlain(open.port, '127.0.0.1');
      socket.end(`GET ${path} HTTP/1.0\r\n\r\n`);
      let answer = '';
      for await (const chunk of socket) answer += String(chunk);
      expect([path, answer.split('\r\n')[0]]).toEqual([path, expect.stringContaining(' 421 ')]);
    }
  });

  test('a certificate in a header is as if it had not been sent', async () => {
    const fields = { grant_type: 'client_credentials', client_id: 'own', resource: ORDERS };
    for (const headers of [
      shown(own),
      { 'x-ssl-client-cert': own.escaped },
      { 'x-client-cert': own.header },
      { 'x-forwarded-client-cert': `Cert="${own.escaped}"` },
    ] as Record<string, string>[]) {
      const answer = await post(open, '/oauth2/token', fields, headers);
      expect(outcome(answer)).toEqual([401, 'invalid_client']);
    }
  });
});

describe('over TLS of our own', () => {
  type Wire = { status: number; json: Record<string, unknown> };
  const send = (
    path: string,
    options: { certificate?: Certificate; fields?: Fields; headers?: Record<string, string> },
  ): Promise<Wire> =>
    new Promise((resolve, reject) => {
      const { certificate, fields } = options;
      const req = httpsRequest(
        {
          host: '127.0.0.1',
          servername: 'localhost',
          port: direct.port,
          path,
          method: fields ? 'POST' : 'GET',
          agent: false,
          ca: directCa,
          ...(certificate ? { cert: certificate.cert, key: certificate.key } : {}),
          headers: {
            host: `localhost:${direct.port}`,
            ...(fields ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
            ...options.headers,
          },
        },
        (res) => {
          let text = '';
          res.setEncoding('utf8');
          res.on('data', (chunk) => {
            text += chunk;
          });
          res.on('end', () => {
            let json = {};
            try {
              json = JSON.parse(text);
            } catch {
              // A page.
            }
            resolve({ status: res.statusCode ?? 0, json });
          });
        },
      );
      req.on('error', reject);
      req.end(fields ? String(encode(fields)) : undefined);
    });
  const token = (id: string, certificate?: Certificate, headers = {}) =>
    send('/oauth2/token', {
      fields: { grant_type: 'client_credentials', client_id: id, resource: ORDERS },
      headers,
      ...(certificate ? { certificate } : {}),
    });

  test('a client authenticates with the certificate of its handshake', async () => {
    const answer = await token('erp', dn);
    expect(answer.status).toBe(200);
    expect(await introspect(answer.json.access_token)).toMatchObject({
      cnf: { 'x5t#S256': dn.thumbprint },
    });
    expect((await token('own', own)).status).toBe(200);
    expect(outcome(await token('erp', own))).toEqual([401, 'invalid_client']);
    expect(outcome(await token('own', dn))).toEqual([401, 'invalid_client']);
    expect(outcome(await token('own', other))).toEqual([401, 'invalid_client']);
  });

  test('a header is no handshake', async () => {
    const headers = shown(own);
    expect(outcome(await token('own', undefined, headers))).toEqual([401, 'invalid_client']);
    expect(outcome(await token('own', other, headers))).toEqual([401, 'invalid_client']);
  });

  test('whoever has no certificate is served all the same', async () => {
    const { status, json } = await send('/.well-known/openid-configuration', {});
    expect([status, json.issuer]).toEqual([200, direct.issuer]);
  });

  test('TLS 1.2 and 1.3 with forward secrecy, nothing older, and no connection is resumed', async () => {
    const shake = async (options: object) => {
      const socket = connect({
        host: '127.0.0.1',
        port: direct.port,
        servername: 'localhost',
        ca: directCa,
        ...options,
      });
      let session: Buffer | undefined;
      socket.on('session', (offered) => {
        session = offered;
      });
      try {
        await once(socket, 'secureConnect');
        const seen = { protocol: socket.getProtocol(), resumed: socket.isSessionReused() };
        socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
        socket.resume();
        await once(socket, 'close');
        return { ...seen, session };
      } catch (error) {
        return (error as { code?: string }).code;
      } finally {
        socket.destroy();
      }
    };
    for (const protocol of ['TLSv1.2', 'TLSv1.3']) {
      const only = { minVersion: protocol, maxVersion: protocol, cert: dn.cert, key: dn.key };
      const first = (await shake(only)) as { session?: Buffer };
      expect(first).toMatchObject({ protocol, resumed: false });
      const again = await shake({ ...only, session: first.session });
      expect(again).toMatchObject({ protocol, resumed: false });
    }
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' };
    expect(await shake(old)).toMatch(/^ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION/);
    const weak = { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA' };
    expect(await shake(weak)).toMatch(/^ERR_SSL_.*HANDSHAKE_FAILURE/);
  });
});
