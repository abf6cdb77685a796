/** The quantizations of a model for whisper.cpp that lie beside its file. It goes by names and opens no file. */
import { basename, dirname, join, resolve } from 'node:path';
import { orNothing, readdir } from '../core/file-system.ts';
import { LADDER, type LadderStep } from '../core/quantizations.ts';
import { readQuantization } from '../model-files/read-quantization.ts';
import type { ModelOffer } from './adapter.ts';

/** A name without a quantization is that of the model as it was published first. */
const UNNAMED: LadderStep = 'F16';

interface WhisperName {
  /** `ggml-base.en` of `ggml-base.en-q5_1.bin`. */
  readonly stem: string;
  readonly step: LadderStep;
}

/** The step that the file's name says: `Q5_1` for `ggml-base.en-q5_1.bin`, `F16` for `ggml-base.en.bin`. `undefined` for a name that doesn't end in `.bin`. */
export function readWhisperStep(path: string): LadderStep | undefined {
  return readWhisperName(path)?.step;
}

/** The file, and those of the same model beside it, best quality first. A file alone has no step if its name says none: its header does. */
export async function listWhisperOffers(path: string): Promise<readonly ModelOffer[]> {
  const asked = resolve(path);
  const own = readWhisperName(asked);
  const alone = [{ modelPath: path, format: 'whisper' as const }];
  if (!own) return alone;
  const found = new Map<LadderStep, string>();
  for (const file of (await orNothing(readdir(dirname(asked)))) ?? []) {
    const name = readWhisperName(file);
    if (name?.stem === own.stem) found.set(name.step, join(dirname(asked), file));
  }
  found.set(own.step, asked);
  if (found.size === 1) return alone;
  return LADDER.flatMap((quantization) => {
    const modelPath = found.get(quantization);
    return modelPath === undefined ? [] : [{ quantization, modelPath, format: 'whisper' as const }];
  });
}

function readWhisperName(path: string): WhisperName | undefined {
  const whole = /^(.+)\.bin$/i.exec(basename(path))?.[1];
  if (whole === undefined) return undefined;
  const found = readQuantization(whole);
  if (found?.after !== '') return { stem: whole.toLowerCase(), step: UNNAMED };
  return { stem: found.before.replace(/[-_.]$/, '').toLowerCase(), step: found.step };
}
