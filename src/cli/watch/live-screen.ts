/** Draws readings on the terminal's alternate screen, and leaves the terminal as it was. It reads no memory itself. */
import { detectScreen, type Io, type Keys } from '../io.ts';
import type { Change, Reading } from './changes.ts';
import { drawFrame } from './frame.ts';
import type { View } from './view.ts';

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/** The size of a terminal that doesn't tell its own. */
const USUAL_SIZE = { columns: 80, rows: 24 };
const KEPT_READINGS = 1000;
const KEPT_CHANGES = 200;

const CTRL_C = '\x03';
const ESCAPE = '\x1b';

export function openLiveScreen(io: Io, intervalMs: number): View {
  const { stdout, stdin } = io;
  const history: number[] = [];
  const changes: Change[] = [];
  let last: Reading | undefined;
  const draw = () => {
    if (!last) return;
    const size = { columns: stdout.columns || USUAL_SIZE.columns, rows: stdout.rows || USUAL_SIZE.rows };
    const lines = drawFrame({ reading: last, history, changes, intervalMs }, detectScreen(stdout, io.env), size);
    // Each line is cleared before it is written: cleared afterwards, a line that fills the last column would lose it.
    const below = lines.length < size.rows ? `\n${CLEAR_BELOW}` : '';
    stdout.write(`${HOME}${lines.map((line) => `${CLEAR_LINE}${line}`).join('\n')}${below}`);
  };
  stdout.write(ENTER);
  stdout.on('resize', draw);
  const keys = readKeys(stdin);
  return {
    left: keys.left,
    show(reading, happened) {
      last = reading;
      history.push(reading.headroomBytes);
      changes.push(...happened);
      history.splice(0, history.length - KEPT_READINGS);
      changes.splice(0, changes.length - KEPT_CHANGES);
      draw();
    },
    close() {
      stdout.off('resize', draw);
      keys.close();
      stdout.write(LEAVE);
    },
  };
}

/** Keys one by one and unseen, so that nothing that is typed is drawn over the screen. Without a keyboard `left` is never fulfilled. */
function readKeys(stdin: Keys): { readonly left: Promise<'key' | 'SIGINT'>; close(): void } {
  if (!stdin.isTTY) return { left: new Promise(() => {}), close() {} };
  let listener: (data: Buffer) => void;
  const left = new Promise<'key' | 'SIGINT'>((resolve) => {
    listener = (data) => {
      const typed = data.toString('latin1');
      if (typed === CTRL_C) resolve('SIGINT');
      else if (typed === 'q' || typed === ESCAPE) resolve('key');
    };
    stdin.on('data', listener);
  });
  stdin.setRawMode?.(true);
  stdin.resume();
  return {
    left,
    close() {
      stdin.off('data', listener);
      stdin.setRawMode?.(false);
      stdin.pause();
    },
  };
}
