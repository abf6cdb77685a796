/** The help of a command, made from its options. It knows no command by name. */
import { COMMON_OPTIONS } from './arguments.ts';
import type { Command, OptionSpecs } from './command.ts';

export function formatCommandHelp(command: Command): string {
  const options: OptionSpecs = { ...command.options, ...COMMON_OPTIONS };
  const rows = Object.entries(options).map(
    ([name, { value, help }]) => [value === undefined ? `--${name}` : `--${name} <${value}>`, help] as const,
  );
  return [
    `nexa-memory-guard ${formatCommandName(command)} [options]`,
    '',
    command.summary,
    '',
    ...alignRows(rows),
    '',
    'Examples:',
    ...command.examples.map((example) => `  $ nexa-memory-guard ${example}`),
    '',
  ].join('\n');
}

/** "plan <model>" */
export function formatCommandName({ name, takes }: Pick<Command, 'name' | 'takes'>): string {
  return [name, ...takes.map((each) => `<${each}>`)].join(' ');
}

/** Names and what they mean, below each other. */
export function alignRows(rows: readonly (readonly [name: string, help: string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, help]) => `  ${name.padEnd(width)}  ${help}`);
}
