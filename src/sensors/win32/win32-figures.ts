/** What Windows' figures of memory, commit and job mean. It asks nobody. */

import { AVAILABLE, LIMIT, RECLAIMABLE, type ScopeName, STRIDE, USED } from '../scope-rows.ts';
import { sensorError } from '../sensor-error.ts';
import type { MachineReading } from '../system-call-figures.ts';

/** As in native/win32/system_memory.cc. */
export const WIN32 = {
  totalBytes: 0,
  availableBytes: 1,
  commitLimitBytes: 2,
  commitAvailableBytes: 3,
  jobLimitBytes: 4,
  jobUsedBytes: 5,
  processLimitBytes: 6,
  processUsedBytes: 7,
  lowMemory: 8,
} as const;

interface Row {
  readonly name: ScopeName;
  readonly limit: number;
  readonly used: number;
}

/**
 * Windows refuses an allocation when it is made, not when it is touched: the commit limit and a job's limits count what was
 * promised to programs. Available physical memory holds the standby list, which is page cache. Of nested jobs only the
 * innermost can be asked.
 */
export function judgeWin32(figures: Float64Array): MachineReading {
  const figure = (name: keyof typeof WIN32) => figures[WIN32[name]] as number;
  const host = within('totalBytes', 'availableBytes', 'physical memory');
  const commit = within('commitLimitBytes', 'commitAvailableBytes', 'the commit limit');
  const rows: Row[] = [
    { name: { kind: 'host', path: 'host' }, ...host },
    { name: { kind: 'commit', path: 'commit limit' }, ...commit },
  ];
  limit({ kind: 'job', path: 'job' }, figure('jobLimitBytes'), figure('jobUsedBytes'));
  limit({ kind: 'job-process', path: 'process of a job' }, figure('processLimitBytes'), figure('processUsedBytes'));
  const low = figure('lowMemory');
  return {
    scopes: rows.map(({ name }) => name),
    rows: cellsOf(rows),
    ...(low >= 0 && { pressure: low === 1 ? 'warning' : 'normal' }),
  };

  function within(total: 'totalBytes' | 'commitLimitBytes', available: keyof typeof WIN32, what: string) {
    const [limit, left] = [figure(total), figure(available)];
    if (!(limit > 0 && left >= 0 && left <= limit)) throw impossible(what, `${left} of ${limit}`);
    return { limit, used: limit - left };
  }

  /** NaN: there is no such limit. */
  function limit(name: ScopeName, bytes: number, used: number): void {
    if (Number.isNaN(bytes)) return;
    if (!(bytes >= 0 && used >= 0)) throw impossible(`the limit of ${name.path}`, `${used} of ${bytes}`);
    rows.push({ name, limit: bytes, used });
  }
}

function cellsOf(rows: readonly Row[]): Float64Array {
  const cells = new Float64Array(rows.length * STRIDE).fill(Number.NaN);
  rows.forEach(({ limit, used }, index) => {
    const base = index * STRIDE;
    cells[base + LIMIT] = limit;
    cells[base + USED] = used;
    cells[base + RECLAIMABLE] = 0;
  });
  cells[AVAILABLE] = (rows[0] as Row).limit - (rows[0] as Row).used;
  return cells;
}

function impossible(what: string, found: string): Error {
  return sensorError(`${what} to be possible`, `it was ${found}`, 'report this version of Windows');
}
