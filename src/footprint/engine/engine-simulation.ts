/** Asks one build of llama.cpp, through the addon, in the process that it may end. It must not know files of the program or memory rules. */

import type { NativeBuffer, NativeEngineLibrary } from '../../addon/addon.ts';
import { loadNodeModule } from '../../core/node-module.ts';
import { findPoints } from './context-points.ts';
import type { ContextPoint, ContextQuestion, EngineAnswer, EngineQuestion, EngineValues } from './engine-question.ts';
import {
  findContextLayout,
  findModelLayout,
  findProjectorLayout,
  type Layout,
  writeParameters,
} from './parameter-layout.ts';

/** What the engine did not do, in its own words as far as it has any. */
export class SimulationError extends Error {}

/** Tokens of a context that is made for the weights' sake alone. */
const FEW_TOKENS = 256;
/** Lines of the engine's log that say why something failed: the last. */
const MOST_LINES = 3;
const MiB = 2 ** 20;
/** The engine rounds what it prints to hundredths of a MiB. */
const PRINTED_BYTES = MiB / 100;

export class EngineSimulation {
  readonly #library: NativeEngineLibrary;
  readonly #defaults: ReturnType<NativeEngineLibrary['defaults']>;
  readonly #model: Layout;
  readonly #context: Layout;

  /** Throws a `SimulationError` for a build whose parameters can't be found. */
  constructor(library: NativeEngineLibrary) {
    this.#library = library;
    this.#defaults = library.defaults();
    this.#model = this.#need(findModelLayout(this.#defaults.model), 'model');
    this.#context = this.#need(findContextLayout(this.#defaults.context), 'context');
  }

  /** Throws a `SimulationError`, or a `LayoutError` for a value that this build doesn't know. */
  answer({ modelPath, values, loraPaths, contexts, projector }: EngineQuestion): EngineAnswer {
    const beforeBytes = this.#countHeld();
    this.#openModel(modelPath, values);
    const modelBytes = this.#countHeld();
    const adapterBytes = this.#addAdapters(loraPaths);
    // Adapters are really there, once for all contexts.
    const startBytes = this.#countHeld();
    const { buffers } = this.#measure({ n_ctx: FEW_TOKENS });
    const weights = buffers.map(({ name, host, weightsBytes: bytes }) => ({ name, host, bytes }));
    return {
      weights: weights.filter(({ bytes }) => bytes > 0),
      runtimeBytes: Math.max(0, modelBytes - beforeBytes),
      contexts: contexts.map((context) => this.#findPoints(context, startBytes)),
      ...(loraPaths.length > 0 && { adapterBytes }),
      ...(projector && this.#measureProjector(projector.path, projector.values)),
    };
  }

  #openModel(path: string, values: EngineValues): void {
    this.#library.takeLog();
    const read = this.#model['load_mode'] ? { load_mode: 0 } : { use_mmap: 0 };
    const parameters = writeParameters(this.#defaults.model, this.#model, { ...read, ...values, no_alloc: 1 });
    this.#check(this.#library.openModel(path, parameters), 'the model');
    // Where the flag does not mean that, it has just loaded the model.
    if (!/\bno_alloc\s*= 1\b/.test(this.#takeLog())) throw new SimulationError('it does not simulate');
  }

  /** Returns what their weights take: the engine tells it in its log alone. */
  #addAdapters(paths: readonly string[]): number {
    this.#library.takeLog();
    return paths.reduce((total, path) => {
      this.#check(this.#library.addAdapter(path), `the adapter ${path}`);
      return total + sumPrinted(this.#takeLog(), /LoRA buffer size = +([0-9.]+) MiB/g);
    }, 0);
  }

  #findPoints(context: ContextQuestion, startBytes: number): readonly ContextPoint[] {
    return findPoints(context, (tokens) => this.#measurePoint(tokens, context.values, startBytes));
  }

  #measurePoint(tokens: number, values: EngineValues, startBytes: number): Omit<ContextPoint, 'straight'> {
    const { n_outputs_max, ...common } = values;
    // A build without it has room for the logits of all tokens, and is asked about that.
    const outputs = n_outputs_max !== undefined && this.#context['n_outputs_max'] && { n_outputs_max };
    const { buffers, heldBytes } = this.#measure({ ...common, ...outputs, n_ctx: tokens });
    const log = this.#takeLog();
    // States of recurrent layers are the only buffers that are really there.
    const statesBytes = sumPrinted(log, /RS buffer size = +([0-9.]+) MiB/g);
    const earlier = Number(/\bn_rs_seq += (\d+)/.exec(log)?.[1] ?? 0);
    return {
      tokens,
      cacheBytes: sum(buffers, 'contextBytes'),
      stateBytes: Math.ceil(statesBytes / (1 + earlier)),
      computeBytes: sum(buffers, 'computeBytes'),
      outputBytes: sumPrinted(log, /output buffer size = +([0-9.]+) MiB/g),
      runtimeBytes: Math.max(0, heldBytes - countHeapBytes() - startBytes - statesBytes),
    };
  }

  /** Keeps the log of what it did. */
  #measure(values: EngineValues): NonNullable<ReturnType<NativeEngineLibrary['measure']>> {
    this.#library.takeLog();
    const found = this.#library.measure(writeParameters(this.#defaults.context, this.#context, values));
    if (!found) throw new SimulationError(`it refuses the context: ${this.#explain()}`);
    return found;
  }

  /** Nothing of a build that can't tell. */
  #measureProjector(path: string, values: EngineValues): Pick<EngineAnswer, 'projectorBytes'> {
    if (this.#defaults.projector.length === 0) return {};
    const layout = this.#need(findProjectorLayout(this.#defaults.projector), 'projector');
    const parameters = writeParameters(this.#defaults.projector, layout, values);
    const devices = this.#library.measureProjector(path, parameters);
    if (!devices) throw new SimulationError(`it refuses the projector: ${this.#explain()}`);
    return { projectorBytes: devices.reduce((total, { bytes }) => total + bytes, 0) };
  }

  /** What the process holds in anonymous memory that JavaScript doesn't explain. */
  #countHeld(): number {
    return this.#library.heldBytes() - countHeapBytes();
  }

  #check(done: boolean, what: string): void {
    if (!done) throw new SimulationError(`it refuses ${what}: ${this.#explain()}`);
  }

  #need(layout: Layout | undefined, what: string): Layout {
    if (layout) return layout;
    throw new SimulationError(`its ${what} parameters have a layout that is not known`);
  }

  #explain(): string {
    const lines = this.#takeLog()
      .split('\n')
      .filter((line) => line.trim() !== '');
    return lines.slice(-MOST_LINES).join('; ') || 'it does not say why';
  }

  #takeLog(): string {
    return new TextDecoder().decode(this.#library.takeLog());
  }
}

function countHeapBytes(): number {
  const { total_physical_size, external_memory } = loadNodeModule('node:v8').getHeapStatistics();
  return total_physical_size + external_memory;
}

function sum(buffers: readonly NativeBuffer[], part: 'contextBytes' | 'computeBytes'): number {
  return buffers.reduce((total, buffer) => total + buffer[part], 0);
}

function sumPrinted(log: string, pattern: RegExp): number {
  return [...log.matchAll(pattern)].reduce(
    (total, [, size]) => total + Math.ceil(Number(size) * MiB + PRINTED_BYTES),
    0,
  );
}
