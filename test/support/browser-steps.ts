/** Steps of somebody in a real browser that have to wait for more than the next element. */
import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';

/**
 * Does what leads to another page, and waits until that is there. A press of a key does not wait
 * for what it sets off, and the next step would fill in the old page.
 */
export async function leave(page: Page, act: () => Promise<unknown>): Promise<void> {
  const arrived = page.waitForEvent('framenavigated', (frame) => frame === page.mainFrame());
  await Promise.all([arrived, act()]);
  await page.waitForLoadState();
}

/** Waits until the field has the focus: `autofocus` comes with the first picture of a page. */
export async function awaitFocus(field: Locator): Promise<void> {
  await field.and(field.page().locator(':focus')).waitFor();
}

/**
 * What stands between a form and its button: work that is done, or a wait that is over. Where
 * the work takes longer than waiting would, the page lets waiting take its place; a check that
 * is broken would give way much sooner.
 */
export async function passCheck(page: Page, javaScriptEnabled: boolean): Promise<void> {
  if (!javaScriptEnabled) return page.waitForTimeout(5_500);
  await page.waitForLoadState();
  const gaveWay = page.locator('[data-puzzle][hidden]');
  await page
    .getByRole('checkbox', { name: 'Check passed', checked: true })
    .or(gaveWay)
    .first()
    .waitFor({ state: 'attached' });
  if (await gaveWay.count()) {
    expect(await page.evaluate<number>('performance.now()')).toBeGreaterThan(5_000);
  }
}
