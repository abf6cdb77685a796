/** Columns of text, as wide as their widest cell and together no wider than the page. Pure. */
import { stripVTControlCharacters } from 'node:util';

export interface Column {
  readonly title: string;
  readonly align?: 'right';
  /** Whether its cells are shortened if the page is too narrow. */
  readonly shrinks?: boolean;
}

const GAP = 2;
/** A column that shrinks keeps so many columns. */
const LEAST_WIDTH = 12;

/** One line for the titles and one for each row, without line ends. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): string[] {
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => countColumns(row[index] ?? ''))),
  );
  const over = widths.reduce((sum, each) => sum + each + GAP, -GAP) - width;
  const shrinking = columns.findIndex(({ shrinks }) => shrinks);
  if (over > 0 && shrinking !== -1) widths[shrinking] = Math.max(LEAST_WIDTH, widths[shrinking]! - over);
  const line = (cells: readonly string[]) =>
    columns
      .map(({ align }, index) => pad(cells[index] ?? '', widths[index]!, align))
      .join(' '.repeat(GAP))
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)];
}

/** A text that is too long loses its middle: of a path, the beginning and the file's name say more. */
export function shortenMiddle(text: string, width: number): string {
  if (text.length <= width) return text;
  const end = Math.ceil((width - 1) * 0.6);
  return `${text.slice(0, Math.max(0, width - 1 - end))}…${text.slice(text.length - end)}`;
}

/** The lines of a text, broken between words. A word that is wider than the page has a line of its own. */
export function wrapWords(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && countColumns(last) + 1 + countColumns(word) <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Columns that a text takes on the screen. Colours take none. */
export function countColumns(text: string): number {
  return stripVTControlCharacters(text).length;
}

function pad(text: string, width: number, align: 'right' | undefined): string {
  const fitting = countColumns(text) > width ? shortenMiddle(stripVTControlCharacters(text), width) : text;
  const space = ' '.repeat(width - countColumns(fitting));
  return align === 'right' ? space + fitting : fitting + space;
}
