import { deserialize, serialize } from 'node:v8';
import { describe, expect, test } from 'vitest';
import { MemoryGuardError } from '../../../src/core/errors.ts';
import { explainEngineFailure } from '../../../src/sdk/engine-failure.ts';
import { receiveError, sendError } from '../../../src/sdk/isolation/sent-error.ts';

/** As the channel does it. */
const travel = (error: unknown, lines: readonly string[] = []) =>
  receiveError(deserialize(serialize(sendError(error))), lines);

describe('an error that travels', () => {
  test('is the same error, with its cause', () => {
    const cause = new TypeError('deep');
    const error = travel(new MemoryGuardError('ERR_CONTEXT_FULL', 'Too long.', { cause }));
    expect(error).toBeInstanceOf(MemoryGuardError);
    expect(error).toMatchObject({ code: 'ERR_CONTEXT_FULL', message: 'Too long.' });
    expect(error.cause).toMatchObject({ name: 'TypeError', message: 'deep' });
    expect(error.cause).toBeInstanceOf(Error);
  });

  test('has no cause if there was none', () => {
    expect(travel(new MemoryGuardError('ERR_RUNTIME', 'x')).cause).toBeUndefined();
  });

  test('of an engine is explained by the lines that came meanwhile', () => {
    const failure = { what: 'could not load the model "/m"', reason: 'no reason', atFile: true };
    const error = travel(explainEngineFailure(failure, [], new Error('inner')), ['error loading model: bad magic']);
    expect(error).toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: 'The engine could not load the model "/m": bad magic.',
      cause: { message: 'inner' },
    });
  });

  test.each([
    [new TypeError('a fault'), 'TypeError: a fault'],
    [Object.assign(new Error('no file'), { code: 'ENOENT' }), 'Error: no file'],
    [new MemoryGuardError('ERR_LEDGER', 'not of a runtime'), 'MemoryGuardError: not of a runtime'],
    ['text', 'Error: text'],
    [undefined, 'Error: undefined'],
    [{ code: 7 }, 'Error: { code: 7 } (object)'],
    [{ message: 'no room' }, 'Error: no room'],
    [Object.assign(new Error('odd'), { code: 5 }), 'Error: odd'],
  ])('and is none that a runtime rejects with is an error of the process: %j', (error, told) => {
    expect(travel(error)).toMatchObject({ code: 'ERR_RUNTIME', message: `The process of the model failed: ${told}` });
  });

  test('may have a cause that is no error', () => {
    expect(travel(new MemoryGuardError('ERR_RUNTIME', 'x', { cause: 'text' })).cause).toMatchObject({
      name: 'Error',
      message: 'text',
    });
  });
});
