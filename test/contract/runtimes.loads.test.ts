/** How every runtime loads a model, refuses files, reports, gives up, and gives the memory back. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { trimHeap } from '../../src/machine/release-memory.ts';
import { readLoadOptions } from '../../src/sdk/read-sdk-options.ts';
import type { RuntimeLoad } from '../../src/sdk/runtime.ts';
import { LOG_LEVELS, type LogLevel } from '../../src/sdk/runtime.ts';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { TINY } from '../support/tiny-models.ts';
import { describeRuntimes, generate, useRuntime } from './runtime-rows.ts';

const MiB = 2 ** 20;

describeRuntimes((row) => {
  const subject = useRuntime(row);

  test('says what it is', () => {
    expect(subject.runtime.name).toBe(row.name);
    expect(subject.runtime.version).toMatch(/\d/);
  });

  const refusals: readonly (readonly [string, () => Partial<RuntimeLoad>, string])[] = [
    ['one that is not there', () => ({ modelPath: subject.files.path('gone.gguf') }), 'found no file there'],
    ['one that is cut off', () => ({ modelPath: cutOff() }), 'cut.gguf'],
    ['a projector as the model', () => ({ modelPath: subject.files.projector }), 'to be a model, found a projector;'],
    [
      'a model as the projector',
      () => ({ projectorPath: subject.files.model() }),
      'to be a projector, found a model of architecture "qwen2"; pass its mmproj file.',
    ],
    [
      'a projector that is not there',
      () => ({ projectorPath: subject.files.path('gone.gguf') }),
      'found no file there',
    ],
  ];
  const inEngine: typeof refusals = [
    ['an unknown architecture', () => ({ modelPath: unknownArchitecture() }), "unknown model architecture: 'qwen9'"],
  ];
  test.each([...refusals, ...(row.survivesFailedLoads ? inEngine : [])])(
    'refuses %s and lives on',
    async (_what, request, sentence) => {
      await expect(subject.load(request())).rejects.toMatchObject({
        name: 'MemoryGuardError',
        code: 'ERR_MODEL_FILE',
        message: expect.stringContaining(sentence),
      });
      await subject.withModel({}, async (model) => expect(await generate(model)).toMatchObject({ generatedTokens: 5 }));
    },
  );

  test('takes every shape that both offer', async () => {
    const shape = { batchSize: 64, microBatchSize: 32, threads: 1 };
    await subject.withModel(shape, async (model) =>
      expect(await generate(model)).toMatchObject({ generatedTokens: 5 }),
    );
  });

  test('reports progress in whole percents that rise to 100', async () => {
    const percents: number[] = [];
    await subject.withModel({ onProgress: (percent) => percents.push(percent) }, async () => {
      expect(percents.at(-1)).toBe(100);
      expect(percents).toEqual([...new Set(percents)].sort((a, b) => a - b));
      expect(percents.every(Number.isInteger)).toBe(true);
    });
  });

  test('gives up a load when it is aborted, before and during it', async () => {
    const reason = new Error('changed my mind');
    await expect(subject.load({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const during = subject.load({ signal: controller.signal, onProgress: () => controller.abort(reason) });
    await expect(during).rejects.toBe(reason);
  });

  test('a progress listener that throws is a warning and no failed load', async () => {
    const warnings: string[] = [];
    const listen = (warning: Error) => warnings.push(warning.message);
    process.on('warning', listen);
    await subject.withModel(
      {
        onProgress: (percent) => {
          if (percent === 100) throw new Error('mine');
        },
      },
      async () => {},
    );
    await new Promise((resolve) => setTimeout(resolve, 10));
    process.off('warning', listen);
    expect(warnings).toContain('mine');
  });

  test.runIf(row.tellsLog)('hands on what the engine prints, line by line', async () => {
    const lines: [string, string][] = [];
    const runtime = await row.open({ onLog: (level, text) => void lines.push([level, text]) });
    const load = { ...readLoadOptions({}), modelPath: subject.files.model() };
    const model = await runtime.load(load);
    await generate(model);
    await model.dispose();
    await runtime.close();
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.every(([level, text]) => LOG_LEVELS.includes(level as LogLevel) && /^[^\n]+$/.test(text))).toBe(true);
  });

  test('loads several models at once and keeps them apart', async () => {
    const models = await Promise.all([
      subject.load(),
      subject.load({ modelPath: subject.files.model('F32') }),
      subject.load(),
    ]);
    const results = await Promise.all(models.map((model) => generate(model, { maxTokens: 30 })));
    expect(results[2]?.text).toBe(results[0]?.text);
    expect(results[1]?.text).not.toBe(results[0]?.text);
    await Promise.all(models.map((model) => model.dispose()));
  });

  test('refuses work after it is disposed, which happens once', async () => {
    const model = await subject.load();
    await model.dispose();
    await model.dispose();
    await expect(generate(model)).rejects.toMatchObject({
      code: 'ERR_RUNTIME',
      message: expect.stringContaining('is disposed'),
    });
  });

  test('gives the memory back', async () => {
    // 64 MiB of KV cache. glibc keeps freed blocks of up to 32 MiB for later, until it is told to trim.
    const request = { contextSize: 65_536, projectorPath: subject.files.projector };
    await subject.withModel(request, (model) => generate(model));
    await trimHeap(); // what earlier tests freed must not serve this one
    const before = anonymousBytes();
    const model = await subject.load(request);
    await generate(model);
    const taken = anonymousBytes() - before;
    await model.dispose();
    await trimHeap();
    expect(taken).toBeGreaterThan(48 * MiB);
    expect(anonymousBytes() - before).toBeLessThan(16 * MiB);
  });

  test('does not grow over 30 loads', async () => {
    const projector = row.freesWithProjector ? { projectorPath: subject.files.projector } : {};
    const cycle = () => subject.withModel({ ...projector, contextSize: 512 }, (model) => generate(model));
    // The allocators of a fresh process take their arenas in the first rounds.
    for (let i = 0; i < 25; i++) await cycle();
    // What the allocator keeps for later is no growth; what is forgotten stays after a trim.
    await trimHeap();
    const before = anonymousBytes();
    for (let i = 0; i < 30; i++) await cycle();
    await trimHeap();
    // One forgotten KV cache of 1 MiB a time would be 30 MiB.
    expect(anonymousBytes() - before).toBeLessThan(row.movesMiB * MiB);
  }, 60_000);

  /** Of this process and those of its models. */
  function anonymousBytes(): number {
    globalThis.gc?.();
    const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean);
    const bytes = ['self', ...children].map((pid) => {
      const [, kib = 0] = /RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      return Number(kib) * 1024;
    });
    return bytes.reduce((sum, each) => sum + each, 0);
  }

  function cutOff(): string {
    const path = subject.files.path('cut.gguf');
    writeFileSync(path, readFileSync(subject.files.model()).subarray(0, 100_000));
    return path;
  }

  function unknownArchitecture(): string {
    const path = subject.files.path('qwen9.gguf');
    writeLanguageModel(path, { ...TINY, quantization: 'Q4_0', architecture: 'qwen9' });
    return path;
  }
});
