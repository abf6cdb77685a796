/** Copies what an adapter says of a load, so that it is judged as it was asked however long it waits. It checks no value. */
import type { LoadRequest, RequestedShape } from '../adapters/adapter.ts';
import { copyOptions, readOption } from '../core/copy-options.ts';

const REQUEST_KEYS = ['name', 'quantization', 'memoryGuard', 'shape'] as const satisfies readonly (keyof LoadRequest)[];

const SHAPE_KEYS = [
  'contextSize',
  'kvCacheType',
  'batchSize',
  'microBatchSize',
  'flashAttention',
  'mmap',
  'gpuLayers',
  'sequences',
  'fullSlidingCache',
  'embeddings',
  'repack',
  'part',
] as const satisfies readonly (keyof RequestedShape)[];

/** Of a range of contexts, and of a cache's types. */
const VALUE_KEYS = ['min', 'max', 'k', 'v'];

/**
 * The request with the ranges and lists in it. What is missing is `undefined` in it, also if it stands on `Object.prototype`.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` if a part of it throws when it is read.
 */
export function copyRequest(request: LoadRequest): LoadRequest {
  const { name, quantization, memoryGuard, shape } = copyOptions(request, '', REQUEST_KEYS);
  const copied = copyOptions(Object(shape), '', SHAPE_KEYS);
  for (const [key, value] of Object.entries(copied)) copied[key] = copyValue(value, key);
  return { name: name as string, quantization, memoryGuard, shape: copied };
}

function copyValue(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (!readOption(name, () => Array.isArray(value))) return copyOptions(value, name, VALUE_KEYS);
  return readOption(name, () => Array.from(value as readonly unknown[], (each) => copyValue(each, name)));
}
