/**
 * Prints the parameters that a build of llama.cpp fills in itself, for test/fixtures/engine-defaults.jsonl: by them its layout is found.
 *   node tools/engine-defaults.mjs NAME FOLDER|index.node
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { listLibraries } from './build-transcripts.mjs';

/** Longer than what is looked at; behind it lies whatever was there. */
const BYTES = { model: 80, context: 160, projector: 56 };

const [, , name, place = ''] = process.argv;
if (!name || !fs.existsSync(place)) {
  console.error('Usage: node tools/engine-defaults.mjs NAME FOLDER|index.node, after npm run build:native');
  process.exit(2);
}
const addon = createRequire(import.meta.url)('../build/Release/nexa_memory_guard.node');
const { libraries, backends } = listLibraries(place);
const library = new addon.EngineLibrary(libraries, backends);
const defaults = library.defaults();
const texts = Object.entries(BYTES).map(([kind, bytes]) => [kind, defaults[kind].subarray(0, bytes).toString('hex')]);
console.log(JSON.stringify({ name, ...Object.fromEntries(texts) }));
