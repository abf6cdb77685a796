import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { detectScreen, openProcessIo, writeJson } from '../../src/cli/io.ts';
import { fakeIo } from '../support/fake-io.ts';

describe('the process as the command line sees it', () => {
  it('exits with 0 if its reader goes away, and with 1 if writing fails otherwise', () => {
    const exits: number[] = [];
    const errors: ((error: { code: string }) => void)[] = [];
    const stdout = { on: (_event: string, listener: (error: { code: string }) => void) => errors.push(listener) };
    openProcessIo({ ...process, stdout, env: {} } as never, (code) => void exits.push(code));
    for (const code of ['EPIPE', 'EIO']) errors[0]?.({ code });
    expect(exits).toEqual([0, 1]);
  });

  it('goes on if nobody reads its errors', () => {
    const exits: number[] = [];
    const stderr = new EventEmitter();
    openProcessIo({ ...process, stdout: { on() {} }, stderr, env: {} } as never, (code) => void exits.push(code));
    expect(() => stderr.emit('error', Object.assign(new Error('gone'), { code: 'EPIPE' }))).not.toThrow();
    expect(exits).toEqual([]);
  });

  it('hears Ctrl-C until it is told to stop', () => {
    const before = process.listenerCount('SIGINT');
    const heard: string[] = [];
    const io = openProcessIo({ ...process, stdout: { on() {} }, env: {} } as never, () => {});
    const stop = io.onInterrupt((signal) => void heard.push(signal));
    process.emit('SIGINT', 'SIGINT');
    stop();
    expect(heard).toEqual(['SIGINT']);
    expect(process.listenerCount('SIGINT')).toBe(before);
  });
});

describe('the screen', () => {
  it('is coloured on a terminal only, and not if `NO_COLOR` or a dumb terminal forbids it', () => {
    const colored = (isTTY: boolean, env: NodeJS.ProcessEnv) => detectScreen({ isTTY }, env).colors.red('x') !== 'x';
    expect(colored(true, {})).toBe(true);
    expect(colored(true, { FORCE_COLOR: '1', CI: '1' })).toBe(true);
    expect([colored(false, {}), colored(false, { CI: '1', FORCE_COLOR: '1' })]).toEqual([false, false]);
    expect([colored(true, { NO_COLOR: '1' }), colored(true, { TERM: 'dumb' })]).toEqual([false, false]);
  });

  it('is as wide as the terminal, and as a page without one', () => {
    expect(detectScreen({ isTTY: true, columns: 72 }, {}).width).toBe(72);
    expect(detectScreen({ columns: 72 }, {}).width).toBe(100);
  });

  it('has blocks and arrows unless the terminal is known to have none', () => {
    expect(['xterm', 'linux', 'dumb'].map((TERM) => detectScreen({}, { TERM }).unicode)).toEqual([true, false, false]);
  });
});

it('JSON is indented and ends with a line end', () => {
  const io = fakeIo();
  writeJson(io, { a: 1 });
  expect(io.stdout.text).toBe('{\n  "a": 1\n}\n');
});
