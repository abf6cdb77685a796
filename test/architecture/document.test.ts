/** Holds that docs/architecture.md names every room of src/ with what it may know, as layering.test.ts holds it. It reads no imports. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

function listNamedRooms(text: string): string[] {
  return [...new Set([...text.matchAll(/`src\/([a-z0-9/-]+)\/`/g)].map(([, room]) => room!))].sort();
}

/** Rows `'room': ['known', …],` of the table MAY_KNOW. */
function readTable(source: string): Map<string, string[]> {
  const table = /MAY_KNOW[^=]*= \{([\s\S]*?)\n\};/.exec(source)?.[1] ?? '';
  const rows = table.matchAll(/^ {2}'?([a-z0-9/-]+)'?: \[([^\]]*)\],$/gm);
  return new Map(
    [...rows].map(([, room, known]) => [room!, [...known!.matchAll(/'([^']+)'/g)].map(([, name]) => name!)]),
  );
}

/** Rows `| room | … | may know |` of the document. */
function readDocument(text: string): Map<string, string[]> {
  const rows = text.matchAll(/^\| `src\/([a-z0-9/-]+)\/` \|.*\| ([^|]*)\|$/gm);
  return new Map(
    [...rows].map(([, room, known]) => [
      room!,
      known!.trim() === 'nothing' || known!.trim() === ''
        ? []
        : known!.trim().replace('`src/index.ts`', '.').split(', '),
    ]),
  );
}

/** What every room may know, and what belongs to a room that is named already, is not named again. */
function shorten(room: string, known: readonly string[]): string[] {
  const within = (name: string) => [room, ...known].some((other) => name.startsWith(`${other}/`));
  return known.filter((name) => name !== 'core' && (name.startsWith('footprint/') || !within(name))).sort();
}

it('docs/architecture.md names every room of src/ and no other', () => {
  const rooms = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => relative(join(ROOT, 'src'), join(entry.parentPath, entry.name)).replaceAll('\\', '/'));
  expect(listNamedRooms(read('docs/architecture.md'))).toEqual(rooms.sort());
});

it('docs/architecture.md says of each room what it may know', () => {
  const table = readTable(read('test/architecture/layering.test.ts'));
  const document = readDocument(read('docs/architecture.md'));
  expect(document.size).toBeGreaterThan(15);
  const held = [...document.keys()].map((room) => [room, shorten(room, table.get(room) ?? ['no such room'])]);
  expect([...document].map(([room, known]) => [room, shorten(room, known)])).toEqual(held);
});

it('a room that is named in the text is found, and a file or a package is not', () => {
  expect(listNamedRooms('`src/core/`, `src/sdk/nexa/`, `src/index.ts` and src/plain/')).toEqual(['core', 'sdk/nexa']);
});

it('a row is read from the table and from the document', () => {
  expect(readTable("const MAY_KNOW: R = {\n  a: [],\n  'a/b': ['core', 'a'],\n};")).toEqual(
    new Map([
      ['a', []],
      ['a/b', ['core', 'a']],
    ]),
  );
  expect(readDocument('| `src/a/` | what it is | b, `src/index.ts` |\n| `src/c.ts` | a file | b |')).toEqual(
    new Map([['a', ['b', '.']]]),
  );
});
