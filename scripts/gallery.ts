/**
 * Pictures of every page in every state, at two widths and in both themes:
 * `npx tsx scripts/gallery.ts <folder> [parts of pages' names]`. They look the same on every
 * machine, because they use the typeface that comes with the npm-shipped Chromium.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import chromium from '@sparticuz/chromium';
import Koa from 'koa';
import { chromium as playwright } from 'playwright-core';
import { serveAssets } from '../src/http/assets.js';
import { brandStates, logos } from '../test/support/brand-states.js';
import { pageStates } from '../test/support/page-states.js';

const [folder, ...only] = process.argv.slice(2);
if (folder === undefined) {
  console.error('Say where the pictures go: npx tsx scripts/gallery.ts <folder> [name …]');
  process.exit(1);
}
await mkdir(folder, { recursive: true });

const app = new Koa();
app.use(serveAssets());
const states = { ...pageStates, ...brandStates };
app.use((ctx) => {
  const logo = logos[ctx.path.slice('/brand/'.length)];
  if (ctx.path.startsWith('/brand/') && logo) {
    ctx.type = logo.type;
    ctx.body = logo.body;
    return;
  }
  const page = states[ctx.path.slice(1)];
  if (page === undefined) return;
  ctx.type = 'html';
  ctx.body = page;
});
const server = app.listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const address = server.address();
const port = typeof address === 'object' && address ? address.port : 0;

const executablePath = await chromium.executablePath();
const fonts = await mkdtemp(join(tmpdir(), 'latchkey-fonts-'));
await writeFile(
  join(fonts, 'fonts.conf'),
  `<?xml version="1.0"?><fontconfig><dir>${tmpdir()}/fonts</dir><dir>/usr/share/fonts</dir>
  <cachedir>${fonts}</cachedir>${[
    ['system-ui', 'Open Sans'],
    ['sans-serif', 'Open Sans'],
    ['monospace', 'DejaVu Sans Mono'],
  ]
    .map(
      ([name, family]) =>
        `<alias binding="same"><family>${name}</family><prefer><family>${family}</family></prefer></alias>`,
    )
    .join('')}</fontconfig>`,
);

const browser = await playwright.launch({
  executablePath,
  env: { ...process.env, FONTCONFIG_FILE: join(fonts, 'fonts.conf') },
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});

const sizes = [
  { width: 360, height: 740 },
  { width: 1280, height: 800 },
];
try {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const viewport of sizes) {
      const context = await browser.newContext({ viewport, colorScheme });
      const page = await context.newPage();
      for (const name of Object.keys(states)) {
        if (only.length > 0 && !only.some((part) => name.includes(part))) continue;
        // The onward form would leave at once; its page is what a person without a script sees.
        await page.route('**/*.js', (route) =>
          name.endsWith('continue') ? route.abort() : route.continue(),
        );
        await page.goto(`http://127.0.0.1:${port}/${name}`);
        if (name === 'sign-in-puzzle') await page.waitForSelector('[data-state="verified"]');
        await page.screenshot({
          path: join(folder, `${name}-${viewport.width}-${colorScheme}.png`),
          fullPage: true,
          animations: 'disabled',
        });
        await page.unrouteAll();
      }
      await context.close();
    }
  }
} finally {
  await browser.close();
  server.close();
  await rm(fonts, { recursive: true, force: true });
}
