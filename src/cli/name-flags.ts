/** Tells a sentence of the package with the names that its options have on the command line. It knows no option by name. */
import { COMMON_OPTIONS } from './arguments.ts';
import type { OptionSpecs } from './command.ts';

/** "`--min-free`" in place of "`minFreeBytes`", and "`--min-free 0`" in place of "`minFreeBytes: 0`". What no option stands for stays as it is. */
export function nameFlags(sentence: string, options: OptionSpecs = COMMON_OPTIONS): string {
  const names = Object.entries(options).flatMap(([flag, { fills = [] }]) => fills.map((name) => ({ flag, name })));
  // "ledger: 'process'" is an option of its own here, and longer than "ledger".
  names.sort((a, b) => b.name.length - a.name.length);
  return names.reduce((told, { flag, name }) => {
    const written = new RegExp(`\`${name.replace(/[.{}]/g, '\\$&')}(?:: ([^\`]+))?\``, 'g');
    return told.replace(written, (_, value?: string) => `\`--${flag}${value === undefined ? '' : ` ${value}`}\``);
  }, sentence);
}
