/** How the tests run: real services, started once, and two workers, which is what CI has. */
import { configDefaults, defineConfig, type TestUserConfig } from 'vitest/config';
import { TallyReporter } from './test/support/reporter.js';

/** What every kind of test has in common. */
export const settings: TestUserConfig = {
  globalSetup: ['test/support/global-setup.ts'],
  pool: 'forks',
  maxWorkers: 2,
  // Where `localhost` is 127.0.0.1 and ::1, Node gives up on the first after 250 ms: a test that
  // was not given the processor for as long would then find nobody at the second.
  execArgv: ['--network-family-autoselection-attempt-timeout=10000'],
  // A machine with something else to do takes ten times as long; it costs only what hangs.
  testTimeout: 120_000,
  hookTimeout: 180_000,
  teardownTimeout: 20_000,
  reporters: ['default', new TallyReporter()],
};

export default defineConfig({
  test: {
    ...settings,
    include: ['test/**/*.test.ts'],
    // They need programs that npm does not bring: vitest.interop.config.ts.
    exclude: [...configDefaults.exclude, 'test/interop/**'],
  },
});
