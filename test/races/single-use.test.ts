/** Whatever works once works once, also for fifty at a time over two nodes. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK, type GenerateKeyPairResult, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildDomain } from '../../src/compose.js';
import { createIssueClientSecret } from '../../src/flows/issue-client-secret.js';
import { createKeyring } from '../../src/kernel/keyring.js';
import { Secret } from '../../src/kernel/secret.js';
import { createPasswordStrength } from '../../src/platform/password-strength.js';
import { openPostgres, type Postgres } from '../../src/platform/postgres.js';
import {
  atOnce,
  basic,
  type Database,
  encode,
  type Fields,
  freshCode,
  ORDERS,
  openDatabase,
  postAs,
  postToNode,
  redemption,
  register,
  requestFields,
  type WireReply,
  wire,
} from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { demoClient } from '../support/shopper.js';

let first: TestServer;
let nodes: readonly TestServer[];
let database: Database;
let robotKeys: GenerateKeyPairResult;

const ROUNDS = 4;

/** Many of everything at once is the point here, so nobody is slowed down for it. */
const calm = { LATCHKEY_RATE_LIMITS: 'off', LATCHKEY_BOT_CHALLENGE: 'off' };

beforeAll(async () => {
  first = await startServer({ env: calm });
  const second = await startServer({
    like: first,
    env: { ...calm, LATCHKEY_ISSUER: first.issuer },
  });
  nodes = [first, second];
  database = await openDatabase(first);
  robotKeys = await generateKeyPair('ES256', { extractable: true });
  const jwks = join(first.dataDir, 'robot.jwks.json');
  await writeFile(jwks, JSON.stringify({ keys: [await exportJWK(robotKeys.publicKey)] }));
  const keys = ['--auth', 'private_key_jwt', '--jwks', jwks, '--allow', `${ORDERS}=orders:read`];
  await register(first, 'robot', keys);
}, 60_000);
afterAll(async () => {
  await database.close();
  await nodes[1]?.stop();
  await first.stop();
});

/** The same form, many times at once, to all nodes in turn. */
const storm = (
  count: number,
  path: string,
  fields: Fields,
  headers: Record<string, string> = {},
): Promise<WireReply[]> =>
  atOnce(count, (index) =>
    postToNode(nodes[index % nodes.length] as TestServer, path, fields, headers),
  );

const winners = (replies: readonly WireReply[]) => replies.filter(({ status }) => status === 200);

/** One winner at most, and everybody else gets a plain refusal: no 500, no half answer. */
const expectOneWinner = (replies: readonly WireReply[], error: string, status: number) => {
  expect(winners(replies).length).toBe(1);
  for (const reply of replies) {
    if (reply.status === 200) continue;
    expect([reply.status, reply.json.error]).toEqual([status, error]);
  }
};

const activeAtApi = async (token: unknown): Promise<boolean> => {
  const seen = await postAs(first, 'orders_api', '/oauth2/introspect', { token: String(token) });
  return seen.json.active === true;
};

const OFFLINE = { scope: 'openid offline_access orders:read', resource: ORDERS };

describe('two nodes, one database', () => {
  test('both nodes answer for the same issuer', async () => {
    for (const node of nodes) {
      const reply = await postToNode(node, '/oauth2/token', { grant_type: 'x' });
      expect(reply.status).toBe(400);
    }
    expect(nodes[0]?.port).not.toBe(nodes[1]?.port);
  });

  test('a code is redeemed once', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const { code } = await freshCode(first, OFFLINE);
      const replies = await storm(50, '/oauth2/token', redemption(code, { resource: ORDERS }));
      expectOneWinner(replies, 'invalid_grant', 400);
      // Somebody else had the code as well: nobody keeps anything, once one of them came late.
      const late = await postToNode(first, '/oauth2/token', redemption(code));
      expect(late.status).toBe(400);
      const [winner] = winners(replies);
      expect(await activeAtApi(winner?.json.access_token)).toBe(false);
    }
  });

  test('a pushed request is taken up once, by whoever is signed in already', async () => {
    const { browser } = await freshCode(first);
    const cookie = [...browser.cookies]
      .filter(([, { path }]) => path === '/')
      .map(([key, { value }]) => `${key.split('|')[0]}=${value}`)
      .join('; ');
    for (let round = 0; round < ROUNDS; round += 1) {
      const pushed = await postToNode(first, '/oauth2/par', requestFields());
      const { request_uri } = pushed.json as { request_uri: string };
      const query = encode({ client_id: 'demo-storefront', request_uri });
      const replies = await atOnce(20, (index) =>
        wire((nodes[index % nodes.length] as TestServer).port, {
          path: `/oauth2/authorize?${query}`,
          headers: { host: new URL(first.issuer).host, cookie, accept: 'text/html' },
        }),
      );
      const codes = replies.filter(({ headers }) => headers.location?.includes('code='));
      expect(codes.length).toBe(1);
      for (const { text, headers } of replies) {
        const { location = '' } = headers;
        if (location.includes('code=')) continue;
        // On a page, or, from whoever was late by a moment, at the client's own address.
        expect(text + location).toContain('invalid_request_uri');
        if (location) expect(location).toMatch(/^http:\/\/localhost:4000\/callback\?error=/);
      }
    }
  });

  test('a client assertion is used once', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const assertion = await new SignJWT({ jti: randomUUID() })
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuer('robot')
        .setSubject('robot')
        .setAudience(first.issuer)
        .setExpirationTime('1m')
        .sign(robotKeys.privateKey);
      const replies = await storm(20, '/oauth2/token', {
        grant_type: 'client_credentials',
        client_assertion: assertion,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      });
      expectOneWinner(replies, 'invalid_client', 401);
    }
  });

  test('a DPoP proof is used once', async () => {
    const keys = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(keys.publicKey);
    for (let round = 0; round < ROUNDS; round += 1) {
      const dpop = await new SignJWT({
        htm: 'POST',
        htu: `${first.issuer}/oauth2/token`,
        jti: randomUUID(),
      })
        .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk })
        .setIssuedAt()
        .sign(keys.privateKey);
      const replies = await storm(
        20,
        '/oauth2/token',
        { grant_type: 'client_credentials', resource: ORDERS },
        { dpop, authorization: basic(demoClient(first, 'automation')) },
      );
      expectOneWinner(replies, 'invalid_grant', 400);
    }
  });

  test('a token that is revoked by many is revoked, and nobody gets an error', async () => {
    const { code } = await freshCode(first, OFFLINE);
    const begun = await postToNode(first, '/oauth2/token', redemption(code, { resource: ORDERS }));
    const replies = await storm(20, '/oauth2/revoke', {
      client_id: 'demo-storefront',
      token: String(begun.json.refresh_token),
    });
    expect(replies.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(await activeAtApi(begun.json.access_token)).toBe(false);
  });
});

describe('client secrets', () => {
  let pools: Postgres[];

  beforeAll(() => {
    pools = [0, 1].map(() => openPostgres({ url: new Secret(first.databaseUrl) }));
  });
  afterAll(async () => {
    for (const pool of pools) await pool.close();
  });

  test('never more than two live, however many operators ask at once', {
    timeout: 60_000,
  }, async () => {
    const entry = (first.env.LATCHKEY_KEYRING ?? '').split(':');
    const keyring = createKeyring([
      { id: entry[0] ?? '', key: new Uint8Array(Buffer.from(entry[1] ?? '', 'base64')) },
    ]);
    const noPasswords = () => Promise.reject(new Error('no password is involved here'));
    const parts = {
      clock: { now: () => new Date() },
      keyring,
      hasher: {
        hash: noPasswords,
        verify: noPasswords,
        needsRehash: () => false,
        dummyHash: '',
      },
      strength: createPasswordStrength(),
      production: false,
    };
    const operators = pools.map((postgres) =>
      createIssueClientSecret({
        domain: buildDomain(postgres.db, parts),
        transact: (work) => postgres.transaction((tx) => work(buildDomain(tx, parts))),
      }),
    );
    const { client_id } = await register(first, 'rotating', ['--allow', `${ORDERS}=orders:read`]);
    for (let round = 0; round < ROUNDS; round += 1) {
      // With one living secret there is room for one more, with none for two.
      const room = 1 + (round % 2);
      await database.query(
        `DELETE FROM client_secrets WHERE client_id = $1
            AND id NOT IN (SELECT id FROM client_secrets WHERE client_id = $1 LIMIT $2)`,
        [client_id, 2 - room],
      );
      const outcomes = await atOnce(20, async (index) => {
        const issue = operators[index % operators.length];
        return issue?.({ clientId: client_id, actor: { kind: 'operator' } });
      });
      const issued = outcomes.filter((outcome) => outcome?.kind === 'issued');
      expect(issued).toHaveLength(room);
      const [row] = await database.query(
        'SELECT count(*)::int AS live FROM client_secrets WHERE client_id = $1',
        [client_id],
      );
      expect(row?.live).toBe(2);
    }
  });
});
