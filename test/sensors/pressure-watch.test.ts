import { describe, expect, it, vi } from 'vitest';
import { watchPressure } from '../../src/sensors/pressure-watch.ts';

describe('the notices of pressure', () => {
  class PressureWatch {
    static last: PressureWatch | undefined;
    readonly changed: () => void;
    open = true;

    constructor(changed: () => void) {
      this.changed = changed;
      PressureWatch.last = this;
    }

    close(): void {
      this.open = false;
    }
  }

  it('wake, until nobody wants them any more', () => {
    const changed = vi.fn();
    const stop = watchPressure(changed, { PressureWatch }, true);
    PressureWatch.last?.changed();
    expect(changed).toHaveBeenCalledTimes(1);
    stop();
    expect(PressureWatch.last?.open).toBe(false);
  });

  it('are not asked for in a worker, without an addon, or if the system can not be asked', () => {
    PressureWatch.last = undefined;
    watchPressure(() => {}, { PressureWatch }, false)();
    watchPressure(() => {}, {}, true)();
    watchPressure(() => {})();
    class Broken {
      constructor() {
        throw new Error('the system can not be asked');
      }
      close(): void {}
    }
    watchPressure(() => {}, { PressureWatch: Broken }, true)();
    expect(PressureWatch.last).toBeUndefined();
  });
});
