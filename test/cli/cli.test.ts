/** The command line, as operators and their scripts meet it. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import type { Core } from '../../src/compose.js';
import { type CommandLine, openCommandLine } from '../support/command-line.js';
import { emptyDatabase } from '../support/database.js';
import { cleanEnvironment, runLatchkey } from '../support/server.js';

const ORDERS = 'https://api.demo-shop.example/orders';

let shell: CommandLine;
let core: Core;
let env: Readonly<Record<string, string>>;
/** How often commands had opened the database before this test. */
let openedBefore = 0;

beforeAll(async () => {
  shell = await openCommandLine();
  ({ core, env } = shell);
});
afterAll(async () => {
  await shell.close();
});
beforeEach(() => {
  openedBefore = shell.opened();
});

const latchkey: CommandLine['run'] = (...argv) => shell.run(...argv);
const json: CommandLine['json'] = (...argv) => shell.json(...argv);
const failure: CommandLine['failure'] = (...argv) => shell.failure(...argv);
const lastEvent: CommandLine['lastEvent'] = () => shell.lastEvent();
const openedNow = () => shell.opened() - openedBefore;

// One word: of a UUID's groups of four a drawn password could hold one, and be refused for it.
const newEmail = () => `${randomBytes(12).toString('hex')}@fernhill.example`;
const newClientId = () => `client-${randomUUID()}`;
const newUser = async (...more: string[]) => {
  const email = newEmail();
  const made = await json<{ id: string; password: string }>('users', 'create', email, ...more);
  return { email, ...made };
};
const checkPassword = async (id: string, password: string) =>
  (await core.domain.credentials.checkPassword(id, password)).kind;

const COMMANDS = [
  'users create',
  'users disable',
  'users enable',
  'users revoke',
  'clients create',
  'clients list',
  'clients secret',
  'clients brand',
  'clients sign-up',
  'clients email-code',
  'clients disable',
  'clients enable',
  'resource-servers create',
  'resource-servers list',
  'resource-servers require',
  'keys list',
  'keys rotate',
];

describe('help', () => {
  test.each([['help'], ['--help'], ['-h'], ['help', 'me']])(
    '%s shows every command',
    async (...argv) => {
      const { code, lines, complaints } = await latchkey(...argv);
      expect({ code, complaints, opened: openedNow() }).toEqual({
        code: 0,
        complaints: [],
        opened: 0,
      });
      for (const name of [...COMMANDS, 'start', 'migrate']) {
        expect(lines.some((line) => line.startsWith(`  ${name} `))).toBe(true);
      }
    },
  );

  test.each(COMMANDS)('%s --help explains itself and does nothing', async (name) => {
    const { code, lines } = await latchkey(...name.split(' '), '--help', '--nonsense');
    expect({ code, opened: openedNow() }).toEqual({ code: 0, opened: 0 });
    expect(lines[0]).toContain(`Usage: latchkey ${name}`);
    expect(lines.join('\n')).toContain('--json');
  });

  it('of a group shows all of its commands', async () => {
    const { code, lines } = await latchkey('users', '--help');
    expect(code).toBe(0);
    for (const name of COMMANDS.filter((command) => command.startsWith('users'))) {
      expect(lines).toContainEqual(expect.stringContaining(`Usage: latchkey ${name}`));
    }
  });
});

describe('a command line that is not understood ends with 2, in one line, having done nothing', () => {
  const wrong: readonly (readonly [argv: string[], complaint: RegExp])[] = [
    [['frobnicate'], /There is no command "frobnicate"/],
    [['users'], /try users create, users disable/],
    [['users', 'destroy'], /There is no command "users destroy": try/],
    [['worker'], /There is no command "worker"/],
    [['--version'], /There is no command/],
    [['start', 'now'], /takes no arguments/],
    [['migrate', '--force'], /takes no arguments/],
    [['users', 'create'], /one e-mail address.*--help/],
    [['users', 'create', 'a@b.example', 'c@d.example'], /one e-mail address/],
    [['users', 'create', 'a@b.example', '--staf'], /--staf/],
    [['users', 'create', 'a@b.example', '--role', 'owner'], /no role "owner"/],
    [['users', 'create', 'a@b.example', '--role'], /--role/],
    [['users', 'create', 'a@b.example', '--password', 'x'], /--password/],
    [['users', 'disable'], /one account/],
    [['users', 'revoke', 'a@b.example', '--what', 'everything'], /"everything" cannot be revoked/],
    [['clients', 'create'], /one client id/],
    [['clients', 'create', 'shop', '--auth', 'basic'], /--auth must be one of/],
    [['clients', 'create', 'shop', '--grant-type', 'password'], /--grant-type must be one of/],
    [['clients', 'create', 'shop', '--id-token-alg', 'none'], /--id-token-alg must be one of/],
    [['clients', 'create', 'shop', '--allow', 'orders'], /--allow must be/],
    [['clients', 'create', 'shop', '--jwks', '/no/such/file'], /--jwks: ENOENT/],
    [['clients', 'list', 'all'], /nothing else/],
    [['clients', 'secret'], /one client id/],
    [['keys', 'list', '--alg', 'RS256'], /--alg/],
    [['keys', 'rotate', '--kid', 'x'], /--kid is for --emergency/],
    [['keys', 'rotate', '--yes'], /--yes is for --emergency/],
    [
      ['resource-servers', 'create', 'urn:x', '--jwt', '--jwt-alg', 'none'],
      /--jwt-alg must be one of/,
    ],
    [['resource-servers', 'create', 'urn:x', '--jwt-alg', 'PS256'], /--jwt-alg is for --jwt/],
    [['keys', 'rotate', 'now'], /nothing else/],
  ];
  test.each(wrong)('%j', async (argv, complaint) => {
    const { code, lines, complaints } = await latchkey(...argv);
    expect({ code, lines, opened: openedNow() }).toEqual({ code: 2, lines: [], opened: 0 });
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toMatch(complaint);
  });
});

describe('users create', () => {
  it('shows the password that it made, once', async () => {
    const email = newEmail();
    const { code, lines } = await latchkey('users', 'create', email);
    expect(code).toBe(0);
    const id = /^Created ([0-9a-f-]{36})$/.exec(lines[0] ?? '')?.[1] ?? '';
    const password =
      /^Password {2}(\S{20}) {2}\(shown this once\)$/.exec(lines[1] ?? '')?.[1] ?? '';
    expect(await checkPassword(id, password)).toBe('right');
    expect(await lastEvent()).toMatchObject({
      event: 'account_created',
      actorKind: 'operator',
      subjectId: id,
    });
  });

  it('knows staff with roles, and a profile', async () => {
    const { id } = await newUser(
      ...['--staff', '--role', 'support', '--role', 'admin', '--email-verified'],
      ...['--name', 'Sam Okafor', '--given-name', 'Sam', '--family-name', 'Okafor'],
    );
    expect(await core.domain.identity.findPerson(id)).toMatchObject({
      kind: 'staff',
      emailVerified: true,
      profile: { name: 'Sam Okafor', givenName: 'Sam', familyName: 'Okafor' },
    });
    const roles = await core.postgres.db.accountRole.findMany({ where: { accountId: id } });
    expect(roles.map(({ role }) => role).sort()).toEqual(['admin', 'support']);
  });

  it('refuses a name that is taken, however it is spelled', async () => {
    const { email } = await newUser();
    for (const spelling of [email, email.toUpperCase(), ` ${email} `]) {
      expect(await failure('users', 'create', spelling)).toBe(
        'There is an account with that e-mail address already',
      );
    }
  });

  it('refuses what is no address, and roles for shoppers, together', async () => {
    expect(await failure('users', 'create', 'nobody', '--role', 'admin')).toBe(
      'That is not an e-mail address; Only staff carry roles',
    );
  });
});

describe('users disable, enable and revoke', () => {
  it('find an account by its id or its address', async () => {
    const { id, email } = await newUser();
    for (const who of [id, email, email.toUpperCase()]) {
      expect(await json('users', 'disable', who, '--reason', 'fraud')).toEqual({
        id,
        status: 'disabled',
      });
      expect((await core.domain.identity.findAccount(id))?.status).toBe('disabled');
      expect(await lastEvent()).toMatchObject({
        event: 'account_disabled',
        actorKind: 'operator',
        details: { reason: 'fraud' },
      });
      expect((await latchkey('users', 'enable', who)).lines).toEqual([`${id} is active`]);
      expect((await core.domain.identity.findAccount(id))?.status).toBe('active');
    }
  });

  it('end what they are told to end, and can be repeated', async () => {
    const { id, email, password } = await newUser();
    const none = { sessions: 0, grants: 0, tokens: 0, credentials: 0 };
    expect(await json('users', 'revoke', email)).toEqual({ id, revoked: none });
    expect(await checkPassword(id, password)).toBe('right');
    expect(await json('users', 'revoke', id, '--what', 'sessions,credentials')).toEqual({
      id,
      revoked: { ...none, credentials: 1 },
    });
    expect(await checkPassword(id, password)).toBe('wrong');
    expect(await json('users', 'revoke', id, '--what', 'tokens')).toEqual({ id, revoked: none });
    expect((await latchkey('users', 'revoke', id)).lines).toEqual([
      `Ended 0 sessions, 0 grants, 0 tokens and 0 credentials of ${id}`,
    ]);
  });

  test.each(['disable', 'enable', 'revoke'])(
    '%s says when there is no such account',
    async (what) => {
      for (const who of [randomUUID(), newEmail(), 'not-an-address', '']) {
        expect(await failure('users', what, who)).toBe('There is no such account');
      }
    },
  );
});

describe('clients create', () => {
  it('shows the secret once, and none where there is none', async () => {
    const id = newClientId();
    const { code, lines } = await latchkey('clients', 'create', id, '--name', 'Machine');
    expect({ code, first: lines[0] }).toEqual({ code: 0, first: `Registered ${id}` });
    expect(lines[1]).toMatch(/^Secret {2}[A-Za-z0-9_-]{43} {2}\(shown this once\)$/);
    const open = newClientId();
    expect(
      await json(
        ...['clients', 'create', open, '--name', 'Shop', '--auth', 'none'],
        ...['--redirect-uri', 'https://shop.example/cb', '--scope', 'openid email'],
        ...['--allow', `${ORDERS}=orders:read,cart:write`, '--web-origin', 'https://shop.example'],
        ...[
          '--post-logout-redirect-uri',
          'https://shop.example/',
          '--first-party',
          '--require-par',
        ],
        ...['--policy-uri', 'https://shop.example/privacy', '--dpop', '--id-token-alg', 'RS256'],
      ),
    ).toEqual({ client_id: open });
    expect(await core.domain.clients.find(open)).toMatchObject({
      name: 'Shop',
      firstParty: true,
      authMethod: 'none',
      grantTypes: ['authorization_code', 'refresh_token'],
      redirectUris: ['https://shop.example/cb'],
      identityScopes: ['openid', 'email'],
      idTokenAlg: 'RS256',
      requirePushedRequests: true,
      dpopBoundAccessTokens: true,
      policyUri: 'https://shop.example/privacy',
      secrets: [],
    });
    const rights = await core.domain.access.rightsOf(open);
    expect(rights.grants.get(ORDERS)).toEqual(new Set(['orders:read', 'cart:write']));
  });

  it('makes an API that only introspects, and one that has its own keys', async () => {
    const api = newClientId();
    await json('clients', 'create', api, '--name', 'Orders', '--audience', ORDERS);
    expect((await core.domain.clients.find(api))?.grantTypes).toEqual([]);
    expect((await core.domain.access.rightsOf(api)).audiences).toEqual(new Set([ORDERS]));

    const file = join(tmpdir(), `${randomUUID()}.json`);
    await writeFile(file, JSON.stringify({ keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }] }));
    const keyed = newClientId();
    const made = await json(
      ...[
        'clients',
        'create',
        keyed,
        '--name',
        'Robot',
        '--auth',
        'private_key_jwt',
        '--jwks',
        file,
      ],
    );
    expect(made).toEqual({ client_id: keyed });
    await writeFile(file, 'not json');
    const { code } = await latchkey(
      'clients',
      'create',
      newClientId(),
      '--name',
      'x',
      '--jwks',
      file,
    );
    expect(code).toBe(2);
  });

  const refused: readonly (readonly [why: string, more: string[], complaint: RegExp])[] = [
    ['a redirect to http', ['--redirect-uri', 'http://shop.example/cb'], /must be https/],
    ['a redirect with a fragment', ['--redirect-uri', 'https://shop.example/#x'], /fragment/],
    ['a redirect with a user', ['--redirect-uri', 'https://me@shop.example/'], /user information/],
    ['a redirect with a wildcard', ['--redirect-uri', 'https://*.shop.example/'], /wildcards/],
    ['a scheme of its own on the web', ['--redirect-uri', 'app.shop.example:/cb'], /must be https/],
    ['a bare scheme', ['--native', '--redirect-uri', 'shop:/cb'], /reversed domain name/],
    ['a scope nobody knows', ['--scope', 'openid shoesize'], /shoesize is not an OpenID scope/],
    [
      'a scope the API has not',
      ['--allow', `${ORDERS}=orders:delete`],
      /has no scope orders:delete/,
    ],
    ['an API nobody knows', ['--allow', 'https://x.example=a'], /no resource server https:\/\/x/],
    ['an audience nobody knows', ['--audience', 'https://x.example'], /no resource server/],
    ['an origin with a path', ['--web-origin', 'https://shop.example/a'], /not a web origin/],
    ['keys that are missing', ['--auth', 'private_key_jwt'], /needs public keys/],
    [
      'a code without a redirect',
      ['--grant-type', 'authorization_code'],
      /redirect URI is required/,
    ],
    ['no secret for a machine', ['--auth', 'none'], /needs a client that can authenticate/],
    ['a page without https', ['--tos-uri', 'http://shop.example/'], /must be an https address/],
  ];
  test.each(refused)('refuses %s', async (_why, more, complaint) => {
    const id = newClientId();
    expect(await failure('clients', 'create', id, '--name', 'Shop', ...more)).toMatch(complaint);
    expect(await core.domain.clients.find(id)).toBeUndefined();
  });

  it('refuses an id that is taken or none, and a missing name', async () => {
    expect(await failure('clients', 'create', 'demo-automation', '--name', 'x')).toBe(
      'There is a client "demo-automation" already',
    );
    expect(await failure('clients', 'create', 'a b', '--name', 'x')).toMatch(/The id must be/);
    expect(await failure('clients', 'create', newClientId())).toMatch(/The name must be/);
  });
});

describe('clients list', () => {
  it('shows all of them, for people and for scripts', async () => {
    const shown = await json<{ client_id: string }[]>('clients', 'list');
    expect(shown).toContainEqual({
      client_id: 'demo-storefront',
      name: 'Alder & Oak',
      status: 'active',
      authMethod: 'none',
      firstParty: true,
      signUp: true,
      emailCode: true,
      selfRegistered: false,
    });
    expect(shown).toContainEqual(
      expect.objectContaining({ client_id: 'demo-orders-api', signUp: false, emailCode: false }),
    );
    const { lines } = await latchkey('clients', 'list');
    expect(lines[0]).toMatch(
      /^ID +NAME +STATUS +AUTHENTICATION +FIRST PARTY +SIGN-UP +E-MAIL CODE +REGISTERED BY$/,
    );
    expect(lines).toHaveLength(shown.length + 1);
  });

  it('shows more of them than one page holds', async () => {
    const ids = Array.from({ length: 205 }, (_, i) => `bulk-${String(i).padStart(3, '0')}`);
    await Promise.all(
      ids.map((id) =>
        core.domain.clients.register({ id, name: id, authMethod: 'none', grantTypes: [] }),
      ),
    );
    const shown = (await json<{ client_id: string }[]>('clients', 'list')).map((c) => c.client_id);
    expect(shown).toEqual([...new Set(shown)].sort());
    expect(shown).toEqual(expect.arrayContaining(ids));
  });
});

describe('clients brand', () => {
  const newClient = async () => {
    const id = newClientId();
    await json('clients', 'create', id, '--name', 'Fern');
    return id;
  };
  const fileWith = async (content: string | Uint8Array) => {
    const file = join(tmpdir(), `latchkey-logo-${randomUUID()}`);
    await writeFile(file, content);
    return file;
  };
  const svg = (content = '') =>
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 16">${content}</svg>`;

  it('says what it did, also to the colours, and leaves the rest as it is', async () => {
    const id = await newClient();
    const first = await latchkey('clients', 'brand', id, '--accent', '#FFE600');
    expect(first).toMatchObject({ code: 0, complaints: [] });
    expect(first.lines.slice(0, 2)).toEqual([`Branded ${id}`, 'accent   #ffe600']);
    expect(first.lines[2]).toMatch(
      /^Note: In the light theme the accent #ffe600 is shown as #[0-9a-f]{6}: text in it/,
    );
    const logo = await fileWith(svg());
    const second = await json('clients', 'brand', id, '--logo', logo, '--surface', '#fffdf8');
    expect(second).toMatchObject({
      client_id: id,
      accent: '#ffe600',
      surface: '#fffdf8',
      logo: expect.stringMatching(/^\/brand\/[0-9a-f]{64}$/),
    });
    expect(await lastEvent()).toMatchObject({
      event: 'client_brand_changed',
      actorKind: 'operator',
      clientId: id,
      details: { accent: '#ffe600', surface: '#fffdf8' },
    });
    const cleared = await latchkey('clients', 'brand', id, '--clear');
    expect(cleared.lines).toEqual([`${id} has no brand`]);
    expect(await core.domain.clients.findBrand(id)).toBeUndefined();
  });

  it('refuses in one line what cannot be shown', async () => {
    const id = await newClient();
    const brand = (...args: string[]) => failure('clients', 'brand', id, ...args);
    expect(await brand('--accent', 'red')).toBe('The accent must be a colour as #rrggbb');
    expect(await brand('--accent', 'red', '--surface', 'x')).toContain('; The surface must be');
    const evil = await fileWith(svg('<script>alert(1)</script>'));
    expect(await brand('--logo', evil)).toBe(
      'The SVG contains <script>: a logo must not run anything',
    );
    const huge = await fileWith(new Uint8Array(10_000_000));
    expect(await brand('--logo', huge)).toBe('The logo has more than 64 KiB');
    expect(await failure('clients', 'brand', 'nobody', '--clear')).toBe(
      'There is no client "nobody"',
    );
    expect(await core.domain.clients.findBrand(id)).toBeUndefined();
  });

  it.each([
    [['shop']],
    [['--accent', '#123456']],
    [['shop', '--clear', '--accent', '#123456']],
    [['shop', '--logo', join(tmpdir(), randomUUID())]],
    [['shop', '--colour', '#123456']],
  ])('does not understand %j', async (args) => {
    const { code, lines, complaints } = await latchkey('clients', 'brand', ...args);
    expect({ code, lines, opened: openedNow() }).toEqual({ code: 2, lines: [], opened: 0 });
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toContain('latchkey clients brand --help');
  });
});

describe('clients secret', () => {
  type Issued = { client_id: string; secret_id: string; client_secret: string };

  it('gives a second one, no third, and replaces one on request', async () => {
    const id = newClientId();
    await json('clients', 'create', id, '--name', 'Machine');
    const second = await json<Issued>('clients', 'secret', id);
    expect(second.client_secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const refusal = await failure('clients', 'secret', id);
    expect(refusal).toMatch(/has two secrets already; take one away with --replace/);
    expect(refusal).toContain(second.secret_id);
    const third = await json<Issued>('clients', 'secret', id, '--replace', second.secret_id);
    const left = (await core.domain.clients.find(id))?.secrets.map((secret) => secret.id) ?? [];
    expect(left).toHaveLength(2);
    expect(left).toContain(third.secret_id);
    expect(left).not.toContain(second.secret_id);
    expect(await lastEvent()).toMatchObject({
      event: 'client_secret_issued',
      details: { secretId: third.secret_id, replaces: second.secret_id },
    });
  });

  it('takes nothing away that is not there, and then gives nothing', async () => {
    const id = newClientId();
    await json('clients', 'create', id, '--name', 'Machine');
    for (const secretId of [randomUUID(), 'nonsense']) {
      expect(await failure('clients', 'secret', id, '--replace', secretId)).toBe(
        `"${id}" has no secret ${secretId}`,
      );
    }
    expect((await core.domain.clients.find(id))?.secrets).toHaveLength(1);
  });

  it('has none for clients that do not exist or do not use them', async () => {
    expect(await failure('clients', 'secret', 'nobody')).toBe('There is no client "nobody"');
    expect(await failure('clients', 'secret', 'demo-storefront')).toBe(
      '"demo-storefront" does not authenticate with a secret',
    );
  });
});

describe('clients disable and enable', () => {
  it('change the status and say so', async () => {
    const id = newClientId();
    await json('clients', 'create', id, '--name', 'Machine');
    expect(await json('clients', 'disable', id)).toEqual({ client_id: id, status: 'disabled' });
    expect((await core.domain.clients.find(id))?.status).toBe('disabled');
    expect((await latchkey('clients', 'enable', id)).lines).toEqual([`${id} is active`]);
    expect(await failure('clients', 'disable', 'nobody')).toBe('There is no client "nobody"');
  });
});

describe('keys', () => {
  it('are listed, and a rotation publishes their successors', async () => {
    type Key = { kid: string; alg: string; state: string };
    const before = await json<Key[]>('keys', 'list');
    expect(before.map(({ alg, state }) => `${alg} ${state}`).sort()).toEqual([
      'ES256 signing',
      'EdDSA signing',
      'PS256 signing',
      'RS256 signing',
    ]);
    const rotated = await json<{ kids: string[] }>('keys', 'rotate');
    expect(rotated).toEqual({
      kids: Array.from({ length: 4 }, () => expect.any(String)),
      signsInSeconds: 600,
    });
    const { lines } = await latchkey('keys', 'list');
    expect(lines[0]).toMatch(/^KID +ALG +STATE +SIGNS FROM +PUBLISHED UNTIL$/);
    for (const kid of rotated.kids) {
      expect(lines).toContainEqual(expect.stringMatching(new RegExp(`^${kid}.*upcoming`)));
    }
    expect(lines.filter((line) => line.includes(' signing '))).toHaveLength(4);
    expect(lines.join('\n')).not.toContain('"d"');
    expect(await lastEvent()).toMatchObject({
      event: 'signing_keys_rotated',
      actorKind: 'operator',
    });
  });
});

describe('keys in an emergency', () => {
  type Key = { kid: string; alg: string; state: string };
  const keys = () => json<Key[]>('keys', 'list');
  const signing = async () => (await keys()).filter(({ state }) => state === 'signing');

  it('are named before anybody says yes, and nothing goes without', async () => {
    const before = await keys();
    expect(await failure('keys', 'rotate', '--emergency')).toBe(
      'Nobody is there to ask: add --yes to go on',
    );
    shell.willAnswer(false);
    expect(await failure('keys', 'rotate', '--emergency')).toBe('Nothing was changed');
    expect(await keys()).toEqual(before);
    const question = shell.asked.at(-1) ?? '';
    for (const { kid } of before) expect(question).toContain(kid);
    expect(question).toMatch(/JWT access token.*stops verifying/);
  });

  it('go one by one, or all together, and stay in the list as revoked', async () => {
    const [leaked] = await signing();
    shell.willAnswer(true);
    expect(
      (await latchkey('keys', 'rotate', '--emergency', '--kid', leaked?.kid ?? '')).lines,
    ).toContain(`Revoked ${leaked?.kid}`);
    const question = shell.asked.at(-1) ?? '';
    expect(question).toContain(leaked?.kid);
    expect(question.match(/[0-9a-f-]{36}/g)).toHaveLength(1);
    expect(await signing()).toHaveLength(4);
    expect((await keys()).find(({ kid }) => kid === leaked?.kid)?.state).toBe('revoked');
    expect(
      await failure('keys', 'rotate', '--emergency', '--yes', '--kid', leaked?.kid ?? ''),
    ).toBe(`No published key has the id ${leaked?.kid}`);

    const asked = shell.asked.length;
    const before = (await keys()).filter(({ state }) => state !== 'revoked');
    const result = await json<{ revoked: string[]; added: string[] }>(
      ...['keys', 'rotate', '--emergency', '--yes', '--reason', 'the backup was public'],
    );
    expect(result.revoked.sort()).toEqual(before.map(({ kid }) => kid).sort());
    expect((await signing()).map(({ kid }) => kid).sort()).toEqual(result.added.sort());
    expect(shell.asked).toHaveLength(asked);
    expect(await lastEvent()).toMatchObject({
      event: 'signing_keys_revoked',
      actorKind: 'operator',
      details: { reason: 'the backup was public' },
    });
  });
});

describe('as a process', () => {
  const run = (args: string[], input?: string) =>
    runLatchkey(args, { ...cleanEnvironment(), ...env }, input);

  it('reads a password from standard input, one line, and does not repeat it', async () => {
    const email = newEmail();
    const password = 'Grüße, Kölner Dom!';
    const result = await run(
      ['users', 'create', email, '--password-stdin', '--json'],
      `${password}\r\nmore\n`,
    );
    expect(result).toMatchObject({ code: 0, stderr: '' });
    const { id, ...rest } = JSON.parse(result.stdout) as { id: string };
    expect(rest).toEqual({});
    expect(await checkPassword(id, password)).toBe('right');
  });

  it('refuses a password that is too short, or none', async () => {
    for (const input of ['elevenchars\n', '']) {
      const email = newEmail();
      expect(await run(['users', 'create', email, '--password-stdin'], input)).toEqual({
        code: 1,
        stdout: '',
        stderr: 'The password must have at least 12 characters\n',
      });
      expect(await core.domain.identity.findByLogin(email)).toBeUndefined();
    }
  });

  it('refuses a leaked password where leaks are looked up, and any shorter than is set', async () => {
    const password = 'Grüße, Kölner Dom!';
    const hash = createHash('sha1').update(password).digest('hex').toUpperCase();
    const asked: string[] = [];
    const service = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end(`${hash.slice(5)}:12\r\n`);
    });
    await new Promise<void>((listening) => service.listen(0, '127.0.0.1', listening));
    const { port } = service.address() as { port: number };
    const create = (settings: Record<string, string>) =>
      runLatchkey(
        ['users', 'create', newEmail(), '--password-stdin', '--json'],
        { ...cleanEnvironment(), ...env, ...settings },
        password,
      );
    const LATCHKEY_BREACHED_PASSWORDS = `http://127.0.0.1:${port}/range`;
    expect(await create({ LATCHKEY_BREACHED_PASSWORDS })).toEqual({
      code: 1,
      stdout: '',
      stderr: 'This password is known from a data leak elsewhere\n',
    });
    expect(asked).toEqual([`/range/${hash.slice(0, 5)}`]);
    service.closeAllConnections();
    await new Promise((closed) => service.close(closed));
    // Nobody answers any more: no reason to keep somebody from choosing a password.
    expect(await create({ LATCHKEY_BREACHED_PASSWORDS })).toMatchObject({ code: 0, stderr: '' });
    const { stderr } = await create({ LATCHKEY_PASSWORD_MIN_LENGTH: '20' });
    expect(stderr).toBe('The password must have at least 20 characters\n');
  });

  it('ends with 0, 1 and 2', async () => {
    const results = await Promise.all([
      run(['--help']),
      run(['migrate']),
      run(['users', 'disable', newEmail()]),
      run(['users', 'destroy']),
    ]);
    expect(results.map(({ code }) => code)).toEqual([0, 0, 1, 2]);
    expect(results[1]?.stdout).toBe('The schema is up to date already\n');
    expect(results.slice(2).map(({ stdout }) => stdout)).toEqual(['', '']);
    expect(results[2]?.stderr).toBe('There is no such account\n');
  });

  it('says what to do where the schema is missing', async () => {
    const empty = await emptyDatabase();
    const args = { ...cleanEnvironment(), ...env, DATABASE_URL: empty.url };
    const before = await runLatchkey(['clients', 'list'], args);
    expect(before).toEqual({
      code: 1,
      stdout: '',
      stderr: 'The database schema is not up to date; run "latchkey migrate" or start the server\n',
    });
    const migrated = await runLatchkey(['migrate'], args);
    expect(migrated.code).toBe(0);
    expect(migrated.stdout).toMatch(/^Applied \S+_foundation, /);
    expect(await runLatchkey(['clients', 'list', '--json'], args)).toMatchObject({
      code: 0,
      stdout: '[]\n',
    });
    await empty.drop();
  });
});
