import { describe, expect, it } from 'vitest';
import { applyObservations, type Observation } from '../../src/footprint/apply-observations.ts';
import type { Footprint } from '../../src/footprint/footprint.ts';

/** 75 are surely taken beside what is mapped: KV cache, projector, and 5 of the weights. */
const footprint = {
  weightsBytes: 105,
  kvCacheBytes: 50,
  projectorBytes: 20,
  outputBytes: 1,
  runtimeBytes: 9,
  computeBytes: 40,
  projectorComputeBytes: 10,
  audioBytes: 0,
  imageBytes: 0,
  laterBytes: 0,
  mappedBytes: 100,
  anonymousBytes: 135,
  basis: 'gguf',
} as Footprint;

const load = (anonymousAfterLoadBytes: number, more: Partial<Observation> = {}): Observation => ({
  load: 'a load',
  mappedBytes: 100,
  anonymousAfterLoadBytes,
  full: false,
  heard: false,
  ...more,
});

/** After the call as much as `after`. */
const call = (atLoad: number, after: number, more: Partial<Observation> = {}) =>
  load(atLoad, { anonymousAfterCallBytes: after, ...more });
const fullCall = (atLoad: number, after: number) => call(atLoad, after, { full: true, heard: true });

const partsOf = (...observations: Observation[]) => {
  const { mappedBytes, anonymousAfterLoadBytes, anonymousAfterCallBytes } = applyObservations(footprint, observations);
  return [mappedBytes, anonymousAfterLoadBytes, anonymousAfterCallBytes];
};

describe('an estimate beside observations', () => {
  it('stays as it is where there are none', () => {
    expect(applyObservations(footprint, [])).toEqual({
      mappedBytes: 100,
      anonymousAfterLoadBytes: 85,
      anonymousAfterCallBytes: 135,
      basis: 'gguf',
    });
    expect(applyObservations(footprint, [load(80)]).basis).toBe('measured');
  });

  it('keeps the room for what comes later, whatever a first call took', () => {
    const growing = { ...footprint, laterBytes: 30 } as Footprint;
    expect(applyObservations(growing, []).anonymousAfterCallBytes).toBe(165);
    expect(applyObservations(growing, [fullCall(80, 100)]).anonymousAfterCallBytes).toBe(130);
    expect(applyObservations(growing, [fullCall(80, 100)]).anonymousAfterLoadBytes).toBe(80);
  });

  it('keeps the room for the largest picture, whatever was seen', () => {
    const seeing = { ...footprint, imageBytes: 30 } as Footprint;
    expect(applyObservations(seeing, []).anonymousAfterCallBytes).toBe(165);
    expect(applyObservations(seeing, [fullCall(80, 100)]).anonymousAfterCallBytes).toBe(130);
  });

  it('is corrected either way by a call that filled a micro-batch, loading and computing each by itself', () => {
    expect(partsOf(fullCall(80, 95))).toEqual([100, 80, 95]);
    expect(partsOf(fullCall(90, 190))).toEqual([100, 90, 190]);
    expect(partsOf(fullCall(80, 95), fullCall(78, 100))).toEqual([100, 80, 102]);
  });

  it('is only raised by a shorter call or none, and a part that grew is not hidden by one that was not touched', () => {
    expect(partsOf(load(80))).toEqual([100, 85, 135]);
    expect(partsOf(load(95))).toEqual([100, 95, 145]);
    expect(partsOf(call(95, 97))).toEqual([100, 95, 145]);
    expect(partsOf(call(80, 97))).toEqual([100, 85, 135]);
    expect(partsOf(call(80, 180))).toEqual([100, 85, 195]);
  });

  it('keeps room for an encoder that has not run yet', () => {
    expect(partsOf(call(80, 95, { full: true }))).toEqual([100, 80, 105]);
    expect(partsOf(fullCall(80, 95))).toEqual([100, 80, 95]);
  });

  it('never goes below KV cache, projector and weights that are not mapped', () => {
    expect(partsOf(fullCall(10, 12))).toEqual([100, 70, 72]);
    expect(partsOf(fullCall(10, 5))).toEqual([100, 70, 70]);
    const read = { ...footprint, mappedBytes: 0, anonymousBytes: 235 };
    expect(applyObservations(read, [fullCall(10, 12)])).toMatchObject({
      mappedBytes: 100,
      anonymousAfterLoadBytes: 75,
    });
  });

  it('needs no less than what was too little, whatever full calls took', () => {
    expect(partsOf(fullCall(80, 95), load(80, { fatalBytes: 300 }))).toEqual([100, 80, 300]);
    expect(partsOf(load(80, { fatalBytes: 300 }))).toEqual([100, 85, 300]);
    expect(partsOf(load(80, { fatalBytes: 90 }))).toEqual([100, 85, 135]);
    expect(partsOf(load(200, { fatalBytes: 200 }))).toEqual([100, 200, 250]);
  });

  it('goes by full calls alone where there are any', () => {
    expect(partsOf(fullCall(80, 95), call(90, 500))).toEqual([100, 80, 95]);
  });

  it('counts the peak, also where a load takes more for a moment than its calls', () => {
    expect(partsOf(fullCall(120, 90))).toEqual([100, 120, 120]);
  });

  it('believes that more was mapped, and less where the weights were seen in anonymous memory', () => {
    expect(partsOf(load(80, { mappedBytes: 130 }))).toEqual([130, 80, 130]);
    expect(partsOf(load(80, { mappedBytes: 0 }))).toEqual([100, 85, 135]);
    expect(partsOf(load(190, { mappedBytes: 0 }))).toEqual([0, 190, 240]);
  });
});
