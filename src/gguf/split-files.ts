/** Which files a split model consists of; it knows the naming and the `split.*` keys, and reads nothing itself. */
import { basename, dirname, join } from 'node:path';
import type { GgufMetadata } from './gguf-metadata.ts';
import { modelFileError, quote } from './model-file.ts';

/** More shards than any model has; bounds the work for a hostile header. */
const MAX_SHARDS = 512;

/** The paths of all shards in order, `path` itself for a model in one file. */
export function shardPaths(path: string, metadata: GgufMetadata): readonly string[] {
  const count = metadata.get('split.count');
  if (count === undefined || count === 0 || count === 1) return [path];
  const index = metadata.get('split.no');
  if (!isIndex(count, MAX_SHARDS + 1) || !isIndex(index, count)) {
    const found = `split.no ${String(index)} and split.count ${String(count)}`;
    throw modelFileError(path, `be one of at most ${MAX_SHARDS} shards`, found, 'download the file again');
  }
  const suffix = shardSuffix(index, count);
  const name = basename(path);
  if (!name.endsWith(suffix)) {
    const advice = 'give all shards their original names';
    throw modelFileError(path, `have a name that ends in ${suffix}, as its header says`, quote(name), advice);
  }
  const stem = join(dirname(path), name.slice(0, -suffix.length));
  return Array.from({ length: count }, (_, shard) => stem + shardSuffix(shard, count));
}

/** Throws unless this header belongs to shard `shard` of `paths`. */
export function checkShard(paths: readonly string[], shard: number, metadata: GgufMetadata): void {
  const count = metadata.get('split.count');
  const index = metadata.get('split.no');
  if (count === paths.length && index === shard) return;
  const found = `split.no ${String(index)} and split.count ${String(count)}`;
  const expected = `be shard ${shard + 1} of ${paths.length}`;
  throw modelFileError(String(paths[shard]), expected, found, 'download all shards of one model again');
}

/** Throws unless the shards hold as many tensors together as the first one says. */
export function checkTensorCount(path: string, metadata: GgufMetadata, tensors: number): void {
  const expected = metadata.get('split.tensors.count');
  if (expected === undefined || expected === tensors) return;
  const advice = 'download all shards of one model again';
  throw modelFileError(path, `have ${String(expected)} tensors in all shards`, `${tensors}`, advice);
}

function shardSuffix(index: number, count: number): string {
  return `-${String(index + 1).padStart(5, '0')}-of-${String(count).padStart(5, '0')}.gguf`;
}

function isIndex(value: unknown, below: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < below;
}
