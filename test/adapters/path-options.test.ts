import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readPathOptions, withPath } from '../../src/adapters/path-options.ts';

describe('the options of a load with a path in them', () => {
  it('are those of the first argument', () => {
    const options = { modelPath: '/m.gguf', threads: 2 };
    expect(readPathOptions([options, 'rest'], 'modelPath')).toEqual(options);
  });

  it.each([[[]], [['/m.gguf']], [[null]]])('are refused if the argument is no object (%j)', (args) => {
    expect(() => readPathOptions(args, 'modelPath')).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_OPTION',
        message: expect.stringMatching(/^Expected `options` to be an object with `modelPath`, the path of a GGUF file/),
      }),
    );
  });

  it.each([{}, { modelPath: '' }, { modelPath: 5 }, { modelPath: Symbol('m') }, { model: '/m.gguf' }])(
    'are refused if no path is in them (%o)',
    (options) => {
      expect(() => readPathOptions([options], 'modelPath')).toThrow(
        expect.objectContaining({ code: 'ERR_UNKNOWN_MODEL' }),
      );
    },
  );
});

describe('the arguments with another file', () => {
  const asked = [{ model: 'm-Q5_K_M.gguf', threads: 2 }, 'rest'];

  it('carry its path, and nothing else changes', () => {
    expect(withPath(asked, 'model', '/m-Q4_0.gguf')).toEqual([{ model: '/m-Q4_0.gguf', threads: 2 }, 'rest']);
    expect(asked[0]).toEqual({ model: 'm-Q5_K_M.gguf', threads: 2 });
  });

  it('are the identical ones if it is the file that was asked for, in whatever words', () => {
    expect(withPath(asked, 'model', resolve('m-Q5_K_M.gguf'))).toBe(asked);
    expect(withPath(asked, 'model', undefined)).toBe(asked);
    const none: unknown[] = [];
    expect(withPath(none, 'model', undefined)).toBe(none);
  });

  it('never carry `memoryGuard`, nor what else only the guard understands', () => {
    const args = [{ model: 'm.gguf', memoryGuard: {}, projectorPath: 'p.gguf' }];
    expect(withPath(args, 'model', undefined)).toEqual([{ model: 'm.gguf', projectorPath: 'p.gguf' }]);
    expect(withPath(args, 'model', undefined, ['projectorPath'])).toEqual([{ model: 'm.gguf' }]);
  });
});
