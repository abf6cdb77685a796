/** The command line as a function: which command is meant, and how it ended. It knows no process. */
import { checkArguments, nearestWord, parseWords, usageError } from './arguments.ts';
import type { Command } from './command.ts';
import { alignRows, formatCommandHelp, formatCommandName } from './command-help.ts';
import { doctor } from './doctor/doctor.ts';
import { EXIT, reportFailure } from './exit-codes.ts';
import type { Io } from './io.ts';
import { plan } from './plan/plan.ts';
import { run } from './run/run.ts';
import { watch } from './watch/watch.ts';

const COMMANDS: readonly Command[] = [doctor, plan, run, watch];

/** In place of a command. */
const HELP = ['help', '--help', '-h'];
const VERSION = ['--version', '-v'];

const EXIT_CODES = `Exit codes:
  0    done; of plan: the model fits, in whatever quantization
  1    an unexpected error
  2    a command or an option was not understood
  3    not enough memory, or the wait for it was too long
  4    the model, its quantization or its file is unknown or unreadable
  5    the runtime is missing or failed
  6    memory can't be read, or what was watched is gone
  130  ended by Ctrl-C, 143 by a request to end`;

/** Runs the command that `argv`, which is without program and script, names. Never rejects; resolves with the exit code. */
export async function runCommandLine(argv: readonly string[], io: Io, version: string): Promise<number> {
  const [name, ...words] = argv;
  let command: Command | undefined;
  try {
    if (name === undefined) {
      io.stderr.write(formatOverview());
      return EXIT.usage;
    }
    if (HELP.includes(name)) return print(io, formatOverview());
    if (VERSION.includes(name)) return print(io, `${version}\n`);
    command = findCommand(name);
    const parsed = parseWords(words, command);
    if (parsed.given.has('help')) return print(io, formatCommandHelp(command));
    return await command.run(checkArguments(parsed, command), io);
  } catch (error) {
    return reportFailure(error, io, { json: argv.includes('--json'), options: command?.options });
  }
}

function findCommand(name: string): Command {
  const names = COMMANDS.map((each) => each.name);
  const command = COMMANDS.find((each) => each.name === name);
  if (command) return command;
  const meant = nearestWord(name, [...names, ...HELP, ...VERSION]);
  const help = meant === undefined ? `the commands are ${names.join(', ')}.` : `did you mean \`${meant}\`?`;
  throw usageError(`Unknown command \`${name}\`; ${help}`);
}

function print({ stdout }: Io, text: string): number {
  stdout.write(text);
  return EXIT.done;
}

function formatOverview(): string {
  return [
    'nexa-memory-guard <command> [options]',
    '',
    ...alignRows(COMMANDS.map((command) => [formatCommandName(command), command.summary] as const)),
    '',
    'Every command has `--help` (`-h`) and `--json`.',
    '',
    EXIT_CODES,
    '',
  ].join('\n');
}
