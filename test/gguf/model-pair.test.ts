/** A model and its projector are told apart, and swapped ones refused. */
import { describe, expect, test } from 'vitest';
import { isProjector, refuseSwappedFiles } from '../../src/gguf/model-pair.ts';
import type { GgufFile } from '../../src/gguf/read-gguf.ts';

const file = (path: string, architecture: string, type?: string) => ({ path, architecture, type }) as GgufFile;
const model = file('model.gguf', 'qwen2', 'model');
const projector = file('mmproj.gguf', 'clip', 'mmproj');

describe('a projector', () => {
  test('is told by its type or by its architecture', () => {
    expect([projector, file('p', 'clip'), file('p', 'qwen2', 'mmproj')].map(isProjector)).toEqual([true, true, true]);
  });

  test('is not seen in a model or in an adapter', () => {
    expect([model, file('m', 'qwen2'), file('m', 'llama', 'adapter')].map(isProjector)).toEqual([false, false, false]);
  });
});

describe('a pair of files', () => {
  test('is accepted in its order, and a model alone', () => {
    refuseSwappedFiles(model, projector);
    refuseSwappedFiles(model, undefined);
  });

  test('is refused if the projector stands in place of the model', () => {
    expect(() => refuseSwappedFiles(projector, model)).toThrow(
      "Expected 'mmproj.gguf' to be a model, found a projector; pass it as `projectorPath`.",
    );
  });

  test('is refused if a second model stands in place of the projector', () => {
    expect(() => refuseSwappedFiles(model, file('other.gguf', 'llama'))).toThrow(
      'Expected \'other.gguf\' to be a projector, found a model of architecture "llama"; pass its mmproj file.',
    );
  });
});
