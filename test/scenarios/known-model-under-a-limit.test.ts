/**
 * A program whose SDK loads Qwen2-Audio by name, keeps its files to itself and takes 8 GiB for it, in a real control group of 6 GiB. The memory
 * is taken for real, so a guard that let the load in would have the kernel end the program.
 */
import { describe, expect, it } from 'vitest';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { runProgram } from '../support/run-program.ts';

const whyNot = whyNoControlGroups();
if (whyNot) console.log(`skipped: a known model under a limit, since ${whyNot}`);

const LIMIT_BYTES = 6 * 2 ** 30;

/** `load` is what the program calls `loadModel` with. It prints what came of it, and how many bytes the SDK took. */
const run = (load: string) =>
  runProgram(
    `
    let taken = 0;
    const held = [];
    const sdk = {
      async loadModel(name, options) {
        const bytes = options?.bytes ?? 8 * 2 ** 30;
        for (; taken < bytes; taken += 64 * 2 ** 20) held.push(Buffer.alloc(64 * 2 ** 20, 1));
        return { dispose() { held.length = 0; } };
      },
    };
    const nexa = door.withMemoryGuard(sdk, { ledger: 'process', calibration: 'off' });
    const outcome = await nexa.loadModel(${load}).then((model) => (model.dispose(), 'loaded'), (error) => [error.code, error.message]);
    console.log(JSON.stringify({ outcome, taken }));
    nexa.guard.close();
    `,
    { group: createControlGroup(LIMIT_BYTES) },
  );

describe.skipIf(whyNot)('a program in 6 GiB whose SDK takes 8 GiB for a known model', () => {
  it.each(["'qwen2audio'", "'qwen2audio', { quantization: 'Q4_0', contextSize: 2048 }"])(
    'lives on: loadModel(%s) is refused before anything is taken',
    async (load) => {
      const { code, signal, stdout, stderr } = await run(load);
      expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
      const { outcome, taken } = JSON.parse(stdout) as { outcome: [string, string]; taken: number };
      expect([outcome[0], taken]).toEqual(['ERR_INSUFFICIENT_MEMORY', 0]);
      expect(outcome[1]).toMatch(/Q4_0 with \d+ tokens of context.* needs [67]\.9 GiB \(by its published shape\)/);
    },
  );

  it('loads what fits, by the caller’s own number', async () => {
    const { code, stdout } = await run("'qwen2audio', { bytes: 256 * 2 ** 20, memoryGuard: { footprint: '256 MiB' } }");
    expect([code, JSON.parse(stdout)]).toEqual([0, { outcome: 'loaded', taken: 256 * 2 ** 20 }]);
  });
});
