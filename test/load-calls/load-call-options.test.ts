import { expect, it } from 'vitest';
import { readLoadCall } from '../../src/load-calls/load-call-options.ts';

const load = () => ({});

it('names a load by what it was told, else by its file', () => {
  expect(readLoadCall({ name: 'm', footprint: 1 }, load).options.name).toBe('m');
  expect(readLoadCall({ modelPath: '/models/m-Q4_0.gguf' }, load).options.name).toBe('m-Q4_0.gguf');
});

const LEAST = { name: 'm', footprint: 1 };

it.each([
  [undefined, 'Expected `name` to be a text that names the model, got undefined.'],
  [{ footprint: 1 }, 'Expected `name` to be a text that names the model, got undefined.'],
  [{ ...LEAST, footprints: 1 }, 'Unknown option `footprints` of `load`; did you mean `footprint`?'],
  [
    { ...LEAST, footprint: -1 },
    'Expected `footprint` to be bytes >= 0, or { mappedBytes, anonymousBytes }, got -1 (number).',
  ],
  [{ ...LEAST, dispose: 1 }, 'Expected `dispose` to be a function, got 1 (number).'],
  [{ ...LEAST, isInference: 'run' }, "Expected `isInference` to be a function, got 'run' (string)."],
  [{ ...LEAST, keepAliveMs: 0 }, 'Expected `keepAliveMs` to be a whole number from 1 to 2147483647, got 0 (number).'],
  [{ ...LEAST, modelPath: 5 }, 'Expected `modelPath` to be a path, got 5 (number).'],
  [
    { name: 'm', candidates: 'q8' },
    "Expected `candidates` to be a list of candidates, the best first, got 'q8' (string).",
  ],
  [{ name: 'm', candidates: [] }, 'Expected `candidates` to be a list with at least one candidate, got [] (object).'],
  [{ name: 'm', candidates: [5] }, 'Expected `candidates[0]` to be an object, got 5 (number).'],
  [
    { name: 'm', candidates: [{ footprint: 1 }, { footprint: 'x' }] },
    "Expected `candidates[1].footprint` to be bytes >= 0, or { mappedBytes, anonymousBytes }, got 'x' (string).",
  ],
  [
    { name: 'm', candidates: [{ quantization: 8 }] },
    'Expected `candidates[0].quantization` to be a text that is not empty and has no NUL in it, got 8 (number).',
  ],
  [{ name: 'm', candidates: [{ modelPath: 8 }] }, 'Expected `candidates[0].modelPath` to be a path, got 8 (number).'],
  [
    { name: 'm', candidates: [{ projectorPath: 8 }] },
    'Expected `candidates[0].projectorPath` to be a path, got 8 (number).',
  ],
  [
    { name: 'm', candidates: [{ quantization: 'q8' }, { quantization: 'q8' }] },
    "Expected each of `candidates` to have a `quantization` of its own, found 'q8' in two; name each by another one.",
  ],
  [
    { name: 'm', candidates: [{ footprint: 1 }, { footprint: 2 }] },
    'Expected each of `candidates` to have a `quantization` of its own, found two without one; name each by another one.',
  ],
  [
    { ...LEAST, candidates: [{ footprint: 1 }] },
    'Expected `footprint` to stand in each of `candidates`, found both beside each other; leave out one of them.',
  ],
  [
    { modelPath: 'm.gguf', candidates: [{ footprint: 1 }] },
    'Expected `modelPath` to stand in each of `candidates`, found both beside each other; leave out one of them.',
  ],
  [{ ...LEAST, estimate: 5 }, 'Expected `estimate` to be an object, got 5 (number).'],
  [{ ...LEAST, estimate: { contextSize: 5 } }, 'Expected `estimate.contextSize` to be absent there, got 5 (number).'],
  [
    { ...LEAST, estimate: { engine: 'llama' } },
    "Expected `estimate.engine` to be @fugood/llama.node, node-llama-cpp, or { libraries, backends? }, got 'llama' (string).",
  ],
])('refuses %j', (options, message) => {
  expect(() => readLoadCall(options, load)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', message }));
});

it('refuses what is no call', () => {
  expect(() => readLoadCall(LEAST, undefined)).toThrow('Expected `load` to be a function, got undefined.');
});
