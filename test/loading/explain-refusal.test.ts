import { describe, expect, it } from 'vitest';
import { AdmissionGate } from '../../src/admission/admission-gate.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { explainRefusal } from '../../src/loading/explain-refusal.ts';
import type { LoadedModel } from '../../src/models/loaded-model.ts';
import type { Candidate } from '../../src/policy/choose-candidate.ts';
import { InjectedReader } from '../../src/sensors/injected-reader.ts';
import { decide } from '../support/decide.ts';

/** Of 1000 bytes 500 are available. A candidate needs a byte for each token of context. */
function refused(leastContextSize: number, contextSize: number) {
  let readings = 0;
  const reader = new InjectedReader(() => {
    readings += 1;
    return { totalBytes: 1000, availableBytes: 500 };
  });
  const gate = new AdmissionGate({
    reader,
    ledger: new Ledger(),
    nowMs: () => 0,
    minFreeRatioAfterLoad: 0,
  });
  const at = (tokens: number): Candidate => ({
    contextSize: tokens,
    need: { mappedBytes: 0, anonymousBytes: tokens, basis: 'given' },
    minFreeBytes: 0,
  });
  const request = () => ({
    model: 'm',
    candidates: [{ ...at(contextSize), smaller: { leastContextSize, at } }],
    downgrade: false,
  });
  const { decision } = decide(gate, request(), { reserve: 'nothing' });
  readings = 0;
  return {
    decision,
    parts: {
      reader,
      gate,
      models: { list: () => [], idle: () => [], listIdleEnds: () => [] },
      settings: { evict: 'idle' as const },
      clock: { nowMs: () => 0 },
    },
    request,
    count: () => readings,
  };
}

describe('a refusal that is explained', () => {
  it('says what would help, of the scope that its sentence names', () => {
    const { decision, parts, request } = refused(2048, 4096);
    const explained = explainRefusal(decision, parts, { listCandidates: request });
    expect(explained.decision).toMatchObject({ verdict: 'refuse', help: { context: { contextSize: 256 } } });
    expect(explained.message).toMatch(
      /^Insufficient memory to load m with \d+ tokens of context: it needs .*take it with 256 tokens of context/,
    );
  });

  it('says the rest if what would help can’t be found', () => {
    const { decision, parts } = refused(2048, 4096);
    const { message, decision: explained } = explainRefusal(decision, parts, {
      listCandidates: () => {
        throw new Error('the files are gone');
      },
    });
    expect(explained.help?.context).toBeUndefined();
    expect(message).toMatch(/^Insufficient memory to load m with \d+ tokens of context: /);
  });

  it('advises nobody to unload the model whose context was refused', () => {
    const { decision, parts, request } = refused(600, 700);
    const need = { mappedBytes: 0, anonymousBytes: 10 ** 12, basis: 'given' } as const;
    const holders = { ...parts.models, list: () => [{ name: 'owner', need }] as unknown as readonly LoadedModel[] };
    const explain = (owner?: string) =>
      explainRefusal(decision, { ...parts, models: holders }, { listCandidates: request, owner }).decision.help?.unload;
    expect(explain()).toEqual(['owner']);
    expect(explain('owner')).toEqual([]);
  });

  it('reads nothing for a load that is not refused', () => {
    const { decision, parts, request, count } = refused(100, 200);
    expect(explainRefusal(decision, parts, { listCandidates: request })).toEqual({ decision, message: '' });
    expect(count()).toBe(0);
  });
});
