/** Auth.js with the provider of docs/clients.md: PKCE, state and nonce, and a session of its own. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { snippetsOf } from '../support/documented.js';
import { type Operator, openOperator } from '../support/operator.js';
import { walk } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { moduleOf } from '../support/snippet-program.js';

// By a name that the compiler does not follow: its types bring the browser's along, for all tests.
const AUTH_JS: string = '@auth/core';
const { Auth } = (await import(AUTH_JS)) as {
  Auth(request: Request, config: object): Promise<Response>;
};

const SHOP = 'http://localhost:4173';

let server: TestServer;
let operator: Operator;
let config: object;
const complaints: Error[] = [];

beforeAll(async () => {
  server = await startServer();
  operator = openOperator(server);
  const client = await operator.register('next-shop', [
    ...['--first-party', '--scope', 'openid email profile'],
    ...['--redirect-uri', `${SHOP}/auth/callback/latchkey`],
  ]);
  const [snippet = ''] = snippetsOf('clients.md', '## Auth.js', 'js');
  const { latchkey } = await moduleOf<{ latchkey: object }>(snippet, {
    ISSUER: server.issuer,
    CLIENT_ID: client.client_id,
    CLIENT_SECRET: client.client_secret,
  });
  config = {
    providers: [latchkey],
    basePath: '/auth',
    secret: randomBytes(32).toString('hex'),
    trustHost: true,
    logger: { error: (error: Error) => complaints.push(error) },
  };
}, 120_000);
afterAll(async () => {
  await operator?.close();
  await server?.stop();
});

/** Somebody's browser at the shop. */
function visitor() {
  const cookies = new Map<string, string>();
  return async (path: string, form?: Record<string, string>) => {
    const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
    const url = new URL(path, SHOP);
    const response = await Auth(
      new Request(
        url,
        form ? { method: 'POST', headers, body: new URLSearchParams(form) } : { headers },
      ),
      config,
    );
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value) cookies.set(name, value);
      else cookies.delete(name);
    }
    return response;
  };
}

async function begin(at: ReturnType<typeof visitor>): Promise<URL> {
  const { csrfToken } = (await (await at('/auth/csrf')).json()) as { csrfToken: string };
  const sent = await at('/auth/signin/latchkey', { csrfToken, callbackUrl: `${SHOP}/` });
  return new URL(sent.headers.get('location') ?? '');
}

test('asks with PKCE, state and nonce, and its session shows the shopper’s e-mail', async () => {
  const at = visitor();
  const asked = await begin(at);
  expect(asked.origin).toBe(server.issuer);
  expect(Object.fromEntries(asked.searchParams)).toMatchObject({
    code_challenge_method: 'S256',
    code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    state: expect.any(String),
    nonce: expect.any(String),
  });
  const { callback } = await walk(server, asked.href);
  const back = await at(callback.href);
  expect(complaints).toEqual([]);
  expect([back.status, back.headers.get('location')]).toEqual([302, `${SHOP}/`]);
  const session = await (await at('/auth/session')).json();
  expect(session).toMatchObject({ user: { email: server.demo.users.shopper?.email } });
});

test('gives no session to a browser that did not ask', async () => {
  const { callback } = await walk(server, (await begin(visitor())).href);
  const stranger = visitor();
  const back = await stranger(callback.href);
  expect(back.headers.get('location')).toContain('error');
  expect(await (await stranger('/auth/session')).json()).toBeNull();
});
