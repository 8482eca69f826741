/** Apache with Debian's mod_auth_openidc: the site of docs/clients.md, and as an API. */
import { writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Apache, startApache } from '../support/apache.js';
import { selfSigned } from '../support/certificates.js';
import { filledIn, snippetsOf } from '../support/documented.js';
import { shopperTokens } from '../support/gateway.js';
import { type Operator, openOperator } from '../support/operator.js';
import { programOf } from '../support/program.js';
import { command, newShopper, post, wire } from '../support/protocol.js';
import { freePort, startServer, type TestServer } from '../support/server.js';
import {
  type Browser,
  demoClient,
  follow,
  hiddenField,
  openBrowser,
  submitLogin,
} from '../support/shopper.js';

const program = programOf('apache');

describe.skipIf(program === undefined)('behind Apache', { timeout: 60_000 }, () => {
  let server: TestServer;
  let operator: Operator;
  let upstream: Server;
  /** The module asks over https only, so something ends TLS in front of the server. */
  let front: TlsServer;
  let apache: Apache;
  let origin: string;

  beforeAll(async () => {
    const port = await freePort();
    origin = `http://localhost:${port}`;
    server = await startServer({ env: { LATCHKEY_OUTBOUND_ALLOW: 'localhost' } });
    operator = openOperator(server);
    upstream = createServer((req, res) => {
      res.setHeader('content-type', 'application/json');
      res.end(JSON.stringify(req.headers));
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    const metadata = join(server.dataDir, 'apache.json');
    const backchannel_logout_uri = `${origin}/shop/callback?logout=backchannel`;
    await writeFile(metadata, JSON.stringify({ backchannel_logout_uri }));
    const site = await selfSigned({ name: 'CN=localhost' });
    front = createTlsServer({ cert: site.cert, key: site.key }, (req, res) => {
      const { host } = new URL(server.issuer);
      const onward = httpRequest(
        server.issuer + req.url,
        { method: req.method, headers: { ...req.headers, host } },
        (answer) => {
          res.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(res);
        },
      );
      req.pipe(onward);
    });
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    const frontPort = (front.address() as AddressInfo).port;
    const web = await operator.register('apache-shop', [
      ...['--first-party', '--scope', 'openid email profile'],
      ...['--redirect-uri', `${origin}/shop/callback`],
      ...['--post-logout-redirect-uri', `${origin}/bye`],
      ...['--metadata', metadata],
    ]);
    const api = demoClient(server, 'orders_api');
    const [snippet = ''] = snippetsOf('clients.md', '## Apache, mod_auth_openidc', 'apache');
    const documented = filledIn(snippet, {
      'https://id.shop.example': server.issuer,
      'https://www.shop.example': origin,
      'OIDCClientID shop-site': `OIDCClientID ${web.client_id}`,
      'OIDCClientSecret …': `OIDCClientSecret ${web.client_secret}`,
      'OIDCCryptoPassphrase …': `OIDCCryptoPassphrase ${crypto.randomUUID()}`,
    });
    apache = await startApache(program ?? '', {
      port,
      modules: ['proxy', 'proxy_http', 'auth_openidc'],
      site: `
${documented}
OIDCOAuthIntrospectionEndpoint https://localhost:${frontPort}/oauth2/introspect
OIDCOAuthSSLValidateServer Off
OIDCOAuthClientID ${api.client_id}
OIDCOAuthClientSecret ${api.client_secret}
OIDCOAuthTokenIntrospectionInterval -1
ProxyPass /shop/callback !
ProxyPass / http://127.0.0.1:${(upstream.address() as AddressInfo).port}/
<Location /orders>
  AuthType oauth20
  Require claim scope:orders:read
</Location>`,
    });
  });
  afterAll(async () => {
    await apache?.stop();
    upstream?.close();
    front?.close();
    await operator?.close();
    await server?.stop();
  });

  /** A browser at Apache: cookies of its own, redirects as they come. */
  function atApache() {
    const jar = new Map<string, string>();
    return async (url: string) => {
      const { pathname, search, host, port } = new URL(url);
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
      // As a browser opens a page: the module answers anything else with 401.
      const headers = { host, cookie, accept: 'text/html', 'sec-fetch-mode': 'navigate' };
      const reply = await wire(Number(port), { method: 'GET', path: pathname + search, headers });
      for (const line of [reply.headers['set-cookie'] ?? []].flat()) {
        const [pair = ''] = line.split(';');
        const at = pair.indexOf('=');
        jar.set(pair.slice(0, at), pair.slice(at + 1));
      }
      return {
        status: reply.status,
        location: String(reply.headers.location ?? ''),
        text: reply.text,
      };
    };
  }

  async function signIn(user: { email: string; password: string }) {
    const visit = atApache();
    const browser: Browser = openBrowser(server);
    const asked = await visit(`${origin}/shop/orders?page=2`);
    expect([asked.status, asked.location.startsWith(`${server.issuer}/oauth2/authorize?`)]).toEqual(
      [302, true],
    );
    let reply = await follow(browser, server, await browser.get(asked.location));
    reply = await follow(browser, server, await submitLogin(browser, reply, user));
    const back = await visit(String(reply.location));
    expect([back.status, back.location]).toEqual([302, `${origin}/shop/orders?page=2`]);
    return { visit, browser };
  }
  const seenBy = (text: string) => JSON.parse(text) as Record<string, string>;

  test('somebody signs in and the site learns who it is', async () => {
    const user = await newShopper(server);
    const { visit } = await signIn(user);
    const page = await visit(`${origin}/shop/orders?page=2`);
    expect(page.status).toBe(200);
    expect(seenBy(page.text)).toMatchObject({
      oidc_claim_email: user.email,
      oidc_claim_email_verified: '1',
      oidc_claim_iss: server.issuer,
      oidc_claim_sub: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  test('signing out there ends the session here, after the question', async () => {
    const { visit, browser } = await signIn(await newShopper(server));
    const out = await visit(
      `${origin}/shop/callback?logout=${encodeURIComponent(`${origin}/bye`)}`,
    );
    expect(out.location).toContain(`${server.issuer}/oauth2/logout?`);
    const question = await follow(browser, server, await browser.get(out.location));
    const sent = await browser.post('/oauth2/logout/confirm', {
      xsrf: hiddenField(question.body, 'xsrf'),
      logout: 'yes',
    });
    expect(new URL(sent.location ?? '').href).toMatch(new RegExp(`^${origin}/bye`));
    expect((await visit(`${origin}/shop/orders`)).status).toBe(302);
  });

  test('a session that ends here ends there: the module takes our notice', async () => {
    const user = await newShopper(server);
    const { visit } = await signIn(user);
    expect((await visit(`${origin}/shop/orders`)).status).toBe(200);
    await command(server, 'users', 'revoke', user.email);
    await vi.waitFor(async () => expect((await visit(`${origin}/shop/orders`)).status).toBe(302), {
      timeout: 15_000,
      interval: 200,
    });
  });

  test('as an API it asks by introspection, and a revoked token opens nothing', async () => {
    const { access } = await shopperTokens(server);
    const call = (token: string) =>
      fetch(`${origin}/orders`, { headers: { authorization: `Bearer ${token}` } });
    expect([(await call(access)).status, await apache.errors()]).toEqual([200, expect.anything()]);
    expect((await call('made-up')).status).toBe(401);
    await post(server, '/oauth2/revoke', { client_id: 'demo-storefront', token: access });
    expect((await call(access)).status).toBe(401);
  });
});
