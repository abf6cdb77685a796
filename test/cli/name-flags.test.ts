import { describe, expect, it } from 'vitest';
import { nameFlags } from '../../src/cli/name-flags.ts';
import { flag, text } from '../../src/core/validate.ts';

const options = {
  'min-free': { value: 'size', check: text, fills: ['minFreeBytes'], help: '' },
  footprint: { value: 'size', check: text, fills: ['memoryGuard.footprint', 'memoryGuard: { footprint }'], help: '' },
};

describe('a sentence told on the command line', () => {
  it('names the options as they are typed there, with their values', () => {
    expect(nameFlags('set `minFreeBytes`, or `minFreeBytes: 0`', options)).toBe('set `--min-free`, or `--min-free 0`');
    expect(nameFlags('as `memoryGuard: { footprint }`, not `memoryGuard.footprint`', options)).toBe(
      'as `--footprint`, not `--footprint`',
    );
  });

  it('prefers the option that stands for a name with its value', () => {
    const both = {
      ledger: { value: 'folder', check: text, fills: ['ledger'], help: '' },
      'write-nothing': { check: flag, fills: ["ledger: 'process'"], help: '' },
    };
    expect(nameFlags("set `ledger: 'process'` or `ledger: '/a'`", both)).toBe(
      "set `--write-nothing` or `--ledger '/a'`",
    );
  });

  it('leaves what no option stands for', () => {
    const sentence = 'minFreeBytes, `minFreeBytesToo` and `keepAliveMs`';
    expect(nameFlags(sentence, options)).toBe(sentence);
    expect(nameFlags('`minFreeBytes`')).toBe('`minFreeBytes`');
  });
});
