import { describe, expect, test } from 'vitest';
import { readModelName } from '../../src/model-files/model-name.ts';
import {
  missingQuantization,
  missingSibling,
  noModel,
  unknownModel,
  unknownRepository,
} from '../../src/model-files/resolve-errors.ts';

const found = (...files: string[]) => files.map((file) => ({ ...readModelName(file)!, path: `/models/${file}` }));

describe('a model that is not found', () => {
  test('is one whose name means none: the known ones are named', () => {
    expect(noModel('llama3')).toMatchObject({
      code: 'ERR_UNKNOWN_MODEL',
      message: expect.stringContaining(
        "a known model (qwen2audio) or the path of a .gguf file, got 'llama3' (string);",
      ),
    });
  });

  test('is said with the folders and at most six files that lie there', () => {
    const seven = Array.from({ length: 7 }, (_, index) => `m${index}.gguf`);
    expect(unknownModel('qwen2audio', ['/a', '/b'], found(...seven.slice(1))).message).toContain(
      `in "/a", "/b"; there lie "m1.gguf", "m2.gguf", "m3.gguf", "m4.gguf", "m5.gguf", "m6.gguf". Put`,
    );
    expect(unknownModel('qwen2audio', ['/a'], found(...seven)).message).toContain('"m5.gguf" and 1 more.');
    expect(unknownModel('qwen2audio', ['/a'], []).message).toContain('there is no .gguf file at all.');
  });

  test('is said with the commands that pull it if it is a repository', () => {
    expect(unknownRepository('a/b', ['/a'])).toMatchObject({
      code: 'ERR_UNKNOWN_MODEL',
      message: expect.stringContaining('`nexa pull a/b` or `geniex pull a/b`'),
    });
  });
});

describe('a quantization that is not found', () => {
  test('of a known model is said with the files that are there', () => {
    expect(missingQuantization('qwen2audio', 'Q4_0', ['/a/q.gguf'])).toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: `Expected a file of 'qwen2audio' in Q4_0, such as "qwen2audio-Q4_0.gguf"; found only "/a/q.gguf".`,
    });
  });

  test('beside a path is said with the name that it would have', () => {
    expect(missingSibling('/a/m-q5_k_m.gguf', 'Q4_0', [])).toMatchObject({
      code: 'ERR_MODEL_FILE',
      message:
        'Expected "/a/m-Q4_0.gguf" beside the model, or the same name in other letters; found nothing beside it.',
    });
  });

  test('beside a path that names none is another error', () => {
    expect(missingSibling('/a/m.gguf', 'Q4_0', [])).toMatchObject({ code: 'ERR_UNKNOWN_QUANTIZATION' });
  });
});
