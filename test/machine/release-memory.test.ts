import { describe, expect, it } from 'vitest';
import { trimHeap } from '../../src/machine/release-memory.ts';
import { runProgram } from '../support/run-program.ts';

describe('trimming the heap', () => {
  it('resolves, with the addon and without', async () => {
    await expect(trimHeap()).resolves.toBeUndefined();
    const release = new URL('../../lib/machine/release-memory.js', import.meta.url).href;
    const program = `const { trimHeap } = await import(${JSON.stringify(release)}); console.log(await trimHeap());`;
    expect(await runProgram(program, { env: { NEXA_MEMORY_GUARD_ADDON: 'off' } })).toMatchObject({
      code: 0,
      stdout: 'undefined\n',
    });
  });
});
