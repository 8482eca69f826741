/**
 * The closing words of a test run: what could not run here, loudly, and then the tally as the
 * very last line, in the form that every CI reads. Where `CI=true`, something that could not
 * run is a failure: nobody reads the log of a green run.
 */
import type { ProvidedContext } from 'vitest';
import type { Reporter, SerializedError, TestModule, Vitest } from 'vitest/node';
import type {} from './interop-programs.js';
import type { Missing } from './provided.js';

type Tally = { passed: number; failed: number; skipped: number };

export class TallyReporter implements Reporter {
  #vitest: Vitest | undefined;
  #lines: string[] = [];

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
    // Anything printed while the services are put away comes before.
    if (!vitest.config.watch) process.once('exit', () => this.#print());
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const missing = this.#missing();
    const failsForMissing = missing.length > 0 && process.env.CI === 'true';
    if (failsForMissing) process.exitCode = 1;
    this.#lines = [...announce(missing, failsForMissing), tallyLine(count(modules, errors))];
    if (this.#vitest?.config.watch) this.#print();
  }

  #missing(): readonly Missing[] {
    const provided: Partial<ProvidedContext> =
      this.#vitest?.getRootProject().getProvidedContext() ?? {};
    return [...(provided.services?.missing ?? []), ...(provided.interop?.missing ?? [])];
  }

  #print(): void {
    for (const line of this.#lines.splice(0)) console.log(line);
  }
}

function count(modules: readonly TestModule[], errors: readonly SerializedError[]): Tally {
  const tally: Tally = { passed: 0, failed: 0, skipped: 0 };
  for (const module of modules) {
    let failedInside = 0;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') tally.passed++;
      else if (state === 'failed') failedInside++;
      else tally.skipped++;
    }
    // A file that cannot be loaded, or whose hooks fail, has no failed test but has failed.
    tally.failed += module.state() === 'failed' ? Math.max(failedInside, 1) : failedInside;
  }
  // Errors outside of any test fail the run as well.
  if (tally.failed === 0 && errors.length > 0) tally.failed = errors.length;
  return tally;
}

function announce(missing: readonly Missing[], fails: boolean): string[] {
  if (missing.length === 0) return [];
  const bar = '='.repeat(78);
  const verdict = fails ? ' (a failure, because CI=true)' : '';
  return [
    bar,
    `COULD NOT RUN ON THIS MACHINE${verdict}:`,
    ...missing.flatMap(({ what, remedy }) => [`  ${what}`, `    to run them: ${remedy}`]),
    bar,
  ];
}

function tallyLine({ passed, failed, skipped }: Tally): string {
  const line = `${passed} passed, ${failed} failed`;
  return skipped > 0 ? `${line}, ${skipped} skipped` : line;
}
