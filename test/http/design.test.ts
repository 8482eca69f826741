/** The design page: there for whoever builds pages, and nowhere else. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../support/server.js';

describe('in development', () => {
  let server: TestServer;
  const open = (path: string) => fetch(`${server.issuer}/dev/design${path}`);

  beforeAll(async () => {
    server = await startServer();
  }, 120_000);
  afterAll(() => server?.stop());

  test('the design page shows components and leads to every page in every state', async () => {
    const reply = await open('');
    expect(reply.status).toBe(200);
    const page = await reply.text();
    const links = [...page.matchAll(/href="(\/dev\/design\/[\w-]+\?[^"]*)"/g)].map(
      ([, href = '']) => href.replaceAll('&amp;', '&'),
    );
    expect(links.length).toBeGreaterThan(100);
    for (const href of links.filter((_, at) => at % 7 === 0)) {
      const drawn = await fetch(server.issuer + href);
      expect({ href, status: drawn.status }).toEqual({ href, status: 200 });
      expect(await drawn.text()).toContain('<h1');
    }
  });

  test('a page is drawn in the language, theme and direction that were chosen', async () => {
    const page = await (await open('/sign-in?lang=de&theme=dark&dir=rtl')).text();
    expect(page).toContain('<html lang="de" dir="rtl" data-theme="dark">');
    expect(page).toContain('Passwort vergessen?');
  });

  test('what is no page is nothing, whatever it is called', async () => {
    for (const name of ['nothing', 'constructor', '__proto__', 'toString']) {
      expect((await open(`/${name}`)).status).toBe(404);
    }
    const odd = await (await open('/sign-in?theme="><script>&lang=xx&dir=up')).text();
    expect(odd).toContain('<html lang="en" dir="ltr">');
  });
});

test('where letters are sent by mail, there is no such page', async () => {
  const server = await startServer({
    env: { SMTP_URL: 'smtp://127.0.0.1:9', LATCHKEY_SEED: 'none' },
  });
  try {
    expect((await fetch(`${server.issuer}/dev/design`)).status).toBe(404);
  } finally {
    await server.stop();
  }
}, 120_000);
