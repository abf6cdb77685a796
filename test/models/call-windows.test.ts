import { describe, expect, it } from 'vitest';
import { CallWindows } from '../../src/models/call-windows.ts';
import type { HeldModel } from '../../src/models/held-model.ts';
import { settled } from '../support/fake-sdk.ts';
import { makeHeldModel } from '../support/make-held-model.ts';

/** The windows of two loaded models. */
function windowsOfTwo() {
  const [one, two] = [makeHeldModel(), makeHeldModel()];
  const windows = new CallWindows(new Set([one, two]));
  const call = (held: HeldModel) => {
    windows.beginCall(held);
    windows.endCall(held);
  };
  return { windows, one, two, call };
}

describe('a load', () => {
  it('ran alone if nothing began beside it', () => {
    const { windows, one, call } = windowsOfTwo();
    call(one); // it has ended before
    const { ranAlone } = windows.beginLoad();
    expect(ranAlone()).toBe(windows.changes);
  });

  it('did not run alone beside a call that ran already, though that ends first', () => {
    const { windows, one } = windowsOfTwo();
    windows.beginCall(one);
    const { ranAlone } = windows.beginLoad();
    windows.endCall(one);
    expect(ranAlone()).toBeUndefined();
  });

  it('did not run alone beside a call, a load or an unload that began meanwhile', () => {
    const { windows, one, two, call } = windowsOfTwo();
    for (const beside of [() => call(one), () => windows.beginLoad(), () => windows.forget(two)]) {
      const { ranAlone } = windows.beginLoad();
      beside();
      expect(ranAlone()).toBeUndefined();
    }
  });

  it('was called beside by a call that ran already or began meanwhile, and by nothing else', () => {
    const { windows, one, two, call } = windowsOfTwo();
    call(one);
    const { wasCalled } = windows.beginLoad();
    windows.beginLoad();
    windows.forget(two);
    expect(wasCalled()).toBe(false);
    windows.beginCall(one);
    expect(wasCalled()).toBe(true);
    const during = windows.beginLoad();
    windows.endCall(one);
    expect(during.wasCalled()).toBe(true);
  });

  it('disturbs the calls that run, and no model that is at rest', () => {
    const { windows, one, two } = windowsOfTwo();
    windows.beginCall(one);
    windows.beginLoad();
    expect([one.disturbed, two.disturbed]).toEqual([true, false]);
  });
});

describe('calls', () => {
  it('disturb each other if they run beside each other, of one model or of two', () => {
    const { windows, one, two } = windowsOfTwo();
    windows.beginCall(one);
    windows.beginCall(two);
    expect([one.disturbed, two.disturbed]).toEqual([true, true]);
    const { windows: others, one: alone } = windowsOfTwo();
    others.beginCall(alone);
    others.beginCall(alone);
    expect(alone.disturbed).toBe(true);
  });

  it('do not disturb each other one after the other', () => {
    const { one, two, call } = windowsOfTwo();
    for (const held of [one, two, one]) call(held);
    expect([one.disturbed, two.disturbed]).toEqual([false, false]);
  });

  it('are counted by model, those that run and those that have begun', () => {
    const { windows, one, two, call } = windowsOfTwo();
    call(one);
    windows.beginCall(one);
    windows.beginCall(two);
    expect([one.callsBegun, one.callsInFlight]).toEqual([2, 1]);
    expect([two.callsBegun, two.callsInFlight]).toEqual([1, 1]);
    windows.endCall(two);
    expect([two.callsBegun, two.callsInFlight]).toEqual([1, 0]);
  });

  it('count as changes when they begin, and not when they end', () => {
    const { windows, one } = windowsOfTwo();
    windows.beginCall(one);
    expect(windows.changes).toBe(1);
    windows.endCall(one);
    expect(windows.changes).toBe(1);
  });

  it('are counted no longer than their model, whether they end after it or never', async () => {
    const { windows, one, two } = windowsOfTwo();
    for (const held of [one, one, two]) windows.beginCall(held);
    const done = windows.whenDone([one]);
    windows.forget(one);
    await done;
    windows.endCall(one);
    expect([windows.callsInFlight, one.callsInFlight, two.callsInFlight]).toEqual([1, 0, 1]);
    windows.endCall(two);
    expect(windows.beginLoad().wasCalled()).toBe(false);
  });

  it('are waited for until none runs on these models', async () => {
    const { windows, one, two } = windowsOfTwo();
    await windows.whenDone([one, two]);
    windows.beginCall(one);
    windows.beginCall(one);
    windows.beginCall(two);
    let done = 0;
    const waits = [windows.whenDone([one]), windows.whenDone([one, two])].map((wait) => wait.then(() => (done += 1)));
    windows.endCall(one);
    await settled();
    expect(done).toBe(0);
    windows.endCall(one);
    await settled();
    expect(done).toBe(1);
    windows.endCall(two);
    await Promise.all(waits);
  });
});
