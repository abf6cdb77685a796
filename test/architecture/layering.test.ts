/** Reads the imports of every source file and holds the direction in which the rooms may know each other. */
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

interface Import {
  readonly from: string;
  /** A file below src/, or a package. */
  readonly to: string;
  /** Erased when compiled: a word of another room, not its behaviour, so it is free unless a rule says otherwise. */
  readonly typeOnly: boolean;
}

/** `import x from 'y'`, `import type …`, `import 'y'`, `export … from 'y'`, `import('y')`, `require('y')`. */
const STATEMENT = /^(?:import|export)\s+(type\s+)?(?:([^'"`;]*?)\s*from\s+)?['"]([^'"]+)['"]/gm;
const CALL = /\b(?:import|require)\(\s*['"]([^'"]+)['"]\s*\)/g;

function importsOf(from: string, source: string): Import[] {
  const found: Import[] = [];
  for (const [, type, names, to = ''] of source.matchAll(STATEMENT)) {
    found.push({ from, to: target(from, to), typeOnly: type !== undefined || onlyTypes(names) });
  }
  for (const [, to = ''] of source.matchAll(CALL)) found.push({ from, to: target(from, to), typeOnly: false });
  return found;
}

/** `{ type A, type B }` is erased as well. */
function onlyTypes(names: string | undefined): boolean {
  const listed = /^\{([^}]*)\}$/
    .exec(names?.trim() ?? '')?.[1]
    ?.split(',')
    .map((name) => name.trim());
  return listed?.filter(Boolean).every((name) => name.startsWith('type ')) ?? false;
}

function target(from: string, to: string): string {
  return to.startsWith('..') ? normalize(join(dirname(from), to)) : to;
}

const files = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => join(entry.parentPath, entry.name).slice(SRC.length + 1))
  .sort();
const sources = new Map(files.map((file) => [file, readFileSync(join(SRC, file), 'utf8')]));
const imports = files.flatMap((file) => importsOf(file, sources.get(file) as string));

const isNode = (to: string) => to.startsWith('node:') || builtinModules.includes(to);
const isPackage = (to: string) => !isNode(to) && !sources.has(to);

/** What files of a room import, as `from > to`, without what `allowed` accepts. */
function breaches(room: RegExp, allowed: (found: Import) => boolean): string[] {
  return imports.filter((found) => room.test(found.from) && !allowed(found)).map(({ from, to }) => `${from} > ${to}`);
}

const among =
  (...rooms: RegExp[]) =>
  (to: string) =>
    rooms.some((room) => room.test(to));

describe('the reader of imports', () => {
  it('sees every way to import, and tells types from behaviour', () => {
    const source = [
      "import a from 'a';",
      "import type { B } from './b.ts';",
      "import { type C, type D } from '../c.ts';",
      'import {\n  type E,\n  f,\n} from "node:fs";',
      "import './effect.ts';",
      "export * from './g.ts';",
      "export type { H } from './h.ts';",
      "const i = await import('i');",
      "const j = require('j');",
    ].join('\n');
    expect(importsOf('room/file.ts', source).map(({ to, typeOnly }) => [to, typeOnly])).toEqual([
      ['a', false],
      ['room/b.ts', true],
      ['c.ts', true],
      ['node:fs', false],
      ['room/effect.ts', false],
      ['room/g.ts', false],
      ['room/h.ts', true],
      ['i', false],
      ['j', false],
    ]);
  });

  it('finds the sources, and a breach where there is one', () => {
    expect(files).toEqual(
      expect.arrayContaining(['index.ts', 'policy/admit.ts', 'sensors/reader.ts', 'sdk/nexasdk.ts']),
    );
    expect(imports.length).toBeGreaterThan(150);
    expect(breaches(/^guard\.ts$/, ({ to }) => to !== 'gate.ts')).toEqual(['guard.ts > gate.ts']);
  });

  it('finds every file that is imported', () => {
    const local = imports.filter(({ to }) => to.endsWith('.ts'));
    expect(local.filter(({ to }) => !sources.has(to))).toEqual([]);
  });
});

describe('the direction of dependencies', () => {
  it('types know nothing, sizes and errors nothing of this package', () => {
    expect(breaches(/^(types|bytes)\.ts$/, () => false)).toEqual([]);
    expect(breaches(/^errors\.ts$/, ({ to }) => isNode(to))).toEqual([]);
  });

  it('policy and ledger are pure: words, sizes and each other, nothing of Node, not even its types', () => {
    const own = among(/^types\.ts$/, /^bytes\.ts$/, /^policy\//);
    expect(breaches(/^policy\//, ({ to }) => own(to))).toEqual([]);
    const pure = among(/^types\.ts$/, /^ledger\/(ledger|record|peers)\.ts$/);
    expect(breaches(/^ledger\/(ledger|record|peers)\.ts$/, ({ to }) => pure(to))).toEqual([]);
    const impure = /\b(performance|Date|setTimeout|console|await|async)\b(?=[.(\s])/;
    for (const file of files.filter((name) => name.startsWith('policy/'))) {
      const code = (sources.get(file) as string).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
      expect([file, impure.exec(code)?.[0]]).toEqual([file, undefined]);
    }
  });

  it('the gate and the monitor know policy, ledger and words; no sensor, no guard, no SDK', () => {
    const below = among(/^(types|bytes|errors|events|clock|decision)\.ts$/, /^policy\//, /^ledger\//, /^monitor\//);
    expect(breaches(/^(gate|decision)\.ts$/, ({ to }) => below(to))).toEqual([]);
    expect(breaches(/^monitor\//, ({ to }) => below(to))).toEqual([]);
  });

  it('the ledger that processes share knows files and locks, no sensor and no policy', () => {
    const own = among(/^(types|errors|native)\.ts$/, /^ledger\//);
    expect(breaches(/^ledger\//, ({ to }) => own(to) || isNode(to))).toEqual([]);
  });

  it('sensors know no policy and nothing above them', () => {
    const own = among(/^(types|bytes|errors|native)\.ts$/, /^sensors\//);
    expect(
      breaches(/^sensors\//, ({ to, typeOnly }) => own(to) || isNode(to) || (typeOnly && /^ledger\//.test(to))),
    ).toEqual([]);
  });

  it('the wrapping and the following of calls know no SDK and no memory', () => {
    expect(breaches(/^wrap\.ts$/, ({ to }) => isNode(to))).toEqual([]);
    expect(files).toEqual(expect.arrayContaining(['loading/calls.ts', 'loading/queue.ts']));
    expect(breaches(/^loading\/calls\.ts$/, ({ to }) => to === 'wrap.ts')).toEqual([]);
    expect(breaches(/^loading\/queue\.ts$/, () => false)).toEqual([]);
  });

  it('loading reads no machine: it knows the gate, and of an SDK its adapter alone', () => {
    const words = among(/^(types|bytes|errors|events|clock|options|sentences|refusal|help|wrap|decision|gate)\.ts$/);
    const rooms = among(/^(loading|policy|ledger|footprint)\//, /^sdk\/adapter\.ts$/);
    expect(breaches(/^loading\//, ({ to }) => words(to) || rooms(to))).toEqual([]);
  });

  it('the SDK knows no memory numbers and no guard', () => {
    const own = among(/^errors\.ts$/, /^sdk\//);
    // What a model file's header says is no memory number.
    const engine = among(/^@fugood\/llama\.node$/, /^native\.ts$/, /^footprint\/gguf\.ts$/);
    expect(
      breaches(/^sdk\//, ({ to, typeOnly }) => own(to) || isNode(to) || engine(to) || (typeOnly && to === 'types.ts')),
    ).toEqual([]);
  });

  it('footprints know no sensor, no policy and no guard', () => {
    const own = among(/^(types|bytes|errors|checks)\.ts$/, /^footprint\//);
    expect(breaches(/^footprint\//, ({ to }) => own(to) || isNode(to))).toEqual([]);
  });

  it('only what stands at the door knows the guard', () => {
    const knowing = imports.filter(({ to, typeOnly }) => to === 'guard.ts' && !typeOnly).map(({ from }) => from);
    expect(knowing).toEqual(['withmemoryguard.ts']);
    expect(
      imports
        .filter(({ to }) => to === 'index.ts')
        .map(({ from }) => from)
        .filter((from) => !/^(cli|metrics)\//.test(from)),
    ).toEqual([]);
  });

  it('metrics and the command line import the public door only', () => {
    expect(
      breaches(
        /^(cli|metrics)\//,
        ({ to, from }) => to === 'index.ts' || isNode(to) || isPackage(to) || dirname(to) === dirname(from),
      ),
    ).toEqual([]);
  });

  it('the public door only re-exports', () => {
    const code = (sources.get('index.ts') as string).replace(/\/\*[\s\S]*?\*\/|^\/\/.*$/gm, '');
    const statements = code
      .split(';')
      .map((statement) => statement.trim())
      .filter(Boolean);
    expect(statements.length).toBeGreaterThan(5);
    expect(
      statements.filter((statement) => !/^export (type )?\{[^}]*\} from '\.\/[\w/]+\.ts'$/.test(statement)),
    ).toEqual([]);
  });

  it('the addon is loaded in one place', () => {
    const loading = files.filter((file) => /nexa.memory.guard\.node|process\.dlopen/.test(sources.get(file) as string));
    expect(loading).toEqual(['native.ts']);
  });

  it('packages are few, and each has its room', () => {
    const packages = new Set(
      imports.filter(({ to }) => isPackage(to)).map(({ from, to }) => `${from.split('/')[0]} > ${to}`),
    );
    expect(
      [...packages].filter(
        (each) =>
          !/^(guard\.ts > eventemitter3|(sensors|report\.ts) > systeminformation|sdk > @fugood\/llama\.node|cli > picocolors)$/.test(
            each,
          ),
      ),
    ).toEqual([]);
  });
});
