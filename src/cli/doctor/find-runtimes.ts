/** The runtimes that a program here could load models with, and what each of them lacks. It loads no model. */

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { readMessage } from '../../core/errors.ts';
import { NexaSDK } from '../../index.ts';

export interface FoundRuntime {
  readonly name: string;
  /** Absent if it can't be used. */
  readonly version?: string;
  /** How it is used, or why it can't be. */
  readonly note: string;
  readonly usable: boolean;
}

/** Opens the SDK's own runtimes and closes them again; node-llama-cpp is only looked for, from `folder` upwards. */
export async function findRuntimes(folder: string = process.cwd()): Promise<readonly FoundRuntime[]> {
  const own = [];
  for (const runtime of ['nexa', 'llama'] as const) own.push(await tryRuntime(runtime));
  return [...own, ...findNodeLlamaCpp(folder)];
}

async function tryRuntime(runtime: 'nexa' | 'llama'): Promise<FoundRuntime> {
  try {
    const sdk = await NexaSDK.initialize({ runtime });
    const { version } = sdk.runtime;
    await sdk.dispose();
    return { name: runtime, version, usable: true, note: `NexaSDK.initialize({ runtime: '${runtime}' })` };
  } catch (error) {
    const note = readMessage(error);
    return { name: runtime, usable: false, note };
  }
}

/** A package that a program brings itself. Nothing is said if it is not installed: not every program needs it. */
function findNodeLlamaCpp(folder: string): FoundRuntime[] {
  const name = 'node-llama-cpp';
  const found = locatePackage(name, folder);
  if (!found) return [];
  const note = `withMemoryGuard(await getLlama()), from ${found.path}`;
  return [{ name, version: found.version, usable: true, note }];
}

/** Reads package.json itself, since a package's `exports` may hide it. */
function locatePackage(name: string, folder: string): { path: string; version: string } | undefined {
  const require = createRequire(join(folder, 'package.json'));
  for (const modules of require.resolve.paths(name) ?? []) {
    const path = join(modules, name);
    try {
      const { version } = require(join(path, 'package.json')) as { version: string };
      return { path, version };
    } catch {
      // It isn't in this folder; the next one may have it.
    }
  }
  return undefined;
}
