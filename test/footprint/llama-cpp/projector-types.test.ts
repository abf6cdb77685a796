/** The rows of projectors. */
import { describe, expect, it } from 'vitest';
import { findProjectorType, PROJECTOR_TYPES } from '../../../src/footprint/llama-cpp/projector-types.ts';
import { getProjectorType, transcripts } from '../../support/model-headers.ts';

describe('a projector', () => {
  it('is compared only if loads of it were recorded', () => {
    const recorded = new Set(
      transcripts().flatMap(({ projector }) => (projector ? [getProjectorType(projector)] : [])),
    );
    for (const { name } of PROJECTOR_TYPES.filter(({ compared }) => compared)) expect(recorded).toContain(name);
    // Loads of this one were recorded too, and the estimate is an upper bound of them.
    expect([...recorded].filter((name) => !findProjectorType(name).compared)).toEqual(['mlp']);
  });

  it('is in one row at the most', () => {
    const names = PROJECTOR_TYPES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('qwen2a');
  });

  it('that nobody knows is not compared and takes images of any size', () => {
    expect(findProjectorType('newer')).toEqual({ name: 'newer', compared: false, fixedImageSize: false });
  });
});
