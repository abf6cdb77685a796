/** Ten thousand loads and disposals over the real machine and a shared ledger, in a process of their own. The SDK is a fake. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { runProgram } from '../support/run-program.ts';

it('ten thousand loads and disposals leave no entry, descriptor, listener or byte behind', async () => {
  const directory = join(mkdtempSync(join(tmpdir(), 'nexa-cycles-')), 'ledger');
  try {
    const { stdout, stderr } = await runProgram(
      `
      import { readdirSync } from 'node:fs';
      const sdk = { loadModel: async () => ({ generate: async () => 'text', dispose: async () => {} }) };
      const nexa = door.withMemoryGuard(sdk, { ledger: { directory: ${JSON.stringify(directory)} }, minFreeRatioAfterLoad: 0 });
      const controller = new AbortController();
      const cycle = async () => {
        const memoryGuard = { footprint: 1000, wait: true, signal: controller.signal };
        const model = await nexa.loadModel('m', { memoryGuard });
        await model.generate({ audio: 'a.wav' });
        await model.dispose();
      };
      const state = () => {
        globalThis.gc();
        return {
          descriptors: process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0,
          listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
          heapBytes: process.memoryUsage().heapUsed,
        };
      };
      // V8 goes on compiling for thousands of rounds (0.7 MiB from 1,000 to 5,000); after that the heap stands still.
      for (let warm = 0; warm < 4000; warm++) await cycle();
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const before = state();
      for (let each = 0; each < 10_000; each++) await cycle();
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const after = state();
      console.log(JSON.stringify({ before, after, models: nexa.guard.models().length, entries: nexa.guard.ledger.entries().length }));
      nexa.guard.close();
      console.log(JSON.stringify(readdirSync(${JSON.stringify(directory)})));
      `,
      { flags: ['--expose-gc'], timeoutMs: 80_000 },
    );
    expect(stderr).toBe('');
    const [line = '', files = ''] = stdout.split('\n');
    const { before, after, models, entries } = JSON.parse(line);
    expect({ models, entries }).toEqual({ models: 0, entries: 0 });
    expect(after.descriptors).toBe(before.descriptors);
    expect(after.listeners).toBe(before.listeners);
    expect(after.heapBytes - before.heapBytes).toBeLessThan(1 * MiB);
    expect(JSON.parse(files)).toEqual(['nexa-ledger']);
  } finally {
    rmSync(join(directory, '..'), { recursive: true, force: true });
  }
}, 90_000);
