import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { InjectedMachine } from '../../src/machine/injected-machine.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { collectUntil, settled } from '../support/fake-sdk.ts';

const machine = () => new InjectedMachine(() => ({ totalBytes: 16 * GiB, availableBytes: 15 * GiB }));

describe('a replaced machine', () => {
  it('has the memory that the sensor says, and nothing of this process', () => {
    expect(machine().reader.snapshot()).toMatchObject({ totalBytes: 16 * GiB, availableBytes: 15 * GiB });
    expect(machine().readGrowthBytes()).toBeUndefined();
    expect(machine().noteMappings()([])).toBeUndefined();
  });

  it('is counted alone, by a ledger of its own', () => {
    const need = { mappedBytes: 0, anonymousBytes: 5, basis: 'given' } as const;
    const [one, other] = [machine().openLedger(), machine().openLedger()];
    one.ledger.reserve('m', need, { clockMs: 0, epochMs: 0 });
    expect([one.ledger.size, other.ledger.size]).toEqual([1, 0]);
    expect(one).not.toHaveProperty('shared');
  });

  it('tells nothing of a process of a model, nor of what the kernel would end: both are on the real machine', () => {
    expect([machine().probeProcess(), machine().findOomGroup()]).toEqual([undefined, undefined]);
  });

  it('keeps nothing of what loads take', () => {
    expect(machine().openCalibration()).toBeUndefined();
  });

  it('collects no garbage of this process: it would not come back there', async () => {
    const survives = async () => {
      const garbage = makeGarbage();
      await settled();
      const replaced: Machine = machine();
      expect(replaced.collectGarbage(0)).toBe(false);
      await replaced.releaseMemory(() => []);
      const survived = garbage.deref() !== undefined;
      expect(await collectUntil(() => garbage.deref() === undefined)).toBe(true); // it was garbage indeed
      return survived;
    };
    const survived: boolean[] = [];
    // V8 may collect on its own at any moment, but hardly at five of them.
    for (let attempt = 0; attempt < 5 && !survived.includes(true); attempt++) survived.push(await survives());
    expect(survived).toContain(true);
  });
});

function makeGarbage(): WeakRef<object> {
  return new WeakRef(Buffer.alloc(MiB).buffer);
}
