/** Every page in a real browser, under the content policy it is served with. */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { AxeResults } from 'axe-core';
import Koa from 'koa';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { serveAssets } from '../../src/http/assets.js';
import { launchBrowser } from '../support/chromium.js';
import { pageStates } from '../support/page-states.js';

const policy =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const axeSource = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
);
const names = Object.keys(pageStates);

let browser: Browser;
let server: Server;
let origin: string;
let posts: { path: string; fields: Record<string, string> }[] = [];

beforeAll(async () => {
  const app = new Koa();
  app.use(serveAssets());
  app.use(async (ctx) => {
    ctx.set('Content-Security-Policy', policy);
    ctx.type = 'html';
    if (ctx.method === 'POST') {
      let body = '';
      for await (const chunk of ctx.req) body += chunk;
      posts.push({ path: ctx.path, fields: Object.fromEntries(new URLSearchParams(body)) });
      ctx.body = '<!doctype html><html lang="en"><title>Received</title><h1>Received</h1>';
      return;
    }
    ctx.body = pageStates[ctx.path.slice(1)];
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

beforeEach(() => {
  posts = [];
});

/** Runs `work` on a fresh page and fails on anything the browser complained about. */
async function visit(options: BrowserContextOptions, work: (page: Page) => Promise<void>) {
  const context = await browser.newContext(options);
  const complaints: string[] = [];
  try {
    const page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    await work(page);
  } finally {
    await context.close();
  }
  expect(complaints).toEqual([]);
}

/** Opens a page; the onward form is held back, because it would leave before we looked. */
async function open(page: Page, name: string) {
  await page.goto(`${origin}/${name}`);
  if (name !== 'continue') return;
  await page.route(/\.js$/, (route) => route.fulfill({ contentType: 'text/javascript', body: '' }));
  await page.goto(`${origin}/${name}`);
  await page.unroute(/\.js$/);
}

const settings = (['light', 'dark'] as const).flatMap((colorScheme) =>
  [360, 1280].map((width) => ({ colorScheme, width })),
);

describe.each(settings)('at $width px, $colorScheme', ({ colorScheme, width }) => {
  test('axe finds nothing to complain about on any page', async () => {
    await visit({ colorScheme, viewport: { width, height: 800 } }, async (page) => {
      const found: string[] = [];
      for (const name of names) {
        await open(page, name);
        await page.evaluate(axeSource);
        const { violations, passes } = await page.evaluate(() =>
          (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
        );
        expect(passes.length).toBeGreaterThan(10);
        for (const { id, nodes } of violations) {
          found.push(`${name}: ${id}: ${nodes.map((node) => node.html).join(' | ')}`);
        }
      }
      expect(found).toEqual([]);
    });
  }, 120_000);
});

describe('on a small screen, or on a large one at 400 %', () => {
  test.each(['ltr', 'rtl'])(
    'nothing scrolls sideways and nothing is too small to hit (%s)',
    async (dir) => {
      await visit({ viewport: { width: 320, height: 256 } }, async (page) => {
        for (const name of names) {
          await open(page, name);
          const root = page.locator('html');
          await root.evaluate((html, value) => {
            html.dir = value;
          }, dir);
          const measured = await root.evaluate((html) => ({
            width: html.scrollWidth,
            // Everything visible stays inside the page, also where overflow would be hidden.
            outside: [...html.querySelectorAll('main *')].filter((element) => {
              const box = element.getBoundingClientRect();
              return box.width > 1 && (box.left < 0 || box.right > html.clientWidth);
            }).length,
            small: [...html.querySelectorAll('button, input, a.button')]
              .map((element) => element.getBoundingClientRect().height)
              .filter((height) => height > 0 && height < 44),
          }));
          expect({ name, ...measured }).toEqual({ name, width: 320, outside: 0, small: [] });
        }
      });
    },
  );
});

describe('with the keyboard alone', () => {
  const focused = (page: Page) =>
    page.locator(':focus').evaluate((element) => {
      const style = element.ownerDocument.defaultView?.getComputedStyle(element);
      return {
        what: String(element.getAttribute('name') ?? element.textContent?.trim()),
        ring: style?.outlineStyle === 'solid' ? Number.parseFloat(style.outlineWidth) : 0,
      };
    });

  test('a person signs in', async () => {
    await visit({}, async (page) => {
      await page.goto(`${origin}/sign-in`);
      const walk = [await focused(page)];
      await page.keyboard.type('mara@fernhill.example');
      for (let step = 0; step < 4; step += 1) {
        await page.keyboard.press('Tab');
        walk.push(await focused(page));
        if (step === 0) await page.keyboard.type('correct horse');
      }
      expect(walk.map(({ what }) => what)).toEqual([
        'login',
        'password',
        'Show',
        'Continue',
        'Cancel and go back to Alder & Oak',
      ]);
      for (const { ring } of walk) expect(ring).toBeGreaterThanOrEqual(2);
      await page.keyboard.press('Shift+Tab');
      await page.keyboard.press('Enter');
      await page.waitForSelector('text=Received');
      expect(posts).toEqual([
        {
          path: '/signin/7f3c',
          fields: { csrf: 'k2Jx0Yw1', login: 'mara@fernhill.example', password: 'correct horse' },
        },
      ]);
    });
  });

  test('Enter in the password field signs in, and the field with the mistake is ready', async () => {
    await visit({}, async (page) => {
      await page.goto(`${origin}/sign-in-rejected`);
      expect((await focused(page)).what).toBe('password');
      await page.keyboard.type('secret');
      await page.keyboard.press('Enter');
      await page.waitForSelector('text=Received');
      expect(posts[0]?.path).toBe('/signin/7f3c');
      expect(posts[0]?.fields.login).toBe('mara@fernhill.example');
    });
  });

  test('a person allows, and another one does not', async () => {
    await visit({}, async (page) => {
      for (const label of ['Allow', 'Don’t allow']) {
        await page.goto(`${origin}/consent`);
        for (let what = '', step = 0; step < 10 && what !== label; step += 1) {
          await page.keyboard.press('Tab');
          what = (await focused(page)).what;
        }
        await page.keyboard.press('Enter');
        await page.waitForSelector('text=Received');
      }
      expect(posts.map(({ path }) => path)).toEqual([
        '/signin/7f3c/consent',
        '/signin/7f3c/cancel',
      ]);
    });
  });
});

describe('without any script', () => {
  test('people sign in, cancel, sign out, stay and go on', async () => {
    await visit({ javaScriptEnabled: false }, async (page) => {
      const press = async (name: string, label: string) => {
        await page.goto(`${origin}/${name}`);
        if (name === 'sign-in') {
          await page.fill('#login', 'mara@fernhill.example');
          await page.fill('#password', 'secret');
          expect(await page.locator('.reveal-button').isVisible()).toBe(false);
        }
        await page.getByRole('button', { name: label, exact: true }).click();
        await page.getByText('Received').first().waitFor();
        return posts.at(-1);
      };
      expect(await press('sign-in', 'Continue')).toEqual({
        path: '/signin/7f3c',
        fields: { csrf: 'k2Jx0Yw1', login: 'mara@fernhill.example', password: 'secret' },
      });
      expect(await press('sign-in-rejected', 'Cancel and go back to Alder & Oak')).toEqual({
        path: '/signin/7f3c/cancel',
        fields: { csrf: 'k2Jx0Yw1' },
      });
      expect((await press('sign-out', 'Sign out'))?.fields).toEqual({ xsrf: 'p9', logout: 'yes' });
      expect((await press('sign-out', 'Stay signed in'))?.fields).toEqual({ xsrf: 'p9' });
      expect((await press('continue', 'Continue'))?.fields.code).toBe('c0de');
    });
  });

  test('the demo log-ins can still be read', async () => {
    await visit({ javaScriptEnabled: false }, async (page) => {
      await page.goto(`${origin}/home-development`);
      expect(await page.getByText('mQ4v-tK9x-w2Lp').isVisible()).toBe(true);
      expect(await page.locator('.copy').first().isVisible()).toBe(false);
    });
  });
});

describe('with the script', () => {
  test('a password can be shown, and is hidden again before it leaves', async () => {
    await visit({}, async (page) => {
      await page.goto(`${origin}/sign-in`);
      await page.fill('#login', 'a@b.example');
      await page.fill('#password', 'secret');
      await page.getByRole('button', { name: 'Show password' }).click();
      expect(await page.getAttribute('#password', 'type')).toBe('text');
      expect(await page.getByRole('status').textContent()).toBe('Your password is visible');
      await page.locator('form.stack').evaluate((form) => {
        form.addEventListener('submit', (event: { preventDefault(): void }) =>
          event.preventDefault(),
        );
      });
      await page.getByRole('button', { name: 'Continue' }).click();
      expect(await page.getAttribute('#password', 'type')).toBe('password');
      expect(await page.inputValue('#password')).toBe('secret');
    });
  });

  test('pressing Continue twice sends one form', async () => {
    await visit({}, async (page) => {
      await page.goto(`${origin}/sign-in`);
      await page.fill('#login', 'a@b.example');
      await page.fill('#password', 'secret');
      await page.locator('.login-submit').evaluate((button) => {
        button.click();
        button.click();
      });
      await page.waitForSelector('text=Received');
      expect(posts).toHaveLength(1);
    });
  });

  test('the onward form goes by itself, whatever its fields are called', async () => {
    await visit({}, async (page) => {
      await page.goto(`${origin}/continue`);
      await page.waitForSelector('text=Received');
      expect(posts).toEqual([
        {
          path: '/callback',
          fields: { code: 'c0de', state: 'st4te', submit: 'a field may be called this' },
        },
      ]);
    });
  });

  test('a demo password is copied with one press', async () => {
    await visit({ permissions: ['clipboard-read', 'clipboard-write'] }, async (page) => {
      await page.goto(`${origin}/home-development`);
      await page.getByRole('button', { name: 'Copy the password of Support' }).click();
      await page.getByRole('status').getByText('Copied').waitFor({ state: 'attached' });
      // Pasted where it can be read: the log-in page of the same origin.
      await page.goto(`${origin}/sign-in`);
      await page.keyboard.press('ControlOrMeta+V');
      expect(await page.inputValue('#login')).toBe('Ue5k-pW6s-j4Fg');
    });
  });
});

test('forced colours keep the outlines of fields and buttons, calm motion keeps still', async () => {
  await visit({ forcedColors: 'active', reducedMotion: 'reduce' }, async (page) => {
    await page.goto(`${origin}/sign-in-rejected`);
    const parts = await page.locator('.input, .button-primary, .notice').evaluateAll((elements) =>
      elements.map((element) => {
        const style = element.ownerDocument.defaultView?.getComputedStyle(element);
        return {
          drawn: style?.borderTopStyle === 'solid' && style.borderTopWidth >= '1px',
          transition: style?.transitionDuration,
        };
      }),
    );
    expect(parts).toHaveLength(4);
    for (const part of parts) expect(part).toEqual({ drawn: true, transition: '0s' });
  });
});
