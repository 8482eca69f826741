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
import { isBusy, oneWon, untilAnswered } from '../support/busy.js';
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
import { startTwoNodes, type TestServer } from '../support/server.js';
import { demoClient } from '../support/shopper.js';

let first: TestServer;
let nodes: readonly [TestServer, TestServer];
let database: Database;
let robotKeys: GenerateKeyPairResult;

const ROUNDS = 4;

beforeAll(async () => {
  nodes = await startTwoNodes();
  [first] = nodes;
  database = await openDatabase(first);
  robotKeys = await generateKeyPair('ES256', { extractable: true });
  const jwks = join(first.dataDir, 'robot.jwks.json');
  await writeFile(jwks, JSON.stringify({ keys: [await exportJWK(robotKeys.publicKey)] }));
  const keys = ['--auth', 'private_key_jwt', '--jwks', jwks, '--allow', `${ORDERS}=orders:read`];
  await register(first, 'robot', keys);
}, 180_000);
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
      await untilAnswered(50, async (crowd) => {
        const { code } = await freshCode(first, OFFLINE);
        const fields = redemption(code, { resource: ORDERS });
        const replies = await storm(crowd, '/oauth2/token', fields);
        if (!oneWon(replies, [400, 'invalid_grant'])) return false;
        // Somebody else had the code as well: nobody keeps anything, once one of them came late.
        const late = await postToNode(first, '/oauth2/token', redemption(code));
        expect(late.status).toBe(400);
        const [winner] = winners(replies);
        expect(await activeAtApi(winner?.json.access_token)).toBe(false);
        return true;
      });
    }
  });

  test('a pushed request is taken up once, by whoever is signed in already', async () => {
    const { browser } = await freshCode(first);
    const cookie = [...browser.cookies]
      .filter(([, { path }]) => path === '/')
      .map(([key, { value }]) => `${key.split('|')[0]}=${value}`)
      .join('; ');
    for (let round = 0; round < ROUNDS; round += 1) {
      await untilAnswered(20, async (crowd) => {
        const pushed = await postToNode(first, '/oauth2/par', requestFields());
        const { request_uri } = pushed.json as { request_uri: string };
        const query = encode({ client_id: 'demo-storefront', request_uri });
        const replies = await atOnce(crowd, (index) =>
          wire((nodes[index % nodes.length] as TestServer).port, {
            path: `/oauth2/authorize?${query}`,
            headers: { host: new URL(first.issuer).host, cookie, accept: 'text/html' },
          }),
        );
        const told = replies.filter((reply) => !isBusy(reply));
        const codes = told.filter(({ headers }) => headers.location?.includes('code='));
        expect(codes.length).toBeLessThanOrEqual(1);
        for (const { text, headers } of told) {
          const { location = '' } = headers;
          if (location.includes('code=')) continue;
          // On a page, or, from whoever was late by a moment, at the client's own address.
          expect(text + location).toContain('invalid_request_uri');
          if (location) expect(location).toMatch(/^http:\/\/localhost:4000\/callback\?error=/);
        }
        if (told.length < crowd) return false;
        expect(codes.length).toBe(1);
        return true;
      });
    }
  });

  test('a client assertion is used once', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      await untilAnswered(20, async (crowd) => {
        const assertion = await new SignJWT({ jti: randomUUID() })
          .setProtectedHeader({ alg: 'ES256' })
          .setIssuer('robot')
          .setSubject('robot')
          .setAudience(first.issuer)
          .setExpirationTime('1m')
          .sign(robotKeys.privateKey);
        const replies = await storm(crowd, '/oauth2/token', {
          grant_type: 'client_credentials',
          client_assertion: assertion,
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        });
        return oneWon(replies, [401, 'invalid_client']);
      });
    }
  });

  test('a DPoP proof is used once', async () => {
    const keys = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(keys.publicKey);
    for (let round = 0; round < ROUNDS; round += 1) {
      await untilAnswered(20, async (crowd) => {
        const dpop = await new SignJWT({
          htm: 'POST',
          htu: `${first.issuer}/oauth2/token`,
          jti: randomUUID(),
        })
          .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk })
          .setIssuedAt()
          .sign(keys.privateKey);
        const replies = await storm(
          crowd,
          '/oauth2/token',
          { grant_type: 'client_credentials', resource: ORDERS },
          { dpop, authorization: basic(demoClient(first, 'automation')) },
        );
        return oneWon(replies, [400, 'invalid_grant']);
      });
    }
  });

  test('a token that is revoked by many is revoked, and nobody gets an error', async () => {
    await untilAnswered(20, async (crowd) => {
      const { code } = await freshCode(first, OFFLINE);
      const fields = redemption(code, { resource: ORDERS });
      const begun = await postToNode(first, '/oauth2/token', fields);
      const replies = await storm(crowd, '/oauth2/revoke', {
        client_id: 'demo-storefront',
        token: String(begun.json.refresh_token),
      });
      const told = replies.filter((reply) => !isBusy(reply));
      expect(told.filter(({ status }) => status !== 200)).toEqual([]);
      if (told.length < crowd) return false;
      expect(await activeAtApi(begun.json.access_token)).toBe(false);
      return true;
    });
  });
});

describe('client secrets', () => {
  let pools: Postgres[];

  beforeAll(() => {
    pools = [0, 1].map(() => openPostgres({ url: new Secret(first.databaseUrl), patient: true }));
  });
  afterAll(async () => {
    for (const pool of pools) await pool.close();
  });

  test('never more than two live, however many operators ask at once', {
    timeout: 180_000,
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
