/** What the SDK's library makes of a load, as far as that decides its memory. Which options it takes stands in `nexa/library-options.ts`. It calls nothing. */
import type { RequestedShape } from '../adapters/adapter.ts';
import type { LayoutName } from '../addon/nexa-binding.ts';

/** Where it runs. */
export interface LibrarySystem {
  readonly platform: NodeJS.Platform;
  readonly arch: string;
}

/**
 * The types that the newer generation copies on x64, read from its `repack.cpp` and, of Q4_0, Q4_K and their neighbours in one file, seen. Q2_K only on a
 * processor with AVX-512; weights that are counted as copied though they stay in the file take as much there.
 */
const REPACKED_ON_X64: readonly string[] = ['Q4_0', 'Q4_K', 'Q2_K', 'IQ4_NL', 'MXFP4'];

/** The shape of a load with what the library chooses itself. `deviceId` is that of the load. */
export function completeLibraryShape(
  shape: RequestedShape | undefined,
  layout: LayoutName,
  deviceId: unknown,
  { platform, arch }: LibrarySystem = process,
): RequestedShape {
  const onCpu = shape?.gpuLayers === undefined || shape.gpuLayers === 0;
  // Whatever its options say, the older generation reads weights past the page cache.
  if (layout === 'nexa-1.0') return { ...shape, mmap: false, logits: 'last' };
  return {
    ...shape,
    flashAttention: onCpu || !String(deviceId).startsWith('GPU') ? 'on' : 'off',
    mmap: platform === 'linux' && onCpu,
    repack: arch === 'x64' ? REPACKED_ON_X64 : 'auto',
    logits: 'last',
  };
}
