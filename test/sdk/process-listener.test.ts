import { expect, test } from 'vitest';
import { findProcessListener, withProcessListener } from '../../src/sdk/process-listener.ts';
import { readLoadOptions } from '../../src/sdk/read-sdk-options.ts';

const listener = () => {};

test('a listener is found in the options of a load, which a program gave or not', () => {
  for (const args of [['m'], ['m', undefined], ['m', { contextSize: 512 }]]) {
    const [name, options] = withProcessListener(args, listener);
    expect(name).toBe('m');
    expect(findProcessListener(options)).toBe(listener);
  }
});

test('the options of a program stay as they are: without a listener, with their getters, and with what follows them', () => {
  const options = Object.defineProperty({}, 'contextSize', { get: () => 512, enumerable: true });
  const [, given, rest] = withProcessListener(['m', options, 'rest'], listener);
  expect(findProcessListener(options)).toBeUndefined();
  expect(Object.getOwnPropertyDescriptor(given, 'contextSize')?.get).toBeTypeOf('function');
  expect(rest).toBe('rest');
});

test('it is no option that could be refused', () => {
  const [, options] = withProcessListener(['m', { contextSize: 512 }], listener);
  expect(readLoadOptions(options as object)).toMatchObject({ contextSize: 512 });
});

test.each([undefined, null, {}, 'text'])('%j has none', (options) => {
  expect(findProcessListener(options)).toBeUndefined();
});
