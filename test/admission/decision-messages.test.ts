import { describe, expect, it } from 'vitest';
import {
  describeAdmission,
  describeForced,
  describeRefusal,
  describeRule,
  formatCacheType,
} from '../../src/admission/decision-messages.ts';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { LadderStep } from '../../src/core/quantizations.ts';
import type { KvCacheType, MemoryScope } from '../../src/core/types.ts';
import type { RuleVerdict } from '../../src/policy/admission-rules.ts';
import { type Candidate, judgeCandidates } from '../../src/policy/choose-candidate.ts';
import { type Decision, findRefusalReason, nearestCandidate } from '../../src/policy/decision.ts';
import { findRefusalHelp, type RefusalFacts } from '../../src/policy/refusal-help.ts';

const step = (gib: number, quantization?: LadderStep): Candidate => ({
  ...(quantization && { quantization }),
  need: { mappedBytes: 0, anonymousBytes: gib * GiB, basis: 'given' },
  minFreeBytes: 512 * MiB,
});

function decided(available: number, steps: readonly Candidate[], ratio = 0): Decision {
  const situation = {
    totalBytes: 16 * GiB,
    availableBytes: available,
    headroomBytes: available,
    promisedAnonymousBytes: 0,
  };
  const candidates = judgeCandidates(steps, situation, ratio);
  const chosen = candidates.find(({ admitted }) => admitted);
  return {
    verdict: !chosen ? 'refuse' : chosen === candidates[0] ? 'admit' : 'downgrade',
    model: 'm',
    ...(steps[0]?.quantization && { askedQuantization: steps[0].quantization }),
    ...(chosen?.quantization && { quantization: chosen.quantization }),
    ...situation,
    candidates,
    ...(!chosen && withReason({ candidates, totalBytes: situation.totalBytes })),
  };
}

function withReason(refused: Parameters<typeof findRefusalReason>[0]): Pick<Decision, 'reason'> {
  const reason = findRefusalReason(refused);
  return reason ? { reason } : {};
}

const scope = (kind: MemoryScope['kind'], limitBytes?: number): MemoryScope => ({
  kind,
  path: '/pod/app',
  ...(limitBytes !== undefined && { limitBytes }),
  usedBytes: 0,
  reclaimableBytes: 0,
  availableBytes: 0,
});

/** With what would help, as the guard finds it. */
function refusal(decision: Decision, limitedBy?: MemoryScope, more: Partial<RefusalFacts> = {}): string {
  const help = findRefusalHelp(decision, { holders: [], limitedBy, ...more });
  return describeRefusal({ ...decision, help }, limitedBy);
}

describe('what is said of the steps that were passed over', () => {
  const passed = (...steps: LadderStep[]) =>
    describeAdmission(
      decided(4 * GiB, [step(9, 'Q8_0'), ...steps.map((each, index) => step(8 - index / 10, each)), step(2, 'Q4_0')]),
    );

  it('names three of them', () => {
    expect(passed('Q6_K')).toContain(', and Q6_K would not fit either. Loading Q4_0 instead');
    expect(passed('Q6_K', 'Q5_K_M', 'Q5_0')).toContain(', and Q6_K, Q5_K_M and Q5_0 would not fit either.');
  });

  it('counts more than three', () => {
    expect(passed('Q6_K', 'Q5_K_M', 'Q5_0', 'Q4_1')).toContain(', and 4 others down to Q4_1 would not fit either.');
  });
});

describe('what is said of an admission', () => {
  it('is what is loaded and what it needs', () => {
    expect(describeAdmission(decided(8 * GiB, [step(4, 'Q4_0')]))).toBe(
      'Loading m Q4_0, which needs 4.0 GiB (as given) of 8.0 GiB.',
    );
    expect(describeAdmission(decided(8 * GiB, [step(4)]))).toBe(
      'Loading m, which needs 4.0 GiB (as given) of 8.0 GiB.',
    );
  });

  it('is that nobody knows what it needs, if that is so', () => {
    const unknown = { ...step(0), need: { mappedBytes: 0, anonymousBytes: 0, basis: 'unknown' } } as const;
    expect(describeAdmission(decided(8 * GiB, [unknown]))).toBe('Loading m, and nobody knows what it needs.');
  });

  it('is why the asked step was left, if one below it is loaded', () => {
    const mapped = { ...step(6, 'Q5_K_M'), need: { mappedBytes: 6 * GiB, anonymousBytes: 0, basis: 'given' } } as const;
    expect(describeAdmission(decided(5 * GiB, [mapped, step(4, 'Q4_0')]))).toBe(
      'm Q5_K_M needs 6.0 GiB (as given): that much is not free. Loading Q4_0 instead, which needs 4.0 GiB (as given) of 5.0 GiB.',
    );
    expect(describeAdmission(decided(6 * GiB, [step(5.75, 'Q5_K_M'), step(4, 'Q4_0')]))).toBe(
      'm Q5_K_M needs 5.8 GiB (as given): 256.0 MiB would stay free, where 512.0 MiB must. ' +
        'Loading Q4_0 instead, which needs 4.0 GiB (as given) of 6.0 GiB.',
    );
  });
});

describe('what is said of a choice within a range', () => {
  const shaped = (contextSize: number, kvCacheType: KvCacheType, gib: number) => ({
    ...step(gib, 'Q4_0'),
    contextSize,
    kvCacheType,
  });

  it('is what was chosen, and why not the first', () => {
    const wanted = shaped(8192, 'f16', 6);
    expect(describeAdmission(decided(8 * GiB, [wanted]))).toBe(
      'Loading m Q4_0 with 8192 tokens of context and a cache of f16, which needs 6.0 GiB (as given) of 8.0 GiB.',
    );
    expect(describeAdmission(decided(6 * GiB, [wanted, shaped(8192, 'q8_0', 4)]))).toBe(
      'm Q4_0 with 8192 tokens of context and a cache of f16 needs 6.0 GiB (as given): 0 B would stay free, where 512.0 MiB must. ' +
        'Loading it with 8192 tokens of context and a cache of q8_0 instead, which needs 4.0 GiB (as given) of 6.0 GiB.',
    );
  });
});

describe('the type of a cache', () => {
  it('is one word, or both if keys and values differ', () => {
    expect(formatCacheType('q8_0')).toBe('q8_0');
    expect(formatCacheType({ k: 'q8_0', v: 'q8_0' })).toBe('q8_0');
    expect(formatCacheType({ k: 'q8_0', v: 'f16' })).toBe('q8_0 keys and f16 values');
  });

  it('is told whole in the sentence of a choice', () => {
    const shaped: Candidate = { ...step(4, 'Q4_0'), contextSize: 512, kvCacheType: { k: 'q8_0', v: 'f16' } };
    expect(describeAdmission(decided(8 * GiB, [shaped]))).toContain('a cache of q8_0 keys and f16 values, which needs');
  });
});

describe('what is said of a refusal', () => {
  const refused = decided(5 * GiB, [step(9, 'Q5_K_M'), step(5, 'Q4_0')], 0.25);

  it('is about the step that came nearest', () => {
    expect(nearestCandidate(refused).quantization).toBe('Q4_0');
    expect(refusal(refused)).toBe(
      'Insufficient memory to load m Q5_K_M: even Q4_0 needs 5.0 GiB (as given), this process can take 5.0 GiB; ' +
        '0 B would stay available to the system, where 4.0 GiB must; 0 B would stay free, where 512.0 MiB must. ' +
        'It would fit if what is held here now were given back. To load it, free 4.0 GiB.',
    );
  });

  it('names who limits, what holds memory and what would help', () => {
    const holders = [step(1), step(2, 'Q4_0'), step(3)].map((each, at) => ({ name: 'abc'[at] as string, ...each }));
    const inGroup = refusal(refused, scope('cgroup-v2', 6 * GiB), { holders });
    expect(inGroup).toContain('this process can take 5.0 GiB (limited by cgroup-v2 /pod/app, 6.0 GiB)');
    expect(inGroup).toContain('To load it, free 4.0 GiB, or unload c and b Q4_0, or raise that limit.');
    const onHost = refusal(refused, scope('host', 16 * GiB), { holders: holders.slice(0, 1) });
    expect(onHost).toContain('(limited by the machine, 16.0 GiB)');
    expect(onHost).not.toContain('raise that limit');
    expect(onHost).not.toContain('unload');
    expect(refusal(refused, scope('rlimit-as'))).toContain('(limited by rlimit-as /pod/app)');
    expect(refusal(refused, scope('injected', 5))).not.toContain('limited by');
  });

  it('names the context that fits, and of what if that is not what was asked for', () => {
    const [fitting] = decided(9 * GiB, [{ ...step(1, 'Q4_0'), contextSize: 1024 }]).candidates;
    expect(refusal(refused, undefined, { fitting })).toContain(
      'free 4.0 GiB, or take Q4_0 with 1024 tokens of context.',
    );
    const same = refusal(decided(1 * GiB, [step(9, 'Q4_0')]), undefined, { fitting });
    expect(same).toContain('or take it with 1024 tokens of context.');
  });

  it('does not advise to free memory if that could not help', () => {
    const tooLarge = decided(3 * GiB, [step(90)]);
    expect(refusal(tooLarge, scope('cgroup-v2', 4 * GiB))).toContain(
      'It is too large for this place, even with nothing else in it. To load it, raise that limit.',
    );
    expect(refusal(tooLarge)).toContain('To load it, use a machine with more memory.');
  });

  it('is about a load that goes ahead all the same if it was forced', () => {
    expect(describeForced(decided(3 * GiB, [step(9, 'Q5_K_M')]))).toContain(
      'Forced, although the rules refuse it: m Q5_K_M: it needs 9.0 GiB (as given), this process can take 3.0 GiB',
    );
  });

  it('says how much is lacking where less than nothing is left', () => {
    expect(refusal(decided(-3 * GiB, [step(1)]))).toBe(
      'Insufficient memory to load m: it needs 1.0 GiB (as given), this process can take nothing (3.0 GiB is lacking already). ' +
        'It would fit if what is held here now were given back. To load it, free 4.5 GiB.',
    );
  });
});

describe('a context that is assumed', () => {
  const assumed: Candidate = { ...step(4, 'Q4_0'), contextSize: 4096, contextAssumed: true };

  it('is told as one, in an admission and in a refusal', () => {
    const words = 'Q4_0 with 4096 tokens of context (assumed, since the load names no number)';
    expect(describeAdmission(decided(8 * GiB, [assumed]))).toContain(`Loading m ${words}, which needs`);
    expect(refusal(decided(3 * GiB, [assumed]))).toContain(`load m ${words}: it needs 4.0 GiB`);
    expect(refusal(decided(3 * GiB, [step(9, 'Q5_K_M'), assumed]))).toContain(`: even ${words} needs 4.0 GiB`);
  });

  it('is not told of one that was chosen', () => {
    expect(describeAdmission(decided(8 * GiB, [{ ...assumed, contextAssumed: false }]))).not.toContain('assumed');
  });
});

describe('a rule in words', () => {
  it.each([
    ['headroom', true, '2.0 MiB fits in 3.0 MiB'],
    ['headroom', false, "2.0 MiB doesn't fit in 3.0 MiB"],
    ['free-ratio-after-load', true, '3.0 MiB stays available to the system'],
    ['free-ratio-after-load', false, '3.0 MiB would stay available to the system, where 2.0 MiB must'],
    ['min-free', true, '3.0 MiB stays free'],
    ['min-free', false, '3.0 MiB would stay free, where 2.0 MiB must'],
  ] as const)('%s, passed: %s', (rule, passed, words) => {
    expect(describeRule({ rule, passed, requiredBytes: 2 * MiB, foundBytes: 3 * MiB })).toBe(words);
  });

  it('names the mapped files of a load where only with them the sum adds up', () => {
    const say = (rule: RuleVerdict['rule'], passed: boolean) =>
      describeRule({ rule, passed, requiredBytes: 2 * MiB, foundBytes: 1 * MiB }, 5 * MiB);
    expect(say('free-ratio-after-load', false)).toBe(
      '1.0 MiB would stay available to the system, 5.0 MiB of mapped files included, where 2.0 MiB must',
    );
    expect([say('free-ratio-after-load', true), say('min-free', false)].join()).not.toContain('mapped');
  });

  it.each([
    ['headroom', "2.0 MiB doesn't fit in nothing (1.0 MiB is lacking already)"],
    [
      'free-ratio-after-load',
      'nothing would stay available to the system (1.0 MiB would be lacking), where 2.0 MiB must',
    ],
    ['min-free', 'nothing would stay free (1.0 MiB would be lacking), where 2.0 MiB must'],
  ] as const)('%s says how much is lacking where less than nothing is left', (rule, words) => {
    expect(describeRule({ rule, passed: false, requiredBytes: 2 * MiB, foundBytes: -1 * MiB })).toBe(words);
  });
});
