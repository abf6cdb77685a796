import { expect, it } from 'vitest';
import { readSessionSettings } from '../../../src/footprint/onnx/session-settings.ts';

it('fills in what the engine does by itself', () => {
  const defaults = { optimize: true, prepack: true, cpuOnly: true, arena: true };
  expect(readSessionSettings(undefined)).toEqual(defaults);
  expect(readSessionSettings({ arena: false, prepack: undefined })).toEqual({ ...defaults, arena: false });
});

it.each([[7], [{ arena: 'no' }], [{ threads: 4 }]])('refuses %o', (given) => {
  expect(() => readSessionSettings(given)).toThrow(/^Expected `session/);
});
