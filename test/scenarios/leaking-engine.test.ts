/** An engine that does not give back what a model took: what is told of it, and that it stays counted. On doubles, and on real libraries that variables name. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { LIBRARY_ROWS } from '../support/nexa/library-rows.ts';
import { createSdkPrograms, type SdkPrograms } from '../support/sdk-programs.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

let files: TinyModels;
let programs: SdkPrograms;
let weightsBytes: number;
beforeAll(() => {
  files = makeTinyModels({ projector: 'F16' });
  const shape = {
    hidden: 256,
    layers: 1,
    heads: 4,
    kvHeads: 4,
    ffn: 131_072,
    vocab: 512,
    quantization: 'F32',
  } as const;
  weightsBytes = writeLanguageModel(files.path('large.gguf'), shape).tensorBytes;
  programs = createSdkPrograms(files.folder);
});
afterAll(() => {
  programs.close();
  files.remove();
});

interface Told {
  readonly type: string;
  readonly message: string;
  readonly keptBytes?: number;
}

/** Loads a model of 384 MiB, has it say something, disposes it, and gives what the guard told of its end. */
async function unload(library: string, isolation: 'none' | 'shared' | 'process') {
  const body = `
    import { readFileSync } from 'node:fs';
    import { withMemoryGuard } from '../lib/with-memory-guard.js';
    const nexa = withMemoryGuard(await NexaSDK.initialize({ isolation: ${JSON.stringify(isolation)}, libraryPath: ${JSON.stringify(library)} }), { ledger: "process" });
    const told = new Promise((resolve) => ['unloaded', 'leaked', 'evicted'].map((name) => nexa.guard.on(name, resolve)));
    const load = { contextSize: 256, projectorPath: folder + '/mmproj-qwen2audio.gguf' };
    const model = await nexa.loadModel(folder + '/large.gguf', load);
    for await (const _ of model.generate({ prompt: 'x', maxTokens: 2 }));
    await model.dispose();
    const event = await told;
    const anonymous = () => Number(/RssAnon:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
    const entries = nexa.guard.ledger.entries().length;
    console.log(JSON.stringify({ event, entries, anonymousBytes: anonymous() }));
    await nexa.dispose();
    nexa.guard.close();`;
  const ended = await programs.run(body, { env: { NEXA_DOUBLE_CREATE: 'memory=read' } });
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  return JSON.parse(ended.stdout.trim().split('\n').at(-1)!) as {
    event: Told;
    entries: number;
    anonymousBytes: number;
  };
}

describe.each(LIBRARY_ROWS)('a model with a projector, by $row', ({ library, old }) => {
  test('in the program, is told as what is true of it', async () => {
    const { event, entries, anonymousBytes } = await unload(library, 'none');
    if (!old) {
      expect(event).toMatchObject({ type: 'unloaded', message: expect.not.stringContaining('keeps') });
      return;
    }
    expect(event.type).toBe('leaked');
    expect(event.message).toMatch(/^Unloaded .*; its engine keeps \d+(\.\d)? MiB until the process ends\.$/);
    expect(event.keptBytes).toBeGreaterThan(0.9 * weightsBytes);
    expect(event.keptBytes).toBeLessThan(1.2 * weightsBytes);
    // It is counted once: every reading of the machine has it as used, and nothing is promised for it any more.
    expect(anonymousBytes).toBeGreaterThan(event.keptBytes!);
    expect(entries).toBe(0);
  });

  test('in a process of several, is told as well', async () => {
    const { event } = await unload(library, 'shared');
    expect(event.type).toBe(old ? 'leaked' : 'unloaded');
  });

  test('in a process of its own, leaves nothing', async () => {
    const { event, anonymousBytes } = await unload(library, 'process');
    expect(event).not.toHaveProperty('keptBytes');
    expect(event.type).toBe('unloaded');
    expect(anonymousBytes).toBeLessThan(128 * MiB);
  });
});
