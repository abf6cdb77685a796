import { describe, expect, test } from 'vitest';
import {
  type ChatTurn,
  checkMessages,
  checkTools,
  listPaths,
  makeTurn,
  printTools,
  readTurns,
  replacePaths,
} from '../../src/sdk/chat-messages.ts';

const turns: readonly ChatTurn[] = [
  {
    role: 'user',
    parts: [
      { type: 'audio', path: 'one.wav' },
      { type: 'text', text: 'And' },
      { type: 'image', path: 'a.png' },
    ],
  },
  { role: 'user', parts: [{ type: 'audio', path: 'two.wav' }] },
];

describe('messages', () => {
  test.each([
    [[{ role: 'user', content: 'Hi' }]],
    [[{ role: 'tool', content: '' }]],
    [turns.map(({ role, parts }) => ({ role, content: parts }))],
  ])('are accepted as they are: %j', (messages) => {
    expect(checkMessages(messages, 'messages')).toBe(messages);
  });

  test.each([
    [undefined],
    ['Hi'],
    [[]],
    [['Hi']],
    [[null]],
    [[{ role: 'user' }]],
    [[{ role: ' ', content: 'x' }]],
    [[{ role: 'us\0er', content: 'x' }]],
    [[{ role: 'user', content: 'a\0b' }]],
    [[{ role: 'user', content: [] }]],
    [[{ role: 'user', content: ['x'] }]],
    [[{ role: 'user', content: [{ type: 'text', text: 'a\0b' }] }]],
    [[{ role: 'user', content: [{ type: 'video', path: 'x' }] }]],
    [[{ role: 'user', content: [{ type: 'audio', path: '' }] }]],
    [
      [
        { role: 'user', content: 'x' },
        { role: null, content: 'x' },
      ],
    ],
  ])('are refused if they are not any: %j', (messages) => {
    expect(() => checkMessages(messages, 'messages')).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_OPTION',
        message: expect.stringMatching(/^Expected `messages` to be a list of messages \{ role, content \}/),
      }),
    );
  });

  test('become turns with a list of parts each', () => {
    expect(readTurns([{ role: 'system', content: 'Be brief.' }])).toEqual([
      { role: 'system', parts: [{ type: 'text', text: 'Be brief.' }] },
    ]);
    expect(readTurns([{ role: 'user', content: turns[0]!.parts }])).toEqual([turns[0]]);
  });
});

describe('tools', () => {
  test('may be nested 128 levels deep, as JSON and as objects', () => {
    const nest = (levels: number) => `[{"a":${'['.repeat(levels - 2)}${']'.repeat(levels - 2)}}]`;
    const sentence = 'Expected `tools` to be a list of tools in at most 128 levels of arrays and objects';
    expect(checkTools(nest(128), 'tools')).toBe(nest(128));
    expect(() => checkTools(nest(129), 'tools')).toThrow(sentence);
    expect(() => checkTools(JSON.parse(nest(129)), 'tools')).toThrow(sentence);
    const circular: object[] = [{}];
    Object.assign(circular[0]!, { circular });
    expect(() => checkTools(circular, 'tools')).toThrow('Expected `tools` to be a list of tools, or the same as JSON');
  });

  test.each([[[{ type: 'function' }]], ['[{}]']])('are a list of objects, or the same as JSON: %j', (tools) => {
    expect(checkTools(tools, 'tools')).toBe(tools);
  });

  test.each([[[]], ['[]'], ['{}'], ['['], ['[1]'], [[1]], [{}], [undefined], ['[{"a":"\0"}]']])(
    'are refused if they are not any: %j',
    (tools) => {
      expect(() => checkTools(tools, 'tools')).toThrow('Expected `tools` to be a list of tools, or the same as JSON');
    },
  );

  test('are given to templates as JSON', () => {
    expect(printTools([{ type: 'function' }])).toBe('[{"type":"function"}]');
    expect(printTools('[{}]')).toBe('[{}]');
    expect(printTools(undefined)).toBeUndefined();
  });
});

describe('a conversation', () => {
  test('has its paths in order, by kind', () => {
    expect(listPaths(turns, 'audio')).toEqual(['one.wav', 'two.wav']);
    expect(listPaths(turns, 'image')).toEqual(['a.png']);
  });

  test('is the same with other paths, and is itself left alone', () => {
    const replaced = replacePaths(turns, (path) => `/${path}`);
    expect(listPaths(replaced, 'audio')).toEqual(['/one.wav', '/two.wav']);
    expect(replaced[0]?.parts[1]).toEqual({ type: 'text', text: 'And' });
    expect(listPaths(turns, 'audio')).toEqual(['one.wav', 'two.wav']);
  });

  test('of a prompt is one message of a user, its media first', () => {
    expect(makeTurn('What?', [{ type: 'audio', path: 'one.wav' }])).toEqual({
      role: 'user',
      parts: [
        { type: 'audio', path: 'one.wav' },
        { type: 'text', text: 'What?' },
      ],
    });
  });
});
