/** How the guard reads the module `@huggingface/transformers`: `pipeline`, and the classes with `from_pretrained`. It knows its names and no memory numbers. */
import { changeOptions, copyOptions, withoutPrototype } from '../core/copy-options.ts';
import { describe, MemoryGuardError } from '../core/errors.ts';
import { objectOf } from '../core/validate.ts';
import type { Adapter, LoadRequest } from './adapter.ts';
import { defaultModelParts } from './default-adapter.ts';
import type { Transformers } from './transformers-files.ts';
import { labelDtype, listDtypeOffers, readDevice, readDtype, type TransformersLoad } from './transformers-offers.ts';

const NAMES = ['pipeline', 'env', 'AutoConfig', 'AutoModel', 'AutoTokenizer', 'PreTrainedModel'];

export function isTransformers(sdk: object): sdk is Transformers {
  return NAMES.every((name) => name in sdk);
}

/** Tokenizers, processors and configurations have a `from_pretrained` as well, and are read into the heap of JavaScript: they are left as they are. */
export function transformersAdapter(sdk: Transformers): Adapter {
  const { env } = sdk;
  const parts = (read: ReadLoad): Partial<Adapter> => ({
    readRequest: (args) => readRequest(args, read),
    withQuantization: (args, dtype) => withDtype(args, dtype, read),
    listOffers: async (args) => listDtypeOffers(sdk, read(args)),
  });
  const ofClass = new Map<string | undefined, Partial<Adapter>>();
  const partsOfClass = (name: string) => {
    const file = findFileName(name);
    const known = ofClass.get(file) ?? parts(readClassLoad(file));
    ofClass.set(file, known);
    return known;
  };
  const classes = listModelClasses(sdk);
  return withoutPrototype<Adapter>({
    runtime: `@huggingface/transformers ${String(env.version)} (onnxruntime ${String(env.backends?.onnx?.versions?.node)})`,
    ownLadder: true,
    ...defaultModelParts,
    isInference: (method) => /^(|_call|forward|encode|decode|generate.*|get_\w+)$/.test(method),
    sdkDisposers: {},
    ...(parts(readClassLoad(undefined)) as Pick<Adapter, 'readRequest' | 'withQuantization'>),
    // The first is what `guard.plan(id, options)` asks.
    loads: Object.fromEntries([
      ...classes.map((name) => [`${name}.from_pretrained`, partsOfClass(name)]),
      ['pipeline', parts(readPipelineLoad)],
    ]),
  });
}

/** Reads the arguments of one way to load. */
type ReadLoad = (args: readonly unknown[]) => TransformersLoad & { readonly place: number };

/** `AutoModel` and the like, and the classes of models, by their exported names. */
function listModelClasses(sdk: Transformers): readonly string[] {
  const { prototype } = sdk.PreTrainedModel;
  const isModelClass = (value: unknown) =>
    typeof value === 'function' &&
    'from_pretrained' in value &&
    ('MODEL_CLASS_MAPPINGS' in value ||
      value === sdk.PreTrainedModel ||
      Object.prototype.isPrototypeOf.call(prototype, value.prototype));
  const names = Object.keys(sdk).filter((name) => isModelClass((sdk as unknown as Record<string, unknown>)[name]));
  return ['AutoModel', ...names.filter((name) => name !== 'AutoModel')];
}

/** Some classes load one part of a repository, whose file has a name of its own. */
const PART_CLASSES: readonly (readonly [RegExp, string])[] = [
  [/^(CLIP|Siglip|JinaCLIP|Clap)Text/, 'text_model'],
  [/^(CLIP|Siglip|JinaCLIP)Vision/, 'vision_model'],
  [/^ClapAudio/, 'audio_model'],
];

function findFileName(name: string): string | undefined {
  return PART_CLASSES.find(([pattern]) => pattern.test(name))?.[1];
}

/** `pipeline(task, id, options)`. */
function readPipelineLoad(args: readonly unknown[]): ReturnType<ReadLoad> {
  const [task, id] = args;
  if (typeof task !== 'string' || task === '') {
    throw new MemoryGuardError(
      'ERR_UNKNOWN_MODEL',
      `Expected the task of a pipeline such as 'feature-extraction', got ${describe(task)}.`,
    );
  }
  // The module takes its default model for anything that isn't one.
  if (id === undefined || id === null || id === '') return { task, options: readOptions(args[2]), place: 2 };
  return { task, id: checkId(id), options: readOptions(args[2]), place: 2 };
}

/** `AutoModel.from_pretrained(id, options)`. */
function readClassLoad(file: string | undefined): ReadLoad {
  return ([id, given]) => {
    const options = readOptions(given);
    const named = file === undefined ? options : { ...options, model_file_name: options['model_file_name'] ?? file };
    return { id: checkId(id), options: named, place: 1 };
  };
}

function checkId(id: unknown): string {
  if (typeof id === 'string' && id !== '') return id;
  throw new MemoryGuardError(
    'ERR_UNKNOWN_MODEL',
    `Expected the name of a model such as 'org/model' or the path of its folder, got ${describe(id)}.`,
  );
}

const OPTION_NAMES = [
  'memoryGuard',
  'dtype',
  'device',
  'config',
  'revision',
  'cache_dir',
  'local_files_only',
  'subfolder',
  'model_file_name',
  'use_external_data_format',
  'session_options',
];

function readOptions(given: unknown): TransformersLoad['options'] {
  if (given === undefined) return {};
  return copyOptions(objectOf<object>('an object')(given, 'options'), '', OPTION_NAMES);
}

function readRequest(args: readonly unknown[], read: ReadLoad): LoadRequest {
  const { id, task, options } = read(args);
  const dtype = readDtype(options['dtype']);
  const device = readDevice(options);
  const name = id ?? `the default model of ${task}`;
  return withoutPrototype({
    // What was seen on the CPU tells nothing of another device.
    name: device === undefined ? name : `${name} on ${device}`,
    ...(dtype !== undefined && { quantization: labelDtype(dtype) }),
    memoryGuard: options['memoryGuard'],
  });
}

/** The arguments without `memoryGuard`, and with this dtype. The identical ones if nothing changes. */
function withDtype(args: readonly unknown[], chosen: string | undefined, read: ReadLoad): readonly unknown[] {
  const { options, place } = read(args);
  const asked = readDtype(options['dtype']);
  const changes = chosen !== undefined && (asked === undefined || labelDtype(asked) !== chosen);
  if (!changes && !('memoryGuard' in options)) return args;
  const given = Object(args[place] ?? {}) as object;
  const changed = changeOptions(given, changes ? { dtype: chosen } : {}, ['memoryGuard']);
  return Array.from({ length: Math.max(args.length, place + 1) }, (_, i) => (i === place ? changed : args[i]));
}
