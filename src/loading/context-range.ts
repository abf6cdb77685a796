/** What a caller leaves open about a model's shape: a range of contexts, a choice of cache types. It reads no file. */

import type { ChosenShape, RequestedShape } from '../adapters/adapter.ts';
import { DEFAULT_CONTEXT_RANGE } from '../adapters/default-adapter.ts';
import { describe, invalidOption } from '../core/errors.ts';
import type { EstimateShape } from '../footprint/estimate-footprint.ts';

export interface ShapeRange {
  readonly contextSize: { readonly min: number; readonly max: number };
  /** In order of preference; `undefined` is the runtime's own default. */
  readonly kvCacheTypes: readonly (string | undefined)[];
  /** Checked where it is estimated. */
  readonly rest: EstimateShape;
}

/** Throws `ERR_INVALID_OPTION`. */
export function readShapeRange(shape: RequestedShape = {}): ShapeRange {
  const { contextSize, kvCacheType, ...rest } = shape;
  return {
    contextSize: contextSize === undefined ? DEFAULT_CONTEXT_RANGE : contextRange(contextSize),
    kvCacheTypes: cacheTypes(kvCacheType),
    rest: rest as EstimateShape,
  };
}

/** What the SDK is given: the choice, and one value for each range or list that was left open; `undefined` for nothing. */
export function chooseShape(asked: RequestedShape = {}, choice: ChosenShape): ChosenShape | undefined {
  const { contextSize, kvCacheTypes } = readShapeRange(asked);
  const tokens = choice.contextSize ?? (typeof asked.contextSize === 'object' ? contextSize.max : undefined);
  const type = choice.kvCacheType ?? (Array.isArray(asked.kvCacheType) ? kvCacheTypes[0] : undefined);
  if (tokens === undefined && type === undefined) return undefined;
  return { ...(tokens !== undefined && { contextSize: tokens }), ...(type !== undefined && { kvCacheType: type }) };
}

function contextRange(value: unknown): { min: number; max: number } {
  const { min, max } =
    typeof value === 'object' && value !== null
      ? (value as { min?: unknown; max?: unknown })
      : { min: value, max: value };
  if (isTokens(min) && isTokens(max) && min <= max) return { min, max };
  throw invalidOption('contextSize', 'a whole number of tokens, or { min, max } with min <= max', value);
}

function isTokens(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value < 2 ** 31;
}

function cacheTypes(value: unknown): readonly (string | undefined)[] {
  if (!Array.isArray(value)) return [value as string | undefined];
  if (value.length > 0) return value;
  throw invalidOption('kvCacheType', 'a type, or a list of at least one', describe(value));
}
