/**
 * The account pages in other languages than English: German words are long, Japanese has no
 * spaces between them, and a word that was forgotten is an English one.
 */
import { mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type MessageFormatElement, parse, TYPE } from '@formatjs/icu-messageformat-parser';
import Koa from 'koa';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveAssets } from '../../src/http/assets.js';
import { isLanguage } from '../../src/kernel/language.js';
import { catalogueOf } from '../../src/words/catalogue.js';
import { hasBrowser, launchBrowser } from '../support/chromium.js';
import { inspectWords } from '../support/inspect.js';
import { pageNonce, pageStateIn, pageStates } from '../support/page-states.js';

/** Where to leave pictures of the pages, for whoever wants to look at them. */
const pictures = process.env.LANGUAGE_PICTURES;
const policy = `default-src 'none'; script-src 'nonce-${pageNonce}'; style-src 'nonce-${pageNonce}'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`;
const names = Object.keys(pageStates).filter((name) => name.startsWith('account-'));

/** What a message says between its values. */
function wordsOf(elements: readonly MessageFormatElement[]): string[] {
  return elements.flatMap((element) => {
    if (element.type === TYPE.literal) return [element.value.trim()];
    if (element.type === TYPE.tag) return wordsOf(element.children);
    if (element.type !== TYPE.plural && element.type !== TYPE.select) return [];
    return Object.values(element.options).flatMap(({ value }) => wordsOf(value));
  });
}

const english = [...catalogueOf('en').values()]
  .flatMap((text) => wordsOf(parse(text)))
  .filter((words) => (words.match(/\p{L}/gu) ?? []).length > 12);

/** Everything that a page says or would say: texts, and attributes that are read out or shown. */
const saidOn = (page: Page): Promise<string[]> =>
  page.locator('html').evaluate((html) => {
    const said = [html.ownerDocument.title];
    for (const element of html.querySelectorAll('body, body *:not(script)')) {
      for (const { name, value } of element.attributes) {
        if (/^(?:aria-label$|data-|title$|alt$|placeholder$)/.test(name)) said.push(value);
      }
      // Names that people and shops have given are shown as given.
      if (element.closest('bdi, code')) continue;
      for (const child of element.childNodes) if (child.nodeType === 3) said.push(child.nodeValue);
    }
    return said.map((text) => String(text).trim()).filter((text) => text !== '');
  });

describe.skipIf(!hasBrowser())('the account pages', () => {
  let browser: Browser;
  let server: Server;
  let origin: string;

  beforeAll(async () => {
    if (pictures) mkdirSync(pictures, { recursive: true });
    const app = new Koa();
    app.use(serveAssets());
    app.use((ctx) => {
      const [, language, name = ''] = ctx.path.split('/');
      if (!isLanguage(language) || !names.includes(name)) return;
      ctx.set('Content-Security-Policy', policy);
      ctx.type = 'html';
      ctx.body = pageStateIn(language, name);
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

  describe.each(['de', 'ja'] as const)('in %s', (language) => {
    let page: Page;
    let complaints: string[] = [];
    beforeAll(async () => {
      page = await browser.newPage();
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
    });
    afterAll(() => page?.close());

    test.each(names)(
      '%s fits, hinders nobody and says nothing in English',
      async (name) => {
        complaints = [];
        await page.goto(`${origin}/${language}/${name}`);
        expect(await page.locator('html').getAttribute('lang')).toBe(language);

        const said = await saidOn(page);
        const own = [...catalogueOf(language).values()].join('\n');
        const left = english.filter(
          (words) => !own.includes(words) && said.some((text) => text.includes(words)),
        );
        expect(left).toEqual([]);
        if (language === 'ja') {
          // Whatever no catalogue knows of: several words in a row, and not one of Japanese.
          const foreign = said.filter(
            (text) =>
              /[A-Za-z]{2,} [a-z]{2,}/.test(text) && !/[\u3040-\u30ff\u4e00-\u9fff]/.test(text),
          );
          expect(foreign).toEqual([]);
        }
        const picture = (file: string) => join(pictures ?? '', `${language}-${file}`);
        await inspectWords(page, name, pictures === undefined ? undefined : picture);
        expect(complaints).toEqual([]);
      },
      120_000,
    );
  });
});

test('English words would be found if there were any', () => {
  expect(english.length).toBeGreaterThan(100);
  expect(english).toContain('Set up your second step');
});
