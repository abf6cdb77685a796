/** Load calls of SDKs that take one object with the path of a file in it. It opens no file. */
import { resolve } from 'node:path';
import { changeOptions, copyOptions } from '../core/copy-options.ts';
import { describe, MemoryGuardError } from '../core/errors.ts';
import { objectOf } from '../core/validate.ts';

type PathOptions<K extends string> = { readonly [name: string]: unknown } & Readonly<Record<K, string>>;

/**
 * The options of a load: a copy of its first argument, with a path under `key`. `names` are the options that it may inherit, `kind` what the path leads to.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` if the argument is no object, `ERR_UNKNOWN_MODEL` if it has no such path.
 */
export function readPathOptions<K extends string>(
  [options]: readonly unknown[],
  key: K,
  names: readonly string[] = [],
  kind = 'a GGUF file',
): PathOptions<K> {
  const object = objectOf<object>(`an object with \`${key}\`, the path of ${kind}`)(options, 'options');
  const given = copyOptions(object, '', [key, 'memoryGuard', ...names]);
  const path = given[key];
  if (typeof path === 'string' && path !== '') return given as unknown as PathOptions<K>;
  throw new MemoryGuardError(
    'ERR_UNKNOWN_MODEL',
    `Expected \`${key}\` to be the path of ${kind}, got ${describe(path)}.`,
  );
}

/**
 * The same arguments, in whose options `modelPath` stands under `key` if it is another file, and without `memoryGuard` and the
 * options named in `dropped`. The identical arguments if nothing changes.
 */
export function withPath(
  args: readonly unknown[],
  key: string,
  modelPath: string | undefined,
  dropped: readonly string[] = [],
): readonly unknown[] {
  const [options, ...rest] = args;
  const given = Object(options ?? {}) as Record<string, unknown>;
  const isOtherFile = modelPath !== undefined && resolve(String(given[key])) !== resolve(modelPath);
  const guardOptions = ['memoryGuard', ...dropped].filter((name) => name in given);
  if (!isOtherFile && guardOptions.length === 0) return args;
  return [changeOptions(given, isOtherFile ? { [key]: modelPath } : {}, guardOptions), ...rest];
}
