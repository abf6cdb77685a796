import { expect, test, vi } from 'vitest';
import { LoadProgress } from '../../src/sdk/load-progress.ts';

test('tells percentages that rise, and each of them once', () => {
  const told: number[] = [];
  const progress = new LoadProgress((percent) => told.push(percent));
  for (const percent of [0, 0, 40, 20, 41]) progress.listener?.(percent);
  expect(told).toEqual([0, 40, 41]);
});

test('tells 100 at the end, whether or not the engine did', () => {
  const told: number[] = [];
  const progress = new LoadProgress((percent) => told.push(percent));
  progress.finish();
  progress.finish();
  progress.listener?.(100);
  expect(told).toEqual([100]);
});

test('has no listener for the engine if the program has none', () => {
  const progress = new LoadProgress(undefined);
  expect(progress.listener).toBeUndefined();
  expect(() => progress.finish()).not.toThrow();
});

test('makes a warning of an error in the listener', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const error = new Error('mine');
  new LoadProgress(() => {
    throw error;
  }).finish();
  new LoadProgress(() => {
    throw 'text';
  }).finish();
  expect(warn.mock.calls).toEqual([[error], ['text']]);
  warn.mockRestore();
});
