/** `watch`: reads memory and what all processes hold, again and again: as a live screen, as lines, or as JSON. */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { printableTexts } from '../../core/printable.ts';
import { absolutePath, wholeNumber } from '../../core/validate.ts';
import { usageError } from '../arguments.ts';
import type { Command, CommandArguments, OptionSpecs } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { MIN_FREE_OPTION } from '../min-free-option.ts';
import { nameFlags } from '../name-flags.ts';
import { typedNumber } from '../option-checks.ts';
import { LEDGER_OPTION, selectLedger } from '../query-guard.ts';
import { type Change, describeTarget, findChanges, type Reading } from './changes.ts';
import { openLiveScreen } from './live-screen.ts';
import { openOutsideSource, openOwnSource, type ReadingSource, type ReadingSourceOptions } from './reading-source.ts';
import { makeJsonView, makeTextView, type View } from './view.ts';

const OPTIONS = {
  group: {
    value: 'path',
    fills: ['group'],
    check: absolutePath,
    help: 'a control group seen from outside: /docker/ab, or its folder',
  },
  pid: {
    value: 'n',
    check: typedNumber(wholeNumber(1)),
    fills: ['pid'],
    help: 'the same for the groups and limits of a process',
  },
  interval: {
    value: 'ms',
    check: typedNumber(wholeNumber(1)),
    help: 'read again after so many milliseconds; 1000 without it',
  },
  count: { value: 'n', check: typedNumber(wholeNumber(1)), help: 'end after so many readings' },
  ...MIN_FREE_OPTION,
  ...LEDGER_OPTION,
} satisfies OptionSpecs;

export const watch: Command<typeof OPTIONS> = {
  name: 'watch',
  takes: [],
  summary: 'A live screen of all limits, of the models of all processes, and of what happens.',
  options: OPTIONS,
  examples: ['watch', 'watch --group /docker/0123abcd', 'watch --json --interval 200 | head -n 5'],
  async run({ options, json }, io) {
    const { interval: intervalMs = 1000, count = Number.POSITIVE_INFINITY } = options;
    const told: Change[] = [];
    const tell = (message: string) =>
      void told.push({ atMs: Date.now(), kind: 'told', message: nameFlags(message, OPTIONS) });
    const source = openSource(options, tell);
    try {
      // A guard tells what it lacks once its opener had time to listen.
      await setImmediate();
      const view = json ? makeJsonView(io) : canDraw(io) ? openLiveScreen(io, intervalMs) : makeTextView(io);
      const read = () => (json ? source.read() : printableTexts(source.read()));
      const code = await showReadings(source, io, view, { read, told, intervalMs, count });
      if (code === GONE) io.stderr.write(`${describeGone(source)}\n`);
      return code;
    } finally {
      source.close();
    }
  },
};

/** What was watched is gone. */
const GONE = EXIT.sensor;

/** A dumb terminal can't go back to a line that it has shown. */
function canDraw({ stdout, env }: Pick<Io, 'stdout' | 'env'>): boolean {
  return stdout.isTTY === true && env['TERM'] !== 'dumb';
}

function openSource(
  options: CommandArguments<typeof OPTIONS>['options'],
  told: ReadingSourceOptions['told'],
): ReadingSource {
  const { group, pid, 'min-free': minFreeBytes } = options;
  const parts = {
    ...selectLedger(options),
    ...(minFreeBytes !== undefined && { minFreeBytes }),
    told,
  } as ReadingSourceOptions;
  if (group !== undefined && pid !== undefined) {
    throw usageError('Expected `--group` or `--pid`, got both: a process is watched with the groups that it is in.');
  }
  if (group !== undefined) {
    if (parts.ledger === undefined) told(OTHER_LEDGER);
    return openOutsideSource({ group }, parts);
  }
  return pid === undefined ? openOwnSource(parts) : openOutsideSource({ pid }, parts);
}

/** A container's programs meet in a folder of its own. */
const OTHER_LEDGER =
  "Models in the ledger of this user are counted and shown; if the group's programs have a ledger of their own, as in a container, give its folder by `--ledger`.";

function describeGone({ target }: ReadingSource): string {
  const what = target ? describeTarget(target) : 'what was watched';
  return `nexa-memory-guard: ${what} is gone.`;
}

interface Showing {
  readonly read: () => Reading;
  /** What is told with the next reading. */
  readonly told: Change[];
  readonly intervalMs: number;
  readonly count: number;
}

/** Closes the view, and gives the exit code. */
async function showReadings(
  source: ReadingSource,
  io: Pick<Io, 'onInterrupt'>,
  view: View,
  { read, told, intervalMs, count }: Showing,
): Promise<number> {
  const stop = new AbortController();
  const { signal } = stop;
  const stopListening = io.onInterrupt((given) => stop.abort(given));
  void view.left.then((how) => stop.abort(how));
  let before: Reading | undefined;
  try {
    for (let shown = 0; shown < count; shown++) {
      if (shown > 0) await setTimeout(intervalMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) break;
      if (!source.isThere()) return GONE;
      const now = read();
      view.show(now, [...told.splice(0), ...findChanges(before, now)]);
      before = now;
    }
  } catch (error) {
    // It may have gone between two looks.
    if (source.isThere()) throw error;
    return GONE;
  } finally {
    stopListening();
    view.close();
  }
  if (signal.reason === 'SIGINT') return EXIT.interrupted;
  return signal.reason === 'SIGTERM' ? EXIT.ended : EXIT.done;
}
