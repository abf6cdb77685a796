import { describe, expect, it } from 'vitest';
import type { OnKilled } from '../../src/adapters/adapter.ts';
import { defaultAdapter } from '../../src/adapters/default-adapter.ts';
import { MemoryGuardError } from '../../src/core/errors.ts';
import { readLoadChoices } from '../../src/loading/load-guard-options.ts';
import type { PreparedLoad } from '../../src/loading/prepare-load.ts';
import { type KillHistory, planReload } from '../../src/loading/reload-killed.ts';
import type { Candidate } from '../../src/policy/choose-candidate.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { scriptedAdapter } from '../support/scripted-processes.ts';

const MINUTE_MS = 60_000;

const fixed = (anonymousBytes: number): Candidate => ({
  need: { mappedBytes: 0, anonymousBytes, basis: 'given' },
  minFreeBytes: 0,
});

/** One byte a token. */
function ranged(contextSize: number, leastContextSize: number, besideBytes = 0): Candidate {
  const at = (size: number): Candidate => ({ ...fixed(besideBytes + size), contextSize: size });
  return { ...at(contextSize), smaller: { leastContextSize, at } };
}

function prepared(onKilled: OnKilled | undefined, candidates: readonly Candidate[], killsMs?: readonly number[]) {
  const adapter = { ...defaultAdapter, processes: scriptedAdapter(onKilled && { onKilled }) };
  const load: PreparedLoad = {
    source: { sdk: {}, adapter },
    adapter,
    args: ['m'],
    request: { name: 'm' },
    choices: readLoadChoices(undefined),
    ...(killsMs && { killsMs }),
    listCandidates: () => ({ model: 'm', candidates, downgrade: true }),
  };
  return load;
}

/** What would be loaded after a kill of `killed`. */
async function candidatesAfter(onKilled: OnKilled, candidates: readonly Candidate[], killed = candidates[0]!) {
  const load = prepared(onKilled, candidates);
  const reload = async ({ narrow }: KillHistory) => narrow(load).listCandidates(() => 'Q4_0').candidates;
  return (await planReload(load, killed, new ManualClock(), reload)()!()) as readonly Candidate[];
}

const bytesOf = (candidates: readonly Candidate[]) => candidates.map(({ need }) => need.anonymousBytes);

describe('a model whose process was killed', () => {
  it('stays gone unless the user chose otherwise', () => {
    for (const onKilled of [undefined, 'fail'] as const) {
      const plan = planReload(prepared(onKilled, [fixed(1)]), fixed(1), new ManualClock(), async () => {});
      expect(plan()).toBeUndefined();
    }
  });

  it('is loaded again as it was, or smaller', async () => {
    const ladder = [fixed(30), fixed(20), fixed(10)];
    expect(bytesOf(await candidatesAfter('reload', ladder))).toEqual([30, 20, 10]);
    expect(bytesOf(await candidatesAfter('reload-smaller', ladder))).toEqual([20, 10]);
    expect(bytesOf(await candidatesAfter('reload-smaller', ladder, ladder[1]))).toEqual([10]);
    expect(bytesOf(await candidatesAfter('reload-smaller', ladder, ladder[2]))).toEqual([10]);
  });

  it('is loaded with half of its context, and half of that, down to the least', async () => {
    const wide = ranged(1024, 100);
    const [half] = await candidatesAfter('reload-smaller', [wide]);
    expect(half).toMatchObject({ contextSize: 512, smaller: { leastContextSize: 100 } });
    const killed = ranged(150, 100);
    expect((await candidatesAfter('reload-smaller', [wide], killed))[0]).toMatchObject({ contextSize: 128 });
    expect((await candidatesAfter('reload-smaller', [wide], ranged(128, 100)))[0]).toMatchObject({ contextSize: 100 });
    expect((await candidatesAfter('reload-smaller', [wide], ranged(100, 100)))[0]).toMatchObject({ contextSize: 100 });
  });

  it('is loaded from the next file if no context of the first one needs less', async () => {
    const found = await candidatesAfter('reload-smaller', [ranged(64, 64, 900), ranged(64, 64, 100)]);
    expect(bytesOf(found)).toEqual([164]);
  });
});

describe('a model that is killed again and again', () => {
  const killed = new MemoryGuardError('ERR_MODEL_KILLED', 'killed');
  const planAfter = (
    killsMs: readonly number[],
    clock: ManualClock,
    reload = async (_: KillHistory): Promise<unknown> => 0,
  ) => planReload(prepared('reload', [fixed(1)], killsMs), fixed(1), clock, reload);

  it('is loaded again three times within ten minutes', async () => {
    const clock = new ManualClock();
    clock.advance(MINUTE_MS);
    const histories: (readonly number[])[] = [];
    const plan = planAfter([1, 2], clock, async ({ killsMs }) => histories.push(killsMs));
    await plan()!();
    expect(histories).toEqual([[1, 2, MINUTE_MS]]);
    expect(planAfter([1, 2, 3], clock)()).toBeUndefined();
  });

  it('is loaded again if its last kills are longer ago when it is killed, however it was loaded', () => {
    const clock = new ManualClock();
    const plan = planAfter([0, 0, 0], clock);
    expect(plan()).toBeUndefined();
    clock.advance(10 * MINUTE_MS);
    expect(plan()).toBeTypeOf('function');
  });

  it('is not loaded again for ever if that is killed while it loads, and is once time has passed', async () => {
    const clock = new ManualClock();
    let loads = 0;
    const reload = planAfter([], clock, async () => {
      loads += 1;
      throw killed;
    })()!;
    for (let attempt = 0; attempt < 3; attempt++) await expect(reload()).rejects.toBe(killed);
    await expect(reload()).rejects.toMatchObject({
      code: 'ERR_MODEL_KILLED',
      message: expect.stringMatching(/^The process of m was killed more than 3 times within 10 minutes/),
    });
    expect(loads).toBe(3);
    clock.advance(10 * MINUTE_MS);
    await expect(reload()).rejects.toBe(killed);
    expect(loads).toBe(4);
  });

  it('is tried as often as it is used if it is only refused', async () => {
    const refused = new MemoryGuardError('ERR_INSUFFICIENT_MEMORY', 'refused');
    const reload = planAfter([], new ManualClock(), () => Promise.reject(refused))()!;
    for (let attempt = 0; attempt < 9; attempt++) await expect(reload()).rejects.toBe(refused);
  });
});
