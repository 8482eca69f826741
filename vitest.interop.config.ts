/** Tests against other people's programs, as Debian packages them: `npm run test:interop`. */
import { defineConfig, mergeConfig } from 'vitest/config';
import { settings } from './vitest.config.js';

export default mergeConfig(
  defineConfig({ test: settings }),
  defineConfig({
    test: {
      include: ['test/interop/**/*.test.ts'],
      globalSetup: ['test/support/interop-programs.ts'],
    },
  }),
);
