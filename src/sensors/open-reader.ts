/** Chooses the reader for this system; it knows no file and no arithmetic. */
import { isAbsolute } from 'node:path';
import type { Addon } from '../addon/addon.ts';
import { loadAddon } from '../addon/load-addon.ts';
import { invalidOption } from '../core/errors.ts';
import type { MemoryReader } from '../core/memory-reader.ts';
import { judgeDarwin } from './darwin/darwin-figures.ts';
import { LinuxReader } from './linux/linux-reader.ts';
import { NativeEngine } from './linux/native-engine.ts';
import { ProcfsEngine } from './linux/procfs-engine.ts';
import { NodeReader } from './node-reader.ts';
import type { ReadMemoryOptions } from './read-memory.ts';
import type { Judge } from './system-call-figures.ts';
import { MachineReader } from './system-call-reader.ts';
import { judgeWin32 } from './win32/win32-figures.ts';

export interface ReaderOptions extends ReadMemoryOptions {
  /** The first one to try; where it does not exist the next in this order serves. @default 'native' */
  readonly prefer?: 'native' | 'procfs' | 'node';
}

const JUDGES: { readonly [Platform in NodeJS.Platform]?: Judge } = { darwin: judgeDarwin, win32: judgeWin32 };

/** A reader that the caller closes. Nothing is read before its first `measure()` or `snapshot()`. */
export function openReader(
  options: ReaderOptions = {},
  platform: NodeJS.Platform = process.platform,
  addonOf: () => Addon | undefined = loadAddon,
): MemoryReader {
  const { root, swap } = checkReadOptions(options, ['root', 'swap', 'prefer']);
  const prefer = options.prefer ?? 'native';
  if (!['native', 'procfs', 'node'].includes(prefer))
    throw invalidOption('prefer', "'native', 'procfs' or 'node'", prefer);
  if (prefer === 'node') return new NodeReader();
  const addon = prefer === 'native' ? addonOf() : undefined;
  if (platform !== 'linux') {
    const judge = JUDGES[platform];
    return addon?.readMachine && judge ? new MachineReader(addon.readMachine, judge) : new NodeReader();
  }
  if (addon?.memoryFilesSupported) {
    return new LinuxReader({ root, swap, source: 'native', open: (plan) => new NativeEngine(addon, plan) });
  }
  return new LinuxReader({ root, swap, source: 'procfs', open: (plan) => new ProcfsEngine(plan) });
}

/** Defaults and validation in one place. `ERR_INVALID_OPTION` for unknown keys and wrong types. */
export function checkReadOptions(options: ReadMemoryOptions, known: readonly string[]): Required<ReadMemoryOptions> {
  if (typeof options !== 'object' || options === null) throw invalidOption('options', 'an object', options);
  for (const key of Object.keys(options)) {
    if (!known.includes(key))
      throw invalidOption(
        key,
        `absent: the options are ${known.join(', ')}`,
        (options as Record<string, unknown>)[key],
      );
  }
  const { root = '/', swap = false } = options;
  if (typeof root !== 'string' || !isAbsolute(root)) throw invalidOption('root', 'an absolute path', root);
  if (typeof swap !== 'boolean') throw invalidOption('swap', 'true or false', swap);
  return { root, swap };
}
