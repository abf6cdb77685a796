/**
 * The runtimes over which their contract runs: the embedded one on its real engine, the SDK's library on its test double in every
 * layout, and on real libraries that variables name. Another runtime is one more row.
 */
import { afterAll, beforeAll, describe } from 'vitest';
import { LAYOUTS, type LayoutName } from '../../src/addon/nexa-binding.ts';
import { openIsolatedRuntime } from '../../src/sdk/isolation/isolated-runtime.ts';
import { openRuntime } from '../../src/sdk/open-runtime.ts';
import { readLoadOptions } from '../../src/sdk/read-sdk-options.ts';
import type { GenerateResult, Runtime, RuntimeGenerate, RuntimeLoad, RuntimeModel } from '../../src/sdk/runtime.ts';
import { type InitializeOptions, ISOLATIONS, type Isolation } from '../../src/sdk/sdk-options.ts';
import { doubleLibrary, type RealVariable, realLibrary } from '../support/nexa/libraries.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

export interface RuntimeRow {
  readonly row: string;
  readonly name: Runtime['name'];
  readonly isolation: Isolation;
  /** Whether a load that fails inside the engine leaves the program alive. */
  readonly survivesFailedLoads: boolean;
  /** Whether `onLog` hears the engine. */
  readonly tellsLog: boolean;
  readonly projector: 'F32' | 'F16';
  /** Whether a model with a projector draws as it is told: by a seed, by a grammar, or the likeliest token. */
  readonly drawsWithProjector: boolean;
  /** Whether it frees a model that has a projector. */
  readonly freesWithProjector: boolean;
  /**
   * By how much its process moves in 30 loads. A real library has threads of OpenMP, each with an arena: 14 to 23 MiB, of which nothing is left after 90
   * loads.
   */
  readonly movesMiB: number;
  /** Whether texts follow a grammar. A double only takes it. */
  readonly followsGrammar: boolean;
  /** Whether it keeps KV caches of models without a projector in files. */
  readonly keepsKvCache: boolean;
  open(options?: Pick<InitializeOptions, 'onLog'>): Promise<Runtime>;
}

type Subject = Omit<RuntimeRow, 'isolation' | 'survivesFailedLoads' | 'tellsLog' | 'open'> & {
  readonly runtime: InitializeOptions;
};

const nexaSubject = (place: string, layout: LayoutName, libraryPath: string, followsGrammar: boolean): Subject => {
  const old = layout === 'nexa-1.0';
  return {
    row: `nexa on the ${place}`,
    name: 'nexa',
    projector: old ? 'F16' : 'F32',
    drawsWithProjector: !old,
    freesWithProjector: !old,
    movesMiB: followsGrammar ? 26 : 12,
    followsGrammar,
    keepsKvCache: true,
    runtime: { runtime: 'nexa', libraryPath },
  };
};
const REAL: readonly (readonly [RealVariable, LayoutName])[] = [
  ['REAL_GENIEX', 'geniex-0.5'],
  ['REAL_ML', 'nexa-1.0'],
];

const LLAMA: Subject = {
  row: 'llama',
  name: 'llama',
  projector: 'F32',
  drawsWithProjector: true,
  freesWithProjector: true,
  movesMiB: 12,
  followsGrammar: true,
  keepsKvCache: false,
  runtime: { runtime: 'llama' },
};
const SUBJECTS: readonly Subject[] = [
  LLAMA,
  ...LAYOUTS.map((layout) => nexaSubject(`double of ${layout}`, layout, doubleLibrary(layout), false)),
  ...REAL.flatMap(([variable, layout]) => {
    const library = realLibrary(variable);
    return library === undefined ? [] : [nexaSubject(`library of ${variable}`, layout, library, true)];
  }),
];

function makeRow({ runtime, ...subject }: Subject, isolation: Isolation): RuntimeRow {
  const embedded = subject.name === 'llama' && isolation === 'none';
  return {
    ...subject,
    row: `${subject.row}, isolation '${isolation}'`,
    isolation,
    survivesFailedLoads: !embedded,
    tellsLog: !embedded,
    open: (options) => {
      const all = { ...runtime, ...options, isolation };
      return isolation === 'none' ? openRuntime(all) : openIsolatedRuntime(all);
    },
  };
}

const RUNTIMES = SUBJECTS.flatMap((subject) => ISOLATIONS.map((isolation) => makeRow(subject, isolation)));

/** Runs the tests over every runtime. Those of a real library that no variable names are skipped. */
export function describeRuntimes(tests: (row: RuntimeRow) => void): void {
  describe.each(RUNTIMES)('the runtime $row', tests);
  for (const [variable, layout] of REAL) {
    if (realLibrary(variable) !== undefined) continue;
    const reason = `${variable} names no library of ${layout}`;
    describe.skip(`the runtime nexa on the library of ${variable}: ${reason}`, () => tests(makeRow(LLAMA, 'process')));
    console.info(`Skipped: ${reason}.`);
  }
}

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
