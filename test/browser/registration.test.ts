/** A newcomer's way from the demo storefront to an account and back, in a browser. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { awaitFocus, passCheck } from '../support/browser-steps.js';
import { hasBrowser, launchBrowser } from '../support/chromium.js';
import { type Example, startExample } from '../support/examples.js';
import { inspectPage } from '../support/inspect.js';
import { awaitInvitation } from '../support/registration.js';
import { freePort, startServer, type TestServer } from '../support/server.js';

/** Where to leave pictures of the pages, for whoever wants to look at them. */
const pictures = process.env.REGISTRATION_PICTURES;
const NEXT = 'copper lantern hums at midnight';

describe.skipIf(!hasBrowser())('a newcomer', () => {
  let browser: Browser;
  let server: TestServer;
  let shop: Example;
  let api: Example;

  beforeAll(async () => {
    if (pictures) mkdirSync(pictures, { recursive: true });
    [browser, server] = await Promise.all([
      launchBrowser(),
      // Always asked for the check against robots, so that it is part of the way.
      startServer({ env: { LATCHKEY_BOT_CHALLENGE: 'always' } }),
    ]);
    const port = await freePort();
    const created = await server.cli([
      ...['clients', 'create', 'newcomers', '--name', 'Fernhill', '--auth', 'none'],
      ...['--first-party', '--sign-up', '--scope', 'openid profile email offline_access'],
      ...['--redirect-uri', `http://localhost:${port}/callback`],
      ...['--allow', 'https://api.demo-shop.example/orders=orders:read,cart:write'],
    ]);
    expect(created.stderr).toBe('');
    api = await startExample('orders-api', server);
    shop = await startExample('storefront', server, {
      PORT: `${port}`,
      CLIENT_ID: 'newcomers',
      SCOPE: 'openid profile email offline_access orders:read',
      ORDERS_API: api.origin,
    });
  }, 120_000);
  afterAll(async () => {
    await Promise.all([shop?.stop(), api?.stop()]);
    await browser?.close();
    await server?.stop();
  }, 120_000);

  const heading = (page: Page) => page.locator('h1').innerText();
  const press = (page: Page, name: string) =>
    page.getByRole('button', { name, exact: true }).click();
  const inspect = (page: Page, name: string) =>
    inspectPage(page, name, pictures === undefined ? undefined : (file) => join(pictures, file));

  test.each([true, false])(
    'creates an account and is back in the shop (scripts: %s)',
    async (javaScriptEnabled) => {
      const email = `mara.${javaScriptEnabled ? 'quill' : 'plain'}@fernhill.example`;
      const context = await browser.newContext({ javaScriptEnabled });
      const complaints: string[] = [];
      try {
        const page = await context.newPage();
        page.setDefaultTimeout(30_000);
        page.on('console', (message) => {
          const refusal = /^Failed to load resource: .* status of (410|422)/.test(message.text());
          if (message.type() === 'error' && !refusal) complaints.push(message.text());
        });
        page.on('pageerror', (error) => complaints.push(error.message));

        await page.goto(`${shop.origin}/`);
        await page
          .getByRole('link', { name: /Sign in/ })
          .first()
          .click();
        await page.getByRole('link', { name: 'New here? Create an account' }).click();
        expect(await heading(page)).toBe('Create your Fernhill account');
        if (javaScriptEnabled) {
          await passCheck(page, true);
          await inspect(page, 'ask');
        }
        await page.getByLabel('Name (optional)').fill('Mara Quill');
        await page.getByLabel('E-mail address').fill(email);
        await passCheck(page, javaScriptEnabled);
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { name: 'Look into your mailbox' }).waitFor();
        expect(await page.locator('main').innerText()).toContain(email);
        if (javaScriptEnabled) await inspect(page, 'code');

        const { code } = await awaitInvitation(server, email);
        const mailbox = await context.newPage();
        await mailbox.goto(`${server.issuer}/dev/mailbox`);
        expect(await mailbox.locator('main').innerText()).toContain('Confirm your e-mail address');
        await mailbox.close();

        await page.getByLabel('Six-digit code').fill(code === '123456' ? '654321' : '123456');
        await page.keyboard.press('Enter');
        await page.getByText('That code is not right.').waitFor();
        if (javaScriptEnabled) await inspect(page, 'wrong');
        await page.getByLabel('Six-digit code').fill(code);
        await press(page, 'Continue');
        await page.getByRole('heading', { name: 'Choose a password' }).waitFor();
        const field = page.getByLabel('Password', { exact: true });
        await awaitFocus(field);
        if (javaScriptEnabled) await inspect(page, 'password');
        await field.fill('password1234');
        await press(page, 'Create account');
        await page.locator('.field-error').waitFor();
        if (javaScriptEnabled) await inspect(page, 'refused');

        await field.fill(NEXT);
        if (javaScriptEnabled) await page.getByText('Very good length').waitFor();
        await press(page, 'Create account');
        await page.waitForURL(`${shop.origin}/**`);
        await page.getByText('Mara Quill').first().waitFor();
        expect(complaints).toEqual([]);
      } finally {
        await context.close();
      }
    },
    180_000,
  );
});
