import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveAssets } from '../../src/http/assets.js';
import { brandRoutes } from '../../src/http/brand.js';
import type { RequestState } from '../../src/http/context.js';
import { brandStates, logos } from '../support/brand-states.js';
import { launchBrowser } from '../support/chromium.js';
import { axeComplaints, inEverySetting } from '../support/inspect.js';
import { pageNonce } from '../support/page-states.js';

const policy = `default-src 'none'; script-src 'nonce-${pageNonce}'; style-src 'nonce-${pageNonce}'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`;
const names = Object.keys(brandStates);

// What our rules would refuse, served all the same: the policy has to hold by itself.
const hostile = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8" onload="document.title='ran'">
<script>document.title = 'ran'; fetch('/stolen')</script>
<image href="/stolen" width="8" height="8"/><style>@import "/stolen";</style></svg>`;
const HOSTILE = 'f'.repeat(64);

let browser: Browser;
let server: Server;
let origin: string;
let asked: string[] = [];

beforeAll(async () => {
  const app = new Koa<RequestState>();
  app.use(async (ctx, next) => {
    asked.push(ctx.path);
    await next();
  });
  app.use(serveAssets());
  app.use(async (ctx, next) => {
    const logo = logos[ctx.path.slice('/brand/'.length)];
    if (!ctx.path.startsWith('/brand/') || !logo) return next();
    ctx.type = logo.type;
    ctx.body = logo.body;
  });
  app.use(
    brandRoutes({
      findLogo: async (sha256) =>
        sha256 === HOSTILE ? { type: 'image/svg+xml', bytes: Buffer.from(hostile) } : undefined,
    }).routes(),
  );
  app.use((ctx) => {
    if (ctx.path.startsWith('/brand/')) return;
    ctx.set('Content-Security-Policy', policy);
    ctx.type = 'html';
    ctx.body = brandStates[ctx.path.slice(1)];
  });
  server = createServer(app.callback());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await launchBrowser();
}, 120_000);

afterAll(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
});

/** Runs `work` on a fresh page and fails on anything the browser complained about. */
async function visit(options: BrowserContextOptions, work: (page: Page) => Promise<void>) {
  const context = await browser.newContext(options);
  const complaints: string[] = [];
  try {
    const page = await context.newPage();
    page.on('console', (message) => {
      // A logo that is not there is part of what is tried.
      if (message.type() === 'error' && !message.location().url.endsWith('/brand/missing')) {
        complaints.push(message.text());
      }
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    await work(page);
  } finally {
    await context.close();
  }
  expect(complaints).toEqual([]);
}

test('in no brand, phone or large, light or dark, axe finds anything to complain about', async () => {
  await visit({}, async (page) => {
    const found: string[] = [];
    for (const name of names) {
      await page.goto(`${origin}/${name}`);
      await inEverySetting(page, async ({ colorScheme, width }) => {
        // A brand is colours and a picture; the page itself is looked at elsewhere.
        const what = colorScheme === 'light' ? 'everything' : 'colours';
        for (const complaint of await axeComplaints(page, what)) {
          found.push(`${name}, ${width} px, ${colorScheme}: ${complaint}`);
        }
      });
    }
    expect(found).toEqual([]);
  });
}, 300_000);

test('every brand is in effect under the content policy', async () => {
  await visit({ colorScheme: 'light' }, async (page) => {
    const accents = new Set<string>();
    for (const name of names.filter((one) => one.endsWith('-sign-in-letter'))) {
      await page.goto(`${origin}/${name}`);
      const button = page.locator('.button-primary');
      accents.add(
        await button.evaluate(
          (element) =>
            element.ownerDocument.defaultView?.getComputedStyle(element).backgroundColor ?? '',
        ),
      );
    }
    expect(accents).not.toContain('rgb(15, 95, 83)');
    // Grey and white are the same grey on white, and so are the pinks nearly.
    expect(accents.size).toBeGreaterThanOrEqual(6);
  });
});

test.each([320, 360, 1280])('a logo of any shape stays in its place at %i px', async (width) => {
  await visit({ viewport: { width, height: 800 } }, async (page) => {
    for (const name of names.filter((one) => one.startsWith('logo-'))) {
      await page.goto(`${origin}/${name}`);
      const logo = page.locator('.emblem-logo');
      expect(await logo.getAttribute('alt')).toBe('Alder & Oak');
      const card = await page.locator('main').boundingBox();
      const box = await logo.boundingBox();
      if (!card || !box) throw new Error('nothing is shown');
      expect({ name, height: Math.round(box.height) }).toEqual({ name, height: 48 });
      expect(box.x).toBeGreaterThanOrEqual(card.x);
      expect(box.x + box.width).toBeLessThanOrEqual(card.x + card.width);
      expect(await page.locator('html').evaluate((html) => html.scrollWidth)).toBe(width);
      const heading = await page.getByRole('heading', { level: 1 }).boundingBox();
      expect(heading?.y).toBeGreaterThan(box.y + box.height);
    }
  });
});

test('forced colours win over those of the brand', async () => {
  await visit({ forcedColors: 'active' }, async (page) => {
    await page.goto(`${origin}/pink-on-pink-sign-in-letter`);
    const shown = await page
      .locator('main, .button-primary')
      .evaluateAll((elements) =>
        elements.map(
          (element) => element.ownerDocument.defaultView?.getComputedStyle(element).backgroundColor,
        ),
      );
    expect(shown.join()).not.toMatch(/255, 105, 180|197, 49, 130/);
    await page.goto(`${origin}/oak-sign-in`);
    expect(await page.locator('.emblem-logo').isVisible()).toBe(true);
  });
});

test('a hostile picture runs and loads nothing, not even opened by itself', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  asked = [];
  await page.goto(`${origin}/brand/${HOSTILE}`);
  await page.waitForTimeout(300);
  expect(await page.title()).not.toBe('ran');
  expect(asked.filter((path) => path === '/stolen')).toEqual([]);
  await context.close();
});
