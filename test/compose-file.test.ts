/** The container files, as far as they can be judged without an engine to run them. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const compose = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');

/** The text of each service, by name. */
function servicesOf(text: string): Map<string, string> {
  const body = /^services:\n([\s\S]*?)^\S/m.exec(text)?.[1] ?? '';
  const parts = body.split(/^ {2}([a-z]+):\n/m).slice(1);
  return new Map(
    parts.flatMap((part, at) => (at % 2 === 0 ? [[part, parts[at + 1] ?? ''] as const] : [])),
  );
}

function lintCompose(file: string): void {
  const manifest = createRequire(import.meta.url).resolve('dclint/package.json');
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: Record<string, string> };
  const program = join(dirname(manifest), bin.dclint ?? '');
  execFileSync(process.execPath, [program, file, '--max-warnings', '0'], {
    cwd: root,
    encoding: 'utf8',
    stdio: 'pipe',
  });
}

const services = servicesOf(compose);

describe('docker-compose.yml', () => {
  test('passes the linter without a warning', () => {
    expect(() => lintCompose('docker-compose.yml')).not.toThrow();
  });

  test('has the server, its two stores and a mailbox', () => {
    expect([...services.keys()].sort()).toEqual(['latchkey', 'mailpit', 'postgres', 'valkey']);
  });

  test('holds no secret: each comes from outside, and its absence has a message', () => {
    const secrets = [
      ...compose.matchAll(/^\s+([A-Z_]*(?:PASSWORD|SECRET|KEY|KEYS|KEYRING|TOKEN)): (.*)$/gm),
    ];
    expect(secrets.length).toBeGreaterThanOrEqual(3);
    for (const [, name, value] of secrets) {
      expect(value, name).toMatch(/^\$\{[A-Z_]+:\?[^}]+\}$/);
    }
    for (const [, password] of compose.matchAll(/:\/\/[^:@/\s]*:([^@\s][^@]*)@/g)) {
      expect(password).toMatch(/^\$\{[A-Z_]+:\?[^}]+\}$/);
    }
    // Nothing long and random is left when the references are gone.
    expect(compose.replace(/\$\{[^}]+\}/g, '')).not.toMatch(/(?=[\w+=-]*\d)[\w+=-]{24,}/);
  });

  test.each([...services])('%s gets no more rights than it needs', (_name, service) => {
    expect(service).toMatch(/^ {4}read_only: true$/m);
    expect(service).toMatch(/^ {4}cap_drop:\n {6}- ALL$/m);
    expect(service).toMatch(/^ {6}- no-new-privileges:true$/m);
    expect(service).not.toMatch(/privileged|cap_add|network_mode|docker\.sock/);
  });

  test('publishes ports to this machine only, and the stores to nobody', () => {
    const published = [...compose.matchAll(/^ {4}ports:\n((?: {6}- .*\n)+)/gm)]
      .flatMap(([, lines = '']) => lines.trim().split('\n'))
      .map((line) => line.trim());
    expect(published.length).toBeGreaterThan(0);
    for (const port of published) expect(port).toMatch(/^- '127\.0\.0\.1:\d+:\d+'$/);
    expect(compose).toMatch(/^ {2}stores:\n {4}internal: true$/m);
    for (const name of ['postgres', 'valkey']) {
      expect(services.get(name)).not.toContain('ports:');
      expect(services.get(name)).toMatch(/^ {4}networks:\n {6}- stores\n {4}\S/m);
    }
  });

  test('hands the server only settings that exist', async () => {
    const { settings } = await import('../src/config/index.js');
    const known = new Set(settings.map(({ name }) => name));
    const environment = /^ {4}environment:\n((?: {6}.*\n)+)/m.exec(services.get('latchkey') ?? '');
    const names = [...(environment?.[1] ?? '').matchAll(/^ {6}([A-Z_]+):/gm)].map(
      ([, name]) => name,
    );
    expect(names.length).toBeGreaterThan(4);
    for (const name of names) expect(known, name).toContain(name);
  });
});

describe('Dockerfile', () => {
  const runtime = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));

  test('copies only what exists, and what .dockerignore lets through', () => {
    const allowed = readFileSync(join(root, '.dockerignore'), 'utf8')
      .split('\n')
      .flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []));
    const sources = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(
      ([, files = '']) => files.split(' '),
    );
    expect(sources.length).toBeGreaterThan(8);
    for (const source of sources) {
      expect(existsSync(join(root, source)), source).toBe(true);
      const open = allowed.some((path) => source === path || source.startsWith(`${path}/`));
      expect(open, `${source} in .dockerignore`).toBe(true);
    }
  });

  test('ends as a user without a name, without npm, and stops in order', () => {
    expect(runtime).toMatch(/^USER 10001:10001$/m);
    expect(runtime).toMatch(/^STOPSIGNAL SIGTERM$/m);
    expect(runtime).toMatch(/^ENV NODE_ENV=production /m);
    expect(runtime).not.toMatch(/npm (?:ci|install|run|start)/);
    expect(runtime).toMatch(/^HEALTHCHECK [\s\S]*"node"/m);
  });

  test('its uid owns what docker-compose.yml mounts for it', () => {
    const uid = /^USER (\d+):/m.exec(runtime)?.[1];
    expect(services.get('latchkey')).toContain(`uid=${uid},`);
  });
});
