/** The guarded module `@huggingface/transformers` by the types of the package itself. Compiled against the packed types, never run. */
import type * as transformers from '@huggingface/transformers';
import { expectTypeOf } from 'expect-type';
import { createMemoryGuard, type MemoryGuard, type QuantizationName, withMemoryGuard } from 'nexa-memory-guard';

declare const module: typeof transformers;
const guarded = createMemoryGuard().wrap(module);
expectTypeOf(guarded.guard).toEqualTypeOf<MemoryGuard>();
expectTypeOf(withMemoryGuard(module).guard).toEqualTypeOf<MemoryGuard>();

// Each task gives its own pipeline, with what was chosen for it and a way to be used with `await using`.
await using embed = await guarded.pipeline('feature-extraction', 'org/model', {
  dtype: 'q8',
  memoryGuard: { pin: true, wait: { timeoutMs: 1000 } },
});
expectTypeOf(embed).toExtend<transformers.FeatureExtractionPipeline>();
expectTypeOf(embed('a text', { pooling: 'mean' })).toEqualTypeOf<Promise<transformers.Tensor>>();
expectTypeOf(embed.quantization).toEqualTypeOf<QuantizationName | undefined>();
expectTypeOf(await guarded.pipeline('embeddings', 'm')).toExtend<transformers.FeatureExtractionPipeline>();
expectTypeOf(await guarded.pipeline('asr', 'm')).toExtend<transformers.AutomaticSpeechRecognitionPipeline>();
expectTypeOf(await guarded.pipeline('ner', 'm')).toExtend<transformers.TokenClassificationPipeline>();
expectTypeOf(await guarded.pipeline('sentiment-analysis', 'm')).toExtend<transformers.TextClassificationPipeline>();
expectTypeOf(await guarded.pipeline('text-to-speech', 'm')).toExtend<transformers.TextToAudioPipeline>();
expectTypeOf(await guarded.pipeline('text2text-generation', 'm')).toExtend<transformers.Text2TextGenerationPipeline>();
expectTypeOf(await guarded.pipeline('text-generation')).toExtend<transformers.TextGenerationPipeline>();
expectTypeOf(
  await guarded.pipeline('zero-shot-object-detection', 'm'),
).toExtend<transformers.ZeroShotObjectDetectionPipeline>();
// @ts-expect-error a task that there is not
await guarded.pipeline('to-guess', 'org/model');
// @ts-expect-error an option of the module of another type
await guarded.pipeline('feature-extraction', 'org/model', { dtype: 'q3' });
// @ts-expect-error an option of the guard of another type
await guarded.pipeline('feature-extraction', 'org/model', { memoryGuard: { pin: 'yes' } });

// Classes that load models, and those that don't.
await using model = await guarded.AutoModelForCausalLM.from_pretrained('org/model', { memoryGuard: { pin: true } });
expectTypeOf(model).toExtend<transformers.PreTrainedModel>();
expectTypeOf(model.quantization).toEqualTypeOf<QuantizationName | undefined>();
await guarded.BertModel.from_pretrained('org/model', { dtype: { model: 'q4' }, memoryGuard: { footprint: '1 GiB' } });
expectTypeOf(guarded.AutoTokenizer).toEqualTypeOf<typeof transformers.AutoTokenizer>();
// @ts-expect-error a tokenizer is not guarded
await guarded.AutoTokenizer.from_pretrained('org/model', { memoryGuard: {} });
expectTypeOf(guarded.env).toEqualTypeOf<typeof transformers.env>();
