/** The types as programs see them: `types/` compiled against the packed declarations, which are checked themselves (`skipLibCheck: false`). */
import { cpSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineFile, NO_OTHER_ENGINES } from '../support/other-engines.ts';
import { Installed, ROOT } from './installed.ts';

const ours = createRequire(import.meta.url);
const COMPILERS = [
  { name: 'the TypeScript of this repository', file: join(ROOT, 'node_modules/typescript/bin/tsc'), requires: true },
  // Comes with arethetypeswrong; `require` of an ES module is unknown to it.
  {
    name: 'TypeScript 5.6',
    file: createRequire(ours.resolve('@arethetypeswrong/core')).resolve('typescript/bin/tsc'),
    requires: false,
  },
];
const RESOLUTIONS = {
  nodenext: { module: 'nodenext' },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
};

let installed: Installed;
beforeAll(() => {
  installed = new Installed();
  const expectType = join('node_modules', 'expect-type');
  cpSync(join(ROOT, expectType), join(installed.project, expectType), { recursive: true });
  cpSync(fileURLToPath(new URL('types', import.meta.url)), installed.project, { recursive: true });
  // Programs are ES modules by default here; `required.cts` says itself that it isn't.
  writeFileSync(
    join(installed.project, 'package.json'),
    JSON.stringify({ name: 'empty', private: true, type: 'module' }),
  );
}, 120_000);
afterAll(() => installed.remove());

/** No types of Node: what is public needs none. */
function compile(compiler: string, module: object, files: readonly string[]): string {
  const compilerOptions = { target: 'es2022', strict: true, skipLibCheck: false, noEmit: true, types: [], ...module };
  writeFileSync(join(installed.project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  return installed.run(process.execPath, [compiler, '-p', 'tsconfig.json']).stdout;
}

describe.each(COMPILERS)('the public types under $name', ({ file, requires }) => {
  it.each(Object.entries(RESOLUTIONS))('are what the tests of types expect, with %s', (name, module) => {
    const programs = ['guarded.ts', 'events.ts', 'options.ts'];
    expect(compile(file, module, requires && name === 'nodenext' ? [...programs, 'required.cts'] : programs)).toBe('');
  });
});

it('the public types are found where TypeScript takes no notice of `exports`', () => {
  writeFileSync(
    join(installed.project, 'old.cts'),
    "import { guardMetrics } from 'nexa-memory-guard/metrics';\nguardMetrics;\n",
  );
  const module = { module: 'commonjs', moduleResolution: 'node10' };
  expect(compile(COMPILERS[1]?.file ?? '', module, ['old.cts'])).toBe('');
});

it.skipIf(NO_OTHER_ENGINES)(
  'the module of transformers.js keeps its own types behind a guard, and takes `memoryGuard`',
  () => {
    const own = { '@huggingface/transformers': [engineFile('@huggingface/transformers/types/transformers.d.ts')] };
    // Its own declarations are not ours to check, and name what browsers have.
    const module = { module: 'nodenext', skipLibCheck: true, lib: ['es2023', 'esnext.disposable', 'dom'], paths: own };
    expect(compile(COMPILERS[0]?.file ?? '', module, ['transformers.ts'])).toBe('');
  },
);

it('a test of types fails where it expects something else', () => {
  writeFileSync(
    join(installed.project, 'wrong.ts'),
    `import { expectTypeOf } from 'expect-type';
     import { readMemory } from 'nexa-memory-guard';
     expectTypeOf(readMemory().totalBytes).toEqualTypeOf<string>();`,
  );
  expect(compile(COMPILERS[0]?.file ?? '', RESOLUTIONS.nodenext, ['wrong.ts'])).toMatch(
    /^wrong\.ts\(3,\d+\): error TS2344/,
  );
});
