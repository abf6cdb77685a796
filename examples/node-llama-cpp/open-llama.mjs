/** The library behind a guard, as each of these examples opens it. */
import { withMemoryGuard } from 'nexa-memory-guard';
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';

/** @param {import('nexa-memory-guard').GuardOptions} [options] of the guard */
export async function openLlama(options) {
  return withMemoryGuard(await getLlama(LLAMA), options);
}

/** An engine that is installed with the library is taken, and none is compiled. Leave `gpu` and `maxThreads` out to use what is there. */
export const LLAMA = /** @type {const} */ ({
  gpu: false,
  build: 'never',
  logLevel: LlamaLogLevel.error,
  maxThreads: 1,
});
