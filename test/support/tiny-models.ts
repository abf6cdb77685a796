/** Models with random weights in a folder of their own: they load in milliseconds and answer a WAV with babble. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeAudioProjector, writeLanguageModel, writeTone } from '../../tools/synthetic-model.mjs';

/** The narrowest that the K types allow, so that a tone's 1500 tokens take a fraction of a second. */
export const TINY = { hidden: 256, layers: 1, heads: 4, kvHeads: 4, ffn: 256, vocab: 512 };
export const TINY_PROJECTOR = { width: 32, layers: 1, heads: 2, ffn: 64, projection: 256 };
export const TINY_QUANTIZATIONS = ['Q4_0', 'Q4_K_M', 'Q5_K_M', 'F32'] as const;

export interface TinyModels {
  readonly folder: string;
  readonly projector: string;
  readonly tone: string;
  model(quantization?: (typeof TINY_QUANTIZATIONS)[number]): string;
  path(name: string): string;
  remove(): void;
}

/** Random weights need a projector in F32, and one generation of the SDK's library needs it in F16. */
export function makeTinyModels({ projector: type = 'F32' }: { projector?: 'F32' | 'F16' } = {}): TinyModels {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-tiny-'));
  const path = (name: string) => join(folder, name);
  const model = (quantization = 'Q4_0') => path(`qwen2audio-${quantization}.gguf`);
  for (const quantization of TINY_QUANTIZATIONS) writeLanguageModel(model(quantization), { ...TINY, quantization });
  const projector = path('mmproj-qwen2audio.gguf');
  writeAudioProjector(projector, { ...TINY_PROJECTOR, type });
  const tone = path('tone.wav');
  writeTone(tone, 1);
  return { folder, projector, tone, model, path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
