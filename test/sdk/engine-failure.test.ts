import { describe, expect, test } from 'vitest';
import { MemoryGuardError } from '../../src/core/errors.ts';
import { explainEngineFailure, findEngineFailure, findReason } from '../../src/sdk/engine-failure.ts';

const atFile = { what: 'could not load the model "/m.gguf"', reason: 'it said nothing', atFile: true };
const elsewhere = { what: 'failed', reason: 'no thread', atFile: false };

describe('a failure at a file', () => {
  test("is the file's fault, with the line that says why in place of the engine's reason", () => {
    expect(explainEngineFailure(atFile, [])).toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: 'The engine could not load the model "/m.gguf": it said nothing.',
    });
    expect(explainEngineFailure(atFile, ['a', 'error loading model: bad magic']).message).toBe(
      'The engine could not load the model "/m.gguf": bad magic.',
    );
  });

  test.each(['failed to allocate buffer', 'insufficient memory', 'std::bad_alloc'])(
    'is not the fault of the file if memory was missing: %s',
    (line) => {
      expect(explainEngineFailure(atFile, ['error loading model: x', line]).code).toBe('ERR_RUNTIME');
      expect(explainEngineFailure(atFile, ['error loading model: x']).code).toBe('ERR_MODEL_FILE');
    },
  );
});

describe('another failure', () => {
  test("has the engine's reason, and its line beside it if that says more", () => {
    expect(explainEngineFailure(elsewhere, [])).toMatchObject({
      code: 'ERR_RUNTIME',
      message: 'The engine failed: no thread.',
    });
    expect(explainEngineFailure(elsewhere, ['no thread']).message).toBe('The engine failed: no thread.');
    expect(explainEngineFailure(elsewhere, ['a line']).message).toBe('The engine failed: no thread (a line).');
  });

  test('keeps its cause', () => {
    const cause = new Error('mine');
    expect(explainEngineFailure(elsewhere, [], cause).cause).toBe(cause);
  });
});

test('an error keeps what it is about, where no program sees it, and another one has nothing', () => {
  const error = explainEngineFailure(atFile, []);
  expect(findEngineFailure(error)).toBe(atFile);
  expect(Object.keys(error)).not.toContain('failure');
  for (const other of [new MemoryGuardError('ERR_RUNTIME', 'x'), 'text', undefined, null]) {
    expect(findEngineFailure(other)).toBeUndefined();
  }
});

test('the line that says why comes before others, and an empty one says nothing', () => {
  expect(findReason(['', 'a', 'x: error loading model: b'])).toBe('b');
  expect(findReason(['', 'a', 'b'])).toBe('a');
  expect(findReason(['', 'a', 'failed to allocate buffer', 'b'])).toBe('failed to allocate buffer');
  expect(findReason(['bad_alloc', 'error loading model: b'])).toBe('b');
  expect(findReason([''])).toBeUndefined();
});
