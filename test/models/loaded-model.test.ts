import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { HeldModel } from '../../src/models/held-model.ts';
import { describeModel as describeAt } from '../../src/models/loaded-model.ts';
import { observeLoad } from '../../src/models/observe-load.ts';
import { makeHeldModel } from '../support/make-held-model.ts';

const describeModel = (held: HeldModel) => describeAt(held, 2 * GiB);

const NEED = { mappedBytes: 1, anonymousBytes: 2, basis: 'given' };

describe('a loaded model as it is shown', () => {
  it('has its facts and what runs on it, and can’t be changed', () => {
    const held = makeHeldModel();
    held.callsInFlight = 2;
    const shown = describeModel(held);
    expect(shown).toEqual({
      name: 'm',
      reason: 'Loading m.',
      need: NEED,
      minFreeBytes: 3,
      sinceMs: 7,
      callsInFlight: 2,
      pinned: false,
    });
    expect(Object.isFrozen(shown)).toBe(true);
  });

  it('has what was chosen for it, also a cache whose keys and values differ', () => {
    const shape = { contextSize: 4096, kvCacheType: { k: 'q8_0', v: 'f16' } } as const;
    expect(describeModel(makeHeldModel({ quantization: 'Q4_0', shape, pinned: true }))).toMatchObject({
      quantization: 'Q4_0',
      ...shape,
      pinned: true,
    });
  });

  it('names the file that was loaded', () => {
    const held = makeHeldModel({ name: 'm-Q4_0.gguf', askedName: 'm-Q5_K_M.gguf', modelPath: '/a/m-Q4_0.gguf' });
    expect(describeModel(held)).toMatchObject({ name: 'm-Q4_0.gguf', modelPath: '/a/m-Q4_0.gguf' });
  });

  it('names the model whose context it is', () => {
    const owner = { held: makeHeldModel({ name: 'owner.gguf' }), letGo() {} };
    expect(describeModel(makeHeldModel({ owner })).contextOf).toBe('owner.gguf');
    expect(describeModel(makeHeldModel())).not.toHaveProperty('contextOf');
  });

  it('has what it was expected to take and what it took, if that is known', () => {
    const predicted = { mappedBytes: 10, anonymousAfterLoadBytes: 20, anonymousAfterCallBytes: 30 };
    const observing = observeLoad(undefined, 1, () => 25, [{ key: 'file', bytes: 11 }])!;
    const held = makeHeldModel({ predicted, observing });
    expect(describeModel(held)).toMatchObject({ predicted });
    // Nothing was called yet.
    expect(describeModel(held).observed).toEqual({ mappedBytes: 11, anonymousAfterLoadBytes: 25 });
    held.observing = { ...observing, observation: { ...observing.observation, anonymousAfterCallBytes: 40 } };
    expect(describeModel(held).observed).toEqual({
      mappedBytes: 11,
      anonymousAfterLoadBytes: 25,
      anonymousAfterCallBytes: 40,
    });
  });

  it('asks to keep free what was said, or what goes by the total that there is', () => {
    expect(describeModel(makeHeldModel({ minFreeBytes: 0, minFreeByTotal: true })).minFreeBytes).toBe(128 * MiB);
    expect(describeModel(makeHeldModel({ minFreeBytes: 5 })).minFreeBytes).toBe(5);
  });

  it('says nothing of what it took if the system doesn’t tell', () => {
    expect(describeModel(makeHeldModel())).not.toHaveProperty('observed');
    expect(describeModel(makeHeldModel())).not.toHaveProperty('predicted');
  });
});
