/**
 * Makes what users import, `dist/`, from what was compiled, `lib/`: a few files instead of one for each source, since every file costs a
 * program about a millisecond at its start. Nothing is loaded later: a file that could not be opened in that moment could never be
 * imported by the process again. Of the types, those are copied that an import leads to.
 */
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LIB = join(ROOT, 'lib');
const DIST = join(ROOT, 'dist');

/** What package.json's `exports` and `bin` lead to. */
const ENTRIES = ['index', 'metrics/guard-metrics', 'cli/main'];
/** What the package itself starts as a process. */
const CHILD = 'child';

rmSync(DIST, { recursive: true, force: true });
await bundle(Object.fromEntries(ENTRIES.map((name) => [name, join(LIB, `${name}.js`)])));
// One file by itself: an application that is bundled copies it. It repeats what `index` has, so it is made small; what fails in it is told by message.
await bundle({ child: join(LIB, `${CHILD}.js`) }, true);

// Nobody imports the programs, so their types are left out.
for (const file of listTypes(ENTRIES.filter((name) => name !== 'cli/main')))
  cpSync(file, join(DIST, relative(LIB, file)));

/** @param {Record<string, string>} input @param {boolean} [minify] */
async function bundle(input, minify = false) {
  const made = await rolldown({
    input,
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/') && !/^[A-Z]:/.test(id),
  });
  await made.write({
    dir: DIST,
    format: 'esm',
    minify,
    // What they say stands in the types and in the source, but for what bundlers are told.
    comments: { legal: false, annotation: true, jsdoc: false },
    entryFileNames: '[name].js',
    chunkFileNames: ({ name }) => `chunks/${basename(name)}.js`,
  });
  await made.close();
}

/** The files of types that these entries lead to, directly or not. @param {readonly string[]} entries */
function listTypes(entries) {
  const found = new Set(entries.map((name) => join(LIB, `${name}.d.ts`)));
  for (const file of found) {
    for (const [, path = ''] of readFileSync(file, 'utf8').matchAll(/(?:from |import\()'(\.[^']+)'/g))
      found.add(join(dirname(file), path.replace(/\.[jt]s$/, '.d.ts')));
  }
  return found;
}
