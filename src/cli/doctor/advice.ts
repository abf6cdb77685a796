/** What to change on a machine so that models load well there, a sentence each. Pure; it reads nothing. */
import { formatBytes, GiB, type MachineReport } from '../../index.ts';
import type { FoundRuntime } from './find-runtimes.ts';

export interface Findings {
  readonly report: MachineReport;
  readonly runtimes: readonly FoundRuntime[];
  /** What the guard said it does without. */
  readonly degraded: readonly string[];
}

/** Qwen2-Audio's documented minimum. */
const LEAST_BYTES = 8 * GiB;

/** Empty where nothing is to be changed. */
export function adviceFor({ report, runtimes, degraded }: Findings): string[] {
  const { memory, addon, machineClass } = report;
  const { limitedBy, totalBytes } = memory;
  const limited = limitedBy.kind.startsWith('cgroup');
  return [
    ...(runtimes.some(({ usable }) => usable)
      ? []
      : ['No runtime was found: `npm install @fugood/llama.node` brings one that loads GGUF models, with audio.']),
    ...(addon === 'loaded'
      ? []
      : [
          `The native addon is ${addon}; a load that the engine fails ends the process then, and its log is not silent.`,
        ]),
    ...(memory.precise
      ? []
      : ['Memory is only known by what `node:os` tells: page cache and limits are not seen, so leave room for them.']),
    ...(memory.ancestorsHidden
      ? [
          'A namespace hides control groups above the topmost one that can be seen: if one of them has a limit (a pod’s), give this container the same.',
        ]
      : []),
    ...(machineClass === 'below minimum'
      ? [
          `Qwen2-Audio needs ${formatBytes(LEAST_BYTES)} at the least, and ${formatBytes(totalBytes)} may be used here: ` +
            (limited ? `raise the limit of ${limitedBy.path}.` : 'use a machine with more memory, or a smaller model.'),
        ]
      : []),
    ...memory.scopes
      .filter(
        ({ highBytes, limitBytes }) => highBytes !== undefined && highBytes < (limitBytes ?? Number.POSITIVE_INFINITY),
      )
      .map(
        ({ path, highBytes = 0 }) =>
          `${path} has \`memory.high\` at ${formatBytes(highBytes)}: from there the kernel stalls the process, so the guard stops there.`,
      ),
    ...degraded,
  ];
}
