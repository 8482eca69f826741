/** A shopper's whole life with an account, at the demo's shop and in the browser alone. */
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, launchBrowser } from '../support/chromium.js';
import { type Example, startExample } from '../support/examples.js';
import { freePort, startServer, type TestServer } from '../support/server.js';

const EMAIL = 'mara.quill@post.example';
const FIRST = 'copper lantern hums at midnight';
const SECOND = 'seven quiet herons cross the weir';

type Credential = Awaited<ReturnType<typeof credentialsOf>>[number];

async function giveDevice(page: Page): Promise<{ cdp: CDPSession; authenticatorId: string }> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable', { enableUI: false });
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return { cdp, authenticatorId };
}

async function credentialsOf({ cdp, authenticatorId }: Awaited<ReturnType<typeof giveDevice>>) {
  return (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials;
}

describe.skipIf(!hasBrowser())('a shopper’s life with an account', () => {
  let browser: Browser;
  let server: TestServer;
  let api: Example;
  let shop: Example;
  const contexts: BrowserContext[] = [];

  beforeAll(async () => {
    [browser, server] = await Promise.all([launchBrowser(), startServer()]);
    const port = await freePort();
    // The demo's own storefront is registered for port 4000, which somebody may be using.
    const created = await server.cli([
      ...['clients', 'create', 'life', '--name', 'Alder & Oak', '--auth', 'none', '--first-party'],
      ...['--sign-up', '--scope', 'openid profile email'],
      ...['--redirect-uri', `http://localhost:${port}/callback`],
      ...['--allow', 'https://api.demo-shop.example/orders=orders:read'],
    ]);
    expect(created.stderr).toBe('');
    api = await startExample('orders-api', server);
    shop = await startExample('storefront', server, {
      PORT: `${port}`,
      CLIENT_ID: 'life',
      SCOPE: 'openid profile email orders:read',
      ORDERS_API: api.origin,
    });
  }, 120_000);
  afterAll(async () => {
    await Promise.all(contexts.map((context) => context.close()));
    await Promise.all([shop?.stop(), api?.stop()]);
    await browser?.close();
    await server?.stop();
  }, 120_000);

  const complaints: string[] = [];

  /** A browser on a device of its own. */
  async function newDevice(): Promise<Page> {
    const context = await browser.newContext();
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    page.on('console', (message) => {
      const refusal = /^Failed to load resource: .* status of (401|410|422)/.test(message.text());
      if (message.type() === 'error' && !refusal) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    return page;
  }
  const heading = (page: Page) => page.locator('h1').innerText();
  const press = (page: Page, name: string) =>
    page.getByRole('button', { name, exact: true }).click();
  const follow = (page: Page, name: string) => page.getByRole('link', { name }).first().click();
  const arrive = (page: Page, name: string) => page.getByRole('heading', { name }).waitFor();

  /** What stands in the newest letter of that subject, read where a developer reads it. */
  async function readLetter(page: Page, subject: string): Promise<string> {
    const mailbox = await page.context().newPage();
    try {
      for (let tries = 0; tries < 50; tries += 1) {
        await mailbox.goto(`${server.issuer}/dev/mailbox`);
        const letter = mailbox.locator('article, li, details').filter({ hasText: subject }).first();
        if ((await letter.count()) > 0) return (await letter.textContent()) ?? '';
        await mailbox.waitForTimeout(200);
      }
      throw new Error(`no letter "${subject}"`);
    } finally {
      await mailbox.close();
    }
  }

  test('registers, adds a passkey, uses it elsewhere, ends the first session, resets the password, closes the account', async () => {
    // From the shop to an account, through the letter with the code.
    const first = await newDevice();
    const key = await giveDevice(first);
    await first.goto(`${shop.origin}/`);
    await follow(first, 'Sign in');
    await follow(first, 'New here? Create an account');
    await first.getByLabel('Name (optional)').fill('Mara Quill');
    await first.getByLabel('E-mail address').fill(EMAIL);
    await press(first, 'Continue');
    await arrive(first, 'Look into your mailbox');
    const invitation = await readLetter(first, 'Confirm your e-mail address');
    const [code = ''] = invitation.match(/\b\d{3} ?\d{3}\b/) ?? [];
    await first.getByLabel('Six-digit code').fill(code);
    await press(first, 'Continue');
    await arrive(first, 'Choose a password');
    await first.getByLabel('Password', { exact: true }).fill(FIRST);
    await press(first, 'Create account');
    await first.waitForURL(`${shop.origin}/**`);
    expect(await heading(first)).toBe('Hello, Mara Quill');

    // A passkey, which their devices share.
    await first.goto(`${server.issuer}/account/authenticators`);
    await follow(first, 'Add a passkey');
    await first.getByLabel('Name').fill('my phone');
    await press(first, 'Create passkey');
    await first.getByText('Your passkey is ready').waitFor();
    const [credential] = (await credentialsOf(key)) as [Credential];
    expect(credential).toBeDefined();

    // The second device opens the shop with it, without name or password.
    const second = await newDevice();
    const copy = await giveDevice(second);
    await copy.cdp.send('WebAuthn.addCredential', {
      authenticatorId: copy.authenticatorId,
      credential: { ...credential, signCount: credential.signCount + 1 },
    });
    await second.goto(`${shop.origin}/`);
    // The field for the name offers it, and its owner's finger is there already.
    await follow(second, 'Sign in');
    await arrive(second, 'Hello, Mara Quill');

    // From there the first session is ended, and is dead at its next request: here and in the shop.
    await second.goto(`${server.issuer}/account/sessions`);
    expect(await second.locator('.thing').count()).toBe(2);
    await second
      .locator('.thing')
      .filter({ hasNotText: 'This one' })
      .getByRole('button', { name: /^Sign out/ })
      .click();
    await second.getByText('That browser is signed out.').waitFor();
    await first.goto(`${shop.origin}/`);
    expect(await first.locator('.notice').innerText()).toBe(
      'You have been signed out. Please sign in again.',
    );
    await key.cdp.send('WebAuthn.removeVirtualAuthenticator', {
      authenticatorId: key.authenticatorId,
    });
    await first.goto(`${server.issuer}/account`);
    expect(await heading(first)).toContain('Sign in');

    // The password is forgotten, and replaced through a letter; that ends the second session too.
    await follow(first, 'Forgot your password?');
    await first.getByLabel('E-mail address').fill(EMAIL);
    await first.keyboard.press('Enter');
    await arrive(first, 'Look into your mailbox');
    const letter = await readLetter(first, 'Choose a new password');
    const [link = ''] = letter.match(/http\S+?\/recovery\/[\w-]{43}/) ?? [];
    await first.goto(link);
    await first.getByLabel('New password', { exact: true }).fill(SECOND);
    await first.keyboard.press('Enter');
    await arrive(first, 'Your password is changed');
    await second.goto(`${shop.origin}/`);
    expect(await second.locator('.notice').innerText()).toBe(
      'You have been signed out. Please sign in again.',
    );

    // With the new password the account is opened once more, and closed for good.
    await first.goto(`${server.issuer}/account/close`);
    await first.getByLabel('E-mail address').fill(EMAIL);
    await first.getByLabel('Password', { exact: true }).fill(SECOND);
    await press(first, 'Continue');
    await arrive(first, 'Close your account?');
    await first.getByLabel('To confirm, type your e-mail address').fill(EMAIL);
    await press(first, 'Close account for good');
    await arrive(first, 'Your account is closed');
    await readLetter(first, 'account is closed');

    // Nothing opens it any more: not the new password, not the passkey.
    await first.goto(`${server.issuer}/account`);
    await first.getByLabel('E-mail address').fill(EMAIL);
    await first.getByLabel('Password', { exact: true }).fill(SECOND);
    await press(first, 'Continue');
    await first.getByText('The e-mail address or password is not right.').waitFor();
    await second.goto(`${server.issuer}/account`, { waitUntil: 'commit' });
    await second.getByText('That passkey did not work here').waitFor();
    expect(complaints).toEqual([]);
  }, 180_000);
});
