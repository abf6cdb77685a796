/**
 * Knows the types of projectors row by row: which were compared, what size of image they see, how much more they may take. It must not
 * know files or bytes.
 */

/** What distinguishes a type of projector, named as in `clip.projector_type`. */
export interface ProjectorType {
  readonly name: string;
  /** The estimate was compared with what the engine prints and is exact. Other types get an upper bound. */
  readonly compared: boolean;
  /** The only size of image, its edge in pixels, at which it was compared; absent if it was at several. */
  readonly comparedImageSize?: number;
  /**
   * The edge, in tokens, of the image that the engine lays out when it loads a projector that takes images of any size
   * (`set_warmup_n_tokens`). 0 if every image, or every tile of one, has the size that the header names.
   */
  readonly tokensPerSide: number;
  /** Every image or tile has just the size that the header names, or every window of sound the same length; false if not, or if nobody knows. */
  readonly fixedTiles: boolean;
  /** Patches of the largest image: the engine makes a larger one smaller (`set_limit_image_tokens` in clip.cpp). */
  readonly mostPositions: number;
  /** The edge of a token in patches, if the header names none. */
  readonly merge: number;
  /** The engine's graph takes at most so many times what the usual encoder's does, for as many patches. */
  readonly graphFactor: number;
}

/** The most that was found in 24 types for images: 1.69 times (`node bench/footprint/projector-mirror.mjs`), and some room. */
const IMAGE_FACTOR = 1.75;
/** Of seven types for audio: 2.00 times, convolutions over two dimensions apart. */
const AUDIO_FACTOR = 2.1;
/** What takes the most of all, and so what a type that nobody knows is bounded by. */
const LARGEST_FACTOR = 2.7;

/** 4096 tokens of four patches: what most types that take images of any size have. */
const MOST_POSITIONS = 16_384;

const fixed = (names: string, graphFactor = IMAGE_FACTOR) => listRows(names, { graphFactor });
const sized = (names: string, tokensPerSide: number, merge: number) =>
  listRows(names, { tokensPerSide, merge, graphFactor: IMAGE_FACTOR });
const compare = (names: string) => listRows(names, { compared: true, graphFactor: 1 });

/** Types of which something is known; `test/fixtures/engine-transcripts.jsonl` has loads of those that were compared. */
export const PROJECTOR_TYPES: readonly ProjectorType[] = [
  compare('qwen2a ultravox voxtral idefics3'),
  listRows('gemma3', { compared: true, comparedImageSize: 896, graphFactor: IMAGE_FACTOR }),
  fixed('adapter internvl janus_pro ldpv2 llama4 mlp mlp_norm nemotron_v2_vl'),
  listRows('resampler step3vl', { fixedTiles: false, graphFactor: IMAGE_FACTOR }),
  fixed('cogvlm ldp', LARGEST_FACTOR),
  sized('phi4 pixtral', 16, 1),
  sized('kimik25 kimivl lfm2 lightonocr minimax_m3', 16, 2),
  sized('gemma4v gemma4uv', 16, 3),
  sized('paddleocr', 28, 2),
  listRows('hunyuanvl', { tokensPerSide: 32, merge: 2, mostPositions: 65_536 }),
  listRows('youtuvl', { tokensPerSide: 16, merge: 2, mostPositions: 250_000 }),
  sized('dots_ocr exaone4_5 glm4v mimovl qwen2.5vl_merger qwen2vl_merger qwen3vl_merger', 46, 2),
  // Heard for 120 s, these print the buffer that they print when they are loaded (`footprint.mjs --only hearing`).
  listRows('gemma4ua glma musicflamingo qwen3a', { graphFactor: AUDIO_FACTOR }),
  listRows('lfm2a meralion', { fixedTiles: false, graphFactor: AUDIO_FACTOR }),
].flat();

/** Returns the row of this type. A type that is in no row takes images of any size. */
export function findProjectorType(name: string): ProjectorType {
  const known = PROJECTOR_TYPES.find((each) => each.name === name);
  return (
    known ?? {
      name,
      compared: false,
      tokensPerSide: 46,
      fixedTiles: false,
      mostPositions: MOST_POSITIONS,
      merge: 2,
      graphFactor: LARGEST_FACTOR,
    }
  );
}

/** Whether what the type takes is in one of the rows. */
export function isKnownType({ name }: ProjectorType): boolean {
  return PROJECTOR_TYPES.some((each) => each.name === name);
}

function listRows(names: string, row: Partial<ProjectorType>): readonly ProjectorType[] {
  return names.split(' ').map((name) => ({
    compared: false,
    tokensPerSide: 0,
    fixedTiles: true,
    mostPositions: MOST_POSITIONS,
    merge: 1,
    graphFactor: IMAGE_FACTOR,
    ...row,
    name,
  }));
}
