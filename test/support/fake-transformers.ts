/** What an adapter sees of transformers.js: its names, and a registry of one repository that is at a hub. Nothing is loaded. */
import type { Transformers } from '../../src/adapters/transformers-files.ts';

const SUFFIXES: Readonly<Record<string, string>> = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  q4: '_q4',
  q2: '_q2',
  q4f16: '_q4f16',
};

class PreTrainedModel {
  dispose() {}

  static async from_pretrained() {}
}
class BertModel extends PreTrainedModel {}
class CLIPTextModel extends PreTrainedModel {}
class AutoModel {
  dispose() {}

  static readonly MODEL_CLASS_MAPPINGS = [];
  static async from_pretrained() {}
}
class AutoTokenizer {
  encode() {}

  static async from_pretrained() {}
}

/** `files` are the bytes of each file; `undefined` if the hub doesn't tell them. */
export function fakeTransformers(
  files: Readonly<Record<string, number | undefined>> = {},
  { config = {}, failing = false }: { readonly config?: object; readonly failing?: boolean } = {},
) {
  const asked: string[] = [];
  const listModelFiles = async (_id: string, options: object) => {
    const {
      dtype,
      model_file_name,
      config: own,
    } = options as {
      dtype: string | Record<string, string>;
      model_file_name: string | null;
      config: { 'transformers.js_config'?: { use_external_data_format?: boolean } };
    };
    const suffix = SUFFIXES[typeof dtype === 'string' ? dtype : dtype['model']!] ?? `_${String(dtype)}`;
    const graph = `onnx/${model_file_name ?? 'model'}${suffix}.onnx`;
    const data = own['transformers.js_config']?.use_external_data_format ? [`${graph}_data`] : [];
    return ['config.json', graph, ...data];
  };
  return {
    asked,
    pipeline: async () => {},
    env: {
      version: '4.3.2',
      backends: { onnx: { versions: { node: '1.30.0' } } },
      allowLocalModels: false,
      allowRemoteModels: true,
      localModelPath: '/nowhere',
      useFSCache: false,
      useCustomCache: false,
      cacheDir: null,
    },
    AutoConfig: {
      async from_pretrained() {
        if (failing) throw new Error('no such repository');
        return config;
      },
    },
    AutoModel,
    AutoTokenizer,
    BertModel,
    CLIPTextModel,
    PreTrainedModel,
    ModelRegistry: {
      get_model_files: listModelFiles,
      get_pipeline_files: async (_task: string, id: string, options: object) => [
        ...(await listModelFiles(id, options)),
        'tokenizer.json',
        'tokenizer_config.json',
      ],
      async get_file_metadata(_id: string, file: string) {
        asked.push(file);
        if (file.includes('cut')) throw new Error('fetch failed');
        const size = files[file];
        return file in files ? { exists: true, ...(size !== undefined && { size }) } : { exists: false };
      },
    },
  } satisfies Transformers & Record<string, unknown>;
}
