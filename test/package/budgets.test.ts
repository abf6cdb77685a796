/** What importing the package may load: files of its own, packages and parts of it that only some programs need. No time is asserted. Needs `npm run compile`. */
import { beforeAll, describe, expect, it } from 'vitest';
import { listLoadedBuiltins, listLoadedFiles } from '../../tools/loaded-modules.mjs';

/** Lower it when fewer are loaded; each file costs every program that imports the package (bench/import). */
const MOST_FILES = 3;
/** Other packages' files, each of them. */
const PACKAGES = ['node_modules/eventemitter3/index.js', 'node_modules/eventemitter3/index.mjs'];
/** Modules of Node that no program should get by an import alone. */
const NOT_FROM_NODE = ['child_process', 'http', 'https', 'inspector', 'tls', 'v8', 'vm', 'worker_threads', 'zlib'];

describe("import 'nexa-memory-guard'", () => {
  let files: readonly string[];
  let own: readonly string[];
  beforeAll(() => {
    files = listLoadedFiles('nexa-memory-guard');
    own = files.filter((file) => file.startsWith('dist/'));
  });

  it(`loads ${MOST_FILES} files at most`, () => {
    expect(own).toContain('dist/index.js');
    expect(own.length).toBeLessThanOrEqual(MOST_FILES);
  });

  it('loads one other package', () => {
    expect(files.filter((file) => !file.startsWith('dist/'))).toEqual(PACKAGES);
  });

  it('loads neither the command line nor the metrics', () => {
    expect(own.filter((file) => /^dist\/(cli|metrics)\//.test(file))).toEqual([]);
    expect(listLoadedFiles('nexa-memory-guard/metrics')).toContain('dist/metrics/guard-metrics.js');
  });

  it('loads no part of Node that starts programs or threads, speaks HTTP, packs files or steers V8', () => {
    const builtins = listLoadedBuiltins('nexa-memory-guard');
    expect(builtins.length).toBeGreaterThan(0);
    expect(builtins.filter((name) => NOT_FROM_NODE.includes(name))).toEqual([]);
    for (const name of ['child_process', 'v8', 'vm', 'worker_threads']) {
      expect(listLoadedBuiltins(`node:${name}`)).toContain(name);
    }
  });
});
