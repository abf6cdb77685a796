/** Holds what each top-level folder may import, which folders test/ has, and that test/ mirrors src/ path by path. It looks at no room inside src/. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Import, isBuiltin, readImports } from './read-imports.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDERS = ['src', 'tools', 'bench', 'examples', 'test'] as const;
type Folder = (typeof FOLDERS)[number];

/** The files that a file of each folder may import, beside Node's own modules and packages. */
const MAY_IMPORT: Readonly<Record<Folder, (from: string) => RegExp>> = {
  src: () => /^src\//,
  // Files are made by asking the engine, and how it is asked is written once.
  tools: () => /^tools\/|^lib\/footprint\/engine\//,
  // Of lib/, what the package does not export.
  bench: (from) => new RegExp(`^(${from.split('/', 2).join('/')}|tools|lib)/`),
  // The models that a user would have downloaded.
  examples: () => /^examples\/|^tools\/synthetic-model\.mjs$/,
  test: (from) =>
    from.startsWith('test/examples/')
      ? /^(test|src|lib|dist|tools|native|examples)\//
      : /^(test|src|lib|dist|tools|native)\//,
};

/** Folders of test/ that mirror no room of src/. */
const OTHER_TESTS = [
  'architecture',
  'contract',
  'engines',
  'examples',
  'fixtures',
  'native',
  'other-systems',
  'package',
  'scenarios',
  'support',
  'tools',
  'vm',
];

const COMMENT = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;
/** A type with the lines that belong to it: they are indented, or close it. */
const TYPE = /^(?:export )?(?:declare )?(?:interface|type)\b.*(?:\n(?:[ \t}\])].*)?)*/gm;

/** Holds a function or a class, or does something; types and plain values need no test of their own. */
function hasBehaviour(source: string): boolean {
  return /=>|\bfunction\b|\bclass\b|^(?:await |new )?[\w.]+\(/m.test(source.replace(COMMENT, '').replace(TYPE, ''));
}

function listFiles(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[cm]?[jt]s$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length))
    .filter((file) => !/\/(node_modules|build)\//.test(file))
    .sort();
}

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const files = FOLDERS.flatMap(listFiles);
const imports = files.flatMap((file) => readImports(file, read(file)));
const rooms = new Set(files.filter((file) => file.startsWith('src/')).map(dirname));
const tests = files.filter((file) => file.endsWith('.test.ts'));

/** A file of this repository, or one outside of it; anything else is a package. */
const LOCAL = /^(src|tools|bench|examples|test|lib|dist|native)\/|^\.\./;

function findBreaches(found: readonly Import[]): string[] {
  return found
    .filter(({ from, to }) => {
      if (isBuiltin(to)) return false;
      const folder = from.split('/', 1)[0] as Folder;
      if (!LOCAL.test(to)) return to === 'vitest' && folder !== 'test';
      return !MAY_IMPORT[folder](from).test(to);
    })
    .map(({ from, to }) => `${from} > ${to}`);
}

/** `src/a/b.ts` for `test/a/b.test.ts` and `test/a/b.aspect.test.ts`. */
function getSource(test: string): string {
  const [name] = test.slice(test.lastIndexOf('/') + 1).split('.', 1);
  return `${dirname(test).replace(/^test/, 'src')}/${name}.ts`;
}

/** Stands in a folder that mirrors a room of src/. */
const isInRoom = (test: string) => rooms.has(dirname(test).replace(/^test/, 'src'));

describe('the folders of the repository', () => {
  it('are read: files, imports and breaches are found', () => {
    expect(files).toEqual(expect.arrayContaining(['src/index.ts', 'tools/timing.mjs', 'bench/gguf/gguf.mjs']));
    expect(files).toEqual(expect.arrayContaining(['examples/electron/preload.cjs', 'test/contract/adapters.test.ts']));
    expect(imports.length).toBeGreaterThan(1000);
    const breach = (from: string, to: string) => findBreaches([{ from, to }]).length > 0;
    expect(breach('src/index.ts', 'tools/timing.mjs')).toBe(true);
    expect(breach('tools/timing.mjs', 'src/index.ts')).toBe(true);
    expect(breach('tools/timing.mjs', 'vitest')).toBe(true);
    expect(breach('tools/timing.mjs', 'nexa-memory-guard')).toBe(false);
    expect(breach('bench/gguf/gguf.mjs', 'bench/guard/guard.mjs')).toBe(true);
    expect(breach('bench/gguf/gguf.mjs', 'bench/gguf/headers.mjs')).toBe(false);
    expect(breach('bench/gguf/gguf.mjs', 'lib/gguf/read-gguf.js')).toBe(false);
    expect(breach('tools/timing.mjs', 'lib/index.js')).toBe(true);
    expect(breach('examples/talk.mjs', 'tools/timing.mjs')).toBe(true);
    expect(breach('examples/talk.mjs', 'tools/synthetic-model.mjs')).toBe(false);
    expect(breach('test/gguf/read-gguf.test.ts', 'examples/talk.mjs')).toBe(true);
    expect(breach('test/examples/electron.test.ts', 'examples/electron/models.mjs')).toBe(false);
  });

  it('import only what they may', () => {
    expect(findBreaches(imports)).toEqual([]);
  });

  it('name in their text what they import of the package, so that it is read', () => {
    const computed = /\bimport\(\s*(?!['"])[^)]*\.\.\/(?:lib|dist|src)\//;
    expect(computed.test("await import(new URL('../../lib/gguf/read-gguf.js', import.meta.url).href)")).toBe(true);
    const programs = files.filter((file) => /^(?:bench|tools|examples)\//.test(file));
    expect(programs.filter((file) => computed.test(read(file)))).toEqual([]);
  });

  it('hold files in kebab-case; a dot parts the aspect of a test', () => {
    const names = files.map((file) => file.slice(file.lastIndexOf('/') + 1));
    const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*\.[cm]?[jt]s$/;
    expect(names.filter((name) => !kebab.test(name))).toEqual([]);
  });

  it('hold a folder for each bench, with a program of its name', () => {
    const benches = readdirSync(join(ROOT, 'bench'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(benches.length).toBeGreaterThan(5);
    expect(benches.filter(({ name }) => !files.includes(`bench/${name}/${name}.mjs`))).toEqual([]);
    expect(files.filter((file) => /^bench\/[^/]+$/.test(file))).toEqual([]);
  });
});

describe('the folders of test/', () => {
  it('are the rooms of src/ and those that mirror none', () => {
    const folders = readdirSync(join(ROOT, 'test'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const mirrored = folders.map(({ name }) => name).filter((name) => !OTHER_TESTS.includes(name));
    expect(mirrored.filter((name) => !rooms.has(`src/${name}`))).toEqual([]);
    expect(OTHER_TESTS.filter((name) => !folders.some((folder) => folder.name === name))).toEqual([]);
    expect(OTHER_TESTS.filter((name) => rooms.has(`src/${name}`))).toEqual([]);
  });

  it('hold tests only where they mirror a room; what tests share is in test/support', () => {
    const others = files.filter((file) => file.startsWith('test/') && isInRoom(file) && !file.endsWith('.test.ts'));
    expect(others).toEqual([]);
  });

  it('hold no test whose source is not there', () => {
    const mirrors = tests.filter(isInRoom);
    expect(mirrors.length).toBeGreaterThan(80);
    expect(mirrors.filter((test) => !files.includes(getSource(test)))).toEqual([]);
    const ofTools = tests.filter((test) => test.startsWith('test/tools/'));
    expect(ofTools.filter((test) => !files.includes(test.slice(5).replace('.test.ts', '.mjs')))).toEqual([]);
  });

  it('tell a source that does something from types and values', () => {
    expect(
      hasBehaviour('export interface A {\n  b: () => void;\n}\n/** class */\nexport type C =\n  | (() => D);'),
    ).toBe(false);
    expect(hasBehaviour("export const KEY = Symbol.for('key');\nexport { a } from './a.ts';")).toBe(false);
    expect(hasBehaviour('export interface A {}\nexport const twice = (a: number) => 2 * a;')).toBe(true);
    expect(hasBehaviour('export async function load() {}')).toBe(true);
    expect(hasBehaviour('export class Line {}')).toBe(true);
    expect(hasBehaviour("import { main } from './main.ts';\nawait main();")).toBe(true);
  });

  it('hold a test for every source that does something', () => {
    const mirrored = new Set(tests.map(getSource));
    const sources = files.filter((file) => file.startsWith('src/') && hasBehaviour(read(file)));
    expect(sources).toEqual(expect.arrayContaining(['src/memory-guard.ts', 'src/policy/choose-candidate.ts']));
    expect(sources).not.toContain('src/index.ts');
    expect(sources.filter((file) => !mirrored.has(file))).toEqual([]);
  });
});
