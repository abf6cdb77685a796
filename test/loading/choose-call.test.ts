import { describe, expect, it } from 'vitest';
import type { Adapter } from '../../src/adapters/adapter.ts';
import { defaultAdapter } from '../../src/adapters/default-adapter.ts';
import { chooseCall } from '../../src/loading/choose-call.ts';
import type { Candidate } from '../../src/policy/choose-candidate.ts';

const CANDIDATE: Candidate = {
  quantization: 'Q4_0',
  contextSize: 3072,
  modelPath: '/chosen.gguf',
  need: { mappedBytes: 0, anonymousBytes: 1, basis: 'gguf' },
  minFreeBytes: 0,
};

/** An SDK whose context and file can be chosen. */
const choosing: Adapter = {
  ...defaultAdapter,
  withQuantization: ([name, options], quantization, modelPath) => [
    name,
    { ...Object(options), ...(quantization && { quantization }), ...(modelPath && { modelPath }) },
  ],
  withShape: ([name, options], shape) => [name, { ...Object(options), ...shape }],
};

function choose(mode: 'enforce' | 'observe', options: object, adapter: Adapter = choosing) {
  const args = ['m', options] as const;
  return chooseCall({ adapter, args, request: adapter.readRequest(args) }, CANDIDATE, mode);
}

describe('what the SDK is called with', () => {
  it('is the quantization, the file and the context that were chosen', () => {
    const given = { quantization: 'Q5_K_M', contextSize: { min: 512, max: 4096 }, threads: 2 };
    expect(choose('enforce', given)).toEqual({
      args: ['m', { quantization: 'Q4_0', modelPath: '/chosen.gguf', contextSize: 3072, threads: 2 }],
      quantization: 'Q4_0',
      shape: { contextSize: 3072 },
    });
    expect(given).toEqual({ quantization: 'Q5_K_M', contextSize: { min: 512, max: 4096 }, threads: 2 });
  });

  it('has no shape if the SDK’s own can’t be chosen', () => {
    const { withShape: _withShape, ...fixed } = choosing;
    const { args, shape } = choose('enforce', { threads: 2 }, fixed);
    expect(args).toEqual(['m', { quantization: 'Q4_0', modelPath: '/chosen.gguf', threads: 2 }]);
    expect(shape).toEqual({});
  });
});

describe('a file whose name says no quantization', () => {
  it('is told with that of its header, for which the SDK is not asked', () => {
    const args = ['m.gguf'] as const;
    const request = choosing.readRequest(args);
    expect(chooseCall({ adapter: choosing, args, request }, { ...CANDIDATE, unnamed: true }, 'enforce')).toMatchObject({
      args: ['m.gguf', { modelPath: '/chosen.gguf' }],
      quantization: 'Q4_0',
    });
  });
});

describe('what the SDK is called with if the guard only observes', () => {
  it('is what its caller wrote', () => {
    const options = { quantization: 'Q4_0', contextSize: 1024 };
    const { args, shape } = choose('observe', options);
    expect(args).toEqual(['m', options]);
    expect(shape).toEqual({});
  });

  it('has no quantization and no file if none was asked for', () => {
    expect(choose('observe', { threads: 2 })).toEqual({
      args: ['m', { threads: 2 }],
      quantization: undefined,
      shape: {},
    });
  });

  it('has one context for a range, which only a guard understands', () => {
    const { args, shape } = choose('observe', { contextSize: { min: 512, max: 4096 } });
    expect(args).toEqual(['m', { contextSize: 4096 }]);
    expect(shape).toEqual({ contextSize: 4096 });
  });

  it('keeps the range if the SDK understands it itself', () => {
    const given = { contextSize: { min: 512, max: 4096 } };
    const { args, shape } = choose('observe', given, { ...choosing, understandsRanges: true });
    expect(args).toEqual(['m', given]);
    expect(shape).toEqual({});
  });
});
