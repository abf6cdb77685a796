import { describe, expect, it } from 'vitest';
import type { Command } from '../../src/cli/command.ts';
import { alignRows, formatCommandHelp, formatCommandName } from '../../src/cli/command-help.ts';
import { flag, text } from '../../src/core/validate.ts';

const command: Command = {
  name: 'load',
  takes: ['model'],
  summary: 'Loads it.',
  options: { q: { value: 'name', check: text, help: 'the quantization' }, force: { check: flag, help: 'in any case' } },
  examples: ['load m', 'load m --force'],
  run: async () => 0,
};

describe('the help of a command', () => {
  it('has its arguments, options with what stands for their values, and examples', () => {
    expect(formatCommandHelp(command).split('\n')).toEqual([
      'nexa-memory-guard load <model> [options]',
      '',
      'Loads it.',
      '',
      '  --q <name>  the quantization',
      '  --force     in any case',
      '  --json      print JSON instead of text',
      '  -h, --help  print this help',
      '',
      'Examples:',
      '  $ nexa-memory-guard load m',
      '  $ nexa-memory-guard load m --force',
      '',
    ]);
  });

  it('names a command with what it takes', () => {
    expect(formatCommandName(command)).toBe('load <model>');
    expect(formatCommandName({ name: 'look', takes: [] })).toBe('look');
  });

  it('stands in columns', () => {
    expect(
      alignRows([
        ['a', 'x'],
        ['long', 'y'],
      ]),
    ).toEqual(['  a     x', '  long  y']);
  });
});
