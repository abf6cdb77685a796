/**
 * Two programs load one file at the same time, which neither has read yet, in a control group in which one of them fits. On the real libraries of the SDK that
 * REAL_GENIEX and REAL_ML name: one copies weights, the other maps none. Needs `dist/`.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { type RealVariable, realLibrary } from '../support/nexa/libraries.ts';
import { runProgram } from '../support/run-program.ts';

const VARIABLES: readonly RealVariable[] = ['REAL_GENIEX', 'REAL_ML'];
/** 240 MB, of which 150 are copied by one library. */
const MODEL = {
  hidden: 2048,
  layers: 4,
  heads: 16,
  kvHeads: 16,
  ffn: 8192,
  vocab: 32_000,
  quantization: 'Q4_0',
} as const;

let folder: string;
let modelPath: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nexa-cold-'));
  modelPath = join(folder, 'model.gguf');
  writeLanguageModel(modelPath, MODEL);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A program that loads when both are ready, and ends when both have loaded or were refused. */
function writeProgram(libraryPath: string, isolation: 'none' | 'process', meeting: string): string {
  return `
    const { NexaSDK, withMemoryGuard, MiB } = door;
    const { readdirSync, writeFileSync } = await import('node:fs');
    const meeting = ${JSON.stringify(meeting)};
    async function meet(name) {
      writeFileSync(meeting + '/' + name + '-' + process.pid, '');
      while (readdirSync(meeting).filter((each) => each.startsWith(name)).length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const sdk = await NexaSDK.initialize(${JSON.stringify({ runtime: 'nexa', libraryPath, isolation })});
    const nexa = withMemoryGuard(sdk, { minFreeBytes: 16 * MiB, minFreeRatioAfterLoad: 0, ledger: { directory: ${JSON.stringify(`${meeting}-ledger`)} } });
    let basis;
    nexa.guard.on('admitted', (event) => (basis = event.need.basis));
    await meet('ready');
    const load = { contextSize: 512, memoryGuard: { wait: false } };
    const found = await nexa.loadModel(${JSON.stringify(modelPath)}, load).then(async (model) => {
      for await (const _ of model.generate({ prompt: 'x', maxTokens: 2 }));
      return 'loaded by ' + basis;
    }, (error) => error.code);
    await meet('done');
    console.log(found);
    await nexa.dispose();
    nexa.guard.close();`;
}

const noControlGroups = whyNoControlGroups();
describe.each(VARIABLES)('with the library of %s', (variable) => {
  const library = realLibrary(variable);
  const missing = library === undefined ? `${variable} names no library` : noControlGroups;
  if (missing !== undefined) console.info(`Two cold programs are not tested: ${missing}.`);

  test.skipIf(missing !== undefined).each([
    ['none', 520],
    ['process', 600],
  ] as const)(
    "two cold programs with isolation '%s' in %d MiB: one loads, and nobody is killed",
    async (isolation, limitMiB) => {
      const group = createControlGroup(limitMiB * MiB);
      const meeting = join(folder, `${variable}-${isolation}`);
      mkdirSync(meeting);
      const program = writeProgram(library!, isolation, meeting);
      // Nobody has learned anything of this model yet.
      const options = { group, env: { XDG_CACHE_HOME: `${meeting}-cache` } };
      const ended = await Promise.all([runProgram(program, options), runProgram(program, options)]);
      for (const each of ended) expect(each, each.stderr).toMatchObject({ code: 0, signal: null });
      const found = ended.map(({ stdout }) => stdout.trim()).sort();
      expect(found).toEqual(['ERR_INSUFFICIENT_MEMORY', 'loaded by engine']);
      expect(readFileSync(join(group.directory, 'memory.oom_control'), 'utf8')).toMatch(/^oom_kill 0$/m);
    },
  );
});
