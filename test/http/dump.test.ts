/**
 * Somebody has got hold of the database, or of the log. What is in there opens nothing and names
 * nobody.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ownerAt } from '../support/account.js';
import {
  initialToken,
  managementOf,
  OPEN,
  registerAt,
  sendMetadata,
} from '../support/client-registration.js';
import { askForCode, awaitCode, moveTo } from '../support/email-change.js';
import { isLegible } from '../support/leaks.js';
import {
  authorizeUrl,
  CATALOG,
  freshCode,
  newShopper,
  ORDERS,
  openDatabase,
  post,
  postAs,
  redemption,
  register,
  requestFields,
} from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { adminToken, type Browser, follow, openBrowser, submitLogin } from '../support/shopper.js';
import { openPeople, sendForm } from '../support/sign-in.js';

let server: TestServer;
/** What must be nowhere, by what it is. */
const precious = new Map<string, string>();
/** Six digits are found by chance in any haystack, so codes are looked for in ways of their own. */
const codes: string[] = [];
let columns: string[];
let dump: string;

const keep = (what: string, value: unknown) => {
  const text = String(value ?? '');
  if (text.length < 4) throw new Error(`${what} is not there to be looked for`);
  precious.set(`${what} #${precious.size}`, text);
};
const keepCookies = (whose: string, browser: Browser) => {
  for (const [name, { value }] of browser.cookies) keep(`${whose}: cookie ${name}`, value);
};

beforeAll(async () => {
  server = await startServer({ env: { ...OPEN, LOG_LEVEL: 'debug' } });
  await liveADay();
  ({ dump, columns } = await takeDump());
}, 180_000);
afterAll(async () => {
  await server.stop();
});

/** Logs people in, leaves things half done, makes mistakes; and remembers every value. */
async function liveADay() {
  const { demo } = server;
  const shopper = demo.users.shopper as { email: string; password: string };

  const scope = 'openid profile email offline_access orders:read';
  const first = await freshCode(server, { scope, resource: ORDERS, nonce: 'n0nce-of-the-day' });
  keep('a redeemed code', first.code);
  const tokens = await post(server, '/oauth2/token', redemption(first.code, { resource: ORDERS }));
  keep('an access token', tokens.json.access_token);
  keep('a used refresh token', tokens.json.refresh_token);
  keep('an ID token', tokens.json.id_token);
  const next = await post(server, '/oauth2/token', {
    grant_type: 'refresh_token',
    client_id: 'demo-storefront',
    refresh_token: String(tokens.json.refresh_token),
    resource: ORDERS,
  });
  keep('a refresh token', next.json.refresh_token);
  // What it was answered with lies there for whoever comes second.
  keep('the answer to a refresh', next.json.id_token);
  keep('a refreshed access token', next.json.access_token);
  keepCookies('a shopper', first.browser);
  const pending = await freshCode(server, { scope: 'openid email' }, { browser: first.browser });
  keep('a code', pending.code);
  const named = await freshCode(server, { scope: 'openid email' }, { browser: first.browser });
  const userinfo = await post(server, '/oauth2/token', redemption(named.code));
  await fetch(`${server.issuer}/oauth2/userinfo`, {
    headers: { authorization: `Bearer ${userinfo.json.access_token}` },
  });
  keep('a userinfo token', userinfo.json.access_token);
  keepCookies('a shopper later', first.browser);

  const account = await follow(first.browser, server, await first.browser.get('/account'));
  keepCookies('a shopper at the account pages', first.browser);
  keep('a form token', account.body.match(/name="csrf" value="([^"]+)"/)?.[1]);
  const enrolling = '/account/authenticators/app';
  const app = await follow(first.browser, server, await first.browser.get(enrolling));
  keep('a key that was shown', app.body.match(/data-copy="([A-Z2-7]{32})"/)?.[1]);

  const profile = await follow(first.browser, server, await first.browser.get('/account/profile'));
  const said = { name: 'Wilhelmine Sauerampfer', family_name: 'Sauerampfer' };
  await sendForm(first.browser, profile, 'name', said);
  const phone = await follow(
    first.browser,
    server,
    await first.browser.get('/account/profile/phone'),
  );
  await sendForm(first.browser, phone, 'phone', { phone: '+441632960961' });
  keep('a name that was saved', 'Sauerampfer');
  keep('a phone number', '441632960961');

  // Somebody leaves, and the last letter to them has to know where it goes.
  const leaver = await newShopper(server);
  const leaving = openBrowser(server);
  const own = await follow(leaving, server, await leaving.get('/account/close'));
  const question = await follow(leaving, server, await submitLogin(leaving, own, leaver));
  const closed = await sendForm(leaving, question, 'email', { email: leaver.email });
  expect(closed.location).toBe('/account/closed');
  keep('the address of somebody who left', leaver.email);

  // Half way through: the password is right, the next page was never opened.
  const undecided = openBrowser(server);
  const hint = 'somebody.curious@private.example';
  keep('a login hint', hint);
  const form = await follow(
    undecided,
    server,
    await undecided.get(authorizeUrl({ login_hint: hint, state: 'st4te-of-the-day' })),
  );
  keep('an interaction', form.body.match(/\/signin\/([^/"]+)\//)?.[1]);
  keepCookies('a visitor', undecided);
  const wrong = { email: 'not.registered@private.example', password: 'my other password' };
  keep('a mistyped name', wrong.email);
  keep('a wrong password', wrong.password);
  await submitLogin(undecided, form, wrong);
  await submitLogin(undecided, form, shopper);

  const pushed = await post(server, '/oauth2/par', requestFields({ login_hint: hint }));
  keep('a request_uri', String(pushed.json.request_uri).split(':').at(-1));

  const partner = await register(server, 'partner-shop', [
    '--redirect-uri',
    'https://partner.example/cb',
    '--scope',
    'openid email',
  ]);
  keep('a new client’s secret', partner.client_secret);
  const initial = await initialToken(server);
  keep('an initial access token', initial.token);
  const itself = { redirect_uris: ['https://fernhill.example/cb'], client_name: 'Fernhill' };
  const made = await registerAt(server, initial.token, itself);
  const { uri, access } = managementOf(made);
  keep('the secret of a client that registered itself', made.json.client_secret);
  keep('a registration access token that was replaced', access);
  const put = { ...itself, client_id: made.json.client_id };
  const changed = await sendMetadata(uri, access, put, { method: 'PUT' });
  keep('a registration access token', managementOf(changed).access);
  const consenting = openBrowser(server);
  const ask = authorizeUrl({
    client_id: 'partner-shop',
    redirect_uri: 'https://partner.example/cb',
    login_hint: hint,
  });
  const page = await follow(consenting, server, await consenting.get(ask));
  const other = demo.users.shopper_mfa as { email: string; password: string };
  await follow(consenting, server, await submitLogin(consenting, page, other));
  keepCookies('a shopper before consent', consenting);

  for (const [name, resource] of Object.entries({ orders: ORDERS, catalog: CATALOG })) {
    const machine = await postAs(server, 'automation', '/oauth2/token', {
      grant_type: 'client_credentials',
      resource,
    });
    keep(`a machine's token for ${name}`, machine.json.access_token);
  }
  keep('an admin token', await adminToken(server));
  await postAs(server, 'orders_api', '/oauth2/introspect', {
    token: String(next.json.access_token),
  });
  await post(server, '/oauth2/token', {
    grant_type: 'client_credentials',
    client_id: 'demo-automation',
    client_secret: 'a wrong but telling secret',
  });
  keep('a wrong secret', 'a wrong but telling secret');
  await fetch(`${server.issuer}/oauth2/authorize?client_id=${encodeURIComponent(hint)}`);
  await fetch(`${server.issuer}/nothing/${encodeURIComponent(hint)}`);

  await moveHouse();

  for (const [key, client] of Object.entries(demo.clients)) {
    if (client.client_secret) keep(`the secret of ${key}`, client.client_secret);
  }
  for (const [key, user] of Object.entries(demo.users)) {
    keep(`the password of ${key}`, user.password);
    keep(`the address of ${key}`, user.email);
    keep(`the address of ${key}, without its host`, user.email.split('@')[0]);
  }
  for (const name of ['Robin', 'Sterling', 'van den Berg', 'Okafor', 'Moreau']) {
    keep('a name', name);
  }
  const keyring = (server.env.LATCHKEY_KEYRING ?? '').split(':')[1] ?? '';
  keep('the keyring’s key', keyring);
  for (const key of (server.env.LATCHKEY_COOKIE_KEYS ?? '').split(',')) keep('a cookie key', key);
}

/** Somebody has changed their address, can still undo it, and is about to change it again. */
async function moveHouse() {
  const people = await openPeople(server);
  try {
    const mara = await people.add({ email: 'mara.holloway@private.example' });
    const owner = ownerAt(server, people, openBrowser(server), mara);
    const next = 'mara.tansley@private.example';
    const link = await moveTo(server, owner, next);
    keep('a way back to an address', link.split('/').at(-1));
    const wanted = 'mara.wexcombe@private.example';
    await askForCode(ownerAt(server, people, owner.browser, { ...mara, email: next }), wanted);
    codes.push(await awaitCode(server, next), await awaitCode(server, wanted));
    for (const address of [mara.email, next, wanted]) {
      keep('an address on the move', address);
      keep('an address on the move, without its host', address.split('@')[0]);
    }
    keepCookies('somebody on the move', owner.browser);
  } finally {
    await people.close();
  }
}

/** Every row of every table as text, with everything that is encoded decoded as well. */
async function takeDump(): Promise<{ dump: string; columns: string[] }> {
  const database = await openDatabase(server);
  try {
    const tables = await database.query(
      `SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS name FROM pg_tables
        WHERE schemaname IN ('public', 'graphile_worker')`,
    );
    const parts: string[] = [];
    for (const { name } of tables) {
      const rows = await database.query(`SELECT t::text AS line FROM ${name} t`);
      for (const { line } of rows) {
        const text = String(line);
        parts.push(text, text.replaceAll('\\\\', '\\').replaceAll('""', '"'));
        for (const [hex] of text.matchAll(/[0-9a-f]{16,}/g)) {
          const bytes = Buffer.from(hex, 'hex');
          parts.push(bytes.toString('latin1'), bytes.toString('utf8'), bytes.toString('utf16le'));
          parts.push(bytes.toString('base64'), bytes.toString('base64url'));
        }
      }
    }
    const described = await database.query(
      "SELECT table_name || '.' || column_name AS name FROM information_schema.columns WHERE table_schema = 'public'",
    );
    return { dump: parts.join('\n'), columns: described.map(({ name }) => String(name)) };
  } finally {
    await database.close();
  }
}

/** Whatever is shorter stands by chance in some of the hundred thousand random letters there are. */
const TELLING = 10;
const forms = (value: string): string[] =>
  [
    value,
    encodeURIComponent(value),
    Buffer.from(value).toString('base64').replace(/=+$/, ''),
    Buffer.from(value).toString('hex'),
    Buffer.from(value, 'base64').toString('hex'),
  ].filter((form) => form.length >= TELLING);
const foundIn = (text: string): string[] => {
  const lower = text.toLowerCase();
  const isIn = (value: string) =>
    (value.length < TELLING && isLegible(text, value)) ||
    forms(value).some((form) => lower.includes(form.toLowerCase()));
  return [...precious].filter(([, value]) => isIn(value)).map(([what]) => what);
};

test('the day left its traces: the dump is of a server at work', () => {
  expect(precious.size).toBeGreaterThan(60);
  for (const kind of [
    'Session',
    'Grant',
    'AccessToken',
    'RefreshToken',
    'RefreshAnswer',
    'AuthorizationCode',
    'Interaction',
    'PushedAuthorizationRequest',
    'ClientCredentials',
  ]) {
    expect(dump).toContain(`,${kind},`);
  }
  expect(columns).toContain('artifacts.payload');
  expect(dump).toContain('demo-storefront');
  // It can be found, if it is there: by its digest every token is.
  const token = [...precious].find(([what]) => what.startsWith('an access token'))?.[1] ?? '';
  expect(dump).toContain(createHash('sha256').update(token).digest('hex'));
});

test('a thief of the database finds no value that opens anything, and nobody’s name', () => {
  // Short names are looked for as words: where one stands, it is seen.
  expect(foundIn('(1,"{""given_name"": ""Robin""}")')).toEqual([expect.stringMatching('a name')]);
  expect(foundIn(dump)).toEqual([]);
});

test('a thief of the database finds no code of a letter, nor a hash to try all codes against', () => {
  expect(columns).toContain('email_requests.code_hash');
  expect(codes).toHaveLength(2);
  for (const code of codes) {
    expect(isLegible(dump, code)).toBe(false);
    expect(dump).not.toContain(createHash('sha256').update(code).digest('hex'));
  }
});

test('a thief of the database finds no private key', () => {
  expect(dump).toMatch(/"kty": ?"EC"/);
  expect(dump).not.toMatch(/"(d|p|q|dp|dq|qi|k)"\s*:\s*"/);
  expect(dump).not.toMatch(/PRIVATE KEY/);
  expect(dump).not.toMatch(/"login_hint"|"jti"/);
});

test('a password is stored as argon2id and nothing else', () => {
  const hashes = dump.match(/\$argon2[^")\n]*/g) ?? [];
  expect(hashes.length).toBeGreaterThan(0);
  for (const hash of hashes) {
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=(19456|[2-9]\d{4,}),t=[2-9],p=1\$/);
  }
});

test('the log, however talkative, tells none of it either', () => {
  const log = server
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .join('\n');
  expect(log).toContain('"msg":"request"');
  expect(log).toContain('/signin/:uid/login');
  expect(foundIn(log)).toEqual([]);
  expect(log).not.toMatch(/st4te-of-the-day|n0nce-of-the-day/);
});
