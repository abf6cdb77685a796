import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../src/core/bytes.ts';
import { Qwen2MemoryManager, type Qwen2MemoryManagerOptions, Qwen2Quantization } from '../src/qwen2-memory-manager.ts';
import { createControlGroup, whyNoControlGroups } from './support/create-control-group.ts';
import { FakeMachine } from './support/fake-sdk.ts';
import { runProgram } from './support/run-program.ts';

/** The documented table, in bytes: 4.2 GB is rounded up to a whole byte. */
const TABLE = {
  Q4_K_M: { ramNeeded: 4_509_715_661, type: 'edge_optimized', minFreeMemory: 536_870_912 },
  Q4_0: { ramNeeded: 4_080_218_932, type: 'edge_optimized', minFreeMemory: 536_870_912 },
  Q5_K_M: { ramNeeded: 5_153_960_756, type: 'quality_optimized', minFreeMemory: 805_306_368 },
} as const;
const ALL = ['Q4_K_M', 'Q4_0', 'Q5_K_M'] as const;

function managed(availableBytes: number, totalBytes = 16 * GiB, options: Qwen2MemoryManagerOptions = {}) {
  const machine = new FakeMachine(availableBytes, totalBytes);
  return { machine, manager: new Qwen2MemoryManager({ sensor: machine.sensor, ...options }) };
}

const noControlGroups = whyNoControlGroups();
if (noControlGroups !== undefined) console.warn(`Growth is not tested under a limit: ${noControlGroups}.`);

describe('Qwen2Quantization', () => {
  it('is a constant object of the three names', () => {
    expect(Qwen2Quantization).toEqual({ Q4_K_M: 'Q4_K_M', Q4_0: 'Q4_0', Q5_K_M: 'Q5_K_M' });
    expect(Object.isFrozen(Qwen2Quantization)).toBe(true);
  });
});

describe('the documented table', () => {
  it.each(ALL)('is what %s is registered with', async (quantization) => {
    const { manager } = managed(30 * GiB, 32 * GiB);
    await manager.registerModelLoad(quantization);
    expect(manager.getMemoryStats()).toMatchObject({
      modelLoaded: true,
      currentQuantization: quantization,
      modelRequirements: TABLE[quantization],
    });
    expect(manager.getMemoryThreshold()).toBe(TABLE[quantization].ramNeeded + TABLE[quantization].minFreeMemory);
  });
});

describe('canLoadModel', () => {
  it.each(ALL)('admits %s from the byte on where a quarter of 16 GB stays available', async (quantization) => {
    const edge = TABLE[quantization].ramNeeded + 4 * GiB;
    expect(await managed(edge).manager.canLoadModel(quantization)).toBe(true);
    expect(await managed(edge - 1).manager.canLoadModel(quantization)).toBe(false);
  });

  it.each(ALL)('admits %s from the byte on where its minimum stays free', async (quantization) => {
    const edge = TABLE[quantization].ramNeeded + TABLE[quantization].minFreeMemory;
    expect(await managed(edge, 1 * GiB).manager.canLoadModel(quantization)).toBe(true); // a quarter is less here
    expect(await managed(edge - 1, 1 * GiB).manager.canLoadModel(quantization)).toBe(false);
  });

  it('takes Q4_K_M, or the quantization that the constructor was given', async () => {
    const q4 = TABLE.Q4_K_M.ramNeeded + 4 * GiB;
    expect(await managed(q4).manager.canLoadModel()).toBe(true);
    expect(await managed(q4 - 1).manager.canLoadModel()).toBe(false);
    const defaultQuantization = Qwen2Quantization.Q5_K_M;
    expect(await managed(q4, 16 * GiB, { defaultQuantization }).manager.canLoadModel()).toBe(false);
    const { manager } = managed(15 * GiB, 16 * GiB, { defaultQuantization });
    await manager.registerModelLoad();
    expect(manager.getMemoryStats().currentQuantization).toBe('Q5_K_M');
  });

  it('counts a registered model, and registers nothing itself', async () => {
    const { manager } = managed(10 * GiB);
    expect(await manager.canLoadModel('Q4_0')).toBe(true);
    expect(manager.getMemoryStats()).toMatchObject({ modelLoaded: false, currentQuantization: null });
    await manager.registerModelLoad('Q4_0');
    expect(await manager.canLoadModel('Q4_0')).toBe(false);
    manager.unregisterModel();
    expect(await manager.canLoadModel('Q4_0')).toBe(true);
  });
});

describe('registerModelLoad', () => {
  it('rejects if the model cannot be admitted, with the numbers', async () => {
    const { manager } = managed(TABLE.Q4_K_M.ramNeeded + 4 * GiB - 1);
    await expect(manager.registerModelLoad()).rejects.toMatchObject({
      code: 'ERR_INSUFFICIENT_MEMORY',
      requiredBytes: TABLE.Q4_K_M.ramNeeded,
      shortfallBytes: 1,
      refusedBy: ['free-ratio-after-load'],
      message: expect.stringContaining('Insufficient memory to load qwen2audio Q4_K_M'),
    });
    expect(manager.getMemoryStats().modelLoaded).toBe(false);
  });

  it('replaces the model that was registered before', async () => {
    const { manager } = managed(9 * GiB);
    await manager.registerModelLoad('Q4_K_M');
    await manager.registerModelLoad('Q4_0'); // both would not fit
    expect(manager.getMemoryStats().currentQuantization).toBe('Q4_0');
    manager.unregisterModel();
    expect(await manager.canLoadModel('Q5_K_M')).toBe(true); // nothing of the first is left
  });

  it('keeps the model that was registered before if the new one is refused', async () => {
    const { manager, machine } = managed(TABLE.Q5_K_M.ramNeeded + 4 * GiB - 1);
    await manager.registerModelLoad('Q4_K_M');
    await expect(manager.registerModelLoad('Q5_K_M')).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    expect(manager.getMemoryStats().currentQuantization).toBe('Q4_K_M');
    machine.availableBytes = TABLE.Q4_K_M.ramNeeded + TABLE.Q4_0.ramNeeded + 4 * GiB - 1;
    expect(await manager.canLoadModel('Q4_0')).toBe(false); // its promise stands
    machine.availableBytes += 1;
    expect(await manager.canLoadModel('Q4_0')).toBe(true);
  });

  it('keeps it also if the sensor fails, at whichever reading', async () => {
    for (let after = 1; after <= 2; after++) {
      const { manager, machine } = managed(8.5 * GiB);
      await manager.registerModelLoad('Q4_K_M');
      machine.failsAt = machine.readings + after;
      await expect(manager.registerModelLoad('Q5_K_M')).rejects.toMatchObject({
        // The first reading decides, the second only words the refusal.
        code: after === 1 ? 'ERR_SENSOR' : 'ERR_INSUFFICIENT_MEMORY',
      });
      machine.failsAt = undefined;
      expect(manager.getMemoryStats().currentQuantization).toBe('Q4_K_M');
      expect(await manager.canLoadModel('Q4_0')).toBe(false);
      manager.unregisterModel();
      expect(await manager.canLoadModel('Q4_0')).toBe(true);
    }
  });
});

describe('unregisterModel', () => {
  it('forgets the model, and does nothing if none is', async () => {
    const { manager } = managed(15 * GiB);
    manager.unregisterModel();
    await manager.registerModelLoad();
    manager.unregisterModel();
    manager.unregisterModel();
    const stats = manager.getMemoryStats();
    expect(stats).toMatchObject({ modelLoaded: false, currentQuantization: null });
    expect('modelRequirements' in stats).toBe(false);
    expect(() => manager.getMemoryThreshold()).toThrow(
      expect.objectContaining({
        code: 'ERR_UNKNOWN_QUANTIZATION',
        message: expect.stringContaining('No model quantization selected'),
      }),
    );
  });
});

describe('getRecommendedQuantization', () => {
  it.each([
    [32 * GiB, 8 * GiB, 'Q5_K_M'],
    [32 * GiB, 8 * GiB - 1, 'Q4_K_M'],
    [32 * GiB - 1, 31 * GiB, 'Q4_K_M'], // an injected total is exact
    [64 * GiB, 5 * GiB, 'Q4_0'],
    [64 * GiB, 5 * GiB + 1, 'Q4_K_M'],
    [8 * GiB, 7 * GiB, 'Q4_0'],
    [8 * GiB + 1, 7 * GiB, 'Q4_K_M'],
  ])('of %d bytes with %d available is %s', async (total, available, expected) => {
    expect(await managed(available, total).manager.getRecommendedQuantization()).toBe(expected);
  });

  it('goes by plain available memory, whatever is registered', async () => {
    const { manager } = managed(12 * GiB, 32 * GiB);
    await manager.registerModelLoad('Q4_0');
    expect(await manager.getRecommendedQuantization()).toBe('Q5_K_M');
  });
});

describe('checkMemoryStatus', () => {
  it.each([
    ['Q4_K_M', 1024 * MiB, 'ok'],
    ['Q4_K_M', 1024 * MiB - 1, 'warning'],
    ['Q4_K_M', 512 * MiB, 'warning'],
    ['Q4_K_M', 512 * MiB - 1, 'critical'],
    ['Q5_K_M', 1536 * MiB, 'ok'],
    ['Q5_K_M', 1536 * MiB - 1, 'warning'],
    ['Q5_K_M', 768 * MiB, 'warning'],
    ['Q5_K_M', 768 * MiB - 1, 'critical'],
    ['Q5_K_M', 0, 'critical'],
  ] as const)('with %s registered and %d bytes available is `%s`', async (quantization, available, expected) => {
    const { manager, machine } = managed(15 * GiB);
    await manager.registerModelLoad(quantization);
    machine.availableBytes = available;
    const { status, availableMemory, warning } = manager.checkMemoryStatus();
    expect({ status, availableMemory }).toEqual({ status: expected, availableMemory: available });
    if (expected === 'ok') expect(warning).toBeUndefined();
    else expect(warning).toMatch(expected === 'warning' ? /^Warning: .* approaching/ : /^Critical: .* below/);
  });

  it('is ok without a model, however little is available', () => {
    expect(managed(0).manager.checkMemoryStatus()).toEqual({ status: 'ok', availableMemory: 0 });
  });
});

describe('getMemoryStats', () => {
  it('gives bytes, and percentages that are not rounded', () => {
    expect(managed(1 * GiB, 3 * GiB).manager.getMemoryStats()).toEqual({
      available: 1 * GiB,
      total: 3 * GiB,
      used: 2 * GiB,
      percentUsed: (2 / 3) * 100,
      percentFree: (1 / 3) * 100,
      modelLoaded: false,
      currentQuantization: null,
    });
  });

  it('never shows less than nothing as used', () => {
    expect(managed(4 * GiB, 3 * GiB).manager.getMemoryStats()).toMatchObject({ used: 0, percentUsed: 0 });
  });
});

describe('the manager', () => {
  it('answers three methods later and the others at once', async () => {
    const { manager } = managed(15 * GiB);
    const later = [manager.canLoadModel(), manager.registerModelLoad(), manager.getRecommendedQuantization()];
    for (const promise of later) expect(promise).toBeInstanceOf(Promise);
    await Promise.all(later);
    for (const value of [
      manager.checkMemoryStatus(),
      manager.getMemoryStats(),
      manager.getMemoryThreshold(),
      manager.unregisterModel(),
    ]) {
      expect(value).not.toBeInstanceOf(Promise);
    }
  });

  it.each(['Q8_0', '', 'q4_0', null, 4])('rejects a quantization that nobody knows (%s)', async (quantization) => {
    const { manager } = managed(15 * GiB);
    await manager.registerModelLoad('Q4_0');
    const unknown = quantization as Qwen2Quantization;
    await expect(manager.canLoadModel(unknown)).rejects.toMatchObject({ code: 'ERR_UNKNOWN_QUANTIZATION' });
    await expect(manager.registerModelLoad(unknown)).rejects.toMatchObject({ code: 'ERR_UNKNOWN_QUANTIZATION' });
    expect(manager.getMemoryStats().currentQuantization).toBe('Q4_0');
  });

  it.each([
    [{ quantization: 'Q4_0' }, 'ERR_INVALID_OPTION'],
    [{ sensor: 5 }, 'ERR_INVALID_OPTION'],
    [null, 'ERR_INVALID_OPTION'],
    ['Q4_0', 'ERR_INVALID_OPTION'],
    [{ defaultQuantization: 'Q8_0' }, 'ERR_UNKNOWN_QUANTIZATION'],
  ])('is not made with bad options (%j)', (options, code) => {
    expect(() => new Qwen2MemoryManager(options as Qwen2MemoryManagerOptions)).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it('says ERR_SENSOR if the sensor fails', async () => {
    const { manager, machine } = managed(15 * GiB);
    machine.failsAlways = true;
    for (const call of [
      () => manager.canLoadModel(),
      () => manager.registerModelLoad(),
      () => manager.getRecommendedQuantization(),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'ERR_SENSOR' });
    }
    for (const call of [() => manager.checkMemoryStatus(), () => manager.getMemoryStats()]) {
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_SENSOR' }));
    }
  });

  it('reads the real machine without a sensor', async () => {
    const [manager, second] = [new Qwen2MemoryManager(), new Qwen2MemoryManager()];
    const stats = manager.getMemoryStats();
    expect(stats.total).toBeGreaterThan(256 * MiB);
    expect(stats.available).toBeGreaterThan(0);
    expect(stats.available).toBeLessThanOrEqual(stats.total);
    expect(stats.percentUsed + stats.percentFree).toBeCloseTo(100, 8);
    expect(manager.checkMemoryStatus().status).toBe('ok');
    expect(ALL).toContain(await second.getRecommendedQuantization());
    expect(await manager.canLoadModel()).toBeTypeOf('boolean');
  });
});

describe.skipIf(noControlGroups !== undefined)('what the process grows by between check and register', () => {
  // 3,891 MiB must fit with a quarter of the limit kept: about 100 MiB are to spare beside the program itself.
  const LIMIT = 5400 * MiB;
  const program = (grow: string) => `
    import { Worker } from 'node:worker_threads';
    globalThis.held = [];
    const native = (mib) => new Promise((resolve) => {
      const source = 'const held = Buffer.alloc(' + mib + ' * 2 ** 20, 1); require("worker_threads").parentPort.on("message", () => held).postMessage(1)';
      globalThis.worker = new Worker(source, { eval: true, execArgv: [] });
      globalThis.worker.once('message', resolve);
    });
    const javascript = async (mib) => held.push(Buffer.alloc(mib * 2 ** 20, 1));
    const manager = new door.Qwen2MemoryManager({ defaultQuantization: 'Q4_0' });
    const can = await manager.canLoadModel();
    await ${grow};
    const registered = await manager.registerModelLoad().then(() => 'registered', (error) => error.code);
    console.log(JSON.stringify({ can, registered }));
    process.exit();
  `;
  const run = async (grow: string) => {
    const ended = await runProgram(program(grow), { group: createControlGroup(LIMIT) });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    return JSON.parse(ended.stdout) as unknown;
  };

  it('counts as taken by the model', async () => {
    // The heap of another thread is what the heap of this one doesn't explain, as the memory of an engine is.
    expect(await run('native(300)')).toEqual({ can: true, registered: 'registered' });
  });

  it('does not count if it is memory of JavaScript', async () => {
    expect(await run('javascript(300)')).toEqual({ can: true, registered: 'ERR_INSUFFICIENT_MEMORY' });
  });

  it('is not needed if nothing grew', async () => {
    expect(await run('undefined')).toEqual({ can: true, registered: 'registered' });
  });
});
