/** Small models with default options in groups of 512 MiB and 1 GiB, through each engine. Needs `dist/`. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { runNode } from '../support/run-program.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

const noControlGroups = whyNoControlGroups();
if (noControlGroups !== undefined) console.warn(`Small containers are not tried: ${noControlGroups}.`);

/** The files' sizes in Q4_0. The larger one is much like Qwen2.5 0.5B with fewer words. */
const SHAPES = {
  '35 MiB': { hidden: 512, layers: 8, heads: 8, ffn: 1536 },
  '240 MiB': { hidden: 1024, layers: 24, heads: 16, ffn: 4096 },
};

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
  for (const [size, shape] of Object.entries(SHAPES)) {
    const path = files.path(`chat ${size}.gguf`);
    writeLanguageModel(path, { ...shape, kvHeads: 2, vocab: 32_000, quantization: 'Q4_0', random: false });
  }
});
afterAll(() => files.remove());

const PROGRAM = fileURLToPath(new URL('../support/programs/small-container.mjs', import.meta.url));
const LIMITS = { '512 MiB': 512 * MiB, '1 GiB': 1024 * MiB };

const ROWS = ['NexaSDK', '@fugood/llama.node', 'node-llama-cpp'].flatMap((engine) =>
  (['512 MiB', '1 GiB'] as const).flatMap((limit) =>
    (['35 MiB', '240 MiB'] as const).map((size) => ({ engine, limit, size })),
  ),
);

describe.skipIf(noControlGroups !== undefined)('a small model in a small container', () => {
  it.each(ROWS)('$engine loads $size with default options in $limit', async ({ engine, limit, size }) => {
    const group = createControlGroup(LIMITS[limit]);
    const ended = await runNode([PROGRAM, engine, files.path(`chat ${size}.gguf`)], { group, timeoutMs: 60_000 });
    expect(ended, ended.stderr).toMatchObject({ code: 0, signal: null });
    const told = JSON.parse(ended.stdout.trim().split('\n').at(-1)!);
    // Weights, a context of 4096 tokens and a process for them leave 100 MiB of that one: less than twice what is to be kept free.
    const tight = engine === 'NexaSDK' && limit === '512 MiB' && size === '240 MiB';
    expect(told, ended.stdout).toMatchObject({ status: tight ? 'warning' : 'ok', minFreeBytes: 64 * MiB });
  });
});
