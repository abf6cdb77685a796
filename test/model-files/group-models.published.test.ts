/** The names of files as they are published, read and grouped: what each line of the fixture says was written by hand, not by the reader. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LADDER, type LadderStep } from '../../src/core/quantizations.ts';
import { findModelFolder, groupModels } from '../../src/model-files/group-models.ts';
import { type FoundFile, findModelFiles } from '../../src/model-files/model-folders.ts';
import { readModelName } from '../../src/model-files/model-name.ts';
import { findModel, resolveModel } from '../../src/model-files/resolve-model.ts';

interface Published {
  readonly repository: string;
  readonly file: string;
  /** The name with `*` where its quantization stands. */
  readonly name: string;
  /** Absent if llama.cpp has no such type, or the name says none. */
  readonly step?: LadderStep;
  readonly shard?: number;
  readonly projector?: boolean;
  /** `false` for importance matrices. */
  readonly model?: false;
}

const published: readonly Published[] = readFileSync(
  new URL('../fixtures/published-files.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const repositories = [...new Set(published.map(({ repository }) => repository))];
const filesOf = (repository: string) => published.filter((each) => each.repository === repository);

/** A model of a repository: its name, with the folder that holds all of its files. */
const modelOf = ({ file, name, step }: Published) =>
  join(
    findModelFolder({ path: `/${file}`, pattern: `${name}.gguf`.toLowerCase(), ...(step && { step }) }),
    name,
  ).toLowerCase();

/** The steps of each model of a repository, as the fixture says. */
function listLadders(repository: string): ReadonlyMap<string, readonly LadderStep[]> {
  const ladders = new Map<string, Set<LadderStep>>();
  for (const each of filesOf(repository)) {
    if (each.step === undefined || each.projector || (each.shard ?? 1) > 1) continue;
    const model = modelOf(each);
    ladders.set(model, (ladders.get(model) ?? new Set()).add(each.step));
  }
  return new Map([...ladders].map(([model, steps]) => [model, LADDER.filter((step) => steps.has(step))]));
}

describe('published files', () => {
  test('are many, of many publishers, in every type', () => {
    expect(published.length).toBeGreaterThan(500);
    expect(repositories.length).toBeGreaterThan(40);
    const missing = LADDER.filter((step) => !published.some((each) => each.step === step));
    expect(missing).toEqual([]);
  });

  test.each(published)('$repository/$file', ({ file, name, step, shard, projector = false, model }) => {
    const read = readModelName(file);
    if (model === false) return expect(read).toBeUndefined();
    const { pattern, ...rest } = read!;
    expect({ pattern, step: rest.step, shard: rest.shard, projector: rest.projector }).toEqual({
      pattern: `${name}.gguf`.toLowerCase(),
      step,
      shard,
      projector,
    });
  });

  test.each(repositories)('of %s are as many ladders as it has models', (repository) => {
    const files = filesOf(repository).flatMap(({ file }): readonly FoundFile[] => {
      const read = readModelName(file);
      return read && (read.shard ?? 1) === 1 ? [{ ...read, path: `/${file}` }] : [];
    });
    const groups = groupModels(files).map((group) => LADDER.filter((step) => group.some((each) => each.step === step)));
    const sorted = (ladders: Iterable<readonly LadderStep[]>) => [...ladders].map(String).sort();
    expect(sorted(groups)).toEqual(sorted(listLadders(repository).values()));
  });
});

describe('published files in a folder', () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'nexa-published-'));
    for (const { repository, file } of published) {
      const path = join(root, repository, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, '');
    }
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  test.each(repositories)('%s: each file has the ladder of its model', async (repository) => {
    const ladders = listLadders(repository);
    for (const each of filesOf(repository)) {
      if (each.step === undefined || each.projector || (each.shard ?? 1) > 1) continue;
      const { steps } = await findModel(join(root, repository, each.file));
      expect([each.file, [...steps.keys()]]).toEqual([each.file, ladders.get(modelOf(each))]);
      expect(steps.get(each.step)).toBe(join(root, repository, each.file));
    }
  });

  test.each([
    ['ggml-org/gpt-oss-120b-GGUF', 'gpt-oss-120b-MXFP4.gguf'],
    ['ggml-org/gemma-4-26B-A4B-it-GGUF', 'gemma-4-26B-A4B-it-Q4_K_M.gguf'],
    ['unsloth/gemma-4-E2B-it-qat-GGUF', 'gemma-4-E2B-it-qat-UD-Q4_K_XL.gguf'],
    ['NexaAI/Qwen2-Audio-7B-GGUF', 'qwen2-audio-7b-q4_K_M.gguf'],
    ['bartowski/google_gemma-4-31B-it-GGUF', 'google_gemma-4-31B-it-Q4_K_M.gguf'],
    ['Qwen/QwQ-32B-GGUF', 'qwq-32b-q4_k_m.gguf'],
  ])('%s means %s, and no draft beside it', async (repository, file) => {
    const found = await (await findModel(repository, { modelsDir: root })).resolve({});
    expect(found.modelPath).toBe(join(root, repository, file));
  });

  test.each(repositories)(
    '%s: what its name, or a file of it, and a quantization lead to is the file of the step',
    async (repository) => {
      const named = filesOf(repository).filter(({ step, projector, shard = 1 }) => step && !projector && shard === 1);
      const paths = [named.at(0), named.at(-1)].flatMap((each) => (each ? [join(root, repository, each.file)] : []));
      for (const name of named.length > 0 ? [...paths, repository] : []) {
        const { steps } = await findModel(name, { modelsDir: root });
        for (const [step, path] of steps) {
          const { quantization = step } = readModelName(path)!;
          const { modelPath } = await resolveModel(name, { modelsDir: root, quantization });
          expect([name, quantization, modelPath]).toEqual([name, quantization, path]);
        }
      }
    },
  );

  test('of a size are never steps of another size beside it', async () => {
    const together = mkdtempSync(join(tmpdir(), 'nexa-published-'));
    try {
      const small = ['unsloth/Qwen3-0.6B-GGUF', 'bartowski/gemma-2-9b-it-GGUF', 'microsoft/phi-4-gguf'];
      for (const { file } of small.flatMap(filesOf)) writeFileSync(join(together, file), '');
      const files = await findModelFiles(together);
      const expected = small.flatMap((repository) => [...listLadders(repository)]);
      expect(groupModels(files).length).toBe(expected.length);
    } finally {
      rmSync(together, { recursive: true, force: true });
    }
  });
});
