/** People with passwords and apps at a running server, and their way through its pages. */
import { randomBytes } from 'node:crypto';
import { generateSync } from 'otplib';
import { buildDomain } from '../../src/compose.js';
import { createCreateAccount } from '../../src/flows/create-account.js';
import type { Domain, Transact } from '../../src/flows/domain.js';
import { systemClock } from '../../src/kernel/clock.js';
import { createKeyring } from '../../src/kernel/keyring.js';
import type { Language } from '../../src/kernel/language.js';
import { Secret } from '../../src/kernel/secret.js';
import { createPasswordStrength } from '../../src/platform/password-strength.js';
import { openPostgres } from '../../src/platform/postgres.js';
import { openHasher } from './hasher.js';
import { authorizeUrl, type Database, type Fields, openDatabase } from './protocol.js';
import type { TestServer } from './server.js';
import { type Browser, follow, openBrowser, type Reply } from './shopper.js';

export type Person = {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  /** Base32, of those that have an app. */
  readonly secret: string;
};

export const PASSWORD = 'velvet otter mends the clocks';
/** As plausible as the right one. */
export const WRONG = 'velvet otter mends the socks';

export type People = Database & {
  readonly domain: Domain;
  readonly transact: Transact;
  add(options?: {
    staff?: boolean;
    app?: boolean;
    email?: string;
    locale?: Language;
  }): Promise<Person>;
};

/** Makes accounts as the server's own flows do, without its command line's start-up each time. */
export async function openPeople(server: TestServer): Promise<People> {
  const [id = '', key = ''] = (server.env.LATCHKEY_KEYRING ?? '').split(':');
  const postgres = openPostgres({ url: new Secret(server.databaseUrl), patient: true });
  const parts = {
    clock: systemClock,
    keyring: createKeyring([{ id, key: new Uint8Array(Buffer.from(key, 'base64')) }]),
    hasher: await openHasher(),
    strength: createPasswordStrength(),
    production: false,
  };
  const domain = buildDomain(postgres.db, parts);
  const transact: Transact = (work) => postgres.transaction((tx) => work(buildDomain(tx, parts)));
  const createAccount = createCreateAccount({ domain, transact });
  const database = await openDatabase(server);
  return {
    ...database,
    domain,
    transact,
    async add(options = {}) {
      const email = options.email ?? `${randomBytes(6).toString('hex')}@alder-oak.example`;
      const created = await createAccount({
        accountKind: options.staff ? 'staff' : 'shopper',
        email,
        emailVerified: true,
        password: PASSWORD,
        // Known to be good: whoever assessed it would load its dictionaries into every test.
        generated: true,
        profile: options.locale ? { locale: options.locale } : {},
        roles: [],
        withTotp: options.app ?? false,
        actor: { kind: 'operator' },
      });
      if (created.kind !== 'created') throw new Error(JSON.stringify(created));
      const { accountId, totpSecret = '' } = created;
      return { id: accountId, email, password: PASSWORD, secret: totpSecret };
    },
    async close() {
      await Promise.all([database.close(), postgres.close()]);
    },
  };
}

/** A browser at an address of its own; the server has to trust 127.0.0.1 as a proxy. */
export function browserAt(server: TestServer, ip: string): Browser {
  const browser = openBrowser(server);
  const from = { 'x-forwarded-for': ip };
  return {
    cookies: browser.cookies,
    get: (url, headers) => browser.get(url, { ...from, ...headers }),
    post: (url, fields, headers) => browser.post(url, fields, { ...from, ...headers }),
  };
}

/** The page on which a browser lands that a client sends here. */
export async function openLogin(
  server: TestServer,
  browser: Browser,
  changes: Fields = {},
): Promise<Reply> {
  return follow(browser, server, await browser.get(authorizeUrl(changes)));
}

/**
 * Sends the form that has the field, with everything hidden in it, and opens the next step as a
 * browser does; what leads out of the sign-in is returned as it came.
 */
export async function sendForm(
  browser: Browser,
  page: Reply,
  field: string,
  values: Record<string, string>,
): Promise<Reply> {
  const form = formWith(page, field);
  if (!form) throw new Error(`no form with ${field}: ${page.status} ${page.body}`);
  const hidden = [...form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
  const reply = await browser.post(form.match(/action="([^"]*)"/)?.[1] ?? '', {
    ...Object.fromEntries(hidden.map(([, name, value]) => [name, value])),
    ...values,
  });
  const next = reply.status === 303 && /^\/signin\/[\w-]+$/.test(reply.location ?? '');
  return next ? browser.get(reply.location ?? '') : reply;
}

export function formWith(page: Reply, field: string): string | undefined {
  return (page.body.match(/<form[\s\S]*?<\/form>/g) ?? []).find((form) =>
    form.includes(`name="${field}"`),
  );
}

/** What the app shows now, or some periods from now. */
export function codeOf(secret: string, steps = 0): string {
  return generateSync({ secret, epoch: Date.now() / 1000 + steps * 30 });
}

/** Six digits that the app shows neither now nor soon. */
export function wrongCodeOf(secret: string): string {
  const right = new Set([-2, -1, 0, 1, 2].map((steps) => codeOf(secret, steps)));
  for (let number = 100_000; ; number += 1) if (!right.has(String(number))) return String(number);
}
