/** One picture of the live screen: lines that fit the terminal. Pure; it draws nothing. */
import { formatBytes, type LedgerEntry, type MemoryScope } from '../../index.ts';
import type { Screen } from '../io.ts';
import { scopeInWords } from '../scope-table.ts';
import { type Column, shortened, table } from '../table.ts';
import { bar, sparkline } from './bars.ts';
import { bytesOf, type Change, type Level, type Look, levelOf } from './changes.ts';

export interface Watched {
  readonly look: Look;
  /** Headroom at each look, oldest first. */
  readonly history: readonly number[];
  /** Newest last. */
  readonly changes: readonly Change[];
  readonly intervalMs: number;
}

/** Of the terminal; what doesn't fit gives way from the end of each list. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Rows for models that are always kept, and for events. */
const LEAST_ROWS = 3;

const WHAT: readonly Column[] = [
  { title: 'process', align: 'right' },
  { title: 'state' },
  { title: 'model', shrinks: true },
];
const WIDE: readonly Column[] = [
  ...WHAT,
  { title: 'mapped', align: 'right' },
  { title: 'anonymous', align: 'right' },
  { title: 'since', align: 'right' },
];
const NARROW: readonly Column[] = [...WHAT, { title: 'bytes', align: 'right' }];
/** Below this the parts of a model have no room beside its name. */
const NARROW_COLUMNS = 70;
/** A shorter line of values says nothing. */
const LEAST_LINE = 5;

export function frame(watched: Watched, screen: Screen, { columns, rows }: Size): string[] {
  const { colors } = screen;
  const head = [titleLine(watched, screen, columns), '', ...headroomLines(watched, screen, columns), ''];
  const scopes = [colors.bold('Scopes'), ...scopeLines(watched.look, screen, columns), ''];
  const left = Math.max(2 * LEAST_ROWS, rows - head.length - scopes.length - 3);
  const eventRows = Math.max(LEAST_ROWS, Math.min(watched.changes.length, Math.floor(left / 2)));
  const models = modelLines(watched.look, columns, Math.max(LEAST_ROWS, left - eventRows));
  const events = watched.changes.slice(-eventRows).map((change) => eventLine(change, screen, columns));
  const lines = [
    ...head,
    ...scopes,
    colors.bold('Models and reservations of all processes'),
    ...(models.length > 0 ? models : [colors.dim('  none')]),
    '',
    colors.bold('Events'),
    ...(events.length > 0 ? events : [colors.dim('  none since this began')]),
  ];
  return lines.slice(0, rows);
}

function titleLine({ look: { atMs }, intervalMs }: Watched, { colors }: Screen, columns: number): string {
  const left = 'nexa-memory-guard watch';
  const right = `${timeOf(atMs)}  every ${intervalMs / 1000} s  q to quit`;
  return `${colors.bold(left)}${' '.repeat(Math.max(2, columns - left.length - right.length))}${colors.dim(right)}`;
}

function headroomLines({ look, history }: Watched, screen: Screen, columns: number): string[] {
  const { headroomBytes, snapshot } = look;
  const level = levelOf(headroomBytes);
  const [now, most, least] = [headroomBytes, snapshot.totalBytes, Math.min(...history)].map((bytes) =>
    formatBytes(Math.max(0, bytes)),
  );
  const text = `Headroom ${now} of ${most}, ${level}; lowest ${least}`;
  const room = columns - text.length - 2;
  const line = room < LEAST_LINE ? '' : `  ${sparkline(history, room, screen.unicode)}`;
  return [`${screen.colors.bold(colored(level, text, screen))}${colored(level, line, screen)}`];
}

/** Name, bar and numbers; the bar takes what the page has left. */
function scopeLines({ snapshot }: Look, { colors, unicode }: Screen, columns: number): string[] {
  const { scopes, limitedBy } = snapshot;
  const numbers = scopes.map((scope) => numbersOf(scope, columns < NARROW_COLUMNS));
  const numbersWidth = Math.max(...numbers.map((each) => each.length));
  const names = scopes.map(scopeInWords);
  const nameWidth = Math.min(Math.max(...names.map((each) => each.length)), Math.max(16, Math.floor(columns * 0.3)));
  const barWidth = Math.max(8, columns - nameWidth - numbersWidth - 6);
  return scopes.map((scope, index) => {
    const limitBytes = scope.limitBytes ?? snapshot.totalBytes;
    const parts = bar({ ...scope, limitBytes }, barWidth, unicode);
    const drawn = `${parts.kept}${colors.dim(parts.reclaimable)}${colors.dim(parts.free)}`;
    const name = shortened(names[index] as string, nameWidth).padEnd(nameWidth);
    const line = `${scope === limitedBy ? '*' : ' '} ${name}  ${drawn}  ${(numbers[index] as string).padStart(numbersWidth)}`;
    return scope === limitedBy ? colors.bold(line) : line;
  });
}

function numbersOf({ availableBytes, limitBytes, usedBytes }: MemoryScope, narrow: boolean): string {
  if (limitBytes === undefined) return `${formatBytes(usedBytes)} used${narrow ? '' : ', no limit'}`;
  return `${formatBytes(availableBytes)} of ${formatBytes(limitBytes)}${narrow ? '' : ' available'}`;
}

/** The largest first; how many more there are stands in the last line. */
function modelLines({ entries, atMs }: Look, columns: number, most: number): string[] {
  if (entries.length === 0) return [];
  const sorted = [...entries].sort((a, b) => bytesOf(b) - bytesOf(a));
  const room = most - 1;
  const shown = sorted.length > room ? sorted.slice(0, Math.max(1, room - 1)) : sorted;
  const narrow = columns < NARROW_COLUMNS;
  const lines = table(
    narrow ? NARROW : WIDE,
    shown.map((entry) => rowOf(entry, atMs, narrow)),
    columns - 2,
  ).map((line) => `  ${line}`);
  const rest = sorted.slice(shown.length);
  const bytes = rest.reduce((sum, entry) => sum + bytesOf(entry), 0);
  return rest.length === 0 ? lines : [...lines, `  and ${rest.length} more, ${formatBytes(bytes)}`];
}

function rowOf(entry: LedgerEntry, nowMs: number, narrow: boolean): string[] {
  const { pid, state, label, mappedBytes, anonymousBytes, atMs } = entry;
  const words = { loading: 'loading', loaded: 'loaded', settled: 'in use' };
  const what = [String(pid), words[state], label];
  if (narrow) return [...what, formatBytes(bytesOf(entry))];
  return [...what, formatBytes(mappedBytes), formatBytes(anonymousBytes), ageOf(nowMs - atMs)];
}

function eventLine({ atMs, kind, message }: Change, screen: Screen, columns: number): string {
  const text = shortened(`  ${timeOf(atMs)}  ${message}`, columns);
  if (kind !== 'level') return text;
  const level = (['critical', 'warning'] as const).find((each) => message.startsWith(each)) ?? 'ok';
  return colored(level, text, screen);
}

function colored(level: Level, text: string, { colors }: Screen): string {
  if (level === 'ok') return colors.green(text);
  return level === 'warning' ? colors.yellow(text) : colors.red(text);
}

function timeOf(ms: number): string {
  return new Date(ms).toTimeString().slice(0, 8);
}

/** "3 s", "12 min", "5 h". */
function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
