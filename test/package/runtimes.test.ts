/**
 * The packed package in every runtime that it promises: this Node, the oldest that package.json's `engines` lets in, the newest, and
 * Bun. The others come by `npm ci` in test/package/runtimes (180 MB; 820 on disk); without it their tests count as skipped.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyFixture } from '../support/fixtures.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';
import { Installed, ROOT } from './installed.ts';

const here = fileURLToPath(new URL('runtimes', import.meta.url));
const RUNTIMES: readonly (readonly [name: string, program: string])[] = [
  ['this Node', process.execPath],
  ...['node-20', 'node-22', 'node-24', 'node-26'].map(
    (name) => [name, join(here, 'node_modules', name, 'bin/node')] as const,
  ),
  ['bun', join(here, 'node_modules/@oven/bun-linux-x64/bin/bun')],
];
const missing = RUNTIMES.filter(([, program]) => !existsSync(program)).map(([name]) => name);
if (missing.length > 0)
  console.log(`skipped: the package in ${missing.join(', ')}; npm ci in test/package/runtimes brings them`);

let installed: Installed;
beforeAll(() => {
  installed = new Installed();
}, 120_000);
afterAll(() => installed.remove());

describe.each(RUNTIMES)('the package in %s', (name, program) => {
  const there = it.runIf(existsSync(program));
  const quiet = { status: 0, stderr: '' };
  const native = process.platform === 'linux' ? 'native' : 'node';

  there('guards by import, and the program ends by itself', () => {
    const { stdout, ...ended } = installed.program('life.mjs', [], program);
    expect(ended).toMatchObject(quiet);
    expect(JSON.parse(stdout)).toEqual({
      name: 'qwen2audio',
      held: 1,
      refused: 'ERR_INSUFFICIENT_MEMORY',
      status: 'ok',
      left: 0,
      source: native,
      told: ['admitted', 'loaded', 'refused'],
    });
  });

  there('is required without a warning, and is the same that import gives', () => {
    const { stdout, ...ended } = installed.program('required.cjs', [], program);
    expect(ended).toMatchObject(quiet);
    expect(JSON.parse(stdout)).toEqual({
      names: expect.arrayContaining(['MemoryGuardError', 'NexaSDK', 'readMemory', 'withMemoryGuard']),
      same: true,
      error: 'ERR_INVALID_OPTION',
      twice: 'ERR_INVALID_OPTION',
      metrics: 'ERR_INVALID_OPTION',
    });
  });

  it.runIf(existsSync(program) && process.platform === 'linux')(
    'is woken by the thread of the addon, and keeps no descriptor of it',
    () => {
      // No program can import it from the package, whose files are bundled.
      const reader = join(ROOT, 'lib/sensors/open-reader.js');
      const tree = copyFixture('v2-leaf');
      const { stdout, ...ended } = installed.program(
        'wake.mjs',
        [reader, tree, join(tree, 'sys/fs/cgroup/app/memory.current')],
        program,
      );
      expect(ended).toMatchObject(quiet);
      expect(JSON.parse(stdout)).toEqual({ begun: true, woken: true, closed: true });
    },
  );

  there('examines the machine from the command line', () => {
    const main = join(installed.project, 'node_modules/nexa-memory-guard/dist/cli/main.js');
    const { stdout, ...ended } = installed.run(program, [main, 'doctor', '--json']);
    expect(ended).toMatchObject(quiet);
    const { addon, memory, advice } = JSON.parse(stdout);
    expect([addon, memory.source]).toEqual(['loaded', native]);
    expect(advice).toContainEqual(expect.stringMatching(/npm install @fugood\/llama\.node/));
    if (name.startsWith('node-')) expect(JSON.parse(stdout).node).toContain(`v${name.slice(5)}.`);
  });
});

describe.each(RUNTIMES)('a model in %s', (_name, program) => {
  let files: TinyModels;
  let unlink: () => void;
  beforeAll(() => {
    files = makeTinyModels();
    unlink = installed.linkEngine();
  });
  afterAll(() => {
    unlink();
    files.remove();
  });

  it.runIf(existsSync(program))('lives in a process of its own, which is gone with it', () => {
    const { status, stdout, stderr } = installed.program('isolated.mjs', [files.model()], program);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ own: true, text: true, left: false });
  });

  // Node throws over such bytes where nobody can catch it, and what keeps it from that has Node's own name.
  it.runIf(existsSync(program))('ends no program by bytes that are no message', () => {
    const child = fileURLToPath(new URL('programs/astray-child.mjs', import.meta.url));
    const { status, stdout, stderr } = installed.program('astray.mjs', [child], program);
    expect({ status, stderr, stdout }).toEqual({ status: 0, stderr: '', stdout: '{"code":"ERR_MODEL_KILLED"}\n' });
  });
});
