/** `watch`: looks at memory and at what all processes hold, again and again: as a live screen, as lines, or as JSON. */
import { setTimeout } from 'node:timers/promises';
import { formatBytes, type MemoryGuard } from '../../index.ts';
import { type Command, usage } from '../arguments.ts';
import { EXIT } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { LEDGER, ledgerIn, machineGuard } from '../query-guard.ts';
import { type Change, changesBetween, type Look, levelOf } from './changes.ts';
import { openLiveScreen } from './live-screen.ts';

export const watch: Command = {
  name: 'watch',
  takes: [],
  summary: 'A live screen of all limits, of the models of all processes, and of what happens to them.',
  options: {
    interval: { type: 'string', value: 'ms', help: 'look again after so many milliseconds; 1000 without it' },
    count: { type: 'string', value: 'n', help: 'end after so many looks' },
    ...LEDGER,
  },
  examples: ['watch', 'watch --json --interval 200 | head -n 5'],
  async run(given, io) {
    const intervalMs = given.whole('interval', 1) ?? 1000;
    if (intervalMs > 2 ** 31 - 1) throw usage('Expected `--interval` to be less than 25 days.');
    const count = given.whole('count', 1) ?? Number.POSITIVE_INFINITY;
    const { guard } = machineGuard(ledgerIn(given));
    const view = given.flag('json') ? jsonLines(io) : io.stdout.isTTY ? openLiveScreen(io, intervalMs) : textLines(io);
    try {
      return await look(guard, io, view, { intervalMs, count });
    } finally {
      view.close();
      guard.close();
    }
  },
};

/** Shows looks, and what happened since the one before. */
export interface View {
  show(look: Look, changes: readonly Change[]): void;
  /** Fulfilled where the view itself is left by a key; Ctrl-C is one where keys are read one by one. */
  readonly left: Promise<'key' | 'SIGINT'>;
  close(): void;
}

async function look(
  guard: MemoryGuard,
  io: Io,
  view: View,
  { intervalMs, count }: { readonly intervalMs: number; readonly count: number },
): Promise<number> {
  const stop = new AbortController();
  const { signal } = stop;
  const stopListening = io.onInterrupt((given) => stop.abort(given));
  void view.left.then((how) => stop.abort(how));
  const told: Change[] = [];
  guard.on('degraded', ({ message }) => void told.push({ atMs: Date.now(), kind: 'told', message }));
  let before: Look | undefined;
  try {
    for (let shown = 0; shown < count; shown++) {
      if (shown > 0) await setTimeout(intervalMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) break;
      const now = lookNow(guard);
      view.show(now, [...told.splice(0), ...changesBetween(before, now)]);
      before = now;
    }
  } finally {
    stopListening();
  }
  if (signal.reason === 'SIGINT') return EXIT.interrupted;
  return signal.reason === 'SIGTERM' ? EXIT.ended : EXIT.done;
}

function lookNow(guard: MemoryGuard): Look {
  const { headroomBytes } = guard.status();
  return { atMs: Date.now(), snapshot: guard.snapshot(), headroomBytes, entries: guard.ledger.entries() };
}

const NEVER = new Promise<never>(() => {});

/** One object for each look, a line each. */
function jsonLines({ stdout }: Io): View {
  return {
    left: NEVER,
    show: (look, changes) => void stdout.write(`${JSON.stringify({ ...look, changes })}\n`),
    close() {},
  };
}

/** One line for each look, and one for each thing that happened. */
function textLines({ stdout }: Io): View {
  return {
    left: NEVER,
    show({ atMs, headroomBytes, snapshot, entries }, changes) {
      const time = new Date(atMs).toTimeString().slice(0, 8);
      const held = `${entries.length} held by ${new Set(entries.map(({ pid }) => pid)).size} processes`;
      for (const { message } of changes) stdout.write(`${time} ${message}\n`);
      stdout.write(
        `${time} headroom ${formatBytes(headroomBytes)} of ${formatBytes(snapshot.totalBytes)}, ${levelOf(headroomBytes)}; ${held}\n`,
      );
    },
    close() {},
  };
}
