/** Where the llama.cpp of the SDK's library lies, which can be asked what a load would take. It loads nothing. */

import { dirname, join } from 'node:path';
import type { LayoutName } from '../../addon/nexa-binding.ts';
import type { EngineFiles } from '../../core/engine-files.ts';
import { readdir } from '../../core/file-system.ts';
import { listOwnVariables } from '../../core/library-variables.ts';
import type { OpenedLibrary } from '../runtime.ts';

interface EngineParts {
  /** Below the folder of the plugins. */
  readonly folder: string;
  /** In the order in which they need each other; `true` for those without which nothing can be asked. */
  readonly files: readonly (readonly [name: string, needed: boolean])[];
  /** Whether the part that computes is chosen by the processor, from the same folder. */
  readonly backends: boolean;
}

/** Of GenieX, beside its plugin: what tells of a projector is a library of its own there. */
const GENIEX: EngineParts = {
  folder: 'llama_cpp',
  files: [
    ['libggml-base.so', true],
    ['libggml-cpu.so', false],
    ['libggml.so', true],
    ['libllama.so', true],
    ['libmtmd.so', false],
  ],
  backends: false,
};

const PARTS: Readonly<Record<LayoutName, EngineParts>> = {
  'geniex-0.3': GENIEX,
  'geniex-0.5': GENIEX,
  // Its build of llama.cpp has the name of the plugin, and doesn't tell what a projector takes.
  'nexa-1.0': {
    folder: join('common', 'lib'),
    files: [
      ['libggml-base.so', true],
      ['libggml.so', true],
      ['libnexa_cpu_gpu.so', true],
    ],
    backends: true,
  },
};

/** `undefined` if the library has no such parts beside it. */
export async function findNexaEngine(
  { path, layout }: OpenedLibrary,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<EngineFiles | undefined> {
  const { NEXA_PLUGIN_PATH, GENIEX_PLUGIN_PATH } = listOwnVariables(environment);
  const plugins = GENIEX_PLUGIN_PATH || NEXA_PLUGIN_PATH || dirname(path);
  const { folder, files, backends } = PARTS[layout];
  const directory = join(plugins, folder);
  const present = new Set(await readdir(directory).catch(() => []));
  if (!files.every(([name, needed]) => !needed || present.has(name))) return undefined;
  const libraries = files.filter(([name]) => present.has(name)).map(([name]) => join(directory, name));
  return { libraries, ...(backends && { backends: directory }) };
}
