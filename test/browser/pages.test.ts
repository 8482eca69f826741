/** Every page in a real browser, under the content policy it is served with. */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { verifySolution } from 'altcha-lib';
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2';
import Koa from 'koa';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { serveAssets } from '../../src/http/assets.js';
import { PUZZLE_POLICY } from '../../src/http/views.js';
import { awaitFocus } from '../support/browser-steps.js';
import { launchBrowser } from '../support/chromium.js';
import { axeComplaints, inEverySetting } from '../support/inspect.js';
import { challengeSecret, pageNonce, pageStates } from '../support/page-states.js';

const policy = `default-src 'none'; script-src 'nonce-${pageNonce}'; style-src 'nonce-${pageNonce}'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`;
const names = Object.keys(pageStates);

let browser: Browser;
let server: Server;
let origin: string;
let posts: { path: string; fields: Record<string, string> }[] = [];

beforeAll(async () => {
  const app = new Koa();
  app.use(serveAssets());
  app.use(async (ctx) => {
    const puzzle = ctx.path.includes('-puzzle');
    ctx.set('Content-Security-Policy', puzzle ? `${policy}; ${PUZZLE_POLICY}` : policy);
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
  const leaves = name.endsWith('continue');
  const silent = { contentType: 'text/javascript', body: '' };
  if (leaves) await page.route(/\.js$/, (route) => route.fulfill(silent));
  await page.goto(`${origin}/${name}`);
  if (leaves) await page.unroute(/\.js$/);
}

test('on no page, phone or large, light or dark, axe finds anything to complain about', async () => {
  await visit({}, async (page) => {
    const found: string[] = [];
    for (const name of names) {
      await open(page, name);
      await inEverySetting(page, async ({ colorScheme, width }) => {
        const what = colorScheme === 'light' ? 'everything' : 'colours';
        for (const complaint of await axeComplaints(page, what)) {
          found.push(`${name}, ${width} px, ${colorScheme}: ${complaint}`);
        }
      });
    }
    expect(found).toEqual([]);
  });
}, 600_000);

describe('on a small screen, or on a large one at 400 %', () => {
  test('nothing scrolls sideways and nothing is too small to hit, in either direction', async () => {
    await visit({ viewport: { width: 320, height: 256 } }, async (page) => {
      for (const name of names) {
        await open(page, name);
        const root = page.locator('html');
        for (const dir of ['ltr', 'rtl']) {
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
            // A box to tick is as large as its words.
            small: [...html.querySelectorAll('button, input, a.button')]
              .map((element) =>
                element.matches('[type="checkbox"]') && 'labels' in element
                  ? (element.labels?.[0] ?? element)
                  : element,
              )
              .map((element) => element.getBoundingClientRect().height)
              .filter((height) => height > 0 && height < 44),
          }));
          const sound = { width: 320, outside: 0, small: [] };
          expect({ name, dir, ...measured }).toEqual({ name, dir, ...sound });
        }
      }
    });
  }, 300_000);
});

describe('the choice of a language', () => {
  const menu = '.languages ul';

  test.each(['ltr', 'rtl'])('opens within the page, however small that is (%s)', async (dir) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await visit({ colorScheme, viewport: { width: 320, height: 256 } }, async (page) => {
        for (const name of [
          'sign-in',
          'signed-out',
          'de-consent-everything',
          'ja-code-or-passkey',
          'account-overview',
        ]) {
          await page.goto(`${origin}/${name}`);
          await page.locator('html').evaluate((html, value) => {
            html.dir = value;
          }, dir);
          expect(await page.locator(menu).isVisible()).toBe(false);
          await page.locator('.languages summary').click();
          const box = await page.locator(menu).evaluate((list) => {
            const { left, right, top, bottom } = list.getBoundingClientRect();
            const { documentElement: html, defaultView } = list.ownerDocument;
            const above = defaultView?.scrollY ?? 0;
            return {
              inside: left >= 0 && right <= html.clientWidth && html.scrollWidth === 320,
              whole: top + above >= 0 && bottom + above <= html.scrollHeight,
            };
          });
          expect({ name, ...box }).toEqual({ name, inside: true, whole: true });
          expect({ name, found: await axeComplaints(page) }).toEqual({ name, found: [] });
        }
      });
    }
  });

  test('takes three keys, and leads back to the page', async () => {
    await visit({ javaScriptEnabled: false }, async (page) => {
      await page.goto(`${origin}/sign-in`);
      await page.locator('.languages summary').focus();
      await page.keyboard.press('Enter');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Received' }).waitFor();
    });
    expect(posts).toEqual([
      { path: '/language', fields: { return_to: '/signin/7f3c', language: 'de' } },
    ]);
  });
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
        'Forgot your password?',
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

  test('a person enters a code and has this device remembered', async () => {
    await visit({}, async (page) => {
      await page.goto(`${origin}/code`);
      const walk = [await focused(page)];
      await page.keyboard.type('123 456');
      for (let step = 0; step < 4; step += 1) {
        await page.keyboard.press('Tab');
        walk.push(await focused(page));
        if (step === 0) await page.keyboard.press('Space');
      }
      expect(walk.map(({ what }) => what)).toEqual([
        'code',
        'remember',
        'Continue',
        'Use a recovery code instead',
        'Cancel and go back to Alder & Oak',
      ]);
      for (const { ring } of walk) expect(ring).toBeGreaterThanOrEqual(2);
      await page.focus('#code');
      await page.keyboard.press('Enter');
      await page.waitForSelector('text=Received');
      expect(posts).toEqual([
        {
          path: '/signin/7f3c/code',
          fields: { csrf: 'k2Jx0Yw1', code: '123 456', remember: 'yes' },
        },
      ]);
    });
  });

  test('the check against robots is one stop on the way, with a ring of its own', async () => {
    await visit({}, async (page) => {
      await page.goto(`${origin}/sign-in-puzzle`);
      await page.getByRole('checkbox', { name: 'Check passed', checked: true }).waitFor();
      await page.getByRole('status').getByText('Check passed').waitFor({ state: 'attached' });
      const walk = [await focused(page)];
      for (let step = 0; step < 3; step += 1) {
        await page.keyboard.press('Tab');
        walk.push(await focused(page));
      }
      expect(walk.map(({ what }) => what)).toEqual(['password', 'Show', '', 'Continue']);
      for (const { ring } of walk) expect(ring).toBeGreaterThanOrEqual(2);
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

  test('people enter a code, set up the second step and keep their recovery codes', async () => {
    await visit({ javaScriptEnabled: false }, async (page) => {
      const send = async () => {
        await page.getByRole('button', { name: 'Continue' }).click();
        await page.getByText('Received').first().waitFor();
        return posts.at(-1)?.fields;
      };
      await page.goto(`${origin}/code`);
      await page.fill('#code', '123456');
      expect(await send()).toEqual({ csrf: 'k2Jx0Yw1', code: '123456' });
      await page.goto(`${origin}/recovery-code`);
      await page.fill('#recovery_code', 'k7qm2vxa9rtdhw4c');
      expect(await send()).toEqual({ csrf: 'k2Jx0Yw1', recovery_code: 'k7qm2vxa9rtdhw4c' });
      await page.goto(`${origin}/enrol`);
      expect(await page.locator('.copy').isVisible()).toBe(false);
      await page.fill('#code', '123456');
      expect(await send()).toEqual({ csrf: 'k2Jx0Yw1', code: '123456' });
      await page.goto(`${origin}/recovery-codes`);
      expect(await page.getByRole('button').allTextContents()).toEqual(['Continue']);
      expect(await page.getByRole('link', { name: 'Download' }).isVisible()).toBe(true);
      await page.getByText('I have kept these codes').click();
      expect(await send()).toEqual({ csrf: 'k2Jx0Yw1', saved: 'yes' });
    });
  });

  test.each(['sign-in-puzzle', 'sign-in-wait'])(
    'waiting takes the place of the puzzle (%s)',
    async (name) => {
      await visit({ javaScriptEnabled: false }, async (page) => {
        await page.goto(`${origin}/${name}`);
        const note = page.getByText(/^Please wait \d+ seconds before/).filter({ visible: true });
        expect(await note.count()).toBe(1);
        await page.fill('#password', 'secret');
        await page.getByRole('button', { name: 'Continue' }).click();
        await page.getByText('Received').first().waitFor();
        expect(posts[0]?.fields).toEqual({
          csrf: 'k2Jx0Yw1',
          login: 'mara@fernhill.example',
          password: 'secret',
          wait_token: 'w4it',
        });
      });
    },
  );

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
      await page.getByRole('button', { name: 'Show: Password' }).click();
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
      await awaitFocus(page.locator('#login'));
      await page.keyboard.press('ControlOrMeta+V');
      expect(await page.inputValue('#login')).toBe('Ue5k-pW6s-j4Fg');
    });
  });
});

describe('the check against robots', () => {
  test('solves itself, and a Continue that came too early goes by itself', async () => {
    await visit({}, async (page) => {
      let release = () => {};
      const pressed = new Promise<void>((resolve) => {
        release = resolve;
      });
      await page.route(/altcha-worker/, async (route) => {
        await pressed;
        await route.continue();
      });
      await page.goto(`${origin}/sign-in-puzzle`);
      await page.fill('#password', 'secret');
      await page.getByText('Checking that you are not a robot').waitFor();
      await page.getByRole('button', { name: 'Continue' }).click();
      expect(await page.getByRole('status').last().textContent()).toContain('goes on by itself');
      expect(posts).toEqual([]);
      release();
      await page.waitForSelector('text=Received');
      expect(posts).toHaveLength(1);
      const { altcha = '', ...fields } = posts[0]?.fields ?? {};
      expect(fields).toEqual({
        csrf: 'k2Jx0Yw1',
        login: 'mara@fernhill.example',
        password: 'secret',
        wait_token: 'w4it',
      });
      const { challenge, solution } = JSON.parse(Buffer.from(altcha, 'base64').toString());
      const { verified } = await verifySolution({
        challenge,
        solution,
        deriveKey,
        hmacSignatureSecret: challengeSecret,
      });
      expect(verified).toBe(true);
    });
  });

  test('lets a form with something missing be finished first', async () => {
    await visit({}, async (page) => {
      await page.goto(`${origin}/sign-in-puzzle-slow`);
      await page.getByText('Checking that you are not a robot').waitFor();
      await page.getByRole('button', { name: 'Continue' }).click();
      expect(await page.locator(':focus').getAttribute('name')).toBe('login');
      expect(await page.locator('.login-submit').getAttribute('aria-busy')).toBeNull();
    });
  });

  test('that takes longer than waiting gives way to it', async () => {
    await visit({}, async (page) => {
      await page.goto(`${origin}/sign-in-puzzle-slow`);
      await page.fill('#login', 'mara@fernhill.example');
      await page.fill('#password', 'secret');
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.waitForSelector('text=Received');
      expect(posts).toHaveLength(1);
      expect(posts[0]?.fields.wait_token).toBe('w4it');
      expect(posts[0]?.fields.altcha).toBeUndefined();
    });
  });

  test('that cannot be loaded says how long to wait, and waits by itself', async () => {
    await visit({}, async (page) => {
      await page.route(/\/altcha\.[0-9a-f]+\.js$/, (route) =>
        route.fulfill({ contentType: 'text/javascript', body: '' }),
      );
      await page.goto(`${origin}/sign-in-puzzle`);
      expect(await page.getByText('Please wait 20 seconds before').isVisible()).toBe(true);
      // Before it is opened: how soon this process hears of that is not the page's doing.
      const opened = Date.now();
      await page.goto(`${origin}/sign-in-wait`);
      await page.fill('#password', 'secret');
      await page.getByRole('button', { name: 'Continue' }).dblclick();
      await page.waitForSelector('text=Received');
      expect(Date.now() - opened).toBeGreaterThan(2_400);
      expect(posts).toHaveLength(1);
      expect(posts[0]?.fields.password).toBe('secret');
    });
  });
});

describe('the second step', () => {
  test('takes a code with or without spaces, and nothing else', async () => {
    await visit({}, async (page) => {
      await page.goto(`${origin}/code`);
      const valid = async (typed: string) => {
        await page.fill('#code', '');
        await page.locator('#code').pressSequentially(typed);
        return page.locator('#code').evaluate((input) => input.matches(':valid'));
      };
      for (const typed of ['123456', '123 456', ' 123 456 ']) {
        expect({ typed, valid: await valid(typed) }).toEqual({ typed, valid: true });
      }
      for (const typed of ['12345', '1234567', 'abcdef', '12 34 56']) {
        expect({ typed, valid: await valid(typed) }).toEqual({ typed, valid: false });
      }
    });
  });

  test('is set up with a key that is copied without its spaces', async () => {
    await visit({ permissions: ['clipboard-read', 'clipboard-write'] }, async (page) => {
      await page.goto(`${origin}/enrol`);
      await page.getByRole('button', { name: 'Copy the key' }).click();
      await page.getByRole('status').getByText('Copied').waitFor({ state: 'attached' });
      await page.goto(`${origin}/sign-in`);
      await awaitFocus(page.locator('#login'));
      await page.keyboard.press('ControlOrMeta+V');
      expect(await page.inputValue('#login')).toBe('JBSWY3DPEHPK3PXPKRSXG5BAONSWG4TF');
    });
  });

  test('hands over recovery codes as a file, and goes on only when they are kept', async () => {
    await visit({}, async (page) => {
      await page.goto(`${origin}/recovery-codes`);
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: 'Download' }).click(),
      ]);
      expect(download.suggestedFilename()).toBe('recovery-codes.txt');
      const lines = readFileSync(await download.path(), 'utf8').split('\r\n');
      expect(lines[0]).toBe('Alder & Oak');
      expect(lines.slice(2, -1)).toEqual(await page.locator('.codes li').allInnerTexts());
      expect(lines).toHaveLength(13);
      await page.getByRole('button', { name: 'Continue' }).click();
      expect(posts).toEqual([]);
      await page.getByRole('checkbox', { name: 'I have kept these codes' }).check();
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.waitForSelector('text=Received');
      expect(posts[0]?.fields).toEqual({ csrf: 'k2Jx0Yw1', saved: 'yes' });
    });
  });

  test('prints the codes and nothing to press', async () => {
    await visit({}, async (page) => {
      await page.goto(`${origin}/recovery-codes`);
      expect(await page.getByRole('button', { name: 'Print' }).isVisible()).toBe(true);
      await page.emulateMedia({ media: 'print' });
      expect(await page.locator('button:visible, input:visible, a:visible').count()).toBe(0);
      expect(await page.getByText('K7QM-2VXA-9RTD-HW4C').isVisible()).toBe(true);
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
