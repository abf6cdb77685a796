/** Which runtime a program gets: the one that it asks for, else the SDK's library if it is found, else the embedded one. */

import { loadAddon } from '../addon/load-addon.ts';
import { MemoryGuardError, readMessage } from '../core/errors.ts';
import { openLlamaRuntime } from './llama/llama-runtime.ts';
import { findLibrary } from './nexa/find-library.ts';
import { openLibrary, openNexaRuntime } from './nexa/nexa-runtime.ts';
import type { Runtime } from './runtime.ts';
import type { InitializeOptions } from './sdk-options.ts';

/** @throws MemoryGuardError `ERR_RUNTIME_NOT_FOUND` with what to install, `ERR_RUNTIME_ABI` or `ERR_RUNTIME`. */
export async function openRuntime(
  options: InitializeOptions,
  search = findLibrary,
  openEmbedded: () => Promise<Runtime> = openLlamaRuntime,
): Promise<Runtime> {
  const { runtime, libraryPath, layout } = options;
  if (runtime === 'llama') return openEmbedded();
  if (runtime === 'nexa' || libraryPath !== undefined || layout !== undefined) return openNexaRuntime(options);
  const nexa = loadAddon()?.nexa;
  const { found, tried } = await search(undefined);
  if (nexa !== undefined && found !== undefined) {
    try {
      return await openLibrary(nexa, found.path, options);
    } catch (error) {
      // Nobody asked for this library, so the program doesn't fail because of it, but is told of it.
      if (found.named) throw error;
      process.emitWarning(`${readMessage(error)} The embedded runtime is used instead.`);
    }
  }
  return openEmbedded().catch((error: MemoryGuardError) => {
    if (error.code !== 'ERR_RUNTIME_NOT_FOUND' || found !== undefined) throw error;
    const message = `${error.message} Or install the Nexa SDK, whose library was looked for at ${tried.join(', ')}.`;
    throw new MemoryGuardError('ERR_RUNTIME_NOT_FOUND', message, { cause: error });
  });
}
