/** A shopper signs in to a till with a phone: two screens, one of them small. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, launchBrowser } from '../support/chromium.js';
import { type Example, startExample } from '../support/examples.js';
import { startServer, type TestServer } from '../support/server.js';

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
);
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

let server: TestServer;
let api: Example;
let till: Example;
let browser: Browser;

describe.skipIf(!hasBrowser())('at the till', () => {
  beforeAll(async () => {
    server = await startServer();
    [api, browser] = await Promise.all([startExample('orders-api', server), launchBrowser()]);
    till = await startExample('till', server, { ORDERS_API: api.origin });
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await till?.stop();
    await api?.stop();
    await server?.stop();
  });

  const heading = (page: Page) => page.locator('h1').innerText();

  async function expectAccessible(page: Page): Promise<void> {
    await page.waitForLoadState();
    await page.evaluate(axeSource);
    const { violations, passes } = await page.evaluate(() =>
      (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
    );
    expect(passes.length).toBeGreaterThan(10);
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
  }

  /** The till's screen and somebody's phone; what their consoles said in red is a fault. */
  async function meet(
    options: BrowserContextOptions,
    work: (screen: Page, phone: Page) => Promise<void>,
  ): Promise<void> {
    const contexts = [
      await browser.newContext({ viewport: { width: 1280, height: 800 } }),
      await browser.newContext({ ...PHONE, ...options }),
    ];
    const complaints: string[] = [];
    try {
      const [screen, phone] = await Promise.all(contexts.map((one) => one.newPage()));
      if (!screen || !phone) throw new Error('two pages');
      for (const page of [screen, phone]) {
        page.setDefaultTimeout(30_000);
        page.on('console', (message) => {
          if (message.type() === 'error') complaints.push(message.text());
        });
        page.on('pageerror', (error) => complaints.push(error.message));
      }
      await work(screen, phone);
      expect(complaints).toEqual([]);
    } finally {
      await Promise.all(contexts.map((one) => one.close()));
    }
  }

  async function invite(screen: Page): Promise<{ code: string; address: string }> {
    await screen.goto(till.origin);
    await expectAccessible(screen);
    await screen.getByRole('button', { name: 'Sign in with my phone' }).click();
    await screen.locator('.code').waitFor();
    await expectAccessible(screen);
    expect(await screen.locator('.picture svg').count()).toBe(1);
    return {
      code: await screen.locator('.code').innerText(),
      address: await screen.locator('.address').innerText(),
    };
  }

  async function signIn(phone: Page): Promise<void> {
    const { shopper } = server.demo.users;
    if (!shopper) throw new Error('the demo has a shopper');
    await phone.getByLabel('E-mail address').fill(shopper.email);
    await phone.getByLabel('Password', { exact: true }).fill(shopper.password);
    await phone.locator('.login-submit').click();
  }

  test.each([true, false])(
    'a shopper says yes on the phone and is greeted (scripts on the phone: %s)',
    async (javaScriptEnabled) => {
      await meet({ javaScriptEnabled }, async (screen, phone) => {
        const { code, address } = await invite(screen);
        expect(address).toBe(`${server.issuer}/device`);
        await phone.goto(address);
        if (javaScriptEnabled) await expectAccessible(phone);
        await phone.getByLabel('Code on the device').fill(code.toLowerCase());
        await phone.getByRole('button', { name: 'Continue' }).click();
        expect(await heading(phone)).toBe('Is this the code on the device?');
        expect(await phone.locator('.user-code').innerText()).toBe(code);
        if (javaScriptEnabled) await expectAccessible(phone);
        await phone.getByRole('button', { name: 'It is the same code, go on' }).click();
        await signIn(phone);
        await phone.getByText('Your device is connected').waitFor();
        if (javaScriptEnabled) await expectAccessible(phone);

        await screen.getByText('Hello, Robin Sterling').waitFor();
        await screen.locator('.orders li').first().waitFor();
        expect(await screen.locator('.orders li').count()).toBe(3);
        await expectAccessible(screen);
        await screen.getByRole('button', { name: 'Sign out' }).click();
        await screen.getByText('You are signed out.').waitFor();
      });
    },
    120_000,
  );

  test('a shopper scans the picture, refuses, and the till says so', async () => {
    await meet({ colorScheme: 'dark' }, async (screen, phone) => {
      const { code, address } = await invite(screen);
      await phone.goto(`${address}?user_code=${code}`);
      await phone.getByText('Is this the code on the device?').waitFor();
      await expectAccessible(phone);
      await phone.getByRole('button', { name: 'Refuse' }).click();
      await phone.getByText('The device was not let in').waitFor();
      await expectAccessible(phone);
      await screen.getByText('You refused on your phone').waitFor();
    });
  }, 120_000);

  test('a shopper who is signed out by an operator is signed out at the till', async () => {
    await meet({}, async (screen, phone) => {
      const { code, address } = await invite(screen);
      await phone.goto(`${address}?user_code=${code}`);
      await phone.getByRole('button', { name: 'It is the same code, go on' }).click();
      await signIn(phone);
      await screen.locator('.orders li').first().waitFor();
      const { shopper } = server.demo.users;
      const { code: exit, stderr } = await server.cli(['users', 'revoke', shopper?.email ?? '']);
      expect(exit, stderr).toBe(0);
      await screen.reload();
      expect(await screen.locator('.notice').innerText()).toBe('You have been signed out.');
      expect(await screen.content()).not.toContain('Robin');
    });
  }, 120_000);
});
