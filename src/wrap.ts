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

/** Wrapped objects and what stands behind them. */
const rawOf = new WeakMap<object, object>();

/** The object behind a wrapped one, or the value itself. */
export function unwrap<T>(value: T): T {
  return typeof value === 'object' && value !== null ? ((rawOf.get(value) as T | undefined) ?? value) : value;
}

export function isWrapped(value: object): boolean {
  return rawOf.has(value);
}

/**
 * Wraps `raw`. Methods run with `raw` as `this`, so private fields work; what the object calls on itself is not seen.
 * Getters and thrown errors pass through unchanged, a method that returns its own object returns the wrapped one, and
 * `wrapped.method === wrapped.method`. Frozen objects can be wrapped too.
 */
export function wrapObject<T extends object>(raw: T, { extra, takeover }: Wrapping): T {
  const methods = new Map<PropertyKey, { raw: Method; wrapped: Method }>();
  // A proxy must agree with the frozen properties of its target, so the target is an empty stand-in.
  const standIn: object = typeof raw === 'function' ? functionStandIn(raw) : Object.create(Reflect.getPrototypeOf(raw));
  Object.defineProperty(standIn, inspect.custom, { value: () => raw, configurable: true });

  function methodOf(key: PropertyKey, method: Method): Method {
    const known = methods.get(key);
    if (known?.raw === method) return known.wrapped;
    const wrapped = isClass(method) ? method : wrapMethod(key, method);
    methods.set(key, { raw: method, wrapped });
    return wrapped;
  }

  function wrapMethod(key: PropertyKey, method: Method): Method {
    const taken = takeover?.(key);
    const wrapped: Method = taken
      ? function (this: unknown, ...args) {
          const self = this === proxy ? raw : this;
          return outward(taken((given) => Reflect.apply(method, self, inward(given)), args));
        }
      : function (this: unknown, ...args) {
          return outward(Reflect.apply(method, this === proxy ? raw : this, inward(args)));
        };
    Object.defineProperty(wrapped, 'name', { value: method.name, configurable: true });
    // What a caller hangs on a method (a mock's record, a promisified twin) stays reachable.
    return Object.setPrototypeOf(wrapped, method) as Method;
  }

  function outward(result: unknown): unknown {
    return result === raw ? proxy : result;
  }

  const proxy: T = new Proxy(standIn, {
    get(_target, key) {
      const added = extra?.get(key);
      if (added !== undefined) return added;
      const value: unknown = Reflect.get(raw, key, raw);
      return typeof value === 'function' && key !== 'constructor' ? methodOf(key, value as Method) : value;
    },
    set: (_target, key, value) => Reflect.set(raw, key, value, raw),
    has: (_target, key) => extra?.has(key) === true || Reflect.has(raw, key),
    deleteProperty: (_target, key) => Reflect.deleteProperty(raw, key),
    ownKeys: () => Reflect.ownKeys(raw),
    getOwnPropertyDescriptor(_target, key) {
      const descriptor = Reflect.getOwnPropertyDescriptor(raw, key);
      return descriptor && { ...descriptor, configurable: true };
    },
    defineProperty: (_target, key, descriptor) => Reflect.defineProperty(raw, key, descriptor),
    getPrototypeOf: () => Reflect.getPrototypeOf(raw),
    setPrototypeOf: (_target, prototype) => Reflect.setPrototypeOf(raw, prototype),
    preventExtensions: () => false,
    apply: (_target, self, args) => Reflect.apply(raw as unknown as Method, self === proxy ? raw : self, inward(args)),
    construct: (_target, args) => Reflect.construct(raw as unknown as new () => object, inward(args)),
  }) as T;
  rawOf.set(proxy, raw);
  return proxy;
}

/** Wrapped arguments as what stands behind them: an SDK must get its own handles back. */
function inward(args: readonly unknown[]): unknown[] {
  for (const arg of args) {
    if (typeof arg === 'object' && arg !== null && rawOf.has(arg)) return args.map(unwrap);
  }
  return args as unknown[];
}

/** Callable as the raw function is, and `new`-able where that is. */
function functionStandIn(raw: object): object {
  return Object.hasOwn(raw, 'prototype') ? function standIn() {} : () => {};
}

function isClass(value: unknown): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}
