/** The five snippets of the document as they are written there; only the import names this package. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { NexaSDK, Qwen2MemoryManager, Qwen2Quantization } from '../../src/index.ts';
import { writeAudioProjector, writeLanguageModel } from '../../tools/synthetic-model.mjs';

const TINY = { hidden: 256, layers: 1, heads: 4, kvHeads: 4, ffn: 256, vocab: 512 };
const canRun = await new Qwen2MemoryManager().canLoadModel(Qwen2Quantization.Q5_K_M);
if (!canRun) console.warn('This machine has no memory for the documented snippets: they are not run.');

describe.skipIf(!canRun)('the documented snippets', () => {
  it('check and register', async () => {
    const manager = new Qwen2MemoryManager();
    const canLoad = await manager.canLoadModel(Qwen2Quantization.Q4_K_M);
    if (canLoad) {
      await manager.registerModelLoad(Qwen2Quantization.Q4_K_M);
    }

    expect(canLoad).toBe(true);
    expect(manager.getMemoryStats().currentQuantization).toBe('Q4_K_M');
  });

  it('monitor', async () => {
    const manager = new Qwen2MemoryManager();
    await manager.registerModelLoad();
    const lines: string[] = [];
    const log = vi.spyOn(console, 'log').mockImplementation((line) => void lines.push(line));
    const warn = vi.spyOn(console, 'warn').mockImplementation((line) => void lines.push(line));

    const status = manager.checkMemoryStatus();
    if (status.status === 'warning') {
      console.warn(status.warning);
    }
    const stats = manager.getMemoryStats();
    console.log(`Used Memory: ${stats.percentUsed}%`);

    log.mockRestore();
    warn.mockRestore();
    expect(status.status).toBe('ok');
    expect(lines).toEqual([expect.stringMatching(/^Used Memory: \d+(\.\d+)?%$/)]);
  });

  it('choose by themselves', async () => {
    const manager = new Qwen2MemoryManager();
    const recommended = await manager.getRecommendedQuantization();
    await manager.registerModelLoad(recommended);

    expect(manager.getMemoryStats().currentQuantization).toBe(recommended);
  });

  it('recover', async () => {
    const manager = new Qwen2MemoryManager();
    await manager.registerModelLoad();
    manager.unregisterModel();

    expect(manager.getMemoryStats().modelLoaded).toBe(false);
  });
});

describe.skipIf(!canRun)('the documented integration', () => {
  const home = process.cwd();
  const folder = mkdtempSync(join(tmpdir(), 'nexa-snippets-'));
  beforeAll(() => {
    const models = join(folder, 'models');
    mkdirSync(models);
    for (const quantization of ['Q4_0', 'Q4_K_M', 'Q5_K_M'] as const) {
      writeLanguageModel(join(models, `qwen2audio-${quantization}.gguf`), { ...TINY, quantization });
    }
    writeAudioProjector(join(models, 'mmproj-qwen2audio.gguf'), {
      width: 32,
      layers: 1,
      heads: 2,
      ffn: 64,
      projection: 256,
    });
    process.chdir(folder); // models are found in ./models
  });
  afterAll(() => {
    process.chdir(home);
    rmSync(folder, { recursive: true, force: true });
  });

  it('checks, loads and registers', async () => {
    const manager = new Qwen2MemoryManager();
    const nexa = await NexaSDK.initialize();
    const canLoad = await manager.canLoadModel();
    if (!canLoad) {
      throw new Error('Insufficient memory for model load');
    }
    const quantization = await manager.getRecommendedQuantization();
    await nexa.loadModel('qwen2audio', { quantization: quantization });
    await manager.registerModelLoad(quantization);

    expect(manager.getMemoryStats()).toMatchObject({ modelLoaded: true, currentQuantization: quantization });
    expect(manager.checkMemoryStatus().status).toBe('ok');
    await nexa.dispose();
  });
});
