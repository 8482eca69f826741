/** Debian's oidc-agent: somebody at a terminal gets tokens by a code that they approve elsewhere. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { approve, heading } from '../support/device.js';
import { type Operator, openOperator } from '../support/operator.js';
import { programOf } from '../support/program.js';
import { command, newShopper } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { openBrowser } from '../support/shopper.js';

const program = programOf('oidc-agent');
const run = promisify(execFile);
const patience = { timeout: 20_000 };

describe.skipIf(program === undefined)('oidc-agent', { timeout: 90_000 }, () => {
  let server: TestServer;
  let operator: Operator;
  let home: string;
  let agent: ChildProcess;
  let env: Record<string, string>;

  /** Waits until a process has said something that fits. */
  const said = (process: ChildProcess, what: RegExp): Promise<RegExpMatchArray> =>
    new Promise((resolve, reject) => {
      let text = '';
      const listen = (chunk: Buffer) => {
        text += chunk.toString();
        const found = text.match(what);
        if (found) resolve(found);
      };
      process.stdout?.on('data', listen);
      process.stderr?.on('data', listen);
      process.once('exit', (code) => reject(new Error(`ended with ${code}:\n${text}`)));
    });

  beforeAll(async () => {
    server = await startServer();
    operator = openOperator(server);
    home = await mkdtemp(join(tmpdir(), 'latchkey-agent-'));
    env = { PATH: process.env.PATH ?? '', HOME: home, OIDC_CONFIG_DIR: home, TMPDIR: home };
    env.OIDC_SOCK = join(home, 'agent.socket');
    // Else it would ask somebody to sign in again, and wait.
    const options = ['--console', '--no-autoreauthenticate', `--socket-path=${env.OIDC_SOCK}`];
    agent = spawn(program ?? '', options, { env });
    await vi.waitFor(() => access(env.OIDC_SOCK ?? ''), { timeout: 10_000, interval: 50 });
  });
  afterAll(async () => {
    agent?.kill('SIGTERM');
    await operator?.close();
    await server?.stop();
    if (home) await rm(home, { recursive: true, force: true });
  });

  const userinfo = async (token: string) => {
    const reply = await fetch(`${server.issuer}/oauth2/userinfo`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return { status: reply.status, body: (await reply.json()) as Record<string, unknown> };
  };

  test('is let in by a code, keeps somebody signed in, and is out when they say so', async () => {
    const user = await newShopper(server);
    const client = await operator.register('terminal', [
      ...['--first-party', '--scope', 'openid email offline_access'],
      ...['--grant-type', 'urn:ietf:params:oauth:grant-type:device_code'],
      ...['--grant-type', 'refresh_token'],
    ]);
    await writeFile(join(home, 'password'), 'only for this test\n', { mode: 0o600 });
    const generate = spawn(
      // It holds back what it says to a pipe until it ends.
      'stdbuf',
      [
        ...['-oL', 'oidc-gen'],
        ...[
          'shop',
          `--iss=${server.issuer}`,
          '--flow=device',
          '--no-url-call',
          '--confirm-default',
        ],
        ...[`--client-id=${client.client_id}`, `--client-secret=${client.client_secret}`],
        ...['--scope=openid email offline_access', '--redirect-uri=http://localhost:4242'],
        ...[`--pw-file=${join(home, 'password')}`],
      ],
      // With somebody to ask it would ask.
      { env, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const ended = new Promise<number | null>((resolve) => generate.once('exit', resolve));
    const [code = ''] = await said(generate, /[A-Z]{4}-[A-Z]{4}/);
    const done = await approve(server, openBrowser(server), code, user);
    expect(heading(done)).toBe('Your device is connected');
    expect(await ended).toBe(0);

    const token = async () =>
      (await run('oidc-token', ['shop'], { env, ...patience })).stdout.trim();
    const first = await token();
    expect(await userinfo(first)).toMatchObject({ status: 200, body: { email: user.email } });
    // Asked for one that lives longer than any does, it refreshes.
    const { stdout } = await run('oidc-token', ['--time=900', 'shop'], { env, ...patience });
    expect(stdout.trim()).not.toBe(first);
    expect(await userinfo(stdout.trim())).toMatchObject({ status: 200 });

    await command(server, 'users', 'revoke', user.email);
    expect((await userinfo(stdout.trim())).status).toBe(401);
    await expect(run('oidc-token', ['--time=900', 'shop'], { env, ...patience })).rejects.toThrow(
      /oidc-token/,
    );
  });
});
