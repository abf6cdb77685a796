/** The rows of architectures: each was compared, each trait counts, and no other file names an architecture. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { ARCHITECTURES, type Architecture, findArchitecture } from '../../../src/footprint/llama-cpp/architectures.ts';
import { computeCacheSizes, sizeRun } from '../../../src/footprint/llama-cpp/cache-sizes.ts';
import { buildDecoderGraph } from '../../../src/footprint/llama-cpp/decoder-graph.ts';
import { computeGraphBytes } from '../../../src/footprint/llama-cpp/graph-allocator.ts';
import { readModelShape } from '../../../src/footprint/llama-cpp/model-shape.ts';
import { PROJECTOR_TYPES } from '../../../src/footprint/llama-cpp/projector-types.ts';
import { type GgufFile, readGguf } from '../../../src/gguf/read-gguf.ts';
import { makeModels, type Transcript, transcripts } from '../../support/model-headers.ts';

const models = makeModels();
afterAll(() => models.remove());

const FOOTPRINT = fileURLToPath(new URL('../../../src/footprint', import.meta.url));
/** The tiny model is of one architecture, by which engines are checked. */
const TABLES = [
  'engine/tiny-model.ts',
  'llama-cpp/architectures.ts',
  'llama-cpp/projector-types.ts',
  'published-shapes.ts',
];
const usual = findArchitecture('an architecture that nobody has');

/** The texts in a source that are the name of an architecture or of a projector; comments may name them. */
function findNames(source: string): string[] {
  const names = new Set([...ARCHITECTURES, ...PROJECTOR_TYPES].map(({ name }) => name));
  const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
  return [...code.matchAll(/(['"`])([\w-]+)\1/g)].map(([, , text]) => text!).filter((text) => names.has(text));
}

describe('the names of architectures and projectors', () => {
  it('are found in code, and not in a comment or in another text', () => {
    expect(findNames(`if (name === 'gemma3' || name === "mlp") {}`)).toEqual(['gemma3', 'mlp']);
    expect(findNames(`// as in 'gemma3'\n/** \`qwen2\` */ const path = 'gemma3.cpp';`)).toEqual([]);
  });

  it('stand in their tables and nowhere else in the estimate', () => {
    const files = readdirSync(FOOTPRINT, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    expect(files).toEqual(expect.arrayContaining([...TABLES, 'llama-cpp/decoder-graph.ts', 'footprint.ts']));
    const found = files.filter((file) => findNames(readFileSync(join(FOOTPRINT, file), 'utf8')).length > 0);
    expect(found.sort()).toEqual(TABLES);
  });
});

describe('an architecture', () => {
  it('has a row if loads of it were recorded, and no row otherwise', () => {
    const recorded = new Set(transcripts().map(({ shape }) => shape.architecture));
    expect(new Set(ARCHITECTURES.map(({ name }) => name))).toEqual(recorded);
    expect(ARCHITECTURES.every(({ compared }) => compared)).toBe(true);
  });

  it('that nobody knows is the usual decoder and not compared', () => {
    expect(usual).toMatchObject({ name: 'an architecture that nobody has', compared: false, slidingLayers: 'none' });
    expect(findArchitecture('llama')).toEqual({ ...usual, name: 'llama', compared: true });
  });

  const traits = ARCHITECTURES.flatMap((row) =>
    Object.keys(usual)
      .filter((key) => key !== 'name' && key !== 'compared')
      .map((key) => key as keyof Architecture)
      .filter((trait) => row[trait] !== usual[trait])
      .map((trait) => [row.name, trait] as const),
  );

  it.each(traits)(
    '%s has its trait %s, since a recorded load would be estimated differently without it',
    async (name, trait) => {
      const row = findArchitecture(name);
      const recorded = transcripts().filter(({ shape }) => shape.architecture === name);
      const differs = await Promise.all(
        recorded.map(async (transcript) => {
          const file = await readGguf(models.model(transcript.shape));
          return (
            computeSizes(file, row, transcript) !== computeSizes(file, { ...row, [trait]: usual[trait] }, transcript)
          );
        }),
      );
      expect(differs).toContain(true);
    },
  );
});

/** The bytes of graph and caches, or what makes them impossible. */
function computeSizes(file: GgufFile, architecture: Architecture, { run }: Transcript): string {
  const options = { contextSize: 2048, batchSize: 512, microBatchSize: 512, sequences: 1, ...run };
  const types = { keyType: 'f16', valueType: 'f16', fullSlidingCache: false, embeddings: false };
  try {
    const shape = readModelShape(file, architecture);
    const sized = sizeRun(shape, { ...options, ...types, flashAttention: run.flashAttention !== 'off' });
    return JSON.stringify([computeGraphBytes(buildDecoderGraph(shape, sized)), computeCacheSizes(shape, sized)]);
  } catch (error) {
    return String(error);
  }
}
