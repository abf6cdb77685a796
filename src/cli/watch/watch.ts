/** `watch`: reads memory and what all processes hold, again and again: as a live screen, as lines, or as JSON. */
import { setTimeout } from 'node:timers/promises';
import { printableTexts } from '../../core/printable.ts';
import { wholeNumber } from '../../core/validate.ts';
import type { MemoryGuard } from '../../index.ts';
import type { Command, OptionSpecs } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { typedNumber } from '../option-checks.ts';
import { LEDGER_OPTION, openQueryGuard, selectLedger } from '../query-guard.ts';
import { readEntries } from '../read-entries.ts';
import { type Change, findChanges, type Reading } from './changes.ts';
import { openLiveScreen } from './live-screen.ts';
import { makeJsonView, makeTextView, type View } from './view.ts';

const OPTIONS = {
  interval: {
    value: 'ms',
    check: typedNumber(wholeNumber(1)),
    help: 'read again after so many milliseconds; 1000 without it',
  },
  count: { value: 'n', check: typedNumber(wholeNumber(1)), help: 'end after so many readings' },
  ...LEDGER_OPTION,
} satisfies OptionSpecs;

export const watch: Command<typeof OPTIONS> = {
  name: 'watch',
  takes: [],
  summary: 'A live screen of all limits, of the models of all processes, and of what happens to them.',
  options: OPTIONS,
  examples: ['watch', 'watch --json --interval 200 | head -n 5'],
  async run({ options, json }, io) {
    const { interval: intervalMs = 1000, count = Number.POSITIVE_INFINITY } = options;
    const { guard } = openQueryGuard(selectLedger(options));
    const view = json ? makeJsonView(io) : io.stdout.isTTY ? openLiveScreen(io, intervalMs) : makeTextView(io);
    try {
      const read = () => (json ? takeReading(guard) : printableTexts(takeReading(guard)));
      return await showReadings(guard, io, view, { read, intervalMs, count });
    } finally {
      view.close();
      guard.close();
    }
  },
};

async function showReadings(
  guard: MemoryGuard,
  io: Pick<Io, 'onInterrupt'>,
  view: View,
  { read, intervalMs, count }: { readonly read: () => Reading; readonly intervalMs: number; readonly count: number },
): Promise<number> {
  const stop = new AbortController();
  const { signal } = stop;
  const stopListening = io.onInterrupt((given) => stop.abort(given));
  void view.left.then((how) => stop.abort(how));
  const told: Change[] = [];
  guard.on('degraded', ({ message }) => void told.push({ atMs: Date.now(), kind: 'told', message }));
  let before: Reading | undefined;
  try {
    for (let shown = 0; shown < count; shown++) {
      if (shown > 0) await setTimeout(intervalMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) break;
      const now = read();
      view.show(now, [...told.splice(0), ...findChanges(before, now)]);
      before = now;
    }
  } finally {
    stopListening();
  }
  if (signal.reason === 'SIGINT') return EXIT.interrupted;
  return signal.reason === 'SIGTERM' ? EXIT.ended : EXIT.done;
}

function takeReading(guard: MemoryGuard): Reading {
  const { headroomBytes } = guard.status();
  return { atMs: Date.now(), snapshot: guard.snapshot(), headroomBytes, entries: readEntries(guard.ledger) };
}
