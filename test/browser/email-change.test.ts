/** A shopper’s address: changed, used, and taken back from the letter to the old one. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { awaitFocus } from '../support/browser-steps.js';
import { hasBrowser, launchBrowser } from '../support/chromium.js';
import { awaitCode, awaitUndo } from '../support/email-change.js';
import { inspectPage } from '../support/inspect.js';
import { newShopper } from '../support/protocol.js';
import { awaitLink } from '../support/recovery.js';
import { startServer, type TestServer } from '../support/server.js';

/** Where to leave pictures of the pages, for whoever wants to look at them. */
const pictures = process.env.EMAIL_PICTURES;
const NEXT = 'copper lantern hums at midnight';

describe.skipIf(!hasBrowser())('another e-mail address', () => {
  let browser: Browser;
  let server: TestServer;

  beforeAll(async () => {
    if (pictures) mkdirSync(pictures, { recursive: true });
    [browser, server] = await Promise.all([
      launchBrowser(),
      startServer({ env: { LATCHKEY_BOT_CHALLENGE: 'off' } }),
    ]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  }, 120_000);

  const heading = (page: Page) => page.locator('h1').innerText();
  const inspect = (page: Page, name: string) =>
    inspectPage(page, name, pictures === undefined ? undefined : (file) => join(pictures, file));

  async function signIn(page: Page, email: string, password: string): Promise<void> {
    await page.goto(`${server.issuer}/account`);
    await page.getByLabel('E-mail address').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.keyboard.press('Enter');
  }

  test.each([true, false])(
    'is proven, told to the old one, and undone from there (scripts: %s)',
    async (javaScriptEnabled) => {
      const mara = await newShopper(server);
      const next = `holloway.${mara.email}`;
      const context = await browser.newContext({ javaScriptEnabled });
      const elsewhere = await browser.newContext({ javaScriptEnabled });
      const complaints: string[] = [];
      try {
        const page = await context.newPage();
        const own = await elsewhere.newPage();
        for (const one of [page, own]) {
          one.setDefaultTimeout(30_000);
          one.on('console', (message) => {
            const refusal = /^Failed to load resource: .* status of (410|422)/.test(message.text());
            if (message.type() === 'error' && !refusal) complaints.push(message.text());
          });
          one.on('pageerror', (error) => complaints.push(error.message));
        }

        await signIn(page, mara.email, mara.password);
        await page.waitForURL('**/account');
        await page
          .getByRole('navigation')
          .getByRole('link', { name: 'E-mail address', exact: true })
          .click();
        expect(await heading(page)).toBe('Change your address');
        if (javaScriptEnabled) await inspect(page, 'email');
        await page.getByLabel('New e-mail address').fill('nowhere');
        await page.keyboard.press('Enter');
        await page.getByText('Enter an address such as').waitFor();
        await awaitFocus(page.getByLabel('New e-mail address', { exact: true }));
        await page.getByLabel('New e-mail address').fill(next);
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { name: 'Confirm your new address' }).waitFor();
        await awaitFocus(page.getByLabel('Six-digit code', { exact: true }));

        const code = await awaitCode(server, next);
        const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, '0');
        await page.keyboard.type(wrong);
        await page.keyboard.press('Enter');
        await page.getByText('That code is not right.').waitFor();
        if (javaScriptEnabled) await inspect(page, 'email-code');
        await page.getByLabel('Six-digit code').fill(code);
        await page.keyboard.press('Enter');
        await page.getByText('Your e-mail address is changed').waitFor();
        expect(page.url()).toBe(`${server.issuer}/account/email`);
        expect(await page.locator('.lead').innerText()).toContain(next);
        // Told once, and reloading sends nothing again.
        await page.reload();
        expect(await page.getByText('Your e-mail address is changed').count()).toBe(0);

        // The new address opens the account, and the old one does not.
        await signIn(own, mara.email, mara.password);
        await own.getByText('The e-mail address or password is not right.').waitFor();
        await signIn(own, next, mara.password);
        await own.waitForURL('**/account');

        const link = await awaitUndo(server, mara.email);
        await own.goto(`${server.issuer}/dev/mailbox`);
        expect(await own.locator('main').innerText()).toContain(
          'The e-mail address of your localhost',
        );
        await own.goto(link);
        expect(await heading(own)).toBe('Take your address back');
        // Neither the address nor the page has the token.
        expect(own.url()).toBe(`${server.issuer}/restore-email/ask`);
        expect(await own.content()).not.toContain(link.split('/').at(-1));
        expect(await own.locator('.lead').innerText()).toContain(mara.email);
        if (javaScriptEnabled) await inspect(own, 'restore');
        const button = own.getByRole('button', { name: 'Take my address back' });
        for (let stops = 0; stops < 5; stops += 1) {
          await own.keyboard.press('Tab');
          if (await button.evaluate((element) => element.ownerDocument.activeElement === element)) {
            break;
          }
        }
        await own.keyboard.press('Enter');
        await own.getByRole('heading', { name: 'Your address is back' }).waitFor();
        if (javaScriptEnabled) await inspect(own, 'restored');
        await own.reload();
        expect(await heading(own)).toBe('Your address is back');

        // Whoever was in has to sign in, and cannot.
        await page.goto(`${server.issuer}/account`);
        expect(await heading(page)).toBe('Sign in to Your account');
        for (const email of [next, mara.email]) {
          await signIn(page, email, mara.password);
          await page.getByText('The e-mail address or password is not right.').waitFor();
        }

        // The letter to the address that is theirs again leads in.
        await own.goto(await awaitLink(server, mara.email));
        expect(await heading(own)).toBe('Choose a new password');
        await own.getByLabel('New password', { exact: true }).fill(NEXT);
        await own.keyboard.press('Enter');
        await own.getByRole('heading', { name: 'Your password is changed' }).waitFor();
        await signIn(own, mara.email, NEXT);
        await own.waitForURL('**/account');
        expect(await own.locator('.lead').innerText()).toContain(mara.email);

        await own.goto(link);
        expect(await heading(own)).toBe('This link no longer works');
        if (javaScriptEnabled) await inspect(own, 'restore-dead');
        expect(complaints).toEqual([]);
      } finally {
        await context.close();
        await elsewhere.close();
      }
    },
    120_000,
  );
});
