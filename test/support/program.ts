/** The programs that were obtained for the tests against other people's. */
import { inject } from 'vitest';
import type { ProgramName } from './interop-programs.js';

/** Where the program is; undefined if it could not be had. For `describe.skipIf`. */
export function programOf(name: ProgramName): string | undefined {
  return inject('interop').programs[name];
}
