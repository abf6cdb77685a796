/** Real models that take more than was promised to them: the kernel ends their process, and neither the program nor another model. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import { openContainment } from '../../src/processes/containment.ts';
import type { InitializeOptions } from '../../src/sdk/sdk-options.ts';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { guardEngineForTest } from '../support/guarded-engine.ts';
import { runProgram } from '../support/run-program.ts';
import { makeTinyModels, TINY, type TinyModels } from '../support/tiny-models.ts';

const opened = openContainment();
if ('reason' in opened) console.warn(`The walls of models are not tested here: ${opened.reason}`);
const noControlGroups = whyNoControlGroups();
if (noControlGroups !== undefined) console.warn(`Kills under a limit are not tested here: ${noControlGroups}.`);

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

/** A prompt as long as its micro-batch takes 90 MiB while it is computed, in a second. A short one takes 1. */
const SHAPE = {
  maxAudioSeconds: 1,
  contextSize: 4096,
  batchSize: 2048,
  microBatchSize: 2048,
  flashAttention: 'off',
} as const;
const LONG = { prompt: 'x'.repeat(1900), maxTokens: 1 };
const SHORT = { prompt: 'Hi', maxTokens: 1 };
const promise = (mib: number) => ({ memoryGuard: { footprint: { mappedBytes: MiB, anonymousBytes: mib * MiB } } });

/** Nothing is learned of what one test promised too little, unless a test is about that. */
async function guarded(initialize: InitializeOptions = {}, options: GuardOptions = {}) {
  const engine = await guardEngineForTest(files.folder, { calibration: 'off', ...options }, initialize);
  const { nexa, guard, events } = engine;
  const load = (quantization: string, more: object = {}) =>
    nexa.loadModel('qwen2audio', { quantization, ...SHAPE, ...more });
  const killed = () => events.filter((event) => event.type === 'killed');
  return { nexa, guard, load, killed };
}

async function talk(model: Awaited<ReturnType<Awaited<ReturnType<typeof guarded>>['load']>>, options = SHORT) {
  for await (const _text of model.generate(options));
  return 'answered';
}

describe.runIf('containment' in opened)('a model that takes more than was promised', () => {
  it('hits its own wall while it computes, and the one beside it goes on', async () => {
    const { guard, load, killed } = await guarded();
    const [one, other] = [await load('Q4_0', promise(1)), await load('Q4_K_M', promise(200))];
    const pid = guard.models()[0]?.pid;
    expect(await talk(one)).toBe('answered');
    await expect(talk(one, LONG)).rejects.toMatchObject({ code: 'ERR_MODEL_KILLED' });
    expect(killed()).toMatchObject([
      {
        quantization: 'Q4_0',
        pid,
        byKernel: true,
        signal: 'SIGKILL',
        scope: { kind: expect.stringMatching(/^cgroup-v/) },
      },
    ]);
    // The group is named for the program that made it.
    expect(killed()[0]?.scope?.path).toContain(`-${process.pid}-`);
    expect(guard.ledger.entries().map(({ anonymousBytes }) => anonymousBytes)).toEqual([200 * MiB]);
    expect(await talk(other, LONG)).toBe('answered');
    expect(killed()).toHaveLength(1);
  });

  it('hits it while it loads: the load is refused, and nothing stays reserved', async () => {
    const large = join(files.folder, 'large.gguf');
    onTestFinished(() => rmSync(large, { force: true }));
    // 117 MiB, which are read into anonymous memory.
    writeLanguageModel(large, { ...TINY, layers: 64, quantization: 'F32' });
    const { nexa, guard, killed } = await guarded();
    const loading = nexa.loadModel(large, { contextSize: 256, mmap: false, ...promise(1) });
    await expect(loading).rejects.toMatchObject({ code: 'ERR_MODEL_KILLED' });
    expect(killed()).toMatchObject([{ model: large, byKernel: true, reloads: false }]);
    expect(killed()[0]?.scope?.path).toContain(`-${process.pid}-`);
    expect(guard.ledger.entries()).toEqual([]);
    const model = await nexa.loadModel(large, { contextSize: 256, mmap: false, ...promise(300) });
    expect(await talk(model)).toBe('answered');
  });

  it('leaves no group behind', async () => {
    const { guard, load, killed } = await guarded();
    const model = await load('Q4_0', promise(1));
    const memory = /^(?:\d+:(?:.*,)?memory(?:,.*)?|0:):(.*)$/m.exec(
      readFileSync(`/proc/${guard.models()[0]?.pid}/cgroup`, 'utf8'),
    );
    const path = String(memory?.[1]);
    expect(path).toContain(`-${process.pid}-`);
    const directories = ['/sys/fs/cgroup/memory', '/sys/fs/cgroup'].map((root) => join(root, path));
    await talk(model, LONG).catch(() => {});
    expect(killed()).toHaveLength(1);
    await expect.poll(() => directories.some((directory) => existsSync(directory)), { timeout: 8000 }).toBe(false);
  });

  it('has no wall where that is switched off', async () => {
    const { load, killed } = await guarded({ containment: 'off' });
    expect(await talk(await load('Q4_0', promise(1)), LONG)).toBe('answered');
    expect(killed()).toEqual([]);
  });

  it('is promised more the next time: what it held is learned, and the same handle answers', async () => {
    const cache = mkdtempSync(join(tmpdir(), 'nexa-model-walls-'));
    onTestFinished(() => rmSync(cache, { recursive: true, force: true }));
    const calibration = { directory: cache };
    const first = await guarded({}, { calibration });
    await (await first.load('Q4_0')).dispose();
    const folder = join(cache, 'observations-1');
    await expect.poll(() => existsSync(folder) && readdirSync(folder).length, { timeout: 5000 }).toBe(1);
    // As if it had taken next to nothing.
    const [name] = readdirSync(folder);
    renameSync(join(folder, name!), join(folder, name!.replace(/-l\d+.*$/, '-l1-c2-fh')));

    const { guard, load, killed } = await guarded({ onKilled: 'reload' }, { calibration });
    const model = await load('Q4_0');
    const need = guard.models()[0]!.need.anonymousBytes;
    expect(guard.models()[0]?.need.basis).toBe('measured');
    expect(need).toBeLessThan(40 * MiB);
    await expect(talk(model, LONG)).rejects.toMatchObject({ code: 'ERR_MODEL_KILLED' });
    expect(killed()).toMatchObject([{ byKernel: true, reloads: true, need: { anonymousBytes: need } }]);
    await expect.poll(() => readdirSync(folder).join('\n'), { timeout: 5000 }).toMatch(/-k\d+-/);
    expect(await talk(model, LONG)).toBe('answered');
    expect(guard.models()[0]?.need.anonymousBytes).toBeGreaterThanOrEqual(need + 64 * MiB);
    expect(killed()).toHaveLength(1);
  });
});

describe.skipIf(noControlGroups !== undefined)('a program under a limit that its model overruns', () => {
  it.each(['off', 'auto'] as const)(
    'lives on, and is told which limit it was, with containment %j',
    async (containment) => {
      const group = createControlGroup(192 * MiB);
      const cache = mkdtempSync(join(tmpdir(), 'nexa-model-walls-'));
      onTestFinished(() => rmSync(cache, { recursive: true, force: true }));
      const ended = await runProgram(
        `
      const { NexaSDK, withMemoryGuard } = door;
      const sdk = await NexaSDK.initialize({ runtime: 'llama', containment: ${JSON.stringify(containment)} });
      const nexa = withMemoryGuard(sdk, { minFreeBytes: 0, minFreeRatioAfterLoad: 0, ledger: 'process' });
      const told = [];
      nexa.guard.on('killed', ({ byKernel, scope, heldBytes }) => told.push({ byKernel, ...scope, heldBytes }));
      const load = (more) => nexa.loadModel(${JSON.stringify(files.model('Q4_0'))}, { ...${JSON.stringify(SHAPE)}, ...more });
      const talk = async (model, options) => { for await (const _ of model.generate(options)); };
      const model = await load({ memoryGuard: { force: true } });
      // As much as the rest of the limit is the program's own.
      const own = Buffer.alloc(64 * 2 ** 20, 1);
      const code = await talk(model, { prompt: 'x'.repeat(3800), maxTokens: 1 }).then(() => 'answered', (error) => error.code);
      const left = nexa.guard.ledger.entries().length;
      const again = await load({ contextSize: 256, batchSize: 64, microBatchSize: 64, memoryGuard: { force: true } });
      await talk(again, { prompt: 'Hi', maxTokens: 2 });
      console.log(JSON.stringify({ code, told, left, tokens: again.lastResult.generatedTokens, own: own.length }));
      await nexa.dispose();
      nexa.guard.close();
      `,
        { group, env: { XDG_CACHE_HOME: cache } },
      );
      expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
      expect(JSON.parse(ended.stdout)).toEqual({
        code: 'ERR_MODEL_KILLED',
        told: [{ byKernel: true, kind: 'cgroup-v1', path: group.path, heldBytes: expect.any(Number) }],
        left: 0,
        tokens: 2,
        own: 64 * MiB,
      });
      expect(readdirSync(join(cache, 'nexa-memory-guard', 'observations-1')).join('\n')).toMatch(/-k\d+-/);
    },
  );
});
