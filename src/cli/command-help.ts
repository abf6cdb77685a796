/** The help of a command, made from its options. It knows no command by name. */
import { COMMON_OPTIONS } from './arguments.ts';
import type { Command, OptionSpecs } from './command.ts';
import { wrapWords } from './table.ts';

export function formatCommandHelp(command: Command): string {
  const options: OptionSpecs = { ...command.options, ...COMMON_OPTIONS };
  const rows = Object.entries(options).map(([name, { value, help }]) => [formatOption(name, value), help] as const);
  return [
    `nexa-memory-guard ${formatCommandName(command)} [options]`,
    '',
    ...wrapWords(command.summary, HELP_COLUMNS),
    '',
    ...alignRows(rows),
    '',
    'Examples:',
    ...command.examples.map((example) => `  $ nexa-memory-guard ${example}`),
    '',
  ].join('\n');
}

/** "--context <n>"; only the help has a short name. */
function formatOption(name: string, value: string | undefined): string {
  const short = name === 'help' ? '-h, ' : '';
  return value === undefined ? `${short}--${name}` : `--${name} <${value}>`;
}

/** "plan <model>" */
export function formatCommandName({ name, takes }: Pick<Command, 'name' | 'takes'>): string {
  return [name, ...takes.map((each) => `<${each}>`)].join(' ');
}

/** Help is as wide as a usual terminal, whatever it is printed to. */
const HELP_COLUMNS = 80;
/** A narrower column of help is no help. */
const LEAST_HELP = 30;

/** Names and what they mean, below each other. */
export function alignRows(rows: readonly (readonly [name: string, help: string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  const room = Math.max(LEAST_HELP, HELP_COLUMNS - width - 4);
  return rows.flatMap(([name, help]) =>
    wrapWords(help, room).map((line, index) => `  ${(index === 0 ? name : '').padEnd(width)}  ${line}`),
  );
}
