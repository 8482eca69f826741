/** Every letter in a real browser, in every language: readable, and whole without the network. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LANGUAGES } from '../../src/kernel/language.js';
import { launchBrowser } from '../support/chromium.js';
import { axeComplaints } from '../support/inspect.js';
import { lettersIn, shownInBrowser } from '../support/letter-states.js';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
});

/** Shows letter after letter; gives every address that was asked for meanwhile. */
async function read(
  options: { width: number; language: (typeof LANGUAGES)[number] },
  look: (page: Page, name: string) => Promise<void>,
): Promise<string[]> {
  const { width, language } = options;
  const context = await browser.newContext({ viewport: { width, height: 800 } });
  const asked: string[] = [];
  try {
    const page = await context.newPage();
    page.on('request', (request) => {
      if (!request.url().startsWith('data:')) asked.push(request.url());
    });
    for (const [name, letter] of Object.entries(lettersIn(language))) {
      await page.setContent(shownInBrowser(letter));
      await look(page, name);
    }
  } finally {
    await context.close();
  }
  return asked;
}

describe.each(LANGUAGES)('in %s', (language) => {
  test('axe finds nothing to complain about, light or dark', async () => {
    const found: string[] = [];
    const asked = await read({ width: 360, language }, async (page, name) => {
      // The mail program's own page has the landmarks.
      const more = {
        rules: { region: { enabled: false }, 'landmark-one-main': { enabled: false } },
      };
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        const what = colorScheme === 'light' ? 'everything' : 'colours';
        const complaints = await axeComplaints(page, what, more);
        for (const complaint of complaints) found.push(`${name}, ${colorScheme}: ${complaint}`);
      }
    });
    expect(found).toEqual([]);
    expect(asked).toEqual([]);
  }, 120_000);

  test.each([360, 1280])(
    'nothing runs over the edge at %s px',
    async (width) => {
      const wide: string[] = [];
      await read({ width, language }, async (page, name) => {
        const over = await page.evaluate(() => {
          const { document, innerWidth } = globalThis as unknown as {
            innerWidth: number;
            document: {
              documentElement: { scrollWidth: number };
              querySelectorAll(what: string): Iterable<{
                scrollWidth: number;
                clientWidth: number;
                tagName: string;
                getBoundingClientRect(): { right: number; left: number };
              }>;
            };
          };
          const card = [...document.querySelectorAll('.card')][0]?.getBoundingClientRect();
          if (!card || document.documentElement.scrollWidth > innerWidth) return ['the page'];
          return [...document.querySelectorAll('.card *')]
            .filter((part) => part.getBoundingClientRect().right > card.right)
            .map(({ tagName }) => tagName);
        });
        if (over.length > 0) wide.push(`${name}: ${over.join(' ')}`);
      });
      expect(wide).toEqual([]);
    },
    120_000,
  );
});

test('a button is large enough to be hit, and a code to be read', async () => {
  const sizes: number[] = [];
  await read({ width: 360, language: 'ja' }, async (page) => {
    for (const part of await page.locator('.button, .code').all()) {
      sizes.push((await part.boundingBox())?.height ?? 0);
    }
  });
  expect(sizes.length).toBeGreaterThan(10);
  expect(Math.min(...sizes)).toBeGreaterThanOrEqual(38);
});
