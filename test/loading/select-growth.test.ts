import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import type { LoadNeed, ModelMemory } from '../../src/core/types.ts';
import { selectGrowth } from '../../src/loading/select-growth.ts';
import type { Candidate } from '../../src/policy/choose-candidate.ts';

const need = (basis: LoadNeed['basis']): LoadNeed => ({ mappedBytes: 0, anonymousBytes: 0, basis });
const predicted = { mappedBytes: 0, anonymousAfterLoadBytes: 0, anonymousAfterCallBytes: 0 };
const native = () => 5;
/** None of them is collected while another one is counted. */
const held: Buffer[] = [];

/** Whether a buffer that is made counts as growth. */
function countsBuffers(candidate: Omit<Candidate, 'minFreeBytes'>, memory?: ModelMemory): boolean {
  const read = selectGrowth(native, { minFreeBytes: 0, ...candidate }, memory);
  const before = read()!;
  const buffer = Buffer.alloc(32 * MiB, 1);
  held.push(buffer);
  return read()! - before > buffer.length / 2;
}

describe('what counts as taken by a load', () => {
  it('has buffers of JavaScript among it if nothing else is known of the model', () => {
    expect(countsBuffers({ need: need('unknown') })).toBe(true);
    expect(countsBuffers({ need: need('measured') })).toBe(true);
  });

  it('has them among it if the adapter says that models live there, and nobody tells their files', () => {
    expect(countsBuffers({ need: need('given') }, 'javascript')).toBe(true);
    expect(countsBuffers({ need: need('gguf'), predicted }, 'javascript')).toBe(false);
  });

  it('is native memory alone for every other load', () => {
    for (const basis of ['given', 'table', 'shape', 'gguf'] as const) {
      expect(countsBuffers({ need: need(basis) })).toBe(false);
      expect(countsBuffers({ need: need(basis) }, 'native')).toBe(false);
    }
    expect(countsBuffers({ need: need('measured'), outgrownNeed: need('given') })).toBe(false);
    expect(countsBuffers({ need: need('measured'), predicted })).toBe(false);
  });

  it('is not known if the system doesn’t tell', () => {
    const candidate = { need: need('unknown'), minFreeBytes: 0 };
    expect(selectGrowth(() => undefined, candidate, undefined)()).toBeUndefined();
  });
});
