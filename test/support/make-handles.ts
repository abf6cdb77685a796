/** Makes handles of models that are registered with real bookkeeping over a machine of 10 GiB, for tests that need no SDK. */

import { type ModelHandleParts, wrapModel } from '../../src/models/model-handle.ts';
import type { ModelMethods } from '../../src/models/model-methods.ts';
import type { HeldModelParts } from './make-held-model.ts';
import { makeLoadedModels } from './make-loaded-models.ts';

const METHODS: ModelMethods<string> = {
  disposers: ['dispose', 'close'],
  isInference: (method) => method === 'generate',
  hasAudio: (args) => Boolean((args[0] as { audio?: string } | undefined)?.audio),
};

export function handles(
  methods: Partial<ModelMethods<string>> = {},
  loaded: Parameters<typeof makeLoadedModels>[0] = {},
) {
  const { models, causes, hold: register, promisedBytes } = makeLoadedModels(loaded);
  const contexts: unknown[][] = [];
  const parts: ModelHandleParts<string> = {
    models,
    methods: { ...METHODS, ...methods },
    async makeContext(owner, invoke, args, context) {
      contexts.push([owner.facts.name, context, args]);
      return invoke(args);
    },
  };
  /** Loads nothing: registers `raw` as a model that is loaded, and wraps it. */
  function hold<T extends object>(raw: T, facts: HeldModelParts = {}) {
    const held = register(raw, facts);
    return { held, handle: wrapModel(raw, held, parts) as T & { [Symbol.asyncDispose]?: () => Promise<void> } };
  }
  return { hold, models, causes, contexts, parts, promisedBytes };
}
