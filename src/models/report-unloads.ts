/** Tells of models that are gone once their memory is seen to be back. It disposes nothing. */

import { formatBytes } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { neededBytes } from '../core/needed-bytes.ts';
import type { QuantizationName } from '../core/quantizations.ts';
import type { LoadNeed } from '../core/types.ts';
import type { EvictedEvent, EvictionChoice, UnloadCause, UnloadedEvent } from '../events/guard-events.ts';
import { formatModelName } from '../policy/decision.ts';
import type { CountKept } from './kept-memory.ts';
import { memoryReturned, type Returned } from './memory-returned.ts';

/** A model that is gone. */
export interface UnloadedModel {
  readonly cause: ToldCause;
  readonly name: string;
  readonly quantization: QuantizationName | undefined;
  /** The file that was loaded. `undefined` if it isn't known. */
  readonly modelPath?: string | undefined;
  readonly need: LoadNeed;
  /** Why it was chosen to make room. */
  readonly choice?: EvictionChoice | undefined;
  /** Files whose page cache goes with it. */
  readonly files: readonly string[];
  /** Headroom before its disposal began; `undefined` if it could not be read. */
  readonly beforeBytes: number | undefined;
  /** Counts what its engine did not give back, once the rest is seen to be back. */
  readonly countKept?: CountKept | undefined;
}

export interface UnloadReportsParts {
  readonly clock: Clock;
  /** Headroom now; `undefined` if it can't be read. */
  readonly freeBytes: () => number | undefined;
  /** Gives back what is garbage, once for all models that are gone at that moment. */
  readonly releaseMemory: (files: () => readonly string[]) => Promise<void>;
  readonly tell: (event: UnloadedEvent | EvictedEvent) => void;
}

/** What is told of here: a model that was killed is told of at once, elsewhere. */
type ToldCause = Exclude<UnloadCause, 'killed'>;

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
      await this.#parts.releaseMemory(() => this.#gone.flatMap(({ gone }) => gone.files));
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
    const expectedBytes = gone.reduce((sum, { need }) => sum + neededBytes(need), 0);
    const returned = await memoryReturned(clock, freeBytes, fromBytes, expectedBytes);
    // Of several that went together nobody knows whose it is.
    const keptBytes = gone.length === 1 ? gone[0]!.countKept?.() : undefined;
    for (const [index, model] of gone.entries()) {
      const told = index === gone.length - 1 ? returned : { elapsedMs: returned.elapsedMs };
      const others = told.freedBytes === undefined ? 0 : gone.length - 1;
      tell(makeEvent(model, { ...told, ...(keptBytes !== undefined && { keptBytes }) }, others, clock.nowMs()));
    }
  }
}

function makeEvent(
  { cause, name, quantization, modelPath, choice }: UnloadedModel,
  returned: Returned & Kept,
  others: number,
  atMs: number,
): UnloadedEvent | EvictedEvent {
  const facts = {
    message: describeUnload(formatModelName(name, quantization), cause, returned, { others, choice }),
    atMs,
    model: name,
    ...(quantization && { quantization }),
    ...(modelPath !== undefined && { modelPath }),
    ...returned,
  };
  return cause === 'memory' || cause === 'keep-alive'
    ? { type: 'evicted', reason: cause, ...facts, ...(cause === 'memory' && choice) }
    : { type: returned.keptBytes === undefined ? cause : 'leaked', ...facts };
}

/** What an engine did not give back. */
interface Kept {
  readonly keptBytes?: number;
}

/** A model that is gone, and what came back. */
export function describeUnload(
  model: string,
  cause: ToldCause,
  returned: Returned & Kept,
  { others = 0, choice }: { readonly others?: number; readonly choice?: EvictionChoice | undefined } = {},
): string {
  const { freedBytes, elapsedMs, keptBytes } = returned;
  const together = others > 0 ? `, with ${others} other${others > 1 ? 's' : ''}` : '';
  const back = `${freedBytes ? formatBytes(freedBytes) : 'nothing'} came back in ${Math.round(elapsedMs)} ms${together}`;
  const kept = keptBytes === undefined ? '' : `; its engine keeps ${formatBytes(keptBytes)} until the process ends`;
  const freed = (freedBytes === undefined ? '' : `; ${back}`) + kept;
  if (cause === 'unloaded') return `Unloaded ${model}${freed}.`;
  if (cause === 'memory') return `Evicted ${model}, which was idle${describeChoice(choice)}${freed}.`;
  if (cause === 'keep-alive') return `Unloaded ${model}, which was idle for too long${freed}.`;
  return `The handle of ${model} was lost without being disposed: the model was disposed${freed}.`;
}

function describeChoice(choice: EvictionChoice | undefined): string {
  if (!choice) return ', to make room';
  const { madeRoomFor, idleMs, reloadMs, young } = choice;
  const [idle, reload] = [idleMs, reloadMs].map((ms) => `${(ms / 1000).toFixed(1)} s`);
  const early = young ? ', though it was loaded just before' : '';
  return ` for ${idle} and takes ${reload} to load again, to make room for ${madeRoomFor}${early}`;
}
