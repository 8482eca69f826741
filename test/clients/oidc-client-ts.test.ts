/** oidc-client-ts in a real browser, with the module of docs/clients.md: a shop of one page. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { hasBrowser, launchBrowser } from '../support/chromium.js';
import { type Operator, openOperator } from '../support/operator.js';
import { startServer, type TestServer } from '../support/server.js';
import { openSinglePageShop, type SinglePageShop } from '../support/spa.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

type Tokens = { access: string; refresh: string; email: string };

describe.skipIf(!hasBrowser())('a single-page shop', () => {
  let browser: Browser;
  let server: TestServer;
  let operator: Operator;
  let spa: SinglePageShop;
  let sameSite: string;
  let otherSite: string;
  const contexts: BrowserContext[] = [];

  beforeAll(async () => {
    [browser, server] = await Promise.all([launchBrowser(), startServer()]);
    operator = openOperator(server);
    spa = await openSinglePageShop(() => server.issuer);
    // The issuer is at localhost: a site that an address in numbers does not belong to.
    sameSite = `http://localhost:${spa.port}`;
    otherSite = `http://127.0.0.1:${spa.port}`;
    await operator.register('spa', [
      ...['--auth', 'none', '--first-party', '--scope', 'openid email offline_access'],
      ...[sameSite, otherSite].flatMap((origin) => [
        ...['--redirect-uri', `${origin}/callback`, '--web-origin', origin],
        ...['--post-logout-redirect-uri', `${origin}/`],
      ]),
    ]);
  });
  afterAll(async () => {
    await Promise.all(contexts.map((context) => context.close()));
    await browser?.close();
    await spa?.close();
    await operator?.close();
    await server?.stop();
  });

  /**
   * Calls the library in the page and tells what it holds then. As text, because the test's own
   * compiler would put its own loader in the place of the page's `import`.
   */
  const tokensAfter = (page: Page, call?: string): Promise<Tokens | { error: string } | null> =>
    page.evaluate(`(async () => {
      const { shopper } = await import('/shop.js');
      try {
        ${call ? `await shopper.${call};` : ''}
      } catch (error) {
        return { error: error.error ?? String(error) };
      }
      const user = await shopper.getUser();
      const { access_token: access, refresh_token: refresh, profile } = user ?? {};
      return user && { access, refresh, email: profile.email };
    })()`);
  const REFRESH = 'signinSilent()';
  const FRAME = 'signinSilent({ forceIframeAuth: true })';

  /** The page is left on the way, and the promise with it. */
  const start = (page: Page, way: 'signinRedirect' | 'signoutRedirect') =>
    page.evaluate(`void import('/shop.js').then(({ shopper }) => shopper.${way}())`);

  const isLive = async (token: string) =>
    (
      await fetch(`${server.issuer}/oauth2/userinfo`, {
        headers: { authorization: `Bearer ${token}` },
      })
    ).status === 200;

  async function signIn(origin: string): Promise<{ page: Page; tokens: Tokens }> {
    const context = await browser.newContext();
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    await page.goto(`${origin}/`);
    await start(page, 'signinRedirect');
    await page.waitForURL(`${server.issuer}/**`);
    const { email = '', password = '' } = server.demo.users.shopper ?? {};
    await page.locator('input[name="login"]').fill(email);
    await page.locator('input[name="password"]').fill(password);
    await page.getByRole('button', { name: 'Continue', exact: true }).click();
    // Its own module has taken the code away from the address when it is through.
    await page.waitForURL(`${origin}/`);
    return { page, tokens: (await tokensAfter(page)) as Tokens };
  }

  test('signs in by redirect, renews silently in both ways, and signs out', async () => {
    const { page, tokens: first } = await signIn(sameSite);
    expect(first.email).toBe(server.demo.users.shopper?.email);
    expect(await isLive(first.access)).toBe(true);

    const renewed = (await tokensAfter(page, REFRESH)) as Tokens;
    expect(renewed.access).not.toBe(first.access);
    expect(renewed.refresh).not.toBe(first.refresh);
    expect(await isLive(renewed.access)).toBe(true);

    const framed = (await tokensAfter(page, FRAME)) as Tokens;
    expect(framed).toMatchObject({ email: first.email });
    expect(framed.access).not.toBe(renewed.access);
    expect(page.url()).toBe(`${sameSite}/`);

    await start(page, 'signoutRedirect');
    await page.waitForURL(`${server.issuer}/oauth2/logout**`);
    // The library has taken its tokens back before it left.
    expect(await isLive(framed.access)).toBe(false);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL((url) => url.origin === sameSite);
    expect(new URL(page.url()).pathname).toBe('/');
    expect(await tokensAfter(page)).toBeNull();
    expect(await tokensAfter(page, FRAME)).toEqual({ error: 'login_required' });
  });

  test('on another site it renews with the refresh token, and a frame knows nobody', async () => {
    const { page, tokens: first } = await signIn(otherSite);
    const renewed = (await tokensAfter(page, REFRESH)) as Tokens;
    expect(await isLive(renewed.access)).toBe(true);
    expect(renewed.access).not.toBe(first.access);
    expect(await tokensAfter(page, FRAME)).toEqual({ error: 'login_required' });
  });

  test('an origin that is not registered gets no tokens out of a code', async () => {
    const context = await browser.newContext();
    contexts.push(context);
    const page = await context.newPage();
    const stranger = await openSinglePageShop(() => server.issuer);
    await page.goto(`http://localhost:${stranger.port}/`);
    const outcome = await page.evaluate(
      (url) =>
        fetch(url, {
          method: 'POST',
          body: new URLSearchParams({ client_id: 'spa', grant_type: 'authorization_code' }),
        }).then(
          () => 'read',
          () => 'unreadable',
        ),
      `${server.issuer}/oauth2/token`,
    );
    await stranger.close();
    expect(outcome).toBe('unreadable');
  });
});
