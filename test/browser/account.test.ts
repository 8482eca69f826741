/** People on their own account pages: a real server, real pages, a browser. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, launchBrowser } from '../support/chromium.js';
import { inspectPage } from '../support/inspect.js';
import { type Database, newShopper, openDatabase } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { codeOf } from '../support/sign-in.js';

/** Where to leave pictures of the pages, for whoever wants to look at them. */
const pictures = process.env.ACCOUNT_PICTURES;
const NEXT = 'copper lantern hums at midnight';

type Person = { readonly email: string; readonly password: string };

describe.skipIf(!hasBrowser())('the account pages', () => {
  let browser: Browser;
  let server: TestServer;
  let database: Database;

  beforeAll(async () => {
    if (pictures) mkdirSync(pictures, { recursive: true });
    [browser, server] = await Promise.all([launchBrowser(), startServer()]);
    database = await openDatabase(server);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await database?.close();
    await server?.stop();
  }, 120_000);

  async function visit(
    work: (page: Page, complaints: string[]) => Promise<void>,
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
      await work(page, complaints);
    } finally {
      await context.close();
    }
  }

  const heading = (page: Page) => page.locator('h1').innerText();
  const notice = (page: Page) => page.locator('.notice').first().innerText();
  const press = (page: Page, name: string) =>
    page.getByRole('button', { name, exact: true }).click();
  const goTo = (page: Page, name: string) =>
    page.getByRole('navigation').getByRole('link', { name, exact: true }).click();

  async function signIn(page: Page, { email, password }: Person): Promise<void> {
    expect(await heading(page)).toBe('Sign in to Your account');
    await page.getByLabel('E-mail address').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await press(page, 'Continue');
  }
  async function enterCode(page: Page, code: string, remember = false): Promise<void> {
    await page.getByLabel('Six-digit code').fill(code);
    if (remember) await page.getByLabel('Don’t ask for a code on this device').check();
    await press(page, 'Continue');
  }
  async function signOut(page: Page): Promise<void> {
    await press(page, 'Sign out');
    expect(await heading(page)).toBe('Sign out of Your account?');
    await press(page, 'Sign out');
    await page.getByText('You are signed out').first().waitFor();
  }
  /** What the app shows, half a minute after it was last used. */
  async function nextCode(secret: string): Promise<string> {
    await database.query('UPDATE totp_credentials SET last_step = 0');
    return codeOf(secret);
  }
  /** Sets up the app that is on the page; gives its key. */
  async function enrol(page: Page): Promise<string> {
    const secret = (await page.locator('.secret code').innerText()).replace(/\s/g, '');
    await enterCode(page, codeOf(secret));
    await page.locator('.codes').waitFor();
    return secret;
  }
  /** Every width and theme; only where a test is about it, because it takes its time. */
  const inspect = (page: Page, name: string) =>
    inspectPage(page, name, pictures === undefined ? undefined : (file) => join(pictures, file));

  test.each([true, false])(
    'a shopper looks after the whole account (scripts: %s)',
    async (javaScriptEnabled) => {
      const person = await newShopper(server);
      const after = { ...person, password: NEXT };
      await visit(
        async (page, complaints) => {
          await page.goto(`${server.issuer}/account`);
          await signIn(page, person);
          expect(await heading(page)).toBe('Your account');

          await goTo(page, 'Password');
          await page.getByLabel('Current password', { exact: true }).fill('not this one at all');
          await page.getByLabel('New password', { exact: true }).fill(NEXT);
          if (javaScriptEnabled) {
            await page.getByText('Very good length').waitFor();
          } else {
            expect(await page.locator('.strength').isVisible()).toBe(false);
          }
          await press(page, 'Change password');
          await page.getByText('This is not your current password.').waitFor();
          expect(await page.getByLabel('New password', { exact: true }).inputValue()).toBe('');
          await page.getByLabel('Current password', { exact: true }).fill(person.password);
          await page.getByLabel('New password', { exact: true }).fill(NEXT);
          await press(page, 'Change password');
          await page.waitForURL('**/account');
          expect(await notice(page)).toContain('Your password is changed');
          await page.reload();
          expect(await page.locator('.notice').count()).toBe(0);

          await goTo(page, 'Second step');
          await page.getByRole('link', { name: 'Set up an authenticator app' }).click();
          const secret = await enrol(page);
          const codes = await page.locator('.codes code').allInnerTexts();
          const [file] = await Promise.all([
            page.waitForEvent('download'),
            page.getByRole('link', { name: 'Download' }).click(),
          ]);
          expect(file.suggestedFilename()).toBe('recovery-codes.txt');
          expect(codes).toHaveLength(10);
          await page.getByLabel('I have kept these codes').check();
          await press(page, 'Continue');
          expect(await heading(page)).toBe('Second step');
          expect(await page.locator('main').innerText()).toContain('10 left');
          await signOut(page);

          await page.goto(`${server.issuer}/account/devices`);
          await signIn(page, after);
          await enterCode(page, await nextCode(secret), true);
          expect(await heading(page)).toBe('Devices');
          await signOut(page);

          // On this device the password is enough now, until it is told otherwise.
          await page.goto(`${server.issuer}/account/devices`);
          await signIn(page, after);
          expect(await heading(page)).toBe('Devices');
          await page.getByRole('link', { name: /^Ask for a code again/ }).click();
          // To change that takes a code, remembered or not.
          await signIn(page, after);
          await enterCode(page, await nextCode(secret));
          expect(await heading(page)).toMatch(/^Ask for a code on /);
          await press(page, 'Ask for a code again');
          expect(await notice(page)).toContain('asked for a code at its next sign-in');
          await signOut(page);
          await page.goto(`${server.issuer}/account`);
          await signIn(page, after);
          expect(await heading(page)).toBe('Enter your code');
          await enterCode(page, await nextCode(secret));
          expect(await heading(page)).toBe('Your account');
          expect(complaints).toEqual([]);
        },
        { javaScriptEnabled },
      );
    },
    240_000,
  );

  test('a device that is forgotten is a stranger again', async () => {
    const person = await newShopper(server);
    await visit(async (page) => {
      await page.goto(`${server.issuer}/account/devices`);
      await signIn(page, person);
      await page.getByRole('link', { name: /^Forget / }).click();
      expect(await heading(page)).toMatch(/^Forget .*\?$/);
      expect(await page.locator('main').innerText()).toContain('the one you are using');
      await press(page, 'Forget this device');
      expect(await notice(page)).toContain('The device is forgotten');
      expect(await page.locator('.empty').innerText()).toContain('There are none');
    });
  }, 120_000);

  test('everything can be reached and done with the keyboard alone', async () => {
    const person = await newShopper(server);
    await visit(async (page) => {
      const keys = page.keyboard;
      const tabTo = async (name: RegExp | string, role: 'link' | 'button' | 'textbox' = 'link') => {
        const target =
          role === 'textbox'
            ? page.getByLabel(name, { exact: true })
            : page.getByRole(role, { name }).first();
        for (let presses = 0; presses < 40; presses += 1) {
          if (await target.evaluate((one) => one === one.ownerDocument.activeElement)) return;
          await keys.press('Tab');
        }
        throw new Error(`the keyboard does not reach ${name}`);
      };
      await page.goto(`${server.issuer}/account`);
      await signIn(page, person);
      await page.getByRole('heading', { name: /^Your account$/ }).waitFor();
      await page.waitForLoadState();
      await keys.press('Tab');
      expect(await page.locator(':focus').innerText()).toBe('Skip to the content');
      await tabTo(/^Password$/);
      await keys.press('Enter');
      await tabTo('Current password', 'textbox');
      await keys.type(person.password);
      await tabTo('New password', 'textbox');
      await keys.type(NEXT);
      await keys.press('Enter');
      await page.getByText('Your password is changed').waitFor();
    });
  }, 120_000);

  test('no page on the way hinders anybody, at any width, in light and dark', async () => {
    const person = await newShopper(server);
    await visit(async (page, complaints) => {
      await page.goto(`${server.issuer}/account`);
      await signIn(page, person);
      await inspect(page, 'overview');
      await goTo(page, 'Password');
      await page.getByLabel('New password', { exact: true }).fill('aaaaaaaaaaaaaaaa');
      await page.getByText('Easy to guess').waitFor();
      await inspect(page, 'password');
      await page.getByLabel('Current password', { exact: true }).fill(person.password);
      await press(page, 'Change password');
      await page.locator('.field-error').waitFor();
      await inspect(page, 'password-refused');
      await goTo(page, 'Second step');
      await inspect(page, 'second-step-off');
      await page.goto(`${server.issuer}/account/authenticators/app`);
      await inspect(page, 'app');
      await enrol(page);
      await inspect(page, 'codes');
      await page.getByLabel('I have kept these codes').check();
      await press(page, 'Continue');
      await inspect(page, 'second-step-on');
      await goTo(page, 'Devices');
      await inspect(page, 'devices');
      expect(complaints).toEqual([]);
    });
  }, 240_000);
});
