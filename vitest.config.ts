/** How the tests run: real services, started once, and two workers, which is what CI has. */
import { defineConfig } from 'vitest/config';
import { TallyReporter } from './test/support/reporter.js';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 20_000,
    reporters: ['default', new TallyReporter()],
  },
});
