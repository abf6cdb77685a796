import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Where a machine-readable result goes beside the printed one. */
const json = process.env['VITEST_JSON'];

/** What tests observe of loads must not end up in the user's own cache. */
const cache = join(tmpdir(), `nexa-memory-guard-test-cache-${process.pid}`);

export default defineConfig({
  test: {
    env: { XDG_CACHE_HOME: cache },
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/own-cache.ts'],
    reporters: json ? ['default', ['json', { outputFile: json }]] : ['default'],
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 30_000,
    execArgv: ['--expose-gc'],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      // The program of a model's process runs nowhere else: test/child.test.ts starts it.
      exclude: ['src/child.ts'],
      reporter: ['text-summary', ['text', { skipFull: true }]],
      thresholds: { statements: 95, branches: 90, functions: 100 },
    },
  },
});
