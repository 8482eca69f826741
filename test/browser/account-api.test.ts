/** A shop's own account page in a real browser: another origin, nothing but `fetch` and a token. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACCOUNT, ALL } from '../support/account-api.js';
import { hasBrowser, launchBrowser } from '../support/chromium.js';
import { authorizeUrl, command, newShopper, PROOF, register } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';

type Shop = { readonly origin: string; readonly server: Server };

/** A site that is nothing but an empty page at every address. */
async function openShop(): Promise<Shop> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>Shop</title>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { origin: `http://localhost:${port}`, server };
}

describe.skipIf(!hasBrowser())('account pages of a shop’s own', () => {
  let browser: Browser;
  let server: TestServer;
  let shop: Shop;
  let stranger: Shop;

  beforeAll(async () => {
    [browser, server, shop, stranger] = await Promise.all([
      launchBrowser(),
      startServer({ env: { LATCHKEY_BOT_CHALLENGE: 'off' } }),
      openShop(),
      openShop(),
    ]);
    await register(server, 'spa', [
      ...['--auth', 'none', '--first-party', '--scope', 'openid email profile'],
      ...['--redirect-uri', `${shop.origin}/callback`, '--web-origin', shop.origin],
    ]);
    await command(server, 'clients', 'grant', 'spa', ACCOUNT, 'account:read', 'account:write');
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    for (const site of [shop, stranger]) site?.server.close();
  }, 120_000);

  /** What a script on the page gets to see of an answer; nothing, if the browser keeps it. */
  const ask = (page: Page, token: string, method: string, path: string, body?: unknown) =>
    page.evaluate(
      async ([url, bearer, verb, text]) => {
        try {
          const response = await fetch(url, {
            method: verb,
            headers: {
              authorization: `Bearer ${bearer}`,
              ...(text === undefined ? {} : { 'content-type': 'application/json' }),
            },
            ...(text === undefined ? {} : { body: text }),
          });
          return {
            status: response.status,
            challenge: response.headers.get('www-authenticate'),
            json: (await response.json().catch(() => ({}))) as Record<string, unknown>,
          };
        } catch {
          return 'kept from the page';
        }
      },
      [
        `${server.issuer}/account/api/v1${path}`,
        token,
        method,
        body === undefined ? undefined : JSON.stringify(body),
      ] as const,
    );

  test('sign somebody in, read and change the account, and read what went wrong', async () => {
    const person = await newShopper(server);
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(30_000);
      const redirect_uri = `${shop.origin}/callback`;
      const asks = { client_id: 'spa', redirect_uri, scope: ALL, resource: ACCOUNT };
      await page.goto(server.issuer + authorizeUrl(asks));
      await page.fill('[name=login]', person.email);
      await page.fill('[name=password]', person.password);
      await page.click('.login-submit');
      await page.waitForURL(`${shop.origin}/callback**`);
      const token = await page.evaluate(
        async ([url, fields]) => {
          const response = await fetch(url, { method: 'POST', body: new URLSearchParams(fields) });
          return String(((await response.json()) as { access_token: unknown }).access_token);
        },
        [
          `${server.issuer}/oauth2/token`,
          {
            grant_type: 'authorization_code',
            client_id: 'spa',
            redirect_uri,
            resource: ACCOUNT,
            code: new URL(page.url()).searchParams.get('code') ?? '',
            code_verifier: PROOF.verifier,
          },
        ] as const,
      );

      expect(await ask(page, token, 'GET', '/me')).toMatchObject({
        status: 200,
        json: { email: person.email },
      });
      const devices = await ask(page, token, 'GET', '/devices');
      expect(devices).toMatchObject({
        json: { devices: [{ label: expect.stringContaining('Chrome') }] },
      });
      expect(await ask(page, token, 'DELETE', '/devices')).toMatchObject({ status: 204 });
      const wrong = {
        currentPassword: 'not this one',
        newPassword: 'copper lantern hums at night',
      };
      expect(await ask(page, token, 'POST', '/password', wrong)).toMatchObject({
        status: 422,
        json: { errors: [{ pointer: '/currentPassword', code: 'wrong' }] },
      });
      expect(await ask(page, 'made-up', 'GET', '/me')).toMatchObject({
        status: 401,
        challenge: 'Bearer error="invalid_token"',
      });

      // Another site, in the same browser, with the same token: the browser asks, and is told no.
      await page.goto(`${stranger.origin}/`);
      for (const [method, path] of [
        ['GET', '/me'],
        ['DELETE', '/sessions/others'],
      ] as const) {
        expect(await ask(page, token, method, path)).toBe('kept from the page');
      }
      // Nor does a frame without an origin get anywhere.
      await page.setContent('<iframe sandbox="allow-scripts" srcdoc="<p>"></iframe>');
      const frame = page.frames().at(-1);
      const seen = await frame?.evaluate(
        ([url, bearer]) =>
          fetch(url, { headers: { authorization: `Bearer ${bearer}` } }).then(
            () => 'read',
            () => 'kept',
          ),
        [`${server.issuer}/account/api/v1/me`, token] as const,
      );
      expect([frame === page.mainFrame(), seen]).toEqual([false, 'kept']);
    } finally {
      await context.close();
    }
  }, 120_000);
});
