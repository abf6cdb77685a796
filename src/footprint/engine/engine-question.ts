/** Knows what an engine is asked and what it answers, as data that crosses a channel. It must not ask or compute. */

import type { FileIdentity } from '../../gguf/read-gguf.ts';

/** Parameters by llama.cpp's own names, as numbers; a flag is 0 or 1. What is left out stays as the build has it. */
export type EngineValues = Readonly<Record<string, number>>;

/** Contexts that differ in nothing but their tokens. */
export interface ContextQuestion {
  readonly values: EngineValues;
  readonly leastTokens: number;
  readonly mostTokens: number;
  /** The engine rounds tokens up to a multiple of this. */
  readonly stepTokens: number;
}

/** One model with everything that is asked of it at once: its header is read once. */
export interface EngineQuestion {
  readonly modelPath: string;
  readonly values: EngineValues;
  /** The paths of LoRA adapters that every context is to have. */
  readonly loraPaths: readonly string[];
  readonly contexts: readonly ContextQuestion[];
  readonly projector?: { readonly path: string; readonly values: EngineValues };
}

/** A question with the files that its answer depends on. */
export interface AskedQuestion {
  readonly question: EngineQuestion;
  readonly files: readonly FileIdentity[];
  /** What the process is to take beside its own: what it reads of the header. */
  readonly bytes: number;
}

/** What lies in buffers of one type. */
export interface WeightBuffer {
  /** The engine's name, such as `CPU` or `CPU_REPACK`. */
  readonly name: string;
  /** Whether it is memory of the host, as it lies in the file. */
  readonly host: boolean;
  readonly bytes: number;
}

/** What a context of so many tokens takes. All sizes are bytes. */
export interface ContextPoint {
  readonly tokens: number;
  /** Keys, values and recurrent states. */
  readonly cacheBytes: number;
  /** The states among them, without those that are kept from before a guess. */
  readonly stateBytes: number;
  readonly computeBytes: number;
  readonly outputBytes: number;
  /** What the engine took for itself, as it was seen. */
  readonly runtimeBytes: number;
  /** Whether a line leads to it from the point before; else what lies between may be as much as this. */
  readonly straight: boolean;
}

export interface EngineAnswer {
  readonly weights: readonly WeightBuffer[];
  /** What the engine took for itself when it read the header: the vocabulary above all. */
  readonly runtimeBytes: number;
  /** For each context that was asked for: points from the least to the most tokens. */
  readonly contexts: readonly (readonly ContextPoint[])[];
  /** The weights of the LoRA adapters, if there are any. */
  readonly adapterBytes?: number;
  /** The projector's weights and the buffers of its encoders. Absent also if the build can't tell. */
  readonly projectorBytes?: number;
}

/** Bounds of what is believed: no model has a pebibyte, and no answer more points than are asked for. */
const MOST_BYTES = 2 ** 50;
const MOST_POINTS = 64;
const MOST_BUFFERS = 64;

/** Whether this is an answer to that question: a child that went astray may send anything. */
export function isAnswer(value: unknown, question: EngineQuestion): value is EngineAnswer {
  const { weights, runtimeBytes, contexts, adapterBytes, projectorBytes } = Object(value) as Partial<EngineAnswer>;
  return (
    isList(weights, MOST_BUFFERS, isWeightBuffer) &&
    weights.length > 0 &&
    isBytes(runtimeBytes) &&
    Array.isArray(contexts) &&
    contexts.length === question.contexts.length &&
    contexts.every((points, index) => arePoints(points, question.contexts[index]!)) &&
    (question.loraPaths.length > 0 ? isBytes(adapterBytes) && adapterBytes > 0 : adapterBytes === undefined) &&
    (projectorBytes === undefined ||
      (question.projector !== undefined && isBytes(projectorBytes) && projectorBytes > 0))
  );
}

function arePoints(value: unknown, { leastTokens, mostTokens }: ContextQuestion): boolean {
  if (!isList(value, MOST_POINTS, isPoint)) return false;
  const rises = value.every(({ tokens }, index) => index === 0 || tokens > value[index - 1]!.tokens);
  return rises && value[0]?.tokens === leastTokens && value.at(-1)?.tokens === mostTokens;
}

function isPoint(value: unknown): value is ContextPoint {
  const { tokens, cacheBytes, stateBytes, computeBytes, outputBytes, runtimeBytes, straight } = Object(
    value,
  ) as Partial<ContextPoint>;
  return (
    typeof straight === 'boolean' &&
    [tokens, cacheBytes, stateBytes, computeBytes, outputBytes, runtimeBytes].every(isBytes)
  );
}

function isWeightBuffer(value: unknown): value is WeightBuffer {
  const { name, host, bytes } = Object(value) as Partial<WeightBuffer>;
  return typeof name === 'string' && typeof host === 'boolean' && isBytes(bytes);
}

function isList<T>(value: unknown, most: number, isItem: (item: unknown) => item is T): value is readonly T[] {
  return Array.isArray(value) && value.length <= most && value.every(isItem);
}

function isBytes(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MOST_BYTES;
}
