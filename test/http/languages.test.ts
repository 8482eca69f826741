/** Which language a page speaks, and that nobody but the person decides it for good. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  authorizeUrl,
  encode,
  type Fields,
  freshCode,
  ORDERS,
  post,
  redemption,
  register,
  requestFields,
} from '../support/protocol.js';
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

const HEADINGS = {
  en: 'Sign in to <bdi>Alder &amp; Oak</bdi>',
  de: 'Bei <bdi>Alder &amp; Oak</bdi> anmelden',
  fr: 'Se connecter à <bdi>Alder &amp; Oak</bdi>',
  es: 'Inicia sesión en <bdi>Alder &amp; Oak</bdi>',
  ja: '<bdi>Alder &amp; Oak</bdi> にログイン',
} as const;
type Tag = keyof typeof HEADINGS;

let server: TestServer;
let people: People;

beforeAll(async () => {
  server = await startServer({ env: { LATCHKEY_BOT_CHALLENGE: 'off' } });
  people = await openPeople(server);
  await register(server, 'quince', [
    '--redirect-uri',
    'https://quince.example/cb',
    '--scope',
    'openid profile email offline_access',
    '--allow',
    `${ORDERS}=orders:read`,
    '--allow',
    'urn:latchkey:account=account:read',
  ]);
});
afterAll(async () => {
  await people?.close();
  await server?.stop();
});

const heading = (page: Reply) => page.body.match(/<h1>(.*?)<\/h1>/)?.[1];
const htmlTag = (page: Reply) => page.body.match(/<html[^>]*>/)?.[0];

/** The log-in page, asked for with these parameters by a browser that speaks this. */
async function loginPage(
  accept: string,
  changes: Fields = {},
  browser = openBrowser(server),
): Promise<Reply> {
  const headers = { 'accept-language': accept };
  const { location = '' } = await browser.get(authorizeUrl(changes), headers);
  return browser.get(location, headers);
}

function expectIn(page: Reply, tag: Tag): void {
  expect({ heading: heading(page), html: htmlTag(page) }).toEqual({
    heading: HEADINGS[tag],
    html: `<html lang="${tag}" dir="ltr">`,
  });
}

/** Presses a language at the foot of a page, as its form would send it. */
const choose = (browser: Browser, page: Reply, language: string, headers = {}) => {
  const returnTo = formWith(page, 'return_to')?.match(/name="return_to" value="([^"]*)"/)?.[1];
  return browser.post('/language', { language, return_to: returnTo ?? '' }, headers);
};

const signIn = async (browser: Browser, person: Person, changes: Fields = {}) => {
  const page = await openLogin(server, browser, changes);
  const fields = { login: person.email, password: PASSWORD };
  return follow(browser, server, await sendForm(browser, page, 'password', fields));
};

const CONSENT = {
  client_id: 'quince',
  redirect_uri: 'https://quince.example/cb',
  scope: 'openid profile email orders:read',
  resource: ORDERS,
  prompt: 'consent',
} as const;

describe('the language of a page', () => {
  test.each([
    ['de', 'de'],
    ['de-AT,de;q=0.8,en;q=0.5', 'de'],
    ['en;q=0.3, ja;q=0.9, fr;q=0.5', 'ja'],
    ['pt-BR, pt;q=0.9, es-419;q=0.4', 'es'],
    ['fr;q=0, de;q=0.1', 'de'],
    ['nl, *;q=0.1', 'en'],
    ['', 'en'],
  ] as const)('is what the browser likes best: %j', async (accept, tag) => {
    expectIn(await loginPage(accept), tag);
  });

  test.each([
    ['fr', 'fr'],
    ['pt-BR de-CH en', 'de'],
    ['JA', 'ja'],
    // None that can be met: as the browser says.
    ['pt nl', 'es'],
    ['', 'es'],
  ] as const)('is rather what the shop asked for: %j', async (ui_locales, tag) => {
    expectIn(await loginPage('es', { ui_locales }), tag);
  });

  test('is what the shop asked for in a pushed request, too', async () => {
    const pushed = await post(server, '/oauth2/par', requestFields({ ui_locales: 'ja en' }));
    expect(pushed.status).toBe(201);
    const browser = openBrowser(server);
    const query = { client_id: 'demo-storefront', request_uri: String(pushed.json.request_uri) };
    const { location = '' } = await browser.get(`/oauth2/authorize?${encode(query)}`);
    expectIn(await browser.get(location, { 'accept-language': 'de' }), 'ja');
  });

  test('stays on a form that is refused', async () => {
    const browser = openBrowser(server);
    const page = await loginPage('en', { ui_locales: 'de' }, browser);
    const refused = await sendForm(browser, page, 'password', {
      login: 'nobody@alder-oak.example',
      password: 'wrong horse battery',
    });
    expect(refused.status).toBe(422);
    expect(refused.body).toContain('E-Mail-Adresse oder Passwort stimmt nicht.');
    expectIn(refused, 'de');
  });

  test('is never more than a choice: an unknown one is nowhere in the answer', async () => {
    const strange = 'xq-Zzzz';
    for (const ui_locales of [strange, `${strange}"><script>alert(1)</script>`, `de-${strange}`]) {
      const page = await loginPage(strange, { ui_locales });
      expect(page.status).toBe(200);
      expect(page.body.toLowerCase()).not.toContain(strange.toLowerCase());
      expect(page.body).not.toContain('alert(1)');
      expect(JSON.stringify([...page.headers])).not.toContain(strange);
    }
  });

  test('can be a wish of any length', async () => {
    expectIn(await loginPage('de', { ui_locales: 'xx '.repeat(1_000) }), 'de');
    expectIn(await loginPage('xx,'.repeat(1_000)), 'en');
  });
});

describe('the choice at the foot', () => {
  test('leads back to the page, holds in this browser, and beats everybody else’s wish', async () => {
    const browser = openBrowser(server);
    const page = await loginPage('fr', { ui_locales: 'de' }, browser);
    expectIn(page, 'de');
    const sent = await choose(browser, page, 'ja', { origin: server.issuer });
    expect(sent.status).toBe(303);
    expect(sent.location).toMatch(/^\/signin\/[\w-]+$/);
    expectIn(await browser.get(sent.location ?? '', { 'accept-language': 'fr' }), 'ja');
    expectIn(await loginPage('fr', { ui_locales: 'de' }, browser), 'ja');
    expectIn(await loginPage('fr', { ui_locales: 'de' }), 'de');
  });

  test('is kept in a cookie that scripts cannot read and other sites cannot send along', async () => {
    const browser = openBrowser(server);
    const sent = await choose(browser, await loginPage('en', {}, browser), 'es');
    const [cookie = ''] = sent.headers.getSetCookie();
    expect(cookie).toMatch(
      /^latchkey_language=es; path=\/; expires=[^;]+; samesite=lax; httponly$/i,
    );
    const days = (Date.parse(/expires=([^;]+)/i.exec(cookie)?.[1] ?? '') - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(360);
  });

  test('offers each language in its own words, and marks the one that is spoken', async () => {
    const form = formWith(await loginPage('fr'), 'return_to') ?? '';
    for (const [tag, name] of [
      ['en', 'English'],
      ['de', 'Deutsch'],
      ['fr', 'Français'],
      ['es', 'Español'],
      ['ja', '日本語'],
    ]) {
      const here = tag === 'fr' ? ' aria-current="true"' : '';
      expect(form).toContain(`value="${tag}" lang="${tag}"${here}>${name}</button>`);
    }
  });

  test('takes no language that we do not speak', async () => {
    for (const language of ['xq', 'de-AT', '', '__proto__', 'de\r\nSet-Cookie: a=b']) {
      const sent = await openBrowser(server).post('/language', { language, return_to: '/' });
      expect(sent.status).toBe(303);
      expect(sent.headers.getSetCookie()).toEqual([]);
    }
  });

  test('a cookie that we did not write counts for nothing', async () => {
    for (const value of ['xq', 'de-AT', '%22', 'constructor']) {
      const browser = openBrowser(server);
      browser.cookies.set('latchkey_language|/', { value, path: '/' });
      expectIn(await loginPage('fr', {}, browser), 'fr');
    }
  });

  test('is not taken from another site’s page', async () => {
    for (const headers of [
      { origin: 'https://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]) {
      const sent = await openBrowser(server).post(
        '/language',
        { language: 'de', return_to: '/' },
        headers,
      );
      expect(sent.status).toBe(403);
      expect(sent.headers.getSetCookie()).toEqual([]);
    }
  });

  test('leads back to this server and nowhere else', async () => {
    for (const returnTo of [
      'https://evil.example/',
      '//evil.example/',
      '/\\evil.example/',
      '\\\\evil.example',
      '/\t/evil.example',
      '/@evil.example',
      'javascript:alert(1)',
      ' /signin',
      '',
    ]) {
      const sent = await openBrowser(server).post('/language', {
        language: 'de',
        return_to: returnTo,
      });
      expect({ returnTo, location: sent.location }).toEqual({ returnTo, location: '/' });
    }
  });

  test('is on no page whose address is not for coming back to', async () => {
    const browser = openBrowser(server);
    const refused = await browser.get(authorizeUrl({ client_id: 'nobody' }));
    const asked = await browser.get('/oauth2/logout');
    for (const page of [refused, asked]) expect(page.body).not.toContain('action="/language"');
  });
});

describe('an error page', () => {
  const de = { 'accept-language': 'de' };

  test('of ours is in German for somebody who reads German', async () => {
    const page = await openBrowser(server).get('/nowhere', de);
    expect(page.status).toBe(404);
    expect(heading(page)).toBe('Hier ist nichts');
    expect(page.body).toContain('Prüfen Sie die Adresse');
    expect(page.body).toContain('Anfragekennung: <code>');
    expect(htmlTag(page)).toBe('<html lang="de" dir="ltr">');
  });

  test('of an interaction that is over is in German, too', async () => {
    const page = await openBrowser(server).get('/signin/never-was', de);
    expect(page.status).toBe(400);
    expect(heading(page)).toBe('Diese Seite wurde ohne zugehörige Anmeldung geöffnet');
  });

  test.each([
    [{ client_id: 'nobody' }, 'Wir kennen diese Anwendung nicht'],
    [{ redirect_uri: 'https://evil.example/' }, 'Dieser Link führt nicht zum Shop zurück'],
  ])('of the protocol host says in German what is wrong: %j', async (changes, words) => {
    const url = authorizeUrl({ ...changes, ui_locales: 'de' });
    for (const page of [
      await openBrowser(server).get(url, { 'accept-language': 'fr' }),
      await openBrowser(server).get(authorizeUrl(changes), de),
    ]) {
      expect(heading(page)).toBe(words);
      expect(htmlTag(page)).toBe('<html lang="de" dir="ltr">');
      // The code of the error stands there for the client's developers, in any language.
      expect(page.body).toMatch(/<code>[^<]*\(invalid_(?:client|redirect_uri)/);
    }
  });

  test('tells what is too large in German, and developers how large in English', async () => {
    const page = await openBrowser(server).post('/language', { language: 'x'.repeat(200_000) }, de);
    expect(page.status).toBe(413);
    expect(heading(page)).toBe('Die gesendeten Daten sind zu groß');
    expect(page.body).toMatch(/<code>[^<]* \(The request body may have at most \d+ KiB\)<\/code>/);
  });

  test('for programs stays English', async () => {
    const response = await fetch(`${server.issuer}/nowhere`, {
      headers: { ...de, accept: 'application/json' },
    });
    expect(await response.json()).toEqual({
      error: 'not_found',
      error_description: 'There is nothing here',
    });
  });
});

describe('signing out', () => {
  test('is asked about in the language of the browser, or of the shop', async () => {
    const person = await people.add();
    const browser = openBrowser(server);
    await signIn(browser, person);
    const asked = await browser.get('/oauth2/logout', { 'accept-language': 'de' });
    expect(heading(asked)).toBe('Abmelden?');
    expect(asked.body).toContain('>Angemeldet bleiben</button>');
    expect(htmlTag(asked)).toBe('<html lang="de" dir="ltr">');
    const query = encode({ client_id: 'demo-storefront', ui_locales: 'fr' });
    const wished = await browser.get(`/oauth2/logout?${query}`, { 'accept-language': 'de' });
    expect(heading(wished)).toMatch(/^Se déconnecter de <bdi>Alder &amp; Oak<\/bdi>\s\?$/u);

    const done = await sendForm(browser, wished, 'xsrf', { logout: 'yes' });
    const page = await browser.get(done.location ?? '', { 'accept-language': 'de' });
    expect(heading(page)).toBe('Sie sind abgemeldet');
  });
});

describe('the way back to the shop', () => {
  test('speaks what the shop asked for, although its own address does not say so', async () => {
    const person = await people.add();
    const page = await signIn(openBrowser(server), person, {
      response_mode: 'form_post',
      ui_locales: 'es',
    });
    expect(heading(page)).toBe('Te llevamos de vuelta');
    expect(page.body).toContain('>Continuar</button>');
  });
});

describe('the language of an account', () => {
  const consentOf = async (person: Person, changes: Fields = {}, chosen?: Tag) => {
    const browser = openBrowser(server);
    if (chosen) {
      browser.cookies.set('latchkey_language|/', { value: chosen, path: '/' });
    }
    const page = await signIn(browser, person, { ...CONSENT, ...changes });
    expect(page.body).toContain('/consent"');
    return page;
  };

  test('decides on the consent page, after the choice at the foot and the shop’s wish', async () => {
    const person = await people.add({ locale: 'de' });
    expect(heading(await consentOf(person))).toBe(
      '<bdi>quince</bdi> erlauben, Ihr Konto zu nutzen?',
    );
    expect(heading(await consentOf(person, { ui_locales: 'es' }))).toBe(
      '¿Permitir que <bdi>quince</bdi> use tu cuenta?',
    );
    expect(heading(await consentOf(person, { ui_locales: 'pt' }))).toBe(
      '<bdi>quince</bdi> erlauben, Ihr Konto zu nutzen?',
    );
    expect(heading(await consentOf(person, { ui_locales: 'es' }, 'ja'))).toBe(
      '<bdi>quince</bdi> にアカウントの利用を許可しますか？',
    );
  });

  test('translates our scopes, and shows a shop’s own as they were given', async () => {
    const person = await people.add({ locale: 'de' });
    const page = await consentOf(person);
    expect(page.body).toContain('<span>Ihre E-Mail-Adresse sehen');
    expect(page.body).toMatch(/In <bdi>[^<]+<\/bdi>/);
    expect(page.body).toMatch(/<span><bdi>See your orders[^<]*<\/bdi>/);

    const account = await consentOf(person, {
      scope: 'openid account:read',
      resource: 'urn:latchkey:account',
    });
    expect(account.body).toContain('<h3>In Ihrem Konto</h3>');
    expect(account.body).toContain('<span>Sehen, wie und auf welchen Geräten');
  });

  test('is told to clients that may see the profile, as `locale`', async () => {
    const german = await people.add({ locale: 'de' });
    const silent = await people.add();
    const claims = async (person: Person, scope: string) => {
      const { code } = await freshCode(server, { scope }, { user: person });
      const { json } = await post(server, '/oauth2/token', redemption(code));
      const response = await fetch(`${server.issuer}/oauth2/userinfo`, {
        headers: { authorization: `Bearer ${json.access_token}` },
      });
      return (await response.json()) as Record<string, unknown>;
    };
    expect(await claims(german, 'openid profile')).toEqual({ sub: german.id, locale: 'de' });
    expect(await claims(german, 'openid email')).not.toHaveProperty('locale');
    expect(await claims(silent, 'openid profile')).toEqual({ sub: silent.id });
  });
});

test('discovery names the languages', async () => {
  const response = await fetch(`${server.issuer}/.well-known/openid-configuration`);
  const metadata = (await response.json()) as Record<string, string[]>;
  expect(metadata.ui_locales_supported).toEqual(['en', 'de', 'fr', 'es', 'ja']);
  expect(metadata.claims_supported).toContain('locale');
});
