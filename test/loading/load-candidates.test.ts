import { describe, expect, it } from 'vitest';
import type { LoadRequest, RequestedShape } from '../../src/adapters/adapter.ts';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { LADDER, type LadderStep } from '../../src/core/quantizations.ts';
import type { Footprint } from '../../src/footprint/footprint.ts';
import type { EstimatedOffer } from '../../src/loading/estimate-candidates.ts';
import { type ListCandidatesParts, listCandidates as listCandidatesFor } from '../../src/loading/load-candidates.ts';
import { type LoadGuardOptions, readLoadChoices } from '../../src/loading/load-guard-options.ts';

const listCandidates = (request: LoadRequest, own: LoadGuardOptions, parts: ListCandidatesParts) =>
  listCandidatesFor(request, readLoadChoices(own), parts);

const parts = (changes: Partial<ListCandidatesParts> = {}): ListCandidatesParts => ({
  settings: { downgrade: true, floor: 'Q4_0', minFreeBytes: undefined, unknownModels: 'refuse' },
  offers: [],
  recommend: () => 'Q4_K_M',
  heldMinFree: { minFreeBytes: 0 },
  processBytes: 0,
  ...changes,
});

const ask = (quantization?: unknown, own: LoadGuardOptions = {}, changes: Partial<ListCandidatesParts> = {}) =>
  listCandidates({ name: 'qwen2audio', quantization }, own, parts(changes));

const steps = (found: ReturnType<typeof ask>) => found.candidates.map(({ quantization }) => quantization);
const reserves = (found: ReturnType<typeof ask>) => found.candidates.map(({ minFreeBytes }) => minFreeBytes / MiB);

describe('a known model', () => {
  it.each([
    ['Q5_K_M', ['Q5_K_M', 'Q4_K_M', 'Q4_0']],
    ['Q4_K_M', ['Q4_K_M', 'Q4_0']],
    ['Q4_0', ['Q4_0']],
  ])('asked for in %s may come in %j', (quantization, expected) => {
    const found = ask(quantization);
    expect(found).toMatchObject({ model: 'qwen2audio', askedQuantization: quantization, downgrade: true });
    expect(steps(found)).toEqual(expected);
  });

  it('begins with the recommendation if none is asked for, and does not ask for one otherwise', () => {
    expect(steps(ask(undefined, {}, { recommend: () => 'Q5_K_M' }))[0]).toBe('Q5_K_M');
    const recommend = () => {
      throw new Error('must not be asked');
    };
    expect(steps(ask('Q4_0', {}, { recommend }))).toEqual(['Q4_0']);
    expect(() => ask(undefined, {}, { recommend })).toThrow('must not be asked');
  });

  it('needs what the table says, all of it anonymous', () => {
    expect(ask('Q5_K_M').candidates.map(({ need }) => need)).toEqual([
      { mappedBytes: 0, anonymousBytes: Math.ceil(4.8 * GiB), basis: 'table' },
      { mappedBytes: 0, anonymousBytes: Math.ceil(4.2 * GiB), basis: 'table' },
      { mappedBytes: 0, anonymousBytes: Math.ceil(3.8 * GiB), basis: 'table' },
    ]);
  });

  it('needs what the caller says instead, per quantization or for all', () => {
    const footprint = (quantization: string | undefined) =>
      quantization === 'Q4_0' ? 1 : { mappedBytes: 2, anonymousBytes: 3 };
    expect(ask('Q4_K_M', { footprint }).candidates.map(({ need }) => need)).toEqual([
      { mappedBytes: 2, anonymousBytes: 3, basis: 'given' },
      { mappedBytes: 0, anonymousBytes: 1, basis: 'given' },
    ]);
    expect(ask('Q4_0', { footprint: 0 }).candidates[0]?.need).toEqual({
      mappedBytes: 0,
      anonymousBytes: 0,
      basis: 'given',
    });
  });

  it('is refused with a footprint function that gives no bytes, or throws', () => {
    const bad = () => ask('Q4_0', { footprint: () => -1 });
    expect(bad).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    const error = new Error('mine');
    const thrower = () => {
      throw error;
    };
    expect(() => ask('Q4_0', { footprint: thrower })).toThrow(error);
  });

  it('keeps its own bytes free, the guard option, or what a loaded model asks, whichever counts', () => {
    expect(reserves(ask('Q5_K_M'))).toEqual([768, 512, 512]);
    expect(reserves(ask('Q5_K_M', {}, { settings: { ...parts().settings, minFreeBytes: 64 * MiB } }))).toEqual([
      64, 64, 64,
    ]);
    expect(reserves(ask('Q5_K_M', {}, { heldMinFree: { minFreeBytes: 600 * MiB } }))).toEqual([768, 600, 600]);
  });

  it('in a quantization that nobody knows is refused', () => {
    for (const quantization of ['Q8_0', '', null, 4]) {
      expect(() => ask(quantization)).toThrow(expect.objectContaining({ code: 'ERR_UNKNOWN_QUANTIZATION' }));
    }
  });
});

describe('downgrading', () => {
  const noDowngrade = { settings: { ...parts().settings, downgrade: false } };
  it.each([
    ['is on by default', {}, {}, true],
    ['may be off for the guard', {}, noDowngrade, false],
    ['may be off for one load', { downgrade: false }, {}, false],
    ['may be on for one load', { downgrade: true }, noDowngrade, true],
    ['is off if the load is forced', { force: true, downgrade: true }, {}, false],
  ])('%s', (_name, own, changes, expected) => {
    expect(ask('Q5_K_M', own, changes).downgrade).toBe(expected);
  });
});

describe('any other model', () => {
  const other = (own: LoadGuardOptions, changes: Partial<ListCandidatesParts> = {}) =>
    listCandidates({ name: './other.gguf', quantization: 'Q8_0' }, own, parts(changes));

  it('is loaded as it is, with the footprint that the caller gives', () => {
    const found = other({ footprint: 7 });
    expect(found).toEqual({
      model: './other.gguf',
      candidates: [
        { need: { mappedBytes: 0, anonymousBytes: 7, basis: 'given' }, minFreeBytes: 0, minFreeByTotal: true },
      ],
      downgrade: true,
    });
    expect(
      other({ footprint: (quantization) => (quantization === undefined ? 8 : 9) }).candidates[0]?.need.anonymousBytes,
    ).toBe(8);
    const [beside] = other({ footprint: 7 }, { heldMinFree: { minFreeBytes: 768 * MiB } }).candidates;
    expect(beside).toMatchObject({ minFreeBytes: 768 * MiB, minFreeByTotal: true });
  });

  it('has no row in the documented table, whatever its quantization', () => {
    expect(ask('Q5_K_M').candidates.every(({ documented }) => documented)).toBe(true);
    expect(ask('Q5_K_M').candidates.some(({ minFreeByTotal }) => minFreeByTotal)).toBe(false);
    const found = listCandidates({ name: './other.gguf', quantization: 'Q5_K_M' }, { footprint: 7 }, parts());
    expect(found.candidates[0]).toMatchObject({ minFreeBytes: 0, minFreeByTotal: true });
    expect(found.candidates[0]).not.toHaveProperty('documented');
  });

  it('is refused without one', () => {
    expect(() => other({})).toThrow(
      expect.objectContaining({
        code: 'ERR_UNKNOWN_MODEL',
        message: expect.stringContaining("got './other.gguf' (string)"),
      }),
    );
  });
});

describe('a model whose files were read', () => {
  /** 1 GiB mapped, 1 MiB of anonymous memory for each token, half of it with a quantized cache. */
  const offer = (quantization: LadderStep | undefined, mappedGiB = 1, fileType?: number): EstimatedOffer => ({
    ...(quantization && { quantization }),
    modelPath: 'm.gguf',
    estimator: {
      fileType,
      shards: [{ device: 0xfe00, inode: 7, sizeBytes: mappedGiB * GiB, mtimeMs: 0 }],
      files: [],
      haveFilesChanged: () => false,
      ask: async () => {},
      estimate: ({ contextSize = 0, kvCacheType }) =>
        ({
          mappedBytes: mappedGiB * GiB,
          weightsBytes: mappedGiB * GiB,
          kvCacheBytes: (contextSize * MiB) / (kvCacheType === 'q8_0' ? 2 : 1),
          computeBytes: 0,
          outputBytes: 0,
          projectorBytes: 0,
          projectorComputeBytes: 0,
          audioBytes: 0,
          imageBytes: 0,
          runtimeBytes: 0,
          laterBytes: 0,
          readOnceBytes: 0,
          lockedBytes: 0,
          basis: 'gguf',
          notes: quantization ? [] : ['bounded'],
        }) as unknown as Footprint,
    },
  });
  const offers = [offer('Q5_K_M'), offer('Q4_0')];
  const shaped = (shape: RequestedShape, quantization?: unknown, own: LoadGuardOptions = {}) =>
    listCandidates({ name: 'qwen2audio', quantization, shape }, own, parts({ offers }));

  it('is asked for with what they need, in the quantizations that are there', () => {
    const found = ask('Q5_K_M', {}, { offers });
    expect(steps(found)).toEqual(['Q5_K_M', 'Q4_0']);
    expect(found.candidates[0]).toMatchObject({
      contextSize: 4096,
      need: { mappedBytes: GiB, anonymousBytes: 4096 * MiB, basis: 'gguf', files: [{ key: 'fe:00 7', bytes: GiB }] },
      smaller: { leastContextSize: 2048 },
    });
  });

  it('starts from the nearest quantization if the recommended one is not there', () => {
    expect(ask(undefined, {}, { offers }).askedQuantization).toBe('Q4_0');
    expect(ask(undefined, {}, { offers: [offer('Q5_K_M')] }).askedQuantization).toBe('Q5_K_M');
    expect(ask(undefined, {}, { offers, recommend: () => 'Q5_K_M' }).askedQuantization).toBe('Q5_K_M');
  });

  it('has one for each cache type in order without a ladder too', () => {
    const shape = { contextSize: 1000, kvCacheType: ['f16', 'q8_0'] };
    const found = listCandidates({ name: './other.gguf', shape }, {} as never, parts({ offers: [offer(undefined)] }));
    expect(found.candidates.map(({ kvCacheType, need }) => [kvCacheType, need.anonymousBytes / MiB])).toEqual([
      ['f16', 1000],
      ['q8_0', 500],
    ]);
  });

  it("is judged by the caller's own numbers if there are any", () => {
    const found = shaped({}, 'Q4_0', { footprint: 5 });
    expect(found.candidates[0]?.need).toEqual({ mappedBytes: 0, anonymousBytes: 5, basis: 'given' });
  });

  it('keeps an asked quantization that is not there first, for the SDK to refuse', () => {
    const found = ask('Q4_K_M', {}, { offers });
    expect(steps(found)).toEqual(['Q4_K_M', 'Q4_0']);
    expect(found.candidates[0]?.need.basis).toBe('table');
  });

  it('may come in any type that llama.cpp has, down to the floor', () => {
    const all = LADDER.map((step) => offer(step));
    const floored = (floor: LadderStep, quantization?: string, own: LoadGuardOptions = {}) =>
      steps(
        listCandidates({ name: './m.gguf', quantization }, own, {
          ...parts({ offers: all }),
          settings: { ...parts().settings, floor },
        }),
      );
    expect(floored('Q4_0', 'Q8_0')).toEqual(LADDER.slice(LADDER.indexOf('Q8_0'), LADDER.indexOf('Q4_0') + 1));
    expect(floored('Q1_0', 'F32')).toEqual(LADDER);
    expect(floored('Q4_0', 'Q4_1', { floor: 'Q3_K_M' })).toEqual(['Q4_1', 'Q4_0', 'Q3_K_L', 'Q3_K_M']);
    expect(floored('Q4_0', 'Q2_K')).toEqual(['Q2_K']);
  });

  it('begins with the best that is there if it is not a known one', () => {
    const found = listCandidates({ name: 'a/b' }, {}, parts({ offers: [offer('Q8_0'), offer('Q4_0')] }));
    expect(found.askedQuantization).toBe('Q8_0');
    expect(steps(found)).toEqual(['Q8_0', 'Q4_0']);
    const known = ask(undefined, {}, { offers: [offer('Q8_0'), offer('Q6_K'), offer('Q4_0')] });
    expect(steps(known)).toEqual(['Q4_0']);
  });

  it('begins no lower than the floor, whatever is recommended', () => {
    const settings = { ...parts().settings, floor: 'Q5_K_M' } as const;
    expect(steps(ask(undefined, {}, { settings, recommend: () => 'Q4_0' }))).toEqual(['Q5_K_M']);
    expect(steps(ask(undefined, {}, { settings, offers: [offer('Q6_K'), ...offers] }))).toEqual(['Q5_K_M']);
  });

  it('is refused if it is asked for in a type that no file has', () => {
    expect(() => ask('Q6_K', {}, { offers })).toThrow(
      expect.objectContaining({
        code: 'ERR_MODEL_FILE',
        message: 'Expected a file of qwen2audio in Q6_K, found only Q5_K_M and Q4_0.',
      }),
    );
  });

  it('is refused if it is asked for without a file in a type that the table has no row for', () => {
    expect(() => ask('Q8_0')).toThrow(
      expect.objectContaining({
        code: 'ERR_UNKNOWN_QUANTIZATION',
        message: expect.stringContaining('one of Q5_K_M, Q4_K_M, Q4_0'),
      }),
    );
    expect(steps(ask('Q8_0', { footprint: 5 }))).toEqual(['Q8_0', 'Q5_K_M', 'Q4_K_M', 'Q4_0']);
  });

  it('has the quantization that its header says if its name says none', () => {
    const unnamed = (fileType: number | undefined, shape: RequestedShape = {}) =>
      listCandidates({ name: './m.gguf', shape }, {}, parts({ offers: [offer(undefined, 1, fileType)] }));
    expect(unnamed(17)).toMatchObject({
      askedQuantization: 'Q5_K_M',
      candidates: [{ quantization: 'Q5_K_M', unnamed: true, minFreeByTotal: true }],
    });
    // Below the floor: the caller gave its very path.
    expect(steps(unnamed(10))).toEqual(['Q2_K']);
    for (const none of [unnamed(undefined), unnamed(33), unnamed(17, { part: 'context' })]) {
      expect(none.askedQuantization).toBeUndefined();
      expect(none.candidates[0]).not.toHaveProperty('unnamed');
    }
  });

  it('and is on no ladder is loaded as it is, with what is only bounded said', () => {
    const found = listCandidates({ name: './m.gguf' }, {}, parts({ offers: [offer(undefined, 3)] }));
    expect(found.askedQuantization).toBeUndefined();
    expect(found.candidates).toHaveLength(1);
    expect(found.candidates[0]).toMatchObject({ need: { mappedBytes: 3 * GiB }, notes: ['bounded'] });
  });
});

describe('a model that nobody knows', () => {
  it('is refused, or admitted if the user chose so', () => {
    const unknown = (changes: Partial<ListCandidatesParts>) => () =>
      listCandidates({ name: 'other' }, {}, parts(changes));
    expect(unknown({})).toThrow(expect.objectContaining({ code: 'ERR_UNKNOWN_MODEL' }));
    const found = unknown({ settings: { ...parts().settings, unknownModels: 'admit' } })();
    expect(found.candidates[0]?.need).toEqual({ mappedBytes: 0, anonymousBytes: 0, basis: 'unknown' });
  });
});
