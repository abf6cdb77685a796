/** Somebody put a property on `Object.prototype`: no rule of the guard follows it. Each name that may be missing in an object of `src/` is tried. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { runProgram } from '../support/run-program.ts';
import { TINY } from '../support/tiny-models.ts';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

/** Rooms whose objects a load meets. */
const ROOMS =
  /^(core|adapters|admission|events|footprint|gguf|ledger|loading|models|monitor|policy|sensors|[\w-]+\.ts$)/;

/** `name?:` of types, and the options and numbers that a caller gives. */
function listNames(): string[] {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && ROOMS.test(file),
  );
  const names = files.flatMap((file) =>
    [...readFileSync(join(SRC, file), 'utf8').matchAll(/\b([a-z]\w*)\?:/g)].map(([, name]) => name!),
  );
  return [...new Set([...names, 'mappedBytes', 'anonymousBytes', 'min', 'max', 'k', 'v', 'directory'])].sort();
}

/** What a document that was merged without care can bring: no functions. */
const VALUES = [true, 0, 2 ** 40, 'q4_0', ['q4_0'], { timeoutMs: 1 }];

const PROGRAM = `
const { GiB } = { GiB: 2 ** 30 };
const kinds = {
  fits: ['qwen2audio', { threads: 2 }],
  bare: ['qwen2audio'],
  large: ['qwen2audio', { memoryGuard: { footprint: 64 * GiB } }],
  apart: ['any', { memoryGuard: { footprint: { mappedBytes: 1, anonymousBytes: 64 * GiB } } }],
  unknown: ['any', {}],
  file: [MODEL, { contextSize: { min: 64, max: 128 } }],
  wide: [MODEL, { contextSize: 2 ** 29 }],
};
class SDK { async loadModel(name, options) { return { asked: JSON.stringify(options), dispose() {} }; } }
async function judge(lateMs) {
  const outcomes = {};
  let guarded;
  try {
    guarded = door.withMemoryGuard(new SDK(), { sensor: () => ({ totalBytes: 16 * GiB, availableBytes: 13 * GiB }), ledger: 'process' });
  } catch { return {}; }
  for (const [kind, args] of Object.entries(kinds)) {
    const settled = guarded.loadModel(...args).then((model) => {
      const held = guarded.guard.models()[0];
      const need = held && [held.need.mappedBytes, held.need.anonymousBytes];
      model.dispose();
      return JSON.stringify([model.asked, need]);
    }, (error) => 'refused');
    const late = new Promise((resolve) => setTimeout(resolve, lateMs, 'refused'));
    outcomes[kind] = await Promise.race([settled, late]);
  }
  guarded.guard.close();
  return outcomes;
}
const clean = await judge(30000);
const changed = [];
for (const name of NAMES) for (const value of VALUES) {
  Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true, enumerable: false });
  const found = await judge(300).catch(() => ({}));
  delete Object.prototype[name];
  for (const [kind, outcome] of Object.entries(found)) {
    if (outcome !== clean[kind] && outcome !== 'refused') changed.push([name, value, kind, outcome]);
  }
}
console.log(JSON.stringify({ clean, changed }));
process.exit(0);
`;

describe('a property on Object.prototype', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'nexa-polluted-'));
    writeLanguageModel(join(folder, 'm.gguf'), { ...TINY, quantization: 'Q4_0' });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('lets no load in that was refused, and changes no need', async () => {
    const constants = `const MODEL = ${JSON.stringify(join(folder, 'm.gguf'))}; const NAMES = ${JSON.stringify(listNames())}; const VALUES = ${JSON.stringify(VALUES)};`;
    const { stdout } = await runProgram(`${constants}\n${PROGRAM}`, { timeoutMs: 80_000 });
    const { clean, changed } = JSON.parse(stdout) as { clean: Record<string, string>; changed: unknown[] };
    expect(clean).toMatchObject({ large: 'refused', apart: 'refused', unknown: 'refused', wide: 'refused' });
    expect(Object.values(clean).filter((outcome) => outcome !== 'refused')).toHaveLength(3);
    expect(changed).toEqual([]);
  }, 90_000);
});
