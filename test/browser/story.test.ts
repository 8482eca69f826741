import { Client as Postgres } from 'pg';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, launchBrowser } from '../support/chromium.js';
import { type Example, startExample } from '../support/examples.js';
import { axeComplaints } from '../support/inspect.js';
import { freePort, startServer, type TestServer } from '../support/server.js';

let server: TestServer;
let api: Example;
let shop: Example;
let browser: Browser;

describe.skipIf(!hasBrowser())('a shopper at Alder & Oak', () => {
  beforeAll(async () => {
    server = await startServer();
    const port = await freePort();
    const registered = registerStorefront(port);
    [api, browser] = await Promise.all([startExample('orders-api', server), launchBrowser()]);
    await registered;
    shop = await startExample('storefront', server, {
      PORT: String(port),
      CLIENT_ID: 'story-storefront',
      SCOPE: 'openid profile email offline_access orders:read',
      ORDERS_API: api.origin,
    });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await shop?.stop();
    await api?.stop();
    await server?.stop();
  });

  /** The demo's own client is registered for port 4000, which somebody may be using. */
  async function registerStorefront(port: number): Promise<void> {
    const { code, stderr } = await server.cli([
      ...['clients', 'create', 'story-storefront', '--name', 'Alder & Oak'],
      ...['--auth', 'none', '--first-party'],
      ...['--grant-type', 'authorization_code', '--grant-type', 'refresh_token'],
      ...['--redirect-uri', `http://localhost:${port}/callback`],
      ...['--post-logout-redirect-uri', `http://localhost:${port}/`],
      ...['--scope', 'openid profile email offline_access'],
      ...['--allow', 'https://api.demo-shop.example/orders=orders:read'],
    ]);
    expect(code, stderr).toBe(0);
  }

  function shopper() {
    const user = server.demo.users.shopper;
    if (!user) throw new Error('the demo has a shopper');
    return user;
  }

  async function revokeEverything(): Promise<void> {
    const { code, stderr } = await server.cli(['users', 'revoke', shopper().email]);
    expect(code, stderr).toBe(0);
  }

  /** Runs `work` in a browser of its own; `complaints` is what its console said in red. */
  async function visit(
    work: (page: Page, complaints: string[]) => Promise<void>,
    options: BrowserContextOptions = {},
  ) {
    const context = await browser.newContext(options);
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(30_000);
      const complaints: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      await work(page, complaints);
    } finally {
      await context.close();
    }
  }

  const heading = (page: Page) => page.locator('h1').innerText();
  const notice = (page: Page) => page.locator('.notice').innerText();
  const orders = (page: Page) => page.locator('.orders li').count();

  async function enterPassword(page: Page): Promise<void> {
    expect(await heading(page)).toBe('Sign in to Alder & Oak');
    await page.getByLabel('E-mail address').fill(shopper().email);
    await page.getByLabel('Password', { exact: true }).fill(shopper().password);
    await page.locator('.login-submit').click();
    await page.waitForURL(`${shop.origin}/`);
  }

  async function signIn(page: Page): Promise<void> {
    await page.goto(shop.origin);
    await page.getByRole('link', { name: 'Sign in' }).click();
    await enterPassword(page);
    expect(await heading(page)).toBe('Hello, Robin Sterling');
    expect(await orders(page)).toBe(3);
  }

  test('signs in, is revoked by an operator, and has to prove who they are again', async () => {
    await visit(async (page, complaints) => {
      await signIn(page);
      await revokeEverything();

      await page.reload();
      expect(await notice(page)).toBe('You have been signed out. Please sign in again.');
      expect(await orders(page)).toBe(0);
      expect(await page.content()).not.toContain('Robin');

      await page.getByRole('link', { name: 'Sign in' }).click();
      await enterPassword(page);
      expect(await heading(page)).toBe('Hello, Robin Sterling');
      expect(await orders(page)).toBe(3);
      expect(complaints).toEqual([]);
    });
  }, 120_000);

  test.each([true, false])(
    'signs in and out for good (with scripts: %s)',
    async (javaScriptEnabled) => {
      await visit(
        async (page, complaints) => {
          await signIn(page);
          await page.getByRole('button', { name: 'Sign out' }).click();
          expect(await heading(page)).toBe('Sign out of Alder & Oak?');
          await page.getByRole('button', { name: 'Sign out' }).click();
          await page.waitForURL(`${shop.origin}/`);
          expect(await page.getByRole('link', { name: 'Sign in' }).count()).toBe(1);
          // The session at the sign-in server has ended as well.
          await page.getByRole('link', { name: 'Sign in' }).click();
          expect(await heading(page)).toBe('Sign in to Alder & Oak');
          expect(complaints).toEqual([]);
        },
        { javaScriptEnabled },
      );
    },
    120_000,
  );

  test('changes their mind at the sign-in page and is back in the shop', async () => {
    await visit(async (page) => {
      await page.goto(`${shop.origin}/login`);
      await page.getByRole('button', { name: 'Cancel and go back to Alder & Oak' }).click();
      await page.waitForURL(`${shop.origin}/callback?**`);
      expect(await notice(page)).toBe('You did not sign in.');
      // The address is spent: loading it again does no harm and no good.
      await page.reload();
      expect(await notice(page)).toBe('That sign-in has expired. Please try again.');
    });
  });

  test('keeps shopping when the token has expired or is refreshed by hand', async () => {
    await visit(async (page, complaints) => {
      await signIn(page);
      const goodUntil = () => page.locator('time').getAttribute('datetime');
      const first = await goodUntil();
      await expireAccessTokens();
      await page.reload();
      expect(await orders(page)).toBe(3);
      const second = await goodUntil();
      expect(second).not.toBe(first);

      await page.getByRole('button', { name: 'Refresh my token' }).click();
      expect(await notice(page)).toBe('Your token was refreshed.');
      await page.reload();
      expect(await page.locator('.notice').count()).toBe(0);
      expect(complaints).toEqual([]);

      // Five pages at once spend one refresh token between them, and none of them looks stolen.
      await expireAccessTokens();
      const replies = await Promise.all(
        Array.from({ length: 5 }, () => page.request.get(shop.origin)),
      );
      for (const reply of replies) expect(await reply.text()).toContain('Your orders');
      await page.reload();
      expect(await orders(page)).toBe(3);
    });
  }, 120_000);

  test('is told at once when a refresh finds everything revoked', async () => {
    await visit(async (page) => {
      await signIn(page);
      await revokeEverything();
      await page.getByRole('button', { name: 'Refresh my token' }).click();
      expect(await notice(page)).toBe('You have been signed out. Please sign in again.');
      await page.goto(shop.origin);
      expect(await page.getByRole('link', { name: 'Sign in' }).count()).toBe(1);
    });
  }, 120_000);

  test('is not signed out by a form on another site', async () => {
    await visit(async (page) => {
      await signIn(page);
      for (const path of ['/logout', '/refresh']) {
        const forged = await page.request.post(`${shop.origin}${path}`, {
          headers: { origin: server.issuer },
        });
        expect(forged.status()).toBe(403);
      }
      await page.reload();
      expect(await orders(page)).toBe(3);
    });
  }, 120_000);

  test('cannot be handed somebody else’s sign-in, and brings no markup into the page', async () => {
    await visit(async (page) => {
      await page.goto(`${shop.origin}/callback?code=stolen&state=made-up`);
      expect(await notice(page)).toBe('That sign-in has expired. Please try again.');
      const { code, stderr } = await server.cli(
        [
          ...['users', 'create', 'mallory@demo-shop.example', '--password-stdin'],
          ...['--name', '<img src=x onerror=alert(1)> & "Mallory"'],
        ],
        `${shopper().password}\n`,
      );
      expect(code, stderr).toBe(0);
      await page.goto(`${shop.origin}/login`);
      await page.getByLabel('E-mail address').fill('mallory@demo-shop.example');
      await page.getByLabel('Password', { exact: true }).fill(shopper().password);
      await page.locator('.login-submit').click();
      expect(await heading(page)).toBe('Hello, <img src=x onerror=alert(1)> & "Mallory"');
      expect(await page.locator('img').count()).toBe(0);
    });
  }, 120_000);

  test('is not hindered by the shop’s pages, at any width, in light and dark', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await visit(
        async (page) => {
          await page.goto(shop.origin);
          await expectAccessible(page);
          await signIn(page);
          await expectAccessible(page);
          await page.setViewportSize({ width: 320, height: 640 });
          await expectAccessible(page);
          const root = page.locator('html');
          expect(await root.evaluate((html) => html.scrollWidth)).toBe(320);
        },
        { colorScheme },
      );
    }
  }, 120_000);

  async function expectAccessible(page: Page): Promise<void> {
    expect(await axeComplaints(page)).toEqual([]);
  }

  /** Makes every access token as old as one that was left lying for an hour. */
  async function expireAccessTokens(): Promise<void> {
    const database = new Postgres({ connectionString: server.databaseUrl });
    await database.connect();
    const { rowCount } = await database.query(
      `UPDATE artifacts SET expires_at = now() - interval '1 minute' WHERE kind = 'AccessToken'`,
    );
    await database.end();
    expect(rowCount).toBeGreaterThan(0);
  }

  // Last, because the server does not survive it.
  test('is told of an outage, and is not signed out by it', async () => {
    await visit(async (page) => {
      await signIn(page);
      const gone = new Promise((resolve) => server.process.once('exit', resolve));
      server.process.kill('SIGKILL');
      await gone;

      const reloaded = await page.reload();
      expect(reloaded?.status()).toBe(503);
      expect(await heading(page)).toBe('Hello, Robin Sterling');
      expect(await notice(page)).toBe(
        'Your orders cannot be shown just now. You are still signed in.',
      );
      await expectAccessible(page);

      await page.getByRole('button', { name: 'Refresh my token' }).click();
      expect(await heading(page)).toBe('Hello, Robin Sterling');
      expect(await notice(page)).toBe(
        'The sign-in service does not answer just now. You are still signed in. Please try again soon.',
      );

      await page.getByRole('button', { name: 'Sign out' }).click();
      expect(await notice(page)).toBe(
        'You are signed out of this shop, but the sign-in service does not answer: it may still know you on this device.',
      );
    });
    await visit(async (page) => {
      await page.goto(shop.origin);
      await page.getByRole('link', { name: 'Sign in' }).click();
      expect(await notice(page)).toBe(
        'The sign-in service does not answer just now. Please try again soon.',
      );
    });
    const broken = await startExample('storefront', server, { ORDERS_API: api.origin });
    try {
      const answer = await fetch(`${broken.origin}/login`, { redirect: 'manual' });
      expect([answer.status, answer.headers.get('set-cookie')]).toEqual([503, null]);
    } finally {
      await broken.stop();
    }
  }, 120_000);
});
