/** Reads the imports of every file and holds the direction in which the rooms may know each other, the names of files, and their places. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Import, isBuiltin, readImports } from './read-imports.ts';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

const files = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => join(entry.parentPath, entry.name).slice(SRC.length + 1))
  .sort();
const sources = new Map(files.map((file) => [file, readFileSync(join(SRC, file), 'utf8')]));
const imports = files.flatMap((file) => readImports(file, sources.get(file) as string));

/** The folder of a file below src/; '.' for the files that a user imports or configures. */
const roomOf = (file: string) => dirname(file);

/**
 * What each room may know besides itself, Node and, where it is named, a package. Types count like behaviour: a type of a higher
 * room would tie the two together just as well.
 */
const MAY_KNOW: Readonly<Record<string, readonly string[]>> = {
  core: [],
  addon: ['core'],
  children: ['core', 'addon'],
  gguf: ['core'],
  policy: ['core'],
  ledger: ['core', 'addon'],
  'sensors/darwin': ['core', 'sensors'],
  'sensors/linux': ['core', 'addon', 'sensors'],
  'sensors/win32': ['core', 'sensors'],
  sensors: ['core', 'addon', 'sensors/darwin', 'sensors/linux', 'sensors/win32'],
  processes: ['core', 'addon', 'sensors', 'sensors/linux'],
  'footprint/llama-cpp': ['core', 'gguf'],
  'footprint/whisper-cpp': ['core', 'gguf', 'footprint/llama-cpp'],
  'footprint/onnx': ['core', 'gguf'],
  footprint: ['core', 'gguf', 'footprint/engine', 'footprint/llama-cpp', 'footprint/onnx', 'footprint/whisper-cpp'],
  'footprint/engine': ['core', 'addon', 'children', 'gguf', 'footprint', 'footprint/llama-cpp'],
  events: ['core', 'policy'],
  admission: ['core', 'policy', 'ledger', 'events'],
  monitor: ['core', 'policy', 'admission', 'events'],
  'model-files': ['core'],
  adapters: ['core', 'model-files'],
  models: ['core', 'policy', 'admission', 'events', 'ledger', 'footprint'],
  machine: [
    'core',
    'addon',
    'children',
    'processes',
    'sensors',
    'sensors/linux',
    'ledger',
    'footprint',
    'footprint/engine',
  ],
  loading: [
    'core',
    'policy',
    'admission',
    'events',
    'ledger',
    'footprint',
    'footprint/engine',
    'models',
    'adapters',
    'machine',
  ],
  'load-calls': ['core', 'adapters', 'loading', 'footprint'],
  spawn: ['core', 'adapters', 'loading'],
  sdk: ['core', 'adapters', 'addon', 'gguf', 'model-files', 'sdk/audio', 'sdk/isolation', 'sdk/llama', 'sdk/nexa'],
  'sdk/audio': ['core', 'gguf'],
  'sdk/isolation': ['core', 'addon', 'children', 'sdk'],
  'sdk/llama': ['core', 'addon', 'sdk', 'sdk/audio'],
  'sdk/nexa': ['core', 'addon', 'gguf', 'sensors', 'sdk', 'sdk/audio'],
  metrics: ['core', '.'],
  // Headroom is judged as a guard would, with the guard's own thresholds.
  cli: ['core', '.', 'footprint', 'policy', 'cli/doctor', 'cli/plan', 'cli/run', 'cli/watch', 'picocolors'],
  'cli/doctor': ['core', '.', 'cli', 'footprint', 'ledger'],
  // A plan is told in the words and sums of a refusal, which are no part of the public surface.
  'cli/plan': ['core', '.', 'cli', 'admission', 'policy'],
  // Files are looked at before anything is loaded, as the SDK does afterwards.
  'cli/run': ['core', '.', 'cli', 'sdk', 'sdk/audio'],
  // From outside it looks at a group as a guard does at its own, with the same readers and the same sums.
  'cli/watch': ['core', '.', 'cli', 'footprint', 'policy', 'admission', 'ledger', 'sensors', 'sensors/linux'],
};

/** Single files that know more or less than their room. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  // The pure half of the ledger.
  'ledger/ledger.ts': ['core'],
  'ledger/ledger-record.ts': ['core'],
  'ledger/peer-headroom.ts': ['core'],
  // Know no SDK and no memory.
  'core/wrap-object.ts': [],
  'models/track-call.ts': ['core'],
  'loading/load-queue.ts': ['core'],
};

/** Rooms that only the public door and the command line may know: what they hold is reached through `index.ts`. */
const THROUGH_THE_DOOR = /^(cli|metrics)\b/;

function breaches(found: readonly Import[]): string[] {
  return found
    .filter(({ from, to }) => {
      const room = roomOf(from);
      if (room === '.' || isBuiltin(to)) return false;
      const target = sources.has(to) ? roomOf(to) : to;
      if (target === '.' && THROUGH_THE_DOOR.test(room)) return to !== 'index.ts';
      return target !== room && !(FILES[from] ?? MAY_KNOW[room] ?? []).includes(target);
    })
    .map(({ from, to }) => `${from} > ${to}`);
}

/** Every group of files that import each other in a circle. */
function circles(found: readonly Import[]): string[][] {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const groups: string[][] = [];
  const visit = (file: string) => {
    order.set(file, order.size);
    low.set(file, order.get(file)!);
    stack.push(file);
    for (const { to } of found.filter(({ from }) => from === file)) {
      if (!order.has(to)) visit(to);
      if (stack.includes(to)) low.set(file, Math.min(low.get(file)!, low.get(to)!));
    }
    if (low.get(file) === order.get(file)) {
      const group = stack.splice(stack.indexOf(file));
      if (group.length > 1) groups.push(group.sort());
    }
  };
  for (const { from } of found) if (!order.has(from)) visit(from);
  return groups;
}

describe('the reader of imports', () => {
  it('sees every way to import', () => {
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
    expect(readImports('room/file.ts', source).map(({ to }) => to)).toEqual([
      'a',
      'room/b.ts',
      'c.ts',
      'node:fs',
      'room/effect.ts',
      'room/g.ts',
      'room/h.ts',
      'i',
      'j',
    ]);
  });

  it('finds the sources, a breach and a circle where there is one', () => {
    expect(files).toEqual(expect.arrayContaining(['index.ts', 'policy/admission-rules.ts', 'sdk/nexa-sdk.ts']));
    expect(imports.length).toBeGreaterThan(400);
    expect(breaches([{ from: 'policy/admission-rules.ts', to: 'sensors/open-reader.ts' }])).toHaveLength(1);
    expect(breaches([{ from: 'metrics/prometheus.ts', to: 'memory-guard.ts' }])).toHaveLength(1);
    expect(breaches([{ from: 'metrics/prometheus.ts', to: 'index.ts' }])).toEqual([]);
    const circle = ['ab', 'bc', 'ca', 'cd'].map(([from, to]) => ({ from: from!, to: to! }));
    expect(circles(circle)).toEqual([['a', 'b', 'c']]);
  });

  it('finds every file that is imported', () => {
    const local = imports.filter(({ to }) => to.endsWith('.ts'));
    expect(local.filter(({ to }) => !sources.has(to))).toEqual([]);
  });
});

describe('the rooms of the source', () => {
  it('know each other in one direction', () => {
    expect(breaches(imports)).toEqual([]);
  });

  it('import in no circle, types included', () => {
    expect(circles(imports)).toEqual([]);
  });

  it('are all in the table, and the table names no room that there is not', () => {
    const rooms = [...new Set(files.map(roomOf))].filter((room) => room !== '.').sort();
    expect(Object.keys(MAY_KNOW).sort()).toEqual(rooms);
    expect(Object.keys(FILES).filter((file) => !sources.has(file))).toEqual([]);
  });

  it('hold files in kebab-case, and no name twice', () => {
    const names = files.map((file) => file.split('/').at(-1)!);
    expect(names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*\.ts$/.test(name))).toEqual([]);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('keep policy and the arithmetic of the ledger pure: no Node, no clock, no waiting', () => {
    const pure = /^policy\/|^ledger\/(ledger|ledger-record|peer-headroom)\.ts$/;
    expect(imports.filter(({ from, to }) => pure.test(from) && isBuiltin(to))).toEqual([]);
    const impure = /\b(performance|Date|setTimeout|console|await|async)\b(?=[.(\s])/;
    for (const file of files.filter((name) => pure.test(name))) {
      const code = sources.get(file)!.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
      expect([file, impure.exec(code)?.[0]]).toEqual([file, undefined]);
    }
  });

  it('let only the door know the guard', () => {
    expect(imports.filter(({ to }) => to === 'memory-guard.ts').map(({ from }) => from)).toEqual([
      'create-memory-guard.ts',
      'index.ts',
      'with-memory-guard.ts',
    ]);
  });

  it('have a door that only re-exports', () => {
    const code = sources.get('index.ts')!.replace(/\/\*[\s\S]*?\*\/|^\/\/.*$/gm, '');
    const statements = code
      .split(';')
      .map((statement) => statement.trim())
      .filter(Boolean);
    expect(statements.length).toBeGreaterThan(5);
    expect(
      statements.filter((statement) => !/^export (type )?\{[^}]*\} from '\.\/[\w/-]+\.ts'$/.test(statement)),
    ).toEqual([]);
  });

  it('load the addon in one place', () => {
    const loading = files.filter((file) => /nexa.memory.guard\.node|process\.dlopen/.test(sources.get(file)!));
    expect(loading).toEqual(['addon/load-addon.ts']);
  });

  it('import nothing of the package later: an import that failed once fails for ever in that process', () => {
    const later = files.filter((file) =>
      /\bimport\(\s*['"]\./.test(sources.get(file)!.replace(/\/\*[\s\S]*?\*\//g, '')),
    );
    expect(later).toEqual([]);
  });

  it('use few packages, each of them in its own room', () => {
    const packages = imports.filter(({ to }) => !isBuiltin(to) && !sources.has(to));
    const used = new Set(packages.map(({ from, to }) => `${roomOf(from) === '.' ? from : roomOf(from)} > ${to}`));
    expect([...used].sort()).toEqual([
      'cli > picocolors',
      'guard-rooms.ts > eventemitter3',
      'machine-report.ts > systeminformation',
    ]);
  });
});
