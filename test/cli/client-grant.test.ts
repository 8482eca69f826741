/** What a registered client may ask for at an API, changed on the command line. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CommandLine, openCommandLine } from '../support/command-line.js';

const ACCOUNT = 'urn:latchkey:account';
const BFF = 'demo-storefront-bff';

let shell: CommandLine;
beforeAll(async () => {
  shell = await openCommandLine();
});
afterAll(async () => {
  await shell.close();
});

const grantsOf = async (clientId: string) =>
  [...((await shell.core.domain.access.rightsOf(clientId)).grants.get(ACCOUNT) ?? [])].sort();

describe('clients grant', () => {
  test('nobody has the scopes of the account by itself, but the demo storefront', async () => {
    expect(await grantsOf(BFF)).toEqual([]);
    expect(await grantsOf('demo-pos-terminal')).toEqual([]);
    expect(await grantsOf('demo-storefront')).toEqual(['account:read', 'account:write']);
  });

  test('says which scopes there are from now on, and records it', async () => {
    const { code, lines } = await shell.run(
      ...['clients', 'grant', BFF, ACCOUNT, 'account:read', 'account:write'],
    );
    expect({ code, lines }).toEqual({
      code: 0,
      lines: [
        `${BFF} may ask for account:read account:write of ${ACCOUNT}, and nothing else of it`,
      ],
    });
    expect(await grantsOf(BFF)).toEqual(['account:read', 'account:write']);
    expect(await shell.lastEvent()).toMatchObject({
      event: 'client_scopes_granted',
      actorKind: 'operator',
      clientId: BFF,
      details: { indicator: ACCOUNT, scopes: 'account:read account:write' },
    });
    expect(await shell.json('clients', 'grant', BFF, ACCOUNT, 'account:read')).toEqual({
      client_id: BFF,
      indicator: ACCOUNT,
      scopes: ['account:read'],
    });
    expect(await grantsOf(BFF)).toEqual(['account:read']);
    await shell.json('clients', 'grant', BFF, ACCOUNT, '--none');
    expect(await grantsOf(BFF)).toEqual([]);
    // Not even an empty grant is left, which would be one API more to choose from.
    const { grants } = await shell.core.domain.access.rightsOf(BFF);
    expect(grants.has(ACCOUNT)).toBe(false);
  });

  test('refuses what there is not', async () => {
    expect(await shell.failure('clients', 'grant', 'nobody', ACCOUNT, 'account:read')).toContain(
      'There is no client "nobody"',
    );
    expect(await shell.failure('clients', 'grant', BFF, 'urn:x', 'account:read')).toContain(
      'There is no resource server urn:x',
    );
    expect(await shell.failure('clients', 'grant', BFF, ACCOUNT, 'orders:read')).toContain(
      'no other scopes than account:read, account:write',
    );
    expect(
      await shell.failure('clients', 'grant', 'latchkey-account', ACCOUNT, '--none'),
    ).toContain('is part of Latchkey');
    expect(await grantsOf(BFF)).toEqual([]);
    for (const argv of [
      ['clients', 'grant', BFF, ACCOUNT],
      ['clients', 'grant', BFF, ACCOUNT, 'account:read', '--none'],
      ['clients', 'grant', BFF],
    ]) {
      expect((await shell.run(...argv)).code).toBe(2);
    }
  });

  test('the words that shoppers read follow the server, also in a database from before', async () => {
    const { access } = shell.core.domain;
    const server = await access.findResourceServer(ACCOUNT);
    await access.describeScopes(server?.id ?? '', { 'account:read': 'See your account' });
    await shell.core.flows.ensureAccountClient('http://localhost:3000');
    const after = await access.findResourceServer(ACCOUNT);
    expect(after?.scopes.map(({ description }) => description)).toEqual([
      expect.stringMatching(/^See how you sign in/),
      expect.stringMatching(/^Change how you sign in, your password included/),
    ]);
  });
});
