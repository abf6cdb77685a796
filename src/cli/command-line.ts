/** The command line as a function: which command is meant, and how it ended. It knows no process. */
import { type Command, helpOf, readArguments, usage } from './arguments.ts';
import { doctor } from './doctor/doctor.ts';
import { EXIT, fail } from './exit-codes.ts';
import type { Io } from './io.ts';
import { plan } from './plan/plan.ts';
import { run } from './run/run.ts';
import { watch } from './watch/watch.ts';

const COMMANDS: readonly Command[] = [doctor, plan, run, watch];

const EXIT_CODES = `Exit codes:
  0    done; of plan: the model fits, in whatever quantization
  1    an unexpected error
  2    a command or an option was not understood
  3    not enough memory, or the wait for it was too long
  4    the model, its quantization or its file is unknown or unreadable
  5    the runtime is missing or failed
  6    memory can't be read
  130  ended by Ctrl-C, 143 by a request to end`;

/** `argv` without program and script. Never rejects; gives the exit code. */
export async function runCommandLine(argv: readonly string[], io: Io, version: string): Promise<number> {
  const [name, ...words] = argv;
  try {
    if (name === undefined) {
      io.stderr.write(overview());
      return EXIT.usage;
    }
    if (name === '--help' || name === '-h' || name === 'help') return say(io, overview());
    if (name === '--version' || name === '-v') return say(io, `${version}\n`);
    const command = COMMANDS.find((each) => each.name === name);
    if (!command)
      throw usage(`Expected one of ${COMMANDS.map((each) => each.name).join(', ')}, got ${JSON.stringify(name)}.`);
    const given = readArguments(words, command);
    return given.flag('help') ? say(io, helpOf(command)) : await command.run(given, io);
  } catch (error) {
    return fail(error, io, argv.includes('--json'));
  }
}

function say({ stdout }: Io, text: string): number {
  stdout.write(text);
  return EXIT.done;
}

function overview(): string {
  const names = COMMANDS.map(({ name, takes }) => `${name}${takes.map((each) => ` <${each}>`).join('')}`);
  const width = Math.max(...names.map((each) => each.length));
  return [
    'nexa-memory-guard <command> [options]',
    '',
    ...COMMANDS.map(({ summary }, index) => `  ${(names[index] as string).padEnd(width)}  ${summary}`),
    '',
    'Every command has `--help` and `--json`.',
    '',
    EXIT_CODES,
    '',
  ].join('\n');
}
