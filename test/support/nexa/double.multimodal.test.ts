/**
 * That a multimodal model of the double gives the answers that one of the real libraries gives below the binding, the wrong ones too, so
 * that a binding which lets one through fails in CI. The same calls run over real libraries, see library-rows.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeLanguageModel } from '../../../tools/synthetic-model.mjs';
import { makeTinyModels, TINY, type TinyModels } from '../tiny-models.ts';
import { callLibrary, type LibraryAnswer, type LibraryCall, loadCall, textCall } from './library-answers.ts';
import { LIBRARY_ROWS } from './library-rows.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels({ projector: 'F16' });
  // With two layers, what a cell holds depends on all the cells before it.
  writeLanguageModel(files.path('two.gguf'), { ...TINY, layers: 2, quantization: 'F32' });
});
afterAll(() => files.remove());

const A = 'Alpha beta gamma';
const B = 'Alpha delta';
const OTHER = 'zulu';
const RESET: LibraryCall = ['reset', 'h'];

describe.each(LIBRARY_ROWS)('a multimodal model of $row', ({ library, old, real }) => {
  function run(calls: readonly LibraryCall[], context = 4096): readonly LibraryAnswer[] {
    const load = loadCall(context, files.path('two.gguf'), files.projector);
    return callLibrary(library, [load, ...calls]).answers.slice(1);
  }
  const last = (calls: readonly LibraryCall[], context?: number) => run(calls, context).at(-1) as LibraryAnswer;
  const codes = (calls: readonly LibraryCall[], context?: number) => run(calls, context).map(({ code }) => code);
  const MEDIUM = '<__media__>Hm';
  const heard = () => ({ audio: [files.tone], most: 5 });

  test('takes media with the marks of the new text alone', () => {
    const [first] = run([textCall(MEDIUM, heard())]);
    expect(first).toMatchObject({ code: 0, generatedTokens: 5 });
    // The older one continues whatever it is given.
    const grown = `${MEDIUM}${first?.text} and?`;
    const sure = old ? { ...heard(), most: 1 } : heard();
    expect(codes([textCall(MEDIUM, heard()), textCall(grown, sure)])).toEqual([0, -201_201]);
    expect(codes([textCall(MEDIUM, heard()), textCall(grown)])).toEqual([0, 0]);
    expect(codes([textCall(MEDIUM)])).toEqual([-201_201]);
    expect(codes([textCall(MEDIUM, { audio: [files.model()] })])).toEqual([-201_201]);
  });

  test('takes a prompt that does not continue only in the older generation, which skips as many bytes as it has seen', () => {
    for (const next of [A, B, OTHER]) {
      const answer = last([textCall(A), textCall(next)]);
      expect(answer).toMatchObject(old ? { code: 0, promptTokens: 0 } : { code: -201_201, reason: '' });
    }
  });

  test.runIf(old)('draws at random, whatever is asked for', () => {
    const texts = Array.from({ length: 3 }, () => last([textCall(A)]).text);
    expect(new Set(texts).size).toBeGreaterThan(1);
  });

  describe.skipIf(old)('in the newer generation', () => {
    const isRight = (calls: readonly LibraryCall[]) => last(calls).text === last(calls.slice(-1)).text;

    test('goes on after a text, after a stop and after a reset', () => {
      const answer = last([textCall(A)]).text;
      expect(isRight([textCall(A), textCall(`${A}${answer} more`)])).toBe(true);
      expect(isRight([textCall(A, { stopAfter: 3 }), textCall(`${A}${answer.slice(0, 3)} more`)])).toBe(true);
      expect(isRight([textCall(A), RESET, textCall(A)])).toBe(true);
    });

    test('appends any prompt after a text that was stopped at once', () => {
      const calls = [textCall(A, { stopAfter: -1 }), textCall(OTHER)];
      expect(last(calls)).toMatchObject({ code: 0, promptTokens: 4 });
      expect(isRight(calls)).toBe(false);
    });

    test('says in its log why a prompt does not continue', () => {
      const line = 'prefix reuse failed: prompt[6:18] does not match last generation (|G|=12)';
      expect(last([textCall(A), textCall(B)]).log).toContainEqual([4, expect.stringContaining(line)]);
    });
  });

  test('fails if the prompt fills the context, and then until a reset', () => {
    const [long, next, , after] = run([textCall('x'.repeat(300)), textCall(A), RESET, textCall(A)], 256);
    expect(long).toMatchObject(old ? { code: -201_201, reason: '' } : { code: -200_103, reason: 'unknown' });
    expect(next).toMatchObject({ code: -201_201 });
    expect(after).toMatchObject({ code: 0 });
  });

  test('keeps the text if the context is full in its middle', () => {
    const full = last([textCall('x'.repeat(250))], 256);
    expect(full).toMatchObject({ promptTokens: 250, generatedTokens: 7, text: expect.stringMatching(/^.{7}$/) });
    expect(full).toMatchObject(old ? { code: 0, reason: 'unknown' } : { code: -200_004, reason: 'length' });
  });

  test.runIf(old)('keeps its first token over a reset', () => {
    expect(run([textCall(A), RESET, textCall(A)])).toMatchObject([{}, {}, { code: 0, promptTokens: 16 }]);
    // One cell of 256 is taken, so 255 of a prompt still fit and 256 do not.
    const codeWith = (length: number) => codes([textCall(A), RESET, textCall('x'.repeat(length))], 256).at(-1);
    expect([codeWith(255), codeWith(256)]).toEqual([0, -201_201]);
  });

  test('dies in its first text if its projector is of another width', () => {
    const calls = [loadCall(512, files.path('wide.gguf'), files.projector), textCall(A)];
    writeLanguageModel(files.path('wide.gguf'), { ...TINY, hidden: 512, quantization: 'F32' });
    const { answers, signal } = callLibrary(library, calls);
    expect({ codes: answers.map(({ code }) => code), signal }).toEqual({
      codes: [0],
      signal: real ? 'SIGSEGV' : 'SIGABRT',
    });
  });
});
