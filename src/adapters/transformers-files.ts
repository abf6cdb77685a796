/**
 * How large the files of a repository are where transformers.js looks for them: in its cache, in its folder of models, at the hub. It opens
 * none of them.
 */
import { join } from 'node:path';
import { orNothing, stat } from '../core/file-system.ts';

/** What this room uses of the module `@huggingface/transformers`. */
export interface Transformers {
  readonly env: {
    readonly version?: unknown;
    readonly backends?: { readonly onnx?: { readonly versions?: { readonly node?: unknown } } };
    readonly allowLocalModels: boolean;
    readonly allowRemoteModels: boolean;
    readonly localModelPath: string;
    readonly useFSCache: boolean;
    readonly useCustomCache: boolean;
    readonly cacheDir: string | null;
  };
  readonly AutoConfig: { from_pretrained(id: string, options: object): Promise<ModelConfig> };
  readonly AutoModel: { from_pretrained(id: string, options?: object): Promise<unknown> };
  readonly PreTrainedModel: { readonly prototype: object };
  /** Since version 4. */
  readonly ModelRegistry?: ModelRegistry;
}

/** What it tells of files: their names, and their sizes. */
interface ModelRegistry {
  get_model_files(id: string, options: object): Promise<readonly string[]>;
  get_pipeline_files(task: string, id: string, options: object): Promise<readonly string[]>;
  get_file_metadata(
    id: string,
    file: string,
    options: object,
  ): Promise<{ readonly exists: boolean; readonly size?: number }>;
}

/** A model's `config.json`, as far as it says how the model is loaded. */
export interface ModelConfig {
  readonly 'transformers.js_config'?: (ToldConfig & { readonly device_config?: { readonly cpu?: ToldConfig } }) | null;
}

export interface ToldConfig {
  readonly dtype?: unknown;
  readonly device?: unknown;
  readonly use_external_data_format?: unknown;
}

/** Where the files of a load are looked for, by the names of its options. */
export interface RepositoryPlace {
  readonly id: string;
  readonly revision: string;
  readonly cache_dir: string | null;
  readonly local_files_only: boolean;
}

/**
 * The bytes of a file; 'missing' if it is nowhere, and `undefined` if the hub doesn't tell them. The registry isn't asked for a file that is
 * here: it would begin to read all of it into memory. Rejects with the error of the module if the hub can't be asked.
 */
export async function measureFile(
  { env, ModelRegistry }: Transformers,
  { id, ...place }: RepositoryPlace,
  file: string,
): Promise<number | 'missing' | undefined> {
  for (const path of listPaths(env, { id, ...place }, file)) {
    const found = await orNothing(stat(path));
    if (found?.isFile()) return found.size;
  }
  const asks = env.useCustomCache || (env.allowRemoteModels && !place.local_files_only);
  const told = asks ? await ModelRegistry?.get_file_metadata(id, file, place) : undefined;
  if (!told?.exists) return 'missing';
  return Number.isSafeInteger(told.size) ? told.size : undefined;
}

function listPaths(
  env: Transformers['env'],
  { id, revision, cache_dir }: RepositoryPlace,
  file: string,
): readonly string[] {
  const cache = env.useFSCache && !env.useCustomCache ? (cache_dir ?? env.cacheDir) : null;
  const cached = cache === null ? [] : [revision === 'main' ? join(cache, id, file) : join(cache, id, revision, file)];
  if (!env.allowLocalModels) return cached;
  return [...cached, HUB_NAME.test(id) ? join(env.localModelPath, id, file) : join(id, file)];
}

/** Any other name is the path of a folder. */
const HUB_NAME = /^(\b[\w\-.]+\b\/)?\b[\w\-.]{1,96}\b$/;
