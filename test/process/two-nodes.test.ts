/** Two nodes on one database: what one is told, the other knows. */
import { randomBytes } from 'node:crypto';
import { decodeProtectedHeader } from 'jose';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { emptyDatabase } from '../support/database.js';
import { launch, openDataDirectory } from '../support/process.js';
import { freePort, startServer, type TestServer } from '../support/server.js';
import { demoClient, introspect } from '../support/shopper.js';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const CATALOG = 'https://api.demo-shop.example/catalog';
const ADMIN = 'urn:latchkey:admin';

let a: TestServer;
let b: TestServer;
let sql: Client;

beforeAll(async () => {
  // Asking a disabled client again and again is the point here, so nobody is slowed down for it.
  const env = { LATCHKEY_RATE_LIMITS: 'off' };
  a = await startServer({ env });
  b = await startServer({ like: a, env });
  sql = new Client({ connectionString: a.databaseUrl });
  await sql.connect();
});
afterAll(async () => {
  await sql?.end();
  await b?.stop();
  await a?.stop();
});

type Answer = { status: number; access_token?: string; error?: string };

async function token(
  node: TestServer,
  options: { resource?: string; scope?: string; secret?: string; client?: string } = {},
): Promise<Answer> {
  const { client_id, client_secret } = demoClient(node, options.client ?? 'automation');
  const secret = options.secret ?? client_secret;
  const response = await fetch(`${node.issuer}/oauth2/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${client_id}:${secret}`).toString('base64')}` },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      resource: options.resource ?? ADMIN,
      scope: options.scope ?? 'users:read',
    }),
  });
  return { status: response.status, ...((await response.json()) as object) };
}

/** Asks both nodes again and again until both answer so; gives up after a second. */
async function bothAnswer(status: number, options: Parameters<typeof token>[1] = {}) {
  const began = performance.now();
  for (;;) {
    const answers = await Promise.all([token(a, options), token(b, options)]);
    const seen = answers.map((answer) => answer.status);
    const ms = performance.now() - began;
    if (seen.every((each) => each === status)) return { ms, answers };
    if (ms > 1_000) throw new Error(`after ${Math.round(ms)} ms the nodes answer ${seen}`);
  }
}

async function command(node: TestServer, ...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await node.cli([...args, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('two nodes that start', () => {
  it('write the same secrets, each with its own address', () => {
    expect({ ...b.demo, issuer: '' }).toEqual({ ...a.demo, issuer: '' });
    expect(b.demo.issuer).toBe(b.issuer);
  });

  it('at the same moment on an empty database agree on everything', async () => {
    const database = await emptyDatabase();
    const key = () => randomBytes(32).toString('base64');
    const shared = {
      DATABASE_URL: database.url,
      LATCHKEY_KEYRING: `k:${key()}`,
      LATCHKEY_COOKIE_KEYS: `${key()},${key()}`,
      LATCHKEY_SEED: 'demo',
      LATCHKEY_OPS_PORT: '0',
      LOG_LEVEL: 'warn',
      HOST: '127.0.0.1',
    };
    const directories = await Promise.all([openDataDirectory(), openDataDirectory()]);
    const nodes = await Promise.all(
      directories.map(async (data) =>
        launch({ ...shared, PORT: String(await freePort()), LATCHKEY_DATA_DIR: data.path }),
      ),
    );
    await Promise.all(nodes.map((node) => node.ready));
    const demos = await Promise.all(directories.map((data) => data.json('demo.json')));
    expect({ ...demos[0], issuer: '' }).toEqual({ ...demos[1], issuer: '' });
    const sets = await Promise.all(
      demos.map(async ({ issuer }) => (await fetch(`${issuer}/oauth2/jwks`)).json()),
    );
    const [one = [], two = []] = sets.map((set) =>
      (set as { keys: { kid: string }[] }).keys.sort((x, y) => (x.kid < y.kid ? -1 : 1)),
    );
    expect(one).toEqual(two);
    expect(one).toHaveLength(4);
    for (const node of nodes) expect(await node.end('SIGTERM')).toEqual({ code: 0, signal: null });
    for (const data of directories) await data.remove();
    await database.drop();
  });
});

describe('what an operator does on one node', () => {
  it('disabling a client ends it on both within a second, with all its tokens', async () => {
    const { answers } = await bothAnswer(200, {
      resource: 'https://api.demo-shop.example/orders',
      scope: 'orders:read',
    });
    const live = await Promise.all(
      [a, b].map((node) => introspect(node, 'orders_api', answers[0]?.access_token ?? '')),
    );
    for (const { text } of live) expect(JSON.parse(text)).toMatchObject({ active: true });

    await command(a, 'clients', 'disable', 'demo-automation');
    const refused = await bothAnswer(401);
    expect(refused.answers.map(({ error }) => error)).toEqual(['invalid_client', 'invalid_client']);
    for (const answer of answers) {
      for (const node of [a, b]) {
        const seen = await introspect(node, 'orders_api', answer.access_token ?? '');
        expect(seen.text).toBe('{"active":false}');
      }
    }
    await command(b, 'clients', 'enable', 'demo-automation');
    await bothAnswer(200);
  });

  it('a new secret works on both at once, beside the old one, until that is replaced', async () => {
    const [old] = (
      await sql.query("SELECT id FROM client_secrets WHERE client_id = 'demo-automation'")
    ).rows as { id: string }[];
    const added = await command(a, 'clients', 'secret', 'demo-automation');
    await bothAnswer(200, { secret: String(added.client_secret) });
    await bothAnswer(200);
    const next = await command(
      b,
      ...['clients', 'secret', 'demo-automation', '--replace', old?.id ?? ''],
    );
    await bothAnswer(200, { secret: String(next.client_secret) });
    await bothAnswer(200, { secret: String(added.client_secret) });
    await bothAnswer(401);
    // Back to what demo.json says, for the tests to come.
    await sql.query(`UPDATE client_secrets SET hash = sha256($1::text::bytea) WHERE id = $2`, [
      demoClient(a, 'automation').client_secret,
      next.secret_id,
    ]);
    await bothAnswer(200);
  });
});

describe('signing keys that are rotated on one node', () => {
  const kids = async (node: TestServer) => {
    const { keys } = (await (await fetch(`${node.issuer}/oauth2/jwks`)).json()) as {
      keys: { kid: string }[];
    };
    return keys.map(({ kid }) => kid).sort();
  };
  const signers = () =>
    Promise.all(
      [a, b].map(async (node) => {
        const { access_token } = await token(node, { resource: CATALOG, scope: 'catalog:read' });
        return decodeProtectedHeader(access_token ?? '').kid;
      }),
    );

  it('are published on both within seconds, and sign on both once their time has come', async () => {
    const [before] = await signers();
    expect(await signers()).toEqual([before, before]);
    const published = await kids(a);

    const { kids: fresh } = (await command(a, 'keys', 'rotate')) as { kids: string[] };
    const all = [...published, ...fresh].sort();
    await expect
      .poll(() => Promise.all([kids(a), kids(b)]), { timeout: 3_000 })
      .toEqual([all, all]);
    expect(await signers()).toEqual([before, before]);

    // As if ten minutes had passed.
    await sql.query(`UPDATE signing_keys SET active_from = now() WHERE kid = ANY($1)`, [fresh]);
    await expect
      .poll(async () => (await signers()).every((kid) => fresh.includes(kid ?? '')), {
        timeout: 5_000,
      })
      .toBe(true);
    expect(await kids(b)).toEqual(all);
    const audited = await sql.query(
      "SELECT actor_kind FROM audit_events WHERE event = 'signing_keys_rotated'",
    );
    expect(audited.rows).toEqual([{ actor_kind: 'operator' }]);
  });
});

describe('the feed of changes', () => {
  const feeds = async (): Promise<number[]> => {
    const { rows } = await sql.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity
        WHERE application_name = 'latchkey-changes' AND datname = current_database()
        ORDER BY pid`,
    );
    return rows.map(({ pid }) => pid);
  };
  const setStatus = (status: string) =>
    sql.query(
      `UPDATE clients SET status = $1::status,
              security_epoch = GREATEST(security_epoch + 1, extract(epoch FROM now())::int - 5)
        WHERE id = 'demo-automation'`,
      [status],
    );

  it('comes back after it was cut, and nothing stale is served meanwhile', async () => {
    for (let round = 0; round < 4; round += 1) {
      await bothAnswer(200);
      const before = await feeds();
      expect(before).toHaveLength(2);
      await sql.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [before]);
      // Nobody is there to hear this.
      await setStatus('disabled');
      await bothAnswer(401);
      await setStatus('active');
      await bothAnswer(200);
      await expect
        .poll(async () => (await feeds()).filter((pid) => !before.includes(pid)).length, {
          timeout: 5_000,
        })
        .toBe(2);
      await setStatus('disabled');
      await bothAnswer(401);
      await setStatus('active');
    }
  });

  it('brings an edit by hand to both nodes', async () => {
    await bothAnswer(200);
    await setStatus('disabled');
    const { ms } = await bothAnswer(401);
    expect(ms).toBeLessThan(1_000);
    await setStatus('active');
    await bothAnswer(200);
  });
});
