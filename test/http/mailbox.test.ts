/** The development mailbox of a real server: the whole way of a letter, and who may read it. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { loadConfig } from '../../src/config/index.js';
import { createIdentity } from '../../src/domain/identity/index.js';
import { createMail, type LetterFacts } from '../../src/domain/mail/index.js';
import { createKeyring } from '../../src/kernel/keyring.js';
import { Secret } from '../../src/kernel/secret.js';
import { openPostgres } from '../../src/platform/postgres.js';
import { cleanEnvironment, runLatchkey, startServer, type TestServer } from '../support/server.js';
import { startSmtpServer } from '../support/smtp-server.js';
import { soon } from '../support/soon.js';

const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`;

/** Has something happen to the demo shopper, as a flow of the server would. */
async function write(
  server: TestServer,
  facts: LetterFacts,
  shop = 'Alder & Oak',
): Promise<string> {
  const [id = '', key = ''] = server.env.LATCHKEY_KEYRING?.split(':') ?? [];
  const keyring = createKeyring([{ id, key: new Uint8Array(Buffer.from(key, 'base64')) }]);
  const email = server.demo.users.shopper?.email ?? '';
  const postgres = openPostgres({ url: new Secret(server.databaseUrl) });
  try {
    await postgres.transaction(async (db) => {
      const account = await createIdentity({ db, keyring }).findByLogin(email);
      await createMail({ db, keyring }).enqueue({
        accountId: account?.id ?? '',
        at: new Date(),
        shop,
        ...facts,
      });
    });
  } finally {
    await postgres.close();
  }
  return email;
}

const json = async (server: TestServer): Promise<Record<string, string>[]> => {
  const response = await fetch(`${server.issuer}/dev/mailbox.json`);
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, string>[];
};

/** Asks with headers that `fetch` would not send. */
const statusOf = (server: TestServer, path: string, headers: Record<string, string>) =>
  new Promise<number | undefined>((resolve, reject) => {
    request({ host: '127.0.0.1', port: server.port, path, headers }, (reply) => {
      reply.resume();
      resolve(reply.statusCode);
    })
      .once('error', reject)
      .end();
  });

describe('with the demo shop', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ env: { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1' } });
  });
  afterAll(async () => {
    expect(await server?.stop()).toBe(0);
  });

  test('the mailbox is announced, and empty at first', async () => {
    // Printed after the line that says the server is ready, which is all `startServer` waits for.
    await expect.poll(() => server.output(), soon).toContain(`${server.issuer}/dev/mailbox`);
    expect(await json(server)).toEqual([]);
    const page = await fetch(`${server.issuer}/dev/mailbox`);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('There are no letters yet');
  });

  test('a letter arrives there, the newest first, in the agreed shape', async () => {
    const email = await write(server, { kind: 'password_changed' });
    await vi.waitFor(async () => expect(await json(server)).toHaveLength(1), soon);
    await write(server, { kind: 'second_factor_changed', change: 'removed' });
    await vi.waitFor(async () => expect(await json(server)).toHaveLength(2), soon);

    const [newest, older] = await json(server);
    expect(Object.keys(newest ?? {}).sort()).toEqual(['html', 'sentAt', 'subject', 'text', 'to']);
    expect(newest).toMatchObject({
      to: email,
      subject: 'The second step was removed from your Alder & Oak account',
    });
    expect(older?.subject).toBe('Your Alder & Oak password was changed');
    expect(newest?.html).toContain('Alder &amp; Oak');
    expect(Math.abs(Date.now() - Date.parse(newest?.sentAt ?? ''))).toBeLessThan(30_000);
  });

  test('whatever a letter holds is only words, on the page and in the letter', async () => {
    await write(server, { kind: 'recovery_code_used', left: 1 }, hostile.slice(0, 50));
    await vi.waitFor(async () => expect((await json(server)).length).toBe(3), soon);
    const page = await fetch(`${server.issuer}/dev/mailbox`);
    const html = await page.text();
    expect(html).not.toContain('<script>alert');
    expect(html).not.toContain('<img');
    // No inline style: the letter's own HTML is not part of this page.
    expect(html).not.toContain('style=');

    const href = /href="(\/dev\/mailbox\/\d+)"/.exec(html)?.[1] ?? '';
    const letter = await fetch(`${server.issuer}${href}`);
    const shown = await letter.text();
    expect(shown).toContain('&lt;script&gt;');
    expect(shown).not.toContain('<script>');
    const policy = letter.headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(
      /^sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:/,
    );
    expect(letter.headers.get('content-type')).toContain('text/html');
  });

  test('nobody beyond this machine can tell that it is there', async () => {
    const headers = { host: new URL(server.issuer).host, 'x-forwarded-for': '203.0.113.9' };
    for (const path of ['/dev/mailbox', '/dev/mailbox.json', '/dev/mailbox/1']) {
      expect(await statusOf(server, path, headers)).toBe(404);
      const { host } = headers;
      expect(await statusOf(server, path, { host, 'x-forwarded-for': '127.0.0.1' })).toBe(200);
    }
  });
});

test('with SMTP_URL letters leave by mail, and there is no mailbox', async () => {
  const smtp = await startSmtpServer();
  const server = await startServer({
    env: {
      SMTP_URL: `smtp://127.0.0.1:${smtp.port}`,
      LATCHKEY_MAIL_FROM: 'Alder & Oak <post@alder-oak.example>',
    },
  });
  try {
    expect((await fetch(`${server.issuer}/dev/mailbox`)).status).toBe(404);
    expect((await fetch(`${server.issuer}/dev/mailbox.json`)).status).toBe(404);
    expect(server.output()).not.toContain('/dev/mailbox');
    const email = await write(server, { kind: 'password_changed' });
    await vi.waitFor(() => expect(smtp.received).toHaveLength(1), soon);
    expect(smtp.received[0]).toMatchObject({ from: 'post@alder-oak.example', to: [email] });
  } finally {
    expect(await server.stop()).toBe(0);
    await smtp.close();
  }
});

test('without the demo shop nobody reads letters over HTTP', async () => {
  const server = await startServer({ env: { LATCHKEY_SEED: 'none' } });
  try {
    expect((await fetch(`${server.issuer}/dev/mailbox.json`)).status).toBe(404);
  } finally {
    await server.stop();
  }
});

describe('in production', () => {
  const production = {
    NODE_ENV: 'production',
    LATCHKEY_ISSUER: 'https://id.alder-oak.example',
    LATCHKEY_SEED: 'none',
    SMTP_URL: 'smtp://127.0.0.1:9',
    LATCHKEY_MAIL_FROM: 'post@alder-oak.example',
  };

  test('there is no mailbox', async () => {
    const server = await startServer({ env: production });
    try {
      const headers = { host: 'id.alder-oak.example' };
      expect(await statusOf(server, '/health/live', headers)).toBe(200);
      expect(await statusOf(server, '/dev/mailbox', headers)).toBe(404);
      expect(await statusOf(server, '/dev/mailbox.json', headers)).toBe(404);
    } finally {
      await server.stop();
    }
  });

  test('the server does not start without a way to send mail', async () => {
    const { SMTP_URL: _url, LATCHKEY_MAIL_FROM: _from, ...rest } = production;
    const { code, stderr } = await runLatchkey(['start'], { ...cleanEnvironment(), ...rest });
    expect(code).toBe(1);
    expect(stderr).toContain('SMTP_URL is required in production');
    expect(stderr).toContain('LATCHKEY_MAIL_FROM is required in production');
  });
});

describe('the settings of mail', () => {
  test.each([
    ['SMTP_URL', 'https://mail.example', 'must start with smtp:// or smtps://'],
    ['SMTP_URL', 'smtp://mail.example?tls.rejectUnauthorized=false', 'must have no path, query'],
    ['SMTP_URL', 'smtp://', 'must name a host'],
    ['LATCHKEY_MAIL_FROM', 'Alder & Oak', 'must be an address'],
    ['LATCHKEY_MAIL_FROM', 'a@shop.example, b@shop.example', 'must be an address'],
    ['LATCHKEY_MAIL_FROM', 'Shop\r\nBcc: eve@evil.example <a@shop.example>', 'must be an address'],
  ])('refuse %s=%j', (name, value, fault) => {
    expect(() => loadConfig({ [name]: value })).toThrow(`${name} ${fault}`);
  });

  test('have a sender of the issuer for development, and keep the password to themselves', () => {
    const config = loadConfig({
      LATCHKEY_ISSUER: 'http://id.shop.example',
      SMTP_URL: 'smtps://shop:hush@mail.example',
    });
    expect(config.mailFrom).toEqual({ name: '', address: 'no-reply@id.shop.example' });
    expect(config.showMailbox).toBe(false);
    expect(JSON.stringify(config)).not.toContain('hush');
    expect(loadConfig({ LATCHKEY_MAIL_FROM: '"Alder & Oak" <a@b.example>' }).mailFrom).toEqual({
      name: 'Alder & Oak',
      address: 'a@b.example',
    });
  });

  test.each([
    [{}, true],
    [{ SMTP_URL: 'smtp://mail.example' }, false],
    [{ LATCHKEY_SEED: 'none' }, true],
  ])('show the mailbox in embedded mode without SMTP_URL: %j', (env, shown) => {
    expect(loadConfig(env).showMailbox).toBe(shown);
  });
});
