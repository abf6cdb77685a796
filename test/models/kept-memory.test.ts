import { describe, expect, test } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { HeldProcess } from '../../src/models/held-process.ts';
import { type Stillness, watchKept } from '../../src/models/kept-memory.ts';
import { makeHeldModel } from '../support/make-held-model.ts';
import { ScriptedProcess } from '../support/scripted-processes.ts';

const QUIET: Stillness = { changes: 5, still: true, shared: false };

/** A model that took 1000 MiB; its process holds `before` MiB when its end begins, and `after` when it is over. */
function count(before: number, after: number, looks: readonly Partial<Stillness>[] = []) {
  let heldBytes: number | undefined = before * MiB;
  const observation = { load: 'l', mappedBytes: 0, anonymousAfterLoadBytes: 900 * MiB, full: true, heard: false };
  const held = makeHeldModel({
    observing: {
      key: 'k',
      changes: 1,
      observation: { ...observation, anonymousAfterCallBytes: 1000 * MiB },
      grown: () => heldBytes,
    },
  });
  const looked = [
    { ...QUIET, ...looks[0] },
    { ...QUIET, changes: 6, ...looks[1] },
  ];
  const countKept = watchKept(held, () => looked.shift()!);
  heldBytes = after * MiB;
  return countKept();
}

describe('what an engine keeps', () => {
  test('is what the model took, less what the process fell by', () => {
    expect(count(1000, 600)).toBe(600 * MiB);
    expect(count(1200, 1200)).toBe(1000 * MiB);
    // What a model before it has left behind is not this one's.
    expect(count(3000, 2400)).toBe(400 * MiB);
  });

  test('is nothing if all but some arenas came back', () => {
    expect(count(1000, 40)).toBeUndefined();
    expect(count(1000, 0)).toBeUndefined();
    expect(count(1100, 60)).toBeUndefined();
  });

  test('can not be told if anything else ran, or nobody saw what it took', () => {
    expect(count(1000, 600, [{ still: false }])).toBeUndefined();
    expect(count(1000, 600, [{}, { still: false }])).toBeUndefined();
    expect(count(1000, 600, [{}, { changes: 7 }])).toBeUndefined();
    expect(watchKept(makeHeldModel(), () => QUIET)()).toBeUndefined();
    expect(count(Number.NaN, Number.NaN)).toBeUndefined();
  });
});

describe('in processes', () => {
  const inProcess = (shared: boolean, probed = true) => {
    const process = new ScriptedProcess(shared);
    const held = new HeldProcess(process, probed ? process.probe : undefined);
    return { process, held, model: makeHeldModel({ process: held }) };
  };
  const looks = (others: boolean) => {
    const both = [QUIET, { ...QUIET, changes: 6, shared: others }];
    return () => both.shift()!;
  };

  test('of several, the last one shows what was left, which then pays for nothing', () => {
    const { process, held, model } = inProcess(true);
    const countKept = watchKept(model, looks(false));
    process.heldBytes = 310 * MiB;
    expect(held.readTakenBytes()).toBe(300 * MiB);
    expect(countKept()).toBe(300 * MiB);
    expect(held.readTakenBytes()).toBe(0);
  });

  test('of several, nobody knows whose it is while others live', () => {
    const { process, model } = inProcess(true);
    const countKept = watchKept(model, looks(true));
    process.heldBytes = 310 * MiB;
    expect(countKept()).toBeUndefined();
  });

  test('of one model, or that can not be read, nothing is looked at', () => {
    expect(watchKept(inProcess(false).model, looks(false))()).toBeUndefined();
    expect(watchKept(inProcess(true, false).model, looks(false))()).toBeUndefined();
  });
});
