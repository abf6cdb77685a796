/** What a command of the command line is, as types: its options, what it is given, and how it runs. It knows no command. */
import type { Check } from '../core/validate.ts';
import type { Io } from './io.ts';

/** One option, for the parser, the check of its value and the help. */
export interface OptionSpec<T = unknown> {
  /** What stands for the value in the help, for example `n`. Absent for a flag, which takes none. */
  readonly value?: string;
  /** Names of the package's own options that it stands for: sentences that name them are told with the option's name in their place. */
  readonly fills?: readonly string[];
  /** May be given several times; each value is checked by itself. */
  readonly repeatable?: true;
  /** Takes the text that was typed, or `true` for a flag. */
  readonly check: Check<T>;
  readonly help: string;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** What the checks of a command's options return, under the same names. An option that was not given is absent. */
export type OptionValues<S extends OptionSpecs> = { readonly [K in keyof S]?: OptionValue<S[K]> };

type OptionValue<O extends OptionSpec> =
  O extends OptionSpec<infer T> ? (O extends { readonly repeatable: true } ? readonly T[] : T) : never;

/** The words after a command's name, understood and checked. */
export interface CommandArguments<S extends OptionSpecs = OptionSpecs> {
  readonly positionals: readonly string[];
  readonly options: OptionValues<S>;
  /** Whether `--json` was given. */
  readonly json: boolean;
}

export interface Command<S extends OptionSpecs = OptionSpecs> {
  readonly name: string;
  /** Names of its positional arguments, all of them required. */
  readonly takes: readonly string[];
  readonly summary: string;
  /** Its own options, beside those that every command has. */
  readonly options: S;
  /** Whole command lines without the program's name, for the help. */
  readonly examples: readonly string[];
  /** Resolves with the exit code. */
  run(given: CommandArguments<S>, io: Io): Promise<number>;
}
