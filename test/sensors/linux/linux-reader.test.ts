/** How the reader deals with engines that fail; the engines here are made up. */
import { describe, expect, it } from 'vitest';
import { LinuxReader } from '../../../src/sensors/linux/linux-reader.ts';
import {
  DONE,
  FAILED,
  MOVED,
  type ReadEngine,
  type ReadOutcome,
  type ReadPlan,
  type ReadProblem,
} from '../../../src/sensors/linux/read-plan.ts';
import { AVAILABLE, LIMIT } from '../../../src/sensors/scope-rows.ts';
import { getFixture } from '../../support/fixtures.ts';

/** Engines that end their readings as told, one outcome per reading over all of them. */
function readerWith(outcomes: readonly ReadOutcome[], problem?: ReadProblem) {
  const log = { opened: 0, closed: 0 };
  let reading = 0;
  const open = (plan: ReadPlan): ReadEngine => {
    log.opened++;
    const rows = plan.initial.slice();
    rows[LIMIT] = 1000;
    rows[AVAILABLE] = 600;
    return {
      rows,
      read: () => outcomes[reading++] as ReadOutcome,
      problem: () => problem,
      close: () => void log.closed++,
    };
  };
  return { reader: new LinuxReader({ root: getFixture('host-only'), swap: false, source: 'procfs', open }), log };
}

describe('a reader whose group moves', () => {
  it('resolves once more and answers', () => {
    const { reader, log } = readerWith([MOVED, MOVED, DONE, DONE]);
    expect(reader.measure()).toEqual({ totalBytes: 1000, availableBytes: 600, hostBinds: true });
    expect(log).toEqual({ opened: 3, closed: 2 });
    reader.measure();
    expect(log.opened).toBe(3);
  });

  it('gives up when it never stays', () => {
    const { reader, log } = readerWith([MOVED, MOVED, MOVED]);
    expect(() => reader.measure()).toThrow(
      'Expected our control group to stay the same while it is read, but it moved three times; read again.',
    );
    expect(log).toEqual({ opened: 3, closed: 3 });
  });

  it('names the file that stays away', () => {
    const { reader } = readerWith([MOVED, MOVED, MOVED], { file: '/sys/gone', errno: 'ENODEV' });
    expect(() => reader.measure()).toThrow('Expected to read /sys/gone, but it failed with ENODEV');
  });
});

describe('a reader whose file fails', () => {
  it('does not try again, and starts afresh at the next reading', () => {
    const { reader, log } = readerWith([FAILED, DONE], { file: '/sys/x', expected: 'a number', found: 'y' });
    expect(() => reader.snapshot()).toThrow('Expected a number in /sys/x, but found "y"');
    expect(log).toEqual({ opened: 1, closed: 1 });
    expect(reader.snapshot().availableBytes).toBe(600);
  });
});

describe('a reader that is closed', () => {
  it('reads nothing and opens nothing again, whatever it is asked', () => {
    const { reader, log } = readerWith([DONE]);
    reader.measure();
    expect(reader.scopeKeys()).toHaveLength(1);
    expect(reader.readFrom()).not.toEqual([]);
    reader.close();
    const calls = ['measure', 'measureScopes', 'snapshot', 'scopeKeys', 'readFrom'] as const;
    for (const call of calls) expect(() => reader[call](), call).toThrow('but this one was closed');
    expect(reader.limits()).toEqual([]);
    expect(log).toEqual({ opened: 1, closed: 1 });
  });
});
