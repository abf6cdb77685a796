/** The life of one load: its turn, the decision, the SDK's own call, the model's registration. */

import { setImmediate } from 'node:timers/promises';
import type { Adapter } from '../adapters/adapter.ts';
import type { LoadSource } from '../adapters/load-source.ts';
import type { AdmissionGate, InSection } from '../admission/admission-gate.ts';
import { MiB } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { MemoryGuardError } from '../core/errors.ts';
import { isObject } from '../core/is-object.ts';
import type { MemoryReader } from '../core/memory-reader.ts';
import type { ModelProcess } from '../core/model-process.ts';
import type { Invoke } from '../core/wrap-object.ts';
import type { DecisionEvent, DegradedEvent, KilledEvent, LoadedEvent, WaitingEvent } from '../events/guard-events.ts';
import type { CalibrationStore } from '../footprint/calibration-store.ts';
import type { Machine, NoteMappings } from '../machine/machine.ts';
import type { ContextOwner, HeldModel } from '../models/held-model.ts';
import type { HeldProcess } from '../models/held-process.ts';
import type { LoadedModels, LoadWindow } from '../models/loaded-models.ts';
import { findOwnEnd } from '../models/model-handle.ts';
import { noteGrowth } from '../models/observe-load.ts';
import type { Decision } from '../policy/decision.ts';
import { chooseCall } from './choose-call.ts';
import type { EngineQuestions } from './estimate-offers.ts';
import { offerRoom } from './first-context.ts';
import { FollowedLoad } from './follow-load.ts';
import { type AdmittedLoad, LoadAdmission } from './load-admission.ts';
import { ownMinFree } from './load-candidates.ts';
import { withoutFiredSignals } from './load-guard-options.ts';
import { LoadQueue } from './load-queue.ts';
import type { LoadSettings } from './load-settings.ts';
import { ModelProcessEnds } from './model-process-ends.ts';
import { ModelRegistrar } from './model-registrar.ts';
import { type PreparedLoad, prepareLoad } from './prepare-load.ts';
import { ProcessLoad } from './process-load.ts';
import type { KillHistory } from './reload-killed.ts';
import { selectGrowth } from './select-growth.ts';
import { DecisionTeller } from './tell-decision.ts';

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

export class ModelLoader {
  readonly #parts: ModelLoaderParts;
  readonly #teller: DecisionTeller;
  readonly #admission: LoadAdmission;
  readonly #processes = new WeakMap<ModelProcess, HeldProcess>();
  readonly #processEnds: ModelProcessEnds;
  readonly #registrar: ModelRegistrar;
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
    this.#registrar = new ModelRegistrar({
      ...parts,
      processEnds: this.#processEnds,
      reload: (load, invoke, args) => this.#reload(load, invoke, args),
      reloadKilled: (load, invoke, args, history) => this.#reloadKilled(load, invoke, args, history),
      makeContext: (...context) => this.#makeContext(...context),
    });
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
      const { handle, held } = this.#registrar.register(raw, loaded);
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

  #assertOpen(): void {
    if (this.#closed) throw closedError();
  }
}

function closedError(): MemoryGuardError {
  const message = 'This guard was closed; wrap the SDK again to load models through it.';
  return new MemoryGuardError('ERR_GUARD_CLOSED', message);
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
