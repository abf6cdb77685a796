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
}

/** Asked of a wrapped object, answers with the raw one; a WeakMap of proxies would cost 0.4 µs for each. */
const RAW = Symbol('raw');

/** The object behind a wrapped one, or the value itself. */
export function unwrap<T>(value: T): T {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return value;
  return (value as { [RAW]?: T })[RAW] ?? value;
}

export function isWrapped(value: object): boolean {
  return unwrap(value) !== value;
}

/**
 * Wraps `raw`. Methods run with `raw` as `this`, so private fields work; what the object calls on itself is not seen.
 * Getters and thrown errors pass through unchanged, a method that returns its own object returns the wrapped one, and
 * `wrapped.method === wrapped.method`. Frozen objects can be wrapped too.
 */
export function wrapObject<T extends object>(raw: T, wrapping: Wrapping): T {
  const handler = new Handler(raw, wrapping);
  const proxy = new Proxy(standInFor(raw), handler) as T;
  handler.proxy = proxy;
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

  get(_target: object, key: PropertyKey): unknown {
    if (key === RAW) return this.#raw;
    const added = this.#wrapping.extra?.get(key);
    if (added !== undefined) return added;
    const value: unknown = Reflect.get(this.#raw, key, this.#raw);
    return typeof value === 'function' && key !== 'constructor' ? this.#wrapOnce(key, value as Method) : value;
  }

  set(_target: object, key: PropertyKey, value: unknown): boolean {
    return Reflect.set(this.#raw, key, value, this.#raw);
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

  getOwnPropertyDescriptor(_target: object, key: PropertyKey): PropertyDescriptor | undefined {
    const descriptor = Reflect.getOwnPropertyDescriptor(this.#raw, key);
    return descriptor && { ...descriptor, configurable: true };
  }

  defineProperty(_target: object, key: PropertyKey, descriptor: PropertyDescriptor): boolean {
    return Reflect.defineProperty(this.#raw, key, descriptor);
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
    return this.#outward(Reflect.apply(this.#raw as Method, self === this.proxy ? this.#raw : self, inward(args)));
  }

  construct(_target: object, args: unknown[]): object {
    return Reflect.construct(this.#raw as new () => object, inward(args));
  }

  #wrapOnce(key: PropertyKey, method: Method): Method {
    this.#methods ??= new Map();
    const known = this.#methods.get(key);
    if (known?.raw === method) return known.wrapped;
    const wrapped = isClass(method) ? method : this.#wrapMethod(key, method);
    this.#methods.set(key, { raw: method, wrapped });
    return wrapped;
  }

  #wrapMethod(key: PropertyKey, method: Method): Method {
    const handler = this;
    const raw = this.#raw;
    const takeover = this.#wrapping.takeover?.(key);
    const wrapped: Method = takeover
      ? function (this: unknown, ...args) {
          const self = this === handler.proxy ? raw : this;
          return handler.#outward(takeover((given) => Reflect.apply(method, self, inward(given)), args));
        }
      : function (this: unknown, ...args) {
          // A constructor that is written as a function looks like a method until it is called with `new`.
          if (new.target) return Reflect.construct(method, inward(args));
          return handler.#outward(Reflect.apply(method, this === handler.proxy ? raw : this, inward(args)));
        };
    Object.defineProperty(wrapped, 'name', { value: method.name, configurable: true });
    if (Object.hasOwn(method, 'prototype')) wrapped.prototype = method.prototype;
    // What a caller hangs on a method (a mock's record, a promisified twin) stays reachable.
    return Object.setPrototypeOf(wrapped, method) as Method;
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
