/**
 * Signing keys change while everything runs, on two nodes: nobody meets a signature that does
 * not verify, and in an emergency nobody meets one that still does.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createLocalJWKSet,
  decodeProtectedHeader,
  type JSONWebKeySet,
  errors as joseErrors,
  jwtVerify,
} from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signingAlgs } from '../../src/kernel/signing-algs.js';
import {
  atOnce,
  basic,
  CATALOG,
  command,
  type Database,
  freshCode,
  openDatabase,
  postToNode,
  redemption,
  register,
  wire,
} from '../support/protocol.js';
import { CALM, runLatchkey, startServer, type TestServer } from '../support/server.js';
import { demoClient } from '../support/shopper.js';
import { soon } from '../support/soon.js';

let a: TestServer;
let b: TestServer;
let database: Database;
const RS_SHOP = 'shop-rs256';

beforeAll(async () => {
  a = await startServer({ env: CALM });
  b = await startServer({ like: a, env: { ...CALM, LATCHKEY_ISSUER: a.issuer } });
  database = await openDatabase(a);
  await register(a, RS_SHOP, [
    ...['--first-party', '--auth', 'none', '--scope', 'openid offline_access'],
    ...['--redirect-uri', 'http://localhost:4000/callback', '--id-token-alg', 'RS256'],
  ]);
}, 180_000);
afterAll(async () => {
  await database?.close();
  await b?.stop();
  await a?.stop();
});

const jwksOf = async (node: TestServer): Promise<JSONWebKeySet> => {
  const { json } = await wire(node.port, {
    path: '/oauth2/jwks',
    headers: { host: new URL(node.issuer).host },
  });
  return json as unknown as JSONWebKeySet;
};
const kidsOf = async (node: TestServer) => (await jwksOf(node)).keys.map(({ kid }) => kid ?? '');

/** An access token as a JWT, from one node. */
const machineJwt = async (node: TestServer): Promise<string> => {
  const { status, json } = await postToNode(
    node,
    '/oauth2/token',
    { grant_type: 'client_credentials', resource: CATALOG, scope: 'catalog:read' },
    { authorization: basic(demoClient(node, 'automation')) },
  );
  expect(status).toBe(200);
  return String(json.access_token);
};

/** An API that keeps the JWKS and never asks again for a key it does not know. */
type Keeper = { keys: ReturnType<typeof createLocalJWKSet> };
const openKeeper = async (node: TestServer): Promise<Keeper> => ({
  keys: createLocalJWKSet(await jwksOf(node)),
});
const fetchAgain = async (keeper: Keeper, node: TestServer) => {
  keeper.keys = createLocalJWKSet(await jwksOf(node));
};

test('three rotations under load leave no signature that does not verify', async () => {
  // The one fetches from the other node than most of what it sees comes from.
  const keepers = [await openKeeper(a), await openKeeper(b)];
  const seen: string[] = [];
  const failures: string[] = [];
  const signers = new Set<string>();
  let going = true;

  const verify = async (token: string) => {
    seen.push(token);
    signers.add(String(decodeProtectedHeader(token).kid));
    for (const { keys } of keepers) {
      await jwtVerify(token, keys, { issuer: a.issuer }).catch((error: unknown) =>
        failures.push(`${String(error)} for ${JSON.stringify(decodeProtectedHeader(token))}`),
      );
    }
  };
  const machines = [a, b, a, b].map(async (node) => {
    while (going) await verify(await machineJwt(node));
  });
  const shopper = (async () => {
    const scope = 'openid offline_access';
    const { code } = await freshCode(a, { client_id: RS_SHOP, scope });
    let answer = await postToNode(a, '/oauth2/token', redemption(code, { client_id: RS_SHOP }));
    for (let turn = 0; going; turn += 1) {
      expect(answer.status).toBe(200);
      await verify(String(answer.json.id_token));
      answer = await postToNode([a, b][turn % 2] ?? a, '/oauth2/token', {
        grant_type: 'refresh_token',
        client_id: RS_SHOP,
        refresh_token: String(answer.json.refresh_token),
      });
    }
  })();

  try {
    // The shopper has to log in first; without that, one of the first keys would sign nothing.
    await expect.poll(() => signers.size, { timeout: 20_000 }).toBe(2);
    for (let round = 1; round <= 3; round += 1) {
      const { kids } = JSON.parse(await command(a, 'keys', 'rotate', '--json')) as {
        kids: string[];
      };
      for (const node of [a, b]) {
        await expect
          .poll(() => kidsOf(node), { timeout: 5_000 })
          .toEqual(expect.arrayContaining(kids));
      }
      const early = seen.length;
      await expect.poll(() => seen.length, { timeout: 20_000 }).toBeGreaterThan(early + 10);
      // Within the ten minutes every cache fetches again; then the time is come, at once.
      await Promise.all([fetchAgain(keepers[0] as Keeper, b), fetchAgain(keepers[1] as Keeper, a)]);
      for (const kid of kids) expect(signers).not.toContain(kid);
      await database.query(
        "UPDATE signing_keys SET active_from = now() - interval '1 second' WHERE kid = ANY($1)",
        [kids],
      );
      await expect
        .poll(() => kids.filter((kid) => signers.has(kid)).length, { timeout: 20_000 })
        .toBe(2);
    }
  } finally {
    going = false;
    await Promise.all([...machines, shopper]);
  }

  expect(failures).toEqual([]);
  // Four generations of two algorithms, and what the first of them signed still verifies.
  expect(signers.size).toBe(8);
  const last = createLocalJWKSet(await jwksOf(b));
  for (const token of seen) await jwtVerify(token, last, { issuer: a.issuer });
  console.info(`${seen.length} tokens of ${signers.size} keys, ${failures.length} failures`);
}, 180_000);

test('of rotations begun on many sides at once, one makes the set', async () => {
  const before = await kidsOf(a);
  const done = await atOnce(3, (index) =>
    runLatchkey(['keys', 'rotate', '--json'], (index % 2 ? b : a).env),
  );
  expect(done.map((result) => result.code).sort()).toEqual([0, 1, 1]);
  for (const result of done) {
    if (result.code === 1) expect(result.stderr).toContain('A rotation is under way');
  }
  const after = [...before];
  await expect
    .poll(async () => (await kidsOf(b)).length, { timeout: 5_000 })
    .toBe(after.length + signingAlgs.length);
});

describe('an emergency that is declared on one node', () => {
  test('is seen on both within five seconds, under load, and new keys sign at once', async () => {
    const leaked = new Set(await kidsOf(a));
    const old = await machineJwt(b);
    let going = true;
    const load = [a, b].map(async (node) => {
      while (going) await machineJwt(node);
    });
    const left = [a, b].map(async (node) => {
      while ((await kidsOf(node)).some((kid) => leaked.has(kid))) await sleep(10);
      return Date.now();
    });
    await command(a, 'keys', 'rotate', '--emergency', '--yes', '--reason', 'a rehearsal');
    const [revoked] = await database.query('SELECT max(revoked_at) AS at FROM signing_keys');
    const took = (await Promise.all(left)).map((at) => at - Number(revoked?.at));
    expect(Math.max(...took)).toBeLessThan(5_000);
    console.info(`out on both nodes ${took.join(' and ')} ms after it was revoked`);

    for (const node of [a, b]) {
      const keys = createLocalJWKSet(await jwksOf(node));
      await expect(jwtVerify(old, keys)).rejects.toThrow(joseErrors.JWKSNoMatchingKey);
      for (const maker of [a, b]) await jwtVerify(await machineJwt(maker), keys);
    }
    going = false;
    await Promise.all(load);
    const rows = await database.query(
      'SELECT count(*)::int AS n FROM signing_keys WHERE kid = ANY($1) AND octet_length(sealed_private) > 0',
      [[...leaked]],
    );
    expect(rows).toEqual([{ n: 0 }]);
  });

  test('counts on a node that cannot open the new keys', async () => {
    // The new row cannot be opened by anybody: as if sealed under a keyring that has not
    // reached the nodes yet.
    const leaked = await kidsOf(b);
    await database.query('BEGIN');
    await database.query(
      `UPDATE signing_keys SET revoked_at = now(), published_until = now(), sealed_private = ''
        WHERE kid = ANY($1)`,
      [leaked],
    );
    await database.query(
      `INSERT INTO signing_keys (kid, alg, public_jwk, sealed_private, created_at, active_from)
       VALUES ('sealed-elsewhere', 'ES256', '{}', '\\x00', now(), now())`,
    );
    await database.query('COMMIT');
    for (const node of [a, b]) {
      await expect.poll(() => kidsOf(node), { timeout: 5_000 }).toEqual([]);
      await expect.poll(() => node.output(), soon).toContain('signing keys could not be reloaded');
    }
    // Once there are keys they can open, all goes on by itself.
    await database.query("DELETE FROM signing_keys WHERE kid = 'sealed-elsewhere'");
    await command(a, 'keys', 'rotate');
    for (const node of [a, b]) {
      await expect
        .poll(async () => (await kidsOf(node)).length, { timeout: 5_000 })
        .toBe(signingAlgs.length);
      await jwtVerify(await machineJwt(node), createLocalJWKSet(await jwksOf(node)));
    }
  });
});
