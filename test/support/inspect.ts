/** Looks at a page as it is, in every setting people have. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
);

/** @param picture where to leave a picture of that name, if anywhere */
export async function inspectPage(
  page: Page,
  name: string,
  picture?: (file: string) => string,
): Promise<void> {
  await page.evaluate(axeSource);
  for (const colorScheme of ['light', 'dark'] as const) {
    // Colours that fade from one scheme to the other are neither.
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const width of [360, 1280]) {
      await page.setViewportSize({ width, height: 800 });
      const { violations, passes } = await page.evaluate(() =>
        (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
      );
      expect(passes.length).toBeGreaterThan(10);
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
      expect({ name, width, colorScheme, found }).toEqual({ name, width, colorScheme, found: [] });
      const wide = await page.locator('html').evaluate((html) => html.scrollWidth);
      expect(wide).toBeLessThanOrEqual(width);
      if (!picture) continue;
      const path = picture(`${name}-${width}-${colorScheme}.png`);
      await page.screenshot({ path, fullPage: true });
    }
  }
}
