/** The house plan holds: see docs/architecture.md for the table, import-rules for its words. */
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { checkArchitecture, readsEnvironment, scanImports } from './support/import-rules.js';

const source = fileURLToPath(new URL('../src', import.meta.url));
const fixture = (name: string) =>
  fileURLToPath(new URL(`./fixtures/architecture/${name}`, import.meta.url));

describe('the house plan', () => {
  test('nothing in src crosses a border, and nothing goes round in a circle', async () => {
    const { files, faults } = await checkArchitecture(source);
    expect(faults).toEqual([]);
    expect(files).toBeGreaterThan(90);
  });

  const broken: Record<string, string[]> = {
    sound: [],
    'island-imports-island': ['domain/orders/index.ts must not import domain/clients/index.ts'],
    'island-imports-pool': [
      'domain/orders/index.ts must not import platform/postgres.ts',
      'domain/orders/index.ts must not import platform/postgres.ts',
    ],
    'island-imports-store': ['flows/sign-in.ts must not import domain/orders/store.ts'],
    'http-imports-provider': [
      'http/app.ts must not import oidc-provider',
      'http/app.ts must not import oidc/host.ts',
    ],
    'kernel-imports-platform': ['kernel/clock.ts must not import platform/time.ts'],
    cycle: ['flows/first.ts, flows/second.ts, flows/third.ts import each other'],
    'environment-in-a-flow': [
      'flows/quietly.ts must not read process.env',
      'flows/sign-in.ts must not read process.env',
      'main.ts must not read process.env',
    ],
    'process-imports-island': ['worker.ts must not import domain/orders/index.ts'],
    'no-place': ['utils/helpers.ts has no place in the plan'],
  };
  for (const [name, faults] of Object.entries(broken)) {
    test(`the checker judges "${name}" rightly`, async () => {
      expect((await checkArchitecture(fixture(name))).faults.sort()).toEqual(faults);
    });
  }
});

describe('the reader of imports', () => {
  const specifiers = (text: string) => scanImports(text).map(({ specifier }) => specifier);

  test('sees every way of importing', () => {
    const found = scanImports(`
      import plain from 'a';
      import { type One, type Two } from 'b';
      import type { Three } from 'c';
      import mixed, { type Four,
        five as six } from 'd';
      import * as all from 'e';
      import 'f';
      export { seven } from 'g';
      export * from 'h';
      export * as eight from 'i';
      const nine: import('j').Ten = await import('k');
      const computed = await import(name);
    `);
    expect(found.map(({ specifier }) => specifier).sort()).toEqual(
      ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', undefined].sort(),
    );
    const byName = Object.fromEntries(found.map((entry) => [entry.specifier, entry]));
    expect(byName.b).toMatchObject({ typeOnly: true, names: ['One', 'Two'] });
    expect(byName.c).toMatchObject({ typeOnly: true, names: ['Three'] });
    expect(byName.d).toMatchObject({ typeOnly: false, names: ['Four', 'five', 'default'] });
    expect(byName.e?.names).toEqual(['*']);
    expect(byName.a?.typeOnly).toBe(false);
  });

  test('is not taken in by comments, texts and regular expressions', () => {
    expect(
      specifiers(`
        // import { a } from 'no';
        /* import 'no'; */
        const text = "import 'no'";
        const half = half / 2 / 1;
        const quotes = /['"\`/]import 'no'/;
        const folder = \`import 'no' \${await import('yes')} \${{ a: '}' }.a} import 'no'\`;
        import { b } from 'also';
      `).sort(),
    ).toEqual(['also', 'yes']);
  });

  test('knows the environment under all its names', () => {
    expect(readsEnvironment('const a = process.env.A;')).toBe(true);
    expect(readsEnvironment("const a = process['env'];")).toBe(true);
    expect(readsEnvironment('const { env } = process;')).toBe(true);
    expect(readsEnvironment("import { env } from 'node:process';")).toBe(true);
    expect(readsEnvironment("// process.env\nconst a = 'process.env'; process.pid;")).toBe(false);
  });
});
