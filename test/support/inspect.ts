/** Looks at a page as it is, in every setting people have. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults, Result, RunOptions } from 'axe-core';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
);

/** What axe looks at by default and a colour scheme can change. */
const COLOUR_RULES = ['color-contrast', 'link-in-text-block'];

/**
 * What axe complains about on the page, a line each.
 *
 * @param what everything, or only what another colour scheme can change: the rest of a page is
 *   the same in both, and looking at it twice is half of the time that all this takes
 */
export async function axeComplaints(
  page: Page,
  what: 'everything' | 'colours' = 'everything',
  more: RunOptions = {},
): Promise<string[]> {
  // Seen half arrived a page would lack what is still to come.
  await page.waitForLoadState();
  // Half a megabyte, so once for a page that is looked at in several settings.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axeSource);
  const options: RunOptions =
    what === 'colours' ? { runOnly: { type: 'rule', values: COLOUR_RULES } } : more;
  // What passes is counted where it is: listing every element costs as much as looking at it.
  const { violations, passes, incomplete } = await page.evaluate(
    async (given) => {
      const { axe } = globalThis as unknown as { axe: { run(o: object): Promise<AxeResults> } };
      const found = await axe.run(given);
      return {
        violations: found.violations.map(({ id, nodes }: Result) => ({
          id,
          html: nodes.map((node) => node.html).join(' | '),
        })),
        passes: found.passes.length,
        incomplete: found.incomplete.length,
      };
    },
    { ...options, resultTypes: ['violations'] } as object,
  );
  // A page that axe found nothing on to look at was not looked at. Words on a gradient it leaves
  // undecided, so a page that has no others has no colours that pass.
  const seen = what === 'everything' ? passes : passes + incomplete;
  expect(seen).toBeGreaterThan(what === 'everything' ? 8 : 0);
  return violations.map(({ id, html }) => `${id}: ${html}`);
}

/** How people look at a page: phone and large screen, light and dark. */
const SETTINGS = (['light', 'dark'] as const).flatMap((colorScheme) =>
  [360, 1280].map((width) => ({ colorScheme, width })),
);

/** Puts the page into each setting in turn. */
export async function inEverySetting(
  page: Page,
  look: (setting: { colorScheme: 'light' | 'dark'; width: number }) => Promise<void>,
): Promise<void> {
  for (const { colorScheme, width } of SETTINGS) {
    // Colours that fade from one scheme to the other are neither.
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 800 });
    await look({ colorScheme, width });
  }
}

/**
 * Expects a page that axe finds nothing on and that does not scroll sideways, on a phone and on a
 * large screen, light and dark.
 *
 * @param picture where to leave a picture of that name, if anywhere
 */
export async function inspectPage(
  page: Page,
  name: string,
  picture?: (file: string) => string,
): Promise<void> {
  await inEverySetting(page, async ({ colorScheme, width }) => {
    const found = await axeComplaints(page, colorScheme === 'light' ? 'everything' : 'colours');
    expect({ name, width, colorScheme, found }).toEqual({ name, width, colorScheme, found: [] });
    await expectNarrow(page, width);
    if (!picture) return;
    const path = picture(`${name}-${width}-${colorScheme}.png`);
    await page.screenshot({ path, fullPage: true });
  });
}

/**
 * The same for a page whose English form was looked at in all settings: another language changes
 * words and widths, not colours.
 */
export async function inspectWords(
  page: Page,
  name: string,
  picture?: (file: string) => string,
): Promise<void> {
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 800 });
    await expectNarrow(page, width);
    if (picture) {
      await page.screenshot({ path: picture(`${name}-${width}-light.png`), fullPage: true });
    }
  }
  expect({ name, found: await axeComplaints(page) }).toEqual({ name, found: [] });
}

async function expectNarrow(page: Page, width: number): Promise<void> {
  const wide = await page.locator('html').evaluate((html) => html.scrollWidth);
  expect(wide).toBeLessThanOrEqual(width);
}
