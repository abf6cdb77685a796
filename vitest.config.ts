import { defineConfig } from 'vitest/config';

/** Where a machine-readable result goes beside the printed one. */
const json = process.env['VITEST_JSON'];

export default defineConfig({
  test: {
    reporters: json ? ['default', ['json', { outputFile: json }]] : ['default'],
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 30_000,
    execArgv: ['--expose-gc'],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text-summary', ['text', { skipFull: true }]],
      thresholds: { statements: 95, branches: 90, functions: 100 },
    },
  },
});
