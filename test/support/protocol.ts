/**
 * Requests to a running server as single steps, for tests that look at one answer: registering
 * clients, asking the token endpoint, walking a browser to the client's redirect URI.
 */
import { createHash, randomBytes } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { Client as PgClient } from 'pg';
import type { TestServer } from './server.js';
import {
  type Browser,
  demoClient,
  follow,
  openBrowser,
  type Reply,
  submitLogin,
} from './shopper.js';

/** A form or a query; a list is the same name several times. */
export type Fields = Readonly<Record<string, string | readonly string[] | undefined>>;

export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON, an empty object where it is none. */
  readonly json: Record<string, unknown>;
};

export const ORDERS = 'https://api.demo-shop.example/orders';
export const CATALOG = 'https://api.demo-shop.example/catalog';
export const ADMIN = 'urn:latchkey:admin';

export function encode(fields: Fields): URLSearchParams {
  const encoded = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    for (const one of [value ?? []].flat()) encoded.append(name, one as string);
  }
  return encoded;
}

export function basic(client: { client_id: string; client_secret: string }): string {
  const pair = [client.client_id, client.client_secret].map(encodeURIComponent).join(':');
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  let json: Record<string, unknown> = {};
  try {
    json = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // A page, or nothing.
  }
  return { status: response.status, headers: response.headers, text, json };
}

/** Posts a form to an endpoint of the server. */
export async function post(
  server: Pick<TestServer, 'issuer'>,
  path: string,
  fields: Fields,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return answerOf(
    await fetch(server.issuer + path, {
      method: 'POST',
      headers,
      body: encode(fields),
      redirect: 'manual',
    }),
  );
}

/** Posts to a protocol endpoint as one of the demo clients that has a secret. */
export function postAs(
  server: TestServer,
  key: string,
  path: string,
  fields: Fields,
): Promise<Answer> {
  return post(server, path, fields, { authorization: basic(demoClient(server, key)) });
}

/** A PKCE pair. */
export function proofKey(): { verifier: string; challenge: string } {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

/** The proof key of every authorization request that does not care. */
export const PROOF = proofKey();

/** The parameters of a sound authorization request of the demo storefront, with changes. */
export function requestFields(changes: Fields = {}): Fields {
  return {
    client_id: 'demo-storefront',
    redirect_uri: 'http://localhost:4000/callback',
    response_type: 'code',
    scope: 'openid',
    state: 'st',
    code_challenge: PROOF.challenge,
    code_challenge_method: 'S256',
    ...changes,
  };
}

export function authorizeUrl(changes: Fields = {}): string {
  return `/oauth2/authorize?${encode(requestFields(changes))}`;
}

/** Walks a browser through an authorization, logging in where asked, up to the client. */
export async function walk(
  server: TestServer,
  url: string,
  options: { browser?: Browser; user?: { email: string; password: string } | undefined } = {},
): Promise<{ browser: Browser; callback: URL; reply: Reply }> {
  const browser = options.browser ?? openBrowser(server);
  const user = options.user ?? server.demo.users.shopper;
  let reply = await follow(browser, server, await browser.get(url));
  if (user && reply.body.includes('name="password"')) {
    reply = await follow(browser, server, await submitLogin(browser, reply, user));
  }
  if (!reply.location) throw new Error(`not sent to the client: ${reply.status} ${reply.body}`);
  return { browser, callback: new URL(reply.location), reply };
}

/** A fresh code of the demo storefront (or what `changes` make of it). */
export async function freshCode(
  server: TestServer,
  changes: Fields = {},
  options: Parameters<typeof walk>[2] = {},
): Promise<{ browser: Browser; code: string }> {
  const { browser, callback } = await walk(server, authorizeUrl(changes), options);
  const code = callback.searchParams.get('code');
  if (!code) throw new Error(`no code: ${callback}`);
  return { browser, code };
}

/** The token request that redeems a code of the demo storefront, with changes. */
export function redemption(code: string, changes: Fields = {}): Fields {
  return {
    grant_type: 'authorization_code',
    client_id: 'demo-storefront',
    code,
    redirect_uri: 'http://localhost:4000/callback',
    code_verifier: PROOF.verifier,
    ...changes,
  };
}

/** Registers a client through the command line. */
export async function register(
  server: TestServer,
  id: string,
  args: readonly string[],
): Promise<{ client_id: string; client_secret: string }> {
  const done = await server.cli(['clients', 'create', id, '--name', id, ...args, '--json']);
  if (done.code !== 0) throw new Error(`${id} was not registered: ${done.stderr}`);
  return JSON.parse(done.stdout) as { client_id: string; client_secret: string };
}

/** A further shopper, with a password and nothing else. */
export async function newShopper(
  server: TestServer,
): Promise<{ readonly email: string; readonly password: string }> {
  const email = `${randomBytes(6).toString('hex')}@demo-shop.example`;
  const password = randomBytes(15).toString('base64url');
  const args = ['users', 'create', email, '--password-stdin', '--email-verified'];
  const done = await server.cli(args, `${password}\n`);
  if (done.code !== 0) throw new Error(`${email} was not created: ${done.stderr}`);
  return { email, password };
}

/** Runs a command that has to succeed. */
export async function command(server: TestServer, ...args: string[]): Promise<string> {
  const done = await server.cli(args);
  if (done.code !== 0) throw new Error(`latchkey ${args.join(' ')}: ${done.stderr}`);
  return done.stdout;
}

export type Database = {
  query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
};

/** A connection to a server's database, for looking behind the curtain. */
export async function openDatabase(server: Pick<TestServer, 'databaseUrl'>): Promise<Database> {
  const client = new PgClient({ connectionString: server.databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  return {
    query: async (sql, values = []) => (await client.query(sql, values)).rows,
    close: () => client.end(),
  };
}

/** What the database knows a bearer value by. */
export function rowOf(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}

/** Lets the lifetime of something issued run out. */
export async function age(database: Database, value: string): Promise<void> {
  const rows = await database.query(
    "UPDATE artifacts SET expires_at = now() - interval '1 second' WHERE id_hash = $1 RETURNING 1",
    [rowOf(value)],
  );
  if (rows.length !== 1) throw new Error('there is no such artifact to age');
}

export type WireReply = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: Record<string, unknown>;
};

/** A request over a socket of its own, with headers that `fetch` would not let one write. */
export function wire(
  port: number,
  options: {
    method?: string;
    path: string;
    headers?: Record<string, string | string[]>;
    body?: string | Buffer | Iterable<Buffer>;
  },
): Promise<WireReply> {
  return new Promise((resolve, reject) => {
    let answered = false;
    const req = httpRequest(
      {
        host: '127.0.0.1',
        port,
        method: options.method ?? 'GET',
        path: options.path,
        headers: options.headers ?? {},
        agent: false,
      },
      (res) => {
        answered = true;
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('error', reject);
        res.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          let json: Record<string, unknown> = {};
          try {
            json = JSON.parse(text) as Record<string, unknown>;
          } catch {
            // A page, or nothing.
          }
          resolve({ status: res.statusCode ?? 0, headers: res.headers, text, json });
        });
      },
    );
    // A server that refuses a body may hang up before all of it was sent.
    req.on('error', (error) => {
      if (!answered) reject(error);
    });
    const { body } = options;
    if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) req.end(body);
    else {
      for (const chunk of body) req.write(chunk);
      req.end();
    }
  });
}

/** Posts a form to one of several nodes that share an issuer. */
export function postToNode(
  node: Pick<TestServer, 'issuer' | 'port'>,
  path: string,
  fields: Fields,
  headers: Record<string, string> = {},
): Promise<WireReply> {
  return wire(node.port, {
    method: 'POST',
    path,
    headers: {
      host: new URL(node.issuer).host,
      'content-type': 'application/x-www-form-urlencoded',
      ...headers,
    },
    body: encode(fields).toString(),
  });
}

/** Runs `work` `count` times at once. */
export function atOnce<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => work(index)));
}
