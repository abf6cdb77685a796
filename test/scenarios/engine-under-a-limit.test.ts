/** Real engines and real garbage in a process under a real limit: what is admitted, downgraded, collected and refused. Needs `dist/`. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { ENGINES } from '../support/guarded-engine.ts';
import { runProgram } from '../support/run-program.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

const noControlGroups = whyNoControlGroups();
if (noControlGroups !== undefined) console.warn(`The guard is not tested under a limit: ${noControlGroups}.`);

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

describe.skipIf(noControlGroups !== undefined)('under a real limit', () => {
  const LIMIT = 512 * MiB;

  it.each(ENGINES)('$engine is admitted, refused and freed by what its group still has', async ({ initialize }) => {
    const ended = await runProgram(
      `
      const { NexaSDK, withMemoryGuard, MiB } = door;
      const sdk = await NexaSDK.initialize(${JSON.stringify({ ...initialize, modelsDir: files.folder })});
      const nexa = withMemoryGuard(sdk, { minFreeBytes: 32 * MiB, minFreeRatioAfterLoad: 0 });
      const told = [];
      for (const type of ['admitted', 'downgraded', 'refused', 'loaded', 'degraded']) nexa.guard.on(type, () => told.push(type));
      const { totalBytes, limitedBy } = nexa.guard.snapshot();
      const load = (footprint) => nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M', memoryGuard: { footprint } });
      const refused = await load(600 * MiB).then(() => 'loaded', (error) => error.code + ' ' + /cgroup-v1|host/.exec(error.message)?.[0]);
      const model = await load((quantization) => (quantization === 'Q5_K_M' ? 600 * MiB : 100 * MiB));
      const { quantization } = model;
      for await (const _text of model.generate({ prompt: 'Hi', maxTokens: 2 }));
      await model.dispose();
      nexa.guard.close();
      await sdk.dispose();
      console.log(JSON.stringify({ totalBytes, kind: limitedBy.kind, refused, quantization, told }));
      `,
      { group: createControlGroup(LIMIT) },
    );
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(JSON.parse(ended.stdout)).toEqual({
      totalBytes: LIMIT,
      kind: 'cgroup-v1',
      refused: 'ERR_INSUFFICIENT_MEMORY cgroup-v1',
      quantization: 'Q4_K_M',
      told: ['refused', 'downgraded', 'loaded'],
    });
  });

  /** Loads a model that is 60 MiB too large, beside 150 MiB that are held or garbage. */
  const beside = async (memory: 'external' | 'heap', held: boolean) => {
    const take =
      memory === 'external'
        ? 'Array.from({ length: 150 }, () => Buffer.alloc(2 ** 20, 1))'
        : 'Array.from({ length: 150 }, (_, i) => new Array(2 ** 17).fill(i + 0.5))';
    const ended = await runProgram(
      `
      class SDK { async loadModel() { return {}; } }
      const nexa = door.withMemoryGuard(new SDK(), { minFreeBytes: 0, minFreeRatioAfterLoad: 0 });
      await nexa.loadModel('warm', { memoryGuard: { footprint: 0 } });
      globalThis.taken = (() => ${take})();
      await new Promise((resolve) => setImmediate(resolve));
      const before = nexa.guard.headroomBytes();
      ${held ? '' : 'globalThis.taken = undefined;'}
      const loading = nexa.loadModel('m', { memoryGuard: { footprint: before + 60 * 2 ** 20 } });
      console.log(await loading.then(() => 'admitted', (error) => error.code));
      `,
      { group: createControlGroup(LIMIT) },
    );
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    return ended.stdout.trim();
  };

  it.each(['external', 'heap'] as const)(
    'garbage (%s) is collected before a refusal that it could turn',
    async (memory) => {
      expect(await beside(memory, false)).toBe('admitted');
    },
  );

  it.each(['external', 'heap'] as const)('memory that is held (%s) turns no refusal', async (memory) => {
    expect(await beside(memory, true)).toBe('ERR_INSUFFICIENT_MEMORY');
  });
});
