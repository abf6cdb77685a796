/** What an evicted model's handle does instead: the same model, loaded again if the user chose that. */
import { MemoryGuardError } from '../core/errors.ts';
import type { HeldModel } from './held-model.ts';

type AnyModel = Record<PropertyKey, (...args: readonly unknown[]) => unknown>;

export class EvictedModel {
  readonly #held: HeldModel;
  readonly #isEvicted: (handle: object) => boolean;
  #handle: Promise<object> | undefined;

  /** `isEvicted` tells whether the model behind a handle was evicted as well. */
  constructor(held: HeldModel, isEvicted: (handle: object) => boolean) {
    this.#held = held;
    this.#isEvicted = isEvicted;
  }

  /**
   * A promise that can be read as a stream as well: what the call would have returned is known only once it has run.
   *
   * @throws MemoryGuardError `ERR_MODEL_EVICTED` if the user did not choose to have the model loaded again.
   */
  call(key: PropertyKey, args: readonly unknown[]): unknown {
    const { reload, name } = this.#held.facts;
    if (!reload) {
      throw new MemoryGuardError(
        'ERR_MODEL_EVICTED',
        `${name} was unloaded to make room or since it was idle: load it again, pin it (\`memoryGuard: { pin: true }\`), or use \`reload: true\`.`,
      );
    }
    const result = this.#load(reload).then((handle) => (handle as AnyModel)[key]?.(...args));
    return Object.assign(result, {
      async *[Symbol.asyncIterator]() {
        yield* (await result) as AsyncIterable<unknown>;
      },
    });
  }

  /** Nothing is left to dispose, unless it was loaded again. */
  dispose(key: PropertyKey, args: readonly unknown[]): unknown {
    return this.#handle?.then((handle) => (handle as AnyModel)[key]?.(...args));
  }

  /** Calls that come at once share one load. One that failed is tried again by the next call. */
  #load(reload: () => Promise<unknown>): Promise<object> {
    if (this.#handle)
      return this.#handle.then((handle) => (this.#isEvicted(handle) ? this.#loadAgain(reload) : handle));
    return this.#loadAgain(reload);
  }

  #loadAgain(reload: () => Promise<unknown>): Promise<object> {
    const handle = reload() as Promise<object>;
    this.#handle = handle;
    handle.catch(() => {
      if (this.#handle === handle) this.#handle = undefined;
    });
    return handle;
  }
}
