/** Estimates against what the real engine printed for each architecture, then and now. */
import { existsSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { estimateFootprint } from '../../src/estimate-footprint.ts';
import { SMALL } from '../../tools/architectures.mjs';
import { measureEngineLoad, sumBuffersMiB } from '../../tools/engine-load.mjs';
import { createEngineOptions } from '../../tools/transcripts.mjs';
import { getProjectorType, makeModels, predicted, type Transcript, transcripts } from '../support/model-headers.ts';

const models = makeModels();
afterAll(() => models.remove());

/** The engine rounds each line to 0.01 MiB, and some sums have two lines. */
const ROUNDING_MIB = 0.0101;

describe('what the engine printed', () => {
  const all = transcripts();

  it('is there for 148 loads', () => {
    expect(all).toHaveLength(148);
  });

  it('is there for nine architectures and six projectors', () => {
    expect(new Set(all.map(({ shape }) => shape.architecture)).size).toBe(9);
    expect(new Set(all.map(({ projector }) => projector && getProjectorType(projector)))).toEqual(
      new Set([undefined, 'qwen2a', 'gemma3', 'idefics3', 'mlp', 'ultravox', 'voxtral']),
    );
  });

  for (const architecture of Object.keys(SMALL)) {
    const group = all.filter(({ shape }) => shape.architecture === architecture);
    it(`is what the estimate says, for ${architecture} in ${group.length} runs`, async () => {
      for (const transcript of group) await expectSaid(transcript, transcript.said);
    });
  }
});

describe.skipIf(!existsSync('/proc/self/status'))('what the engine prints now', () => {
  const wanted = ['qwen2', 'gemma3', 'qwen3moe', 'mamba'];
  for (const transcript of transcripts().filter(
    ({ shape, run, projector }) =>
      shape.vocab === 512 &&
      wanted.includes(shape.architecture ?? '') &&
      (run.sequences ?? 1) === 1 &&
      (projector === undefined || projector.width === 64 || projector.width === 384),
  )) {
    const { shape, run, projector } = transcript;
    it(`is what the estimate says, for ${shape.architecture} with ${JSON.stringify({ ...run, projector })}`, async () => {
      const path = projector ? models.projector(projector) : '';
      const options = { model: models.model(shape), ...createEngineOptions(run) };
      const { lines, measured, text } = await measureEngineLoad(options, path);
      expect(measured, text.slice(-500)).toBeDefined();
      await expectSaid(transcript, lines);
    });
  }
});

async function expectSaid({ shape, projector, run }: Transcript, lines: readonly string[]): Promise<void> {
  const footprint = await estimateFootprint({
    modelPath: models.model(shape),
    ...(projector && { projectorPath: models.projector(projector) }),
    ...run,
    repack: false,
  });
  const { kvCache, state, ...said } = sumBuffersMiB(lines);
  const estimated = predicted(footprint);
  const bounded = projector !== undefined && getProjectorType(projector) === 'mlp';
  for (const [part, mib] of Object.entries({ ...said, cache: kvCache + state })) {
    if (bounded && part === 'projectorCompute') {
      expect(estimated[part]).toBeGreaterThanOrEqual(mib);
      continue;
    }
    const difference = Math.abs((estimated[part] as number) - mib);
    expect(difference, `${part} of ${JSON.stringify({ shape, run })}: ${estimated[part]}, not ${mib}`).toBeLessThan(
      ROUNDING_MIB,
    );
  }
  expect(footprint.upperBound).toBe(bounded);
}
