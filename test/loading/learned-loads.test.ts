import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { LoadNeed } from '../../src/core/types.ts';
import type { Observation } from '../../src/footprint/apply-observations.ts';
import type { CalibrationStore } from '../../src/footprint/calibration-store.ts';
import { measureCandidate, raiseCandidate, readLearnedLoads } from '../../src/loading/learned-loads.ts';

const seen = (gib: number, more: Partial<Observation> = {}): Observation => ({
  load: 'a',
  mappedBytes: 0,
  anonymousAfterLoadBytes: gib * GiB,
  full: false,
  heard: false,
  ...more,
});
const need = (gib: number, basis: LoadNeed['basis'] = 'given'): LoadNeed => ({
  mappedBytes: 0,
  anonymousBytes: gib * GiB,
  basis,
});
const candidate = { quantization: 'Q4_0', need: need(4), minFreeBytes: 0 } as const;
const unknown = { need: need(0, 'unknown'), minFreeBytes: 0 } as const;
const request = { name: 'm' };

const learned = (...observations: readonly Observation[]) => ({
  findLearned: () => ({ key: 'key', observations }),
  processBytes: 0,
});

describe('what is learned by name', () => {
  const store = (found: ReadonlyMap<string, readonly Observation[]>) =>
    ({ readObservations: async () => (key: string) => found.get(key) ?? [] }) as unknown as CalibrationStore;

  it('is found under SDK, model, quantization and shape', async () => {
    const found = new Map<string, readonly Observation[]>();
    const find = (await readLearnedLoads(store(found), 'an sdk', 'm'))!;
    const { key, observations } = find('Q4_0', { contextSize: 2048 })!;
    expect([key, observations]).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), []]);
    found.set(key, [seen(5)]);
    const again = (await readLearnedLoads(store(found), 'an sdk', 'm'))!;
    expect(again('Q4_0', { contextSize: 2048 })?.observations).toEqual([seen(5)]);
    expect(again('Q4_0', { contextSize: 4096 })?.observations).toEqual([]);
    expect(again('Q4_K_M', { contextSize: 2048 })?.observations).toEqual([]);
    const others = [
      (await readLearnedLoads(store(found), 'another', 'm'))!,
      (await readLearnedLoads(store(found), 'an sdk', 'n'))!,
    ];
    for (const other of others) expect(other('Q4_0', { contextSize: 2048 })?.observations).toEqual([]);
  });

  it('is nothing if nothing is kept, or the SDK or the load can’t be told from others', async () => {
    expect(await readLearnedLoads(undefined, 'an sdk', 'm')).toBeUndefined();
    expect(await readLearnedLoads(store(new Map()), undefined, 'm')).toBeUndefined();
    const find = (await readLearnedLoads(store(new Map()), 'an sdk', 'm'))!;
    expect(find('Q4_0', { kvCacheType: () => 'f16' })).toBeUndefined();
  });
});

describe('a need that was given', () => {
  it('rises to what was seen, and says what it was', () => {
    expect(raiseCandidate(candidate, request, learned(seen(5)))).toEqual({
      ...candidate,
      need: need(5, 'measured'),
      outgrownNeed: need(4),
      calibrationKey: 'key',
    });
  });

  it('has the cost of a process of its own beside what was seen', () => {
    const parts = { ...learned(seen(5)), processBytes: 20 * MiB };
    expect(raiseCandidate(candidate, request, parts).need.anonymousBytes).toBe(5 * GiB + 20 * MiB);
  });

  it('stays as it is if less was seen, or nothing, and is observed', () => {
    for (const observations of [[seen(3)], []])
      expect(raiseCandidate(candidate, request, learned(...observations))).toEqual({
        ...candidate,
        calibrationKey: 'key',
      });
  });

  it('stays as it is if nothing is learned', () => {
    expect(raiseCandidate(candidate, request, { processBytes: 0 })).toEqual(candidate);
  });

  it('is found under the quantization of its step, else under that which was asked for', () => {
    const asked: unknown[] = [];
    const parts = { findLearned: (quantization: unknown) => void asked.push(quantization), processBytes: 0 };
    raiseCandidate(candidate, { name: 'm', quantization: 'Q5_K_M' }, parts);
    raiseCandidate({ need: need(4), minFreeBytes: 0 }, { name: 'm', quantization: 'fp16' }, parts);
    expect(asked).toEqual(['Q4_0', 'fp16']);
  });
});

describe('a need that nobody knows', () => {
  const called = seen(5, { anonymousAfterCallBytes: 6 * GiB });

  it('is what was seen', () => {
    for (const admits of [true, false])
      expect(measureCandidate(unknown, request, { ...learned(called), admits })).toEqual({
        ...unknown,
        need: need(6, 'measured'),
        calibrationKey: 'key',
      });
  });

  it('is not known by a load alone, unless unknown models are admitted anyway', () => {
    expect(measureCandidate(unknown, request, { ...learned(seen(5)), admits: false })).toBeUndefined();
    expect(measureCandidate(unknown, request, { ...learned(seen(5)), admits: true })?.need).toEqual(
      need(5, 'measured'),
    );
  });

  it('is not known if next to nothing was seen: then the model lives elsewhere', () => {
    const nothing = seen(0, { anonymousAfterCallBytes: 8 * MiB });
    expect(measureCandidate(unknown, request, { ...learned(nothing), admits: false })).toBeUndefined();
    expect(measureCandidate(unknown, request, { ...learned(nothing), admits: true })).toEqual({
      ...unknown,
      calibrationKey: 'key',
    });
  });

  it('stays unknown if nothing was seen', () => {
    expect(measureCandidate(unknown, request, { ...learned(), admits: false })).toBeUndefined();
    expect(measureCandidate(unknown, request, { ...learned(), admits: true })).toEqual({
      ...unknown,
      calibrationKey: 'key',
    });
    expect(measureCandidate(unknown, request, { processBytes: 0, admits: true })).toEqual(unknown);
    expect(measureCandidate(unknown, request, { processBytes: 0, admits: false })).toBeUndefined();
  });
});
