/**
 * The suite's browser as docs/conformance.md sets it up: its steps, taken in a real browser, lead
 * through the log-in, the consent and the log-out. The suite itself is an empty page.
 */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { selfSigned } from '../support/certificates.js';
import { hasBrowser, launchBrowser } from '../support/chromium.js';
import { snippetsOf } from '../support/documented.js';
import { type Operator, openOperator } from '../support/operator.js';
import { authorizeUrl } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { openPeople, PASSWORD, type People } from '../support/sign-in.js';

const SUITE = 'https://suite.example/test/a/latchkey';

type Command = readonly [verb: string, by: string, name: string, ...rest: (string | number)[]];
type Task = {
  readonly task: string;
  readonly optional?: true;
  readonly match: string;
  readonly commands: readonly Command[];
};
type Entry = { readonly match: string; readonly tasks: readonly Task[] };

let server: TestServer;
let operator: Operator;
let people: People;
let suite: Server;
let browser: Browser;
let entries: readonly Entry[];

describe.skipIf(!hasBrowser())('the suite’s browser', () => {
  beforeAll(async () => {
    const site = await selfSigned({ name: 'CN=suite.example' });
    suite = createServer({ cert: site.cert, key: site.key }, (_req, res) => {
      res.setHeader('content-type', 'text/html');
      res.end('<p id="submission_complete">Done</p>');
    });
    await new Promise<void>((resolve) => suite.listen(0, '127.0.0.1', resolve));
    const { port } = suite.address() as AddressInfo;
    const args = [`--host-resolver-rules=MAP suite.example:443 127.0.0.1:${port}`];
    [server, browser] = await Promise.all([startServer(), launchBrowser({ args })]);
    operator = openOperator(server);
    people = await openPeople(server);
    const person = await people.add();
    const [settings = ''] = snippetsOf('conformance.md', '## The server', 'json');
    entries = JSON.parse(
      settings
        .replaceAll('https://id.example', server.issuer)
        .replaceAll('conformance@shop.example', person.email)
        .replaceAll('correct-plan-battery-42', PASSWORD),
    );
    const way = ['--auth', 'none', '--redirect-uri', `${SUITE}/callback`];
    const out = ['--post-logout-redirect-uri', `${SUITE}/post_logout_redirect`];
    await operator.register('own', [...way, ...out, '--first-party', '--scope', 'openid']);
    await operator.register('foreign', [...way, ...out, '--scope', 'openid profile']);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await people?.close();
    await operator?.close();
    await server?.stop();
    suite?.close();
  });

  /** The patterns of the page have one asterisk, at the end. */
  const fits = (pattern: string, url: string) =>
    pattern.endsWith('*') ? url.startsWith(pattern.slice(0, -1)) : url === pattern;

  async function obey(page: Page, [verb, by, name, ...rest]: Command): Promise<void> {
    const element = page.locator(by === 'class' ? `.${name}` : `[${by}="${name}"]`).first();
    if (rest.includes('optional') && (await element.count()) === 0) return;
    if (verb === 'text') await element.fill(String(rest[0]));
    else if (verb === 'wait') await element.waitFor({ timeout: Number(rest[0]) * 1_000 });
    else if (verb === 'click') {
      const before = page.url();
      await element.click();
      await page.waitForURL((url) => url.href !== before);
      await page.waitForLoadState();
    } else throw new Error(`the suite knows no ${verb}`);
  }

  /** Opens an address as the suite does; gives the tasks that came up, and where it ended. */
  async function visit(page: Page, url: string): Promise<{ done: string[]; url: URL }> {
    const entry = entries.find(({ match }) => fits(match, url));
    if (!entry) throw new Error(`nothing is set up for ${url}`);
    await page.goto(url);
    const done: string[] = [];
    for (const { task, optional, match, commands } of entry.tasks) {
      if (!fits(match, page.url())) {
        if (optional) continue;
        throw new Error(`"${task}" does not fit ${page.url()}: ${await page.innerText('body')}`);
      }
      for (const command of commands) await obey(page, command);
      done.push(task);
    }
    return { done, url: new URL(page.url()) };
  }

  test('logs in, allows, comes back, and signs out', async () => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(30_000);
      const authorize = (client_id: string, changes = {}) =>
        visit(
          page,
          server.issuer +
            authorizeUrl({ client_id, redirect_uri: `${SUITE}/callback`, ...changes }),
        );
      const own = await authorize('own');
      expect(own.done).toEqual(['Log in', 'Back at the suite']);
      expect(own.url.searchParams.get('code')).toMatch(/^.{43}$/);

      // Somebody who is signed in is asked for consent alone, and then for nothing.
      const scope = 'openid profile';
      const asked = await authorize('foreign', { scope });
      expect(asked.done).toEqual([
        ...['Log in', 'Allow what the client asks for'],
        'Back at the suite',
      ]);
      expect(asked.url.searchParams.get('code')).toMatch(/^.{43}$/);
      expect((await authorize('foreign', { scope })).done).toEqual(['Back at the suite']);
      // A new log-in and the question, one after the other.
      await context.clearCookies();
      const both = await authorize('foreign', { scope: 'openid', prompt: 'login consent' });
      expect(both.url.searchParams.get('code')).toMatch(/^.{43}$/);

      const back = encodeURIComponent(`${SUITE}/post_logout_redirect`);
      const out = `${server.issuer}/oauth2/logout?client_id=own&post_logout_redirect_uri=${back}`;
      const left = await visit(page, out);
      expect(left.done).toEqual(['Sign out', 'Back at the suite']);
      expect(left.url.href).toBe(`${SUITE}/post_logout_redirect`);
      expect((await authorize('own')).done).toContain('Log in');
      const plain = await visit(page, `${server.issuer}/oauth2/logout`);
      expect(plain.done).toEqual(['Sign out']);
      expect(plain.url.origin).toBe(server.issuer);
    } finally {
      await context.close();
    }
  });
});
