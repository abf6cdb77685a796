/** Holds that docs/architecture.md names every room of src/ and no room that there is not. It reads no imports. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

function listNamedRooms(text: string): string[] {
  return [...new Set([...text.matchAll(/`src\/([a-z0-9/-]+)\/`/g)].map(([, room]) => room!))].sort();
}

it('docs/architecture.md names every room of src/ and no other', () => {
  const rooms = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => relative(join(ROOT, 'src'), join(entry.parentPath, entry.name)).replaceAll('\\', '/'));
  expect(listNamedRooms(readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8'))).toEqual(rooms.sort());
});

it('a room that is named in the text is found, and a file or a package is not', () => {
  expect(listNamedRooms('`src/core/`, `src/sdk/nexa/`, `src/index.ts` and src/plain/')).toEqual(['core', 'sdk/nexa']);
});
