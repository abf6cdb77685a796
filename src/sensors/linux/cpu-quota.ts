/** How much of the processors the control groups leave us. It knows no memory and no thread. */
import { malformed } from '../sensor-error.ts';
import { type ControlGroup, findGroups } from './control-groups.ts';
import { readBytesIfPresent } from './kernel-files.ts';

/**
 * The lowest quota of our group and those above it, in processors: 1.5 is one and a half. Infinity if none has one.
 *
 * @throws MemoryGuardError `ERR_SENSOR` if a file that tells it can't be read or understood.
 */
export function readCpuQuota(prefix: string): number {
  const found = findGroups(prefix, 'cpu');
  const read = found?.version === 1 ? readQuotaV1 : readQuotaV2;
  return Math.min(Number.POSITIVE_INFINITY, ...(found?.groups ?? []).map(read));
}

/** `50000 100000` · `max 100000`: microseconds of computing in a period of so many. */
function readQuotaV2({ directory }: ControlGroup): number {
  const file = `${directory}/cpu.max`;
  const text = readBytesIfPresent(file)?.toString('latin1').trim();
  if (text === undefined || /^max \d+$/.test(text)) return Number.POSITIVE_INFINITY;
  const match = /^(\d{1,15}) (\d{1,15})$/.exec(text);
  return divide(match?.[1], match?.[2], file, text);
}

/** Two files: `-1` or `50000`, and `100000`. */
function readQuotaV1({ directory }: ControlGroup): number {
  const file = `${directory}/cpu.cfs_quota_us`;
  const quota = readBytesIfPresent(file)?.toString('latin1').trim();
  // A kernel may have been built without quotas.
  if (quota === undefined || quota === '-1') return Number.POSITIVE_INFINITY;
  const period = readBytesIfPresent(`${directory}/cpu.cfs_period_us`)?.toString('latin1').trim();
  return divide(quota, period, file, `${quota} of ${period}`);
}

function divide(quota: string | undefined, period: string | undefined, file: string, found: string): number {
  const processors =
    /^\d{1,15}$/.test(quota ?? '') && /^\d{1,15}$/.test(period ?? '') ? Number(quota) / Number(period) : 0;
  if (!(processors > 0) || processors === Number.POSITIVE_INFINITY) {
    throw malformed(file, 'a quota such as 50000 in a period such as 100000', found);
  }
  return processors;
}
