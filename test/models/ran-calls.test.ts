import { expect, it } from 'vitest';
import { RanCalls } from '../../src/models/ran-calls.ts';

const took = (keptBytes: number, peak = keptBytes) => ({ keptBytes, nativeBytes: keptBytes, peakBytes: () => peak });

it('knows a size only after it ran twice', () => {
  const ran = new RanCalls(true);
  expect(ran.isKnown(100)).toBe(false);
  ran.add(100, took(50), 60);
  expect(ran.isKnown(100)).toBe(false);
  ran.add(100, took(40), 60);
  expect(ran.isKnown(100)).toBe(true);
  expect(ran.isKnown(50)).toBe(false);
  expect(ran.nativeBytes).toBe(90);
});

it('remembers of a size what it takes with nothing to use again', () => {
  const ran = new RanCalls(true);
  expect(ran.add(100, took(50), 60)).toEqual({ elements: 100, bytes: 50 });
  // 30 more, beside the 50 that a smaller one left.
  expect(ran.add(200, took(30), 200)).toEqual({ elements: 200, bytes: 80 });
  expect(ran.add(200, took(70), 200)).toBeUndefined();
  expect(ran.add(200, took(90), 200)).toEqual({ elements: 200, bytes: 90 });
  // Into what those left it fits, and that says nothing of it.
  expect(ran.add(150, took(0), 0)).toBeUndefined();
  expect(ran.seen).toEqual([
    { elements: 100, bytes: 50 },
    { elements: 200, bytes: 90 },
  ]);
});

it('counts what could not be seen as taken, and learns nothing of it', () => {
  const ran = new RanCalls(true);
  expect(ran.add(100, undefined, 60)).toBeUndefined();
  expect(ran.nativeBytes).toBe(0);
  expect(ran.add(200, took(10), 60)).toEqual({ elements: 200, bytes: 70 });
});

it('asks for nothing more for much smaller calls', () => {
  const ran = new RanCalls(true);
  ran.add(100, took(50), 60);
  expect([50, 51, 100].map((elements) => ran.countMissing(elements, 7))).toEqual([0, 7, 7]);
});

it('asks for all of it each time where the engine gives it back', () => {
  const ran = new RanCalls(false);
  expect(ran.add(100, took(5, 50), 60)).toEqual({ elements: 100, bytes: 50 });
  ran.add(100, took(0, 50), 60);
  expect(ran.isKnown(100)).toBe(false);
  expect(ran.countMissing(10, 7)).toBe(7);
});
