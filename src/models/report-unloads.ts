/** Tells of models that are gone once their memory is seen to be back. It disposes nothing. */

import { modelInWords, unloadSentence } from '../admission/decision-messages.ts';
import type { Clock } from '../core/clock.ts';
import type { LoadNeed, Quantization } from '../core/types.ts';
import type { HowGone, UnloadedEvent } from '../events/guard-events.ts';
import { memoryReturned } from './memory-returned.ts';

/** A model that is gone. */
export interface UnloadedModel {
  readonly how: HowGone;
  readonly name: string;
  readonly quantization: Quantization | undefined;
  readonly need: LoadNeed;
  /** Files whose page cache goes with it. */
  readonly files: readonly string[];
  /** Headroom before its disposal began; `undefined` where it could not be read. */
  readonly beforeBytes: number | undefined;
}

export interface UnloadReportsParts {
  readonly clock: Clock;
  /** Headroom now; `undefined` where it can't be read. */
  readonly freeBytes: () => number | undefined;
  /** Gives back what is garbage, once for all models that are gone at that moment. */
  readonly giveBack: (files: () => readonly string[]) => Promise<void>;
  readonly tell: (event: UnloadedEvent) => void;
}

export class UnloadReports {
  readonly #parts: UnloadReportsParts;
  #gone: { readonly gone: UnloadedModel; readonly told: () => void }[] = [];
  #telling = false;

  constructor(parts: UnloadReportsParts) {
    this.#parts = parts;
  }

  /** Resolves when its memory is seen to be back, and told. */
  add(gone: UnloadedModel): Promise<void> {
    const seen = new Promise<void>((told) => this.#gone.push({ gone, told }));
    if (!this.#telling) void this.#tellAll();
    return seen;
  }

  async #tellAll(): Promise<void> {
    this.#telling = true;
    while (this.#gone.length > 0) {
      await this.#parts.giveBack(() => this.#gone.flatMap(({ gone }) => gone.files));
      const together = this.#gone.splice(0);
      await this.#tellTogether(together.map(({ gone }) => gone));
      for (const { told } of together) told();
    }
    this.#telling = false;
  }

  /** What came back with several models can't be told apart, so it stands with the last of them, once. */
  async #tellTogether(gone: readonly UnloadedModel[]): Promise<void> {
    const { clock, freeBytes, tell } = this.#parts;
    const before = gone.map(({ beforeBytes }) => beforeBytes);
    const fromBytes = before.includes(undefined) ? undefined : Math.min(...(before as number[]));
    const expectedBytes = gone.reduce((sum, { need }) => sum + need.mappedBytes + need.anonymousBytes, 0);
    const returned = await memoryReturned(clock, freeBytes, fromBytes, expectedBytes);
    for (const [index, { how, name, quantization }] of gone.entries()) {
      const told = index === gone.length - 1 ? returned : { elapsedMs: returned.elapsedMs };
      const others = told.freedBytes !== undefined ? gone.length - 1 : 0;
      const evicted = how === 'memory' || how === 'keep-alive';
      tell({
        type: evicted ? 'evicted' : how,
        ...(evicted && { reason: how }),
        message: unloadSentence(modelInWords(name, quantization), how, told, others),
        atMs: clock.nowMs(),
        model: name,
        ...(quantization && { quantization }),
        ...told,
      });
    }
  }
}
