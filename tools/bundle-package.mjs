/**
 * Makes what users import, `dist/`, from what was compiled, `lib/`: a few files instead of one for each source, since every file costs a
 * program about a millisecond at its start. Nothing is loaded later: a file that could not be opened in that moment could never be
 * imported by the process again. Types are copied as they are.
 */
import { cpSync, rmSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LIB = join(ROOT, 'lib');
const DIST = join(ROOT, 'dist');

/** What package.json's `exports` and `bin` lead to. */
const ENTRIES = ['index', 'metrics/guard-metrics', 'cli/main'];

rmSync(DIST, { recursive: true, force: true });
const bundle = await rolldown({
  input: Object.fromEntries(ENTRIES.map((name) => [name, join(LIB, `${name}.js`)])),
  platform: 'node',
  external: (id) => !id.startsWith('.') && !id.startsWith('/') && !/^[A-Z]:/.test(id),
});
await bundle.write({
  dir: DIST,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: ({ name }) => `chunks/${basename(name)}.js`,
});
await bundle.close();

cpSync(LIB, DIST, { recursive: true, filter: (file) => !file.endsWith('.js') && !isProgram(file) });

/** Nobody imports the program, so its types are left out. @param {string} file */
function isProgram(file) {
  return relative(LIB, file).split(/[\\/]/)[0] === 'cli';
}
