import { describe, expect, it } from 'vitest';
import { countColumns, formatTable, shortenMiddle, wrapWords } from '../../src/cli/table.ts';

const columns = [
  { title: 'name', shrinks: true },
  { title: 'size', align: 'right' as const },
];

describe('a table', () => {
  it('is as wide as its widest cells, numbers to the right', () => {
    expect(
      formatTable(
        columns,
        [
          ['a', '1'],
          ['longer', '1000'],
        ],
        80,
      ),
    ).toEqual(['name    size', 'a          1', 'longer  1000']);
  });

  it('gives way in one column where the page is narrow, in the middle of the text', () => {
    const [, row = ''] = formatTable(columns, [['/a/very/long/path/to/a/model.gguf', '4 GiB']], 24);
    expect(row).toHaveLength(24);
    expect(row).toMatch(/^\/a\/ve.*….*model\.gguf {2}4 GiB$/);
  });

  it('gives way no further than can be read', () => {
    const [title = ''] = formatTable(columns, [['/a/very/long/path/to/a/model.gguf', '4 GiB']], 5);
    expect(title).toBe('name           size');
  });

  it('counts no colours', () => {
    const [, row = ''] = formatTable(columns, [['\x1b[31mred\x1b[39m', '1']], 80);
    expect(countColumns(row)).toBe(10);
    expect(row).toContain('\x1b[31m');
  });
});

describe('a text that is too long', () => {
  it.each([
    ['short', 10, 'short'],
    ['0123456789', 10, '0123456789'],
    ['0123456789ab', 6, '01…9ab'],
    ['0123456789', 1, '…'],
  ])('%s in %i columns is %s', (text, width, expected) => {
    expect(shortenMiddle(text, width)).toBe(expected);
  });
});

describe('a sentence', () => {
  it('is broken between words, and counts no colours', () => {
    expect(wrapWords('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrapWords('one two three', Number.POSITIVE_INFINITY)).toEqual(['one two three']);
    expect(wrapWords('\x1b[31mone two\x1b[39m three', 7)).toEqual(['\x1b[31mone two\x1b[39m', 'three']);
  });

  it('leaves a word whole that is wider than the page', () => {
    expect(wrapWords('a /very/long/path b', 5)).toEqual(['a', '/very/long/path', 'b']);
  });
});
