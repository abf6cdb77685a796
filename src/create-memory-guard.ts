/** A guard without an SDK: for whole programs, with several SDKs behind it and calls of their own. */
import { type GuardOptions, readGuardOptions } from './guard-options.ts';
import { GuardRooms } from './guard-rooms.ts';
import { MemoryGuard } from './memory-guard.ts';

/** What holds for all loads of a guard. How one SDK is read, `guard.wrap(sdk, adapter)` is told. */
export type MemoryGuardOptions = Omit<GuardOptions, 'adapter'>;

/**
 * Makes a guard. It reads nothing yet and opens the ledger that all guarded programs of this user share.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` for a bad option.
 * @example
 * ```ts
 * const guard = createMemoryGuard({ evict: 'idle' });
 * const llama = guard.wrap(await getLlama());
 * const voice = await guard.load({ name: 'voice', footprint: '300 MiB' }, () => Voice.load('voice.bin'));
 * ```
 */
export function createMemoryGuard(options?: MemoryGuardOptions): MemoryGuard {
  return new MemoryGuard(new GuardRooms(readGuardOptions(options, 'createMemoryGuard')));
}
