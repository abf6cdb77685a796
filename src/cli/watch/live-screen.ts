/** Draws looks on a terminal, on its other screen, and leaves it as it was. It looks at nothing itself. */

import { type Io, type Keys, screenOf } from '../io.ts';
import type { Change, Look } from './changes.ts';
import { frame } from './frame.ts';
import type { View } from './watch.ts';

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/** Of a terminal that doesn't say. */
const USUAL = { columns: 80, rows: 24 };
const KEPT_LOOKS = 1000;
const KEPT_CHANGES = 200;

const CTRL_C = '\x03';
const ESCAPE = '\x1b';

export function openLiveScreen(io: Io, intervalMs: number): View {
  const { stdout, stdin } = io;
  const history: number[] = [];
  const changes: Change[] = [];
  let last: Look | undefined;
  const draw = () => {
    if (!last) return;
    const size = { columns: stdout.columns || USUAL.columns, rows: stdout.rows || USUAL.rows };
    const lines = frame({ look: last, history, changes, intervalMs }, screenOf(stdout, io.env), size);
    // Each is cleared before it is written: a line that fills the last column would lose it afterwards.
    const below = lines.length < size.rows ? `\n${CLEAR_BELOW}` : '';
    stdout.write(`${HOME}${lines.map((line) => `${CLEAR_LINE}${line}`).join('\n')}${below}`);
  };
  stdout.write(ENTER);
  stdout.on('resize', draw);
  const keys = readKeys(stdin);
  return {
    left: keys.left,
    show(look, happened) {
      last = look;
      history.push(look.headroomBytes);
      changes.push(...happened);
      history.splice(0, history.length - KEPT_LOOKS);
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

/** One by one and unseen, so that nothing typed is drawn over the screen. Without a keyboard nobody ever leaves by it. */
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
