/** The short form for one SDK: a guard of its own, and the SDK behind it. */
import { type GuardOptions, readGuardOptions } from './guard-options.ts';
import { GuardRooms } from './guard-rooms.ts';
import type { GuardableSdk, GuardedBy } from './guarded-sdk.ts';
import { MemoryGuard } from './memory-guard.ts';
import { checkSdk } from './wrap-sdk.ts';

/** The SDK's own type, its methods that load asynchronous and with `memoryGuard` in their options, and `guard` added. */
export type Guarded<T extends GuardableSdk> = GuardedBy<MemoryGuard, T>;

/**
 * Returns the same SDK with `guard` added and every `loadModel` admitted, downgraded or refused. What the SDK calls on itself is not
 * guarded. `loadModel` rejects with `ERR_INSUFFICIENT_MEMORY` if no candidate fits, `ERR_ADMISSION_TIMEOUT` if it waited for too long,
 * `ERR_SENSOR` if memory can't be read; errors of the SDK pass through unchanged. For several SDKs there is `createMemoryGuard().wrap(sdk)`.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` for a bad option, an object without a method that loads, and an SDK that is guarded already.
 * @example
 * ```ts
 * const nexa = withMemoryGuard(await NexaSDK.initialize());
 * nexa.guard.on('warning', (event) => console.warn(event.message));
 * await using model = await nexa.loadModel('qwen2audio', { contextSize: { min: 2048, max: 8192 } });
 * console.log(model.quantization, model.contextSize);
 * ```
 */
export function withMemoryGuard<T extends object, const P extends string>(
  sdk: T,
  options: GuardOptions & {
    readonly adapter: { readonly loads: readonly P[] | Readonly<Record<P, unknown>> };
  },
): GuardedBy<MemoryGuard, T, P>;
export function withMemoryGuard<T extends GuardableSdk>(sdk: T, options?: GuardOptions): Guarded<T>;
export function withMemoryGuard(sdk: object, options?: GuardOptions): unknown {
  const settings = readGuardOptions(options, 'withMemoryGuard');
  // Before a guard is opened that nobody would close.
  checkSdk(sdk, settings.adapter);
  return new MemoryGuard(new GuardRooms(settings)).wrap(sdk as GuardableSdk, settings.adapter);
}
