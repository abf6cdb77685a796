/** The runtimes that a program here could load models with, and what each lacks. It loads no model. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { MemoryGuardError, NexaSDK } from '../../index.ts';

export interface FoundRuntime {
  readonly name: string;
  /** Absent where it can't be used. */
  readonly version?: string;
  /** How it is used, or why it can't be. */
  readonly note: string;
  readonly usable: boolean;
}

/** The SDK's own runtimes are opened and closed again; others are only looked for from this folder. */
export async function findRuntimes(folder: string = process.cwd()): Promise<readonly FoundRuntime[]> {
  const own = [];
  for (const runtime of ['nexa', 'llama'] as const) own.push(await openRuntime(runtime));
  return [...own, ...findOther('node-llama-cpp', folder)];
}

async function openRuntime(runtime: 'nexa' | 'llama'): Promise<FoundRuntime> {
  try {
    const sdk = await NexaSDK.initialize({ runtime });
    const { version } = sdk.runtime;
    await sdk.dispose();
    return { name: runtime, version, usable: true, note: `NexaSDK.initialize({ runtime: '${runtime}' })` };
  } catch (error) {
    const note = error instanceof MemoryGuardError ? error.message : String(error);
    return { name: runtime, usable: false, note };
  }
}

function findOther(name: string, folder: string): FoundRuntime[] {
  const require = createRequire(join(folder, 'package.json'));
  try {
    const { path, version } = packageOf(name, require);
    return [{ name, version, usable: true, note: `withMemoryGuard(await getLlama()), from ${path}` }];
  } catch {
    return []; // it is one that a program brings itself: nobody misses it here
  }
}

/** Its folder and version, also where its `exports` hide its package.json. */
function packageOf(name: string, require: NodeJS.Require): { path: string; version: string } {
  for (const folder of require.resolve.paths(name) ?? []) {
    const path = join(folder, name);
    try {
      const { version } = require(join(path, 'package.json')) as { version: string };
      return { path: dirname(join(path, 'package.json')), version };
    } catch {
      // It isn't in this one; the next may have it.
    }
  }
  throw new Error(`${name} is not installed`);
}
