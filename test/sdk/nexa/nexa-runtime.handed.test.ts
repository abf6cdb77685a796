/** What the SDK's library is handed for a load and for a text, field by field, on its test double in every layout. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LAYOUTS } from '../../../src/addon/nexa-binding.ts';
import { readLoadOptions } from '../../../src/sdk/read-sdk-options.ts';
import type { Runtime, RuntimeLoad } from '../../../src/sdk/runtime.ts';
import { countUsableProcessors } from '../../../src/sensors/usable-processors.ts';
import { recordCalls } from '../../support/nexa/libraries.ts';
import { withRuntime } from '../../support/nexa/runtimes.ts';
import { makeTinyModels, type TinyModels } from '../../support/tiny-models.ts';

const processors = countUsableProcessors();

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels({ projector: 'F16' });
});
afterAll(() => files.remove());

function load(runtime: Runtime, request: Partial<RuntimeLoad> = {}) {
  return runtime.load({ ...readLoadOptions({}), modelPath: files.model(), ...request });
}

describe.each(LAYOUTS)('what the library of %s is handed', (layout) => {
  const old = layout === 'nexa-1.0';
  const plugin = old ? 'cpu_gpu' : 'llama_cpp';

  test('for a language model, by default and in full', async () => {
    const calls = recordCalls();
    await withRuntime(async (runtime) => {
      await (await load(runtime)).dispose();
      const given = { contextSize: 777, threads: 3, batchSize: 99, microBatchSize: 33, chatTemplate: 'T' };
      await (await load(runtime, { ...given, gpuLayers: 5, pluginId: 'llama_cpp', deviceId: 'CPU' })).dispose();
    }, layout);
    const common = {
      call: 'llm_create',
      model: files.model(),
      tokenizer: null,
      n_seq_max: 1,
      chat_template_path: null,
    };
    const creates = calls().filter(({ call }) => call === 'llm_create');
    expect(creates).toEqual([
      {
        ...common,
        n_ctx: 2048,
        n_threads: processors,
        n_threads_batch: processors,
        n_batch: 512,
        n_ubatch: 512,
        n_gpu_layers: 0,
        chat_template_content: null,
        plugin,
        device: null,
        code: 0,
      },
      {
        ...common,
        n_ctx: 777,
        n_threads: 3,
        n_threads_batch: 3,
        n_batch: 99,
        n_ubatch: 33,
        n_gpu_layers: 5,
        chat_template_content: 'T',
        plugin: 'llama_cpp',
        device: 'CPU',
        code: 0,
      },
    ]);
  });

  test('for a model that hears, and for its text', async () => {
    const calls = recordCalls();
    await withRuntime(async (runtime) => {
      const model = await load(runtime, { projectorPath: files.projector });
      expect(model.capabilities).toEqual({ audio: true, vision: false });
      const drawn = {
        temperature: 0.5,
        topK: 7,
        topP: 0.25,
        minP: 0.125,
        repetitionPenalty: 1.5,
        presencePenalty: 0.75,
        frequencyPenalty: -0.5,
        grammar: 'root ::= "ü"',
        seed: 9,
      };
      const chat = { tools: '[{"type":"function"}]', thinking: false };
      const request = { prompt: 'Was?', audioPaths: [files.tone], maxTokens: 4, stop: ['never'], ...chat };
      // The older generation takes none of these with a projector.
      await model.generate({ ...request, ...(!old && drawn) }, () => {});
      await model.dispose();
    }, layout);
    const recorded = calls();
    expect(recorded.find(({ call }) => call === 'vlm_create')).toMatchObject({
      model: files.model(),
      projector: files.projector,
      plugin,
      device: null,
      n_ctx: 2048,
    });
    expect(recorded.find(({ call }) => call === 'vlm_apply_chat_template')).toMatchObject({
      message_count: 1,
      role: 'user',
      tools: '[{"type":"function"}]',
      enable_thinking: false,
    });
    // Before its first text the older generation is given the token that it keeps.
    const text = recorded.findLast(({ call }) => call === 'vlm_generate');
    expect(text).toMatchObject({
      max_tokens: 4,
      stop_count: 0,
      audio_count: 1,
      audio: files.tone,
      image_count: 0,
      images: '',
      temperature: old ? 0 : 0.5,
      top_k: old ? 0 : 7,
      top_p: old ? 0 : 0.25,
      min_p: old ? 0 : 0.125,
      repetition_penalty: old ? 0 : 1.5,
      presence_penalty: old ? 0 : 0.75,
      frequency_penalty: old ? 0 : -0.5,
      seed: old ? -1 : 9,
      grammar_path: null,
    });
    const grammar = text?.['grammar'] as string | null;
    expect(grammar && Buffer.from(grammar, 'latin1').toString()).toBe(old ? null : 'root ::= "ü"');
    const begin = old ? '' : '<|im_start|>';
    expect(text?.['prompt']).toMatch(
      new RegExp(`^${begin.replaceAll('|', '\\|')}system\n\\[.*<__media__>Was\\?.*<think></think>$`, 's'),
    );
  });

  test('for a text of which nothing more is said', async () => {
    const calls = recordCalls();
    await withRuntime(async (runtime) => {
      const model = await load(runtime);
      const { profile } = await model.generate({ prompt: 'Hi', audioPaths: [], maxTokens: 6, stop: [] }, () => {});
      expect(profile).toMatchObject({ stopReason: 'length', firstTokenMs: expect.any(Number) });
      expect(profile?.audioMs).toBe(old ? 1000 : undefined);
      expect(profile?.mediaMs).toBe(layout === 'geniex-0.5' ? 0.017 : undefined);
      expect(profile?.draftTokens).toBe(layout === 'geniex-0.5' ? 12 : undefined);
      expect(profile?.acceptedDraftTokens).toBe(layout === 'geniex-0.5' ? 9 : undefined);
      await model.dispose();
    }, layout);
    expect(calls().find(({ call }) => call === 'llm_generate')).toMatchObject({
      max_tokens: 6,
      temperature: 0,
      top_p: 0,
      top_k: 0,
      min_p: 0,
      repetition_penalty: 0,
      seed: -1,
      grammar: null,
      code: 0,
    });
  });
});
