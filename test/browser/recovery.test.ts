/** A forgotten password from the log-in page to the log-in, through the mailbox, in a browser. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { awaitFocus, passCheck } from '../support/browser-steps.js';
import { hasBrowser, launchBrowser } from '../support/chromium.js';
import { inspectPage } from '../support/inspect.js';
import { newShopper } from '../support/protocol.js';
import { awaitLink } from '../support/recovery.js';
import { startServer, type TestServer } from '../support/server.js';

/** Where to leave pictures of the pages, for whoever wants to look at them. */
const pictures = process.env.RECOVERY_PICTURES;
const NEXT = 'copper lantern hums at midnight';

describe.skipIf(!hasBrowser())('a forgotten password', () => {
  let browser: Browser;
  let server: TestServer;

  beforeAll(async () => {
    if (pictures) mkdirSync(pictures, { recursive: true });
    [browser, server] = await Promise.all([
      launchBrowser(),
      // Always asked for the check against robots, so that it is part of the way.
      startServer({ env: { LATCHKEY_BOT_CHALLENGE: 'always' } }),
    ]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  }, 120_000);

  const heading = (page: Page) => page.locator('h1').innerText();
  const press = (page: Page, name: string) =>
    page.getByRole('button', { name, exact: true }).click();
  const inspect = (page: Page, name: string) =>
    inspectPage(page, name, pictures === undefined ? undefined : (file) => join(pictures, file));

  test.each([true, false])(
    'is a matter of a letter (scripts: %s)',
    async (javaScriptEnabled) => {
      const person = await newShopper(server);
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

        await page.goto(`${server.issuer}/account`);
        await page.getByRole('link', { name: 'Forgot your password?' }).click();
        expect(await heading(page)).toBe('Forgot your password?');
        if (javaScriptEnabled) await passCheck(page, true);
        if (javaScriptEnabled) await inspect(page, 'ask');
        await page.getByLabel('E-mail address').fill(person.email);
        await passCheck(page, javaScriptEnabled);
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { name: 'Look into your mailbox' }).waitFor();
        if (javaScriptEnabled) await inspect(page, 'sent');

        const link = await awaitLink(server, person.email);
        const mailbox = await context.newPage();
        await mailbox.goto(`${server.issuer}/dev/mailbox`);
        expect(await mailbox.locator('main').innerText()).toContain(
          'Choose a new password for your localhost',
        );

        await page.goto(link);
        expect(await heading(page)).toBe('Choose a new password');
        // Neither the address nor the history has the token.
        expect(page.url()).toBe(`${server.issuer}/recovery/new-password`);
        expect(await page.content()).not.toContain(link.split('/').at(-1));
        await awaitFocus(page.getByLabel('New password', { exact: true }));
        if (javaScriptEnabled) await inspect(page, 'new-password');
        await page.getByLabel('New password', { exact: true }).fill(person.password);
        await press(page, 'Save the new password');
        await page.getByText('You have used this password here before.').waitFor();
        if (javaScriptEnabled) await inspect(page, 'refused');

        const field = page.getByLabel('New password', { exact: true });
        await field.fill(NEXT);
        if (javaScriptEnabled) {
          await page.getByText('Very good length').waitFor();
          await page.keyboard.press('Tab');
          await page.keyboard.press('Enter');
          expect(await field.getAttribute('type')).toBe('text');
          await page.keyboard.press('Tab');
          await page.keyboard.press('Enter');
        } else {
          await field.press('Enter');
        }
        await page.getByRole('heading', { name: 'Your password is changed' }).waitFor();
        if (javaScriptEnabled) await inspect(page, 'done');
        // Reloading sends nothing again.
        await page.reload();
        expect(await heading(page)).toBe('Your password is changed');

        await page.getByRole('link', { name: 'Sign in', exact: true }).click();
        await page.getByLabel('E-mail address').fill(person.email);
        await page.getByLabel('Password', { exact: true }).fill(NEXT);
        await passCheck(page, javaScriptEnabled);
        await press(page, 'Continue');
        await page.waitForURL('**/account');
        expect(await heading(page)).toBe('Your account');

        await page.goto(link);
        expect(await heading(page)).toBe('This link no longer works');
        if (javaScriptEnabled) await inspect(page, 'dead');
        await page.getByRole('link', { name: 'Ask for a new letter' }).click();
        expect(await heading(page)).toBe('Forgot your password?');
        expect(complaints).toEqual([]);
      } finally {
        await context.close();
      }
    },
    180_000,
  );
});
