/** What a caller leaves open about a model's shape: a range of contexts, a choice of cache types. It reads no file. */

import type { ChosenShape, RequestedShape } from '../adapters/adapter.ts';
import { DEFAULT_CONTEXT_RANGE } from '../adapters/default-adapter.ts';
import { copyOptions } from '../core/copy-options.ts';
import { invalidOption } from '../core/errors.ts';
import type { KvCacheType } from '../core/types.ts';
import { checkKvCacheType, type EstimateShape, type Estimator } from '../footprint/estimator.ts';

export interface ShapeRange {
  readonly contextSize: { readonly min: number; readonly max: number };
  /** In order of preference; `undefined` is the runtime's own default. A single type is not checked yet: it may be an SDK's own. */
  readonly kvCacheTypes: readonly unknown[];
  /** The caller wrote no number of tokens, and the SDK can't be told one: this is what it is assumed to make. */
  readonly contextAssumed?: boolean;
  /** Not checked yet: whoever estimates it does that. */
  readonly rest: Omit<RequestedShape, 'contextSize' | 'kvCacheType'>;
}

/**
 * What is left open of a shape, with the guard's own default. The rest has no prototype. `trainedTokens` is what the model's header says, if it does.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION`
 */
export function readShapeRange(shape: RequestedShape = {}, trainedTokens?: number): ShapeRange {
  const rest = copyOptions(shape, '');
  const { contextSize, kvCacheType: types } = rest;
  delete rest['contextSize'];
  delete rest['kvCacheType'];
  return {
    contextSize:
      contextSize === undefined
        ? DEFAULT_CONTEXT_RANGE
        : readContextRange(contextSize === 'trained' ? trainedTokens : contextSize),
    kvCacheTypes: listCacheTypes(types),
    rest,
  };
}

/**
 * The same for an SDK that can't be told what was chosen. It makes the context that its caller wrote; if that is a range, or nothing, as much
 * is assumed as the guard would ever choose. A list of cache types reaches it as it is, so its own default is assumed.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION`
 */
export function assumeShapeRange(shape: RequestedShape = {}, trainedTokens?: number): ShapeRange {
  const { contextSize, kvCacheTypes, rest } = readShapeRange(shape, trainedTokens);
  return {
    contextSize: { min: contextSize.max, max: contextSize.max },
    kvCacheTypes: Array.isArray(shape.kvCacheType) ? [undefined] : kvCacheTypes,
    contextAssumed: typeof shape.contextSize !== 'number',
    rest,
  };
}

/** The largest context of each cache type. */
export function listLargestShapes(
  asked: RequestedShape | undefined,
  trainedTokens: number | undefined,
): readonly EstimateShape[] {
  const { contextSize, kvCacheTypes, rest } = readShapeRange(asked, trainedTokens);
  // What the caller wrote is checked by the estimator, which throws for anything else.
  return kvCacheTypes.map(
    (kvCacheType) =>
      ({
        ...rest,
        contextSize: contextSize.max,
        ...(kvCacheType !== undefined && { kvCacheType }),
      }) as EstimateShape,
  );
}

/** The context that comes next, no larger than the model was trained for; none if nothing is said of it. */
export function listNextShapes(
  next: RequestedShape | undefined,
  { trainedTokens = Number.POSITIVE_INFINITY }: Pick<Estimator, 'trainedTokens'>,
): readonly EstimateShape[] {
  if (next === undefined) return [];
  return listLargestShapes(next, trainedTokens).map((shape) => ({
    ...shape,
    contextSize: Math.min(shape.contextSize ?? trainedTokens, trainedTokens),
  }));
}

/** What the SDK is given: the choice, and one value for each range or list that was left open; `undefined` for nothing. */
export function chooseShape(asked: RequestedShape = {}, choice: ChosenShape): ChosenShape | undefined {
  const { contextSize, kvCacheTypes } = readShapeRange(asked, choice.contextSize ?? 1);
  const tokens = choice.contextSize ?? (typeof asked.contextSize === 'object' ? contextSize.max : undefined);
  const type = choice.kvCacheType ?? (Array.isArray(asked.kvCacheType) ? (kvCacheTypes[0] as KvCacheType) : undefined);
  if (tokens === undefined && type === undefined) return undefined;
  return { ...(tokens !== undefined && { contextSize: tokens }), ...(type !== undefined && { kvCacheType: type }) };
}

function readContextRange(value: unknown): { min: number; max: number } {
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

function listCacheTypes(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) return [value];
  if (value.length > 0) return value.map((each: unknown) => checkKvCacheType(each, 'kvCacheType'));
  throw invalidOption('kvCacheType', 'a type, or a list of at least one', value);
}
