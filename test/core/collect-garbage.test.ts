import { describe, expect, it, vi } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { collectGarbage, findCollector } from '../../src/core/collect-garbage.ts';
import { settled } from '../support/fake-sdk.ts';
import { runProgram } from '../support/run-program.ts';

describe('collecting garbage', () => {
  it('takes what nobody holds, synchronously, and nothing that somebody holds', async () => {
    const external = () => process.memoryUsage().external;
    const kept = Buffer.alloc(8 * MiB, 1);
    const before = await (async () => Buffer.alloc(64 * MiB, 1).length + external() - 64 * MiB)();
    await settled(); // no frame of the stack holds it any more
    collectGarbage();
    expect(before - external()).toBeGreaterThanOrEqual(63 * MiB);
    expect(kept[0]).toBe(1);
  });

  it('needs no flag from the program, and leaves no global behind', async () => {
    const collect = new URL('../../lib/core/collect-garbage.js', import.meta.url).href;
    const ended = await runProgram(`
      const { collectGarbage } = await import(${JSON.stringify(collect)});
      const measure = () => process.memoryUsage().external;
      const before = (() => { Buffer.alloc(64 * 2 ** 20, 1); return measure(); })();
      collectGarbage();
      console.log(before - measure() > 60 * 2 ** 20, typeof globalThis.gc);
    `);
    expect(ended).toMatchObject({ code: 0, stdout: 'true undefined\n' });
  });
});

describe('what to collect with', () => {
  it('is the function that a flag showed, else V8 is asked for it', () => {
    const gc = vi.fn();
    findCollector({ gc })();
    expect(gc).toHaveBeenCalledOnce();
    expect(findCollector({})).not.toThrow();
  });

  it('is the own call of Bun, and nothing if a runtime has none', () => {
    const gc = vi.fn();
    findCollector({ Bun: { gc } })();
    expect(gc).toHaveBeenCalledExactlyOnceWith(true);
    expect(findCollector({}, () => undefined)()).toBe(undefined);
  });
});
