/** Engines as a guard asks them. Needs `npm run compile`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openEngines } from '../../src/machine/open-engines.ts';
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
