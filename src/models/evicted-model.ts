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
  /** The same once it is loaded. */
  #loaded: object | undefined;
  /** Its user has disposed it since: nobody would dispose what a later call loads. */
  #disposed = false;

  /** `follow` gives what stands for the model behind a handle, if that was evicted as well. */
  constructor(held: HeldModel, follow: (handle: object) => EvictedModel | undefined) {
    this.#held = held;
    this.#follow = follow;
  }

  /** The handle of the model that stands in its place now. `undefined` if it was not loaded again, or is gone as well. */
  get successor(): object | undefined {
    if (this.#disposed || !this.#loaded) return undefined;
    const evicted = this.#follow(this.#loaded);
    return evicted ? evicted.successor : this.#loaded;
  }

  /** What the model that was loaded in its place gives. While there is none, a promise of that, as `callLater`. */
  call(key: PropertyKey, args: readonly unknown[], stay: () => unknown): unknown {
    const { successor } = this;
    return successor ? (successor as AnyModel)[key]?.(...args) : this.callLater(key, args, stay);
  }

  /**
   * A promise that can be read as a stream as well: what the call would have returned is known only once it has run. `stay` runs it
   * on the model itself, if that could not be ended, or was ended by its user: then the SDK answers.
   *
   * @throws MemoryGuardError `ERR_MODEL_EVICTED` if the user did not choose to have the model loaded again, and `ERR_RUNTIME` if it was
   * disposed since.
   */
  callLater(key: PropertyKey, args: readonly unknown[], stay: () => unknown): ReturnType<typeof deferCall> {
    const { life, end } = this.#held;
    // '' is a call of the model itself.
    const again = (handle: object) => () =>
      key === '' && typeof handle === 'function' ? handle(...args) : (handle as AnyModel)[key]?.(...args);
    if (!end) return deferCall(this.#load().then(again));
    return deferCall(life.whenOver(end).then(() => (life.gone && life.evicted ? this.#load().then(again) : stay)));
  }

  /**
   * The same for a method that answers at once, and so can't wait until the model is loaded again.
   *
   * @throws MemoryGuardError `ERR_MODEL_EVICTED` while it is not loaded, `ERR_RUNTIME` if its user disposes it or has done so.
   */
  callAtOnce(key: PropertyKey, args: readonly unknown[]): unknown {
    const { successor } = this;
    if (!successor) throw this.explain(`\`${String(key)}\` answers at once`);
    return (successor as AnyModel)[key]?.(...args);
  }

  /** Why nothing can be read of the model now; `what` would have been. */
  explain(what: string, options?: { cause: unknown }): MemoryGuardError {
    const { life, reload, facts } = this.#held;
    if (this.#disposed || !life.evicted) return disposedError(facts.name, options);
    if (!reload) return evictedError(facts.name, options);
    return new MemoryGuardError(
      'ERR_MODEL_EVICTED',
      `${facts.name} is not loaded now, and ${what}: \`await ${facts.owner ? 'context' : 'model'}.ready()\` first, which loads it again.`,
      options,
    );
  }

  /**
   * Resolves once the model is loaded, and loads it again if it was evicted. It may be evicted again whenever it is idle.
   *
   * @throws MemoryGuardError as `call`, and what loading it again throws.
   */
  async ready(): Promise<void> {
    const { life } = this.#held;
    while (life.end) await life.whenOver(life.end);
    if (!life.gone) return;
    if (!life.evicted) throw disposedError(this.#held.facts.name);
    while (!this.successor) await this.#load();
    // Its own end may run.
    const { ready } = this.successor as { readonly ready?: () => Promise<void> };
    await ready?.();
  }

  /** Nothing is left to dispose, unless it was loaded again. */
  dispose(end: (handle: object) => unknown, stay: () => unknown): unknown {
    const { life } = this.#held;
    if (life.end) return life.whenOver(life.end).then(() => (life.gone ? this.dispose(end, stay) : stay()));
    if (this.#handle) return this.#disposeAgain(this.#handle, end);
    this.#disposed = true;
    this.#held.forget();
    return undefined;
  }

  /** One whose disposal fails lives on. */
  async #disposeAgain(handle: Promise<object>, end: (handle: object) => unknown): Promise<unknown> {
    const loaded = await handle.catch(() => undefined);
    const given = loaded && (await end(loaded));
    this.#disposed = true;
    this.#held.forget();
    return given;
  }

  /** Calls that come at once share one load. One that failed is tried again by the next call. */
  #load(): Promise<object> {
    const { reload, facts } = this.#held;
    if (this.#disposed) throw disposedError(facts.name);
    if (!reload) throw evictedError(facts.name);
    const newest = (handle: object) => {
      const evicted = this.#follow(handle);
      return evicted ? evicted.#load() : handle;
    };
    const handle = this.#handle ? this.#handle.then(newest) : (reload() as Promise<object>);
    this.#handle = handle;
    handle.then(
      // They resolve in the order in which they were made: the newest last.
      (loaded) => {
        this.#loaded = loaded;
      },
      () => {
        if (this.#handle === handle) this.#handle = undefined;
      },
    );
    return handle;
  }
}

function disposedError(name: string, options?: { cause: unknown }): MemoryGuardError {
  return new MemoryGuardError('ERR_RUNTIME', `${name} is disposed; load it again.`, options);
}

function evictedError(name: string, options?: { cause: unknown }): MemoryGuardError {
  const message = `${name} was unloaded to make room or since it was idle: load it again, pin it (\`memoryGuard: { pin: true }\`), or use \`reload: true\`.`;
  return new MemoryGuardError('ERR_MODEL_EVICTED', message, options);
}
