/** A client whose keys are at an address of its own: called if it may be, and only then. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { ORDERS, post, register } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { soon } from '../support/soon.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 180_000 });

/** What an address may answer, with 200, that is no set of keys. */
const broken: readonly [string, string][] = [
  ['an empty object', '{}'],
  ['no JSON', '<html>'],
  ['no key at all', '{"keys":[]}'],
  ['a key without its point', '{"keys":[{"kty":"EC","crv":"P-256","kid":"one"}]}'],
  ['a name that is a number', '{"keys":[{"kty":"EC","crv":"P-256","x":"x","y":"y","kid":1}]}'],
];

type Key = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
let directory: string;
let keys: Server;
let connections = 0;
let requests = 0;
let answer: RequestListener;
/** What is at the addresses of that name; and the keys that should be. */
let repaired: string;
let sound: string;
let signer: Key;
let stranger: Key;
/** May call this machine. */
let trusting: TestServer;
/** The same shop, whose operator has allowed nothing. */
let careful: TestServer;

beforeAll(async () => {
  const pair = await generateKeyPair('ES256', { extractable: true });
  signer = pair.privateKey;
  stranger = (await generateKeyPair('ES256')).privateKey;
  sound = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'one' }] });
  answer = (_req, res) => res.setHeader('content-type', 'application/json').end(sound);
  keys = createServer((req, res) => {
    requests += 1;
    if (req.url === '/moved') res.writeHead(302, { location: '/jwks' }).end();
    else if (req.url === '/broken') res.writeHead(500).end();
    else if (req.url === '/endless') res.end(`{"keys":[],"x":"${'a'.repeat(70_000)}"}`);
    else if (req.url?.startsWith('/repaired')) res.end(repaired);
    else answer(req, res);
  });
  keys.on('connection', () => {
    connections += 1;
  });
  keys.listen(0, '127.0.0.1');
  await once(keys, 'listening');
  const { port } = keys.address() as AddressInfo;

  trusting = await startServer({
    env: { LATCHKEY_OUTBOUND_ALLOW: '127.0.0.1', LATCHKEY_RATE_LIMITS: 'off' },
  });
  careful = await startServer({ like: trusting });
  directory = await mkdtemp(join(tmpdir(), 'latchkey-keys-'));
  const repairable = broken.map((_, index) => `repaired-${index}`);
  for (const name of ['jwks', 'moved', 'broken', 'endless', ...repairable]) {
    const metadata = join(directory, `${name}.json`);
    await writeFile(metadata, JSON.stringify({ jwks_uri: `http://127.0.0.1:${port}/${name}` }));
    await register(trusting, `at-${name}`, [
      ...['--auth', 'private_key_jwt', '--grant-type', 'client_credentials'],
      ...['--allow', `${ORDERS}=orders:read`, '--metadata', metadata],
    ]);
  }
});
beforeEach(() => {
  connections = 0;
  requests = 0;
});
afterAll(async () => {
  keys?.close();
  await careful?.stop();
  await trusting?.stop();
  if (directory) await rm(directory, { recursive: true });
});

async function ask(server: TestServer, id: string, key = signer) {
  const assertion = await new SignJWT({ jti: randomUUID() })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setIssuer(id)
    .setSubject(id)
    .setAudience(server.issuer)
    .setIssuedAt()
    .setExpirationTime('2m')
    .sign(key);
  return post(server, '/oauth2/token', {
    grant_type: 'client_credentials',
    scope: 'orders:read',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  });
}

test('nobody is called who may not be: not a socket is opened', async () => {
  const refused = await ask(careful, 'at-jwks');
  expect([refused.status, refused.json.error]).toEqual([401, 'invalid_client']);
  expect(refused.text).not.toContain('127.0.0.1');
  expect(connections).toBe(0);
  await expect.poll(() => careful.output(), soon).toContain('over https only');
});

test('its keys are fetched once for many, and prove who signed', async () => {
  const answers = await Promise.all(Array.from({ length: 10 }, () => ask(trusting, 'at-jwks')));
  expect(answers.map(({ status }) => status)).toEqual(new Array(10).fill(200));
  expect(requests).toBe(1);
  const forged = await ask(trusting, 'at-jwks', stranger);
  expect([forged.status, forged.json.error]).toEqual([401, 'invalid_client']);
});

test.each(['moved', 'broken', 'endless'])('an address that is %s gives no keys', async (name) => {
  const refused = await ask(trusting, `at-${name}`);
  expect([refused.status, refused.json.error]).toEqual([401, 'invalid_client']);
  expect(requests).toBe(1);
  // And none a moment later either.
  expect((await ask(trusting, `at-${name}`)).status).toBe(401);
});

test.each(broken.map(([what, body], index) => [what, body, index] as const))(
  'an answer that is %s is not believed for a minute: the keys count as soon as they are there',
  async (_what, body, index) => {
    repaired = body;
    const refused = await ask(trusting, `at-repaired-${index}`);
    expect([refused.status, refused.json.error]).toEqual([401, 'invalid_client']);
    repaired = sound;
    expect((await ask(trusting, `at-repaired-${index}`)).status).toBe(200);
    expect(requests).toBe(2);
  },
);
