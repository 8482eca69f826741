/** Documentation that can be wrong by itself is not documentation: what can be compared, is. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { runCommand } from '../src/cli/index.js';
import { ConfigError, loadConfig, settings } from '../src/config/index.js';
import { auditEvents } from '../src/domain/audit/index.js';
import { errorTable } from '../src/kernel/errors.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** Every file below a folder, without what is not ours. */
function filesBelow(folder: string): string[] {
  const skipped = new Set(['node_modules', '.git', 'dist', '.latchkey', 'generated', 'coverage']);
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (skipped.has(entry.name) || /^dist\./.test(entry.name)) return [];
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

const pages = filesBelow('.').filter((path) => path.endsWith('.md'));
const prose = new Map(pages.map((path) => [path, read(path)]));

/** The rows of the one table whose first column holds names in code style. */
function tableRows(text: string, heading: string): string[][] {
  const table = text.slice(text.indexOf(heading)).split('\n\n')[0] ?? '';
  return table
    .split('\n')
    .slice(2)
    .map((line) =>
      line
        .replace(/^\| ?| ?\|$/g, '')
        .split(' | ')
        .map((cell) => cell.trim()),
    );
}

const faultsOf = (env: Record<string, string>): readonly string[] => {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
};

describe('settings', () => {
  test('docs/configuration.md shows the table of the code', () => {
    expect(tableRows(read('docs/configuration.md'), '| Name | Default | Meaning |')).toEqual(
      settings.map(({ name, fallback, meaning }) => [`\`${name}\``, fallback, meaning]),
    );
  });

  test('.env.example shows the same, commented out', () => {
    const [own = ''] = read('.env.example').split('\n# --- ');
    const shown = [...own.matchAll(/((?:^# .*\n)+)^# Default: (.*)\n^#([A-Z_]+)=$/gm)].map(
      ([, words = '', fallback, name]) => ({
        name,
        fallback,
        meaning: words.replace(/^# /gm, '').trim().replace(/\n/g, ' '),
      }),
    );
    expect(shown).toEqual(settings);
    expect(own.match(/^(?!#|$).*/gm)).toBeNull();
  });

  test('what the example adds for Compose is what Compose asks for', () => {
    const known = new Set(settings.map(({ name }) => name));
    const asked = [...read('docker-compose.yml').matchAll(/\$\{([A-Z_]+)/g)].map(
      ([, name]) => name,
    );
    const [, extra = ''] = read('.env.example').split('\n# --- ');
    const added = [...extra.matchAll(/^#([A-Z_]+)=$/gm)].map(([, name]) => name);
    expect(added).toEqual([...new Set(asked)].filter((name) => !known.has(name ?? '')));
  });

  test('a name that is in the table is understood, any other is refused', () => {
    for (const { name } of settings) {
      expect(faultsOf({ [name]: '' }), name).toEqual([]);
    }
    expect(faultsOf({ LATCHKEY_ISUER: 'https://id.shop.example' })).toEqual([
      'LATCHKEY_ISUER is not a setting; docs/configuration.md lists them all',
    ]);
  });

  test('whatever the configuration reads is in the table, and the other way round', () => {
    const source = ['index.ts', 'mutual-tls.ts', 'passwords.ts', 'profile.ts']
      .map((file) => read(`src/config/${file}`))
      .join();
    const named = new Set(source.match(/(?<=')[A-Z][A-Z_]{2,}[A-Z](?=')/g));
    const reserved = settings.filter(({ meaning }) => meaning.startsWith('Reserved'));
    const names = settings.map(({ name }) => name);
    expect([...named].filter((name) => !names.includes(name))).toEqual([]);
    const unread = names.filter((name) => !named.has(name));
    expect(unread.filter((name) => !reserved.some((row) => row.name === name))).toEqual([]);
  });
});

describe('errors and events', () => {
  test('docs/errors.md shows the table of the code', () => {
    expect(tableRows(read('docs/errors.md'), '| Code | Status |')).toEqual(
      Object.entries(errorTable).map(([code, row]) => [
        `\`${code}\``,
        String(row.status),
        row.title,
        row.log,
        row.retryAfterSeconds ? `${row.retryAfterSeconds} s` : '–',
      ]),
    );
  });

  test('docs/audit-events.md shows the table of the code', () => {
    expect(tableRows(read('docs/audit-events.md'), '| Event | When |')).toEqual(
      Object.entries(auditEvents).map(([name, meaning]) => [`\`${name}\``, meaning]),
    );
  });

  const source = filesBelow('src')
    .filter((path) => path.endsWith('.ts'))
    .map((path) => ({ path, text: read(path) }));
  const usedOutside = (name: string, table: string) =>
    source.some(({ path, text }) => path !== table && text.includes(`'${name}'`));

  test('every event is recorded somewhere', () => {
    const table = join('src', 'domain', 'audit', 'events.ts');
    expect(Object.keys(auditEvents).filter((name) => !usedOutside(name, table))).toEqual([]);
  });
});

describe('the pages', () => {
  test('the README shows the two commands', () => {
    expect(read('README.md')).toMatch(/^npm ci && npm start$/m);
    expect(read('README.md')).toMatch(/^npm ci && npm test$/m);
  });

  test('every relative link leads somewhere', () => {
    const broken: string[] = [];
    for (const [page, text] of prose) {
      const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
      for (const link of links.filter((target) => !/^[a-z]+:/.test(target))) {
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? page : join(dirname(page), path);
        if (!existsSync(join(root, target))) broken.push(`${page}: ${link}`);
        else if (anchor && !anchorsOf(target).includes(anchor)) broken.push(`${page}: ${link}`);
      }
    }
    expect(broken).toEqual([]);
  });

  test('every decision, and every page of docs, is reached from the README', () => {
    const reached = new Set<string>();
    const walk = (page: string) => {
      if (reached.has(page)) return;
      reached.add(page);
      for (const [, target = ''] of read(page).matchAll(/\]\(([^)\s#:]+)(?:#[^)]*)?\)/g)) {
        const path = relative('.', join(dirname(page), target));
        if (!existsSync(join(root, path))) continue;
        if (statSync(join(root, path)).isDirectory()) {
          for (const inside of pages.filter((other) => dirname(other) === path))
            reached.add(inside);
        } else if (path.endsWith('.md')) walk(path);
      }
    };
    walk('README.md');
    expect(pages.filter((page) => page.startsWith('docs') && !reached.has(page))).toEqual([]);
  });

  test('every npm script they name exists', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const unknown = [...prose].flatMap(([page, text]) =>
      [...text.matchAll(/\bnpm (?:run ([a-z][\w:-]*)|(test|start)\b)/g)]
        .map(([, run, short]) => run ?? short ?? '')
        .filter((name) => !Object.hasOwn(scripts, name))
        .map((name) => `${page}: npm run ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  test('every command of the command line they name exists', async () => {
    const lines: string[] = [];
    const never = async () => Promise.reject(new Error('not in this test'));
    const say = (line: string) => void lines.push(line);
    await runCommand(['--help'], {
      say,
      complain: say,
      start: never,
      migrate: never,
      ask: never,
      readLine: () => '',
      withCore: never,
    });
    const known = [...lines.join('\n').matchAll(/^ {2}([a-z-]+(?: [a-z-]+)?) {2,}/gm)].map(
      ([, name]) => name,
    );
    expect(known).toContain('users revoke');
    const called = [...prose].flatMap(([page, text]) =>
      [
        ...text.matchAll(
          /(?:npm run latchkey -- |node dist\/main\.js |[`\n]latchkey )((?:users|clients|claims|resource-servers|keys|registration-tokens) [a-z-]+|[a-z-]+)/g,
        ),
      ].map(([, name = '']) => ({ page, name })),
    );
    expect(called.length).toBeGreaterThan(5);
    expect(called.filter(({ name }) => !known.includes(name))).toEqual([]);
  });

  test('what a page calls a file of the source is one', () => {
    const missing = [...prose].flatMap(([page, text]) =>
      [...text.matchAll(/`((?:src|test|scripts|prisma|views|examples)\/[\w./-]*\w)`/g)]
        .map(([, path = '']) => path)
        .filter((path) => !existsSync(join(root, path)))
        .map((path) => `${page}: ${path}`),
    );
    expect(missing).toEqual([]);
  });
});

describe('what must not be in the repository', () => {
  const shown = [
    ...pages,
    ...['.env.example', 'Dockerfile', 'docker-compose.yml', '.dockerignore', '.ci/run'],
    ...['package.json', 'package-lock.json', 'biome.json', 'tsconfig.json'],
    ...filesBelow('src'),
    ...filesBelow('scripts'),
    ...filesBelow('examples'),
  ];

  test('paths of somebody’s machine', () => {
    const path = /(?:^|[\s'"`(=:])\/(?:home|root|Users|work|workspace|mnt|builds?)\/[\w.-]/m;
    expect(shown.filter((file) => path.test(read(file)))).toEqual([]);
    // As a path from the root, not the end of one: a checkout may well be called "latchkey".
    const plain = root.replace(/[^\w/-]/g, '\\$&');
    const here = new RegExp(`(?:^|[^\\w./-]|file://)${plain}`, 'm');
    const told = root.length > 8 ? shown.filter((file) => here.test(read(file))) : [];
    expect(told).toEqual([]);
  });

  test('where somebody’s packages come from', () => {
    const registry =
      /https?:\/\/(?:registry\.|[^/\s"]*(?:artifactory|nexus|verdaccio)|[^/\s"]+:4873)|"resolved": *"https?:/;
    expect(shown.filter((file) => registry.test(read(file)))).toEqual([]);
  });
});

/** The anchors of a page's headings, as they are made from their words. */
function anchorsOf(page: string): string[] {
  return [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replace(/ /g, '-'),
  );
}
