import { expect, it } from 'vitest';
import { MemoryGuardError } from '../../src/core/errors.ts';
import { checkGivenArguments, readSpawnCall } from '../../src/spawn/spawn-options.ts';

const LEAST = { footprint: '1 MiB' };
const FILE = { modelPath: '/models/a.gguf' };

function findSentence(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(MemoryGuardError);
    expect((error as MemoryGuardError).code).toBe('ERR_INVALID_OPTION');
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

it('a program is named by its command, and has ten seconds to end', () => {
  const call = readSpawnCall('llama-server', ['-m', 'a'], LEAST);
  expect(call).toMatchObject({ command: 'llama-server', args: ['-m', 'a'], chosen: {} });
  expect(call.options).toMatchObject({ name: 'llama-server', stopTimeoutMs: 10_000, footprint: '1 MiB' });
  expect(call.options).not.toHaveProperty('contextSize');
});

it('a list of arguments is copied, and the context of the file is then the usual one', () => {
  const args = ['-m', 'a'];
  const call = readSpawnCall('a', args, FILE);
  args.push('more');
  expect(call.args).toEqual(['-m', 'a']);
  expect(call.options.contextSize).toBe(4096);
  expect(call.chosen).toEqual({ modelPath: FILE.modelPath });
});

it('a function of arguments leaves the context to the guard, and a given one stands', () => {
  const args = () => [];
  expect(readSpawnCall('a', args, FILE).options).not.toHaveProperty('contextSize');
  expect(readSpawnCall('a', args, FILE).args).toBe(args);
  const contextSize = { min: 1024, max: 2048 };
  expect(readSpawnCall('a', args, { ...FILE, contextSize }).options.contextSize).toBe(contextSize);
  expect(readSpawnCall('a', [], { ...FILE, contextSize: 512 }).options.contextSize).toBe(512);
});

it.each([['pipe'], ['inherit'], [['ignore', 'pipe', 3]]])('stdio is taken as %j', (stdio) => {
  expect(readSpawnCall('a', [], { ...LEAST, stdio }).options.stdio).toEqual(stdio);
});

it.each<[what: string, options: object, sentence: string]>([
  [
    'no need',
    {},
    '`spawn` was told neither `footprint` nor `modelPath`; pass what the program needs, or the GGUF file that it loads.',
  ],
  [
    'a misspelt option',
    { ...LEAST, keepAlive: 1 },
    'Unknown option `keepAlive` of `spawn`; did you mean `keepAliveMs`?',
  ],
  [
    'an empty name',
    { ...LEAST, name: '' },
    "Expected `name` to be a text that is not empty and has no NUL in it, got '' (string).",
  ],
  [
    'an environment that is none',
    { ...LEAST, env: 'PATH=/bin' },
    "Expected `env` to be an object of texts, got 'PATH=/bin' (string).",
  ],
  [
    'an idle time of none',
    { ...LEAST, keepAliveMs: 0 },
    'Expected `keepAliveMs` to be a whole number from 1 to 2147483647, got 0 (number).',
  ],
  [
    'a time to end before now',
    { ...LEAST, stopTimeoutMs: -1 },
    'Expected `stopTimeoutMs` to be a whole number from 0 to 2147483647, got -1 (number).',
  ],
  [
    'another thing after a kill',
    { ...LEAST, onKilled: 'cry' },
    "Expected `onKilled` to be 'fail', 'reload' or 'reload-smaller', got 'cry' (string).",
  ],
  [
    'another containment',
    { ...LEAST, containment: true },
    "Expected `containment` to be 'auto' or 'off', got true (boolean).",
  ],
  ['a ready that is no function', { ...LEAST, ready: 8080 }, 'Expected `ready` to be a function, got 8080 (number).'],
  [
    'a channel',
    { ...LEAST, stdio: ['ipc'] },
    "Expected `stdio` to be 'inherit', 'ignore', 'pipe' or a list of them and of descriptors, got [ 'ipc' ] (object).",
  ],
  [
    'a stdio of another word',
    { ...LEAST, stdio: 'none' },
    "Expected `stdio` to be 'inherit', 'ignore', 'pipe' or a list of them and of descriptors, got 'none' (string).",
  ],
  [
    'a need that is none',
    { footprint: 'much' },
    "Expected `footprint` to be bytes >= 0, or { mappedBytes, anonymousBytes }, got 'much' (string).",
  ],
  [
    'half of a need',
    { footprint: { mappedBytes: 1 } },
    'Expected `footprint` to be bytes >= 0, or { mappedBytes, anonymousBytes }, got { mappedBytes: 1 } (object).',
  ],
  [
    'a wait of a text',
    { ...LEAST, wait: 'long' },
    "Expected `wait` to be true, false or { timeoutMs }, got 'long' (string).",
  ],
  [
    'a range that the program is not told',
    { ...FILE, contextSize: { min: 1, max: 2 } },
    'Expected `contextSize` to be a number if `args` is a list: only a function hears which one was chosen, got { min: 1, max: 2 } (object).',
  ],
])('%s is refused in one sentence', (_what, options, sentence) => {
  expect(findSentence(() => readSpawnCall('a', [], options))).toMatch(startsAs(sentence));
});

it.each<[what: string, command: unknown, args: unknown, sentence: string]>([
  [
    'no command',
    undefined,
    [],
    'Expected `command` to be a text that is not empty and has no NUL in it, got undefined.',
  ],
  [
    'no arguments',
    'a',
    undefined,
    'Expected `args` to be a list of texts, or a function that gives one, got undefined.',
  ],
  [
    'a number among the arguments',
    'a',
    ['-c', 512],
    "Expected `args` to be a list of texts, or a function that gives one, got [ '-c', 512 ] (object).",
  ],
  [
    'an argument that the system would cut',
    'a',
    ['-m\0x'],
    'Expected `args` to be a list of texts, or a function that gives one',
  ],
])('%s is refused in one sentence', (_what, command, args, sentence) => {
  expect(findSentence(() => readSpawnCall(command, args, LEAST))).toMatch(startsAs(sentence));
});

it('what a function gives is a list of texts, or is refused', () => {
  expect(checkGivenArguments(['-c', '512'])).toEqual(['-c', '512']);
  expect(findSentence(() => checkGivenArguments('-c 512'))).toBe(
    "Expected `args` to be a function that gives a list of texts, got '-c 512' (string).",
  );
});

function startsAs(sentence: string): RegExp {
  return new RegExp(`^${sentence.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`);
}
