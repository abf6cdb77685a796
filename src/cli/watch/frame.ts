/** One picture of the live screen: lines that fit the terminal. Pure; it writes nothing. */
import { neededBytes } from '../../core/needed-bytes.ts';
import { formatBytes, type LedgerEntry, type MemoryScope, type MemoryStatusLevel } from '../../index.ts';
import type { Screen } from '../io.ts';
import { formatScope } from '../scope-table.ts';
import { type Column, formatTable, shortenMiddle } from '../table.ts';
import { drawBar, drawSparkline } from './bars.ts';
import { type Change, describeTarget, type Reading } from './changes.ts';
import { formatTime } from './view.ts';

export interface Watched {
  readonly reading: Reading;
  /** Headroom at each reading, oldest first. */
  readonly history: readonly number[];
  /** Newest last. */
  readonly changes: readonly Change[];
  readonly intervalMs: number;
}

/** Of the terminal. What doesn't fit is left out from the end of each list. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** Models have at least so many rows, and events as well. */
const LEAST_ROWS = 3;

const COMMON_COLUMNS: readonly Column[] = [
  { title: 'process', align: 'right' },
  { title: 'state' },
  { title: 'model', shrinks: true },
];
const WIDE_TABLE: readonly Column[] = [
  ...COMMON_COLUMNS,
  { title: 'mapped', align: 'right' },
  { title: 'anonymous', align: 'right' },
  { title: 'since', align: 'right' },
];
const NARROW_TABLE: readonly Column[] = [...COMMON_COLUMNS, { title: 'bytes', align: 'right' }];
/** With fewer columns a model's parts have no room beside its name. */
const WIDE_TABLE_COLUMNS = 70;
/** A shorter line of values says nothing. */
const LEAST_SPARKLINE = 5;

export function drawFrame(watched: Watched, screen: Screen, { columns, rows }: TerminalSize): string[] {
  const { colors } = screen;
  const { target } = watched.reading;
  const outside = target ? [shortenMiddle(`Seen from outside: ${describeTarget(target)}`, columns)] : [];
  const head = [drawTitle(watched, screen, columns), ...outside, '', ...drawHeadroom(watched, screen, columns), ''];
  const scopes = [colors.bold('Scopes'), ...drawScopes(watched.reading, screen, columns), ''];
  const left = Math.max(2 * LEAST_ROWS, rows - head.length - scopes.length - 3);
  const eventRows = Math.max(LEAST_ROWS, Math.min(watched.changes.length, Math.floor(left / 2)));
  const models = drawModels(watched.reading, columns, Math.max(LEAST_ROWS, left - eventRows));
  const events = watched.changes.slice(-eventRows).map((change) => drawEvent(change, screen, columns));
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

function drawTitle({ reading: { atMs }, intervalMs }: Watched, { colors }: Screen, columns: number): string {
  const left = 'nexa-memory-guard watch';
  const right = `${formatTime(atMs)}  every ${intervalMs / 1000} s  q to quit`;
  return `${colors.bold(left)}${' '.repeat(Math.max(2, columns - left.length - right.length))}${colors.dim(right)}`;
}

function drawHeadroom({ reading, history }: Watched, screen: Screen, columns: number): string[] {
  const { headroomBytes, snapshot, status: level } = reading;
  // Less than nothing is shown with its sign: the line has no room for words.
  const [now, least] = [headroomBytes, Math.min(...history)].map(formatBytes);
  const most = formatBytes(snapshot.totalBytes);
  const text = `Headroom ${now} of ${most}, ${level}; lowest ${least}`;
  const room = columns - text.length - 2;
  const line = room < LEAST_SPARKLINE ? '' : `  ${drawSparkline(history, room, screen.unicode)}`;
  return [`${screen.colors.bold(colorByLevel(level, text, screen))}${colorByLevel(level, line, screen)}`];
}

/** Name, bar and numbers of each scope. The bar takes the columns that are left. */
function drawScopes({ snapshot }: Reading, { colors, unicode }: Screen, columns: number): string[] {
  const { scopes, limitedBy } = snapshot;
  const numbers = scopes.map((scope) => formatNumbers(scope, columns < WIDE_TABLE_COLUMNS));
  const numbersWidth = Math.max(...numbers.map((each) => each.length));
  const names = scopes.map(formatScope);
  const nameWidth = Math.min(Math.max(...names.map((each) => each.length)), Math.max(16, Math.floor(columns * 0.3)));
  const barWidth = Math.max(8, columns - nameWidth - numbersWidth - 6);
  return scopes.map((scope, index) => {
    const limitBytes = scope.limitBytes ?? snapshot.totalBytes;
    const parts = drawBar({ ...scope, limitBytes }, barWidth, unicode);
    const drawn = `${parts.kept}${colors.dim(parts.reclaimable)}${colors.dim(parts.free)}`;
    const name = shortenMiddle(names[index]!, nameWidth).padEnd(nameWidth);
    const line = `${scope === limitedBy ? '*' : ' '} ${name}  ${drawn}  ${numbers[index]!.padStart(numbersWidth)}`;
    return scope === limitedBy ? colors.bold(line) : line;
  });
}

function formatNumbers({ availableBytes, limitBytes, usedBytes }: MemoryScope, narrow: boolean): string {
  if (limitBytes === undefined) return `${formatBytes(usedBytes)} used${narrow ? '' : ', no limit'}`;
  return `${formatBytes(availableBytes)} of ${formatBytes(limitBytes)}${narrow ? '' : ' available'}`;
}

/** The largest first. The last line says how many more there are. */
function drawModels({ entries, atMs }: Reading, columns: number, most: number): string[] {
  if (entries.length === 0) return [];
  const sorted = [...entries].sort((a, b) => neededBytes(b) - neededBytes(a));
  const room = most - 1;
  const shown = sorted.length > room ? sorted.slice(0, Math.max(1, room - 1)) : sorted;
  const narrow = columns < WIDE_TABLE_COLUMNS;
  const lines = formatTable(
    narrow ? NARROW_TABLE : WIDE_TABLE,
    shown.map((entry) => formatModelRow(entry, atMs, narrow)),
    columns - 2,
  ).map((line) => `  ${line}`);
  const rest = sorted.slice(shown.length);
  const bytes = rest.reduce((sum, entry) => sum + neededBytes(entry), 0);
  return rest.length === 0 ? lines : [...lines, `  and ${rest.length} more, ${formatBytes(bytes)}`];
}

function formatModelRow(entry: LedgerEntry, nowMs: number, narrow: boolean): string[] {
  const { pid, state, label, mappedBytes, anonymousBytes, atMs, unknown } = entry;
  const words = { loading: 'loading', loaded: 'loaded', settled: 'in use' };
  const what = [String(pid), words[state], label];
  const bytes = formatBytes(neededBytes(entry));
  if (narrow) return [...what, !unknown ? bytes : neededBytes(entry) > 0 ? `over ${bytes}` : 'unknown'];
  const known = (bytes: number) => (unknown && bytes === 0 ? 'unknown' : formatBytes(bytes));
  return [...what, known(mappedBytes), known(anonymousBytes), formatAge(nowMs - atMs)];
}

function drawEvent({ atMs, kind, message }: Change, screen: Screen, columns: number): string {
  const text = shortenMiddle(`  ${formatTime(atMs)}  ${message}`, columns);
  if (kind !== 'level') return text;
  const level = (['critical', 'warning'] as const).find((each) => message.startsWith(each)) ?? 'ok';
  return colorByLevel(level, text, screen);
}

function colorByLevel(level: MemoryStatusLevel, text: string, { colors }: Screen): string {
  if (level === 'ok') return colors.green(text);
  return level === 'warning' ? colors.yellow(text) : colors.red(text);
}

/** "3 s", "12 min", "5 h". */
function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
