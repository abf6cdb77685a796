/** What the handle of a model does while that ends, and once the guard has ended it: the same model, loaded again if the user chose that. */
import { MemoryGuardError } from '../core/errors.ts';
import { deferCall } from './defer-call.ts';
import type { HeldModel } from './held-model.ts';

type AnyModel = Record<PropertyKey, (...args: readonly unknown[]) => unknown>;

export class EvictedModel {
  readonly #held: HeldModel;
  readonly #follow: (handle: object) => EvictedModel | undefined;
  /** The handle of the model that was loaded in its place. */
  #handle: Promise<object> | undefined;
  /** Its user has disposed it since: nobody would dispose what a later call loads. */
  #disposed = false;

  /** `follow` gives what stands for the model behind a handle, if that was evicted as well. */
  constructor(held: HeldModel, follow: (handle: object) => EvictedModel | undefined) {
    this.#held = held;
    this.#follow = follow;
  }

  /**
   * A promise that can be read as a stream as well: what the call would have returned is known only once it has run. `stay` runs it
   * on the model itself, if that could not be ended, or was ended by its user: then the SDK answers.
   *
   * @throws MemoryGuardError `ERR_MODEL_EVICTED` if the user did not choose to have the model loaded again, and `ERR_RUNTIME` if it was
   * disposed since.
   */
  call(key: PropertyKey, args: readonly unknown[], stay: () => unknown): ReturnType<typeof deferCall> {
    const { life, end } = this.#held;
    // '' is a call of the model itself.
    const again = (handle: object) => () =>
      key === '' && typeof handle === 'function' ? handle(...args) : (handle as AnyModel)[key]?.(...args);
    if (!end) return deferCall(this.#load().then(again));
    return deferCall(life.whenOver(end).then(() => (life.gone && life.evicted ? this.#load().then(again) : stay)));
  }

  /** Nothing is left to dispose, unless it was loaded again. */
  dispose(end: (handle: object) => unknown, stay: () => unknown): unknown {
    const { life } = this.#held;
    if (life.end) return life.whenOver(life.end).then(() => (life.gone ? this.dispose(end, stay) : stay()));
    if (this.#handle) return this.#disposeAgain(this.#handle, end);
    this.#disposed = true;
    return undefined;
  }

  /** One whose disposal fails lives on. */
  async #disposeAgain(handle: Promise<object>, end: (handle: object) => unknown): Promise<unknown> {
    const loaded = await handle.catch(() => undefined);
    const given = loaded && (await end(loaded));
    this.#disposed = true;
    return given;
  }

  /** Calls that come at once share one load. One that failed is tried again by the next call. */
  #load(): Promise<object> {
    const { reload, facts } = this.#held;
    if (this.#disposed) throw new MemoryGuardError('ERR_RUNTIME', `${facts.name} is disposed; load it again.`);
    if (!reload) {
      throw new MemoryGuardError(
        'ERR_MODEL_EVICTED',
        `${facts.name} was unloaded to make room or since it was idle: load it again, pin it (\`memoryGuard: { pin: true }\`), or use \`reload: true\`.`,
      );
    }
    const newest = (handle: object) => {
      const evicted = this.#follow(handle);
      return evicted ? evicted.#load() : handle;
    };
    const handle = this.#handle ? this.#handle.then(newest) : (reload() as Promise<object>);
    this.#handle = handle;
    handle.catch(() => {
      if (this.#handle === handle) this.#handle = undefined;
    });
    return handle;
  }
}
