/** Copies what an adapter says of a load, so that it is judged as it was asked however long it waits. It checks no value. */
import type { LoadRequest, RequestedShape } from '../adapters/adapter.ts';
import { copyOptions, readOption } from '../core/copy-options.ts';

const REQUEST_KEYS = [
  'name',
  'quantization',
  'memoryGuard',
  'shape',
  'nextContext',
] as const satisfies readonly (keyof LoadRequest)[];

const SHAPE_KEYS = Object.keys({
  contextSize: true,
  kvCacheType: true,
  batchSize: true,
  microBatchSize: true,
  flashAttention: true,
  mmap: true,
  mlock: true,
  directIo: true,
  simulatesLoads: true,
  gpuLayers: true,
  sequences: true,
  unifiedKvCache: true,
  fullSlidingCache: true,
  embeddings: true,
  pooling: true,
  repack: true,
  loraPaths: true,
  maxImagePixels: true,
  audioSeconds: true,
  logits: true,
  stateCacheBytes: true,
  stateSnapshots: true,
  stateSnapshotTokens: true,
  contextShift: true,
  draftTokens: true,
  draftRole: true,
  draftKvCacheType: true,
  session: true,
  part: true,
} satisfies Record<keyof RequestedShape, true>);

/** Of a range of contexts, and of a cache's types. */
const VALUE_KEYS = ['min', 'max', 'k', 'v'];

/**
 * The request with the ranges and lists in it. What is missing is `undefined` in it, also if it stands on `Object.prototype`.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` if a part of it throws when it is read.
 */
export function copyRequest(request: LoadRequest): LoadRequest {
  const { name, quantization, memoryGuard, shape, nextContext } = copyOptions(request, '', REQUEST_KEYS);
  return {
    name: name as string,
    quantization,
    memoryGuard,
    shape: copyShape(shape),
    ...(nextContext !== undefined && { nextContext: copyShape(nextContext) }),
  };
}

function copyShape(shape: unknown): RequestedShape {
  const copied = copyOptions(Object(shape), '', SHAPE_KEYS);
  for (const [key, value] of Object.entries(copied)) copied[key] = copyValue(value, key);
  return copied;
}

function copyValue(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (!readOption(name, () => Array.isArray(value))) return copyOptions(value, name, VALUE_KEYS);
  return readOption(name, () => Array.from(value as readonly unknown[], (each) => copyValue(each, name)));
}
