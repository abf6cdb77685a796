/** The life of one load: its turn, the decision, the SDK's own call, the model's registration. */

import { setImmediate } from 'node:timers/promises';
import type { Adapter } from '../adapters/adapter.ts';
import type { LoadSource } from '../adapters/load-source.ts';
import type { AdmissionGate, InSection } from '../admission/admission-gate.ts';
import { MiB } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { MemoryGuardError } from '../core/errors.ts';
import type { MemoryReader } from '../core/memory-reader.ts';
import type { ModelProcess } from '../core/model-process.ts';
import type { Invoke } from '../core/wrap-object.ts';
import type { DecisionEvent, DegradedEvent, KilledEvent, LoadedEvent, WaitingEvent } from '../events/guard-events.ts';
import type { CalibrationStore } from '../footprint/calibration-store.ts';
import type { Machine, NoteMappings } from '../machine/machine.ts';
import { type ContextOwner, HeldModel } from '../models/held-model.ts';
import type { HeldProcess } from '../models/held-process.ts';
import type { LoadedModels, LoadWindow } from '../models/loaded-models.ts';
import { findHandle, findOwnEnd, type ModelHandleParts, wrapModel } from '../models/model-handle.ts';
import { noteGrowth, observeLoad, type ReadGrowth } from '../models/observe-load.ts';
import type { Decision } from '../policy/decision.ts';
import { type ChosenCall, chooseCall } from './choose-call.ts';
import type { EngineQuestions } from './estimate-offers.ts';
import { keepRoom, offerRoom } from './first-context.ts';
import { FollowedLoad } from './follow-load.ts';
import { type AdmittedLoad, LoadAdmission } from './load-admission.ts';
import { ownMinFree } from './load-candidates.ts';
import { withoutFiredSignals } from './load-guard-options.ts';
import { LoadQueue } from './load-queue.ts';
import type { LoadSettings } from './load-settings.ts';
import { ModelProcessEnds } from './model-process-ends.ts';
import { type PreparedLoad, prepareLoad } from './prepare-load.ts';
import { ProcessLoad } from './process-load.ts';
import { type KillHistory, planReload } from './reload-killed.ts';
import { selectGrowth } from './select-growth.ts';
import { DecisionTeller, tellLoaded } from './tell-decision.ts';

export interface ModelLoaderParts {
  readonly settings: LoadSettings;
  readonly reader: MemoryReader;
  readonly gate: AdmissionGate;
  readonly inSection: InSection;
  readonly models: LoadedModels;
  readonly clock: Clock;
  readonly noteMappings: NoteMappings;
  readonly meterLoad: Machine['meterLoad'];
  /** Anonymous memory of this process that JavaScript doesn't explain. */
  readonly readGrowthBytes: () => number | undefined;
  /** What earlier loads took. Absent if nothing is kept. */
  readonly calibration: CalibrationStore | undefined;
  /** Absent if no engine is to be asked. */
  readonly engines: EngineQuestions | undefined;
  readonly probeProcess: Machine['probeProcess'];
  readonly emit: (event: DecisionEvent | WaitingEvent | LoadedEvent | KilledEvent | DegradedEvent) => void;
}

/** A meter sees no less. */
const LEAST_METERED_BYTES = 1 * MiB;

/** A call of the SDK that has loaded something. */
interface LoadedCall {
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

export class ModelLoader {
  readonly #parts: ModelLoaderParts;
  readonly #teller: DecisionTeller;
  readonly #admission: LoadAdmission;
  readonly #handleParts = new WeakMap<LoadSource, ModelHandleParts<Adapter>>();
  readonly #processes = new WeakMap<ModelProcess, HeldProcess>();
  readonly #processEnds: ModelProcessEnds;
  #closed = false;

  constructor(parts: ModelLoaderParts) {
    this.#parts = parts;
    const queue = new LoadQueue(parts.settings.maxConcurrentLoads, parts.clock);
    this.#teller = new DecisionTeller({ mode: parts.settings.mode, clock: parts.clock, emit: parts.emit });
    this.#admission = new LoadAdmission({
      ...parts,
      teller: this.#teller,
      enter: (signal, first) => queue.enter(signal, first),
    });
    this.#processEnds = new ModelProcessEnds(parts);
  }

  /** Loads that are running end as they would; those that wait are refused at once. */
  close(): void {
    this.#closed = true;
    this.#admission.close(closedError());
  }

  /** A model is gone: loads that wait look again. */
  wake(): void {
    this.#admission.wake();
  }

  /** How many loads wait for memory. */
  get waitingCount(): number {
    return this.#admission.waitingCount;
  }

  /** Every candidate with its verdict as things stand now; nothing is loaded or reserved. */
  async plan(source: LoadSource, args: readonly unknown[]): Promise<Decision> {
    this.#assertOpen();
    const prepared = await this.#prepare(source, args);
    this.#assertOpen();
    return this.#admission.plan(prepared);
  }

  /** Loads through `invoke`, or throws. Errors of the SDK pass through unchanged and leave nothing reserved. */
  async load(source: LoadSource, invoke: Invoke, args: readonly unknown[]): Promise<unknown> {
    this.#assertOpen();
    return this.#through(await this.#prepare(source, args), invoke);
  }

  /** Loads an evicted model again. The signal of its first load ended the waiting of that load, and counts no more. */
  async #reload({ source, adapter }: PreparedLoad, invoke: Invoke, args: readonly unknown[]): Promise<unknown> {
    this.#assertOpen();
    const load = await this.#prepare(source, args, adapter);
    return this.#through({ ...load, choices: { ...load.choices, signal: undefined } }, invoke);
  }

  /** The same for one whose process was killed, once more or one step smaller. */
  async #reloadKilled(
    { source, adapter }: PreparedLoad,
    invoke: Invoke,
    args: readonly unknown[],
    history: KillHistory,
  ): Promise<unknown> {
    this.#assertOpen();
    const load = history.narrow(await this.#prepare(source, args, adapter));
    const { killsMs } = history;
    return this.#through({ ...load, choices: { ...load.choices, signal: undefined }, killsMs }, invoke);
  }

  /** A context is loaded as a model is. Its model can't be evicted meanwhile. */
  async #makeContext(
    source: LoadSource,
    held: HeldModel,
    invoke: Invoke,
    args: readonly unknown[],
    adapter: Adapter,
    again: (args: readonly unknown[]) => unknown,
  ): Promise<unknown> {
    this.#assertOpen();
    const letGo = this.#parts.models.hold(held);
    // Its user may dispose the model while this waits to be admitted. As any call, it reaches the SDK once that is over.
    const afterEnd: Invoke = (given) => {
      const { end } = held.life;
      return end ? end.over.then(() => invoke(given)) : invoke(given);
    };
    try {
      return await this.#through(await this.#prepare(source, args, adapter, held), afterEnd, {
        held,
        letGo,
        again: this.#parts.settings.reload ? async () => again(withoutFiredSignals(args)) : undefined,
      });
    } catch (error) {
      letGo();
      throw error;
    }
  }

  #through(load: PreparedLoad, invoke: Invoke, owner?: ContextOwner): Promise<unknown> {
    return this.#admission.through(load, (admitted) => this.#run(load, admitted, invoke, owner));
  }

  /** What is made from a model is read by an adapter of its own. */
  #prepare(
    source: LoadSource,
    args: readonly unknown[],
    adapter = source.adapter,
    owner?: HeldModel,
  ): Promise<PreparedLoad> {
    const { settings, models, calibration, engines } = this.#parts;
    return prepareLoad(args, {
      engines,
      settings,
      source,
      adapter,
      ...(owner && { owner: owner.facts.name, takeRoom: offerRoom(owner, this.#parts) }),
      calibration,
      heldMinFree: () => models.minFree,
      misunderstood: (error) => {
        const message = `Observed only, and not judged: ${error.message}`;
        this.#teller.degraded({ reason: 'not-understood', message }, error);
      },
    });
  }

  /** Calls the SDK and registers what it returns. Errors leave nothing reserved. */
  async #run(
    load: PreparedLoad,
    admitted: AdmittedLoad,
    invoke: Invoke,
    owner: ContextOwner | undefined,
  ): Promise<unknown> {
    const { settings, gate, models, clock } = this.#parts;
    const { candidate, reservation } = admitted;
    const startMs = clock.nowMs();
    const window = models.beginLoad(ownMinFree(load.request, candidate.quantization, settings));
    let followed: FollowedLoad | undefined;
    const { processes } = load.adapter;
    const there = processes && new ProcessLoad(processes, reservation, this.#processes, this.#parts);
    try {
      const call = chooseCall(load, candidate, settings.mode);
      const findNewMappings = there ? () => undefined : this.#parts.noteMappings();
      // Deciding and starting take some milliseconds each: not in one turn of the event loop, which no load of this kind blocks.
      if (there) await setImmediate();
      const readBytes = selectGrowth(this.#parts.readGrowthBytes, candidate, load.adapter.modelsLiveIn);
      const grown = there ? () => there.held?.readGrownBytes() : noteGrowth(readBytes);
      followed = this.#follow(load.adapter, admitted, window);
      const raw = await loadAlive(invoke, there ? there.listen(call.args) : call.args, followed);
      const process = there?.held;
      const loaded = { load, admitted, call, invoke, owner, window, findNewMappings, grown, startMs, process };
      const { handle, held } = this.#register(raw, loaded);
      // The model is registered by now, and stays. Nobody has it yet, and no other load begins: what is seen is what this load took.
      const letGo = held && models.hold(held);
      await followed.finish();
      letGo?.();
      return handle;
    } catch (error) {
      gate.release(reservation);
      this.#processEnds.failed(admitted, there?.held, error);
      throw error;
    } finally {
      there?.close();
      followed?.close();
      window.end();
    }
  }

  /** What a call on a model takes beside a load can't be told from what the load takes: then nothing pays. */
  #follow(
    { modelsLiveIn, processes }: Adapter,
    { candidate, reservation }: AdmittedLoad,
    window: LoadWindow,
  ): FollowedLoad {
    const { gate, clock, meterLoad } = this.#parts;
    const pays = !processes && candidate.need.anonymousBytes >= LEAST_METERED_BYTES && !window.wasCalled();
    const meter = pays ? meterLoad(modelsLiveIn ?? 'native') : undefined;
    if (meter) gate.meter(reservation, meter);
    return new FollowedLoad({
      meter,
      clock,
      wasCalled: () => window.wasCalled(),
      took: (bytes) => gate.took(reservation, bytes),
    });
  }

  /** Registers what the SDK gave, and gives the handle that its caller gets, with the model if it is a new one. */
  #register(raw: unknown, loaded: LoadedCall): { readonly handle: unknown; readonly held?: HeldModel } {
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
    // An object that can't be wrapped is an error before anything is registered.
    const handle = isObject(raw) ? wrapModel(raw, held, handleParts) : raw;
    loaded.window.end(true);
    // Weights that are loaded by themselves have taken all that they ever will.
    models.add(held, load.request.shape?.part === 'weights');
    keepRoom(held, candidate.roomBytes, this.#parts);
    tellLoaded(held, { files, elapsedMs: clock.nowMs() - loaded.startMs }, this.#parts);
    if (isObject(raw)) listenForEnd(methods, raw, () => models.ended(held));
    if (process) this.#processEnds.follow(held, candidate, process);
    return { handle, held };
  }

  /** How handles of a source's models are wrapped. A context is a model of its SDK. */
  #findHandleParts(source: LoadSource): ModelHandleParts<Adapter> {
    const known = this.#handleParts.get(source);
    if (known) return known;
    const parts: ModelHandleParts<Adapter> = {
      models: this.#parts.models,
      methods: source.adapter,
      makeContext: (owner, invoke, args, adapter, again) =>
        this.#makeContext(source, owner, invoke, args, adapter, again),
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
      reload: settings.reload && !owner ? () => this.#reload(load, invoke, withoutFiredSignals(args)) : undefined,
      process,
      planReload:
        process &&
        planReload(load, candidate, this.#parts.clock, (history) => this.#reloadKilled(load, invoke, args, history)),
      owner,
      calibrationKey: candidate.calibrationKey,
      returnsCallMemory: returnsCallMemory(request.shape?.session),
    };
  }

  #assertOpen(): void {
    if (this.#closed) throw closedError();
  }
}

/** A session of ONNX Runtime keeps it in an arena of its own, unless it is told not to. */
function returnsCallMemory(session: unknown): boolean {
  return (Object(session) as { readonly arena?: unknown }).arena === false;
}

function closedError(): MemoryGuardError {
  const message = 'This guard was closed; wrap the SDK again to load models through it.';
  return new MemoryGuardError('ERR_GUARD_CLOSED', message);
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

/** An SDK may give a model again that the guard is just ending: once that is over, it is asked anew. */
async function loadAlive(invoke: Invoke, args: readonly unknown[], followed: FollowedLoad): Promise<unknown> {
  for (;;) {
    const loading = invoke(args);
    followed.returned();
    const raw = await loading;
    const end = isObject(raw) ? findOwnEnd(raw) : undefined;
    if (!end) return raw;
    await end;
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
