/** Loads that name a file: the steps of the ladder beside it, and the options that lead to one of them. It opens no file. */
import { resolve } from 'node:path';
import { invalidOption, MemoryGuardError } from '../core/errors.ts';
import type { Quantization } from '../core/types.ts';
import { readModelName } from '../model-files/model-name.ts';
import { siblings } from '../model-files/resolve-model.ts';
import type { ModelOffer } from './adapter.ts';

/** The steps that the guard knows as a ladder. */
export const LADDER: readonly string[] = ['Q5_K_M', 'Q4_K_M', 'Q4_0'] satisfies Quantization[];

/** The step that a file's own name says; `undefined` where it says none of the ladder. */
export function ownStep(path: string): Quantization | undefined {
  const own = readModelName(path)?.quantization;
  return own !== undefined && LADDER.includes(own) ? (own as Quantization) : undefined;
}

/** The file, or where it is a step of the ladder, all steps that lie beside it. */
export async function offersBeside(path: string, projectorPath?: string): Promise<readonly ModelOffer[]> {
  const projector = projectorPath === undefined ? {} : { projectorPath };
  const own = ownStep(path);
  if (own === undefined) return [{ modelPath: path, ...projector }];
  const found = new Map(await siblings(path)).set(own, resolve(path));
  return LADDER.flatMap((step) => {
    const modelPath = found.get(step);
    return modelPath === undefined ? [] : [{ quantization: step as Quantization, modelPath, ...projector }];
  });
}

/** The options object that a load is given as its first argument, with a path under `key`. Throws `ERR_INVALID_OPTION`, `ERR_UNKNOWN_MODEL`. */
export function pathOptions<K extends string>(
  [options]: readonly unknown[],
  key: K,
): { readonly [name: string]: unknown } & Readonly<Record<K, string>> {
  if (typeof options !== 'object' || options === null) {
    throw invalidOption('options', `an object with \`${key}\`, the path of a GGUF file`, options);
  }
  const path = (options as Record<string, unknown>)[key];
  if (typeof path === 'string' && path !== '') return options as Record<K, string>;
  throw new MemoryGuardError(
    'ERR_UNKNOWN_MODEL',
    `Expected \`${key}\` to be the path of a GGUF file, got ${String(path)}.`,
  );
}

/** The same arguments without `memoryGuard` and `dropped`, from the chosen file where that is another than the asked one. */
export function argsFrom(
  args: readonly unknown[],
  key: string,
  modelPath: string | undefined,
  dropped: readonly string[] = [],
): readonly unknown[] {
  const [options, ...rest] = args;
  const given = Object(options ?? {}) as Record<string, unknown>;
  const other = modelPath !== undefined && resolve(String(given[key])) !== resolve(modelPath);
  const unknown = ['memoryGuard', ...dropped].filter((name) => name in given);
  if (!other && unknown.length === 0) return args;
  const kept = Object.fromEntries(Object.entries(given).filter(([name]) => !unknown.includes(name)));
  return [other ? { ...kept, [key]: modelPath } : kept, ...rest];
}
