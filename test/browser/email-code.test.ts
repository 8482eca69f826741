/** A shopper's way in with a code by e-mail, from the demo storefront and back, in a browser. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { leave, passCheck } from '../support/browser-steps.js';
import { hasBrowser, launchBrowser } from '../support/chromium.js';
import { anotherCode, awaitCode } from '../support/email-code.js';
import { type Example, startExample } from '../support/examples.js';
import { inspectPage } from '../support/inspect.js';
import { freePort, startServer, type TestServer } from '../support/server.js';
import { openPeople, type People } from '../support/sign-in.js';

/** Where to leave pictures of the pages, for whoever wants to look at them. */
const pictures = process.env.EMAIL_CODE_PICTURES;

describe.skipIf(!hasBrowser())('a shopper without a password at hand', () => {
  let browser: Browser;
  let server: TestServer;
  let people: People;
  let shop: Example;
  let api: Example;

  beforeAll(async () => {
    if (pictures) mkdirSync(pictures, { recursive: true });
    [browser, server] = await Promise.all([
      launchBrowser(),
      // Always asked for the check against robots, so that it is part of the way.
      startServer({ env: { LATCHKEY_BOT_CHALLENGE: 'always' } }),
    ]);
    people = await openPeople(server);
    const port = await freePort();
    const created = await server.cli([
      ...['clients', 'create', 'codes', '--name', 'Fernhill', '--auth', 'none'],
      ...['--first-party', '--email-code', '--scope', 'openid profile email offline_access'],
      ...['--redirect-uri', `http://localhost:${port}/callback`],
      ...['--allow', 'https://api.demo-shop.example/orders=orders:read,cart:write'],
    ]);
    expect(created.stderr).toBe('');
    api = await startExample('orders-api', server);
    shop = await startExample('storefront', server, {
      PORT: `${port}`,
      CLIENT_ID: 'codes',
      SCOPE: 'openid profile email offline_access orders:read',
      ORDERS_API: api.origin,
    });
  }, 120_000);
  afterAll(async () => {
    await Promise.all([shop?.stop(), api?.stop()]);
    await people?.close();
    await browser?.close();
    await server?.stop();
  }, 120_000);

  const heading = (page: Page) => page.locator('h1').innerText();
  const inspect = (page: Page, name: string) =>
    inspectPage(page, name, pictures === undefined ? undefined : (file) => join(pictures, file));

  test.each([true, false])(
    'signs in with a code and is back in the shop (scripts: %s)',
    async (javaScriptEnabled) => {
      const { email } = await people.add();
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
        await page.getByRole('link', { name: 'Get a code by e-mail instead' }).click();
        expect(await heading(page)).toBe('Get a code by e-mail');
        if (javaScriptEnabled) {
          await passCheck(page, true);
          await inspect(page, 'ask');
        }
        await page.getByLabel('E-mail address').fill(email);
        await passCheck(page, javaScriptEnabled);
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { name: 'Look into your mailbox' }).waitFor();
        expect(await page.locator('main').innerText()).toContain(email);
        if (javaScriptEnabled) await inspect(page, 'code');
        // Reloading asks for nothing again: the form was left behind by a redirect.
        await page.reload();

        const code = await awaitCode(server, email);
        const field = page.getByLabel('Six-digit code');
        await field.fill(anotherCode(code));
        await page.keyboard.press('Enter');
        await page.getByText('That code is not right.').waitFor();
        if (javaScriptEnabled) await inspect(page, 'wrong');
        await field.fill(`${code.slice(0, 3)} ${code.slice(3)}`);
        await page.keyboard.press('Enter');
        await page.waitForURL(`${shop.origin}/**`);
        await page.getByText(email).first().waitFor();

        // The page before is there, and the code in it is worth nothing any more.
        const letters = await people.query(
          "SELECT 1 FROM audit_events WHERE event = 'sign_in_code_requested' AND result = 'success'",
        );
        expect(letters.length).toBe(javaScriptEnabled ? 1 : 2);
        expect(complaints).toEqual([]);
      } finally {
        await context.close();
      }
    },
    180_000,
  );

  test('five wrong codes lead to a page that asks for a new one', async () => {
    const { email } = await people.add();
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(30_000);
      await page.goto(`${shop.origin}/`);
      await page
        .getByRole('link', { name: /Sign in/ })
        .first()
        .click();
      await page.getByRole('link', { name: 'Get a code by e-mail instead' }).click();
      await page.getByLabel('E-mail address').fill(email);
      await passCheck(page, true);
      await page.keyboard.press('Enter');
      const code = await awaitCode(server, email);
      for (let turn = 1; turn <= 5; turn += 1) {
        await page.getByLabel('Six-digit code').fill(anotherCode(code, turn));
        await leave(page, () => page.keyboard.press('Enter'));
      }
      await page.getByRole('heading', { name: 'This code no longer works' }).waitFor();
      await inspect(page, 'dead');
      await page.getByRole('link', { name: 'Ask for a new code' }).click();
      // It was typed in this browser before.
      expect(await page.getByLabel('E-mail address').inputValue()).toBe(email);
    } finally {
      await context.close();
    }
  }, 180_000);
});
