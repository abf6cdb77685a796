/** Says what Windows' figures of memory, commit and job mean. It asks nobody. */
import { AVAILABLE, LIMIT, RECLAIMABLE, type ScopeName, STRIDE, USED } from '../scope-rows.ts';
import { sensorError } from '../sensor-error.ts';
import type { InterpretedFigures } from '../system-call-reader.ts';

/** Where each figure stands, as in native/win32/system_memory.cc. */
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

interface LimitedScope {
  readonly name: ScopeName;
  readonly limit: number;
  readonly used: number;
}

/**
 * Windows refuses an allocation when it is made, not when it is touched: the commit limit and a job's limits count what was
 * promised to programs. Available physical memory holds the standby list, which is page cache. Of nested jobs only the
 * innermost can be asked.
 *
 * @throws MemoryGuardError `ERR_SENSOR` if the figures can't be true.
 */
export function interpretWin32Figures(figures: Float64Array): InterpretedFigures {
  const get = (name: keyof typeof WIN32) => figures[WIN32[name]]!;
  const found: LimitedScope[] = [
    { name: { kind: 'host', path: 'host' }, ...checkAvailable('totalBytes', 'availableBytes', 'physical memory') },
    {
      name: { kind: 'commit', path: 'commit limit' },
      ...checkAvailable('commitLimitBytes', 'commitAvailableBytes', 'the commit limit'),
    },
  ];
  addLimit({ kind: 'job', path: 'job' }, get('jobLimitBytes'), get('jobUsedBytes'));
  addLimit({ kind: 'job-process', path: 'process of a job' }, get('processLimitBytes'), get('processUsedBytes'));
  const low = get('lowMemory');
  return {
    scopes: found.map(({ name }) => name),
    rows: fillRows(found),
    ...(low >= 0 && { pressure: low === 1 ? 'warning' : 'normal' }),
  };

  function checkAvailable(total: 'totalBytes' | 'commitLimitBytes', available: keyof typeof WIN32, what: string) {
    const [limit, left] = [get(total), get(available)];
    if (!(limit > 0 && left >= 0 && left <= limit)) throw impossible(what, `${left} of ${limit}`);
    return { limit, used: limit - left };
  }

  /** NaN: there is no such limit. */
  function addLimit(name: ScopeName, limit: number, used: number): void {
    if (Number.isNaN(limit)) return;
    if (!(limit >= 0 && used >= 0)) throw impossible(`the limit of ${name.path}`, `${used} of ${limit}`);
    found.push({ name, limit, used });
  }
}

function fillRows(scopes: readonly LimitedScope[]): Float64Array {
  const rows = new Float64Array(scopes.length * STRIDE).fill(Number.NaN);
  scopes.forEach(({ limit, used }, index) => {
    const base = index * STRIDE;
    rows[base + LIMIT] = limit;
    rows[base + USED] = used;
    rows[base + RECLAIMABLE] = 0;
  });
  const host = scopes[0]!;
  rows[AVAILABLE] = host.limit - host.used;
  return rows;
}

function impossible(what: string, found: string): Error {
  return sensorError(`${what} to be possible`, `it was ${found}`, 'report this version of Windows');
}
