/** One guarded life on a stage: an SDK, a guard, their records, and what the operations share. It does nothing by itself. */
import { withMemoryGuard } from 'nexa-memory-guard';
import { ModelRecords } from './model-records.mjs';
import { RandomSource } from './random-source.mjs';
import { SdkFaults } from './sdk-faults.mjs';
import { settlePromises } from './virtual-clock.mjs';
import { WatchedPromises } from './watched-promises.mjs';

const MiB = 2 ** 20;

/** @typedef {import('./model-records.mjs').ModelRecord} ModelRecord */
/** @typedef {import('./watched-promises.mjs').Watched} Watched */
/** @typedef {{ invariant: string, found: string }} Violation */
/** @typedef {{ generate(options?: object): unknown, generateStream(options?: object): any, tokenize(): unknown, dispose(): unknown, [Symbol.asyncDispose](): unknown }} Handle a guarded model */
/** @typedef {{ name: string, handle: Handle }} Held */
/** @typedef {{ name: string, iterator: AsyncIterator<unknown> }} OpenStream */
/** @typedef {{ type: string, model?: string, reason?: string, message: string, atMs: number } & { need?: any, forced?: boolean, observed?: boolean }} GuardEvent */
/** @typedef {{ readonly wrapSdk?: (sdk: object) => object, readonly wrapGuarded?: (guarded: any, clock: any) => any }} Mutant a fault that a test builds in */

const TOLD = ['admitted', 'downgraded', 'refused', 'loaded', 'unloaded', 'evicted', 'leaked', 'degraded'];

export class World {
  /** What other programs hold. */
  othersBytes = 0;
  /** Readings that are still to fail. */
  failingReadings = 0;
  /** @type {Violation[]} */
  violations = [];
  /** Handles that the user got and keeps. @type {Held[]} */
  handles = [];
  /** @type {OpenStream[]} */
  streams = [];
  /** Loads that were let in by a decision. @type {Set<string>} */
  admitted = new Set();
  /** When the guard was closed. @type {number | undefined} */
  closedMs;
  loads = 0;
  /** Told of what the guard and the SDK do between steps. @type {(line: string) => void} */
  trace = () => {};

  /** How often the end of a model was told that the guard chose, by the model's name. @type {Map<string, number>} */
  told = new Map();
  /** Violations that are known, after which the world goes on. @type {Violation[]} */
  knownViolations = [];
  #known;

  /**
   * @param {number} seed @param {import('./imagined-stage.mjs').Stage} stage
   * @param {{ mutant?: Mutant | undefined, known?: (violation: Violation) => boolean, faulty?: boolean }} [options]
   */
  constructor(seed, stage, { mutant = {}, known = () => false, faulty = true } = {}) {
    this.#known = known;
    this.stage = stage;
    this.clock = stage.clock;
    this.random = new RandomSource(seed);
    const nowMs = () => this.clock.nowMs;
    const violate = (/** @type {string} */ invariant, /** @type {string} */ found) => this.violate(invariant, found);
    this.records = new ModelRecords(
      nowMs,
      violate,
      (record) => this.#whyNotEnd(record),
      (line) => this.trace(`sdk: ${line}`),
    );
    this.promises = new WatchedPromises(this.records, nowMs, violate, (error) => stage.expectsError(error));
    this.faults = new SdkFaults(this.random, this.clock.of('sdk'), stage.longestMs / 8);
    this.faults.enabled = faulty;
    this.options = this.#chooseOptions();
    const sdk = /** @type {any} */ (stage.makeSdk(this));
    const guarded = withMemoryGuard(mutant.wrapSdk?.(sdk) ?? sdk, /** @type {any} */ (this.options));
    this.guarded = mutant.wrapGuarded?.(guarded, this.options.clock) ?? guarded;
    this.guard = /** @type {any} */ (this.guarded).guard;
    for (const name of TOLD) this.guard.on(name, (/** @type {GuardEvent} */ event) => this.#hear(event));
  }

  /** The models whose handle the user has, and that the SDK holds. */
  get usable() {
    return this.handles.filter(({ name }) => this.records.named(name).some(({ held, ending }) => held && !ending));
  }

  get availableBytes() {
    const taken = this.records.all.reduce((sum, { takenBytes }) => sum + takenBytes, 0);
    return Math.max(0, this.stage.totalBytes - this.othersBytes - taken);
  }

  /** @param {string} invariant @param {string} found */
  violate(invariant, found) {
    const violation = { invariant, found };
    (this.#known(violation) ? this.knownViolations : this.violations).push(violation);
  }

  /** @param {number} byMs */
  async advance(byMs) {
    await this.clock.advance(byMs);
    await settlePromises();
  }

  /** @param {number} bytes */
  setOthers(bytes) {
    for (const watched of this.promises.running) {
      watched.leastOthersBytes = Math.min(watched.leastOthersBytes, this.othersBytes, bytes);
    }
    this.othersBytes = bytes;
  }

  /** What an imagined machine shows. */
  read() {
    if (this.failingReadings > 0) {
      this.failingReadings -= 1;
      throw new Error('the machine can not be read');
    }
    return { totalBytes: this.stage.totalBytes, availableBytes: this.availableBytes };
  }

  /** @returns {{ clock: object, evict: unknown, minFreeBytes: number, minFreeRatioAfterLoad: number, keepAliveMs?: number, [option: string]: unknown }} */
  #chooseOptions() {
    const { random } = this;
    const evict = random.pick(/** @type {const} */ (['never', 'idle', 'idle', 'choose']));
    const keepAliveMs = random.chance(0.3) ? random.whole(20, this.stage.longestMs / 2) : undefined;
    const chosen = {
      clock: this.clock.of('guard'),
      evict: evict === 'choose' ? (/** @type {readonly unknown[]} */ models) => models.slice(0, 2) : evict,
      ...(keepAliveMs !== undefined && { keepAliveMs }),
      reload: random.chance(0.4),
      maxConcurrentLoads: random.pick([1, 1, 2, 4]),
      onSensorFailure: random.pick(/** @type {const} */ (['refuse', 'refuse', 'admit'])),
      downgrade: random.chance(0.7),
      dwellMs: random.pick([0, 50, 1000]),
    };
    return { ...chosen, ...this.stage.chooseOptions(this) };
  }

  /** @param {GuardEvent} event */
  #hear(event) {
    this.trace(`guard: ${event.type} ${event.model ?? event.reason ?? ''}${event.forced ? ' (forced)' : ''}`);
    const { type, model = '' } = event;
    if (type === 'evicted' || type === 'leaked') this.told.set(model, (this.told.get(model) ?? 0) + 1);
    if (type !== 'admitted' && type !== 'downgraded') return;
    this.#checkAdmission(event);
    this.admitted.add(model);
  }

  /** All that the SDK holds, loads or is just ending, beside the load that is let in, in the truth of the machine. @param {GuardEvent} event */
  #checkAdmission({ model = '', need, forced, observed }) {
    if (forced || observed || !this.stage.exact) return;
    const { totalBytes } = this.stage;
    const watched = [...this.promises.running].find(({ kind, name }) => kind !== 'dispose' && name === model);
    const othersBytes = Math.min(this.othersBytes, watched?.leastOthersBytes ?? this.othersBytes);
    const held = this.records.all.filter(
      // What is let in unread, at the same moment, is no decision's fault.
      ({ name, state, beganMs }) =>
        name !== model &&
        (state === 'live' || state === 'loading') &&
        (this.admitted.has(name) || beganMs < this.clock.nowMs),
    );
    const heldBytes = held.reduce((sum, { needBytes }) => sum + needBytes, 0);
    const needBytes = need.mappedBytes + need.anonymousBytes;
    const leftBytes = totalBytes - othersBytes - heldBytes - needBytes;
    const reserveBytes = Math.max(this.options.minFreeBytes, this.options.minFreeRatioAfterLoad * totalBytes);
    if (leftBytes >= reserveBytes - 1) return;
    const figures = [needBytes, heldBytes, othersBytes, totalBytes, reserveBytes].map((bytes) =>
      Math.round(bytes / MiB),
    );
    const [needs, holds, others, total, reserve] = figures;
    this.violate(
      'admitted-beyond-limit',
      `${model} was let in with ${needs} MiB, beside ${holds} MiB held and ${others} MiB of others, of ${total} MiB less ${reserve} MiB`,
    );
  }

  /** Why the guard may not end a model now without being asked. @param {ModelRecord} record */
  #whyNotEnd({ name, pinned, running, idleSinceMs, lost, loadedMs }) {
    const { keepAliveMs, evict } = this.options;
    const owned = this.handles.some((held) => held.name === name);
    // A call or a stream that is read may load its model again.
    const loads = [...this.promises.running].filter(({ kind }) => kind !== 'dispose');
    // A load that was given up while the SDK ran it gives its model to nobody.
    if (lost || !owned) return undefined;
    if (pinned) return 'it is pinned';
    if (running > 0) return `${running} calls run on it`;
    if (this.closedMs !== undefined && !loads.some(({ startedMs }) => startedMs < (this.closedMs ?? 0)))
      return 'the guard was closed';
    const idleMs = this.clock.nowMs - Math.max(idleSinceMs, loadedMs ?? 0);
    // A real timer may be a millisecond early.
    const earlyMs = this.stage.exact ? 0 : 2;
    if (keepAliveMs !== undefined && idleMs >= keepAliveMs - earlyMs) return undefined;
    if (evict === 'never')
      return `nothing is evicted, and it has been idle for ${idleMs} ms of ${keepAliveMs ?? 'unlimited'}`;
    return loads.length > 0 ? undefined : 'no load needs its memory';
  }
}
