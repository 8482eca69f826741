/** A client's brand at a real server: on its pages, on nobody else's, and harmless. */
import { createHash } from 'node:crypto';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { pngOf } from '../support/png.js';
import { command, type Database, openDatabase } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { adminToken, clientFor, logIn, openBrowser, type Reply } from '../support/shopper.js';
import { openLogin } from '../support/sign-in.js';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

let server: TestServer;
let database: Database;
let token: string;

beforeAll(async () => {
  server = await startServer();
  database = await openDatabase(server);
  const create = (...args: string[]) => command(server, 'clients', 'create', ...args, '--json');
  for (const id of ['plain-shop', 'pretty-shop']) {
    await create(
      ...[id, '--name', 'Fern & <b>Hill</b>', '--auth', 'none', '--first-party'],
      ...['--redirect-uri', 'http://localhost:4999/callback', '--scope', 'openid'],
    );
  }
  const ops = JSON.parse(
    await create('ops', '--name', 'Ops', '--allow', 'urn:latchkey:admin=clients:write'),
  ) as { client_id: string; client_secret: string };
  const { config } = await clientFor(server, ops);
  const granted = await oidc.clientCredentialsGrant(config, {
    resource: 'urn:latchkey:admin',
    scope: 'clients:write',
  });
  token = granted.access_token;
});
afterAll(async () => {
  await database.close();
  await server.stop();
});

const svg = (content: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 16">${content}</svg>`;
const base64 = (content: string | Uint8Array) => Buffer.from(content).toString('base64');
const svgLogo = (content: string) => ({ mediaType: 'image/svg+xml', data: base64(svg(content)) });

async function admin(method: string, id: string, body?: unknown, as = token) {
  const response = await fetch(`${server.issuer}/admin/api/v1/clients/${id}/brand`, {
    method,
    headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, json: JSON.parse(text || '{}') };
}

/** The log-in page of a client, as a shopper gets it. */
async function loginAt(client_id: string): Promise<Reply> {
  const browser = openBrowser(server);
  return openLogin(server, browser, {
    client_id,
    redirect_uri:
      client_id === 'demo-storefront'
        ? 'http://localhost:4000/callback'
        : 'http://localhost:4999/callback',
    scope: 'openid',
    resource: undefined,
  });
}

const styleOf = ({ body }: Reply) => body.match(/<style nonce="[^"]+">([^<]*)<\/style>/)?.[1];
/** What a node hears of a change it hears within a second (and most often at once). */
const expectStyleAt = (client_id: string) =>
  expect.poll(async () => styleOf(await loginAt(client_id)));
const logoOf = ({ body }: Reply) => body.match(/<img class="emblem emblem-logo"[^>]*>/)?.[0];

describe('the demo shop', () => {
  test('has a brand of its own on its log-in page', async () => {
    const page = await loginAt('demo-storefront');
    expect(page.status).toBe(200);
    expect(styleOf(page)).toContain('--accent:#8a4f1d');
    expect(logoOf(page)).toMatch(
      /src="\/brand\/[0-9a-f]{64}" width="512" height="512" alt="Alder &amp; Oak">$/,
    );
  });
});

describe('a brand', () => {
  test('is on the next page of its client, and on no other’s', async () => {
    expect(styleOf(await loginAt('pretty-shop'))).toBeUndefined();
    const put = await admin('PUT', 'pretty-shop', {
      accent: '#FFE600',
      surface: '#fff8ee',
      logo: { mediaType: 'image/svg+xml', data: base64(svg('<path d="M0 0h9z"/>')) },
    });
    expect(put.status).toBe(200);
    expect(put.json).toMatchObject({
      accent: '#ffe600',
      surface: '#fff8ee',
      logo: { mediaType: 'image/svg+xml', width: 512, height: 128 },
    });
    expect(put.json.notes).toHaveLength(2);
    expect(put.json.notes[0]).toMatch(/^In the light theme the accent #ffe600 is shown as/);

    await expectStyleAt('pretty-shop').toContain(`--accent:${put.json.shown.light.accent}`);
    const page = await loginAt('pretty-shop');
    expect(styleOf(page)).toContain('--surface:#fff8ee');
    expect(logoOf(page)).toContain(`src="${put.json.logo.href}"`);
    // The name is still text, the policy still strict, and nothing is styled in place.
    expect(logoOf(page)).toContain('alt="Fern &amp; &lt;b&gt;Hill&lt;/b&gt;"');
    expect(page.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; script-src 'nonce-[\w-]+'; style-src 'nonce-[\w-]+'; img-src 'self' data:;/,
    );
    const nonce = page.headers.get('content-security-policy')?.match(/style-src 'nonce-([\w-]+)'/);
    expect(page.body).toContain(`<style nonce="${nonce?.[1]}">`);
    expect(page.body).not.toMatch(/<[^>]+\sstyle=/);

    const plain = await loginAt('plain-shop');
    expect(styleOf(plain)).toBeUndefined();
    expect(logoOf(plain)).toBeUndefined();

    expect(
      await database.query(
        "SELECT actor_kind, client_id, details FROM audit_events WHERE event = 'client_brand_changed' AND client_id = 'pretty-shop'",
      ),
    ).toMatchObject([{ actor_kind: 'client', details: { accent: '#ffe600' } }]);
  });

  test('is taken away again, and that may be repeated', async () => {
    await admin('PUT', 'pretty-shop', { accent: '#123456' });
    await expectStyleAt('pretty-shop').toContain('--accent:#123456');
    for (let turn = 0; turn < 2; turn += 1) {
      expect((await admin('DELETE', 'pretty-shop')).status).toBe(204);
    }
    await expectStyleAt('pretty-shop').toBeUndefined();
  });

  test('that is put again is put as a whole', async () => {
    await admin('PUT', 'pretty-shop', { accent: '#123456', surface: '#ffffff' });
    const { json } = await admin('PUT', 'pretty-shop', { surface: '#fffdf8' });
    expect(json).toMatchObject({ accent: null, surface: '#fffdf8', logo: null });
  });

  test('changed by hand is seen as well', async () => {
    await database.query(
      "INSERT INTO client_brands (client_id, accent, updated_at) VALUES ('plain-shop', '#0000aa', now())",
    );
    await expect
      .poll(async () => styleOf(await loginAt('plain-shop')), { timeout: 5_000 })
      .toContain('--accent:#0000aa');
    await database.query("DELETE FROM client_brands WHERE client_id = 'plain-shop'");
  });

  test.each([
    ['a colour that is CSS', { accent: '#000;}</style><script>alert(1)</script>' }, ['/accent']],
    ['two colours', { accent: 'red', surface: 'url(//evil.example)' }, ['/accent', '/surface']],
    ['a GIF', { logo: { mediaType: 'image/gif', data: 'R0lGODlh' } }, ['/logo/mediaType']],
    ['no base64', { logo: { mediaType: 'image/svg+xml', data: '***' } }, ['/logo/data']],
    ['a script', { logo: svgLogo('<script>1</script>') }, ['/logo/data']],
    ['a PNG called SVG', { logo: { ...svgLogo(''), data: base64(pngOf(32, 32)) } }, ['/logo/data']],
    ['64 KiB and a byte', { logo: { ...svgLogo(' '.repeat(65_536)) } }, ['/logo/data']],
    ['an address', { logoUri: 'https://evil.example/x.png' }, ['/logoUri']],
  ])('with %s is refused field by field', async (_what, body, pointers) => {
    const { status, headers, json } = await admin('PUT', 'pretty-shop', body);
    expect(status).toBe(422);
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(json.errors.map((error: { pointer: string }) => error.pointer)).toEqual(pointers);
    for (const { message } of json.errors) expect(message.length).toBeGreaterThan(10);
  });

  test('needs the scope, the client, and a body that is not too large', async () => {
    const reader = await adminToken(server, 'clients:read');
    expect((await admin('PUT', 'pretty-shop', {}, reader)).status).toBe(403);
    expect((await admin('DELETE', 'pretty-shop', undefined, reader)).status).toBe(403);
    expect((await admin('PUT', 'pretty-shop', {}, 'nonsense')).status).toBe(401);
    expect((await admin('PUT', 'no-such-shop', { accent: '#123456' })).status).toBe(404);
    expect((await admin('DELETE', 'no-such-shop')).status).toBe(404);
    const data = 'A'.repeat(300 * 1024);
    const large = { logo: { mediaType: 'image/png', data } };
    expect((await admin('PUT', 'pretty-shop', large)).status).toBe(413);
  });

  test('is described by OpenAPI', async () => {
    const document = (await (await fetch(`${server.issuer}/admin/api/v1/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { responses: object }>>;
    };
    const brand = document.paths['/clients/{id}/brand'];
    expect(Object.keys(brand ?? {})).toEqual(['put', 'delete']);
    expect(Object.keys(brand?.delete?.responses ?? {})).toContain('204');
  });
});

describe('a logo', () => {
  const put = async (mediaType: string, content: string | Uint8Array) => {
    const answer = await admin('PUT', 'pretty-shop', {
      logo: { mediaType, data: base64(content) },
    });
    return String(answer.json.logo.href);
  };

  test.each([
    ['image/svg+xml', 'image/svg+xml; charset=utf-8', svg('<path d="M0 0h8z"/>')],
    ['image/png', 'image/png', pngOf(64, 32)],
  ])('of type %s comes from our origin and can do nothing there', async (type, sent, content) => {
    const href = await put(type, content);
    const hash = createHash('sha256').update(content).digest('hex');
    expect(href).toBe(`/brand/${hash}`);
    const response = await fetch(server.issuer + href);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe(sent);
    expect(response.headers.get('content-security-policy')).toBe(
      "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    );
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(Buffer.from(await response.arrayBuffer()).equals(Buffer.from(content))).toBe(true);
    const again = await fetch(server.issuer + href, {
      headers: { 'if-none-match': response.headers.get('etag') ?? '', 'cache-control': '' },
    });
    expect([again.status, await again.text()]).toEqual([304, '']);
    const head = await fetch(server.issuer + href, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  test('that nobody shows is not there', async () => {
    const href = await put('image/png', pngOf(40, 40));
    expect((await fetch(server.issuer + href)).status).toBe(200);
    await admin('DELETE', 'pretty-shop');
    for (const path of [
      href,
      `/brand/${'0'.repeat(64)}`,
      `/brand/${'A'.repeat(64)}`,
      '/brand/',
      '/brand/..%2f..%2fpackage.json',
      `/brand/${'0'.repeat(64)}/x`,
      `/brand/${'0'.repeat(64)}.svg`,
    ]) {
      const response = await fetch(server.issuer + path);
      expect([path, response.status]).toEqual([path, 404]);
      expect(response.headers.get('cache-control')).toBe('no-store');
    }
    expect((await fetch(server.issuer + href, { method: 'POST' })).status).toBe(405);
  });
});

test('the brand goes along to the sign-out page', async () => {
  const { browser } = await logIn(server);
  const page = await browser.get('/oauth2/logout?client_id=demo-storefront');
  expect(page.status).toBe(200);
  expect(styleOf(page)).toContain('--accent:#8a4f1d');
  expect(logoOf(page)).toBeDefined();
});
