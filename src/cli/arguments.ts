/** Understands the words after a command's name, and says in one sentence what it doesn't understand. It acts on nothing. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { MemoryGuardError } from '../core/errors.ts';
import { flag, nearestName } from '../core/validate.ts';
import type { Command, CommandArguments, OptionSpec, OptionSpecs, OptionValues } from './command.ts';

/** Every command has these. */
export const COMMON_OPTIONS = {
  json: { check: flag, help: 'print JSON instead of text' },
  help: { check: flag, help: 'print this help' },
} satisfies OptionSpecs;

/** Words by their place and name, not yet checked. */
export interface ParsedWords {
  readonly positionals: readonly string[];
  /** All values of each option that was given, in their order: texts, or `true` for a flag. */
  readonly given: ReadonlyMap<string, readonly (string | true)[]>;
}

/**
 * Sorts the words into positional arguments and options of `command`.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` for an unknown option, for one without its value, or for a flag with one.
 */
export function parseWords(words: readonly string[], command: Pick<Command, 'name' | 'options'>): ParsedWords {
  const specs: OptionSpecs = { ...command.options, ...COMMON_OPTIONS };
  const options: NonNullable<ParseArgsConfig['options']> = {};
  for (const [name, { value }] of Object.entries(specs)) options[name] = { type: value ? 'string' : 'boolean' };
  // Its own sentences know no command and suggest nothing, so it refuses nothing and each token is judged here.
  const { tokens, positionals } = parseArgs({
    args: [...words],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const given = new Map<string, (string | true)[]>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name } = token;
    if (token.rawName === '-h' && token.value === undefined) {
      given.set('help', [true]);
      continue;
    }
    if (!Object.hasOwn(specs, name) || token.rawName !== `--${name}`) {
      throw unknownOption(token.rawName, Object.keys(specs), command.name);
    }
    given.set(name, [...(given.get(name) ?? []), readValue(token, specs[name]!)]);
  }
  return { positionals, given };
}

/**
 * Counts the positional arguments and runs each value through its option's check.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` for too few or too many positional arguments, or a value that a check refuses.
 */
export function checkArguments<S extends OptionSpecs>(
  { positionals, given }: ParsedWords,
  { name: command, takes, options: specs }: Pick<Command<S>, 'name' | 'takes' | 'options'>,
): CommandArguments<S> {
  if (positionals.length !== takes.length) {
    const expected = takes.length === 0 ? 'no argument' : takes.map((each) => `<${each}>`).join(' ');
    const found = positionals.map((each) => JSON.stringify(each)).join(', ');
    const got = found === '' ? 'nothing' : `${positionals.length} (${found})`;
    throw usageError(`Expected ${expected} after \`${command}\`, got ${got}.`);
  }
  const options: Record<string, unknown> = {};
  for (const [name, { check, repeatable }] of Object.entries(specs)) {
    const values = given.get(name);
    if (!values) continue;
    const checked = values.map((value) => check(value, `--${name}`));
    options[name] = repeatable ? checked : checked.at(-1);
  }
  return { positionals, options: options as OptionValues<S>, json: given.has('json') };
}

/** The error for words that can't be understood. */
export function usageError(message: string): MemoryGuardError {
  return new MemoryGuardError('ERR_INVALID_OPTION', message);
}

/** The known word that was most likely meant: the only one that begins so, or the one that differs least. */
export function nearestWord(written: string, known: readonly string[]): string | undefined {
  const longer = written === '' ? [] : known.filter((each) => each.startsWith(written));
  return longer.length === 1 ? longer[0] : nearestName(written, known);
}

function unknownOption(written: string, known: readonly string[], command: string): MemoryGuardError {
  const meant = nearestWord(written.replace(/^-+/, ''), known);
  const listed = known.map((name) => `--${name}`).join(', ');
  const help = meant === undefined ? `its options are ${listed}.` : `did you mean \`--${meant}\`?`;
  return usageError(`Unknown option \`${written}\` of \`${command}\`; ${help}`);
}

/** What an option was given. A value that begins with a dash must be joined to its option: most often it is the next option. */
function readValue(
  { rawName, value, inlineValue }: { rawName: string; value: string | undefined; inlineValue: boolean | undefined },
  spec: OptionSpec,
): string | true {
  if (spec.value === undefined) {
    if (value === undefined) return true;
    throw usageError(`Expected \`${rawName}\` to have no value, got ${JSON.stringify(value)}.`);
  }
  const expected = `Expected \`${rawName} <${spec.value}>\` to have a value`;
  if (value === undefined) throw usageError(`${expected}, got nothing.`);
  if (!inlineValue && /^-./.test(value)) {
    throw usageError(`${expected}, got \`${value}\`; if that is the value, write \`${rawName}=${value}\`.`);
  }
  return value;
}
