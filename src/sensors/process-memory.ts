/** What this process itself has taken: anonymous memory, and the part of it that JavaScript explains. It knows no limits. */
import { closeSync, openSync, readSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import type { Addon } from '../addon/addon.ts';
import { loadAddon } from '../addon/load-addon.ts';
import { footprintOf } from './darwin/darwin-figures.ts';
import { prefixOf } from './linux/kernel-files.ts';
import { keysOf, scanKeys } from './linux/kernel-text.ts';
import { errnoOf, malformed, unreadable } from './sensor-error.ts';
import { FIGURES } from './system-call-figures.ts';

export interface ProcessMemory {
  /** RssAnon + VmSwap of the whole process. */
  readonly anonymousBytes: number;
  /**
   * The V8 heap's committed pages and what hangs on it outside (array buffers, strings). Of the calling thread's heap only.
   * Buffers that nobody has touched count here and not above, so the difference errs towards "not grown".
   */
  readonly heapBytes: number;
}

const ABSENT = 'no such line';
/** `RssAnon:	   38940 kB` · `VmSwap:	       0 kB`, in this order. */
const NAMES = ['RssAnon:', 'VmSwap:'];
const KEYS = keysOf(...NAMES);
const values = new Float64Array(2);
const buffer = Buffer.allocUnsafeSlow(8192);
/** The real /proc/self/status is read often: its descriptor stays open. */
let descriptor: number | undefined;

/**
 * /proc/self/status costs 2.4 µs, the heap's statistics 0.4 µs. statm would cost 0.7 µs for the same figure to the page
 * (resident - shared), but knows neither swap nor its unit. `undefined` where both lines are missing: Linux before 4.5, gVisor.
 */
export function readProcessMemory(options: { readonly root?: string } = {}): ProcessMemory | undefined {
  const file = `${prefixOf(options.root ?? '/')}/proc/self/status`;
  const length = options.root === undefined ? readKept(file) : readOnce(file);
  scanKeys(buffer, length, KEYS, KEYS.length, values);
  if (values.every(Number.isNaN) && lineOf('VmRSS:', length) !== ABSENT) return undefined;
  const bad = NAMES.findIndex((_, index) => !((values[index] as number) >= 0));
  if (bad !== -1) throw malformed(file, `a number after "${NAMES[bad]}"`, lineOf(NAMES[bad] as string, length));
  return { anonymousBytes: ((values[0] as number) + (values[1] as number)) * 1024, heapBytes: heapBytes() };
}

/** Anonymous memory that JavaScript does not explain: what native code has taken. `undefined` where the system doesn't tell. */
export function readGrowth(
  platform: NodeJS.Platform = process.platform,
  readMachine: Addon['readMachine'] = undefined,
): number | undefined {
  const bytes = readAnonymousBytes(platform, readMachine);
  return bytes === undefined ? undefined : bytes - heapBytes();
}

/**
 * RssAnon + VmSwap on Linux, the task's footprint on macOS, which holds the same pages. `undefined` elsewhere: Windows tells what was
 * promised to a process, touched or not.
 */
export function readAnonymousBytes(
  platform: NodeJS.Platform = process.platform,
  readMachine: Addon['readMachine'] = undefined,
): number | undefined {
  if (platform === 'linux') return readProcessMemory()?.anonymousBytes;
  if (platform !== 'darwin') return undefined;
  const ask = readMachine ?? loadAddon()?.readMachine;
  const figures = new Float64Array(FIGURES);
  return ask && ask(figures) === undefined ? footprintOf(figures) : undefined;
}

function heapBytes(): number {
  const { total_physical_size, external_memory } = getHeapStatistics();
  return total_physical_size + external_memory;
}

function readKept(file: string): number {
  try {
    descriptor ??= openSync(file, 'r');
    return readSync(descriptor, buffer, 0, buffer.length, 0);
  } catch (error) {
    throw unreadable(file, errnoOf(error), error);
  }
}

function readOnce(file: string): number {
  let opened: number | undefined;
  try {
    opened = openSync(file, 'r');
    return readSync(opened, buffer, 0, buffer.length, 0);
  } catch (error) {
    throw unreadable(file, errnoOf(error), error);
  } finally {
    if (opened !== undefined) closeSync(opened);
  }
}

function lineOf(name: string, length: number): string {
  const lines = buffer.toString('latin1', 0, length).split('\n');
  return lines.find((line) => line.startsWith(name)) ?? ABSENT;
}
