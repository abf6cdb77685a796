/** What a GGUF file's name says: family, quantization, shard, projector or not. It reads no folder. */
import type { LadderStep } from '../core/quantizations.ts';
import { readQuantization } from './read-quantization.ts';

export interface ModelName {
  /** The name as it is, with the folder in front if that is known. */
  readonly file: string;
  /** As the name writes it, such as `Q4_K_M` or `UD-Q4_K_XL`; absent if the name says none. */
  readonly quantization?: string;
  /** The step of the ladder that it counts as. */
  readonly step?: LadderStep;
  /** The name without quantization, shard and `mmproj`, in small letters and digits: `qwen2audio7binstruct`. */
  readonly stem: string;
  readonly projector: boolean;
  /** Counted from 1; absent for a model in one file. */
  readonly shard?: number;
  /** The name with its quantization cut out, and without its shard: equal for siblings. */
  readonly pattern: string;
}

/** The pattern of a file that is named by its quantization alone. */
export const NAMELESS_PATTERN = '*.gguf';

const SHARD = /-(\d{5})-of-\d{5}$/;
const PROJECTOR = /mmproj/i;
/** The end of a file of measurements with which a model was quantized, unless it follows a quantization: then that was done so. */
const MEASUREMENTS = /(?<![a-z0-9])imatrix(?:_unsloth)?$/i;

/** `file` may have folders in front. `undefined` for a file whose name doesn't end in `.gguf`, or that says that it holds no model. */
export function readModelName(file: string): ModelName | undefined {
  const name = file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1);
  if (!/\.gguf$/i.test(name)) return undefined;
  const whole = name.slice(0, -'.gguf'.length);
  const shard = SHARD.exec(whole);
  const bare = whole.replace(SHARD, '');
  const found = readQuantization(bare);
  const { before, after } = found ?? { before: bare, after: '' };
  if (MEASUREMENTS.test(found ? after : bare)) return undefined;
  return {
    file,
    ...(found && { quantization: found.quantization, step: found.step }),
    stem: simplifyName(`${before}-${after}`.replace(PROJECTOR, '')),
    projector: PROJECTOR.test(bare),
    ...(shard && { shard: Number(shard[1]) }),
    pattern: `${before}${found ? '*' : ''}${after}.gguf`.toLowerCase(),
  };
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
