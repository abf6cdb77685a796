/**
 * The runtimes over which their contract runs: the embedded one on its real engine, the SDK's library on its test double in every
 * layout. Another runtime is one more row.
 */
import { afterAll, beforeAll } from 'vitest';
import { LAYOUTS } from '../../src/addon/nexa-binding.ts';
import { openLlamaRuntime } from '../../src/sdk/llama/llama-runtime.ts';
import { openNexaRuntime } from '../../src/sdk/nexa/nexa-runtime.ts';
import { readLoadOptions } from '../../src/sdk/read-sdk-options.ts';
import type { GenerateResult, Runtime, RuntimeGenerate, RuntimeLoad, RuntimeModel } from '../../src/sdk/runtime.ts';
import { doubleLibrary } from '../support/nexa/libraries.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

export interface RuntimeRow {
  readonly row: string;
  readonly name: Runtime['name'];
  readonly projector: 'F32' | 'F16';
  open(): Promise<Runtime>;
}

export const RUNTIMES: readonly RuntimeRow[] = [
  { row: 'llama', name: 'llama', projector: 'F32', open: () => openLlamaRuntime() },
  ...LAYOUTS.map((layout): RuntimeRow => {
    const projector = layout === 'nexa-1.0' ? 'F16' : 'F32';
    const open = () => openNexaRuntime({ libraryPath: doubleLibrary(layout) });
    return { row: `nexa on the double of ${layout}`, name: 'nexa', projector, open };
  }),
];

/** A runtime that is open while the tests of a `describe` run, and files for it. */
export interface RuntimeSubject {
  readonly runtime: Runtime;
  readonly files: TinyModels;
  load(request?: Partial<RuntimeLoad>): Promise<RuntimeModel>;
  /** Loads a model for `run`, and disposes it. */
  withModel<T>(request: Partial<RuntimeLoad>, run: (model: RuntimeModel) => Promise<T>): Promise<T>;
}

export function useRuntime({ projector, open }: RuntimeRow): RuntimeSubject {
  let runtime: Runtime;
  let files: TinyModels;
  beforeAll(async () => {
    files = makeTinyModels({ projector });
    runtime = await open();
  });
  afterAll(async () => {
    await runtime.close();
    files.remove();
  });
  const load = (request: Partial<RuntimeLoad> = {}) =>
    runtime.load({ ...readLoadOptions({}), modelPath: files.model(), ...request });
  return {
    get runtime() {
      return runtime;
    },
    get files() {
      return files;
    },
    load,
    async withModel(request, run) {
      const model = await load(request);
      try {
        return await run(model);
      } finally {
        await model.dispose();
      }
    },
  };
}

/**
 * Five tokens for a prompt, if the request says nothing else. Of a model that hears they are drawn at random: one generation of the SDK's
 * library takes no seed there.
 */
export function generate(
  model: RuntimeModel,
  request: Partial<RuntimeGenerate> = {},
  onText = (_text: string) => {},
): Promise<GenerateResult> {
  const drawn = model.capabilities.audio ? {} : { seed: 1 };
  return model.generate(
    { prompt: 'What is said?', audioPaths: [], maxTokens: 5, stop: [], ...drawn, ...request },
    onText,
  );
}
