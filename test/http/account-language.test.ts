/** The account pages speak the language that their owner has chosen for themselves. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Language } from '../../src/kernel/language.js';
import { type Owner, ownerAt } from '../support/account.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Browser, follow, openBrowser, type Reply } from '../support/shopper.js';
import { openPeople, type People } from '../support/sign-in.js';

vi.setConfig({ testTimeout: 40_000, hookTimeout: 60_000 });

const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) Gecko/20100101 Firefox/128.0';

let server: TestServer;
let people: People;

beforeAll(async () => {
  server = await startServer({ env: { LATCHKEY_BOT_CHALLENGE: 'off' } });
  people = await openPeople(server);
});
afterAll(async () => {
  await people.close();
  await server.stop();
});

/** Firefox on Windows, set up to read one language. */
function browserFor(language: string): Browser {
  const browser = openBrowser(server);
  const sent = { 'accept-language': language, 'user-agent': FIREFOX };
  return {
    cookies: browser.cookies,
    get: (url, headers) => browser.get(url, { ...sent, ...headers }),
    post: (url, fields, headers) => browser.post(url, fields, { ...sent, ...headers }),
  };
}
const someone = async (options: { locale?: Language; browser: string }): Promise<Owner> =>
  ownerAt(server, people, browserFor(options.browser), await people.add(options));
const languageOf = ({ body }: Reply) => /<html lang="([a-z]+)"/.exec(body)?.[1];

describe('an owner', () => {
  test('is spoken to in their own language, whatever the browser says', async () => {
    const mara = await someone({ locale: 'ja', browser: 'de' });
    const page = await mara.open();
    expect([languageOf(page), page.body.includes('概要')]).toEqual(['ja', true]);
    const devices = await mara.open('/account/devices');
    expect(devices.body).toContain('<h2>Firefox（Windows）');
    const refused = await mara.changePassword('vhu9kp');
    expect([refused.status, languageOf(refused)]).toEqual([422, 'ja']);
    expect(refused.body).toContain('パスワードは12文字以上にしてください。');
  });

  test('who has none follows the browser', async () => {
    const mara = await someone({ browser: 'de-AT,de;q=0.9,en;q=0.5' });
    expect(languageOf(await mara.open())).toBe('de');
    const devices = await mara.open('/account/devices');
    expect(devices.body).toContain('<h2>Firefox unter Windows');
    const added = await mara.open('/account/authenticators/passkeys/new');
    expect(added.body).toContain('value="Firefox unter Windows"');
  });

  test('who chooses another at the foot of a page has it in this browser', async () => {
    const mara = await someone({ locale: 'ja', browser: 'de' });
    await mara.open();
    await mara.browser.post('/language', { language: 'fr', return_to: '/account' });
    expect(languageOf(await mara.open())).toBe('fr');
    const elsewhere = ownerAt(server, people, browserFor('en'), mara.person);
    expect(languageOf(await elsewhere.open())).toBe('ja');
  });

  test('is asked to sign in again in that language too', async () => {
    const mara = await someone({ locale: 'ja', browser: 'de' });
    await mara.open();
    await mara.grow(400);
    const asked = await follow(
      mara.browser,
      server,
      await mara.browser.get('/account/authenticators/app'),
    );
    expect([languageOf(asked), asked.body.includes('name="login"')]).toEqual(['ja', true]);
    // The browser of a stranger speaks for itself.
    const stranger = browserFor('es');
    const first = await follow(stranger, server, await stranger.get('/account'));
    expect(languageOf(first)).toBe('es');
  });
});
