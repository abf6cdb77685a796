/** A real build that is asked in this process, and one that lies. */
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../../src/addon/load-addon.ts';
import { checkSimulation } from '../../../src/footprint/engine/check-simulation.ts';
import type { EngineQuestion, EngineValues } from '../../../src/footprint/engine/engine-question.ts';
import { EngineSimulation, SimulationError } from '../../../src/footprint/engine/engine-simulation.ts';
import { LayoutError } from '../../../src/footprint/engine/parameter-layout.ts';
import { readGguf } from '../../../src/gguf/read-gguf.ts';
import { writeLora } from '../../../tools/lora-file.mjs';
import { writeDraftModel } from '../../support/draft-models.ts';
import { makeModels } from '../../support/model-headers.ts';
import { CANT_ASK, findInstalledEngines } from '../../support/real-engines.ts';

const QUESTION: EngineQuestion = {
  modelPath: '',
  values: { n_gpu_layers: 0 },
  loraPaths: [],
  contexts: [{ values: {}, leastTokens: 512, mostTokens: 512, stepTokens: 256 }],
};

describe.skipIf(CANT_ASK !== undefined)(`a simulation (${CANT_ASK ?? 'a real build'})`, async () => {
  const { '@fugood/llama.node': engine } = await findInstalledEngines();
  const Library = loadAddon()!.EngineLibrary!;
  const library = new Library(engine!.libraries, '');
  const simulation = new EngineSimulation(library);
  const models = makeModels();

  it('is believed', () => {
    expect(() => checkSimulation(simulation)).not.toThrow();
  });

  it('tells what a model takes, and the engine itself', () => {
    const modelPath = models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 });
    const { weights, contexts, runtimeBytes } = simulation.answer({ ...QUESTION, modelPath });
    expect(weights.map(({ name, host }) => ({ name, host }))).toEqual([{ name: 'CPU', host: true }]);
    expect(contexts[0]?.[0]).toMatchObject({ tokens: 512, cacheBytes: 512 * 4 * 2 * 2 * 64 * 2, straight: true });
    expect(runtimeBytes).toBeLessThan(64 * 2 ** 20);
  });

  it('really takes states of recurrent layers, and does not count them twice', () => {
    const modelPath = models.model({ architecture: 'mamba', layers: 4, hidden: 1024 });
    const contexts = [{ values: { n_seq_max: 64 }, leastTokens: 16_384, mostTokens: 16_384, stepTokens: 16_384 }];
    const [point] = simulation.answer({ ...QUESTION, modelPath, contexts }).contexts[0]!;
    expect(point!.cacheBytes).toBeGreaterThan(30 * 2 ** 20);
    expect(point!.runtimeBytes).toBeLessThan(20 * 2 ** 20);
  });

  it('tells the states of one token of those that are kept from before a guess, and the context that guesses', () => {
    const modelPath = writeDraftModel(models.folder);
    const ask = (values: EngineValues) => {
      const contexts = [{ values, leastTokens: 512, mostTokens: 512, stepTokens: 256 }];
      return simulation.answer({ modelPath, values: { n_gpu_layers: 0, load_mtp: 1 }, loraPaths: [], contexts })
        .contexts[0]![0]!;
    };
    const [plain, guessed, drafts] = [ask({}), ask({ n_rs_seq: 3 }), ask({ ctx_type: 1 })];
    expect(Math.abs(guessed.stateBytes - plain.stateBytes)).toBeLessThan(2 ** 20 / 50);
    expect(guessed.cacheBytes - plain.cacheBytes).toBeGreaterThan(2.9 * plain.stateBytes);
    expect(drafts).toMatchObject({ stateBytes: 0, cacheBytes: 512 * 2 * 128 * 2 * 2 });
  });

  it('tells what the weights of adapters take', () => {
    const modelPath = models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 });
    const loraPath = join(dirname(modelPath), 'lora.gguf');
    const changed = { name: 'blk.0.attn_q.weight', dims: [512, 512], type: 'Q4_0' as const };
    const { tensorBytes } = writeLora(loraPath, 'qwen2', [changed], 128);
    expect(tensorBytes).toBe(2 * 512 * 128 * 2);
    const answer = simulation.answer({ ...QUESTION, modelPath, loraPaths: [loraPath] });
    // The engine prints hundredths of a MiB.
    expect(answer.adapterBytes).toBeGreaterThanOrEqual(tensorBytes);
    expect(answer.adapterBytes).toBeLessThan(tensorBytes + 2 ** 20 / 50);
    expect(simulation.answer({ ...QUESTION, modelPath })).not.toHaveProperty('adapterBytes');
  });

  it('says what the engine says of a file that it refuses', () => {
    const refused = () => simulation.answer({ ...QUESTION, modelPath: '/no/such/model.gguf' });
    expect(refused).toThrow(SimulationError);
    expect(refused).toThrow(/^it refuses the model: .*no such/is);
  });

  it('says what the engine says of a context that it refuses', () => {
    const modelPath = models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 });
    // Quantized values need flash attention.
    const contexts = [{ ...QUESTION.contexts[0]!, values: { type_v: 8, flash_attn_type: 0 } }];
    expect(() => simulation.answer({ ...QUESTION, modelPath, contexts })).toThrow(
      /^it refuses the context: .*flash_attn/is,
    );
  });

  it('refuses what the build does not know, and adapters and projectors that are none', () => {
    const modelPath = models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 });
    const asked = { ...QUESTION, modelPath };
    expect(() => simulation.answer({ ...asked, values: { n_future: 1 } })).toThrow(LayoutError);
    expect(() => simulation.answer({ ...asked, loraPaths: [modelPath] })).toThrow(/^it refuses the adapter .*: /s);
    const projector = { path: modelPath, values: { use_gpu: 0 } };
    expect(() => simulation.answer({ ...asked, projector })).toThrow(/^it refuses the projector: /s);
  });

  it('tells what a projector takes beside its weights', async () => {
    const modelPath = models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 });
    const path = models.projector({ width: 64, layers: 1, heads: 2, ffn: 128, projection: 512 });
    const { tensors } = await readGguf(path);
    const weightsBytes = tensors.kinds.reduce((sum, { bytes, count }) => sum + bytes * count, 0);
    const { projectorBytes } = simulation.answer({
      ...QUESTION,
      modelPath,
      projector: { path, values: { use_gpu: 0 } },
    });
    expect(projectorBytes).toBeGreaterThan(weightsBytes);
    expect(projectorBytes).toBeLessThan(weightsBytes + 64 * 2 ** 20);
  });

  it('answers without a projector if the build knows none', () => {
    const modelPath = models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 });
    const knowing = new Proxy(library, {
      get: (target, key: keyof typeof library) =>
        key === 'defaults' ? () => ({ ...target.defaults(), projector: new Uint8Array() }) : target[key].bind(target),
    });
    const answer = new EngineSimulation(knowing).answer({
      ...QUESTION,
      modelPath,
      projector: { path: '/no/such/projector.gguf', values: { use_gpu: 0 } },
    });
    expect(answer).not.toHaveProperty('projectorBytes');
    expect(answer.contexts).toHaveLength(1);
  });

  it('has less room for the logits of one token than for those of all, or is asked as ever', () => {
    const modelPath = models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 });
    const compute = (values: EngineQuestion['values']) => {
      const contexts = [{ ...QUESTION.contexts[0]!, values: { n_batch: 512, n_ubatch: 512, ...values } }];
      return simulation.answer({ ...QUESTION, modelPath, contexts }).contexts[0]![0]!.computeBytes;
    };
    expect(compute({ n_outputs_max: 1 })).toBeLessThanOrEqual(compute({}));
  });

  it('is none for a build whose parameters are not known, and says nothing of a model that it really loads', () => {
    const unknown = { ...library, defaults: () => ({ ...library.defaults(), model: new Uint8Array(80) }) };
    expect(() => new EngineSimulation(unknown)).toThrow('its model parameters have a layout that is not known');
    const loading = new EngineSimulation({
      defaults: () => library.defaults(),
      openModel: () => true,
      takeLog: () => new TextEncoder().encode('llama_model_loader: loaded'),
      heldBytes: () => 0,
    } as unknown as typeof library);
    expect(() => loading.answer(QUESTION)).toThrow('it does not simulate');
  });
});
