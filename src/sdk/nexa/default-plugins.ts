/** The plugins that run GGUF files on the CPU, by the generations of the SDK's library. It calls nothing. */
import type { LayoutName } from '../../addon/nexa-binding.ts';

export const DEFAULT_PLUGINS: Readonly<Record<LayoutName, string>> = {
  'nexa-1.0': 'cpu_gpu',
  'geniex-0.3': 'llama_cpp',
  'geniex-0.5': 'llama_cpp',
};
