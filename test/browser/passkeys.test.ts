/** Passkeys in a browser with a device of its own: a real server, real pages, real signatures. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, launchBrowser } from '../support/chromium.js';
import { inspectPage } from '../support/inspect.js';
import { authorizeUrl, newShopper, post, redemption } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { soon } from '../support/soon.js';

/** Where to leave pictures of the pages, for whoever wants to look at them. */
const pictures = process.env.PASSKEY_PICTURES;
const PHR = { acr: 'urn:latchkey:acr:phr', amr: ['pop', 'user', 'mfa'] };

type Person = { readonly email: string; readonly password: string };
/** What a browser can do with passkeys: a device inside it, or none of them. */
type Device = { readonly cdp: CDPSession; readonly authenticatorId: string };

describe.skipIf(!hasBrowser())('passkeys in a browser', () => {
  let browser: Browser;
  let server: TestServer;

  beforeAll(async () => {
    if (pictures) mkdirSync(pictures, { recursive: true });
    [browser, server] = await Promise.all([launchBrowser(), startServer()]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  }, 120_000);

  async function visit(
    work: (page: Page, complaints: string[]) => Promise<void>,
    options: { javaScriptEnabled?: boolean } = {},
  ): Promise<void> {
    const context = await browser.newContext(options);
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(30_000);
      const complaints: string[] = [];
      page.on('console', (message) => {
        const refusal = /^Failed to load resource: .* status of (422|429)/.test(message.text());
        if (message.type() === 'error' && !refusal) complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      await work(page, complaints);
    } finally {
      await context.close();
    }
  }

  /** Gives the page's browser a device that opens for its owner's finger. */
  async function giveDevice(page: Page): Promise<Device> {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send('WebAuthn.enable', { enableUI: false });
    const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        // A question that comes while it is off waits, and goes on waiting.
        automaticPresenceSimulation: true,
      },
    });
    return { cdp, authenticatorId };
  }
  const finger = ({ cdp, authenticatorId }: Device, enabled: boolean) =>
    cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled });

  const heading = (page: Page) => page.locator('h1').innerText();
  const press = (page: Page, name: string) =>
    page.getByRole('button', { name, exact: true }).click();
  async function signIn(page: Page, { email, password }: Person): Promise<void> {
    await page.getByLabel('E-mail address').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await press(page, 'Continue');
  }
  async function signOut(page: Page): Promise<void> {
    await press(page, 'Sign out');
    await page.getByRole('heading', { name: /^Sign out/ }).waitFor();
    await press(page, 'Sign out');
    await page.getByText('You are signed out').first().waitFor();
  }
  async function add(page: Page, person: Person, name: string): Promise<void> {
    await page.goto(`${server.issuer}/account/authenticators/passkeys/new`);
    await signIn(page, person);
    await page.getByLabel('Name').fill(name);
    await press(page, 'Create passkey');
    await page.getByText('Your passkey is ready').waitFor();
  }
  /** What the client is told of the log-in behind a code. */
  async function claimsAt(address: string) {
    const code = new URL(address).searchParams.get('code') ?? '';
    const { json } = await post(server, '/oauth2/token', redemption(code, {}));
    return decodeJwt(String(json.id_token));
  }
  /** Opens the log-in page a client sends people to; gives the address they come back to. */
  async function comingBack(page: Page, work: () => Promise<void>): Promise<string> {
    const back = page.waitForRequest((request) => request.url().includes('code='));
    await work();
    return (await back).url();
  }
  const inspect = (page: Page, name: string) =>
    inspectPage(page, name, pictures === undefined ? undefined : (file) => join(pictures, file));

  test('one is added, opens the account by button and by the name field, and is removed', async () => {
    const person = await newShopper(server);
    await visit(async (page, complaints) => {
      const device = await giveDevice(page);
      await finger(device, false);
      // The client's address, where nobody listens, has no credentials at all.
      await page.addInitScript(`if (navigator.credentials) {
        const get = navigator.credentials.get.bind(navigator.credentials);
        navigator.credentials.get = (options) => {
          const answer = get(options);
          globalThis.asksDevice = true;
          return answer;
        };
      }`);
      await page.goto(`${server.issuer}/account/authenticators`);
      await signIn(page, person);
      await page.getByRole('link', { name: 'Add a passkey' }).click();
      expect(await page.getByLabel('Name').inputValue()).toContain('Chrom');
      await page.getByLabel('Name').fill('my laptop');
      await finger(device, true);
      await press(page, 'Create passkey');
      await page.getByText('Your passkey is ready').waitFor();
      expect(await page.locator('.thing').innerText()).toContain('my laptop');
      await finger(device, false);
      await signOut(page);

      // By the button.
      await page.goto(new URL(authorizeUrl({}), server.issuer).href);
      // The offer in the name field waits for a finger by now, and goes on waiting.
      await expect.poll(() => page.evaluate('globalThis.asksDevice'), soon).toBe(true);
      await page.waitForTimeout(500);
      const byButton = await comingBack(page, async () => {
        await finger(device, true);
        await press(page, 'Sign in with a passkey');
      });
      expect(await claimsAt(byButton)).toMatchObject(PHR);
      await finger(device, false);
      await page.context().clearCookies();

      // By the name field: the browser offers it there, and its owner takes it.
      const byField = await comingBack(page, async () => {
        await finger(device, true);
        // It may be left before it is loaded.
        await page.goto(new URL(authorizeUrl({}), server.issuer).href, { waitUntil: 'commit' });
      });
      expect(await claimsAt(byField)).toMatchObject(PHR);

      // Somewhere else, without it, the password opens the account as before.
      await visit(async (other) => {
        await other.goto(`${server.issuer}/account/authenticators`);
        await signIn(other, person);
        await other.getByRole('link', { name: 'Remove my laptop' }).click();
        expect(await heading(other)).toBe('Remove my laptop?');
        await press(other, 'Remove passkey');
        await other.getByText('The passkey is removed').waitFor();
        expect(await other.locator('.thing').count()).toBe(0);
      });

      // What is left on the device opens nothing any more.
      await page.context().clearCookies();
      await page.goto(new URL(authorizeUrl({}), server.issuer).href, { waitUntil: 'commit' });
      await page.getByText('That passkey did not work here').waitFor();
      expect(complaints).toEqual([]);
    });
  }, 120_000);

  test('somebody who calls it off stays on the page and can use the password', async () => {
    const person = await newShopper(server);
    await visit(async (page, complaints) => {
      const device = await giveDevice(page);
      const { cdp, authenticatorId } = device;
      await page.goto(new URL(authorizeUrl({}), server.issuer).href);
      await press(page, 'Sign in with a passkey');
      await page.getByText('No passkey was used').waitFor();
      await cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId });
      const back = await comingBack(page, () => signIn(page, person));
      expect(await claimsAt(back)).toMatchObject({ amr: ['pwd'] });
      expect(complaints).toEqual([]);
    });
  }, 120_000);

  test('without scripts nothing of it is in the way', async () => {
    const person = await newShopper(server);
    await visit(
      async (page) => {
        await page.goto(`${server.issuer}/account/authenticators/passkeys/new`);
        expect(await page.locator('form[data-passkey]').isVisible()).toBe(false);
        await signIn(page, person);
        expect(await heading(page)).toBe('Add a passkey');
        expect(await page.locator('noscript').innerText()).toContain('Passkeys need JavaScript');
        expect(await page.locator('form[data-passkey]').isVisible()).toBe(false);
      },
      { javaScriptEnabled: false },
    );
  }, 120_000);

  test('no page on the way hinders anybody, at any width, in light and dark', async () => {
    const person = await newShopper(server);
    await visit(async (page, complaints) => {
      await giveDevice(page);
      await add(page, person, 'my laptop');
      await inspect(page, 'list');
      await page.getByRole('link', { name: 'Rename my laptop' }).click();
      await inspect(page, 'rename');
      await page.goto(`${server.issuer}/account/authenticators`);
      await page.getByRole('link', { name: 'Remove my laptop' }).click();
      await inspect(page, 'remove');
      await page.goto(`${server.issuer}/account/authenticators/passkeys/new`);
      await press(page, 'Create passkey');
      await page.getByText('This device has a passkey for your account already').waitFor();
      await inspect(page, 'new-known');
      await visit(async (other) => {
        const phr = authorizeUrl({ acr_values: PHR.acr });
        await other.goto(new URL(phr, server.issuer).href);
        await press(other, 'Sign in with a passkey').catch(() => undefined);
        await inspect(other, 'sign-in');
        await signIn(other, person);
        expect(await heading(other)).toBe('Use your passkey');
        await inspect(other, 'step');
      });
      expect(complaints).toEqual([]);
    });
  }, 240_000);
});
