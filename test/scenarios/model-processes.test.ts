/** What real models hold in processes of their own, as the guard, another process and the kernel see it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { MiB } from '../../src/core/bytes.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import type { InitializeOptions } from '../../src/sdk/sdk-options.ts';
import { guardEngineForTest } from '../support/guarded-engine.ts';
import { listChildren, readAnonymousBytes } from '../support/model-process.ts';
import { CANT_ASK } from '../support/real-engines.ts';
import { runProgram } from '../support/run-program.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

/** How a need is found that nobody has seen yet. */
const UNSEEN = CANT_ASK === undefined ? 'engine' : 'gguf';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

/** A prompt as long as its micro-batch takes 90 MiB while it is computed. */
const SHAPE = {
  quantization: 'Q4_0',
  contextSize: 4096,
  batchSize: 2048,
  microBatchSize: 2048,
  flashAttention: 'off',
} as const;
const LONG = { prompt: 'x'.repeat(1900), maxTokens: 1 };
const NEED = 300 * MiB;
const GIVEN = { memoryGuard: { footprint: { mappedBytes: 0, anonymousBytes: NEED } } };
/** A process of Node gives back and takes a little whenever it likes. */
const NOISE = 3 * MiB;

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-model-processes-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const guarded = (initialize: InitializeOptions = {}, options: GuardOptions = {}) =>
  guardEngineForTest(files.folder, options, initialize);

async function talk(model: { generate(options: typeof LONG): AsyncIterable<string> }, options = LONG) {
  for await (const _text of model.generate(options));
}

describe.runIf(process.platform === 'linux')('what a model holds', () => {
  it('is what the kernel says of its process, after a load and after a call', async () => {
    const { nexa, guard } = await guarded();
    const model = await nexa.loadModel('qwen2audio', { ...SHAPE, ...GIVEN });
    for (const call of [false, true]) {
      if (call) await talk(model);
      const [shown] = guard.models();
      const kernelBytes = readAnonymousBytes(shown!.pid!);
      expect(Math.abs(shown!.heldBytes! - kernelBytes)).toBeLessThan(kernelBytes / 100);
      expect(shown!.mappedBytes).toBeGreaterThan(0);
    }
  });

  it('pays for its promise as it is taken, and is observed as its process has grown', async () => {
    const before = new Set(listChildren());
    const { nexa, guard } = await guarded();
    const [pid] = listChildren().filter((child) => !before.has(child));
    const startBytes = readAnonymousBytes(pid!);
    const promised = () => guard.status().availableBytes - guard.headroomBytes();
    const model = await nexa.loadModel('qwen2audio', { ...SHAPE, ...GIVEN });
    const grownBytes = () => readAnonymousBytes(pid!) - startBytes;
    expect(guard.models()[0]?.pid).toBe(pid);
    const afterLoadBytes = grownBytes();
    const { observed, mappedBytes } = guard.models()[0]!;
    expect(Math.abs(observed!.anonymousAfterLoadBytes - afterLoadBytes)).toBeLessThan(NOISE);
    expect(Math.abs(promised() - mappedBytes! - (NEED - readAnonymousBytes(pid!)))).toBeLessThan(NOISE);
    await talk(model);
    const afterCallBytes = guard.models()[0]?.observed?.anonymousAfterCallBytes;
    expect(grownBytes()).toBeGreaterThan(afterLoadBytes + 30 * MiB);
    expect(Math.abs(afterCallBytes! - grownBytes())).toBeLessThan(NOISE);
    expect(Math.abs(promised() - mappedBytes! - (NEED - readAnonymousBytes(pid!)))).toBeLessThan(NOISE);
  });

  it('is observed of a call also if another model answers beside it', async () => {
    const { nexa, guard } = await guarded();
    const load = (quantization: string) => nexa.loadModel('qwen2audio', { ...SHAPE, quantization, ...GIVEN });
    const [one, other] = [await load('Q4_0'), await load('Q4_K_M')];
    await Promise.all([talk(one), talk(other)]);
    for (const { observed, heldBytes } of guard.models()) {
      expect(observed?.anonymousAfterCallBytes).toBeGreaterThan(30 * MiB);
      expect(observed?.anonymousAfterCallBytes).toBeLessThan(heldBytes!);
    }
  });

  it('is one sum for models that share a process, of which nothing is observed', async () => {
    const { nexa, guard } = await guarded({ isolation: 'shared' });
    const load = (quantization: string) => nexa.loadModel('qwen2audio', { ...SHAPE, quantization, ...GIVEN });
    const [one, other] = [await load('Q4_0'), await load('Q4_K_M')];
    await talk(other);
    const [first, second] = guard.models();
    expect(first?.pid).toBe(second?.pid);
    expect(first?.heldBytes).toBeGreaterThan(40 * MiB);
    expect([first, second].map((model) => model && 'observed' in model)).toEqual([false, false]);
    await one.dispose();
    expect(guard.ledger.entries()).toHaveLength(1);
  });
});

describe.runIf(process.platform === 'linux' && loadAddon()?.locks)('another process', () => {
  it('sees the promise shrink as the model takes what was promised', async () => {
    const directory = join(temporary(), 'ledger');
    const { nexa, guard } = await guarded({}, { ledger: { directory } });
    const model = await nexa.loadModel('qwen2audio', { ...SHAPE, ...GIVEN });
    /** What is promised here, as another process counts it. */
    const seenElsewhere = async () => {
      const ended = await runProgram(`
        const sdk = { async loadModel() { return {}; } };
        const { guard } = door.withMemoryGuard(sdk, { ledger: { directory: ${JSON.stringify(directory)} } });
        console.log(guard.status().availableBytes - guard.headroomBytes());
        guard.close();
      `);
      expect(ended).toMatchObject({ code: 0, stderr: '' });
      return Number(ended.stdout);
    };
    const held = () => guard.models()[0]!.heldBytes!;
    const before = await seenElsewhere();
    const heldBefore = held();
    await talk(model);
    guard.headroomBytes();
    const after = await seenElsewhere();
    expect(held() - heldBefore).toBeGreaterThan(30 * MiB);
    expect(Math.abs(before - after - (held() - heldBefore))).toBeLessThan(NOISE);
    expect(Math.abs(after - guard.models()[0]!.mappedBytes! - (NEED - held()))).toBeLessThan(NOISE);
  });
});

describe.runIf(process.platform === 'linux')('what was observed', () => {
  it('is kept, and the next promise is that and what a process takes beside', async () => {
    vi.stubEnv('XDG_CACHE_HOME', temporary());
    onTestFinished(() => void vi.unstubAllEnvs());
    const { nexa, guard } = await guarded();
    const model = await nexa.loadModel('qwen2audio', SHAPE);
    expect(guard.models()[0]?.need.basis).toBe(UNSEEN);
    await talk(model);
    const { observed } = guard.models()[0]!;
    await model.dispose();
    const [next] = (await guard.plan('qwen2audio', SHAPE)).candidates;
    expect(next?.need.basis).toBe('measured');
    expect(next?.need.anonymousBytes).toBeGreaterThanOrEqual(observed!.anonymousAfterCallBytes! + 16 * MiB);
  });
});
