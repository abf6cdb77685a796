/**
 * Knows the types of projectors row by row: which were compared, and what size of image they see. It must not know files or
 * bytes.
 */

/** What distinguishes a type of projector, named as in `clip.projector_type`. */
export interface ProjectorType {
  readonly name: string;
  /** The estimate was compared with what the engine prints and is exact. Other types get an upper bound. */
  readonly compared: boolean;
  /** Every image, or every tile of one, has the size that the header names. Other types take larger images as they are. */
  readonly fixedImageSize: boolean;
}

/** Types of which something is known; `test/fixtures/engine-transcripts.jsonl` has loads of those that were compared. */
export const PROJECTOR_TYPES: readonly ProjectorType[] = [
  { name: 'qwen2a', compared: true, fixedImageSize: false },
  { name: 'ultravox', compared: true, fixedImageSize: false },
  { name: 'voxtral', compared: true, fixedImageSize: false },
  { name: 'gemma3', compared: true, fixedImageSize: true },
  { name: 'idefics3', compared: true, fixedImageSize: true },
  ...['mlp', 'mlp_norm', 'ldp', 'ldpv2', 'internvl', 'llama4', 'cogvlm', 'janus_pro'].map((name) => ({
    name,
    compared: false,
    fixedImageSize: true,
  })),
];

/** Returns the row of this type. A type that is in no row takes images of any size. */
export function findProjectorType(name: string): ProjectorType {
  return PROJECTOR_TYPES.find((each) => each.name === name) ?? { name, compared: false, fixedImageSize: false };
}
