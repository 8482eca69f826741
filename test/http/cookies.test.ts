/** The cookies of a whole log-in over https: they belong to this host alone (RFC 6265bis section 4.1.3). */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, type Dispatcher, getGlobalDispatcher, setGlobalDispatcher } from 'undici';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createAuthority, SERVER_AUTH } from '../support/certificates.js';
import { type FreshDatabase, freshDatabase } from '../support/database.js';
import { type DataDirectory, launch, openDataDirectory, type Started } from '../support/process.js';
import { authorizeUrl } from '../support/protocol.js';
import { type Demo, freePort } from '../support/server.js';
import { formAction, hiddenField, openBrowser, type Reply } from '../support/shopper.js';
import { codeOf } from '../support/sign-in.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let data: DataDirectory;
let database: FreshDatabase;
let server: Started;
let issuer: string;
let demo: Demo;
let agent: Agent;
let usual: Dispatcher;

beforeAll(async () => {
  data = await openDataDirectory();
  database = await freshDatabase();
  const files = {
    LATCHKEY_TLS_CERT: join(data.path, 'cert.pem'),
    LATCHKEY_TLS_KEY: join(data.path, 'key.pem'),
  };
  const authority = await createAuthority('CN=Web');
  const site = await authority.issue({
    name: 'CN=localhost',
    alternatives: [{ type: 'dns', value: 'localhost' }],
    purposes: [SERVER_AUTH],
  });
  await writeFile(files.LATCHKEY_TLS_CERT, site.cert);
  await writeFile(files.LATCHKEY_TLS_KEY, site.key);
  const port = await freePort();
  issuer = `https://localhost:${port}`;
  const key = () => randomBytes(32).toString('base64');
  server = launch({
    DATABASE_URL: database.url,
    LATCHKEY_ISSUER: issuer,
    LATCHKEY_KEYRING: `k1:${key()}`,
    LATCHKEY_COOKIE_KEYS: `${key()},${key()}`,
    LATCHKEY_DATA_DIR: data.path,
    LATCHKEY_OPS_PORT: '0',
    LATCHKEY_SEED: 'demo',
    LOG_LEVEL: 'warn',
    PORT: String(port),
    HOST: '127.0.0.1',
    ...files,
  });
  await server.ready;
  demo = (await data.json('demo.json')) as unknown as Demo;
  usual = getGlobalDispatcher();
  agent = new Agent({ connect: { ca: authority.cert } });
  setGlobalDispatcher(agent);
});
afterAll(async () => {
  if (usual) setGlobalDispatcher(usual);
  await agent?.close();
  await server?.end('SIGTERM');
  await database?.drop();
  await data?.remove();
});

type Cookie = { readonly name: string; readonly attributes: ReadonlyMap<string, string> };

function cookiesOf(reply: Reply): Cookie[] {
  return reply.headers.getSetCookie().map((line) => {
    const [pair = '', ...rest] = line.split(';').map((part) => part.trim());
    const attributes = rest.map((part): [string, string] => {
      const [name = '', value = ''] = part.split('=');
      return [name.toLowerCase(), value];
    });
    return { name: pair.split('=')[0] ?? '', attributes: new Map(attributes) };
  });
}

test('a session and a known device are kept by the host that made them, out of reach of scripts', async () => {
  const browser = openBrowser({ issuer });
  const replies: Reply[] = [];
  const note = (reply: Reply): Reply => {
    replies.push(reply);
    return reply;
  };
  const go = async (first: Reply): Promise<Reply> => {
    let reply = note(first);
    while (reply.location && new URL(reply.location, issuer).origin === issuer) {
      reply = note(await browser.get(reply.location));
    }
    return reply;
  };
  const person = demo.users.shopper_mfa as { email: string; password: string; totp_secret: string };
  const login = await go(await browser.get(authorizeUrl()));
  const asked = await go(
    await browser.post(formAction(login.body, 'password'), {
      csrf: hiddenField(login.body, 'csrf'),
      login: person.email,
      password: person.password,
    }),
  );
  const done = await go(
    await browser.post(formAction(asked.body, 'code'), {
      csrf: hiddenField(asked.body, 'csrf'),
      code: codeOf(person.totp_secret),
      remember: 'yes',
    }),
  );
  expect(new URL(done.location ?? '').searchParams.has('code')).toBe(true);

  const cookies = replies.flatMap(cookiesOf);
  const names = [...new Set(cookies.map(({ name }) => name))];
  expect(names).toEqual(
    expect.arrayContaining([
      '__Host-latchkey_session',
      '__Host-latchkey_session.sig',
      '__Host-latchkey_device',
      '__Host-latchkey_device.sig',
    ]),
  );
  // Nothing of either is kept under a name that another host of the domain could set.
  expect(
    names.filter((name) => /session|device/.test(name) && !name.startsWith('__Host-')),
  ).toEqual([]);
  for (const { name, attributes } of cookies) {
    const kept = Object.fromEntries(attributes);
    expect({ name, ...kept }).toMatchObject({ name, secure: '', httponly: '' });
    expect(kept.samesite?.toLowerCase()).toBe('lax');
    expect(kept).not.toHaveProperty('domain');
    if (name.startsWith('__Host-')) expect({ name, path: kept.path }).toEqual({ name, path: '/' });
    else expect(name).toMatch(/^__Secure-/);
  }
  // And it is these that carry the log-in.
  const silent = await browser.get(authorizeUrl({ prompt: 'none' }));
  expect(new URL(silent.location ?? '').searchParams.has('code')).toBe(true);
});
