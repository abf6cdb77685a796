import { describe, expect, it } from 'vitest';
import { ModelUses, UseHistory } from '../../src/models/use-history.ts';

describe('the uses of models', () => {
  it('are kept by name for each SDK, also while no such model is loaded', () => {
    const history = new UseHistory();
    const [sdk, other] = [{}, {}];
    history.find(sdk, 'm').note(5000);
    expect(history.find(sdk, 'm').idleMs(7000)).toBe(2000);
    expect(history.find(sdk, 'n').rate(7000)).toBe(0);
    expect(history.find(other, 'm').rate(7000)).toBe(0);
  });

  it('are forgotten of names that were loaded longest ago, if there are very many', () => {
    const history = new UseHistory();
    const sdk = {};
    for (const name of ['kept', 'lost']) history.find(sdk, name).note(1);
    for (let index = 0; index < 1023; index++) {
      history.find(sdk, `m${index}`);
      history.find(sdk, 'kept');
    }
    expect(history.find(sdk, 'kept').rate(2000)).toBeGreaterThan(0);
    expect(history.find(sdk, 'lost').rate(2000)).toBe(0);
  });

  it('last until their end, which is no new use', () => {
    const uses = new ModelUses();
    uses.note(1000);
    uses.note(9000, true);
    expect(uses.idleMs(10_000)).toBe(1000);
    expect(uses.rate(10_000)).toBe(1 / 1000);
  });

  it('are none at first', () => {
    expect([new ModelUses().idleMs(5), new ModelUses().rate(5)]).toEqual([0, 0]);
  });
});
