/** What would help a planned load, asked of a guard on a machine of a given size. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { describeLowerFloor, findPlanHelp } from '../../../src/cli/plan/plan-help.ts';
import type { PlanRow } from '../../../src/cli/plan/print-plan.ts';
import { type Decision, GiB, type PlanOptions, withMemoryGuard } from '../../../src/index.ts';

/** Its models never take what was reserved for them, so that it stays reserved. */
function guardMachine(totalBytes: number, options = {}) {
  let takenBytes = 0;
  const sdk = { loadModel: async (_name: string, _options?: object) => ({ dispose() {} }) };
  const sensor = () => ({ totalBytes, availableBytes: totalBytes - takenBytes });
  const nexa = withMemoryGuard(sdk, { sensor, minFreeBytes: 0, minFreeRatioAfterLoad: 0, ...options });
  onTestFinished(() => nexa.guard.close());
  return {
    load: (model: string, gib: number) => nexa.loadModel(model, sized(gib)),
    take(gib: number) {
      takenBytes += gib * GiB;
    },
    help: async (model: string, asked: PlanOptions) =>
      findPlanHelp(nexa.guard, model, await nexa.guard.plan(model, asked), asked),
  };
}

const sized = (gib: number) => ({ memoryGuard: { footprint: gib * GiB } });

describe('what would help a load', () => {
  it('is nothing if it goes in as it was asked for', async () => {
    expect(await guardMachine(8 * GiB).help('m', sized(4))).toEqual([]);
  });

  it('is a larger machine if even an empty one of this size refuses it', async () => {
    const { help } = guardMachine(8 * GiB);
    expect(await help('m', sized(9))).toEqual(['use a machine or container of 9.0 GiB at the least']);
    expect(await guardMachine(9 * GiB).help('m', sized(9))).toEqual([]);
  });

  it('is a machine as much larger as the rule on the share that stays available asks', async () => {
    const rules = { minFreeRatioAfterLoad: 0.25 };
    const [sentence] = await guardMachine(8 * GiB, rules).help('m', sized(7));
    expect(sentence).toBe('use a machine or container of 9.3 GiB at the least');
    expect(await guardMachine(9.3 * GiB, rules).help('m', sized(7))).not.toEqual([]);
    expect(await guardMachine(9.34 * GiB, rules).help('m', sized(7))).toEqual([]);
  });

  it('is unloading models, the largest first and as few as are needed', async () => {
    const { help, load } = guardMachine(8 * GiB);
    await load('small', 1);
    await load('large', 4);
    await load('middle', 2);
    expect(await help('m', sized(3))).toEqual(['free 2.0 GiB', `unload large of process ${process.pid} (4.0 GiB)`]);
    expect((await help('m', sized(7)))[1]).toBe(
      `unload large of process ${process.pid} (4.0 GiB) and middle of process ${process.pid} (2.0 GiB)`,
    );
  });

  it('is free memory if no models hold it', async () => {
    const { help, load, take } = guardMachine(8 * GiB);
    await load('small', 1);
    take(6);
    expect(await help('m', sized(3))).toEqual(['free 2.0 GiB']);
  });

  it('is about the quantization that was asked for if a smaller one is taken', async () => {
    const footprint = (quantization?: string) => (quantization === 'Q5_K_M' ? 9 : 4) * GiB;
    const asked = { quantization: 'Q5_K_M', memoryGuard: { footprint } };
    expect(await guardMachine(8 * GiB).help('qwen2audio', asked)).toEqual([
      'use a machine or container of 9.0 GiB at the least',
    ]);
  });
});

describe('a lower floor', () => {
  const row = (quantization: string, admitted: boolean, belowFloor = true) =>
    ({ quantization, belowFloor, cells: [{ admitted }] }) as unknown as PlanRow;
  const help = (verdict: Decision['verdict'], ...rows: PlanRow[]) => describeLowerFloor({ verdict } as Decision, rows);

  it('helps a refused load to the best quantization below it that fits', () => {
    const rows = [row('Q4_0', false, false), row('Q3_K_M', false), row('Q2_K', true), row('IQ1_S', true)];
    expect(help('refuse', ...rows)).toEqual(['lower the floor to Q2_K, which fits']);
  });

  it('helps no load that goes in, and none that fits in nothing', () => {
    expect(help('downgrade', row('Q2_K', true))).toEqual([]);
    expect(help('refuse', row('Q2_K', false), row('Q4_0', true, false))).toEqual([]);
  });
});
