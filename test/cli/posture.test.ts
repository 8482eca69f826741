/** The posture check finds what weakens an installation, and nothing that does not. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommand } from '../../src/cli/index.js';
import { createCheckPosture, type Finding } from '../../src/flows/posture/index.js';
import { type CommandLine, openCommandLine } from '../support/command-line.js';
import { fileOf, newSigner } from '../support/signers.js';

let shell: CommandLine;
beforeAll(async () => {
  shell = await openCommandLine({
    LATCHKEY_ISSUER: 'https://id.shop.example',
    LATCHKEY_RATE_LIMITS: 'off',
  });
});
afterAll(() => shell.close());

const findings = () => shell.json<Finding[]>('posture');
const about = async (subject: string) =>
  (await findings()).filter((finding) => finding.subject === subject).map(({ code }) => code);
const create = async (id: string, ...args: string[]) => {
  const done = await shell.run('clients', 'create', id, '--name', id, ...args);
  expect(done.complaints).toEqual([]);
};

describe('the posture check', () => {
  test('reports a client that does without PKCE, until it does not', async () => {
    await create('old', '--profile', 'legacy', '--redirect-uri', 'https://old.example/cb');
    expect(await about('old')).toEqual(['legacy-profile', 'bearer-tokens']);
    await shell.run('clients', 'configure', 'old', '--profile', 'oauth2.1', '--dpop', 'on');
    expect(await about('old')).toEqual([]);
  });

  test('reports how a client authenticates, is answered and is reached', async () => {
    await create(
      'loose',
      ...['--auth', 'client_secret_post', '--redirect-uri', 'http://localhost:4000/cb'],
      ...['--id-token-alg', 'RS256', '--refresh-grace', '60'],
    );
    expect((await about('loose')).sort()).toEqual(
      ['bearer-tokens', 'http-redirect', 'long-grace', 'rs256', 'secret-in-form'].sort(),
    );
  });

  test('has nothing to say of a fapi2 client', async () => {
    await create(
      'bank',
      ...['--profile', 'fapi2', '--auth', 'private_key_jwt', '--require-par', '--dpop'],
      ...['--redirect-uri', 'https://bank.example/cb', '--jwks', fileOf((await newSigner()).jwks)],
    );
    expect(await about('bank')).toEqual([]);
  });

  test('reports secrets that are old or about to go, not those that are gone', async () => {
    await create('aged', '--dpop', '--grant-type', 'client_credentials');
    const { db } = shell.core.postgres;
    const inDays = (days: number) => new Date(Date.now() + days * 24 * 3600 * 1000);
    const where = { clientId: 'aged' };
    expect(await about('aged')).toEqual([]);
    await db.clientSecret.updateMany({ where, data: { createdAt: inDays(-366) } });
    expect(await about('aged')).toEqual(['old-secret']);
    await db.clientSecret.updateMany({ where, data: { expiresAt: inDays(5) } });
    expect(await about('aged')).toEqual(['old-secret', 'secret-expires']);
    await db.clientSecret.updateMany({ where, data: { expiresAt: inDays(-1) } });
    expect(await about('aged')).toEqual([]);
  });

  test('reports administrators that are not the shop’s own', async () => {
    const args = ['--grant-type', 'client_credentials', '--allow', 'urn:latchkey:admin=users:read'];
    await create('agency', '--dpop', ...args);
    await create('own-tool', '--dpop', '--first-party', ...args);
    expect(await about('agency')).toEqual(['foreign-administrator']);
    expect(await about('own-tool')).toEqual([]);
  });

  test('reports settings, and only those that are so', async () => {
    const codes = (await findings()).map(({ code }) => code);
    expect(codes).toEqual(expect.arrayContaining(['not-production', 'no-rate-limits', 'no-redis']));
    expect(codes).not.toContain('http-issuer');
    expect(codes).not.toContain('short-passwords');
  });

  test('counts clients that registered themselves, and names those of the legacy profile', async () => {
    const registrations = shell.core.domain.clientRegistrations;
    const { id } = await registrations.createRegistrationToken({
      name: 'partners',
      allowance: { identityScopes: ['openid'], apiScopes: {}, grantTypes: [], profile: 'legacy' },
      seconds: 3600,
      maxClients: undefined,
    });
    const said = async () =>
      (await findings())
        .filter(({ code }) => code === 'self-registered')
        .map(({ level, subject, says }) => [level, subject, says]);
    expect(await said()).toEqual([]);
    await create('walk-in', '--dpop', '--redirect-uri', 'https://walk-in.example/cb');
    await registrations.noteRegistration('walk-in', id);
    const says = 'clients that registered themselves: ';
    expect(await said()).toEqual([['note', 'LATCHKEY_REGISTRATION', `${says}1`]]);
    const legacy = ['--profile', 'legacy', '--redirect-uri', 'https://walk-in.example/cb'];
    await create('old-walk-in', ...legacy);
    await registrations.noteRegistration('old-walk-in', id);
    await create('invited', ...legacy);
    const both = `${says}2; of the legacy profile: old-walk-in`;
    expect(await said()).toEqual([['note', 'LATCHKEY_REGISTRATION', both]]);
    await shell.run('clients', 'disable', 'old-walk-in');
    expect(await said()).toEqual([['note', 'LATCHKEY_REGISTRATION', `${says}1`]]);
  });

  test('leaves disabled clients alone', async () => {
    await create('gone', '--profile', 'legacy', '--redirect-uri', 'https://gone.example/cb');
    await shell.run('clients', 'disable', 'gone');
    expect(await about('gone')).toEqual([]);
  });

  test('fails with --strict for a warning only, and says how many', async () => {
    expect((await shell.run('posture')).code).toBe(0);
    const strict = await shell.run('posture', '--strict');
    expect(strict.code).toBe(1);
    expect(strict.lines.at(-1)).toMatch(/^Warnings: \d+, notes: \d+$/);
    expect((await shell.run('posture', 'everything')).code).toBe(2);

    // A sound installation: production settings, no client that anybody could use.
    const { core } = shell;
    await core.postgres.db.client.updateMany({ data: { status: 'disabled' } });
    const checkPosture = createCheckPosture({
      domain: core.domain,
      clock: core.clock,
      settings: {
        ...{ production: true, issuer: 'https://id.shop.example', redis: false, seed: 'none' },
        ...{ rateLimits: true, botChallenge: 'adaptive', passwordMinLength: 12 },
        factorResetHours: 24,
      },
    });
    const lines: string[] = [];
    const code = await runCommand(['posture', '--strict'], {
      say: (line) => lines.push(line),
      complain: (line) => lines.push(line),
      start: async () => 9,
      migrate: async () => [],
      ask: async () => undefined,
      readLine: () => '',
      withCore: (work) => work({ ...core, flows: { ...core.flows, checkPosture } }),
    });
    expect({ code, lines }).toEqual({
      code: 0,
      lines: [expect.any(String), expect.stringContaining('no-redis'), 'Warnings: 0, notes: 1'],
    });
  });
});
