/** Knows the published shapes of models that are known by name. It must not know files or sizes in bytes. */
import { QWEN2_AUDIO } from '../core/known-models.ts';

/** A decoder without grouped experts, as its authors published it. Lengths are elements. */
export interface LanguageShape {
  readonly architecture: string;
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly ffn: number;
  readonly vocabulary: number;
  /** Pairs of texts that the tokenizer joins. */
  readonly merges: number;
  /** The tokens that it was trained for. */
  readonly context: number;
}

/** An encoder of audio that gives vectors to the decoder. Lengths are elements. */
export interface AudioEncoderShape {
  readonly type: string;
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly ffn: number;
  readonly mels: number;
  readonly positions: number;
}

export interface PublishedShape {
  readonly language: LanguageShape;
  readonly audio: AudioEncoderShape;
}

/**
 * `text_config` and `audio_config` of `config.json` in https://huggingface.co/Qwen/Qwen2-Audio-7B-Instruct, and the lines of its
 * `merges.txt`. The audio encoder is that of whisper-large-v3.
 */
const QWEN2_AUDIO_7B: PublishedShape = {
  language: {
    architecture: 'qwen2',
    layers: 32,
    hidden: 4096,
    heads: 32,
    kvHeads: 32,
    ffn: 11_008,
    vocabulary: 156_032,
    merges: 151_387,
    context: 8192,
  },
  audio: { type: 'qwen2a', layers: 32, width: 1280, heads: 20, ffn: 5120, mels: 128, positions: 1500 },
};

const SHAPES: ReadonlyMap<string, PublishedShape> = new Map([[QWEN2_AUDIO, QWEN2_AUDIO_7B]]);

/** Returns the shape of the model with this name, or `undefined` if none is known. */
export function findPublishedShape(name: string): PublishedShape | undefined {
  return SHAPES.get(name);
}
