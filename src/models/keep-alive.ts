/** How long each model has been idle, and what becomes of one that was so for too long. It disposes nothing itself. */
import type { Clock } from '../core/clock.ts';
import type { LoadNeed } from '../core/types.ts';
import type { HeldModel } from './held-model.ts';

export interface KeepAliveParts {
  /** How long a model may be idle. Absent if that is for ever. */
  readonly keepAliveMs: number | undefined;
  readonly clock: Clock;
  /** Called if a model was idle for too long. */
  readonly expired: (held: HeldModel) => void;
}

/** When an idle model ends if nothing uses it until then, by the guard's clock, and what it gives back. */
export interface IdleEnd {
  readonly atMs: number;
  readonly need: LoadNeed;
}

export class KeepAlive {
  readonly #parts: KeepAliveParts;

  constructor(parts: KeepAliveParts) {
    this.#parts = parts;
  }

  /** The idle time of a model begins anew, if it is idle. */
  begin(held: HeldModel): void {
    const { clock, expired } = this.#parts;
    const { keepAliveMs = this.#parts.keepAliveMs } = held.facts.methods;
    this.end(held);
    if (keepAliveMs === undefined || !held.idle) return;
    held.cancelKeepAlive = clock.schedule(() => expired(held), keepAliveMs);
    held.keepAliveUntilMs = clock.nowMs() + keepAliveMs;
  }

  /** The idle time of a model ends: something runs on it, or it is gone. */
  end(held: HeldModel): void {
    held.cancelKeepAlive?.();
    held.cancelKeepAlive = undefined;
    held.keepAliveUntilMs = undefined;
  }
}
