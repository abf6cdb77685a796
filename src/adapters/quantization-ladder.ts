/** The quantizations of a model that lie beside its file. It goes by names and opens no file. */
import { resolve } from 'node:path';
import { readModelFormat } from '../core/model-format.ts';
import { LADDER, type LadderStep } from '../core/quantizations.ts';
import { readModelName } from '../model-files/model-name.ts';
import { findModel } from '../model-files/resolve-model.ts';
import type { ModelOffer } from './adapter.ts';
import { listWhisperOffers, readWhisperStep } from './whisper-files.ts';

/** The step of the ladder that the file's name says; `undefined` if it says none. */
export function readLadderStep(path: string): LadderStep | undefined {
  return readModelName(path)?.step;
}

/** The same for a file that a call of the program's own loads, whichever engine that has. */
export function readFileStep(path: string): LadderStep | undefined {
  return readModelFormat(path) === 'whisper' ? readWhisperStep(path) : readLadderStep(path);
}

/** What lies beside such a file, and itself. */
export function listFileOffers(path: string, projectorPath?: string): Promise<readonly ModelOffer[]> {
  return readModelFormat(path) === 'whisper' ? listWhisperOffers(path) : listLadderOffers(path, projectorPath);
}

/** The file alone, or if its name says a quantization, every one that lies beside it. */
export async function listLadderOffers(path: string, projectorPath?: string): Promise<readonly ModelOffer[]> {
  const projector = projectorPath === undefined ? {} : { projectorPath };
  const own = readLadderStep(path);
  if (own === undefined) return [{ modelPath: path, ...projector }];
  const { steps } = await findModel(resolve(path));
  const found = new Map(steps).set(own, resolve(path));
  return LADDER.flatMap((quantization) => {
    const modelPath = found.get(quantization);
    return modelPath === undefined ? [] : [{ quantization, modelPath, ...projector }];
  });
}
