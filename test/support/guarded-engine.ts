/** The real engines of tests behind a guard over the real machine: the embedded one, and the double of the SDK's library, which takes real memory. */

import { onTestFinished } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import type { GuardEvent } from '../../src/events/guard-events.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import { NexaSDK } from '../../src/sdk/nexa-sdk.ts';
import type { InitializeOptions } from '../../src/sdk/sdk-options.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { recordEvents } from './fake-sdk.ts';
import { doubleLibrary } from './nexa/libraries.ts';

export const ENGINES: readonly { readonly engine: string; readonly initialize: InitializeOptions }[] = [
  { engine: 'the embedded engine', initialize: { runtime: 'llama' } },
  { engine: "the double of the SDK's library", initialize: { libraryPath: doubleLibrary() } },
];

/** Reserves that the machine of a test can keep. */
const LITTLE: GuardOptions = { minFreeBytes: 1 * MiB, minFreeRatioAfterLoad: 0 };

/** Guards an engine that finds its models in this folder, and records what the guard tells. */
export async function guardEngine(modelsDir: string, options: GuardOptions = {}, initialize: InitializeOptions = {}) {
  const sdk = await NexaSDK.initialize({ ...initialize, modelsDir });
  const nexa = withMemoryGuard(sdk, { ...LITTLE, ...options });
  return { sdk, nexa, guard: nexa.guard, events: recordEvents(nexa.guard) };
}

/** The embedded engine behind a guard that counts this process alone, until the test has finished. */
export async function guardEngineForTest(modelsDir: string, options: GuardOptions, initialize: InitializeOptions) {
  const engine = await guardEngine(modelsDir, { ledger: 'process', ...options }, { runtime: 'llama', ...initialize });
  onTestFinished(async () => {
    await engine.nexa.dispose();
    engine.guard.close();
  });
  return engine;
}

/** Waits for an event of this type, for 3 s at the most. */
export async function waitForEvent(events: readonly GuardEvent[], type: GuardEvent['type']): Promise<void> {
  for (let round = 0; round < 300 && !events.some((event) => event.type === type); round++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
