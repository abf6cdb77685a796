/** Runtimes of the SDK's library on its test double. */
import type { LayoutName } from '../../../src/addon/nexa-binding.ts';
import { openNexaRuntime } from '../../../src/sdk/nexa/nexa-runtime.ts';
import type { Runtime } from '../../../src/sdk/runtime.ts';
import { doubleLibrary } from './libraries.ts';

export const openDouble = (layout: LayoutName = 'geniex-0.5') =>
  openNexaRuntime({ libraryPath: doubleLibrary(layout) });

/** Opens the double for `run`, and closes it. */
export async function withRuntime<T>(run: (runtime: Runtime) => Promise<T>, layout?: LayoutName): Promise<T> {
  const runtime = await openDouble(layout);
  try {
    return await run(runtime);
  } finally {
    await runtime.close();
  }
}
