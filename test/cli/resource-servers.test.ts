/** APIs on the command line: made known, shown, and what their scopes ask of a log-in. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { type CommandLine, openCommandLine } from '../support/command-line.js';

const TWO = 'urn:latchkey:acr:2';

let shell: CommandLine;
beforeAll(async () => {
  shell = await openCommandLine();
});
afterAll(async () => {
  await shell.close();
});

const newIndicator = () => `https://api.shop.example/${randomUUID()}`;
const create = (indicator: string, ...more: string[]) => [
  ...['resource-servers', 'create', indicator, '--name', 'Orders'],
  ...['--scope', 'orders:read=See your orders', '--scope', 'orders:pay=Pay, as in a=b'],
  ...more,
];
const newApi = async (...more: string[]): Promise<string> => {
  const indicator = newIndicator();
  await shell.json(...create(indicator, ...more));
  return indicator;
};
const scopesOf = async (indicator: string) =>
  (await shell.core.domain.access.findResourceServer(indicator))?.scopes.map(
    ({ name, requiredAcr, maxAgeSeconds }) => [name, requiredAcr, maxAgeSeconds],
  );
const demandEvents = (indicator: string) =>
  shell.core.postgres.db.auditEvent.count({
    where: {
      event: 'scope_demand_changed',
      details: { path: ['indicator'], equals: indicator },
    },
  });

describe('resource-servers create', () => {
  it('makes an API known whose scopes ask for nothing unless told to', async () => {
    const indicator = newIndicator();
    const { code, lines } = await shell.run(...create(indicator, '--jwt', '--ttl', '120'));
    expect({ code, lines }).toEqual({ code: 0, lines: [`Created ${indicator}`] });
    expect(await shell.core.domain.access.findResourceServer(indicator)).toMatchObject({
      name: 'Orders',
      format: 'jwt',
      accessTokenTtl: 120,
      scopes: [
        { name: 'orders:pay', description: 'Pay, as in a=b', requiredAcr: null },
        { name: 'orders:read', description: 'See your orders', maxAgeSeconds: null },
      ],
    });
    expect(await shell.lastEvent()).toMatchObject({
      event: 'resource_server_created',
      actorKind: 'operator',
      details: { indicator, scopes: 'orders:read orders:pay' },
    });
  });

  it('takes no scope that speaks of a person', async () => {
    await shell.json('claims', 'map', 'tenant', '--scope', 'shop_tenant', '--from', 'text:oak');
    for (const scope of ['openid', 'email', 'offline_access', 'shop_tenant']) {
      const args = ['resource-servers', 'create', newIndicator(), '--name', 'Orders'];
      expect(await shell.failure(...args, '--scope', `${scope}=See it`)).toContain(
        `The scope ${scope} speaks of a person`,
      );
    }
    await shell.json('claims', 'unmap', 'tenant');
    await shell.json(
      ...['resource-servers', 'create', newIndicator(), '--name', 'Tenants'],
      ...['--scope', 'shop_tenant=See tenants'],
    );
    expect(
      await shell.failure('claims', 'map', 'tenant', '--scope', 'shop_tenant', '--from', 'kind'),
    ).toContain('The scope shop_tenant is one of');
  });

  it('gives a scope one meaning, whoever is first', async () => {
    for (let round = 0; round < 20; round += 1) {
      const scope = `contested:${round}`;
      const api = ['resource-servers', 'create', newIndicator(), '--name', 'Contested'];
      const both = await Promise.all([
        shell.run(...api, '--scope', `${scope}=See it`),
        shell.run('claims', 'map', `contested_${round}`, '--scope', scope, '--from', 'kind'),
      ]);
      expect(both.map(({ code }) => code).sort()).toEqual([0, 1]);
    }
  });

  it('takes what a scope asks for, and records it', async () => {
    const indicator = await newApi(
      ...[
        '--acr',
        `orders:pay=${TWO}`,
        '--max-age',
        'orders:pay=300',
        '--max-age',
        'orders:read=1',
      ],
    );
    expect(await scopesOf(indicator)).toEqual([
      ['orders:pay', TWO, 300],
      ['orders:read', null, 1],
    ]);
    expect(await shell.lastEvent()).toMatchObject({
      event: 'resource_server_created',
      details: { indicator, demands: `orders:read 1, orders:pay ${TWO} 300` },
    });
  });

  const refused: readonly (readonly [why: string, more: string[], complaint: string])[] = [
    [
      'what nobody can prove',
      ['--acr', 'orders:pay=urn:latchkey:acr:phrh'],
      'The acr of "orders:pay" must be urn:latchkey:acr:1 or urn:latchkey:acr:2 or urn:latchkey:acr:phr, not "urn:latchkey:acr:phrh"',
    ],
    [
      'a class of log-in that is none',
      ['--acr', 'orders:read=2'],
      'The acr of "orders:read" must be urn:latchkey:acr:1 or urn:latchkey:acr:2 or urn:latchkey:acr:phr, not "2"',
    ],
    [
      'an age of nothing',
      ['--max-age', 'orders:pay=0'],
      'The greatest age of "orders:pay" must be 1 to 2592000 seconds',
    ],
    [
      'an age that every log-in has',
      ['--max-age', 'orders:pay=2592001'],
      'The greatest age of "orders:pay" must be 1 to 2592000 seconds',
    ],
  ];
  test.each(refused)('refuses %s', async (_why, more, complaint) => {
    const indicator = newIndicator();
    expect(await shell.failure(...create(indicator, ...more))).toBe(complaint);
    expect(await shell.core.domain.access.findResourceServer(indicator)).toBeUndefined();
  });

  it('refuses what is taken or no address, and takes the longest age there is', async () => {
    const indicator = await newApi('--max-age', 'orders:pay=2592000');
    expect(await shell.failure(...create(indicator))).toBe(
      `There is a resource server ${indicator} already`,
    );
    expect(await shell.failure(...create('orders'))).toMatch(/must be an absolute URI/);
  });
});

describe('resource-servers require', () => {
  it('says what a scope asks for from now on: all of it', async () => {
    const indicator = await newApi();
    const require = (...more: string[]) =>
      shell.run('resource-servers', 'require', indicator, 'orders:pay', ...more);
    const said: [string[], string, [string | null, number | null]][] = [
      [
        ['--acr', TWO, '--max-age', '300'],
        `orders:pay asks for ${TWO} and a log-in of the last 300 s`,
        [TWO, 300],
      ],
      [['--max-age', '60'], 'orders:pay asks for a log-in of the last 60 s', [null, 60]],
      [['--acr', TWO], `orders:pay asks for ${TWO}`, [TWO, null]],
      [['--none'], 'orders:pay asks for no special log-in', [null, null]],
    ];
    for (const [more, line, demand] of said) {
      expect(await require(...more)).toEqual({ code: 0, lines: [line], complaints: [] });
      expect(await scopesOf(indicator)).toEqual([
        ['orders:pay', ...demand],
        ['orders:read', null, null],
      ]);
      expect(await shell.lastEvent()).toMatchObject({
        event: 'scope_demand_changed',
        result: 'success',
        actorKind: 'operator',
        details: {
          indicator,
          scope: 'orders:pay',
          requiredAcr: demand[0],
          maxAgeSeconds: demand[1],
        },
      });
    }
    expect(await demandEvents(indicator)).toBe(4);
  });

  it('changes the scope of that API only, though others have one of the same name', async () => {
    const [one, other] = [await newApi(), await newApi()];
    await shell.json('resource-servers', 'require', one, 'orders:pay', '--acr', TWO);
    expect(await scopesOf(other)).toEqual([
      ['orders:pay', null, null],
      ['orders:read', null, null],
    ]);
  });

  it('changes and records nothing that is wrong or not there', async () => {
    const indicator = await newApi('--acr', `orders:pay=${TWO}`);
    const require = (...argv: string[]) => shell.failure('resource-servers', 'require', ...argv);
    expect(await require(indicator, 'orders:pay', '--acr', 'two')).toBe(
      'The acr of "orders:pay" must be urn:latchkey:acr:1 or urn:latchkey:acr:2 or urn:latchkey:acr:phr, not "two"',
    );
    expect(await require(indicator, 'orders:pay', '--max-age', '0')).toMatch(/1 to 2592000/);
    expect(await require(indicator, 'orders:give', '--none')).toBe(
      `${indicator} has no scope orders:give, only orders:pay, orders:read`,
    );
    expect(await require('https://nowhere.example', 'orders:pay', '--none')).toBe(
      'There is no resource server https://nowhere.example',
    );
    expect(await scopesOf(indicator)).toEqual([
      ['orders:pay', TWO, null],
      ['orders:read', null, null],
    ]);
    expect(await demandEvents(indicator)).toBe(0);
  });
});

describe('resource-servers list', () => {
  it('shows what scopes ask for, to people and to scripts', async () => {
    const indicator = await newApi('--acr', `orders:pay=${TWO}`, '--max-age', 'orders:pay=300');
    const shown = await shell.json<{ indicator: string }[]>('resource-servers', 'list');
    expect(shown.find((one) => one.indicator === indicator)).toEqual({
      indicator,
      name: 'Orders',
      format: 'opaque',
      accessTokenTtl: 900,
      scopes: ['orders:pay', 'orders:read'],
      demands: [{ scope: 'orders:pay', requiredAcr: TWO, maxAgeSeconds: 300 }],
    });
    const { lines } = await shell.run('resource-servers', 'list');
    expect(lines[0]).toMatch(/^INDICATOR +NAME +FORMAT +SCOPES +ASK FOR$/);
    expect(lines.find((line) => line.startsWith(indicator))).toMatch(
      / orders:pay: urn:latchkey:acr:2 and a log-in of the last 300 s$/,
    );
  });
});

describe('a command line that is not understood', () => {
  const X = 'https://x.example';
  const wrong: readonly (readonly [argv: string[], complaint: RegExp])[] = [
    [['create'], /one indicator/],
    [['create', X, '--scope', 'read'], /--scope must be <name>=<description>/],
    [['create', X, '--scope', 'read=Read', '--acr', TWO], /--acr must be <scope>=<acr>/],
    [['create', X, '--scope', 'read=Read', '--acr', `write=${TWO}`], /no --scope write/],
    [['create', X, '--scope', 'read=Read', '--max-age', 'write=5'], /no --scope write/],
    [['create', X, '--scope', 'read=Read', '--max-age', 'read=soon'], /number of seconds/],
    [['create', X, '--acr', `a=${TWO}`, '--acr', `a=${TWO}`], /names a scope twice/],
    [['require', X], /a resource server and one of its scopes/],
    [['require', X, 'read'], /--acr, --max-age or both; or --none/],
    [['require', X, 'read', '--none', '--acr', TWO], /--acr, --max-age or both; or --none/],
    [['require', X, 'read', '--max-age', '-5'], /--max-age/],
    [['require', X, 'read', '--max-age', '1.5'], /number of seconds/],
  ];
  test.each(wrong)('ends with 2, having done nothing: %j', async (argv, complaint) => {
    const before = shell.opened();
    const { code, lines, complaints } = await shell.run('resource-servers', ...argv);
    expect({ code, lines, opened: shell.opened() }).toEqual({ code: 2, lines: [], opened: before });
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toMatch(complaint);
  });

  it('is helped: every command explains itself', async () => {
    const { lines } = await shell.run('resource-servers', '--help');
    for (const name of ['create', 'list', 'require']) {
      expect(lines).toContainEqual(
        expect.stringContaining(`Usage: latchkey resource-servers ${name}`),
      );
    }
  });
});
