/** passport-openidconnect in Express, as docs/clients.md shows it: a client without PKCE. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { snippetsOf } from '../support/documented.js';
import { type Operator, openOperator } from '../support/operator.js';
import { walk } from '../support/protocol.js';
import { freePort, startServer, type TestServer } from '../support/server.js';
import { openBrowser } from '../support/shopper.js';
import { programOfSnippet } from '../support/snippet-program.js';

let server: TestServer;
let operator: Operator;
let shop: Awaited<ReturnType<typeof programOfSnippet>>;
let origin: string;

beforeAll(async () => {
  server = await startServer();
  operator = openOperator(server);
  const port = String(await freePort());
  origin = `http://localhost:${port}`;
  const client = await operator.register('old-shop', [
    ...['--profile', 'legacy', '--auth', 'client_secret_post', '--first-party'],
    ...['--redirect-uri', `${origin}/callback`, '--scope', 'openid email'],
  ]);
  const [snippet = ''] = snippetsOf('clients.md', '## passport-openidconnect', 'js');
  shop = await programOfSnippet(snippet, {
    ISSUER: server.issuer,
    CLIENT_ID: client.client_id,
    CLIENT_SECRET: client.client_secret,
    SHOP: origin,
    SESSION_SECRET: randomBytes(32).toString('hex'),
    PORT: port,
  });
}, 120_000);
afterAll(async () => {
  await shop?.stop();
  await operator?.close();
  await server?.stop();
});

/** A browser at the shop that has been sent here and came back with a code. */
async function signIn() {
  const atShop = openBrowser({ issuer: origin });
  const { location = '' } = await atShop.get('/login');
  const asked = new URL(location).searchParams;
  const { callback } = await walk(server, location);
  return { atShop, asked, callback };
}

test('signs a shopper in, who is known by the e-mail address from userinfo', async () => {
  const { atShop, asked, callback } = await signIn();
  expect(asked.get('nonce')).toBeTruthy();
  expect(asked.has('code_challenge')).toBe(false);
  expect(await atShop.get(callback.href)).toMatchObject({ status: 302, location: '/me' });
  const me = await atShop.get('/me');
  expect(me.status).toBe(200);
  expect(JSON.parse(me.body)).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    email: server.demo.users.shopper?.email,
  });
});

test('signs nobody in with a code that somebody else’s browser was sent back with', async () => {
  const [mine, theirs] = [await signIn(), await signIn()];
  await mine.atShop.get(theirs.callback.href);
  expect((await mine.atShop.get('/me')).status).toBe(401);
  expect((await mine.atShop.get('/callback?error=access_denied')).status).toBe(401);
});
