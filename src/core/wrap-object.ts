/** Stands in front of any object: same type, same behaviour, some methods taken over. It knows no SDK and no memory. */
import { inspect } from 'node:util';

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Calls the raw method with these arguments. */
export type Invoke = (args: readonly unknown[]) => unknown;

/** Runs in place of a method; what it returns (or throws) is what the caller gets. */
export type Takeover = (invoke: Invoke, args: readonly unknown[]) => unknown;

export interface Wrapping {
  /** Properties that only the wrapped object has. */
  readonly extra?: ReadonlyMap<PropertyKey, unknown>;
  /** The takeover of a method by its name; without one the raw method is called as it is. */
  readonly takeover?: (key: PropertyKey) => Takeover | undefined;
  /** The object that is read and written in place of the raw one from now on, and has its methods. `undefined` while there is none. */
  readonly successor?: () => object | undefined;
  /** What is thrown if a property can't be read, in place of the error that says why. */
  readonly explain?: (key: PropertyKey, error: unknown) => unknown;
  /** The takeover of a call of the object itself, if it is a function. */
  readonly call?: Takeover;
  /** How the object under a key is wrapped itself, such as a class with a static method that is taken over. */
  readonly inner?: (key: PropertyKey) => Wrapping | undefined;
}

/** Raw objects by the wrapped ones. A foreign object is never asked: a proxy may answer every key, or none. */
const raws = new WeakMap<object, object>();

/** The object behind a wrapped one, or the value itself. */
export function unwrap<T>(value: T): T {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return value;
  return (raws.get(value) as T | undefined) ?? value;
}

export function isWrapped(value: object): boolean {
  return raws.has(value);
}

/**
 * Wraps `raw`. Methods run with `raw` as `this`, so private fields work; what the object calls on itself is not seen.
 * Getters and thrown errors pass through unchanged, a method that returns its own object returns the wrapped one, and
 * `wrapped.method === wrapped.method`. Frozen objects can be wrapped too. What is written is written to `raw`, and a method
 * that is replaced so is taken over as the one before it was.
 */
export function wrapObject<T extends object>(raw: T, wrapping: Wrapping): T {
  const handler = new Handler(raw, wrapping);
  const proxy = new Proxy(standInFor(raw), handler) as T;
  handler.proxy = proxy;
  raws.set(proxy, raw);
  return proxy;
}

/** A proxy must agree with the fixed properties of its target, so the target is a stand-in that has none. */
function standInFor(raw: object): object {
  // A bound function can be called and constructed if the raw one can, and has no fixed `prototype`.
  const standIn =
    typeof raw === 'function'
      ? Function.prototype.bind.call(raw, undefined)
      : Object.create(Reflect.getPrototypeOf(raw));
  // `console.log` looks at the stand-in and should show the object.
  return Object.defineProperty(standIn, inspect.custom, { value: () => raw, configurable: true });
}

/** One wrapped object; a class, so that wrapping allocates no closures for traps that are never used. */
class Handler implements ProxyHandler<object> {
  readonly #raw: object;
  readonly #wrapping: Wrapping;
  #methods: Map<PropertyKey, { readonly raw: Method; readonly wrapped: Method }> | undefined;
  proxy: object | undefined;

  constructor(raw: object, wrapping: Wrapping) {
    this.#raw = raw;
    this.#wrapping = wrapping;
  }

  get(_target: object, key: PropertyKey, receiver: unknown): unknown {
    const { extra, successor, explain } = this.#wrapping;
    const added = extra?.get(key);
    if (typeof added === 'function') return added;
    const later = successor?.();
    if (later) return this.#handOut(key, Reflect.get(later, key));
    if (added !== undefined) return added;
    try {
      return this.#handOut(key, Reflect.get(this.#raw, key, this.#inward(receiver)));
    } catch (error) {
      throw explain?.(key, error) ?? error;
    }
  }

  /** An object that inherits from the wrapped one is written to itself, as if it inherited from the raw one. */
  set(_target: object, key: PropertyKey, value: unknown, receiver: unknown): boolean {
    const later = this.#wrapping.successor?.();
    if (later && receiver === this.proxy) return Reflect.set(later, key, this.#findRawMethod(value));
    return Reflect.set(this.#raw, key, this.#findRawMethod(value), this.#inward(receiver));
  }

  has(_target: object, key: PropertyKey): boolean {
    return this.#wrapping.extra?.has(key) === true || Reflect.has(this.#raw, key);
  }

  deleteProperty(_target: object, key: PropertyKey): boolean {
    return Reflect.deleteProperty(this.#raw, key);
  }

  ownKeys(): (string | symbol)[] {
    return Reflect.ownKeys(this.#raw);
  }

  /** A copy made by descriptors has the wrapped methods, as one made by reading has. */
  getOwnPropertyDescriptor(target: object, key: PropertyKey): PropertyDescriptor | undefined {
    const descriptor = Reflect.getOwnPropertyDescriptor(this.#raw, key);
    if (descriptor === undefined) return undefined;
    if (Object.hasOwn(descriptor, 'value')) descriptor.value = this.#handOut(key, descriptor.value);
    if (Reflect.getOwnPropertyDescriptor(target, key)?.configurable !== false) {
      return { ...descriptor, configurable: true };
    }
    // The stand-in has what was fixed through it, and a proxy must agree with that.
    if (typeof descriptor.value === 'function') descriptor.writable = true;
    else Reflect.defineProperty(target, key, descriptor);
    return descriptor;
  }

  /** A fixed function is refused before anything is changed: a proxy would have to hand out the raw one. */
  defineProperty(target: object, key: PropertyKey, descriptor: PropertyDescriptor): boolean {
    const given = { ...descriptor };
    if (Object.hasOwn(given, 'value')) given.value = this.#findRawMethod(given.value);
    if (given.configurable !== false) return Reflect.defineProperty(this.#raw, key, given);
    if (typeof given.value === 'function' && given.writable !== true) return false;
    if (!Reflect.defineProperty(this.#raw, key, given)) return false;
    return Reflect.defineProperty(target, key, Reflect.getOwnPropertyDescriptor(this.#raw, key)!);
  }

  getPrototypeOf(): object | null {
    return Reflect.getPrototypeOf(this.#raw);
  }

  setPrototypeOf(_target: object, prototype: object | null): boolean {
    return Reflect.setPrototypeOf(this.#raw, prototype);
  }

  preventExtensions(): boolean {
    return false;
  }

  apply(_target: object, self: unknown, args: unknown[]): unknown {
    const invoke: Invoke = (given) => Reflect.apply(this.#raw as Method, this.#inward(self), inward(given));
    const { call } = this.#wrapping;
    return this.#outward(call ? call(invoke, args) : invoke(args));
  }

  /** A class that extends the wrapped one makes its own objects. */
  construct(_target: object, args: unknown[], made: object): object {
    return Reflect.construct(this.#raw as new () => object, inward(args), this.#inward(made) as new () => object);
  }

  #handOut(key: PropertyKey, value: unknown): unknown {
    if ((typeof value !== 'function' && typeof value !== 'object') || value === null || key === 'constructor')
      return value;
    const inner = this.#wrapping.inner?.(key);
    return typeof value === 'function' || inner ? this.#wrapOnce(key, value as Method, inner) : value;
  }

  /** A wrapped method that is written back is the raw one again, or it would be taken over twice. */
  #findRawMethod(value: unknown): unknown {
    if (!this.#methods) return value;
    for (const { raw, wrapped } of this.#methods.values()) {
      if (wrapped === value) return raw;
    }
    return value;
  }

  #wrapOnce(key: PropertyKey, method: Method, inner: Wrapping | undefined): Method {
    this.#methods ??= new Map();
    const known = this.#methods.get(key);
    if (known?.raw === method) return known.wrapped;
    const wrapped = inner ? wrapObject(method, inner) : isClass(method) ? method : this.#wrapMethod(key, method);
    this.#methods.set(key, { raw: method, wrapped });
    return wrapped;
  }

  #wrapMethod(key: PropertyKey, method: Method): Method {
    const handler = this;
    const takeover = this.#wrapping.takeover?.(key);
    const wrapped: Method = takeover
      ? function (this: unknown, ...args) {
          const self = handler.#inward(this);
          return handler.#outward(takeover((given) => Reflect.apply(method, self, inward(given)), args));
        }
      : function (this: unknown, ...args) {
          // A constructor that is written as a function looks like a method until it is called with `new`.
          if (new.target) return Reflect.construct(method, inward(args));
          return handler.#outward(Reflect.apply(method, handler.#inward(this), inward(args)));
        };
    // Read without asking the method, which may be a proxy.
    const { name, prototype } = Object.getOwnPropertyDescriptors(method) as PropertyDescriptorMap;
    if (typeof name?.value === 'string')
      Object.defineProperty(wrapped, 'name', { value: name.value, configurable: true });
    if (prototype) wrapped.prototype = prototype.value;
    // What a caller hangs on a method (a mock's record, a promisified twin) stays reachable.
    return Object.setPrototypeOf(wrapped, method) as Method;
  }

  /** The raw object in place of the wrapped one, and any other `this` as it is. */
  #inward(self: unknown): unknown {
    return self === this.proxy ? this.#raw : self;
  }

  #outward(result: unknown): unknown {
    return result === this.#raw ? this.proxy : result;
  }
}

/** Wrapped arguments as what stands behind them: an SDK must get its own handles back. */
function inward(args: readonly unknown[]): unknown[] {
  for (let i = 0; i < args.length; i++) {
    if (unwrap(args[i]) !== args[i]) return args.map(unwrap);
  }
  return args as unknown[];
}

function isClass(value: unknown): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}
