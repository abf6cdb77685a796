/** The real engine with a footprint given too small: what it takes beyond is noticed. In a process of its own, whose growth is the model's alone. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { runProgram } from '../support/run-program.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

const loadWith = (promisedBytes: number) =>
  runProgram(`
    const nexa = door.withMemoryGuard(await door.NexaSDK.initialize(), { ledger: 'process', minFreeRatioAfterLoad: 0 });
    nexa.guard.on('degraded', ({ message }) => console.log(message));
    const memoryGuard = { footprint: { mappedBytes: 4 * 2 ** 20, anonymousBytes: ${promisedBytes} } };
    const model = await nexa.loadModel(${JSON.stringify(files.model('F32'))}, { contextSize: 4096, memoryGuard });
    for await (const _ of model.generate({ prompt: 'Hi', maxTokens: 2 }));
    await model.dispose();
    await nexa.dispose();
    console.log('done');
  `);

describe.runIf(process.platform === 'linux')('a load that outgrows its reservation', () => {
  it('is reported with both numbers', async () => {
    const { stdout, stderr, code } = await loadWith(1 * MiB);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/took [\d.]+ MiB of anonymous memory, where 1(\.0)? MiB had been reserved for it\./);
  });

  it('is not reported where it stays within', async () => {
    expect((await loadWith(400 * MiB)).stdout).toBe('done\n');
  });
});
