import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The module that verified code imports, as a package of its own name.
  resolve: { alias: { casemate: new URL('analyzers/library/contracts.ts', import.meta.url).pathname } },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
    pool: 'forks',
  },
});
