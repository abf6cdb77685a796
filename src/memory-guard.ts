/** The guard that programs talk to: a face over its rooms. It decides, holds and reads nothing itself. */
import { MemoryGuardError } from './core/errors.ts';
import type { MemorySnapshot } from './core/types.ts';
import { callback } from './core/validate.ts';
import { checkEventName, type GuardEventName, type GuardEventOf } from './events/guard-events.ts';
import type { GuardRooms } from './guard-rooms.ts';
import type { LedgerEntry } from './ledger/ledger-record.ts';
import type { LoadGuardOptions } from './loading/load-guard-options.ts';
import type { LoadedModel } from './models/loaded-model.ts';
import type { GuardStatus, WatchOptions } from './monitor/status-watch.ts';
import type { Decision } from './policy/decision.ts';
import { runSpawn, spawnAdapter } from './spawn/spawn-adapter.ts';
import { readSpawnCall, type SpawnChoice, type SpawnProgramOptions } from './spawn/spawn-options.ts';
import type { SpawnedProgram } from './spawn/spawned-program.ts';

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

/** `guarded.guard`: snapshots, status, events and the models that are loaded. Made by `withMemoryGuard`. */
export class MemoryGuard {
  readonly #rooms: GuardRooms;

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

  /**
   * A dry run of `loadModel(name, options)`, or of `loadModel(options)` if the SDK takes its path there: every candidate with its
   * verdict. Nothing is loaded or reserved.
   *
   * @throws MemoryGuardError what `loadModel` would throw about its options or files, `ERR_SENSOR` and `ERR_GUARD_CLOSED`.
   */
  async plan(name: string | PlanOptions, options: PlanOptions = {}): Promise<Decision> {
    return this.#rooms.loader.plan(typeof name === 'string' ? [name, options] : [name]);
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
    return (await this.#rooms.loader.loadOther(spawnAdapter(call), runSpawn, [call])) as SpawnedProgram;
  }

  /** Ends watching and refuses further loads. Models that are loaded stay usable; disposing them is up to you. */
  close(): void {
    this.#rooms.close();
  }

  #assertOpen(): void {
    if (this.#rooms.closed)
      throw new MemoryGuardError('ERR_GUARD_CLOSED', 'This guard was closed; wrap the SDK again.');
  }
}
