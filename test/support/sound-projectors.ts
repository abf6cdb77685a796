/** The headers of projectors of all types whose tensors are known here. */
import type { RuledFile } from '../../src/gguf/header-rule.ts';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import { type LoadedModels, makeModels } from './model-headers.ts';

export const PROJECTOR_TYPES = ['qwen2a', 'ultravox', 'voxtral', 'gemma3', 'idefics3', 'mlp'] as const;
export type ProjectorType = (typeof PROJECTOR_TYPES)[number];

export interface SoundProjectors {
  readonly models: LoadedModels;
  get(type: ProjectorType): RuledFile;
}

export async function makeSoundProjectors(): Promise<SoundProjectors> {
  const models = makeModels();
  const headers = new Map<string, RuledFile>();
  for (const type of PROJECTOR_TYPES) {
    const shape = { width: 64, ffn: 128, layers: 2, heads: 4, projection: 256 };
    headers.set(
      type,
      await readGguf(models.projector(type === 'qwen2a' ? { ...shape, type: 'F16' } : { ...shape, type })),
    );
  }
  return { models, get: (type) => headers.get(type)! };
}
