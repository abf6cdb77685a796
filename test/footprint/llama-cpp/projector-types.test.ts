/** The rows of projectors. */
import { expect, it } from 'vitest';
import { findProjectorType, isKnownType, PROJECTOR_TYPES } from '../../../src/footprint/llama-cpp/projector-types.ts';
import { readProjectorRecipes } from '../../../tools/projector-file.mjs';
import { getFixture } from '../../support/fixtures.ts';
import { getProjectorType, transcripts } from '../../support/model-headers.ts';

it('types are compared if loads of them were recorded and exact, and once in the table', () => {
  const recorded = new Set(transcripts().map(({ projector }) => projector && getProjectorType(projector)));
  const compared = PROJECTOR_TYPES.filter((each) => each.compared).map(({ name }) => name);
  expect(compared.filter((name) => !recorded.has(name))).toEqual([]);
  const names = PROJECTOR_TYPES.map(({ name }) => name);
  expect(names.length).toBe(new Set(names).size);
});

it('types have a row if a file of them is kept', () => {
  const kept = readProjectorRecipes(getFixture('projectors.jsonl')).map(({ keys }) => {
    const type = keys.find(([key]) => String(key) === 'clip.projector_type')?.[2];
    return String(type);
  });
  expect(kept.filter((name) => !PROJECTOR_TYPES.some((each) => each.name === name))).toEqual([]);
});

it('a type that nobody knows takes images of any size, and the most of all', () => {
  const unknown = findProjectorType('newer');
  expect(unknown).toMatchObject({ name: 'newer', compared: false });
  expect(unknown.tokensPerSide * unknown.merge).toBe(92);
  expect(unknown.graphFactor).toBe(Math.max(...PROJECTOR_TYPES.map(({ graphFactor }) => graphFactor)));
  expect([isKnownType(unknown), isKnownType(findProjectorType('mlp'))]).toEqual([false, true]);
  expect(findProjectorType('idefics3')).toMatchObject({ compared: true, tokensPerSide: 0 });
});
