/** A fake SDK and a fake machine for tests of the guard. It loads nothing, and memory is what the test says. */
import { GiB } from '../../src/core/bytes.ts';
import type { SensorReading } from '../../src/core/types.ts';
import { EVENT_NAMES, type GuardEvent, type GuardEvents } from '../../src/events/guard-events.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import type { MemoryGuard } from '../../src/memory-guard.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { ManualClock } from './manual-clock.ts';

export interface FakeLoadOptions {
  readonly quantization?: string;
  readonly [option: string]: unknown;
}

/** A model with private state: a method that is called on any other object fails. */
export class FakeModel {
  readonly name: string;
  #disposals = 0;

  constructor(name: string) {
    this.name = name;
  }

  get disposals(): number {
    return this.#disposals;
  }

  async generate(options?: { audio?: string; wait?: Promise<unknown>; fails?: Error }): Promise<string> {
    if (this.#disposals > 0) throw new Error('disposed');
    await options?.wait;
    if (options?.fails) throw options.fails;
    return 'text';
  }

  async *generateStream(options?: { audio?: string; fails?: Error }): AsyncGenerator<string, number, void> {
    if (this.#disposals > 0) throw new Error('disposed');
    yield 'one';
    if (options?.fails) throw options.fails;
    yield 'two';
    return 2;
  }

  async tokenize(): Promise<number> {
    return this.#disposals;
  }

  async dispose(): Promise<void> {
    this.#disposals += 1;
  }
}

export class FakeSDK {
  /** The arguments of every call of `loadModel`. */
  readonly calls: unknown[][] = [];
  readonly models: FakeModel[] = [];
  /** Runs inside `loadModel`. It may wait, throw, or return another model. */
  during: ((name: string) => unknown) | undefined;
  #unloaded = 0;

  get unloaded(): number {
    return this.#unloaded;
  }

  async loadModel(name: string, options?: FakeLoadOptions): Promise<FakeModel> {
    this.calls.push(options === undefined ? [name] : [name, options]);
    const given = await this.during?.(name);
    if (given !== undefined) return given as FakeModel;
    const model = new FakeModel(name);
    this.models.push(model);
    return model;
  }

  async unloadModel(model: FakeModel | string): Promise<number> {
    if (typeof model !== 'string' && !this.models.includes(model)) throw new Error('not my model');
    this.#unloaded += 1;
    return this.#unloaded;
  }

  async dispose(): Promise<void> {
    this.#unloaded += this.models.length;
  }

  /** The quantization of the last load. */
  get loadedQuantization(): unknown {
    return (this.calls.at(-1)?.[1] as FakeLoadOptions | undefined)?.quantization;
  }
}

/** The machine that the replaced sensor describes. `failsAt` is the reading that fails, counted from 1. */
export class FakeMachine {
  totalBytes: number;
  availableBytes: number;
  readings = 0;
  failsAt: number | undefined;
  failsAlways = false;

  constructor(availableBytes: number, totalBytes = 16 * GiB) {
    this.availableBytes = availableBytes;
    this.totalBytes = totalBytes;
  }

  readonly sensor = (): SensorReading => {
    this.readings += 1;
    if (this.failsAlways || this.readings === this.failsAt) throw new Error(`reading ${this.readings} failed`);
    return { totalBytes: this.totalBytes, availableBytes: this.availableBytes };
  };
}

/** Collects every event of a guard, in order. */
export function recordEvents(guard: MemoryGuard): GuardEvent[] {
  const events: GuardEvent[] = [];
  const note = (event: GuardEvent) => void events.push(event);
  for (const name of EVENT_NAMES) guard.on(name, note);
  return events;
}

/** Guards a fake SDK over a fake machine and a manual clock. Needs are those of the documented table, which its tests have rounded numbers from. */
export function guardedFake(machine: FakeMachine, options: GuardOptions = {}, sdk = new FakeSDK()) {
  const clock = new ManualClock();
  const nexa = withMemoryGuard(sdk, { sensor: machine.sensor, clock, knownModels: 'table', ...options });
  const events = recordEvents(nexa.guard);
  const types = () => events.map(({ type }) => type);
  const last = <T extends keyof GuardEvents>(type: T) =>
    events.findLast((event) => event.type === type) as Parameters<GuardEvents[T]>[0] | undefined;
  return { sdk, nexa, guard: nexa.guard, clock, machine, events, types, last };
}

/** Resolves when the promises and finalizers that are due have run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

/** Collects garbage until `done` returns true. Resolves to false if it never does. */
export async function collectUntil(done: () => boolean): Promise<boolean> {
  for (let round = 0; round < 20; round++) {
    await settled(); // what `done` looked at is held until this job ends
    globalThis.gc?.();
    await settled();
    if (done()) return true;
  }
  return false;
}

export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

export function deferred<T = void>(): Deferred<T> {
  let settlers: Pick<Deferred<T>, 'resolve' | 'reject'> | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settlers = { resolve, reject };
  });
  return { promise, ...(settlers as Pick<Deferred<T>, 'resolve' | 'reject'>) };
}
