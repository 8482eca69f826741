/** What the server will not start on, and how it says so: one line, exit 1, nothing left behind. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, test, vi } from 'vitest';
import { emptyDatabase, freshDatabase } from '../support/database.js';
import {
  type DataDirectory,
  isAlive,
  launch,
  openDataDirectory,
  outcomeOf,
  type Started,
} from '../support/process.js';
import { cleanEnvironment, freePort, runLatchkey } from '../support/server.js';
import { soon } from '../support/soon.js';

const key = () => randomBytes(32).toString('base64');
const keys = () => ({
  LATCHKEY_KEYRING: `k1:${key()}`,
  LATCHKEY_COOKIE_KEYS: `${key()},${key()}`,
});

// Whole processes come and go here; a busy machine may take its time.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let data: DataDirectory;
beforeAll(async () => {
  data = await openDataDirectory();
});
afterEach(async () => {
  for (const one of running.splice(0)) {
    if (one.child.exitCode === null && one.child.signalCode === null) await one.end('SIGKILL');
  }
});
afterAll(() => data.remove());

/** Starts a process that does not outlive its test. */
const running: Started[] = [];
function begin(...args: Parameters<typeof launch>): Started {
  const started = launch(...args);
  running.push(started);
  return started;
}

/**
 * Starts a server that is not meant to come up; `ms` is how long it took to say why, the start of
 * a process included, which a busy machine may take seconds for.
 */
async function refusal(env: Record<string, string>) {
  const began = performance.now();
  const started = begin({
    LATCHKEY_DATA_DIR: data.path,
    LATCHKEY_OPS_PORT: '0',
    LOG_LEVEL: 'warn',
    ...env,
  });
  const { code, complaints } = await outcomeOf(started);
  return { code, complaints, ms: performance.now() - began, stdout: started.stdout() };
}

describe('a wrong setting', () => {
  it('is reported together with all the others, before anything is touched', async () => {
    const { code, complaints, stdout } = await refusal({
      PORT: 'three',
      LATCHKEY_ISSUR: 'https://id.example',
      LATCHKEY_KEYRING: 'nothing',
      LOG_LEVEL: 'loud',
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(complaints[0]).toBe('The configuration is not valid:');
    expect(complaints.slice(1).sort()).toEqual([
      '  LATCHKEY_ISSUR is not a setting; docs/configuration.md lists them all',
      '  LATCHKEY_KEYRING must be a list of id:base64key',
      '  LOG_LEVEL must be one of trace, debug, info, warn, error, silent, not "loud"',
      '  PORT must be a whole number from 1 to 65535, not "three"',
    ]);
    expect(await data.postmaster()).toBeUndefined();
  });

  it('stops a command as well', async () => {
    const command = begin(
      { LATCHKEY_DATA_DIR: data.path, LATCHKEY_WORKERS: '0' },
      { args: ['dist/main.js', 'clients', 'list'] },
    );
    expect(await outcomeOf(command)).toEqual({
      code: 1,
      complaints: [
        'The configuration is not valid:',
        '  LATCHKEY_WORKERS must be a whole number from 1 to 64, not "0"',
      ],
    });
  });

  const production: readonly (readonly [
    name: string,
    env: Record<string, string>,
    fault: RegExp,
  ])[] = [
    ['an http issuer', { LATCHKEY_ISSUER: 'http://id.example' }, /LATCHKEY_ISSUER must be https/],
    ['no keyring', { LATCHKEY_KEYRING: '' }, /LATCHKEY_KEYRING is required/],
    ['no cookie keys', { LATCHKEY_COOKIE_KEYS: '' }, /LATCHKEY_COOKIE_KEYS is required/],
    ['short cookie keys', { LATCHKEY_COOKIE_KEYS: 'a,b' }, /at least 32 bytes/],
    ['the embedded database', { DATABASE_URL: '' }, /DATABASE_URL is required in production/],
    ['the demo seed', { LATCHKEY_SEED: 'demo' }, /LATCHKEY_SEED must not be "demo"/],
  ];
  test.each(production)('production refuses %s', async (_name, env, fault) => {
    const { code, complaints } = await refusal({
      NODE_ENV: 'production',
      SMTP_URL: 'smtps://post.alder-oak.example:465',
      LATCHKEY_MAIL_FROM: 'no-reply@alder-oak.example',
      LATCHKEY_ISSUER: 'https://id.example',
      DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none',
      ...keys(),
      ...env,
    });
    expect(code).toBe(1);
    expect(complaints).toHaveLength(2);
    expect(complaints[1]).toMatch(fault);
  });
});

describe('a database that cannot be reached', () => {
  const ONE_LINE = ['The database cannot be reached; is DATABASE_URL right and the server up?'];

  it('is told in one line when nobody listens there', async () => {
    for (const host of ['127.0.0.1', 'localhost']) {
      const url = `postgresql://nobody@${host}:1/none`;
      const { code, complaints, ms } = await refusal({ DATABASE_URL: url, ...keys() });
      expect({ code, complaints }).toEqual({ code: 1, complaints: ONE_LINE });
      expect(ms).toBeLessThan(20_000);
    }
  });

  it('is told in one line when it accepts and says nothing', async () => {
    const mute: Server = createServer((socket) => socket.on('error', () => undefined));
    const port = await freePort();
    await new Promise<void>((resolve) => mute.listen(port, '127.0.0.1', resolve));
    const url = `postgresql://nobody@127.0.0.1:${port}/none`;
    const { code, complaints, ms } = await refusal({ DATABASE_URL: url, ...keys() });
    mute.close();
    expect({ code, complaints }).toEqual({ code: 1, complaints: ONE_LINE });
    expect(ms).toBeLessThan(20_000);
  });

  it('is told in one line when there is no such host, and in its own words when it refuses', async () => {
    const absent = await refusal({
      DATABASE_URL: 'postgresql://nobody@no-such-host.invalid/none',
      ...keys(),
    });
    expect(absent).toMatchObject({ code: 1, complaints: ONE_LINE });
    const database = await emptyDatabase();
    const wrong = new URL(database.url);
    wrong.password = 'guess';
    const refused = await refusal({ DATABASE_URL: wrong.href, ...keys() });
    await database.drop();
    expect(refused.code).toBe(1);
    expect(refused.complaints).toHaveLength(1);
    expect(refused.complaints[0]).toMatch(/password authentication failed/);
    expect(refused.complaints[0]).not.toContain('guess');
  });

  it('is told in one line to a command, too', async () => {
    const command = begin(
      { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none', ...keys() },
      { args: ['dist/main.js', 'users', 'create', 'a@fernhill.example'] },
    );
    expect(await outcomeOf(command)).toEqual({ code: 1, complaints: ONE_LINE });
  });
});

describe('a port that is taken', () => {
  it('is told in one line, and the embedded database is stopped again', async () => {
    const port = await freePort();
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(port, '127.0.0.1', resolve));
    for (const workers of ['1', '2']) {
      const { code, complaints } = await refusal({ PORT: String(port), LATCHKEY_WORKERS: workers });
      expect({ code, complaints }).toEqual({
        code: 1,
        complaints: [`Port ${port} is already in use; set PORT to another one`],
      });
      const postmaster = await data.postmaster();
      expect(postmaster === undefined || !isAlive(postmaster)).toBe(true);
    }
    squatter.close();
  });

  it('does not matter where it is only the one for metrics', async () => {
    const port = await freePort();
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(port, '127.0.0.1', resolve));
    const server = begin({
      LATCHKEY_DATA_DIR: data.path,
      PORT: String(await freePort()),
      LATCHKEY_OPS_PORT: String(port),
    });
    await server.ready;
    await expect.poll(() => server.stdout(), soon).toContain('/metrics is not served');
    expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null });
    squatter.close();
  });

  it('is told from a host that is not this machine', async () => {
    const { code, complaints } = await refusal({
      HOST: '192.0.2.1',
      PORT: String(await freePort()),
    });
    expect({ code, complaints }).toEqual({
      code: 1,
      complaints: ['HOST 192.0.2.1 is no address of this machine'],
    });
  });
});

describe('a keyring that is not the database’s', () => {
  it('is told with the id of the key that is missing, or stands for another', async () => {
    const database = await freshDatabase();
    const cookies = keys().LATCHKEY_COOKIE_KEYS;
    const env = {
      DATABASE_URL: database.url,
      LATCHKEY_COOKIE_KEYS: cookies,
      HOST: '127.0.0.1',
      LATCHKEY_DATA_DIR: data.path,
    };
    const first = begin({
      ...env,
      PORT: String(await freePort()),
      LATCHKEY_OPS_PORT: '0',
      LATCHKEY_KEYRING: `summer:${key()}`,
    });
    await first.ready;
    await first.end('SIGTERM');
    const missing = await refusal({ ...env, LATCHKEY_KEYRING: `winter:${key()}` });
    expect(missing).toMatchObject({
      code: 1,
      complaints: ['A stored value is sealed under key "summer", which is not in LATCHKEY_KEYRING'],
    });
    const another = await refusal({ ...env, LATCHKEY_KEYRING: `summer:${key()}` });
    expect(another).toMatchObject({
      code: 1,
      complaints: [
        'A value sealed under key "summer" could not be opened; is LATCHKEY_KEYRING the one this database was filled with?',
      ],
    });
    await database.drop();
  });
});

describe('TLS', () => {
  const run = promisify(execFile);
  let files: { LATCHKEY_TLS_CERT: string; LATCHKEY_TLS_KEY: string };
  beforeAll(async () => {
    files = {
      LATCHKEY_TLS_CERT: join(data.path, 'cert.pem'),
      LATCHKEY_TLS_KEY: join(data.path, 'key.pem'),
    };
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    const out = ['-keyout', files.LATCHKEY_TLS_KEY, '-out', files.LATCHKEY_TLS_CERT];
    await run('openssl', ['req', '-x509', '-nodes', '-days', '2', ...curve, ...subject, ...out]);
  });

  it('is refused with a certificate that is none, or that is not there', async () => {
    const broken = join(data.path, 'broken.pem');
    await writeFile(broken, 'nothing');
    const env = { PORT: String(await freePort()), LATCHKEY_ISSUER: 'https://localhost:1' };
    const none = await refusal({ ...env, ...files, LATCHKEY_TLS_CERT: broken });
    expect(none.code).toBe(1);
    expect(none.complaints).toEqual([
      expect.stringMatching(/^LATCHKEY_TLS_CERT and LATCHKEY_TLS_KEY are no certificate with/),
    ]);
    const absent = await refusal({ ...env, ...files, LATCHKEY_TLS_KEY: join(data.path, 'no.pem') });
    expect(absent.code).toBe(1);
    expect(absent.complaints).toEqual([
      expect.stringMatching(/^LATCHKEY_TLS_KEY cannot be read: ENOENT/),
    ]);
  });

  it('is served in production, from version 1.2 on, with cookies that stay on it', async () => {
    const database = await freshDatabase();
    const port = await freePort();
    const issuer = `https://localhost:${port}`;
    const env = {
      NODE_ENV: 'production',
      SMTP_URL: 'smtps://post.alder-oak.example:465',
      LATCHKEY_MAIL_FROM: 'no-reply@alder-oak.example',
      DATABASE_URL: database.url,
      LATCHKEY_ISSUER: issuer,
      LATCHKEY_OPS_PORT: '0',
      LATCHKEY_DATA_DIR: data.path,
      PORT: String(port),
      HOST: '127.0.0.1',
      ...keys(),
      ...files,
    };
    const server = begin(env);
    await server.ready;
    const registered = await runLatchkey(
      [
        ...['clients', 'create', 'tls-shop', '--name', 'Shop', '--auth', 'none'],
        ...['--redirect-uri', 'https://shop.example/callback', '--scope', 'openid'],
      ],
      { ...cleanEnvironment(), ...env },
    );
    expect(registered).toMatchObject({ code: 0, stderr: '' });

    const metadata = await get(`${issuer}/.well-known/openid-configuration`);
    expect(metadata.status).toBe(200);
    expect(metadata.headers['strict-transport-security']).toMatch(/max-age=31536000/);
    expect(JSON.parse(metadata.body)).toMatchObject({
      issuer,
      token_endpoint: `${issuer}/oauth2/token`,
    });

    const authorization = new URL(`${issuer}/oauth2/authorize`);
    authorization.search = new URLSearchParams({
      client_id: 'tls-shop',
      redirect_uri: 'https://shop.example/callback',
      response_type: 'code',
      scope: 'openid',
      code_challenge: randomBytes(32).toString('base64url'),
      code_challenge_method: 'S256',
    }).toString();
    const page = await get(authorization.href);
    expect(page.status).toBe(303);
    const cookies = page.headers['set-cookie'] ?? [];
    expect(cookies.length).toBeGreaterThan(0);
    for (const cookie of cookies) {
      expect(cookie).toMatch(/^__(Host|Secure)-/);
      expect(cookie).toMatch(/; secure/i);
      expect(cookie).toMatch(/; httponly/i);
      expect(cookie).toMatch(/; samesite=lax/i);
      if (cookie.startsWith('__Host-')) expect(cookie).toMatch(/; path=\/(;|$)/i);
    }

    expect(await handshake(port, 'TLSv1.1')).toBe('refused');
    expect(await handshake(port, 'TLSv1.2')).toBe('TLSv1.2');
    expect(await handshake(port, 'TLSv1.3')).toBe('TLSv1.3');
    expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null });
    await database.drop();
  });
});

type Answer = {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: string;
};

function get(url: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ rejectUnauthorized: false });
    const sent = request(url, { agent, headers: { accept: 'text/html' } }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on('end', () => {
        agent.destroy();
        resolve({ status: response.statusCode, headers: response.headers, body });
      });
    });
    sent.once('error', reject);
    sent.end();
  });
}

/** The version that a client limited to `version` ends up with. */
function handshake(
  port: number,
  version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3',
): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(
      {
        host: '127.0.0.1',
        port,
        servername: 'localhost',
        rejectUnauthorized: false,
        minVersion: version,
        maxVersion: version,
        // Without this the client's own library refuses 1.1 before the server is asked.
        ciphers: 'DEFAULT@SECLEVEL=0',
      },
      () => {
        resolve(socket.getProtocol());
        socket.destroy();
      },
    );
    socket.once('error', () => resolve('refused'));
  });
}
