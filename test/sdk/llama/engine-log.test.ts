import { expect, test, vi } from 'vitest';
import type { NativeEngineLog } from '../../../src/addon/addon.ts';
import { EngineLog, findReason } from '../../../src/sdk/llama/engine-log.ts';
import type { LogLevel } from '../../../src/sdk/runtime.ts';

/** The addon's part with lines of the test's own. */
function fakeNative(
  lines: (number | string)[] = [],
): NativeEngineLog & { calls: string[]; lines: (number | string)[] } {
  const calls: string[] = [];
  return {
    calls,
    lines,
    silence: (path) => {
      calls.push(`silence ${path}`);
      return { loggers: 4, calls: 2, catches: true, holds: true };
    },
    keep: (level) => calls.push(`keep ${level}`),
    drain: () => lines.splice(0),
    catchNextThrow: (on) => calls.push(`catch ${on}`),
    holdNextWork: () => calls.push('hold'),
    startHeldWork: () => {
      calls.push('start');
      return true;
    },
  };
}

test('silences the library it is given, and nothing without one', () => {
  const native = fakeNative();
  new EngineLog('/lib/index.node', native);
  new EngineLog(undefined, native);
  expect(native.calls).toEqual(['silence /lib/index.node']);
});

test('hands lines on with their level and returns the errors', () => {
  const native = fakeNative([0, 'plain\n', 1, 'debug', 2, 'info\n\n', 3, 'warn', 4, 'error\n', 2, '\n', 9, 'odd']);
  const log = new EngineLog(undefined, native);
  const heard: [LogLevel, string][] = [];
  log.listen((level, text) => heard.push([level, text]));
  expect(log.flush()).toEqual(['error']);
  expect(heard).toEqual([
    ['info', 'plain'],
    ['debug', 'debug'],
    ['info', 'info'],
    ['warn', 'warn'],
    ['error', 'error'],
    ['info', 'odd'],
  ]);
  expect(log.flush()).toEqual([]);
});

test('asks for all lines as long as anyone listens, and for errors after that', () => {
  const native = fakeNative();
  const log = new EngineLog(undefined, native);
  const first = log.listen(() => {});
  const second = log.listen(() => {});
  first();
  expect(native.calls).toEqual(['keep 0', 'keep 0']);
  second();
  expect(native.calls).toEqual(['keep 0', 'keep 0', 'keep 4']);
});

test('survives a listener that throws, and tells the others', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const log = new EngineLog(undefined, fakeNative([2, 'line']));
  const heard: string[] = [];
  const error = new Error('mine');
  log.listen(() => {
    throw error;
  });
  log.listen(() => {
    throw 'text';
  });
  log.listen((_level, text) => heard.push(text));
  log.flush();
  expect(heard).toEqual(['line']);
  expect(warn.mock.calls).toEqual([[error], ['text']]);
  warn.mockRestore();
});

test('catches throws during a load only, however it ends', async () => {
  const native = fakeNative();
  const log = new EngineLog(undefined, native);
  expect(await log.catchThrows(async () => native.calls.push('load'))).toBe(2);
  await expect(log.catchThrows(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(native.calls).toEqual(['catch true', 'load', 'catch false', 'catch true', 'catch false']);
});

test('starts work after the call that asks for it', async () => {
  const native = fakeNative();
  const log = new EngineLog(undefined, native);
  expect(await log.startWork(async () => native.calls.push('call'))).toBe(2);
  expect(() =>
    log.startWork(() => {
      throw new Error('at once');
    }),
  ).toThrow('at once');
  expect(native.calls).toEqual(['hold', 'call', 'start', 'hold', 'start']);
});

test('rejects where no thread takes the work', async () => {
  const log = new EngineLog(undefined, { ...fakeNative(), startHeldWork: () => false });
  await expect(log.startWork(() => new Promise(() => {}))).rejects.toThrow('no thread took the work');
});

test('keeps console.log out of the output during a call only', () => {
  const spy = vi.spyOn(console, 'log').mockImplementation(() => {});
  const log = new EngineLog(undefined, fakeNative());
  const heard: string[] = [];
  log.listen((_level, text) => heard.push(text));
  log.withoutConsole(() => console.log('inside', 1));
  expect(() =>
    log.withoutConsole(() => {
      throw new Error('no');
    }),
  ).toThrow('no');
  console.log('outside');
  expect(spy.mock.calls).toEqual([['outside']]);
  expect(heard).toEqual(['inside 1']);
  spy.mockRestore();
});

test('does its work without the addon', async () => {
  const log = new EngineLog('/lib/index.node', null);
  log.listen(() => {})();
  expect(log.flush()).toEqual([]);
  expect(await log.catchThrows(async () => 1)).toBe(1);
  expect(await log.startWork(async () => 2)).toBe(2);
});

test('finds the line that says why', () => {
  expect(findReason(['', 'a: failed', 'x: error loading model: bad tensor'])).toBe('bad tensor');
  expect(findReason(['', 'first', 'second'])).toBe('first');
  expect(findReason([])).toBeUndefined();
});
