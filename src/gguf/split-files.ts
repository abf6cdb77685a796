/** Knows which files a split model consists of: their names and the `split.*` keys. It must not read files. */
import { basename, dirname, join } from 'node:path';
import type { GgufMetadata } from './gguf-metadata.ts';
import { modelFileError, quote } from './model-file.ts';

/** No model has so many shards; the limit bounds the work that a hostile header can cause. */
const MAX_SHARDS = 512;

/**
 * Lists the paths of all shards in order; a model in one file has `path` alone.
 *
 * @throws MemoryGuardError `ERR_MODEL_FILE` if the header's numbers are impossible or do not fit the file's name.
 */
export function listShardPaths(path: string, metadata: GgufMetadata): readonly string[] {
  const count = metadata.get('split.count');
  if (count === undefined || count === 0 || count === 1) return [path];
  const index = metadata.get('split.no');
  if (!isIndex(count, MAX_SHARDS + 1) || !isIndex(index, count)) {
    const found = `split.no ${String(index)} and split.count ${String(count)}`;
    throw modelFileError(path, `be one of at most ${MAX_SHARDS} shards`, found, 'download the file again');
  }
  const suffix = formatShardSuffix(index, count);
  const name = basename(path);
  if (!name.endsWith(suffix)) {
    const advice = 'give all shards their original names';
    throw modelFileError(path, `have a name that ends in ${suffix}, as its header says`, quote(name), advice);
  }
  const stem = join(dirname(path), name.slice(0, -suffix.length));
  return Array.from({ length: count }, (_, shard) => stem + formatShardSuffix(shard, count));
}

/** Throws `ERR_MODEL_FILE` unless this header belongs to the shard with the index `shard` of `paths`. */
export function checkShard(paths: readonly string[], shard: number, metadata: GgufMetadata): void {
  const count = metadata.get('split.count');
  const index = metadata.get('split.no');
  if (count === paths.length && index === shard) return;
  const found = `split.no ${String(index)} and split.count ${String(count)}`;
  const expected = `be shard ${shard + 1} of ${paths.length}`;
  throw modelFileError(String(paths[shard]), expected, found, 'download all shards of one model again');
}

/** Throws `ERR_MODEL_FILE` unless all shards together hold as many tensors as the first one says. */
export function checkTensorCount(path: string, metadata: GgufMetadata, tensors: number): void {
  const expected = metadata.get('split.tensors.count');
  if (expected === undefined || expected === tensors) return;
  const advice = 'download all shards of one model again';
  throw modelFileError(path, `have ${String(expected)} tensors in all shards`, `${tensors}`, advice);
}

function formatShardSuffix(index: number, count: number): string {
  return `-${String(index + 1).padStart(5, '0')}-of-${String(count).padStart(5, '0')}.gguf`;
}

function isIndex(value: unknown, below: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < below;
}
