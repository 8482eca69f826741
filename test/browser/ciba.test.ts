/** A telephone desk asks, and a shopper answers with a phone in the hand. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, launchBrowser } from '../support/chromium.js';
import { asked, poll } from '../support/ciba.js';
import { startServer, type TestServer } from '../support/server.js';

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
);
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };

let server: TestServer;
let browser: Browser;

describe.skipIf(!hasBrowser())('on the telephone', () => {
  beforeAll(async () => {
    server = await startServer();
    browser = await launchBrowser();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  async function expectAccessible(page: Page): Promise<void> {
    await page.waitForLoadState();
    await page.evaluate(axeSource);
    const { violations, passes } = await page.evaluate(() =>
      (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
    );
    expect(passes.length).toBeGreaterThan(10);
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
    const wide = await page.evaluate('document.documentElement.scrollWidth > innerWidth');
    expect(wide).toBe(false);
  }

  /** Somebody's phone; what its console said in red is a fault. */
  async function withPhone(
    options: BrowserContextOptions,
    work: (phone: Page) => Promise<void>,
  ): Promise<void> {
    const context = await browser.newContext({ ...PHONE, ...options });
    const complaints: string[] = [];
    try {
      const phone = await context.newPage();
      phone.setDefaultTimeout(30_000);
      phone.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      phone.on('pageerror', (error) => complaints.push(error.message));
      await work(phone);
      expect(complaints).toEqual([]);
    } finally {
      await context.close();
    }
  }

  /** Opens the address that is in the letter. */
  async function openLetter(phone: Page): Promise<void> {
    const { shopper } = server.demo.users;
    if (!shopper) throw new Error('the demo has a shopper');
    await phone.goto(`${server.issuer}/account/approvals`);
    await phone.getByLabel('E-mail address').fill(shopper.email);
    await phone.getByLabel('Password', { exact: true }).fill(shopper.password);
    await phone.locator('.login-submit').click();
    await phone.getByRole('heading', { name: 'Waiting for your approval' }).waitFor();
  }

  const askShopper = (message: string) =>
    asked(server, server.demo.users.shopper?.email ?? '', { binding_message: message });

  test.each([true, false])(
    'a shopper approves what they are told about (scripts on the phone: %s)',
    async (javaScriptEnabled) => {
      const id = await askShopper('Order 4711, oak table, €349.00');
      await withPhone({ javaScriptEnabled }, async (phone) => {
        await openLetter(phone);
        if (javaScriptEnabled) await expectAccessible(phone);
        await phone.getByRole('link', { name: 'See the request of Telephone desk' }).click();
        await phone.getByRole('heading', { name: 'Approve the request' }).waitFor();
        expect(await phone.locator('.said').innerText()).toContain('Order 4711, oak table');
        if (javaScriptEnabled) await expectAccessible(phone);
        await phone.getByRole('button', { name: 'Approve', exact: true }).click();
        await phone.getByText('You have approved it.').waitFor();
        if (javaScriptEnabled) await expectAccessible(phone);
      });
      expect((await poll(server, id)).status).toBe(200);
    },
    120_000,
  );

  test('a shopper who did not ask for it has it stopped', async () => {
    const id = await askShopper('Gift cards');
    await withPhone({ colorScheme: 'dark' }, async (phone) => {
      await openLetter(phone);
      await expectAccessible(phone);
      await phone.getByRole('link', { name: 'See the request of Telephone desk' }).click();
      await phone.getByRole('button', { name: 'I did not ask for this' }).click();
      await phone.getByText('cannot ask you again for a day').waitFor();
      await expectAccessible(phone);
    });
    expect((await poll(server, id)).json.error).toBe('access_denied');
    await expect(askShopper('Gift cards')).rejects.toThrow('access_denied');
  }, 120_000);
});
