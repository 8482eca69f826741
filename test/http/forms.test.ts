/**
 * Every form of the sign-in pages, sent by somebody else: without the page's token, with the one
 * of another page, or from another site. Each time the values are right, so only the guard is in
 * the way; and nothing at all may change in the database.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { askForCode, awaitCode, openEmailCode } from '../support/email-code.js';
import { type Fields, ORDERS, register } from '../support/protocol.js';
import { CALM, startServer, type TestServer } from '../support/server.js';
import {
  type Browser,
  follow,
  formAction,
  hiddenField,
  openBrowser,
  type Reply,
} from '../support/shopper.js';
import {
  codeOf,
  openLogin,
  openPeople,
  type People,
  type Person,
  sendForm,
} from '../support/sign-in.js';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

const PARTNER: Fields = {
  client_id: 'form-partner',
  redirect_uri: 'https://partner.example/cb',
  scope: 'openid orders:read',
  resource: ORDERS,
};

let server: TestServer;
let people: People;
let tables: string[];

beforeAll(async () => {
  server = await startServer({ env: CALM });
  people = await openPeople(server);
  await register(server, 'form-partner', [
    ...['--redirect-uri', 'https://partner.example/cb', '--scope', 'openid'],
    ...['--allow', `${ORDERS}=orders:read`, '--auth', 'none'],
  ]);
  // Letters that were on their way already may arrive at any time.
  const rows = await people.query(
    `SELECT quote_ident(tablename) AS name FROM pg_tables
      WHERE schemaname = 'public' AND tablename <> 'mailbox_messages'`,
  );
  tables = rows.map(({ name }) => String(name)).sort();
});
afterAll(async () => {
  await people.close();
  await server.stop();
});

/** One line a table: how many rows, and what is in them. */
async function everything(): Promise<Record<string, unknown>> {
  const seen: Record<string, unknown> = {};
  for (const table of tables) {
    const [row] = await people.query(
      `SELECT count(*)::int AS rows, md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) AS content
         FROM ${table} t`,
    );
    seen[table] = `${row?.rows} ${row?.content}`;
  }
  return seen;
}

/** A browser that stands at a page, and the form on it, filled in rightly. */
type Stand = {
  readonly browser: Browser;
  readonly action: string;
  readonly csrf: string;
  readonly values: Record<string, string>;
};

const stand = (
  browser: Browser,
  page: Reply,
  field: string,
  values: Record<string, string>,
): Stand => {
  const action = formAction(page.body, field);
  if (!action) throw new Error(`no form with ${field}: ${page.status} ${page.body}`);
  return { browser, action, csrf: hiddenField(page.body, 'csrf'), values };
};

async function enter(person: Person, changes: Fields = {}): Promise<[Browser, Reply]> {
  const browser = openBrowser(server);
  const page = await openLogin(server, browser, changes);
  const login = { login: person.email, password: person.password };
  return [browser, await sendForm(browser, page, 'password', login)];
}

const stands: Record<string, () => Promise<Stand>> = {
  async login() {
    const { email, password } = await people.add();
    const browser = openBrowser(server);
    const page = await openLogin(server, browser);
    return stand(browser, page, 'password', { login: email, password });
  },
  async code() {
    const person = await people.add({ app: true });
    const [browser, page] = await enter(person);
    return stand(browser, page, 'code', { code: codeOf(person.secret) });
  },
  async recovery() {
    const person = await people.add({ app: true });
    const [code = ''] = await people.domain.credentials.replaceRecoveryCodes(person.id);
    const [browser, asked] = await enter(person);
    const page = await browser.get(asked.body.match(/href="([^"]*use=recovery)"/)?.[1] ?? '');
    return stand(browser, page, 'recovery_code', { recovery_code: code });
  },
  async enrolment() {
    const [browser, page] = await enter(await people.add({ staff: true }));
    const secret = page.body.match(/data-copy="([A-Z2-7]{32})"/)?.[1] ?? '';
    return stand(browser, page, 'code', { code: codeOf(secret) });
  },
  async codes() {
    const [browser, asked] = await enter(await people.add({ staff: true }));
    const secret = asked.body.match(/data-copy="([A-Z2-7]{32})"/)?.[1] ?? '';
    const page = await sendForm(browser, asked, 'code', { code: codeOf(secret) });
    return stand(browser, page, 'saved', { saved: 'yes' });
  },
  async consent() {
    const [browser, done] = await enter(await people.add(), PARTNER);
    const page = await follow(browser, server, done);
    const action = page.body.match(/action="([^"]*\/consent)"/)?.[1] ?? '';
    if (!action) throw new Error(`no consent page: ${page.status} ${page.body}`);
    return { browser, action, csrf: hiddenField(page.body, 'csrf'), values: {} };
  },
  async 'email-code'() {
    const { email } = await people.add();
    const browser = openBrowser(server);
    return stand(browser, await openEmailCode(server, browser), 'login', { login: email });
  },
  async 'email-code/code'() {
    const { email } = await people.add();
    const browser = openBrowser(server);
    const page = await askForCode(server, browser, email);
    return stand(browser, page, 'code', { code: await awaitCode(server, email) });
  },
  async cancel() {
    const browser = openBrowser(server);
    const page = await openLogin(server, browser);
    const action = page.body.match(/action="([^"]*\/cancel)"/)?.[1] ?? '';
    return { browser, action, csrf: hiddenField(page.body, 'csrf'), values: {} };
  },
  async 'cancel at the consent page'() {
    const at = (await stands.consent?.()) as Stand;
    return { ...at, action: at.action.replace(/consent$/, 'cancel') };
  },
};

describe.each(Object.keys(stands))('the form %s', (name) => {
  let own: Stand;
  let other: Stand;
  beforeAll(async () => {
    own = (await stands[name]?.()) as Stand;
    other = (await stands[name]?.()) as Stand;
    expect(other.csrf).not.toBe('');
    expect(own.csrf).not.toBe(other.csrf);
  });

  const forgeries: readonly (readonly [
    how: string,
    token: () => string | undefined,
    headers: () => Record<string, string>,
  ])[] = [
    ['without a token', () => undefined, () => ({})],
    ['with an empty token', () => '', () => ({})],
    ['with the token of another page', () => other.csrf, () => ({})],
    ['by another site', () => own.csrf, () => ({ 'sec-fetch-site': 'cross-site' })],
    ['by a neighbour of the site', () => own.csrf, () => ({ 'sec-fetch-site': 'same-site' })],
    ['from a foreign origin', () => own.csrf, () => ({ origin: 'https://elsewhere.example' })],
    [
      'from a foreign origin of the same name',
      () => own.csrf,
      () => ({ origin: server.issuer.replace(/\d+$/, '9') }),
    ],
  ];
  test.each(forgeries)(
    'is refused when it is sent %s, and changes nothing',
    async (_how, token, headers) => {
      const before = await everything();
      const csrf = token();
      const fields = { ...own.values, ...(csrf === undefined ? {} : { csrf }) };
      const reply = await own.browser.post(own.action, fields, headers());
      expect([reply.status, reply.location]).toEqual([403, undefined]);
      expect(reply.headers.getSetCookie()).toEqual([]);
      expect(await everything()).toEqual(before);
    },
  );

  test('does what it says when the page itself sends it', async () => {
    const before = await everything();
    const fields = { ...own.values, csrf: own.csrf };
    const headers = { origin: server.issuer, 'sec-fetch-site': 'same-origin' };
    const reply = await own.browser.post(own.action, fields, headers);
    expect(reply.status).toBeLessThan(400);
    expect(await everything()).not.toEqual(before);
  });
});
