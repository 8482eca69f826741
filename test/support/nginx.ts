/** A real nginx on loopback, in a directory of its own, for as long as a test needs it. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isOpen } from './port.js';

export type Nginx = {
  readonly origin: string;
  errors(): Promise<string>;
  stop(): Promise<void>;
};

/**
 * @param site what stands inside `http`
 * @param files further ones that it includes, by name
 */
export async function startNginx(
  program: string,
  options: { port: number; site: string; files?: Readonly<Record<string, string>> },
): Promise<Nginx> {
  const { port, site, files = {} } = options;
  const prefix = await mkdtemp(join(tmpdir(), 'latchkey-nginx-'));
  const log = join(prefix, 'error.log');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  await mkdir(join(prefix, 'tmp'));
  // One process without a master: what is ended by its id leaves nobody behind.
  const configuration = `
    daemon off;
    master_process off;
    pid ${join(prefix, 'nginx.pid')};
    error_log ${log} notice;
    events { worker_connections 256; }
    http {
      access_log off;
      ${temporary.map((name) => `${name}_temp_path ${join(prefix, 'tmp', name)};`).join('\n')}
      ${site}
    }`;
  await writeFile(join(prefix, 'nginx.conf'), configuration);
  for (const [name, text] of Object.entries(files)) await writeFile(join(prefix, name), text);

  const child = spawn(program, ['-p', prefix, '-c', join(prefix, 'nginx.conf'), '-e', log], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const errors = () => readFile(log, 'utf8').catch(() => '');
  for (const deadline = Date.now() + 10_000; !(await isOpen(port)); await sleep(20)) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`nginx did not start:\n${complaints}${await errors()}`);
    }
  }
  return {
    origin: `http://127.0.0.1:${port}`,
    errors,
    async stop() {
      child.kill('SIGTERM');
      await exited;
      await rm(prefix, { recursive: true, force: true });
    },
  };
}
