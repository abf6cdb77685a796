/** What a GGUF file's name says: family, quantization, shard, projector or not. It reads no folder. */

export interface ModelName {
  /** The name as it is, with the folder in front if that is known. */
  readonly file: string;
  /** In capital letters, such as `Q4_K_M`; absent if the name says none. */
  readonly quantization?: string;
  /** The name without quantization, shard and `mmproj`, in small letters and digits: `qwen2audio7binstruct`. */
  readonly stem: string;
  readonly projector: boolean;
  /** Counted from 1; absent for a model in one file. */
  readonly shard?: number;
  /** The name with its quantization cut out: equal for siblings. */
  readonly pattern: string;
}

const TYPES = 'i?q[1-8]_(?:[01]|k(?:_(?:xs|s|m|l|xl))?|xxs|xs|s|m|nl)|bf16|f16|f32';
const QUANTIZATION = new RegExp(`(^|[-._ ])(${TYPES})(?=$|[-._ ])`, 'i');
const KNOWN_QUANTIZATION = new RegExp(`^(?:${TYPES})$`, 'i');
const SHARD = /-(\d{5})-of-\d{5}$/;
const PROJECTOR = /mmproj/i;

/** `file` may have folders in front. `undefined` for a file whose name doesn't end in `.gguf`. */
export function readModelName(file: string): ModelName | undefined {
  const name = file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1);
  if (!/\.gguf$/i.test(name)) return undefined;
  const bare = name.slice(0, -'.gguf'.length);
  const shard = SHARD.exec(bare);
  const quantization = QUANTIZATION.exec(bare);
  const kept = bare.replace(SHARD, '').replace(QUANTIZATION, '$1').replace(PROJECTOR, '');
  return {
    file,
    ...(quantization?.[2] && { quantization: quantization[2].toUpperCase() }),
    stem: simplifyName(kept),
    projector: PROJECTOR.test(bare),
    ...(shard && { shard: Number(shard[1]) }),
    pattern: name.replace(QUANTIZATION, '$1*').toLowerCase(),
  };
}

/** `Q4_K_M` for `q4_k_m`; `undefined` for a name that llama.cpp has no type for. */
export function normalizeQuantization(text: string): string | undefined {
  return KNOWN_QUANTIZATION.test(text) ? text.toUpperCase() : undefined;
}

/** Small letters and digits only, so that `Qwen2-Audio` and `qwen2audio` are one. */
export function simplifyName(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/**
 * How well a projector belongs to a model by name, smaller is better: 0 the same name, 1 one name continues the other,
 * 2 a projector that says no model (`mmproj-model-f16.gguf`). `undefined` if it belongs to another model.
 */
export function rankProjector(projector: ModelName, model: ModelName): number | undefined {
  if (projector.stem === '' || projector.stem === 'model') return 2;
  if (model.stem === '') return undefined;
  if (projector.stem === model.stem) return 0;
  return projector.stem.startsWith(model.stem) || model.stem.startsWith(projector.stem) ? 1 : undefined;
}
