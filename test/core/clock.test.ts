import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { runProgram } from '../support/run-program.ts';

/** Runs `body` in a process of its own with the system's clock in scope. */
function runWithClock(body: string) {
  const clock = new URL('../../lib/core/clock.js', import.meta.url).href;
  return runProgram(`const { systemClock } = await import(${JSON.stringify(clock)});\n${body}`);
}

describe('the system clock', () => {
  it('never goes back, and can be replaced but not changed', () => {
    const times = Array.from({ length: 1000 }, () => systemClock.nowMs());
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(Object.isFrozen(systemClock)).toBe(true);
  });

  it('calls back once, and not before the delay is over', async () => {
    const startMs = systemClock.nowMs();
    let calls = 0;
    await new Promise<void>((resolve) => {
      systemClock.schedule(() => {
        calls += 1;
        systemClock.schedule(resolve, 20);
      }, 20);
    });
    expect(calls).toBe(1);
    // Node's timers count whole milliseconds.
    expect(systemClock.nowMs() - startMs).toBeGreaterThanOrEqual(38);
  });

  it('does not call back what was cancelled', async () => {
    let calls = 0;
    const cancel = systemClock.schedule(() => {
      calls += 1;
    }, 5);
    cancel();
    await new Promise<void>((resolve) => systemClock.schedule(resolve, 20));
    expect(calls).toBe(0);
  });

  it('keeps a process alive only if that is asked for', async () => {
    const kept = await runWithClock(`systemClock.schedule(() => console.log('called'), 30, true);`);
    expect(kept).toMatchObject({ code: 0, stdout: 'called\n' });
    const left = await runWithClock(`systemClock.schedule(() => console.log('called'), 30);`);
    expect(left).toMatchObject({ code: 0, stdout: '' });
  });
});
