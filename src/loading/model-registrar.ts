/** What an SDK gave becomes a model of the guard: its facts, its handle, how its end is heard and how it comes back. It calls no load. */

import type { Adapter } from '../adapters/adapter.ts';
import type { LoadSource } from '../adapters/load-source.ts';
import type { AdmissionGate } from '../admission/admission-gate.ts';
import type { Clock } from '../core/clock.ts';
import { isObject } from '../core/is-object.ts';
import type { Invoke } from '../core/wrap-object.ts';
import type { LoadedEvent } from '../events/guard-events.ts';
import type { NoteMappings } from '../machine/machine.ts';
import { type ContextOwner, HeldModel } from '../models/held-model.ts';
import type { HeldProcess } from '../models/held-process.ts';
import type { LoadedModels, LoadWindow } from '../models/loaded-models.ts';
import { findHandle, type ModelHandleParts, wrapModel } from '../models/model-handle.ts';
import { observeLoad, type ReadGrowth } from '../models/observe-load.ts';
import type { ChosenCall } from './choose-call.ts';
import { keepRoom } from './first-context.ts';
import type { AdmittedLoad } from './load-admission.ts';
import { ownMinFree } from './load-candidates.ts';
import { withoutFiredSignals } from './load-guard-options.ts';
import type { LoadSettings } from './load-settings.ts';
import type { ModelProcessEnds } from './model-process-ends.ts';
import type { PreparedLoad } from './prepare-load.ts';
import { type KillHistory, planReload } from './reload-killed.ts';
import { tellLoaded } from './tell-decision.ts';

/** A call of the SDK that has loaded something. */
export interface LoadedCall {
  readonly load: PreparedLoad;
  readonly admitted: AdmittedLoad;
  readonly call: ChosenCall;
  readonly invoke: Invoke;
  readonly owner: ContextOwner | undefined;
  readonly window: LoadWindow;
  readonly findNewMappings: ReturnType<NoteMappings>;
  readonly grown: ReadGrowth;
  readonly startMs: number;
  readonly process: HeldProcess | undefined;
}

/** How a model is loaded again, and a context made from it. */
export interface LoadsOfModel {
  reload(load: PreparedLoad, invoke: Invoke, args: readonly unknown[]): Promise<unknown>;
  reloadKilled(load: PreparedLoad, invoke: Invoke, args: readonly unknown[], history: KillHistory): Promise<unknown>;
  makeContext(source: LoadSource, ...context: Parameters<ModelHandleParts<Adapter>['makeContext']>): Promise<unknown>;
}

export interface ModelRegistrarParts extends LoadsOfModel {
  readonly settings: LoadSettings;
  readonly gate: AdmissionGate;
  readonly models: LoadedModels;
  readonly clock: Clock;
  readonly processEnds: ModelProcessEnds;
  readonly emit: (event: LoadedEvent) => void;
}

export class ModelRegistrar {
  readonly #parts: ModelRegistrarParts;
  readonly #handleParts = new WeakMap<LoadSource, ModelHandleParts<Adapter>>();

  constructor(parts: ModelRegistrarParts) {
    this.#parts = parts;
  }

  /** Gives the handle that the caller of the load gets, with the model if it is a new one. */
  register(raw: unknown, loaded: LoadedCall): { readonly handle: unknown; readonly held?: HeldModel } {
    const { gate, models, clock } = this.#parts;
    const { load, call, owner } = loaded;
    const { candidate, reservation } = loaded.admitted;
    const { adapter: methods } = load.source;
    const handleParts = this.#findHandleParts(load.source);
    const known = isObject(raw) ? findHandle(raw, handleParts) : undefined;
    if (known) {
      gate.release(reservation);
      owner?.letGo();
      return { handle: known };
    }
    const modelFiles = listFiles(load.adapter, raw, call.args);
    // A model that maps nothing may have files that another one maps.
    const mapsFiles = candidate.need.mappedBytes > 0 || candidate.need.files !== undefined;
    const { process } = loaded;
    const files = process?.readable ? process.listMappings() : loaded.findNewMappings(mapsFiles ? modelFiles : []);
    // What else runs takes nothing in a process of the model's own. Which of several took it in one of theirs, nobody knows.
    const changes = process?.own ? models.changes : process ? undefined : loaded.window.ranAlone();
    const observing =
      changes === undefined ? undefined : observeLoad(candidate.calibrationKey, changes, loaded.grown, files);
    gate.loaded(reservation, files, process?.readable ? undefined : candidate.predicted?.anonymousAfterLoadBytes);
    const held = new HeldModel(raw, methods.onEnd !== undefined, this.#listFacts(loaded, modelFiles), observing);
    const handle = isObject(raw) ? wrapOrEnd(raw, held, handleParts) : raw;
    loaded.window.end(true);
    // Weights that are loaded by themselves have taken all that they ever will.
    models.add(held, load.request.shape?.part === 'weights');
    keepRoom(held, candidate.roomBytes, this.#parts);
    tellLoaded(held, { files, elapsedMs: clock.nowMs() - loaded.startMs }, this.#parts);
    if (isObject(raw)) listenForEnd(methods, raw, () => models.ended(held));
    if (process) this.#parts.processEnds.follow(held, candidate, process);
    return { handle, held };
  }

  /** How handles of a source's models are wrapped. A context is a model of its SDK. */
  #findHandleParts(source: LoadSource): ModelHandleParts<Adapter> {
    const known = this.#handleParts.get(source);
    if (known) return known;
    const parts: ModelHandleParts<Adapter> = {
      models: this.#parts.models,
      methods: source.adapter,
      makeContext: (...context) => this.#parts.makeContext(source, ...context),
    };
    this.#handleParts.set(source, parts);
    return parts;
  }

  #listFacts(loaded: LoadedCall, files: readonly string[]): HeldModel['facts'] {
    const { load, admitted, call, invoke, owner, process } = loaded;
    const { args, choices, request } = load;
    const { candidate, reservation, reason } = admitted;
    const { quantization, shape } = call;
    const { settings, clock } = this.#parts;
    const loadedMs = clock.nowMs();
    return {
      name: reservation.label,
      askedName: request.name,
      modelPath: candidate.modelPath,
      sdk: load.source.sdk,
      methods: load.source.adapter,
      quantization,
      shape,
      reason,
      reservation,
      ...ownMinFree(request, candidate.quantization, settings),
      loadedMs,
      loadMs: loadedMs - loaded.startMs,
      predicted: candidate.predicted,
      files,
      pinned: choices.pin,
      reload: settings.reload && !owner ? () => this.#parts.reload(load, invoke, withoutFiredSignals(args)) : undefined,
      process,
      planReload:
        process &&
        planReload(load, candidate, clock, (history) => this.#parts.reloadKilled(load, invoke, args, history)),
      owner,
      calibrationKey: candidate.calibrationKey,
      returnsCallMemory: returnsCallMemory(request.shape?.session),
    };
  }
}

/** An object that can't be wrapped is an error before anything is registered. Nobody gets it, so it is ended if it can be. */
function wrapOrEnd(raw: object, held: HeldModel, parts: ModelHandleParts<Adapter>): object {
  try {
    return wrapModel(raw, held, parts);
  } catch (error) {
    void Promise.resolve()
      .then(() => held.findDisposer()?.())
      .catch(() => {}); // what is told is why it can't be wrapped
    throw error;
  }
}

/** A session of ONNX Runtime keeps it in an arena of its own, unless it is told not to. */
function returnsCallMemory(session: unknown): boolean {
  return (Object(session) as { readonly arena?: unknown }).arena === false;
}

/** An adapter's fault must not lose a model that is loaded: its files are then found as new, or not at all. */
function listFiles(adapter: Adapter, model: unknown, args: readonly unknown[]): readonly string[] {
  try {
    return adapter.listFiles?.(model, args) ?? [];
  } catch {
    return [];
  }
}

/** The same holds here: such a model ends with a disposal through its handle, or when the SDK's own object is collected. */
function listenForEnd(adapter: Adapter, model: object, tell: () => void): void {
  try {
    adapter.onEnd?.(model, tell);
  } catch {
    // Nothing of the model depends on being told.
  }
}
