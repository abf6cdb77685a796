import { describe, expect, it } from 'vitest';
import { type PlanCell, type Planned, printPlan } from '../../../src/cli/plan/print-plan.ts';
import { type CandidateVerdict, type Decision, GiB, type Quantization } from '../../../src/index.ts';
import { fakeIo } from '../../support/fake-io.ts';

const makeCandidate = (quantization: Quantization, gib: number, more: Partial<PlanCell> = {}): PlanCell => ({
  quantization,
  contextSize: 4096,
  need: { mappedBytes: (gib - 1) * GiB, anonymousBytes: 1 * GiB, basis: 'gguf' },
  minFreeBytes: 0,
  admitted: gib <= 4,
  rules: [{ rule: 'headroom', requiredBytes: gib * GiB, foundBytes: 4 * GiB, passed: gib <= 4 }],
  shortfallBytes: Math.max(0, gib - 4) * GiB,
  ...more,
});
const [large, small] = [makeCandidate('Q5_K_M', 6), makeCandidate('Q4_0', 3)];

function makePlanned(verdict: Decision['verdict'], candidates: readonly CandidateVerdict[], more = {}): Planned {
  const decision = { verdict, model: 'm', totalBytes: 8 * GiB, headroomBytes: 4 * GiB, candidates } as Decision;
  const rows = [
    { quantization: 'Q5_K_M', cells: [large] },
    { quantization: 'Q4_0', cells: [small] },
  ] as const;
  return { model: 'm', decision, contexts: [4096], rows, fromShape: false, help: [], ...more };
}

function print(planned: Planned, terminal = false): string {
  const io = fakeIo({ isTTY: terminal });
  printPlan(planned, io);
  return io.stdout.text;
}

describe('a printed plan', () => {
  it('has a row for each quantization, with what each lacks', () => {
    expect(print(makePlanned('admit', [small])).split('\n')).toEqual([
      'm: 4.0 GiB can be taken, of 8.0 GiB',
      '',
      '  quantization            4096 tokens',
      '  Q5_K_M        6.0 GiB lacks 2.0 GiB',
      '  Q4_0                   3.0 GiB fits',
      '',
      expect.stringMatching(
        /^A load takes Q4_0 with 4096 tokens of context, which needs 3\.0 GiB \(by its file's header\), 2\.0 GiB mapped .* 1\.0 GiB beside it\.$/,
      ),
      '',
    ]);
  });

  it('names what is loaded without a quantization `the file`, and an upper bound as one', () => {
    const { quantization: _none, ...file } = { ...small, notes: ['it may be less'], modelPath: '/models/chat.gguf' };
    const text = print(makePlanned('admit', [file], { rows: [{ cells: [file] }] }));
    expect(text).toMatch(/^ {2}the file +≤ 3\.0 GiB fits$/m);
    expect(text).toMatch(/^A load takes the file with 4096 tokens/m);
  });

  it('has no figure of a need that nobody knows, and says how much is lacking where less than nothing is left', () => {
    const unknown = makeCandidate('Q4_0', 0, { need: { mappedBytes: 0, anonymousBytes: 0, basis: 'unknown' } });
    const planned = makePlanned('admit', [unknown], { rows: [{ quantization: 'Q4_0', cells: [unknown] }] });
    const text = print({ ...planned, decision: { ...planned.decision, headroomBytes: -1 * GiB } });
    expect(text).toMatch(/^m: nothing \(1\.0 GiB is lacking already\) can be taken, of 8\.0 GiB$/m);
    expect(text).toMatch(/^ {2}Q4_0 +unknown$/m);
    expect(text).toContain('needs an amount that nobody knows');
    expect(text).not.toContain('0 B');
  });

  it('is no wider than the terminal, and breaks its sentences between words', () => {
    const cells = [large, { ...large, contextSize: 8192 }, { ...large, contextSize: 16384 }];
    const io = fakeIo({ isTTY: true, columns: 80 }, { NO_COLOR: '1' });
    printPlan(
      makePlanned('refuse', [large], { contexts: [4096, 8192, 16384], rows: [{ quantization: 'Q5_K_M', cells }] }),
      io,
    );
    const lines = io.stdout.text.split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(81);
    expect(io.stdout.text).toMatch(/^ {2}Q5_K_M( +lacks 2\.0 GiB){3}$/m);
  });

  it('does not say of what doesn’t fit at all that it leaves nothing free', () => {
    const rules = [
      ...large.rules,
      { rule: 'min-free', requiredBytes: 1, foundBytes: -2 * GiB, passed: false } as const,
    ];
    expect(print(makePlanned('refuse', [{ ...large, rules }]))).toMatch(/; 6\.0 GiB doesn't fit in 4\.0 GiB\.$/m);
  });

  it('marks what lies below the floor', () => {
    const rows = [{ quantization: 'Q4_0', belowFloor: true, cells: [small] }];
    expect(print(makePlanned('admit', [small], { rows }))).toMatch(/^ {2}Q4_0, below the floor +3\.0 GiB fits$/m);
  });

  it('says why the asked one is not taken, and what would help it', () => {
    const text = print(makePlanned('downgrade', [large, small], { help: ['do this', 'do that'] }));
    expect(text).toMatch(/^A load takes Q4_0 .* Q5_K_M with 4096 tokens of context does not fit; .*\.$/m);
    expect(text).toMatch(/^For the asked one, do this\n {2}or do that$/m);
  });

  it('says why nothing fits, by the candidate that came nearest, and what would help', () => {
    const text = print(makePlanned('refuse', [makeCandidate('Q5_K_M', 9), large], { help: ['do this'] }));
    expect(text).toMatch(
      /^A load is refused: even Q5_K_M with 4096 tokens of context needs 6\.0 GiB \(by its file's header\); .*6\.0 GiB/m,
    );
    expect(text).toMatch(/^To load it, do this$/m);
  });

  it('says that no file was found where the needs are those of a published shape', () => {
    expect(print(makePlanned('admit', [small], { fromShape: true }))).toContain(
      'No file of it was found, so these are the needs of its published shape.',
    );
    expect(print(makePlanned('admit', [small]))).not.toContain('published shape');
  });

  it('does not speak of a mapped file where nothing is mapped', () => {
    const need = { mappedBytes: 0, anonymousBytes: 3 * GiB, basis: 'shape' } as const;
    expect(print(makePlanned('admit', [{ ...small, need }]))).toMatch(
      /^A load takes Q4_0 with 4096 tokens of context, which needs 3\.0 GiB \(by its published shape\)\.$/m,
    );
  });

  it('is green and red on a terminal only', () => {
    const text = print(makePlanned('admit', [small]), true);
    expect([text.includes('\x1b[31m'), text.includes('\x1b[32m')]).toEqual([true, true]);
    expect(print(makePlanned('admit', [small]))).not.toContain('\x1b');
  });
});
