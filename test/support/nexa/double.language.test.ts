/**
 * That a language model of the double gives the answers that one of the real libraries gives below the binding, the wrong ones too, so
 * that a binding which lets one through fails in CI. The same calls run over real libraries, see library-rows.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeLanguageModel } from '../../../tools/synthetic-model.mjs';
import { makeTinyModels, TINY, type TinyModels } from '../tiny-models.ts';
import { say } from './libraries.ts';
import {
  callLibrary,
  type LibraryAnswer,
  type LibraryCall,
  loadCall,
  type TextCall,
  textCall,
} from './library-answers.ts';
import { LIBRARY_ROWS } from './library-rows.ts';
import { orders } from './models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels({ projector: 'F16' });
  // With two layers, what a cell holds depends on all the cells before it.
  writeLanguageModel(files.path('two.gguf'), { ...TINY, layers: 2, quantization: 'F32' });
});
afterAll(() => files.remove());

const A = 'Alpha beta gamma';
const PREFIX = 'Alpha be';
const B = 'Alpha delta';
const OTHER = 'zulu';
const RESET: LibraryCall = ['reset', 'h'];

describe.each(LIBRARY_ROWS)('a language model of $row', ({ library, old, real }) => {
  function run(calls: readonly LibraryCall[], context = 512, environment = {}): readonly LibraryAnswer[] {
    return callLibrary(library, [loadCall(context, files.path('two.gguf')), ...calls], environment).answers.slice(1);
  }

  /** The last text of these calls. */
  function last(calls: readonly LibraryCall[], context?: number): LibraryAnswer {
    return run(calls, context).at(-1) as LibraryAnswer;
  }

  /** Whether the last of these calls gives the text that it gives on a fresh handle. */
  function isRight(calls: readonly LibraryCall[], context?: number): boolean {
    const fresh = last(calls.slice(-1), context);
    expect(fresh).toMatchObject({ code: 0 });
    return last(calls, context).text === fresh.text;
  }

  const answer = (prompt: string, more?: TextCall) => last([textCall(prompt, more)]).text;

  test('forgets with a reset', () => {
    expect(isRight([textCall(A), RESET, textCall(A)])).toBe(true);
  });

  test('answers wrongly if the prompt is the same or a prefix: nothing is decoded, and stale logits are drawn from', () => {
    for (const again of [A, PREFIX]) {
      expect(isRight([textCall(A), textCall(again)])).toBe(false);
      expect(last([textCall(A), textCall(again)])).toMatchObject({ code: 0, promptTokens: 0, reason: 'length' });
    }
    expect(isRight([textCall(A, { stopAfter: 3 }), textCall(A)])).toBe(false);
  });

  test('answers wrongly if it is asked something else in between: the list of tokens is never shortened', () => {
    expect(isRight([textCall(A), textCall(B), textCall(A)])).toBe(false);
    expect(last([textCall(A), textCall(B), textCall(A)]).promptTokens).toBe(0);
  });

  test('answers another prompt that begins alike rightly only in the newer generation', () => {
    expect(isRight([textCall(A), textCall(B)])).toBe(!old);
    expect(last([textCall(A), textCall(B)]).promptTokens).toBe(5);
    expect(isRight([textCall(A), textCall(OTHER)])).toBe(true);
  });

  test('goes on with a conversation that grows', () => {
    const calls = [textCall(A), textCall(`${A}${answer(A)} more`)];
    expect(isRight(calls)).toBe(true);
    expect(last(calls).promptTokens).toBe(5);
  });

  test('goes on after a stop, and from then on rightly only in the newer generation', () => {
    const stopped = textCall(A, { stopAfter: 3 });
    const second = `${A}${answer(A, { stopAfter: 3 })} more`;
    expect(isRight([stopped, textCall(second)])).toBe(true);
    // The token that stopped it is in the list and not in the cache.
    expect(last([stopped, textCall(second)]).promptTokens).toBe(5);
    const third = `${second}${answer(second)} and more`;
    expect(isRight([stopped, textCall(second), textCall(third)])).toBe(!old);
  });

  test('answers wrongly after the context was shifted, which nothing but its log says', () => {
    const long = 'x'.repeat(200);
    const shifted = textCall(long, { most: 100 });
    expect(isRight([shifted, textCall(long)], 256)).toBe(false);
    expect(isRight([shifted, textCall(OTHER)], 256)).toBe(true);
    const told = last([shifted], 256);
    expect(told).toMatchObject({ code: 0, reason: 'length', generatedTokens: 100, promptTokens: 200 });
    expect(told.log).toContainEqual([
      2,
      expect.stringMatching(/Context shifting - discarding \d+ tokens, n_keep: 4, this->n_past before: \d+, /),
    ]);
  });

  test('takes a prompt that is longer than the context, whose start it loses', () => {
    expect(last([textCall('x'.repeat(1000))], 256)).toMatchObject({ code: 0, reason: 'length', promptTokens: 1000 });
  });

  test('appends the whole prompt to a KV cache that was loaded', () => {
    const path = files.path('kv.bin');
    const grown = `${A}${answer(A)} more`;
    const restore = [textCall(A), ['save', 'h', path], RESET, ['restore', 'h', path]] as const;
    expect(last([...restore, textCall(' more')]).text).toBe(answer(grown));
    expect(isRight([...restore, textCall(grown)])).toBe(false);
    expect(last([...restore, textCall(grown)]).text).toBe(answer(`${A}${answer(A)}${grown}`));
  });

  test('forgets the list, and not the cache, if a KV cache cannot be loaded', () => {
    const restore: LibraryCall = ['restore', 'h', files.path('none.bin')];
    expect(run([restore])[0]).toMatchObject({ code: -100_000 });
    expect(isRight([textCall(A), restore, textCall(A)])).toBe(false);
    expect(run([['save', 'h', '/nowhere/kv.bin']])[0]).toMatchObject({ code: -100_000 });
  });

  test('logs what it reuses', () => {
    const lines = last([textCall(A), textCall(B)]).log.filter(([, line]) => line.includes('prefix match: '));
    const place = old ? '' : String.raw`\[plugins/llama_cpp/src/llm\.cpp:\d+:generate\] `;
    const match = [
      1,
      expect.stringMatching(`^${place}prefix match: past_prompt_tokens size: 28, prompt_len: 11, match_len: 6$`),
    ];
    const rollback = [2, expect.stringMatching(`^${place}prefix match: n_past_global rollback to: 6$`)];
    expect(lines).toEqual(old ? [rollback] : [match, rollback]);
  });

  test.skipIf(real)('rolls back if the tokenizer cuts its answer in another way', () => {
    const first = textCall(orders(say('two', 'words')));
    const second = `${first[5]}twowords more ${orders('pace=0')}`;
    const calls = [first, textCall(second)];
    expect(last(calls).log.some(([, line]) => line.includes('rollback'))).toBe(true);
    expect(isRight(calls)).toBe(!old);
    const pairs = { NEXA_DOUBLE_CREATE: 'pairs=1;debug=1' };
    const log = (prompt: string) => run([textCall(A), textCall(prompt)], 512, pairs).at(-1)?.log ?? [];
    expect(log(`${A}${run([textCall(A)], 512, pairs)[0]?.text} more`)).toContainEqual([
      1,
      expect.stringMatching(/past_prompt_tokens size: 20, prompt_len: 17, match_len: 8$/),
    ]);
  });
});
