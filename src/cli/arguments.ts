/** From words to a command's options: what is accepted, the help that says so, and the sentence for the rest. It acts on nothing. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { MemoryGuardError } from '../index.ts';
import type { Io } from './io.ts';

/** One option, for the parser and for the help. */
export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  readonly multiple?: boolean;
  /** What stands for the value in the help, such as `n`. */
  readonly value?: string;
  readonly help: string;
}

export interface Given {
  readonly positionals: readonly string[];
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  flag(name: string): boolean;
  /** A whole number from `least`, or `ERR_INVALID_OPTION`. */
  whole(name: string, least: number): number | undefined;
  /** A number from `least`, or `ERR_INVALID_OPTION`. */
  number(name: string, least: number): number | undefined;
}

export interface Command {
  readonly name: string;
  /** Names of its positional arguments, all of them required. */
  readonly takes: readonly string[];
  readonly summary: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly examples: readonly string[];
  /** Resolves with the exit code. */
  run(given: Given, io: Io): Promise<number>;
}

/** Every command has these. */
export const COMMON: Readonly<Record<string, OptionSpec>> = {
  json: { type: 'boolean', help: 'print JSON instead of text' },
  help: { type: 'boolean', help: 'print this help' },
};

/** Throws `ERR_INVALID_OPTION` with one sentence. */
export function readArguments(words: readonly string[], command: Command): Given {
  const options: ParseArgsConfig['options'] = {};
  for (const [name, { type, multiple = false }] of Object.entries({ ...command.options, ...COMMON })) {
    options[name] = { type, multiple };
  }
  const { values, positionals } = parse(words, options);
  if (!values['help'] && positionals.length !== command.takes.length) {
    const expected = command.takes.length === 0 ? 'no argument' : command.takes.map((each) => `<${each}>`).join(' ');
    throw usage(
      `Expected ${expected} after \`${command.name}\`, got ${positionals.length || 'nothing'}${extra(positionals)}.`,
    );
  }
  return givenOf(values, positionals);
}

export function usage(message: string): MemoryGuardError {
  return new MemoryGuardError('ERR_INVALID_OPTION', message);
}

export function helpOf(command: Command): string {
  const options = { ...command.options, ...COMMON };
  const names = Object.entries(options).map(([name, { type, value = 'text' }]) =>
    type === 'boolean' ? `--${name}` : `--${name} <${value}>`,
  );
  const width = Math.max(...names.map((name) => name.length));
  const lines = Object.values(options).map(({ help }, index) => `  ${(names[index] as string).padEnd(width)}  ${help}`);
  const takes = command.takes.map((each) => ` <${each}>`).join('');
  return [
    `nexa-memory-guard ${command.name}${takes} [options]`,
    '',
    command.summary,
    '',
    ...lines,
    '',
    'Examples:',
    ...command.examples.map((example) => `  $ nexa-memory-guard ${example}`),
    '',
  ].join('\n');
}

function parse(words: readonly string[], options: NonNullable<ParseArgsConfig['options']>) {
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
  } catch (error) {
    // Its message ends with advice about positional arguments that begin with a dash.
    const [sentence = ''] = (error as Error).message.split(/\.\s|\n/);
    throw usage(`${sentence.replace(/\.$/, '')}; see \`--help\`.`);
  }
}

function givenOf(values: Readonly<Record<string, unknown>>, positionals: readonly string[]): Given {
  const text = (name: string) => values[name] as string | undefined;
  const checked = (name: string, least: number, kind: string, accepts: (value: number) => boolean) => {
    const given = text(name);
    if (given === undefined) return undefined;
    const value = given.trim() === '' ? Number.NaN : Number(given);
    if (accepts(value) && value >= least) return value;
    throw usage(`Expected \`--${name}\` to be ${kind} from ${least}, got ${JSON.stringify(given)}.`);
  };
  return {
    positionals,
    text,
    texts: (name) => (values[name] as string[] | undefined) ?? [],
    flag: (name) => values[name] === true,
    whole: (name, least) => checked(name, least, 'a whole number', Number.isSafeInteger),
    number: (name, least) => checked(name, least, 'a number', Number.isFinite),
  };
}

function extra(positionals: readonly string[]): string {
  return positionals.length === 0 ? '' : ` (${positionals.map((each) => JSON.stringify(each)).join(', ')})`;
}
