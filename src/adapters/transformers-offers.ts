/** In which dtypes a model of transformers.js can be loaded, and how large its files are in each. It knows no memory numbers. */
import { describe, describeError, MemoryGuardError } from '../core/errors.ts';
import type { OnnxSizes } from '../core/onnx-sizes.ts';
import type { ModelOffer } from './adapter.ts';
import {
  type ModelConfig,
  measureFile,
  type RepositoryPlace,
  type ToldConfig,
  type Transformers,
} from './transformers-files.ts';

/** One call that loads. */
export interface TransformersLoad {
  /** Absent if a pipeline's default model is meant. */
  readonly id?: string;
  /** Absent if a class loads, not a pipeline. */
  readonly task?: string;
  readonly options: { readonly [name: string]: unknown };
}

/** The dtypes in order of quality. Those of 8 bits are one quality, as are those of 4. */
const DTYPES = ['fp32', 'fp16', 'q8', 'int8', 'uint8', 'q4', 'q4f16', 'bnb4', 'q2', 'q2f16', 'q1', 'q1f16'];
/** The last to which a load goes down that asks for more. */
const LEAST_DTYPE = 'bnb4';
/** As many files of weights as the module loads beside a graph. The registry names all that it is told of, and takes memory for each. */
const MOST_DATA_FILES = 100;

/** The dtypes that are there, from the one that is asked for, or that the module would take, downwards. */
export async function listDtypeOffers(
  sdk: Transformers,
  { id, task, options }: TransformersLoad,
): Promise<readonly ModelOffer[]> {
  const asked = readDtype(options['dtype']);
  const unknown = (unknownBecause: string): readonly ModelOffer[] => [
    { unknownBecause, ...(asked !== undefined && { quantization: labelDtype(asked) }) },
  ];
  if (id === undefined)
    return unknown(`nobody says which model that is; name it, as in \`pipeline('${task}', 'org/model')\``);
  if (!sdk.ModelRegistry)
    return unknown('this version of transformers.js has no `ModelRegistry` to tell its files; version 4 has');
  const place = readPlace(id, options);
  let config: ModelConfig;
  try {
    config = await sdk.AutoConfig.from_pretrained(id, { ...place, config: options['config'] ?? null });
  } catch (error) {
    return unknown(`its config.json can't be had (${describeError(error)})`);
  }
  const own = readOwnConfig(config, options);
  const device = options['device'] ? readDevice(options) : (readDevice(options) ?? findDevice(own.device));
  if (device !== undefined) return unknown(`what it takes on ${device} can't be told by its files`);
  if (hasTooManyFiles(own))
    return unknown(`it is said to have more than ${MOST_DATA_FILES} files of weights beside a graph`);
  const load = new DtypeFiles(sdk, place, {
    config: { ...config, 'transformers.js_config': own },
    task,
    options,
  });
  const dtype = asked ?? readDtype(own.dtype);
  if (typeof dtype === 'object') return [{ ...(await load.offer(dtype)), ...unlabelled(asked) }];
  const there = await load.listThere(listLadder(dtype));
  if (there.length > 0 && (asked === undefined || there[0]?.quantization === asked)) return there;
  const all = await load.listThere(DTYPES);
  if (all.length === 0) return unknown('none of its ONNX files is found');
  if (asked === undefined) return all;
  const names = all.map(({ quantization }) => quantization).join(', ');
  throw new MemoryGuardError(
    'ERR_UNKNOWN_QUANTIZATION',
    `Expected \`dtype\` to be one of ${names}, in which ${id} is there, got ${describe(asked)}.`,
  );
}

/** Dtypes of several parts, as one text. */
export function labelDtype(dtype: string | object): string {
  if (typeof dtype === 'string') return dtype;
  return Object.entries(dtype)
    .map(([part, each]) => `${part} ${String(each)}`)
    .join(', ');
}

/** `undefined` if the module chooses. */
export function readDtype(given: unknown): string | object | undefined {
  if (typeof given === 'string' && given !== 'auto' && given !== '') return given;
  return typeof given === 'object' && given !== null ? given : undefined;
}

/** The device that isn't the CPU, if the options name one. */
export function readDevice({ device, session_options: session }: TransformersLoad['options']): string | undefined {
  const { executionProviders } = Object(session) as { readonly executionProviders?: unknown };
  return Array.isArray(executionProviders) ? findDevice(executionProviders) : findDevice(device);
}

/** One device, a list of them or one for each part. */
function findDevice(given: unknown): string | undefined {
  const all = typeof given === 'object' && given !== null ? Object.values(given) : [given];
  const names = all.map((each) => (typeof each === 'object' && each !== null ? Object(each).name : each));
  const other = names.find((name) => name !== undefined && name !== null && name !== 'cpu');
  return other === undefined ? undefined : String(other);
}

function readPlace(id: string, options: TransformersLoad['options']): RepositoryPlace {
  const { revision, cache_dir, local_files_only } = options;
  return {
    id,
    revision: typeof revision === 'string' ? revision : 'main',
    cache_dir: typeof cache_dir === 'string' ? cache_dir : null,
    local_files_only: local_files_only === true,
  };
}

/** What the configuration says of this module, and of the CPU there; the option goes before what it says of files of weights. */
function readOwnConfig(
  { 'transformers.js_config': told }: ModelConfig,
  { use_external_data_format: data }: TransformersLoad['options'],
): ToldConfig {
  const own = { ...told, ...told?.device_config?.cpu };
  return data === undefined || data === null ? own : { ...own, use_external_data_format: data };
}

/** Told for all graphs, or for each by its name. */
function hasTooManyFiles({ use_external_data_format: told }: ToldConfig): boolean {
  const counts: readonly unknown[] = typeof told === 'object' && told !== null ? Object.values(told) : [told];
  return counts.some((count) => Number(count) > MOST_DATA_FILES);
}

/** Without a dtype the module takes fp32 on the CPU. One that it doesn't know is found nowhere. */
function listLadder(first = 'fp32'): readonly string[] {
  const from = DTYPES.indexOf(first);
  if (from < 0) return [];
  const least = DTYPES.indexOf(LEAST_DTYPE);
  return DTYPES.slice(from, from > least ? undefined : least + 1);
}

/** A choice that the configuration made has no name to ask for. */
function unlabelled(asked: string | object | undefined): { readonly quantization?: string } {
  return asked === undefined ? {} : { quantization: labelDtype(asked) };
}

interface ConfiguredLoad {
  readonly config: ModelConfig;
  readonly task: string | undefined;
  readonly options: TransformersLoad['options'];
}

/** The files of one model in its dtypes. */
class DtypeFiles {
  readonly #sdk: Transformers;
  readonly #place: RepositoryPlace;
  readonly #load: ConfiguredLoad;

  constructor(sdk: Transformers, place: RepositoryPlace, load: ConfiguredLoad) {
    this.#sdk = sdk;
    this.#place = place;
    this.#load = load;
  }

  async listThere(dtypes: readonly string[]): Promise<readonly ModelOffer[]> {
    const offers = await Promise.all(
      dtypes.map(async (quantization) => {
        const { missing, ...told } = await this.offer(quantization);
        return missing ? [] : [{ quantization, ...told }];
      }),
    );
    return offers.flat();
  }

  /** What there is to tell of a dtype, or of one for each part. */
  async offer(dtype: string | object): Promise<Pick<ModelOffer, 'sizes' | 'unknownBecause'> & { missing?: true }> {
    try {
      const sizes = await this.#measure(dtype);
      if (sizes === 'missing') return { missing: true };
      return sizes ? { sizes } : { unknownBecause: "the hub doesn't tell how large its files are" };
    } catch (error) {
      return { unknownBecause: `the size of its files can't be had (${describeError(error)})` };
    }
  }

  async #measure(dtype: string | object): Promise<OnnxSizes | 'missing' | undefined> {
    const files = await this.#listFiles(dtype);
    const measured = await Promise.all(
      files.map(async (file) => ({ file, bytes: await measureFile(this.#sdk, this.#place, file) })),
    );
    // A model's weights beside it may be said to be there for other dtypes.
    const needed = measured.filter(({ file, bytes }) => bytes !== 'missing' || file.endsWith('.onnx'));
    if (needed.some(({ bytes }) => bytes === 'missing')) return 'missing';
    const sum = (ends: RegExp) =>
      needed.reduce<number>((all, { file, bytes }) => (ends.test(file) ? all + Number(bytes) : all), 0);
    const halves = Object.values(typeof dtype === 'string' ? { dtype } : dtype).some((each) =>
      /f(p)?16$/.test(String(each)),
    );
    const sizes = {
      graphBytes: sum(/\.onnx$/),
      dataBytes: sum(/_data(_\d+)?$/),
      tokenizerBytes: sum(/\.json$/),
      halves,
    };
    return Object.values(sizes).some(Number.isNaN) ? undefined : sizes;
  }

  /** Those that weigh: the registry names them as in a folder `onnx`, whatever the option says. */
  async #listFiles(dtype: string | object): Promise<readonly string[]> {
    const { config, task, options } = this.#load;
    const { id } = this.#place;
    const wanted = {
      config,
      dtype,
      device: options['device'] ?? null,
      model_file_name: options['model_file_name'] ?? null,
    };
    const registry = this.#sdk.ModelRegistry!;
    const files =
      task === undefined
        ? await registry.get_model_files(id, wanted)
        : await registry.get_pipeline_files(task, id, wanted);
    const { subfolder = 'onnx' } = options;
    return files
      .filter((file) => file.startsWith('onnx/') || file === 'tokenizer.json')
      .map((file) => (subfolder === 'onnx' ? file : file.replace(/^onnx\//, `${String(subfolder)}/`)));
  }
}
