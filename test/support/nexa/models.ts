/** Models of the SDK's library, loaded through its test double into the process of the test. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { afterAll, afterEach, beforeAll } from 'vitest';
import type { LayoutName } from '../../../src/addon/nexa-binding.ts';
import type { NexaModel } from '../../../src/sdk/nexa-model.ts';
import { NexaSDK } from '../../../src/sdk/nexa-sdk.ts';
import type { GenerateOptions, LoadOptions } from '../../../src/sdk/sdk-options.ts';
import { makeTinyModels, type TinyModels } from '../tiny-models.ts';
import { doubleLibrary } from './libraries.ts';

export interface LoadDoubleOptions extends Pick<LoadOptions, 'contextSize' | 'projectorPath'> {
  readonly layout?: LayoutName;
  /** With the projector of the tiny models. */
  readonly hears?: boolean;
}

/** Tiny models for the tests of a file, and a way to load them; what was loaded is disposed after each test. */
export function useDouble(): { readonly files: TinyModels; load(options?: LoadDoubleOptions): Promise<NexaModel> } {
  let files: TinyModels;
  const open: NexaSDK[] = [];
  beforeAll(() => {
    files = makeTinyModels({ projector: 'F16' });
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((sdk) => sdk.dispose()));
  });
  afterAll(() => files.remove());
  return {
    get files() {
      return files;
    },
    async load({ layout = 'geniex-0.5', hears = false, contextSize = 2048, projectorPath } = {}) {
      const sdk = await NexaSDK.initialize({ libraryPath: doubleLibrary(layout), isolation: 'none' });
      open.push(sdk);
      const projector = projectorPath ?? (hears ? files.projector : undefined);
      if (projector !== undefined) return sdk.loadModel(files.model(), { contextSize, projectorPath: projector });
      // A path without a projector beside it.
      const alone = files.path('alone');
      mkdirSync(alone, { recursive: true });
      copyFileSync(files.model(), `${alone}/alone.gguf`);
      return sdk.loadModel(`${alone}/alone.gguf`, { contextSize });
    },
  };
}

/** A prompt that tells the double what to do; see double/orders.h. */
export const orders = (...given: string[]) => `<<double ${given.join(';')}>>`;

export async function pieces(model: NexaModel, prompt: string, more: GenerateOptions = {}): Promise<string[]> {
  const heard: string[] = [];
  for await (const piece of model.generate({ prompt, ...more })) heard.push(piece);
  return heard;
}
