import { describe, expect, it } from 'vitest';
import { checkArguments, nearestWord, parseWords, usageError } from '../../src/cli/arguments.ts';
import type { CommandArguments, OptionSpecs } from '../../src/cli/command.ts';
import { typedNumber } from '../../src/cli/option-checks.ts';
import { MemoryGuardError } from '../../src/core/errors.ts';
import { flag, path, text, wholeNumber } from '../../src/core/validate.ts';

const OPTIONS = {
  context: { value: 'n', check: typedNumber(wholeNumber(1)), help: '' },
  audio: { value: 'file', repeatable: true, check: path, help: '' },
  prompt: { value: 'text', check: text, help: '' },
  force: { check: flag, help: '' },
} satisfies OptionSpecs;

const COMMAND = { name: 'load', takes: ['model'], options: OPTIONS };

const read = (...words: string[]) => checkArguments(parseWords(words, COMMAND), COMMAND);

function refusalOf(...words: string[]): string {
  try {
    read(...words);
  } catch (error) {
    expect(error).toBeInstanceOf(MemoryGuardError);
    expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION' });
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

describe('the words after a command', () => {
  it('are positional arguments and options, each with the value that its check returns', () => {
    expect(read('m', '--context', '512', '--audio', 'a', '--audio=b', '--force', '--json')).toEqual({
      positionals: ['m'],
      options: { context: 512, audio: ['a', 'b'], force: true },
      json: true,
    });
    expect(read('m')).toEqual({ positionals: ['m'], options: {}, json: false });
  });

  it('have the types of the checks', () => {
    const { options }: CommandArguments<typeof OPTIONS> = read('m');
    const context: number | undefined = options.context;
    const audio: readonly string[] | undefined = options.audio;
    // @ts-expect-error a number is no text
    const wrong: string | undefined = options.context;
    // @ts-expect-error there is no such option
    const missing: unknown = options.contexts;
    expect([context, audio, wrong, missing]).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('take the last of several values of an option that may be given once', () => {
    expect(read('m', '--context', '1', '--context', '2').options).toEqual({ context: 2 });
  });

  it('are positional after `--`, whatever they begin with', () => {
    expect(read('--', '--context').positionals).toEqual(['--context']);
  });

  it('may ask for help before anything is checked', () => {
    expect(parseWords(['--help', '--context', 'many'], COMMAND).given.has('help')).toBe(true);
    expect(parseWords(['--', '--help'], COMMAND).given.has('help')).toBe(false);
  });
});

describe('what is not understood is refused in one sentence', () => {
  it.each([
    [['m', '--cotext', '5'], 'Unknown option `--cotext` of `load`; did you mean `--context`?'],
    [['m', '--cotext=5'], 'Unknown option `--cotext` of `load`; did you mean `--context`?'],
    [['m', '--con', '5'], 'Unknown option `--con` of `load`; did you mean `--context`?'],
    [['m', '-c', '5'], 'Unknown option `-c` of `load`; did you mean `--context`?'],
    [['m', '--no-force'], /^Unknown option `--no-force` of `load`; its options are --context, .*, --json, --help\.$/],
    [['m', '--=5'], /^Unknown option `--=5` of `load`; its options are /],
    [['m', '---'], /^Unknown option `---` of `load`; its options are /],
    [['m', '--__proto__=x'], /^Unknown option `--__proto__` of `load`; its options are /],
    [['m', '--constructor'], /^Unknown option `--constructor` of `load`; /],
    [['m', '--context'], 'Expected `--context <n>` to have a value, got nothing.'],
    [
      ['m', '--context', '--json'],
      'Expected `--context <n>` to have a value, got `--json`; if that is the value, write `--context=--json`.',
    ],
    [['m', '--force=yes'], 'Expected `--force` to have no value, got "yes".'],
    [['m', '--json='], 'Expected `--json` to have no value, got "".'],
    [['m', '--context='], "Expected `--context` to be a whole number from 1 to 2147483647, got '' (string)."],
    [['m', '--context=-5'], 'Expected `--context` to be a whole number from 1 to 2147483647, got -5 (number).'],
    [['m', '--audio', 'a', '--audio='], "Expected `--audio` to be a path, got '' (string)."],
    [[], 'Expected <model> after `load`, got nothing.'],
    [['a', 'b'], 'Expected <model> after `load`, got 2 ("a", "b").'],
  ])('%j', (words, sentence) => {
    expect(refusalOf(...words)).toMatch(sentence);
  });

  it('and a command that takes no argument says so', () => {
    const command = { name: 'look', takes: [], options: {} };
    expect(() => checkArguments(parseWords(['x'], command), command)).toThrow(
      usageError('Expected no argument after `look`, got 1 ("x").'),
    );
  });
});

describe('the word that was meant', () => {
  it.each([
    ['temp', ['temperature', 'help'], 'temperature'],
    ['hlep', ['temperature', 'help'], 'help'],
    ['p', ['prompt', 'projector'], undefined],
    ['', ['prompt'], undefined],
    ['nope', ['prompt', 'projector'], undefined],
  ])('by %j among %j is %j', (written, known, meant) => {
    expect(nearestWord(written, known)).toBe(meant);
  });
});
