/** Figures as real machines have them, to be changed by tests. It knows no reader. */
import type { Addon } from '../../src/addon/addon.ts';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { DARWIN } from '../../src/sensors/darwin/darwin-figures.ts';
import { FIGURE_COUNT } from '../../src/sensors/system-call-reader.ts';
import { WIN32 } from '../../src/sensors/win32/win32-figures.ts';

export type Figures<Names> = Partial<Record<keyof Names, number>>;

function makeFigures<Names extends Record<string, number>>(names: Names, values: Figures<Names>): Float64Array {
  const figures = new Float64Array(FIGURE_COUNT).fill(Number.NaN);
  for (const [name, value] of Object.entries(values)) figures[names[name]!] = value!;
  return figures;
}

/** A Mac with 16 GiB and pages of 16 KiB: 1 GiB free (256 MiB of it speculative), 5 GiB inactive, 512 MiB purgeable. */
export function mac(changed: Figures<typeof DARWIN> = {}): Float64Array {
  const pages = (bytes: number) => bytes / 16_384;
  return makeFigures(DARWIN, {
    pageBytes: 16_384,
    totalBytes: 16 * GiB,
    freePages: pages(GiB),
    activePages: pages(5 * GiB),
    inactivePages: pages(5 * GiB),
    speculativePages: pages(256 * MiB),
    purgeablePages: pages(512 * MiB),
    wiredPages: pages(3 * GiB),
    compressorPages: pages(2 * GiB),
    pressureLevel: 1,
    footprintBytes: 80 * MiB,
    ...changed,
  });
}

/** A PC with 16 GiB, 6 of them available, a page file of 4 GiB; no job. */
export function pc(changed: Figures<typeof WIN32> = {}): Float64Array {
  return makeFigures(WIN32, {
    totalBytes: 16 * GiB,
    availableBytes: 6 * GiB,
    commitLimitBytes: 20 * GiB,
    commitAvailableBytes: 5 * GiB,
    processUsedBytes: 100 * MiB,
    lowMemory: 0,
    ...changed,
  });
}

/** An addon that tells these figures, or which call failed. */
export function telling(figures: () => Float64Array, failed?: () => string | undefined): Addon {
  return {
    readMachine: (target: Float64Array) => {
      target.set(figures());
      return failed?.();
    },
  } as unknown as Addon;
}
