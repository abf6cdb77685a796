/** Draws looks on a terminal, on its other screen, and leaves it as it was. It looks at nothing itself. */
import type { Change, Look } from './changes.ts';
import { frame } from './frame.ts';
import { type Io, screenOf } from './io.ts';
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
  let leave = (_how: 'key' | 'SIGINT') => {};
  const left = new Promise<'key' | 'SIGINT'>((resolve) => {
    leave = resolve;
  });
  const draw = () => {
    if (!last) return;
    const size = { columns: stdout.columns || USUAL.columns, rows: stdout.rows || USUAL.rows };
    const lines = frame({ look: last, history, changes, intervalMs }, screenOf(stdout, io.env), size);
    stdout.write(`${HOME}${lines.map((line) => `${line}${CLEAR_LINE}`).join('\r\n')}${CLEAR_BELOW}`);
  };
  const key = (data: Buffer) => {
    const typed = data.toString('latin1');
    if (typed === CTRL_C) leave('SIGINT');
    else if (typed === 'q' || typed === ESCAPE) leave('key');
  };
  stdout.write(ENTER);
  stdout.on('resize', draw);
  if (stdin.isTTY) {
    stdin.setRawMode?.(true);
    stdin.on('data', key);
    stdin.resume();
  }
  return {
    left,
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
      if (stdin.isTTY) {
        stdin.off('data', key);
        stdin.setRawMode?.(false);
        stdin.pause();
      }
      stdout.write(LEAVE);
    },
  };
}
