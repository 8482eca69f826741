/** A real Apache httpd on loopback, in a directory of its own, for as long as a test needs it. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isOpen } from './port.js';

const MODULES = '/usr/lib/apache2/modules';

export type Apache = { errors(): Promise<string>; stop(): Promise<void> };

/** @param site what stands after the modules: directives of the server */
export async function startApache(
  program: string,
  options: { port: number; modules: readonly string[]; site: string },
): Promise<Apache> {
  const prefix = await mkdtemp(join(tmpdir(), 'latchkey-apache-'));
  const log = join(prefix, 'error.log');
  const modules = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', ...options.modules];
  // Started by root it serves as somebody without rights, and will not start without a name.
  const user = process.getuid?.() === 0 ? 'User nobody\nGroup nogroup\n' : '';
  await writeFile(
    join(prefix, 'httpd.conf'),
    `ServerRoot "${prefix}"
PidFile "${join(prefix, 'httpd.pid')}"
DefaultRuntimeDir "${prefix}"
Listen 127.0.0.1:${options.port}
ServerName localhost:${options.port}
ErrorLog "${log}"
LogLevel warn
${user}${modules.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join('\n')}
${options.site}
`,
  );
  // In the foreground as our own child, so that it is ended by its id.
  const child = spawn(program, ['-f', join(prefix, 'httpd.conf'), '-DFOREGROUND'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const errors = () => readFile(log, 'utf8').catch(() => '');
  for (const deadline = Date.now() + 15_000; !(await isOpen(options.port)); await sleep(20)) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`Apache did not start:\n${complaints}${await errors()}`);
    }
  }
  return {
    errors,
    async stop() {
      child.kill('SIGTERM');
      await exited;
      await rm(prefix, { recursive: true, force: true });
    },
  };
}
