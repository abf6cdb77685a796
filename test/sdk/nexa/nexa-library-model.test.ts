/** One model of the SDK's library on its test double: broken bytes, stop texts, failures, callbacks from odd states. */
import { describe, expect, test } from 'vitest';
import { LAYOUTS, type NexaBinding } from '../../../src/addon/nexa-binding.ts';
import { openLibrary } from '../../../src/sdk/nexa/nexa-runtime.ts';
import { readLoadOptions } from '../../../src/sdk/read-sdk-options.ts';
import { say } from '../../support/nexa/libraries.ts';
import { orders, pieces, useDouble } from '../../support/nexa/models.ts';

const subject = useDouble();

describe('bytes', () => {
  test('of a character that tokens cut apart come as one piece', async () => {
    const model = await subject.load();
    const heard = await pieces(model, orders(say('a', [0xe2], [0x82], [0xac], 'b')));
    expect(heard).toEqual(['a', '€', 'b']);
    expect(model.lastResult).toMatchObject({ text: 'a€b', finishReason: 'end', generatedTokens: 5 });
  });

  test('that are no UTF-8 never break the stream', async () => {
    const model = await subject.load();
    const broken = orders(say('a', [0xff], [0xc3], 'b', [0xf0, 0x9f]));
    expect((await pieces(model, broken)).join('')).toBe('a\ufffd\ufffdb\ufffd');
    expect((await pieces(model, orders(say('fine')))).join('')).toBe('fine');
  });
});

describe('a stop text', () => {
  test.each([
    [['ab', 'c', 'de'], 'bcd', 'a', 3],
    [['a', 'b', 'c'], 'c', 'ab', 3],
    [['aa', 'ab'], 'aab', 'a', 2],
    [['abc', 'abd'], 'abd', 'abc', 2],
    [['x€', 'y'], '€y', 'x', 2],
    [['stop here'], 'stop', '', 1],
  ])('ends %j at %j wherever tokens are cut', async (tokens, stop, text, generatedTokens) => {
    const model = await subject.load();
    expect((await pieces(model, orders(say(...tokens, 'never')), { stop })).join('')).toBe(text);
    expect(model.lastResult).toMatchObject({ text, finishReason: 'stop', generatedTokens });
  });

  test('may be one of several, and the first to come counts', async () => {
    const model = await subject.load();
    const said = orders(say('one ', 'two ', 'three'));
    expect((await pieces(model, said, { stop: ['three', 'o t'] })).join('')).toBe('one tw');
    expect((await pieces(model, said, { stop: ['e', 'one'] })).join('')).toBe('');
  });

  test('that never comes holds nothing back in the end', async () => {
    const model = await subject.load();
    expect((await pieces(model, orders(say('ab', 'cd', 'ab')), { stop: ['abx', 'cdab!'] })).join('')).toBe('abcdab');
    expect(model.lastResult?.finishReason).toBe('end');
  });
});

test.each([true, false])(
  'a prompt that is far too long is refused before the library reads it (raw: %s)',
  async (raw) => {
    const model = await subject.load();
    await expect(pieces(model, 'x'.repeat(200_000), { raw })).rejects.toMatchObject({
      code: 'ERR_CONTEXT_FULL',
      message: expect.stringContaining('at least'),
    });
    expect(model.lastResult).toBeUndefined();
  },
);

describe('a failure of the library', () => {
  test.each(LAYOUTS)('is told with its reason, and the next text works (%s)', async (layout) => {
    const model = await subject.load({ layout });
    const failing = pieces(model, orders(say('a', 'b'), 'fail=-100003'));
    await expect(failing).rejects.toMatchObject({
      code: 'ERR_RUNTIME',
      message: expect.stringMatching(
        /^The library failed: Memory allocation failed \(\w+_llm_generate gave -100003\)\.$/,
      ),
    });
    await expect(pieces(model, orders('throw=1'))).rejects.toThrow(/it threw an exception \(\w+_llm_generate\)\.$/);
    expect((await pieces(model, orders(say('fine')))).join('')).toBe('fine');
  });

  test('of the chat template is told too', async () => {
    const model = await subject.load();
    await expect(pieces(model, '<<double template')).rejects.toThrow(
      'The library failed: Unknown error (geniex_llm_apply_chat_template gave -200001).',
    );
  });

  test.each([
    ['none', 'end', 3],
    ['unheard', 'end', 3],
    ['stop_sequence', 'stop', 3],
    ['none', 'length', 2],
  ])('to give a reason (%s) leaves the most likely one: %s', async (reason, finishReason, maxTokens) => {
    const model = await subject.load();
    await pieces(model, orders(say('a', 'b'), `reason=${reason}`), { maxTokens });
    expect(model.lastResult?.finishReason).toBe(finishReason);
  });

  test('to give the whole text changes nothing', async () => {
    const model = await subject.load();
    expect((await pieces(model, orders(say('a', 'b'), 'notext=1'))).join('')).toBe('ab');
  });
});

describe('a callback from an odd state', () => {
  test.each(['null', 'again', 'thread', 'late', 'beside'])('(%s) does no harm', async (odd) => {
    const model = await subject.load();
    expect((await pieces(model, orders(say('a', 'b', 'c'), `odd=${odd}`))).join('')).toBe('abc');
    expect((await pieces(model, orders(say('a', 'b', 'c'), `odd=${odd}`), { stop: 'b' })).join('')).toBe('a');
    // The late one comes now.
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect((await pieces(model, orders(say('fine')))).join('')).toBe('fine');
  });

  test('of the log from other threads in the middle of a text does no harm', async () => {
    const model = await subject.load();
    expect((await pieces(model, orders(say('a', 'b'), 'logs=500'))).join('')).toBe('ab');
  });
});

test('an addon that fails in another way passes its error on', async () => {
  const nexa = {
    open: async () => ({ library: {}, version: 'v0.5.0', layout: 'geniex-0.5' }),
    leave() {},
  } as unknown as NexaBinding;
  const failing = { ...nexa, load: async () => ({ model: {}, asked: true, audio: false, vision: false }) };
  const generate = () => Promise.reject(new Error('This environment is ending.'));
  const runtime = await openLibrary({ ...failing, generate } as unknown as NexaBinding, '/x', {});
  const model = await runtime.load({ ...readLoadOptions({}), modelPath: subject.files.model() });
  await expect(model.generate({ prompt: 'p', audioPaths: [], maxTokens: 1, stop: [] }, () => {})).rejects.toThrow(
    'This environment is ending.',
  );
});
