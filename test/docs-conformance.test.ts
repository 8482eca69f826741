/** The commands of docs/conformance.md, run as they stand there, one after the other. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CommandLine, openCommandLine } from './support/command-line.js';
import { cleanEnvironment, SHORT_LIVED } from './support/server.js';

const root = fileURLToPath(new URL('../', import.meta.url));
const page = readFileSync(join(root, 'docs/conformance.md'), 'utf8');
const directory = mkdtempSync(join(tmpdir(), 'latchkey-conformance-'));
let shell: CommandLine;

beforeAll(async () => {
  shell = await openCommandLine();
});
afterAll(async () => {
  await shell.close();
  rmSync(directory, { recursive: true, force: true });
});

test('every command works, in the order of the page', { timeout: 240_000 }, async () => {
  const wrapper = join(directory, 'latchkey');
  writeFileSync(
    wrapper,
    `#!/bin/sh\nexec "${process.execPath}" ${SHORT_LIVED.join(' ')} "${root}dist/main.js" "$@"\n`,
  );
  chmodSync(wrapper, 0o755);
  const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  expect(blocks.length).toBeGreaterThan(5);
  const clean = cleanEnvironment();
  const { stdout } = await promisify(execFile)('sh', ['-euc', blocks.join('\n')], {
    cwd: directory,
    env: { ...clean, ...shell.env, PATH: `${directory}:${clean.PATH}` },
  });
  expect(stdout).toMatch(/warning +legacy-profile +oidf-basic-client /);
  expect(stdout).not.toContain('oidf-fapi-client ');

  const fapi = await shell.core.domain.clients.find('oidf-fapi-client2');
  expect(fapi).toMatchObject({
    profile: 'fapi2',
    metadata: { require_signed_request_object: true, authorization_signed_response_alg: 'ES256' },
  });
});
