/** Somebody says who they are, looks at what happened, and leaves: a real server and a browser. */
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, launchBrowser } from '../support/chromium.js';
import { inspectPage } from '../support/inspect.js';
import { newShopper } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';

describe.skipIf(!hasBrowser())('one’s own account', () => {
  let browser: Browser;
  let server: TestServer;

  beforeAll(async () => {
    [browser, server] = await Promise.all([launchBrowser(), startServer()]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  }, 120_000);

  const heading = (page: Page) => page.locator('h1').innerText();
  const press = (page: Page, name: string) =>
    page.getByRole('button', { name, exact: true }).click();
  const goTo = (page: Page, name: string) =>
    page.getByRole('navigation').getByRole('link', { name, exact: true }).click();

  async function signIn(page: Page, person: { email: string; password: string }) {
    await page.getByLabel('E-mail address').fill(person.email);
    await page.getByLabel('Password', { exact: true }).fill(person.password);
    await press(page, 'Continue');
  }

  test.each([true, false])(
    'is looked after and left, with scripts: %s',
    async (scripts) => {
      const mara = await newShopper(server);
      const context = await browser.newContext({ javaScriptEnabled: scripts, locale: 'en-GB' });
      const page = await context.newPage();
      page.setDefaultTimeout(30_000);
      // Looking at a page takes scripts.
      const inspect = async (name: string) => {
        if (scripts) await inspectPage(page, name);
      };
      await page.goto(`${server.issuer}/account/profile`);
      await signIn(page, mara);
      expect(await heading(page)).toBe('Your profile');
      await page.getByLabel('Given name').fill('Mara\u202e');
      await page.getByLabel('Name', { exact: true }).fill('x'.repeat(101));
      await press(page, 'Save profile');
      // The summary takes the focus, and leads to the field.
      await page.getByRole('alert').getByRole('link', { name: 'Given name' }).click();
      await inspect('profile-wrong');
      expect(await page.getByLabel('Name', { exact: true }).inputValue()).toHaveLength(101);
      await page.getByLabel('Given name').fill('Mara');
      await page.getByLabel('Name', { exact: true }).fill('Mara Quist');
      await page.getByLabel('Language').selectOption('de');
      await press(page, 'Save profile');
      expect(await page.locator('.notice').innerText()).toBe('Ihr Profil ist gespeichert.');
      await inspect('profile-de');
      await page.getByLabel('Sprache').selectOption('en');
      await press(page, 'Profil speichern');

      await page.getByRole('link', { name: 'Add phone number' }).click();
      await page.getByLabel('Phone number').fill('01632 960961');
      await press(page, 'Save phone number');
      await inspect('phone-wrong');
      await page.getByLabel('Phone number').fill('+44 1632 960961');
      await press(page, 'Save phone number');
      expect(await page.locator('dd').first().innerText()).toContain('+441632960961');

      await goTo(page, 'Activity');
      expect(await page.locator('.log h2').first().innerText()).toBe('You changed your profile');
      await inspect('activity');

      await goTo(page, 'Profile');
      await page.getByRole('link', { name: 'Download your data' }).click();
      const download = page.waitForEvent('download');
      await press(page, 'Download file');
      const file = await download;
      expect(file.suggestedFilename()).toBe('my-account.json');
      const data = JSON.parse(readFileSync(await file.path(), 'utf8'));
      expect(data.account.profile).toMatchObject({ name: 'Mara Quist', phone: '+441632960961' });

      await goTo(page, 'Profile');
      await page.getByRole('link', { name: 'Close account' }).click();
      await page.getByLabel('To confirm, type your e-mail address').fill('nobody@fernhill.example');
      await press(page, 'Close account for good');
      await page.getByText('This is not the e-mail address').waitFor();
      await inspect('close-wrong');
      await page.getByLabel('To confirm, type your e-mail address').fill(mara.email);
      await press(page, 'Close account for good');
      await page.waitForURL('**/account/closed');
      expect(await heading(page)).toBe('Your account is closed');
      await inspect('farewell');
      await page.goto(`${server.issuer}/account`);
      await signIn(page, mara);
      await page.getByText('The e-mail address or password is not right.').waitFor();
      await context.close();
    },
    120_000,
  );
});
