import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { LoadNeed, MemoryScope } from '../../src/core/types.ts';
import { type Candidate, judgeCandidates } from '../../src/policy/choose-candidate.ts';
import type { Decision } from '../../src/policy/decision.ts';
import { findRefusalHelp, type RefusalFacts } from '../../src/policy/refusal-help.ts';

const need = (anonymousBytes: number, mappedBytes = 0): LoadNeed => ({ mappedBytes, anonymousBytes, basis: 'given' });
const judge = (...candidates: Candidate[]) => {
  const situation = { totalBytes: 1000, availableBytes: 100, headroomBytes: 100, promisedAnonymousBytes: 0 };
  return { situation, candidates: judgeCandidates(candidates, situation, 0) };
};

/** A load of so many bytes, refused on a machine of 1000 bytes of which 100 are left. */
function refuse(bytes: number): Decision {
  const { situation, candidates } = judge({ need: need(bytes), minFreeBytes: 0 });
  return { verdict: 'refuse', model: 'm', ...situation, candidates };
}

const NOTHING: RefusalFacts = { holders: [], limitedBy: undefined };
const scope = (kind: MemoryScope['kind']): MemoryScope => ({
  kind,
  path: '/pod',
  usedBytes: 0,
  reclaimableBytes: 0,
  availableBytes: 0,
});

describe('what would help a refused load', () => {
  it('is so much free memory as it lacks', () => {
    expect(findRefusalHelp(refuse(150), NOTHING)).toEqual({ freeBytes: 50, unload: [] });
  });

  it('is no free memory and no unloading if even an empty machine would refuse it', () => {
    const holders = [{ name: 'held', need: need(900) }];
    expect(findRefusalHelp(refuse(1001), { ...NOTHING, holders })).toEqual({ unload: [] });
  });

  it('is to unload the largest models, as few as are enough', () => {
    const holders = [
      { name: 'small', need: need(10) },
      { name: 'large', quantization: 'Q4_0', need: need(10, 30) },
      { name: 'middle', need: need(20) },
    ] as const;
    expect(findRefusalHelp(refuse(130), { ...NOTHING, holders }).unload).toEqual(['large Q4_0']);
    expect(findRefusalHelp(refuse(160), { ...NOTHING, holders }).unload).toEqual(['large Q4_0', 'middle']);
  });

  it('is not to unload models that together hold too little', () => {
    const holders = [{ name: 'small', need: need(10) }];
    expect(findRefusalHelp(refuse(130), { ...NOTHING, holders })).toEqual({ freeBytes: 30, unload: [] });
  });

  it('is a smaller context that fits, with all that was chosen for it', () => {
    const shape = { contextSize: 256, kvCacheType: { k: 'q8_0', v: 'f16' } } as const;
    const [fitting] = judge({ quantization: 'Q4_0', ...shape, need: need(50), minFreeBytes: 0 }).candidates;
    expect(findRefusalHelp(refuse(150), { ...NOTHING, fitting }).context).toEqual({ quantization: 'Q4_0', ...shape });
    const [plain] = judge({ contextSize: 512, need: need(50), minFreeBytes: 0 }).candidates;
    expect(findRefusalHelp(refuse(150), { ...NOTHING, fitting: plain }).context).toEqual({ contextSize: 512 });
  });

  it('is no context if the need doesn’t depend on it', () => {
    const [fitting] = judge({ need: need(50), minFreeBytes: 0 }).candidates;
    expect(findRefusalHelp(refuse(150), { ...NOTHING, fitting })).not.toHaveProperty('context');
  });

  it.each(['cgroup-v1', 'cgroup-v2'] as const)('is a higher limit if a group of %s refuses it', (kind) => {
    expect(findRefusalHelp(refuse(150), { ...NOTHING, limitedBy: scope(kind) }).raiseLimit).toBe('/pod');
  });

  it.each(['host', 'rlimit-as', 'injected'] as const)('is no higher limit if %s refuses it', (kind) => {
    expect(findRefusalHelp(refuse(150), { ...NOTHING, limitedBy: scope(kind) })).not.toHaveProperty('raiseLimit');
  });

  it('can’t be changed by who reads it', () => {
    const help = findRefusalHelp(refuse(150), NOTHING);
    expect([help, help.unload].every(Object.isFrozen)).toBe(true);
  });
});

describe('reserves that would let a load in', () => {
  /** A load of anonymous memory on a machine of 1 GiB. */
  function refuseIn(availableBytes: number, candidate: Omit<Candidate, 'need'> & { readonly bytes: number }) {
    const { bytes, ...rest } = candidate;
    const situation = { totalBytes: GiB, availableBytes, headroomBytes: availableBytes, promisedAnonymousBytes: 0 };
    const given = { ...rest, need: need(bytes) };
    const judged = judgeCandidates([given], situation, undefined);
    const refused: Decision = { verdict: 'refuse', model: 'm', ...situation, candidates: judged };
    expect(judged[0]?.admitted).toBe(false);
    const { reserves } = findRefusalHelp(refused, NOTHING);
    // What is advised does let it in.
    if (reserves) {
      const { minFreeBytes = rest.minFreeBytes, minFreeRatioAfterLoad } = reserves;
      const changed = {
        ...given,
        minFreeBytes,
        minFreeByTotal: given.minFreeByTotal === true && !reserves.minFreeBytes,
      };
      expect(judgeCandidates([changed], situation, minFreeRatioAfterLoad)[0]?.admitted).toBe(true);
    }
    return reserves;
  }
  const byTotal = { minFreeBytes: 0, minFreeByTotal: true };

  it('are named with what they leave, each that refuses it', () => {
    expect(refuseIn(150 * MiB, { ...byTotal, bytes: 100 * MiB + 7 })).toEqual({
      minFreeBytes: 49 * MiB,
      minFreeRatioAfterLoad: 0.04,
      leavesBytes: 50 * MiB - 7,
    });
    expect(refuseIn(180 * MiB, { ...byTotal, bytes: 100 * MiB })).toEqual({
      minFreeRatioAfterLoad: 0.07,
      leavesBytes: 80 * MiB,
    });
    expect(refuseIn(400 * MiB, { minFreeBytes: 350 * MiB, bytes: 100 * MiB })?.minFreeBytes).toBe(300 * MiB);
    expect(refuseIn(400 * MiB, { minFreeBytes: 0, documented: true, bytes: 200 * MiB })).toEqual({
      minFreeRatioAfterLoad: 0.19,
      leavesBytes: 200 * MiB,
    });
  });

  it('are not named if they would leave next to nothing, or it does not fit at all', () => {
    expect(refuseIn(131 * MiB, { ...byTotal, bytes: 100 * MiB })).toBeUndefined();
    expect(refuseIn(99 * MiB, { ...byTotal, bytes: 100 * MiB })).toBeUndefined();
  });
});

describe('options that would let a load in', () => {
  it('are a smaller quantization that fits, and idle models that may not be evicted yet', () => {
    const smaller = judge({ quantization: 'Q4_0', need: need(50), minFreeBytes: 0 }).candidates[0]!;
    const evictable = [
      { name: 'idle', quantization: 'Q8_0', need: need(60) },
      { name: 'other', need: need(40) },
    ] as const;
    const help = findRefusalHelp(refuse(150), { ...NOTHING, smaller, evictable });
    expect(help).toMatchObject({ downgrade: 'Q4_0', evict: ['idle Q8_0'] });
    expect(findRefusalHelp(refuse(150), { ...NOTHING, evictable: [] })).not.toHaveProperty('evict');
    expect(findRefusalHelp(refuse(250), { ...NOTHING, evictable })).not.toHaveProperty('evict');
  });
});
