/** Puts an SDK behind a guard: its methods that load go through the guard, its ways to unload unregister. It knows no memory numbers. */
import type { Adapter } from './adapters/adapter.ts';
import { completeAdapter } from './adapters/default-adapter.ts';
import { detectAdapter } from './adapters/detect-adapter.ts';
import type { LoadSource } from './adapters/load-source.ts';
import { nameSdk } from './adapters/name-sdk.ts';
import { describe, MemoryGuardError } from './core/errors.ts';
import { isWrapped, type Takeover, unwrap, type Wrapping, wrapObject } from './core/wrap-object.ts';
import type { ModelLoader } from './loading/model-loader.ts';
import type { LoadedModels } from './models/loaded-models.ts';
import { findSuccessor } from './models/model-handle.ts';

/** A guard, as far as an SDK is put behind it. */
export interface StandingGuard {
  readonly closed: boolean;
}

/** The rooms in which loads and models of an SDK are. */
export interface SdkRooms {
  readonly loader: ModelLoader;
  readonly models: LoadedModels;
}

/** Raw SDKs that a guard stands before now. */
const guards = new WeakMap<object, StandingGuard>();

/** An SDK that can be wrapped. */
export interface CheckedSdk<T> {
  readonly sdk: T;
  readonly adapter: Adapter;
  /** Its methods that load, each with how its calls are read. */
  readonly loads: ReadonlyMap<string, Adapter>;
}

/**
 * What is to be known of an SDK before it is wrapped. A wrapped one whose guard was closed is the raw one again.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` if it has no method that loads, also if it throws when that is read, and if it is guarded already.
 */
export function checkSdk<T>(given: T, ownAdapter?: Adapter): CheckedSdk<T & object> {
  const wrapped = isWrapped(Object(given));
  const sdk = wrapped && guards.get(Object(unwrap(given)))?.closed ? unwrap(given) : given;
  const adapter = ownAdapter ?? detect(sdk);
  const loads = findLoads(sdk, adapter);
  if (isWrapped(Object(sdk)) || guards.get(Object(sdk))?.closed === false) {
    throw new MemoryGuardError(
      'ERR_INVALID_OPTION',
      'This SDK is guarded already: use the guarded object, or `guard.close()` it before wrapping the SDK again.',
    );
  }
  return { sdk: sdk as T & object, adapter, loads };
}

/** A proxy that was revoked throws whatever is asked of it. */
function detect(sdk: unknown): Adapter {
  try {
    return detectAdapter(Object(sdk));
  } catch (cause) {
    throw noLoads(sdk, ['loadModel'], [cause]);
  }
}

/** Wraps an SDK. `source` is where its first such method loads from. */
export function wrapSdk<T extends object>(
  { sdk, adapter, loads }: CheckedSdk<T>,
  guard: StandingGuard,
  { loader, models }: SdkRooms,
): { readonly wrapped: T; readonly source: LoadSource } {
  const { all = [], one = [] } = adapter.sdkDisposers ?? {};
  const name = nameSdk(sdk, [...loads.keys()][0]!);
  const sources = new Map<string, LoadSource>();
  for (const [path, read] of loads) sources.set(path, { sdk, adapter: read, ...(name !== undefined && { name }) });
  const inners = listInners(loads.keys());

  const disposeAll: Takeover = (invoke, args) =>
    models.disposeSome(
      ({ facts }) => facts.sdk === sdk,
      () => invoke(args),
    );

  const disposeOne: Takeover = (invoke, args) => {
    const [model, ...rest] = args;
    const dispose = () => models.disposeNamed(sdk, unwrap(model), () => invoke(args));
    const successor = findSuccessor(model);
    // Of a model that was evicted, what was loaded in its place goes.
    return successor ? successor.dispose((handle) => disposeOne(invoke, [handle, ...rest]), dispose) : dispose();
  };

  const wrapAt = (before: string): Wrapping => ({
    takeover(key) {
      const source = sources.get(`${before}${String(key)}`);
      if (source) return (invoke, args) => loader.load(source, invoke, args);
      if (before !== '') return undefined;
      if (all.includes(key)) return disposeAll;
      return one.includes(key) ? disposeOne : undefined;
    },
    inner(key) {
      const path = `${before}${String(key)}.`;
      return inners.has(path) ? wrapAt(path) : undefined;
    },
  });

  const wrapped = wrapObject(sdk, { ...wrapAt(''), extra: new Map([['guard', guard]]) });
  guards.set(sdk, guard);
  return { wrapped, source: [...sources.values()][0]! };
}

/** Those of the adapter's that the SDK has. */
function findLoads(sdk: unknown, adapter: Adapter): ReadonlyMap<string, Adapter> {
  const loads = listLoads(adapter);
  const causes: unknown[] = [];
  const found = [...loads].filter(([path]) => {
    try {
      return typeof path.split('.').reduce((at, key) => Object(at)[key], sdk) === 'function';
    } catch (error) {
      causes.push(error);
      return false;
    }
  });
  if (found.length === 0) throw noLoads(sdk, [...loads.keys()], causes);
  return new Map(found);
}

/** What lies on the way to the methods: 'a.' and 'a.b.' of 'a.b.load'. */
function listInners(paths: Iterable<string>): ReadonlySet<string> {
  const inners = new Set<string>();
  for (const path of paths) {
    for (let end = path.indexOf('.'); end >= 0; end = path.indexOf('.', end + 1)) inners.add(path.slice(0, end + 1));
  }
  return inners;
}

/** Each path with the adapter that reads its calls. Paths with the same parts have one: a module may have hundreds of classes. */
function listLoads(adapter: Adapter): ReadonlyMap<string, Adapter> {
  const { loads = ['loadModel'] } = adapter;
  if (Array.isArray(loads)) return new Map(loads.map((path: string) => [path, adapter]));
  const apart = Object.entries(loads as Readonly<Record<string, Partial<Adapter>>>);
  const made = new Map<Partial<Adapter>, Adapter>();
  return new Map(
    apart.map(([path, parts]) => {
      const read = made.get(parts) ?? completeAdapter({ ...adapter, ...parts });
      made.set(parts, read);
      return [path, read];
    }),
  );
}

function noLoads(sdk: unknown, paths: readonly string[], [cause]: readonly unknown[]): MemoryGuardError {
  const names = paths.map((path) => `\`${path}\``).join(' or ');
  const message = `Expected an SDK with a ${names} method, got ${describe(sdk)}; guard the call that loads by itself: \`createMemoryGuard().load({ name, footprint }, () => …)\`.`;
  return new MemoryGuardError('ERR_INVALID_OPTION', message, cause === undefined ? undefined : { cause });
}
