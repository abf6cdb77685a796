/** Tells a sentence of the package with the names that its options have on the command line. It knows no option by name. */
import { COMMON_OPTIONS } from './arguments.ts';
import type { OptionSpecs } from './command.ts';

/** "`--min-free`" in place of "`minFreeBytes`", and "`--min-free 0`" in place of "`minFreeBytes: 0`". What no option stands for stays as it is. */
export function nameFlags(sentence: string, options: OptionSpecs = COMMON_OPTIONS): string {
  let told = sentence;
  for (const [flag, { fills = [] }] of Object.entries(options)) {
    for (const name of fills) {
      const written = new RegExp(`\`${name.replace(/[.{}]/g, '\\$&')}(?:: ([^\`]+))?\``, 'g');
      told = told.replace(written, (_, value?: string) => `\`--${flag}${value === undefined ? '' : ` ${value}`}\``);
    }
  }
  return told;
}
