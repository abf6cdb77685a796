/** Knows which encoders a projector has and of which type each is. It must not know what a type needs. */
import type { RuledFile } from './header-rule.ts';

export const ENCODER_KINDS = ['audio', 'vision'] as const;

/** One encoder of a projector. */
export interface Encoder {
  readonly kind: (typeof ENCODER_KINDS)[number];
  /** As llama.cpp calls it, for example `qwen2a`; empty if the header names none. */
  readonly type: string;
}

/** The encoders that the header says are there, in any order. */
export function listEncoders({ metadata, tensors }: RuledFile): readonly Encoder[] {
  return ENCODER_KINDS.filter((kind) => metadata.get(`clip.has_${kind}_encoder`) === true).map((kind) => {
    const type = [metadata.get('clip.projector_type'), metadata.get(`clip.${kind}.projector_type`)].find(
      (each): each is string => typeof each === 'string' && each !== '',
    );
    return { kind, type: resolveType(type ?? '', kind, tensors) };
  });
}

/** Two names stand for one of two types, by what the encoder takes and by what the projector consists of. */
function resolveType(name: string, kind: Encoder['kind'], tensors: RuledFile['tensors']): string {
  if (name === 'mlp' && tensors.find('mm.3.weight') !== undefined) return 'mlp_norm';
  if (name !== 'qwen2.5o') return name;
  return kind === 'audio' ? 'qwen2a' : 'qwen2.5vl_merger';
}
