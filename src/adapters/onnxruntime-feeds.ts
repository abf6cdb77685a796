/** Reads how large the inputs of a run are, and its outputs as far as the model tells. It knows the module's names and no memory numbers. */
import type { CallInput } from '../core/call-input.ts';

/** What this file uses of a session. */
export interface InferenceSession {
  readonly inputNames: readonly string[];
  readonly inputMetadata?: readonly Metadata[];
  readonly outputMetadata?: readonly Metadata[];
}

/** A dimension is a number, or the name of one that is found in the inputs. */
interface Metadata {
  readonly name: string;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}

/** Bytes of an element, by the name of its type; 4 for all others. */
const ELEMENT_BYTES: Readonly<Record<string, number>> = {
  float64: 8,
  int64: 8,
  uint64: 8,
  float16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

/** `undefined` for feeds that the engine refuses by itself. */
export function measureFeeds(session: InferenceSession, feeds: unknown): CallInput | undefined {
  const given = Object(feeds) as Readonly<Record<string, unknown>>;
  const sizes = new Map<string, number>();
  let [elements, inputBytes] = [0, 0];
  for (const [place, name] of session.inputNames.entries()) {
    const { dims, type } = Object(given[name]) as { readonly dims?: unknown; readonly type?: unknown };
    if (!Array.isArray(dims) || !dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) return undefined;
    const count = multiply(dims);
    elements += count;
    inputBytes += count * bytesOf(type);
    const names = session.inputMetadata?.[place]?.shape ?? [];
    for (const [at, dim] of names.entries()) if (typeof dim === 'string') sizes.set(dim, dims[at] ?? 1);
  }
  // Dimensions that no input has are together taken for as many as the inputs have elements.
  const outputBytes = (session.outputMetadata ?? []).reduce((sum, { shape = [], type }) => {
    const known = shape.map((dim) => (typeof dim === 'number' ? dim : sizes.get(dim)));
    const count = multiply(known.map((dim) => dim ?? 1)) * (known.includes(undefined) ? Math.max(1, elements) : 1);
    return sum + count * bytesOf(type);
  }, 0);
  return Number.isSafeInteger(elements + inputBytes + outputBytes) ? { elements, inputBytes, outputBytes } : undefined;
}

function multiply(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

function bytesOf(type: unknown): number {
  return ELEMENT_BYTES[String(type)] ?? 4;
}
