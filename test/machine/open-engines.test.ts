/** Engines as a guard asks them. Needs `npm run compile`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { EngineAnswer } from '../../src/footprint/engine/engine-question.ts';
import { openEngines } from '../../src/machine/open-engines.ts';
import { writeDraftModel } from '../support/draft-models.ts';
import { makeModels } from '../support/model-headers.ts';
import { CANT_ASK, findInstalledEngines } from '../support/real-engines.ts';

function open(hold: () => (() => void) | undefined = () => () => {}) {
  const directory = mkdtempSync(join(tmpdir(), 'nexa-engines-'));
  const models = makeModels();
  const told: string[] = [];
  const engines = openEngines({ directory, hold, tellProblem: (message) => told.push(message) });
  onTestFinished(() => {
    engines.close();
    models.remove();
    rmSync(directory, { recursive: true, force: true });
  });
  const modelPath = models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 });
  const question = { modelPath, values: { n_gpu_layers: 0 }, loraPaths: [], contexts: [] };
  return { engines, told, asked: { question, files: [], bytes: 1 } };
}

test.skipIf(CANT_ASK !== undefined)('an engine answers', async () => {
  const { engines, told, asked } = open();
  const { '@fugood/llama.node': files } = await findInstalledEngines();
  expect(await engines.of(files!).ask(asked)).toMatchObject({ weights: [{ name: 'CPU' }] });
  expect(told).toEqual([]);
});

test.skipIf(CANT_ASK !== undefined)('what was freed of one context is not counted for the next', async () => {
  const { engines, asked } = open();
  const { '@fugood/llama.node': files } = await findInstalledEngines();
  const folder = mkdtempSync(join(tmpdir(), 'nexa-engines-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const values = { n_batch: 512, n_ubatch: 512 };
  const contexts = [4096, 8192].map((tokens) => ({ values, leastTokens: tokens, mostTokens: tokens, stepTokens: 256 }));
  const question = { ...asked.question, modelPath: writeDraftModel(folder), contexts };
  const answer = (await engines.of(files!).ask({ ...asked, question })) as EngineAnswer;
  // 18.1 MiB each; with all that the C library keeps the first was told as 37, the second as 0.
  for (const [point] of answer.contexts) expect(Math.abs(point!.runtimeBytes / 2 ** 20 - 18.5)).toBeLessThan(2.5);
});

test('why it does not is told once for each reason, and given each time', async () => {
  const { engines, told, asked } = open();
  const missing = engines.of({ libraries: ['/no/such.so'] });
  const sentences = [await missing.ask(asked), await missing.ask(asked)];
  expect(sentences[0]).toMatch(/^The engine could not be asked what a load takes: .*ENOENT.*\.$/);
  expect(sentences[1]).toBe(sentences[0]);
  expect(told).toEqual([sentences[0]]);
});

test.skipIf(CANT_ASK !== undefined)('it is not asked without memory for that', async () => {
  const { engines, told, asked } = open(() => undefined);
  const { '@fugood/llama.node': files } = await findInstalledEngines();
  expect(await engines.of(files!).ask(asked)).toMatch(/there is not enough memory for a process that asks it/);
  expect(told).toHaveLength(1);
});
