/** The models that may be named instead of given as a path. It knows no file and no size. */

export const QWEN2_AUDIO = 'qwen2audio';

export const KNOWN_MODELS: readonly string[] = Object.freeze([QWEN2_AUDIO]);

export function isKnownModel(name: string): boolean {
  return KNOWN_MODELS.includes(name);
}
