/** Tells of models that are gone once their memory is seen to be back. It disposes nothing. */
import type { Clock } from '../clock.ts';
import type { UnloadedEvent } from '../events.ts';
import { modelInWords, unloadSentence } from '../sentences.ts';
import type { Need, Quantization } from '../types.ts';
import { memoryReturned } from './returned.ts';

/** A model that is gone. */
export interface Gone {
  readonly how: 'unloaded' | 'leaked';
  readonly name: string;
  readonly quantization: Quantization | undefined;
  readonly need: Need;
  /** Headroom before its disposal began; `undefined` where it could not be read. */
  readonly beforeBytes: number | undefined;
}

export interface UnloadsParts {
  readonly clock: Clock;
  /** Headroom now; `undefined` where it can't be read. */
  readonly freeBytes: () => number | undefined;
  /** Gives back what is garbage, once for all models that are gone at that moment. */
  readonly giveBack: () => Promise<void>;
  readonly tell: (event: UnloadedEvent) => void;
}

export class Unloads {
  readonly #parts: UnloadsParts;
  #gone: Gone[] = [];
  #telling = false;

  constructor(parts: UnloadsParts) {
    this.#parts = parts;
  }

  add(gone: Gone): void {
    this.#gone.push(gone);
    if (!this.#telling) void this.#tellAll();
  }

  async #tellAll(): Promise<void> {
    this.#telling = true;
    while (this.#gone.length > 0) {
      await this.#parts.giveBack();
      await this.#tellTogether(this.#gone.splice(0));
    }
    this.#telling = false;
  }

  /** What came back with several models can't be told apart, so it stands with the last of them, once. */
  async #tellTogether(gone: readonly Gone[]): Promise<void> {
    const { clock, freeBytes, tell } = this.#parts;
    const before = gone.map(({ beforeBytes }) => beforeBytes);
    const fromBytes = before.includes(undefined) ? undefined : Math.min(...(before as number[]));
    const expectedBytes = gone.reduce((sum, { need }) => sum + need.mappedBytes + need.anonymousBytes, 0);
    const returned = await memoryReturned(clock, freeBytes, fromBytes, expectedBytes);
    for (const [index, { how, name, quantization }] of gone.entries()) {
      const told = index === gone.length - 1 ? returned : { elapsedMs: returned.elapsedMs };
      const others = told.freedBytes !== undefined ? gone.length - 1 : 0;
      tell({
        type: how,
        message: unloadSentence(modelInWords(name, quantization), how, told, others),
        atMs: clock.nowMs(),
        model: name,
        ...(quantization && { quantization }),
        ...told,
      });
    }
  }
}
