/** Chooses the reader for this system; it knows no file and no arithmetic. */
import type { Addon } from '../addon/addon.ts';
import { loadAddon } from '../addon/load-addon.ts';
import type { MemoryReader } from '../core/memory-reader.ts';
import { absolutePath, type Checks, flag, oneOf, validate } from '../core/validate.ts';
import { interpretDarwinFigures } from './darwin/darwin-figures.ts';
import { LinuxReader, type LinuxReaderOptions } from './linux/linux-reader.ts';
import { NativeEngine } from './linux/native-engine.ts';
import { ProcfsEngine } from './linux/procfs-engine.ts';
import type { ReadTarget } from './linux/resolve-plan.ts';
import { NodeReader } from './node-reader.ts';
import type { ReadMemoryOptions } from './read-memory-options.ts';
import { type InterpretFigures, SystemCallReader } from './system-call-reader.ts';
import { interpretWin32Figures } from './win32/win32-figures.ts';

export interface OpenReaderOptions extends ReadMemoryOptions {
  /** The first reader to try. If it doesn't exist here, the next one in this order serves. @default 'native' */
  readonly prefer?: 'native' | 'procfs' | 'node';
}

export const READ_MEMORY_CHECKS: Checks<ReadMemoryOptions> = { root: absolutePath, swap: flag };

const CHECKS: Checks<OpenReaderOptions> = { ...READ_MEMORY_CHECKS, prefer: oneOf('native', 'procfs', 'node') };

/** Systems that tell memory by calls of the addon. */
const INTERPRETERS: { readonly [Platform in NodeJS.Platform]?: InterpretFigures } = {
  darwin: interpretDarwinFigures,
  win32: interpretWin32Figures,
};

/**
 * Opens a reader, which the caller closes. Nothing is read before its first `measure()` or `snapshot()`.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` for an option that doesn't exist or has a wrong value.
 */
export function openReader(
  options: OpenReaderOptions = {},
  platform: NodeJS.Platform = process.platform,
  findAddon: () => Addon | undefined = loadAddon,
): MemoryReader {
  const { root = '/', swap = false, prefer = 'native' } = validate<OpenReaderOptions>(options, CHECKS, 'openReader');
  if (prefer === 'node') return new NodeReader();
  const addon = prefer === 'native' ? findAddon() : undefined;
  if (platform !== 'linux') {
    const interpret = INTERPRETERS[platform];
    return addon?.readMachine && interpret ? new SystemCallReader(addon.readMachine, interpret) : new NodeReader();
  }
  return openLinuxReader({ root, swap }, addon);
}

/** Reads what another process or a control group may use, from outside, on Linux. The caller closes it. */
export function openOutsideReader(of: ReadTarget, findAddon: () => Addon | undefined = loadAddon): MemoryReader {
  return openLinuxReader({ root: '/', swap: false, of }, findAddon());
}

function openLinuxReader(
  options: Pick<LinuxReaderOptions, 'root' | 'swap' | 'of'>,
  addon: Addon | undefined,
): MemoryReader {
  return addon?.memoryFilesSupported
    ? new LinuxReader({ ...options, source: 'native', open: (plan) => new NativeEngine(addon, plan) })
    : new LinuxReader({ ...options, source: 'procfs', open: (plan) => new ProcfsEngine(plan) });
}
