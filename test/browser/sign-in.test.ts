import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Authenticator, authenticator } from '../support/authenticator.js';
import { awaitFocus, passCheck } from '../support/browser-steps.js';
import { hasBrowser, launchBrowser } from '../support/chromium.js';
import { type Example, startExample } from '../support/examples.js';
import { inspectPage } from '../support/inspect.js';
import { freePort, startServer, type TestServer } from '../support/server.js';

/** Where to leave pictures of the pages, for whoever wants to look at them. */
const pictures = process.env.STEP_PICTURES;

type Person = { readonly email: string; readonly password: string };
type Visit = { readonly page: Page; readonly complaints: string[] };

describe.skipIf(!hasBrowser())('signing in', () => {
  const browserless: { stop(): Promise<unknown> }[] = [];
  let browser: Browser;
  /** With the challenge as it comes. */
  let server: TestServer;
  let shop: Example;
  /** Without one, where somebody guesses all the way to the lock. */
  let unguarded: TestServer;
  let unguardedShop: Example;
  let app: Authenticator;

  beforeAll(async () => {
    [browser, server, unguarded] = await Promise.all([
      launchBrowser(),
      startServer(),
      startServer({ env: { LATCHKEY_BOT_CHALLENGE: 'off' } }),
    ]);
    browserless.push(server, unguarded);
    shop = await openShop(server);
    unguardedShop = await openShop(unguarded);
    app = authenticator(server.demo.users.shopper_mfa?.totp_secret ?? '');
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    for (const one of browserless.reverse()) await one.stop();
  }, 120_000);

  async function cli(on: TestServer, args: string[], input?: string): Promise<void> {
    const { code, stderr } = await on.cli(args, input);
    expect(code, stderr).toBe(0);
  }

  /** A storefront on a port of its own, and the orders API unless there is another one. */
  async function openShop(on: TestServer, ordersApi?: string): Promise<Example> {
    const port = await freePort();
    const id = `shop-${port}`;
    await cli(on, [
      ...['clients', 'create', id, '--name', 'Alder & Oak', '--auth', 'none', '--first-party'],
      ...['--grant-type', 'authorization_code', '--grant-type', 'refresh_token'],
      ...['--redirect-uri', `http://localhost:${port}/callback`],
      ...['--post-logout-redirect-uri', `http://localhost:${port}/`],
      ...['--scope', 'openid profile email offline_access'],
      ...['--allow', 'https://api.demo-shop.example/orders=orders:read'],
    ]);
    let api = ordersApi;
    if (!api) {
      const started = await startExample('orders-api', on);
      browserless.push(started);
      api = started.origin;
    }
    const opened = await startExample('storefront', on, {
      PORT: String(port),
      CLIENT_ID: id,
      SCOPE: 'openid profile email offline_access orders:read',
      ORDERS_API: api,
    });
    browserless.push(opened);
    return opened;
  }

  function demoUser(on: TestServer, key: string): Person {
    const user = on.demo.users[key];
    if (!user) throw new Error(`the demo has no ${key}`);
    return user;
  }

  async function newPerson(name: string, ...options: string[]): Promise<Person> {
    const email = `${name.toLowerCase()}@demo-shop.example`;
    const password = 'walnut lantern orbit 47 thimble';
    await cli(
      server,
      ['users', 'create', email, '--name', name, '--password-stdin', ...options],
      `${password}\n`,
    );
    return { email, password };
  }

  /** Runs `work` in a browser of its own; `complaints` is what its console said in red. */
  async function visit(
    work: (visit: Visit) => Promise<void>,
    options: BrowserContextOptions = {},
  ): Promise<void> {
    const context = await browser.newContext(options);
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(30_000);
      const complaints: string[] = [];
      page.on('console', (message) => {
        // A page that says no has the status for it, and the console repeats that.
        const refusal = /^Failed to load resource: .* status of (422|429)/.test(message.text());
        if (message.type() === 'error' && !refusal) complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      await work({ page, complaints });
    } finally {
      await context.close();
    }
  }

  const heading = (page: Page) => page.locator('h1').innerText();
  const notice = (page: Page) => page.locator('.notice').innerText();
  const press = (page: Page, name: string) =>
    page.getByRole('button', { name, exact: true }).click();

  async function enterPassword(page: Page, { email, password }: Person): Promise<void> {
    expect(await heading(page)).toBe('Sign in to Alder & Oak');
    await page.getByLabel('E-mail address').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await press(page, 'Continue');
  }

  async function enterCode(page: Page, code: string): Promise<void> {
    await page.getByLabel('Six-digit code').fill(code);
    await press(page, 'Continue');
  }

  /** Waits for the shop, past pages that send themselves on. */
  async function atShop(page: Page, at = shop): Promise<void> {
    await expect.poll(() => page.url(), { timeout: 30_000 }).toBe(`${at.origin}/`);
    await page.waitForLoadState();
  }

  async function signIn(page: Page, person: Person, at = shop): Promise<void> {
    await page.goto(`${at.origin}/login`);
    await enterPassword(page, person);
  }

  async function signOut(page: Page): Promise<void> {
    await press(page, 'Sign out');
    expect(await heading(page)).toBe('Sign out of Alder & Oak?');
    await press(page, 'Sign out');
    await atShop(page);
  }

  /** Reads the key off the page, as somebody would type it. */
  async function readKey(page: Page): Promise<string> {
    return (await page.locator('.secret code').innerText()).replace(/\s/g, '');
  }

  /** Goes through the enrolment that is on the page; gives the app and the recovery codes. */
  async function enrol(page: Page): Promise<{ phone: Authenticator; codes: string[] }> {
    expect(await heading(page)).toBe('Set up your second step');
    const phone = authenticator(await readKey(page));
    await enterCode(page, await phone.nextCode());
    await page.locator('.codes').waitFor();
    expect(await heading(page)).toBe('Keep your recovery codes');
    const codes = await page.locator('.codes code').allInnerTexts();
    expect(new Set(codes).size).toBe(10);
    await page.getByLabel('I have kept these codes').check();
    await press(page, 'Continue');
    return { phone, codes };
  }

  /** Asks for the newest order's money back and confirms it; gives the order's number. */
  async function askForRefund(page: Page): Promise<string> {
    const button = page.getByRole('button', { name: /^Refund order/ }).first();
    const name = (await button.getAttribute('aria-label')) ?? '';
    await button.click();
    expect(await heading(page)).toBe(`${name}?`);
    await page.getByRole('button', { name: /^Refund €/ }).click();
    return name.replace('Refund order ', '');
  }

  const statuses = (page: Page) => page.locator('.orders em').allInnerTexts();

  test('a shopper without an app sets one up for a refund, and the refund is done', async () => {
    const person = await newPerson('Ada');
    await visit(async ({ page, complaints }) => {
      await signIn(page, person);
      await atShop(page);
      const number = await askForRefund(page);

      await enterPassword(page, person);
      await enrol(page);
      await atShop(page);
      expect(await notice(page)).toMatch(`Order ${number} is refunded: you get €`);
      expect(await statuses(page)).toEqual(['refunded', 'on its way', 'delivered']);
      expect(await page.getByRole('button', { name: /^Refund order/ }).count()).toBe(2);

      // The log-in is fresh and strong now, so the next one asks for nothing.
      await askForRefund(page);
      await atShop(page);
      expect(await statuses(page)).toEqual(['refunded', 'refunded', 'delivered']);
      await page.reload();
      expect(await page.locator('.notice').count()).toBe(0);
      expect(await statuses(page)).toEqual(['refunded', 'refunded', 'delivered']);
      expect(complaints).toEqual([]);
    });
  }, 120_000);

  test('a shopper who would rather not is still signed in, and keeps her order', async () => {
    const person = await newPerson('Bea');
    await visit(async ({ page }) => {
      await signIn(page, person);
      await atShop(page);
      await askForRefund(page);
      await enterPassword(page, person);
      expect(await heading(page)).toBe('Set up your second step');
      await press(page, 'Not now');
      await atShop(page);
      expect(await heading(page)).toBe('Hello, Bea');
      expect(await notice(page)).toBe('You did not sign in again, so nothing was refunded.');
      expect(await statuses(page)).toEqual(['in the workshop', 'on its way', 'delivered']);
    });
  }, 120_000);

  test('a refund that somebody else would have to answer for is not done', async () => {
    const [cleo, dora] = [await newPerson('Cleo'), await newPerson('Dora')];
    await visit(async ({ page, complaints }) => {
      await signIn(page, cleo);
      await atShop(page);
      await askForRefund(page);
      await enterPassword(page, dora);
      await enrol(page);
      await atShop(page);
      expect(await heading(page)).toBe('Hello, Dora');
      expect(await notice(page)).toBe('You changed accounts, so nothing was refunded.');
      expect(await statuses(page)).not.toContain('refunded');
      expect(complaints).toEqual([]);
    });
  }, 120_000);

  test('a refund is not started by a form on another site', async () => {
    const person = await newPerson('Edda');
    await visit(async ({ page }) => {
      await signIn(page, person);
      await atShop(page);
      const forged = await page.request.post(`${shop.origin}/refund?order=AO-10000`, {
        headers: { origin: server.issuer },
      });
      expect(forged.status()).toBe(403);
    });
  }, 120_000);

  test('a shopper is told when no account can meet what the shop asks for', async () => {
    const order = {
      ...{ number: 'AO-1', placedOn: '2026-01-02', status: 'delivered', items: ['Wool blanket'] },
      total: { amount: 11_900, currency: 'EUR' },
    };
    const strict: Server = createServer((req, res) => {
      if (req.method === 'GET') return res.end(JSON.stringify([order]));
      const challenge =
        'Bearer error="insufficient_user_authentication", acr_values="urn:latchkey:acr:phrh"';
      return res.writeHead(401, { 'www-authenticate': challenge }).end('{}');
    });
    await new Promise<void>((resolve) => strict.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = strict.address() as AddressInfo;
      const strictShop = await openShop(server, `http://127.0.0.1:${port}`);
      await visit(async ({ page }) => {
        await signIn(page, demoUser(server, 'shopper'), strictShop);
        await atShop(page, strictShop);
        await askForRefund(page);
        await atShop(page, strictShop);
        expect(await heading(page)).toBe('Hello, Robin Sterling');
        expect(await notice(page)).toMatch(/^Nothing was refunded: /);
      });
    } finally {
      strict.closeAllConnections();
      strict.close();
    }
  }, 120_000);

  test('a shopper with an app logs in with a code, and spares her own device the next one', async () => {
    const noor = demoUser(server, 'shopper_mfa');
    await visit(async ({ page, complaints }) => {
      await signIn(page, noor);
      expect(await heading(page)).toBe('Enter your code');
      await page.getByLabel('Don’t ask for a code on this device for 30 days').check();
      await enterCode(page, await app.nextCode());
      await atShop(page);
      expect(await heading(page)).toBe('Hello, Noor van den Berg');
      await signOut(page);

      await signIn(page, noor);
      await atShop(page);
      expect(await heading(page)).toBe('Hello, Noor van den Berg');
      // A device that is remembered has proven nothing, so money still takes a code.
      await askForRefund(page);
      await enterPassword(page, noor);
      expect(await heading(page)).toBe('Enter your code');
      await enterCode(page, await app.nextCode());
      await atShop(page);
      expect(await notice(page)).toMatch(/is refunded/);
      expect(complaints).toEqual([]);
    });
    await visit(async ({ page }) => {
      await signIn(page, noor);
      expect(await heading(page)).toBe('Enter your code');
    });
  }, 180_000);

  test('staff set up an app at their first log-in and cannot do without', async () => {
    const person = await newPerson('Farah', '--staff', '--role', 'support');
    await visit(async ({ page, complaints }) => {
      await signIn(page, person);
      expect(await page.getByRole('button', { name: 'Not now' }).count()).toBe(0);
      const key = await readKey(page);
      // Opened again, the page still shows the key that is in the app already.
      await page.goto(page.url().replace(/\/login$/, ''));
      expect(await readKey(page)).toBe(key);
      await enrol(page);
      await atShop(page);
      expect(await heading(page)).toBe('Hello, Farah');
      await signOut(page);
      await signIn(page, person);
      expect(await heading(page)).toBe('Enter your code');
      expect(await page.getByLabel(/Don’t ask/).count()).toBe(0);
      expect(complaints).toEqual([]);
    });
  }, 120_000);

  test('a recovery code gets in once, and a wrong one is asked for again', async () => {
    const person = await newPerson('Greta', '--staff', '--role', 'support');
    await visit(async ({ page }) => {
      await signIn(page, person);
      const { codes } = await enrol(page);
      await atShop(page);
      const useCode = async (code: string) => {
        await page.getByLabel('Recovery code').fill(code);
        await press(page, 'Continue');
      };
      for (const again of [false, true]) {
        await signOut(page);
        await signIn(page, person);
        await page.getByRole('link', { name: 'Use a recovery code instead' }).click();
        expect(await heading(page)).toBe('Enter a recovery code');
        await useCode(again ? (codes[0] ?? '') : 'AAAA-AAAA-AAAA-AAAA');
        await page.getByRole('alert').waitFor();
        expect(await heading(page)).toBe('Enter a recovery code');
        await useCode((again ? codes[1] : codes[0])?.toLowerCase() ?? '');
        await atShop(page);
      }
    });
  }, 120_000);

  test('a stranger who guesses shuts out strangers, and not the owner in her own browser', async () => {
    const owner = demoUser(unguarded, 'shopper');
    const known = await browser.newContext();
    try {
      const page = await known.newPage();
      await signIn(page, owner, unguardedShop);
      await atShop(page, unguardedShop);
      await press(page, 'Sign out');
      await press(page, 'Sign out');
      await atShop(page, unguardedShop);

      await visit(async ({ page: stranger }) => {
        await stranger.goto(`${unguardedShop.origin}/login`);
        for (let guess = 1; guess <= 10; guess += 1) {
          await enterPassword(stranger, { ...owner, password: `guess ${guess}` });
          await stranger.getByRole('alert').waitFor();
        }
        const answered = stranger.waitForResponse((response) => response.url().endsWith('/login'));
        // The right one would not help either, so nothing is learned from it.
        await enterPassword(stranger, owner);
        expect((await answered).status()).toBe(429);
        expect(await heading(stranger)).toBe('Sign-in is paused');
        await inspect(stranger, 'locked');
      });

      await signIn(page, owner, unguardedShop);
      await atShop(page, unguardedShop);
      expect(await heading(page)).toBe('Hello, Robin Sterling');
    } finally {
      await known.close();
    }
  }, 180_000);

  test.each([true, false])(
    'after three wrong passwords there is one more check, and the right one works (scripts: %s)',
    async (javaScriptEnabled) => {
      const person = await newPerson(javaScriptEnabled ? 'Hanna' : 'Ines');
      await visit(
        async ({ page, complaints }) => {
          await page.goto(`${shop.origin}/login`);
          for (let guess = 1; guess <= 3; guess += 1) {
            expect(await page.locator('[data-challenge]').count()).toBe(0);
            await enterPassword(page, { ...person, password: `guess ${guess}` });
            await page.getByRole('alert').waitFor();
          }
          if (javaScriptEnabled) {
            await page.locator('altcha-widget').waitFor();
            await passCheck(page, true);
            await inspect(page, 'challenge');
          } else {
            expect(await page.locator('altcha-widget').count()).toBe(0);
            // Somebody in a hurry is told to wait, and nothing was counted against them.
            await enterPassword(page, person);
            expect(await notice(page)).toMatch(/^Before you are signed in, one short check/);
            await passCheck(page, false);
          }
          await enterPassword(page, person);
          await atShop(page);
          expect(complaints).toEqual([]);
        },
        { javaScriptEnabled },
      );
    },
    120_000,
  );

  test('everything can be done with the keyboard alone', async () => {
    const person = await newPerson('Juna');
    await visit(async ({ page }) => {
      const keys = page.keyboard;
      const tabTo = async (target: Locator) => {
        for (let presses = 0; presses < 40; presses += 1) {
          if (await target.evaluate((element) => element === element.ownerDocument.activeElement))
            return;
          await keys.press('Tab');
        }
        throw new Error(`the keyboard does not reach ${target}`);
      };
      const typePassword = async () => {
        expect(await heading(page)).toBe('Sign in to Alder & Oak');
        await tabTo(page.getByLabel('E-mail address'));
        await keys.type(person.email);
        await tabTo(page.getByLabel('Password', { exact: true }));
        await keys.type(person.password);
        await keys.press('Enter');
      };
      await page.goto(shop.origin);
      await tabTo(page.getByRole('link', { name: 'Sign in' }));
      await keys.press('Enter');
      await page.locator('#password').waitFor();
      await typePassword();
      await atShop(page);
      await tabTo(page.getByRole('button', { name: /^Refund order/ }).first());
      await keys.press('Enter');
      await page.waitForURL('**/refund?**');
      await tabTo(page.getByRole('button', { name: /^Refund €/ }));
      await keys.press('Enter');
      await page.locator('#password').waitFor();
      await typePassword();
      const field = page.getByLabel('Six-digit code');
      await tabTo(field);
      const phone = authenticator(await readKey(page));
      await keys.type(await phone.nextCode());
      await keys.press('Enter');
      const kept = page.getByLabel('I have kept these codes');
      await tabTo(kept);
      await keys.press('Space');
      expect(await kept.isChecked()).toBe(true);
      await tabTo(page.getByRole('button', { name: 'Continue' }));
      await keys.press('Enter');
      await atShop(page);
      expect(await notice(page)).toMatch(/is refunded/);
      await tabTo(page.getByRole('button', { name: 'Sign out' }));
      await keys.press('Enter');
      await page.waitForURL(`${server.issuer}/**`);
      await tabTo(page.getByRole('button', { name: 'Sign out' }));
      await keys.press('Enter');
      await atShop(page);

      await page.goto(`${shop.origin}/login`);
      await typePassword();
      // The only thing to do there is where the keyboard is already.
      await awaitFocus(field);
      await keys.type(await phone.nextCode());
      await keys.press('Enter');
      await atShop(page);
    });
  }, 180_000);

  test('no page on the way hinders anybody, at any width, in light and dark', async () => {
    const person = await newPerson('Kaia');
    await visit(async ({ page, complaints }) => {
      await page.goto(`${shop.origin}/login`);
      await inspect(page, 'password');
      await enterPassword(page, { ...person, password: 'guess' });
      await page.getByRole('alert').waitFor();
      await inspect(page, 'password-rejected');
      await enterPassword(page, person);
      await atShop(page);
      await inspect(page, 'shop');
      await page
        .getByRole('button', { name: /^Refund order/ })
        .first()
        .click();
      await inspect(page, 'shop-refund');
      await page.getByRole('button', { name: /^Refund €/ }).click();
      await enterPassword(page, person);
      await page.locator('.qr').waitFor();
      await inspect(page, 'enrol');
      const phone = authenticator(await readKey(page));
      await enterCode(page, phone.wrongCode());
      await page.getByRole('alert').waitFor();
      await inspect(page, 'enrol-wrong-code');
      await enterCode(page, await phone.nextCode());
      await page.locator('.codes').waitFor();
      await inspect(page, 'recovery-codes');
      await page.getByLabel('I have kept these codes').check();
      await press(page, 'Continue');
      await atShop(page);
      await inspect(page, 'shop-refunded');
      await signOut(page);
      await signIn(page, person);
      await page.getByLabel('Six-digit code').waitFor();
      await inspect(page, 'code');
      await enterCode(page, phone.wrongCode());
      await page.getByRole('alert').waitFor();
      await inspect(page, 'code-wrong');
      await page.getByRole('link', { name: 'Use a recovery code instead' }).click();
      await page.getByLabel('Recovery code').waitFor();
      await inspect(page, 'recovery-code');
      await page.getByLabel('Recovery code').fill('AAAA-AAAA-AAAA-AAAA');
      await press(page, 'Continue');
      await page.getByRole('alert').waitFor();
      await inspect(page, 'recovery-code-wrong');
      expect(complaints).toEqual([]);
    });
  }, 180_000);

  const inspect = (page: Page, name: string) =>
    inspectPage(page, name, pictures === undefined ? undefined : (file) => join(pictures, file));
});
