/** Tells what a load takes while it runs, and once more at its end. It reads no memory itself, and decides nothing. */
import { followBlockingCalls } from '../core/blocking-calls.ts';
import type { Clock } from '../core/clock.ts';
import type { LoadMeter } from '../machine/machine.ts';

export interface FollowLoadParts {
  /** Absent if the system doesn't tell what a load takes: then nothing is told. */
  readonly meter: LoadMeter | undefined;
  readonly clock: Clock;
  /** Whether a call on a model has run beside the load. What is taken from then on may be that call's. */
  readonly wasCalled: () => boolean;
  readonly took: (bytes: number) => void;
}

/** As often as the meter looks at most. */
const INTERVAL_MS = 25;

export class FollowedLoad {
  readonly #parts: FollowLoadParts;
  #cancel: (() => void) | undefined;
  #told = false;
  #unfollow: (() => void) | undefined;

  /** To be called just before the SDK is. */
  constructor(parts: FollowLoadParts) {
    this.#parts = parts;
  }

  /** The SDK's call has returned, and its load goes on. It may block again later. */
  returned(): void {
    const { meter, wasCalled } = this.#parts;
    if (!meter) return;
    meter.blocked(false);
    this.#wait(meter);
    this.#unfollow = followBlockingCalls((blocked) => meter.blocked(blocked && !wasCalled()));
  }

  /** The load is done: looks once more, if there is anything to see. */
  async finish(): Promise<void> {
    this.#cancel?.();
    const { meter } = this.#parts;
    if (!meter || !(this.#told || meter.moved())) return;
    try {
      await meter.look();
      this.#tell(meter);
    } catch {
      // There is no more memory or thread to look with: then nothing more pays.
    }
  }

  /** The load is over, however it ended. */
  close(): void {
    this.#cancel?.();
    this.#unfollow?.();
    this.#parts.meter?.close();
  }

  #wait(meter: LoadMeter): void {
    this.#cancel = this.#parts.clock.schedule(() => {
      this.#tell(meter);
      this.#wait(meter);
    }, INTERVAL_MS);
  }

  #tell(meter: LoadMeter): void {
    const { wasCalled, took } = this.#parts;
    const bytes = meter.readTakenBytes();
    if (bytes === undefined || wasCalled()) return;
    this.#told = true;
    meter.took(bytes);
    took(bytes);
  }
}
