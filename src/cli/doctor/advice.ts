/** What to change on a machine so that models load well there, a sentence for each change. Pure. */
import { formatBytes, GiB, type MachineReport } from '../../index.ts';
import { nameGroup } from '../scope-table.ts';
import type { FoundRuntime } from './find-runtimes.ts';

export interface Findings {
  readonly report: MachineReport;
  readonly runtimes: readonly FoundRuntime[];
  /** Messages of the guard's `degraded` events. */
  readonly degraded: readonly string[];
}

/** Qwen2-Audio's documented minimum. */
const LEAST_BYTES = 8 * GiB;

/** Empty if nothing is to be changed. */
export function giveAdvice({ report, runtimes, degraded }: Findings): string[] {
  const { memory, addon, machineClass, oomGroup } = report;
  const { limitedBy, totalBytes, scopes } = memory;
  const advice: string[] = [];
  if (!runtimes.some(({ usable }) => usable)) {
    advice.push(
      'No runtime was found: `npm install @fugood/llama.node` brings one that loads GGUF models, with audio.',
    );
  }
  if (addon !== 'loaded') {
    advice.push(
      `The native addon is ${addon}; other processes are not counted then, and a model's process outlives a killed program until its engine lets go.`,
    );
  }
  if (!memory.precise) {
    advice.push(
      'Memory is only known by what `node:os` tells: page cache and limits are not seen, so leave room for them.',
    );
  }
  if (memory.ancestorsHidden) {
    advice.push(
      'A namespace hides control groups above the topmost one that can be seen: if one of them has a limit (a pod’s), give this container the same.',
    );
  }
  if (oomGroup !== undefined) {
    advice.push(
      `If the kernel ends one process in ${oomGroup} it ends all of them, this program with a model's process, since \`memory.oom.group\` is 1 there: set \`singleProcessOOMKill: true\` for the kubelet or \`OOMPolicy=continue\` for the systemd unit, or write 0 to ${oomGroup}/memory.oom.group.`,
    );
  }
  if (machineClass === 'below minimum') {
    const remedy = limitedBy.kind.startsWith('cgroup')
      ? `raise the limit of ${nameGroup(limitedBy.path)}`
      : 'use a machine with more memory, or a smaller model';
    advice.push(
      `Qwen2-Audio needs ${formatBytes(LEAST_BYTES)} at the least, as it is documented, and ${formatBytes(totalBytes)} may be used here: ${remedy}. For other models \`nexa-memory-guard plan MODEL\` says what fits.`,
    );
  }
  for (const { path, highBytes, limitBytes = Number.POSITIVE_INFINITY } of scopes) {
    if (highBytes === undefined || highBytes >= limitBytes) continue;
    advice.push(
      `${path} has \`memory.high\` at ${formatBytes(highBytes)}: from there the kernel stalls the process, so the guard stops there.`,
    );
  }
  return [...advice, ...degraded];
}
