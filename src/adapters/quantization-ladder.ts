/** The quantizations of a model that lie beside its file. It goes by names and opens no file. */
import { resolve } from 'node:path';
import { isQuantization, QUANTIZATIONS } from '../core/quantizations.ts';
import type { Quantization } from '../core/types.ts';
import { readModelName } from '../model-files/model-name.ts';
import { findSiblings } from '../model-files/resolve-model.ts';
import type { ModelOffer } from './adapter.ts';

/** The quantization in the file's name; `undefined` if there is none, or one that the guard's ladder doesn't have. */
export function readLadderStep(path: string): Quantization | undefined {
  const quantization = readModelName(path)?.quantization;
  return isQuantization(quantization) ? quantization : undefined;
}

/** The file alone, or if its quantization is one of the ladder, every one of these that lies beside it. */
export async function listLadderOffers(path: string, projectorPath?: string): Promise<readonly ModelOffer[]> {
  const projector = projectorPath === undefined ? {} : { projectorPath };
  const own = readLadderStep(path);
  if (own === undefined) return [{ modelPath: path, ...projector }];
  const found = new Map(await findSiblings(path)).set(own, resolve(path));
  return QUANTIZATIONS.flatMap((quantization) => {
    const modelPath = found.get(quantization);
    return modelPath === undefined ? [] : [{ quantization, modelPath, ...projector }];
  });
}
