/**
 * The programs of `npm run test:interop`, obtained once before its tests. One more is one more
 * line here; its tests ask `programOf` (program.ts) and are skipped, loudly, where it cannot be had.
 */
import type { TestProject } from 'vitest/node';
import { missingProgram, obtainProgram, type Wanted } from './debian.js';
import type { Missing } from './provided.js';

const wanted = {
  nginx: { programs: ['nginx'], packages: ['nginx-light'] },
  apache: {
    programs: ['apache2'],
    files: ['/usr/lib/apache2/modules/mod_auth_openidc.so'],
    packages: ['apache2-bin', 'libapache2-mod-auth-openidc'],
  },
  'oidc-agent': { programs: ['oidc-agent'], packages: ['oidc-agent-cli'] },
} as const satisfies Record<string, Wanted>;

export type ProgramName = keyof typeof wanted;

export type Interop = {
  readonly programs: Partial<Record<ProgramName, string>>;
  readonly missing: readonly Missing[];
};

declare module 'vitest' {
  interface ProvidedContext {
    interop: Interop;
  }
}

/** Run by vitest before all tests of `test/interop`. */
export default function setUp(project: TestProject): void {
  const names = Object.keys(wanted) as ProgramName[];
  const programs: Partial<Record<ProgramName, string>> = {};
  const missing: Missing[] = [];
  for (const name of names) {
    const path = obtainProgram(wanted[name]);
    if (path) programs[name] = path;
    else missing.push(missingProgram(`Tests with ${name}`, wanted[name]));
  }
  project.provide('interop', { programs, missing });
}
