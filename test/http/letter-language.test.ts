/** Pages and letters in one's own language, from the request of the shop to the mailbox. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { lettersTo, linkIn, openLink } from '../support/recovery.js';
import { openRegister } from '../support/registration.js';
import { startServer, type TestServer } from '../support/server.js';
import type { Reply } from '../support/shopper.js';
import { browserAt, openLogin, openPeople, type People, sendForm } from '../support/sign-in.js';
import { soon } from '../support/soon.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let server: TestServer;
let people: People;
let nets = 0;

beforeAll(async () => {
  server = await startServer({ env: { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32' } });
  people = await openPeople(server);
});
afterAll(async () => {
  await people?.close();
  await server?.stop();
});

const newBrowser = () => {
  nets += 1;
  return browserAt(server, `10.9.${nets}.9`);
};
const heading = ({ body }: Reply) =>
  (body.match(/<h1>([\s\S]*?)<\/h1>/)?.[1] ?? '').replace(/<[^>]*>/g, '');
const letterTo = (email: string) =>
  vi.waitFor(async () => {
    const [letter] = await lettersTo(server, email);
    if (!letter) throw new Error(`no letter to ${email}`);
    return letter;
  }, soon);

describe('what was begun in a German sign-in', () => {
  test('asks for the new password in German, in pages, letter and reasons', async () => {
    const mara = await people.add();
    const browser = newBrowser();
    const login = await openLogin(server, browser, { ui_locales: 'de-AT fr' });
    const page = await browser.get(/href="(\/recovery\?from=[\w-]+)"/.exec(login.body)?.[1] ?? '/');
    expect(heading(page)).toBe('Passwort vergessen?');
    const sent = await sendForm(browser, page, 'login', { login: mara.email });
    expect(sent.body).toContain('<html lang="de" dir="ltr">');
    expect(heading(sent)).toBe('Sehen Sie in Ihr Postfach');

    const letter = await letterTo(mara.email);
    expect(letter.subject).toBe('Neues Passwort für Ihr Konto bei Alder & Oak wählen');
    expect(letter.html).toContain('<html lang="de" dir="ltr">');
    expect(letter.text).toContain('  Wann: ');
    const form = await openLink(browser, linkIn(letter));
    expect(heading(form)).toBe('Neues Passwort wählen');
    const dead = await openLink(browser, `${server.issuer}/recovery/${'x'.repeat(43)}`);
    expect([dead.status, heading(dead)]).toEqual([410, 'Dieser Link funktioniert nicht mehr']);
  });

  test('creates the account in German, too', async () => {
    const browser = newBrowser();
    const login = await openLogin(server, browser, { ui_locales: 'de' });
    const href = /href="(\/signin\/[\w-]+\/register)"/.exec(login.body)?.[1] ?? '/';
    const page = await browser.get(href);
    expect(heading(page)).toBe('Konto bei Alder & Oak anlegen'.replace('&', '&amp;'));
    const email = 'neu@fernhill.example';
    await sendForm(browser, page, 'email', { email, name: '' });
    const letter = await letterTo(email);
    expect(letter.subject).toBe('Bestätigen Sie Ihre E-Mail-Adresse für Alder & Oak');
    expect(letter.text).toMatch(/^ {4}\d{3} \d{3}$/m);
  });
});

test('a browser’s own wish will do where nobody has said more', async () => {
  const browser = newBrowser();
  const page = await browser.get('/recovery', { 'accept-language': 'fr-CA, en;q=0.5' });
  expect(heading(page)).toBe('Mot de passe oublié\u202f?');
  const register = await openRegister(server, newBrowser());
  expect(heading(register)).toBe('Create your Alder &amp; Oak account');
});
