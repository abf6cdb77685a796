/** The guard that programs talk to: a face over its rooms. It decides, holds and reads nothing itself. */
import type { Adapter } from './adapters/adapter.ts';
import { defaultAdapter } from './adapters/default-adapter.ts';
import type { LoadSource } from './adapters/load-source.ts';
import { nameProgram } from './adapters/name-sdk.ts';
import { describe, MemoryGuardError } from './core/errors.ts';
import type { MemorySnapshot } from './core/types.ts';
import { callback } from './core/validate.ts';
import { unwrap } from './core/wrap-object.ts';
import { checkEventName, type GuardEventName, type GuardEventOf } from './events/guard-events.ts';
import { checkAdapter } from './guard-options.ts';
import type { GuardRooms } from './guard-rooms.ts';
import type { GuardableSdk, GuardedBy } from './guarded-sdk.ts';
import type { GuardedModel } from './guarded-types.ts';
import type { LedgerEntry } from './ledger/ledger-record.ts';
import { loadCallAdapter, runLoadCall } from './load-calls/load-call-adapter.ts';
import {
  type GuardLoadOptions,
  type LoadCandidate,
  type LoadChoice,
  readLoadCall,
} from './load-calls/load-call-options.ts';
import type { LoadGuardOptions } from './loading/load-guard-options.ts';
import type { LoadedModel } from './models/loaded-model.ts';
import type { GuardStatus, WatchOptions } from './monitor/status-watch.ts';
import type { Decision } from './policy/decision.ts';
import { runSpawn, spawnAdapter } from './spawn/spawn-adapter.ts';
import { readSpawnCall, type SpawnChoice, type SpawnProgramOptions } from './spawn/spawn-options.ts';
import type { SpawnedProgram } from './spawn/spawned-program.ts';
import { checkSdk, wrapSdk } from './wrap-sdk.ts';

/** `guard.ledger`. */
export interface GuardLedger {
  /** `process`: this process alone is counted. `shared`: all processes that meet in `directory`. */
  readonly kind: 'process' | 'shared';
  readonly directory?: string;
  /** What each of them holds, the newest last. */
  entries(): readonly LedgerEntry[];
}

/** The options of the load that is planned. */
export interface PlanOptions {
  readonly memoryGuard?: LoadGuardOptions;
  readonly [option: string]: unknown;
}

/** What a model gets from `dispose` among the options of its load, if it has none of that itself. */
export interface EndableModel {
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** `guarded.guard`: snapshots, status, events and the models that are loaded. Made by `withMemoryGuard`. */
export class MemoryGuard {
  readonly #rooms: GuardRooms;
  /** The SDKs behind it, in the order in which they were wrapped. */
  readonly #sources: LoadSource[] = [];

  /** @internal Use `withMemoryGuard`. */
  constructor(rooms: GuardRooms) {
    this.#rooms = rooms;
  }

  /** Who is counted: this process alone, or all that meet in `directory`; and what each of them holds, the newest last. */
  get ledger(): GuardLedger {
    const { ledger, shared } = this.#rooms.ledger;
    return Object.freeze({
      kind: shared ? 'shared' : 'process',
      ...(shared && { directory: shared.directory }),
      entries: () => shared?.entries() ?? ledger.listEntries(),
    });
  }

  /** Whether `close()` was called. */
  get closed(): boolean {
    return this.#rooms.closed;
  }

  /**
   * Calls `listener` for every event of that name. Its event has exactly that name as its `type`.
   *
   * @throws MemoryGuardError `ERR_INVALID_OPTION` for a name of no event, or a listener that is no function.
   */
  on<E extends GuardEventName>(event: E, listener: (event: GuardEventOf<E>) => void): this {
    this.#rooms.events.on(checkEventName(event), callback(listener, 'listener') as never);
    return this;
  }

  /** The same for the next event of that name alone. */
  once<E extends GuardEventName>(event: E, listener: (event: GuardEventOf<E>) => void): this {
    this.#rooms.events.once(checkEventName(event), callback(listener, 'listener') as never);
    return this;
  }

  /** Takes a listener away. Does nothing if it is none. */
  off<E extends GuardEventName>(event: E, listener: (event: GuardEventOf<E>) => void): this {
    this.#rooms.events.off(event, listener as never);
    return this;
  }

  /**
   * One full reading of the machine.
   *
   * @throws MemoryGuardError `ERR_SENSOR` if it can't be read, `ERR_GUARD_CLOSED` after `close()`.
   */
  snapshot(): MemorySnapshot {
    this.#assertOpen();
    return this.#rooms.machine.reader.snapshot();
  }

  /**
   * The status, judged now and without hysteresis; the events tell edges.
   *
   * @throws MemoryGuardError `ERR_SENSOR` if the machine can't be read, `ERR_GUARD_CLOSED` after `close()`.
   */
  status(): GuardStatus {
    this.#assertOpen();
    return this.#rooms.status.status();
  }

  /**
   * The status now, then at each edge. The loop ends when the signal is aborted or the guard is closed.
   *
   * @throws MemoryGuardError `ERR_INVALID_OPTION`; `ERR_SENSOR` if the machine can't be read; `ERR_GUARD_CLOSED` after `close()`.
   * @example
   * ```ts
   * for await (const { status, headroomBytes } of nexa.guard.watch({ signal })) console.log(status, headroomBytes);
   * ```
   */
  watch(options?: WatchOptions): AsyncGenerator<GuardStatus, void, void> {
    this.#assertOpen();
    return this.#rooms.status.watch(options);
  }

  /**
   * Bytes this process can still take without evicting what loaded models need.
   *
   * @throws MemoryGuardError `ERR_SENSOR` if the machine can't be read, `ERR_GUARD_CLOSED` after `close()`.
   */
  headroomBytes(): number {
    return this.status().headroomBytes;
  }

  /** The models that are loaded now, in the order in which they were loaded. */
  models(): readonly LoadedModel[] {
    return this.#rooms.models.list();
  }

  /** How many loads of this guard wait for memory now. Those that wait for their turn alone don't count. */
  waitingCount(): number {
    return this.#rooms.loader.waitingCount;
  }

  /**
   * A dry run of `loadModel(name, options)`, or of `loadModel(options)` if the SDK takes its path there: every candidate with its
   * verdict. Nothing is loaded or reserved.
   *
   * @throws MemoryGuardError what `loadModel` would throw about its options or files, `ERR_SENSOR` and `ERR_GUARD_CLOSED`.
   */
  async plan(name: string | PlanOptions, options: PlanOptions = {}, sdk?: object): Promise<Decision> {
    const source = this.#findSource(sdk);
    return this.#rooms.loader.plan(source, typeof name === 'string' ? [name, options] : [name]);
  }

  /**
   * Starts a program that loads a model by itself, such as a server, once there is room for it: its need is reserved, its whole process tree is
   * counted, it is stopped to make room and when it idles, and its end is told. `args` may be a function of what was chosen.
   *
   * @throws MemoryGuardError `ERR_INVALID_OPTION`, what `loadModel` throws if the program doesn't fit, `ERR_RUNTIME_NOT_FOUND` if there is no such
   * program, `ERR_RUNTIME` if it can't be started, `ERR_MODEL_KILLED` if it ends before it is ready, and what `ready` throws.
   * @example
   * ```ts
   * const server = await nexa.guard.spawn('llama-server', ({ contextSize }) => ['-m', path, '-c', `${contextSize}`], {
   *   modelPath: path,
   *   contextSize: { min: 2048, max: 8192 },
   *   ready: (_, signal) => waitForPort(8080, signal),
   * });
   * await server.use(() => fetch('http://127.0.0.1:8080/completion', request));
   * await server.stop();
   * ```
   */
  async spawn(
    command: string,
    args: readonly string[] | ((chosen: SpawnChoice) => readonly string[]),
    options: SpawnProgramOptions,
  ): Promise<SpawnedProgram> {
    this.#assertOpen();
    const call = readSpawnCall(command, args, options);
    const source: LoadSource = { sdk: call, adapter: spawnAdapter(call) };
    return (await this.#rooms.loader.load(source, runSpawn, [call])) as SpawnedProgram;
  }

  /**
   * Lets any call in that loads a model, once there is room for what it takes. `load` is told what was chosen, and gives the model; the result
   * is that model, whose calls are counted and whose disposal is seen. What `load` throws passes through and leaves nothing reserved.
   *
   * @throws MemoryGuardError `ERR_INVALID_OPTION`, and what `loadModel` of a guarded SDK throws if it doesn't fit.
   * @example
   * ```ts
   * const session = await guard.load(
   *   { name: 'detector', candidates: [{ quantization: 'fp32', footprint: '600 MiB' }, { quantization: 'int8', footprint: '200 MiB' }] },
   *   ({ quantization }) => InferenceSession.create(`detector.${quantization}.onnx`),
   * );
   * ```
   */
  load<M extends object, C extends LoadCandidate = LoadCandidate>(
    options: GuardLoadOptions<M, C> & { readonly dispose: (model: M) => unknown },
    load: (chosen: LoadChoice<C>) => M | PromiseLike<M>,
  ): Promise<GuardedModel<M> & Omit<EndableModel, keyof M>>;
  load<M extends object, C extends LoadCandidate = LoadCandidate>(
    options: GuardLoadOptions<M, C>,
    load: (chosen: LoadChoice<C>) => M | PromiseLike<M>,
  ): Promise<GuardedModel<M>>;
  async load(options: GuardLoadOptions<never>, load: (chosen: never) => unknown): Promise<unknown> {
    this.#assertOpen();
    const call = readLoadCall(options, load);
    const source: LoadSource = {
      sdk: call,
      adapter: loadCallAdapter(call),
      footprintOption: '`footprint`',
      ...nameProgram('guard.load'),
    };
    return this.#rooms.loader.load(source, runLoadCall, [call]);
  }

  /**
   * Puts an SDK behind this guard, beside any others: returns the same SDK, whose loads are admitted, downgraded or refused, with `guard` added.
   * What the SDK calls on itself is not guarded. `adapter` says how it is read, if none of those fits that are known.
   *
   * @throws MemoryGuardError `ERR_INVALID_OPTION` for a bad adapter, an object without a method that loads, and an SDK that is guarded already;
   * `ERR_GUARD_CLOSED` after `close()`.
   * @example
   * ```ts
   * const guard = createMemoryGuard();
   * const llama = guard.wrap(await getLlama());
   * const model = await llama.loadModel({ modelPath });
   * ```
   */
  wrap<T extends object, const P extends string>(
    sdk: T,
    adapter: Partial<Adapter> & { readonly loads: readonly P[] | Readonly<Record<P, unknown>> },
  ): GuardedBy<this, T, P>;
  wrap<T extends GuardableSdk>(sdk: T, adapter?: Partial<Adapter>): GuardedBy<this, T>;
  wrap(sdk: object, adapter?: Partial<Adapter>): unknown {
    this.#assertOpen();
    const own = adapter === undefined ? undefined : checkAdapter(adapter, 'adapter');
    const { wrapped, source } = wrapSdk(checkSdk(sdk, own), this, this.#rooms);
    this.#sources.push(source);
    return wrapped;
  }

  /** Ends watching and refuses further loads. Models that are loaded stay usable; disposing them is up to you. */
  close(): void {
    this.#rooms.close();
  }

  /** Whose arguments are planned: those of this SDK, of the only one, or without any those of the usual way. */
  #findSource(sdk: object | undefined): LoadSource {
    const [first = { sdk: this, adapter: defaultAdapter }, ...others] = this.#sources;
    if (sdk === undefined && others.length === 0) return first;
    const found = sdk && this.#sources.find((source) => source.sdk === unwrap(sdk));
    if (found) return found;
    const message =
      sdk === undefined
        ? `Several SDKs are behind this guard; say whose load is planned: \`guard.plan(name, options, sdk)\`.`
        : `Expected \`sdk\` to be behind this guard, got ${describe(sdk)}; wrap it first: \`guard.wrap(sdk)\`.`;
    throw new MemoryGuardError('ERR_INVALID_OPTION', message);
  }

  #assertOpen(): void {
    if (this.#rooms.closed)
      throw new MemoryGuardError('ERR_GUARD_CLOSED', 'This guard was closed; wrap the SDK again.');
  }
}
