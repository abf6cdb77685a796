/** What the readers promise against what a real kernel gives, in a machine of its own: control groups v2, and v1 on the same kernel. */
import { afterAll, describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { runInVm } from '../../tools/vm/run-in-vm.mjs';
import { getSituations, type Situation } from './situations.mjs';
import { whyNotHere } from './why-not-here.ts';

/** Relative error that a promise may have, unless a situation says otherwise. */
const TOLERANCE = 0.02;
/** What the kernel must have held back within 8 MiB above `memory.high`; it was 0.8 s. */
const STALL_US = 100_000;
/** Five times of what it takes on two idle cores. */
const TIMEOUT_MS = { v2: 500_000, v1: 200_000 };

interface Found {
  readonly source: string;
  readonly availableBytes: number;
  readonly measuredBytes: number;
  readonly limitedBy: string;
  /** Of the scope that limits. */
  readonly reclaimableBytes: number;
  readonly dirtyBytes?: number;
  readonly ancestorsHidden: boolean;
}

interface Truth {
  readonly name: string;
  readonly found: readonly Found[];
  /** What other readings said at the same moment. */
  readonly peers: Readonly<Record<string, number>>;
  readonly truthBytes: number;
  readonly ended: string | number;
  readonly stalledUs?: number;
}

async function measureTruths(hierarchy: 'v1' | 'v2', names: readonly string[]): Promise<Map<string, Truth>> {
  const truths: Truth[] = await runInVm({
    script: 'test/vm/guest/truth.mjs',
    input: { hierarchy, names },
    hierarchy,
    memoryMiB: 1536,
    modules: ['lzo-rle', 'zram'],
    include: ['test/vm/situations.mjs', 'test/vm/guest', 'test/support/programs'],
    programs: ['perl', 'unshare'],
    timeoutMs: TIMEOUT_MS[hierarchy],
  });
  return new Map(truths.map((truth) => [truth.name, truth]));
}

const computeError = (bytes: number, { truthBytes }: Truth) => bytes / truthBytes - 1;
const percent = (bytes: number, truth: Truth) => (computeError(bytes, truth) * 100).toFixed(1);

function makeRow(truth: Truth): Record<string, string | number> {
  const row: Record<string, string | number> = { situation: truth.name, 'truth MiB': truth.truthBytes / MiB };
  for (const { source, availableBytes, measuredBytes } of truth.found) {
    row[`${source} %`] = percent(availableBytes, truth);
    row[`${source} measure %`] = percent(measuredBytes, truth);
  }
  for (const [peer, bytes] of Object.entries(truth.peers)) row[`${peer} %`] = percent(bytes, truth);
  return { ...row, hidden: truth.found[0]?.ancestorsHidden ? 'yes' : '' };
}

describe.skipIf(whyNotHere !== undefined).each(['v2', 'v1'] as const)('on control groups %s a process', (hierarchy) => {
  const situations = getSituations(hierarchy);
  const names = Object.keys(situations);
  let run: Promise<Map<string, Truth>> | undefined;
  const table: Record<string, unknown>[] = [];
  afterAll(() => console.table(table));

  it.each(names)(
    'is promised what it can allocate: %s',
    async (name) => {
      run ??= measureTruths(hierarchy, names);
      const truth = (await run).get(name) as Truth;
      const situation = situations[name] as Situation;
      const { limitedBy, namespace, throttled, hidden, below = TOLERANCE, above = TOLERANCE } = situation;
      const { reclaimable = 0, dirty = 0, truth: least = 32 } = situation.atLeast ?? {};
      table.push(makeRow(truth));
      expect(truth.truthBytes).toBeGreaterThanOrEqual(least * MiB);
      expect(truth.ended).toBe(throttled ? 0 : 'SIGKILL');
      if (throttled) expect(truth.stalledUs).toBeGreaterThan(STALL_US);
      expect(truth.found.map(({ source }) => source)).toEqual(['native', 'procfs']);
      for (const { source, availableBytes, measuredBytes, reclaimableBytes, dirtyBytes = 0, ...found } of truth.found) {
        expect(found).toEqual({ limitedBy, ancestorsHidden: namespace === 'mounted' });
        expect(reclaimableBytes).toBeGreaterThanOrEqual(reclaimable * MiB);
        expect(dirtyBytes).toBeGreaterThanOrEqual(dirty * MiB);
        for (const bytes of [availableBytes, measuredBytes]) {
          const error = computeError(bytes, truth);
          if (hidden) expect(error, `${source}: nothing is hidden here`).toBeGreaterThan(above);
          else expect(error, source).toBeLessThanOrEqual(above);
          expect(error, source).toBeGreaterThanOrEqual(-below);
        }
      }
    },
    TIMEOUT_MS[hierarchy] + 20_000,
  );
});
