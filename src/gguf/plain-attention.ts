/** Knows the architectures whose heads have one length, all of which is rotated. It must not know files. */

/** As in `general.architecture`. llama.cpp's graph of each asserts that keys, values and the rotation are of one length. */
const NAMES: ReadonlySet<string> = new Set([
  ...['apertus', 'arcee', 'arctic', 'baichuan', 'chameleon', 'codeshell', 'cogvlm', 'dbrx', 'deci', 'deepseek'],
  ...['dots1', 'dream', 'ernie4_5', 'ernie4_5-moe', 'exaone', 'falcon', 'granite', 'granitemoe', 'grok'],
  ...['hunyuan-dense', 'hunyuan-moe', 'internlm2', 'llada', 'llada-moe', 'llama', 'maincoder', 'mistral3', 'olmo'],
  ...['olmoe', 'orion', 'pangu-embedded', 'plamo', 'qwen2', 'qwen2moe', 'qwen2vl', 'qwen3', 'qwen3moe', 'qwen3vl'],
  ...['qwen3vlmoe', 'rnd1', 'seed_oss', 'smollm3', 'starcoder2', 'xverse'],
]);

export function isPlainAttention(architecture: string): boolean {
  return NAMES.has(architecture);
}
