/** The protocol settings of a client, given at its registration and changed afterwards. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CommandLine, openCommandLine } from '../support/command-line.js';

let shell: CommandLine;
let files = 0;
const directory = mkdtempSync(join(tmpdir(), 'latchkey-'));
beforeAll(async () => {
  shell = await openCommandLine();
});
afterAll(async () => {
  await shell.close();
  rmSync(directory, { recursive: true });
});

const fileOf = (content: unknown): string => {
  files += 1;
  const path = join(directory, `metadata-${files}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};
const found = (id: string) => shell.core.domain.clients.find(id);
const configure = (...args: string[]) => shell.run('clients', 'configure', ...args);

describe('clients create', () => {
  test('takes a profile, metadata and shorter lives of refresh tokens', async () => {
    const metadata = fileOf({
      backchannel_logout_uri: 'https://shop.example/signed-out',
      subject_type: 'pairwise',
    });
    const { code, lines } = await shell.run(
      ...['clients', 'create', 'partner', '--name', 'Partner', '--metadata', metadata],
      ...['--redirect-uri', 'https://partner.example/cb', '--profile', 'legacy'],
      ...['--refresh-grace', '0', '--refresh-idle', '3600', '--refresh-absolute', '86400'],
    );
    expect({ code, last: lines.at(-1) }).toMatchObject({ code: 0 });
    expect(await found('partner')).toMatchObject({
      profile: 'legacy',
      metadata: {
        backchannel_logout_uri: 'https://shop.example/signed-out',
        subject_type: 'pairwise',
      },
      refreshGraceSeconds: 0,
      refreshIdleSeconds: 3600,
      refreshAbsoluteSeconds: 86_400,
    });
  });

  test('names every fault, and registers nothing', async () => {
    const metadata = fileOf({
      redirect_urls: ['https://shop.example'],
      backchannel_logout_uri: 'http://shop.example/out',
      request_object_signing_alg: 'none',
    });
    const { code, complaints } = await shell.run(
      ...['clients', 'create', 'faulty', '--name', 'Faulty', '--metadata', metadata],
      ...['--redirect-uri', 'https://faulty.example/cb', '--refresh-idle', '99999999'],
    );
    expect(code).toBe(1);
    const said = complaints.join('\n');
    expect(said).toContain('redirect_urls is not known');
    expect(said).toContain('backchannel_logout_uri must be an https address');
    expect(said).toContain('request_object_signing_alg');
    expect(said).toContain('idle life of refresh tokens must be 60 to 1209600 seconds');
    expect(await found('faulty')).toBeUndefined();
  });
});

describe('clients configure', () => {
  test('changes what is named, and null takes metadata away', async () => {
    const add = fileOf({ initiate_login_uri: 'https://partner.example/go', subject_type: null });
    expect((await configure('partner', '--metadata', add)).complaints).toEqual([]);
    expect(await configure('partner', '--metadata', add, '--require-par', 'on')).toMatchObject({
      code: 0,
      lines: ['Changed partner'],
    });
    expect(await found('partner')).toMatchObject({
      profile: 'legacy',
      metadata: {
        backchannel_logout_uri: 'https://shop.example/signed-out',
        initiate_login_uri: 'https://partner.example/go',
      },
      requirePushedRequests: true,
      refreshGraceSeconds: 0,
    });
    expect((await found('partner'))?.metadata).not.toHaveProperty('subject_type');
    expect(await shell.lastEvent()).toMatchObject({
      event: 'client_configured',
      actorKind: 'operator',
      clientId: 'partner',
    });
  });

  test('refuses what may not be, and what cannot be read', async () => {
    const before = await found('partner');
    const wrong = fileOf({ subject_type: 'private' });
    expect(await configure('partner', '--metadata', wrong)).toMatchObject({ code: 1 });
    expect(await configure('partner', '--metadata', fileOf('{'))).toMatchObject({ code: 2 });
    expect(await configure('partner', '--metadata', fileOf('[]'))).toMatchObject({ code: 2 });
    expect(await configure('partner', '--profile', 'fapi3')).toMatchObject({ code: 2 });
    expect(await configure('partner', '--refresh-grace', '61')).toMatchObject({ code: 1 });
    expect(await configure('partner')).toMatchObject({ code: 2 });
    expect(await configure('nobody', '--dpop', 'on')).toMatchObject({ code: 1 });
    expect(await found('partner')).toEqual(before);
  });
});
