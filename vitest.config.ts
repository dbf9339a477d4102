import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The modules that verified code imports, as a package of their own name.
  resolve: {
    alias: [
      { find: /^casemate$/, replacement: new URL('analyzers/library/contracts.ts', import.meta.url).pathname },
      {
        find: /^casemate\/platform(\/node)?$/,
        replacement: new URL('analyzers/library/platform-node.ts', import.meta.url).pathname,
      },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
    pool: 'forks',
    // Each worker loads the compiler, the linker and Z3 once and not once a file; a test leaves no state behind it.
    isolate: false,
  },
});
