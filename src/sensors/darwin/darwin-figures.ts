/** Says what macOS' counters of pages mean. It asks nobody. */
import type { MemoryPressure } from '../../core/types.ts';
import { AVAILABLE, LIMIT, RECLAIMABLE, STRIDE, USED } from '../scope-rows.ts';
import { sensorError } from '../sensor-error.ts';
import type { InterpretedFigures } from '../system-call-reader.ts';

/** Where each figure stands, as in native/darwin/system_memory.cc. */
export const DARWIN = {
  pageBytes: 0,
  totalBytes: 1,
  freePages: 2,
  activePages: 3,
  inactivePages: 4,
  speculativePages: 5,
  purgeablePages: 6,
  wiredPages: 7,
  compressorPages: 8,
  pressureLevel: 9,
  footprintBytes: 10,
} as const;

/** Those that are checked. A wrong structure or flavour fills them with rubbish: a machine was seen with 2^30 of them. */
const CHECKED_PAGES = ['freePages', 'inactivePages', 'speculativePages', 'purgeablePages'] as const;

/** kern.memorystatus_vm_pressure_level */
const LEVELS: Readonly<Record<number, MemoryPressure>> = { 1: 'normal', 2: 'warning', 4: 'critical' };

/**
 * Available is free + inactive + purgeable + speculative; `host_statistics64` counts the speculative pages as free already.
 * Inactive pages hold anonymous memory too, which the system compresses before it refuses anything; how much it wants memory
 * is told apart, as `pressure`.
 *
 * @throws MemoryGuardError `ERR_SENSOR` if the figures can't be true.
 */
export function interpretDarwinFigures(figures: Float64Array): InterpretedFigures {
  const get = (name: keyof typeof DARWIN) => figures[DARWIN[name]]!;
  const total = get('totalBytes');
  const page = get('pageBytes');
  if (!(total > 0 && total < 2 ** 62)) throw impossible('hw.memsize', total);
  if (![4096, 16_384].includes(page)) throw impossible('the page size', page);
  for (const name of CHECKED_PAGES) {
    const pages = get(name);
    if (!(pages >= 0 && pages * page <= total)) throw impossible(name, pages);
  }
  const free = get('freePages') * page;
  const reclaimable = (get('inactivePages') + get('purgeablePages')) * page;
  const rows = new Float64Array(STRIDE).fill(Number.NaN);
  rows[LIMIT] = total;
  rows[USED] = total - free;
  rows[RECLAIMABLE] = reclaimable;
  rows[AVAILABLE] = Math.min(total, free + reclaimable);
  const pressure = LEVELS[get('pressureLevel')];
  return { scopes: [{ kind: 'host', path: 'host' }], rows, ...(pressure && { pressure }) };
}

/** Gets what this process has taken of physical memory, compressed pages among it. `undefined`: the task doesn't tell. */
export function getTaskFootprint(figures: Float64Array): number | undefined {
  const bytes = figures[DARWIN.footprintBytes]!;
  return bytes >= 0 ? bytes : undefined;
}

function impossible(name: string, found: number): Error {
  return sensorError(`${name} to be possible on this machine`, `it was ${found}`, 'report this version of macOS');
}
