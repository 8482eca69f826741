/** The page between here and the client: one of ours, with and without a script. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { authorizeUrl, post, redemption } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Browser, follow, openBrowser, type Reply } from '../support/shopper.js';
import {
  formWith,
  openLogin,
  openPeople,
  PASSWORD,
  type People,
  type Person,
  sendForm,
} from '../support/sign-in.js';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

let server: TestServer;
let people: People;

beforeAll(async () => {
  server = await startServer();
  people = await openPeople(server);
});
afterAll(async () => {
  await people.close();
  await server.stop();
});

const signIn = async (browser: Browser, person: Person, changes = {}): Promise<Reply> => {
  const page = await openLogin(server, browser, changes);
  const fields = { login: person.email, password: PASSWORD };
  return follow(browser, server, await sendForm(browser, page, 'password', fields));
};

function expectOurs(page: Reply): void {
  expect(page.status).toBe(200);
  expect(page.body).toContain('<title>Taking you back</title>');
  expect(page.body).toContain('data-autosubmit');
  expect(page.body).toMatch(/<button[^>]*type="submit">Continue<\/button>/);
  expect(page.body).not.toContain('Submitting Callback');
  const policy = page.headers.get('content-security-policy') ?? '';
  expect(policy).toMatch(/script-src 'nonce-[\w-]+';/);
  expect(policy).not.toContain('sha256-');
  expect(policy).toMatch(/form-action 'self' (?:http:\/\/localhost:\d+ )?http:\/\/localhost:4000;/);
}

test('a client that asks for a form gets its code in one', async () => {
  const mara = await people.add();
  const page = await signIn(openBrowser(server), mara, {
    response_mode: 'form_post',
    state: `a"b<c>'d&amp;`,
  });
  expectOurs(page);
  const form = formWith(page, 'code') ?? '';
  expect(form).toContain('action="http://localhost:4000/callback"');
  expect(form).toContain('name="state" value="a&quot;b&lt;c&gt;&#39;d&amp;amp;"');
  const code = form.match(/name="code" value="([^"]*)"/)?.[1] ?? '';
  expect((await post(server, '/oauth2/token', redemption(code))).status).toBe(200);
});

test('a client that asks for a form hears of an error in one', async () => {
  const browser = openBrowser(server);
  const page = await browser.get(authorizeUrl({ response_mode: 'form_post', prompt: 'none' }));
  expect(page.body).toContain('<title>Taking you back</title>');
  expect(formWith(page, 'error')).toContain('value="login_required"');
});

test('somebody else who signs in goes on without a script', async () => {
  const [mara, otto] = [await people.add(), await people.add()];
  const browser = openBrowser(server);
  expect((await signIn(browser, mara)).location).toContain('code=');
  const page = await signIn(browser, otto, { prompt: 'login' });
  expectOurs(page);
  expect(formWith(page, 'xsrf')).toContain('/oauth2/logout/confirm"');
  const done = await follow(browser, server, await sendForm(browser, page, 'xsrf', {}));
  expect(done.location).toContain('http://localhost:4000/callback?code=');
});
