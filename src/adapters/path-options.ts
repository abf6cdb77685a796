/** Load calls of SDKs that take one object with the path of a file in it. It opens no file. */
import { resolve } from 'node:path';
import { describe, MemoryGuardError } from '../core/errors.ts';
import { objectOf } from '../core/validate.ts';

type PathOptions<K extends string> = { readonly [name: string]: unknown } & Readonly<Record<K, string>>;

/**
 * The options of a load: its first argument, with a path under `key`.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` if the argument is no object, `ERR_UNKNOWN_MODEL` if it has no such path.
 */
export function readPathOptions<K extends string>([options]: readonly unknown[], key: K): PathOptions<K> {
  const given = objectOf<object>(`an object with \`${key}\`, the path of a GGUF file`)(options, 'options');
  const path = (given as Partial<Record<K, unknown>>)[key];
  if (typeof path === 'string' && path !== '') return given as PathOptions<K>;
  throw new MemoryGuardError(
    'ERR_UNKNOWN_MODEL',
    `Expected \`${key}\` to be the path of a GGUF file, got ${describe(path)}.`,
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
  const kept = Object.fromEntries(Object.entries(given).filter(([name]) => !guardOptions.includes(name)));
  return [isOtherFile ? { ...kept, [key]: modelPath } : kept, ...rest];
}
