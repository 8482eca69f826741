/** The storefront is told of sign-outs by the server, and by nobody else. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Example, startExample } from '../support/examples.js';
import { freshCode, newShopper, ORDERS, post, redemption, register } from '../support/protocol.js';
import { freePort, startServer, type TestServer } from '../support/server.js';
import { follow, openBrowser, submitLogin } from '../support/shopper.js';
import { soon } from '../support/soon.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let server: TestServer;
let shop: Example;

beforeAll(async () => {
  server = await startServer();
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const file = join(server.dataDir, 'storefront.json');
  await writeFile(file, JSON.stringify({ backchannel_logout_uri: `${origin}/backchannel-logout` }));
  await register(server, 'test-storefront', [
    ...['--auth', 'none', '--first-party', '--metadata', file],
    ...['--redirect-uri', `${origin}/callback`, '--post-logout-redirect-uri', `${origin}/`],
    ...['--scope', 'openid profile email offline_access', '--allow', `${ORDERS}=orders:read`],
  ]);
  shop = await startExample('storefront', server, {
    PORT: String(port),
    CLIENT_ID: 'test-storefront',
    SCOPE: 'openid profile email offline_access orders:read',
  });
});
afterAll(async () => {
  await shop?.stop();
  await server?.stop();
});

/** Somebody signed in at the shop with a browser of their own. */
async function signIn(user: { email: string; password: string }) {
  const atShop = (path: string, cookie = '') =>
    fetch(shop.origin + path, { headers: { cookie }, redirect: 'manual' });
  const cookieOf = (reply: Response) =>
    (reply.headers.getSetCookie().at(-1) ?? '').split(';', 1)[0] ?? '';
  const begun = await atShop('/login');
  const browser = openBrowser(server);
  const login = await follow(
    browser,
    server,
    await browser.get(begun.headers.get('location') ?? ''),
  );
  const back = await follow(browser, server, await submitLogin(browser, login, user));
  const { pathname, search } = new URL(back.location ?? '');
  const done = await atShop(pathname + search, cookieOf(begun));
  expect(done.status).toBe(303);
  const cookie = cookieOf(done);
  const isSignedIn = async () => (await (await atShop('/', cookie)).text()).includes(user.email);
  expect(await isSignedIn()).toBe(true);
  return { isSignedIn };
}
const tell = (logout_token: string) =>
  post({ issuer: shop.origin }, '/backchannel-logout', { logout_token });

test('who is signed out by staff is signed out of the shop, and nobody else is', async () => {
  const [one, two] = [await newShopper(server), await newShopper(server)];
  const [first, second] = [await signIn(one), await signIn(two)];
  const disabled = await server.cli(['users', 'disable', one.email]);
  expect(disabled.code, disabled.stderr).toBe(0);
  await expect.poll(first.isSignedIn, soon).toBe(false);
  expect(await second.isSignedIn()).toBe(true);
});

test('nothing that is not a logout token of this server for this shop ends anything', async () => {
  const user = await newShopper(server);
  const { isSignedIn } = await signIn(user);
  const { code } = await freshCode(server, {}, { user });
  const { json } = await post(server, '/oauth2/token', redemption(code));
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: server.issuer, aud: 'test-storefront', sub: 'x', iat: 0, exp: 9e9 };
  for (const token of [
    '',
    'x',
    String(json.id_token),
    `${encode({ alg: 'none', typ: 'logout+jwt' })}.${encode(claims)}.`,
    'x'.repeat(20_000),
  ]) {
    expect((await tell(token)).status).toBe(400);
  }
  expect(await isSignedIn()).toBe(true);
});
