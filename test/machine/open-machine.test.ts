import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { InjectedMachine } from '../../src/machine/injected-machine.ts';
import { openMachine, shareMachine } from '../../src/machine/open-machine.ts';
import { RealMachine } from '../../src/machine/real-machine.ts';

const sensor = () => ({ totalBytes: 2, availableBytes: 1 });
const REAL = { swap: false, clock: systemClock };

describe('opening a machine', () => {
  it('opens the real one without a sensor, a new one each time', () => {
    const [one, other] = [openMachine({ ...REAL, sensor: undefined }), openMachine({ ...REAL, sensor: undefined })];
    onTestFinished(() => {
      one.close();
      other.close();
    });
    expect(one).toBeInstanceOf(RealMachine);
    expect(one).not.toBe(other);
    one.close();
    expect(() => other.reader.snapshot()).not.toThrow();
  });

  it('opens the replaced one with a sensor, and asks it only when memory is read', () => {
    const asked = vi.fn(sensor);
    const machine = openMachine({ ...REAL, sensor: asked });
    expect(machine).toBeInstanceOf(InjectedMachine);
    expect(asked).not.toHaveBeenCalled();
    expect(machine.reader.snapshot()).toMatchObject({ totalBytes: 2, availableBytes: 1, source: 'injected' });
    expect(asked).toHaveBeenCalledOnce();
  });
});

describe('the shared machine', () => {
  it('is one real machine for all that ask', () => {
    const machine = shareMachine(undefined);
    expect(machine).toBeInstanceOf(RealMachine);
    expect(shareMachine(undefined)).toBe(machine);
  });

  it('is not shared by those who replace it', () => {
    const [one, other] = [shareMachine(sensor), shareMachine(() => ({ totalBytes: 9, availableBytes: 9 }))];
    expect(one.reader.measure().totalBytes).toBe(2);
    expect(other.reader.measure().totalBytes).toBe(9);
    expect(shareMachine(undefined)).toBeInstanceOf(RealMachine);
  });
});
