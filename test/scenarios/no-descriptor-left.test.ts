/** A process that has no descriptor left for a moment: what it could not do then, it does afterwards. Real files and a real limit. Needs `dist/`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { runProgram } from '../support/run-program.ts';
import { makeTinyModels } from '../support/tiny-models.ts';

/** Opens descriptors until none is left, runs `body` with `attempt`, and closes them. */
const PROGRAM = (body: string) => `
  import { closeSync, openSync, readdirSync } from 'node:fs';
  const results = [];
  const attempt = async (act) => {
    try {
      results.push(await act());
    } catch (error) {
      results.push(error.code);
    }
  };
  const held = [];
  ${body}
  console.log(JSON.stringify(results));`;

const FILL = `
  try {
    for (;;) held.push(openSync('/dev/null'));
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
  }`;
const FREE = 'for (const descriptor of held.splice(0)) closeSync(descriptor);';

async function run(body: string): Promise<unknown> {
  const { code, stdout, stderr } = await runProgram(PROGRAM(body), { descriptors: 64 });
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

it.runIf(process.platform === 'linux')(
  'refuses a load of a file with a code, holds nothing, and loads it afterwards',
  async () => {
    const files = makeTinyModels();
    onTestFinished(() => files.remove());
    const load = `attempt(async () => {
    const model = await nexa.loadModel(${JSON.stringify(files.model())});
    const { basis } = nexa.guard.models()[0].need;
    await model.dispose();
    return basis;
  })`;
    expect(
      await run(`
      const sdk = { loadModel: async () => ({ dispose() {} }) };
      const nexa = door.withMemoryGuard(sdk, { minFreeRatioAfterLoad: 0, ledger: 'process' });
      ${FILL}
      await ${load};
      results.push(nexa.guard.models().length, nexa.guard.ledger.entries().length);
      ${FREE}
      await ${load};
      nexa.guard.close();`),
    ).toEqual(['ERR_MODEL_FILE', 0, 0, expect.stringMatching(/^(gguf|measured)$/)]);
  },
);

it.runIf(process.platform === 'linux')(
  'refuses a load of NexaSDK with a code, and loads by the name afterwards',
  async () => {
    const files = makeTinyModels();
    onTestFinished(() => files.remove());
    const load = `attempt(async () => {
    const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    await model.dispose();
    return model.quantization;
  })`;
    expect(
      await run(`
      const nexa = await door.NexaSDK.initialize({ runtime: 'llama', modelsDir: ${JSON.stringify(files.folder)} });
      ${FILL}
      await ${load};
      ${FREE}
      await ${load};
      await nexa.dispose();`),
    ).toEqual([expect.stringMatching(/^ERR_(UNKNOWN_MODEL|MODEL_FILE|RUNTIME)$/), 'Q4_0']);
  },
);

it.runIf(process.platform === 'linux' && loadAddon() !== undefined)(
  'finds the addon afterwards, and with it the other processes',
  async () => {
    const directory = join(mkdtempSync(join(tmpdir(), 'nexa-no-descriptor-')), 'ledger');
    onTestFinished(() => rmSync(join(directory, '..'), { recursive: true, force: true }));
    expect(
      await run(`
      ${FILL}
      await attempt(() => door.readMemory().source);
      ${FREE}
      await attempt(() => door.readMemory().source);
      const nexa = door.withMemoryGuard({ loadModel() {} }, { ledger: { directory: ${JSON.stringify(directory)} } });
      results.push(nexa.guard.ledger.kind, (await door.machineReport()).addon);
      nexa.guard.close();`),
    ).toEqual(['ERR_SENSOR', 'native', 'shared', 'loaded']);
  },
);

it.runIf(process.platform === 'linux')(
  'says that descriptors are lacking, and not that something is wrong with a file',
  async () => {
    const files = makeTinyModels();
    onTestFinished(() => files.remove());
    const attempt = (act: string) => `attempt(() => ${act}.catch((error) => error.message))`;
    const said = (await run(`
      const guard = door.createMemoryGuard({ ledger: 'process', calibration: 'off' });
      ${FILL}
      await ${attempt(`guard.load({ modelPath: ${JSON.stringify(files.model())} }, () => ({}))`)};
      await ${attempt("guard.load({ name: 'm', footprint: 1 }, () => ({}))")};
      ${FREE}
      guard.close();`)) as string[];
    for (const message of said)
      expect(message).toMatch(/EMFILE\)?; close files that are open, or raise .*`ulimit -n`\)\.$/);
    expect(said).toHaveLength(2);
  },
);

it.runIf(process.platform === 'linux')('runs a call whose memory is watched, and gives what it gave', async () => {
  expect(
    await run(`
      const guard = door.createMemoryGuard({ minFreeRatioAfterLoad: 0, ledger: 'process', calibration: 'off' });
      const measureCall = () => ({ elements: 4, inputBytes: 16, outputBytes: 16 });
      const sdk = guard.wrap({ loadModel: async () => ({ run: async () => 'answer', dispose() {} }) }, { measureCall });
      const model = await sdk.loadModel('m', { memoryGuard: { footprint: '8 MiB' } });
      ${FILL}
      await attempt(() => model.run());
      closeSync(held.pop());
      await attempt(() => model.run());
      ${FREE}
      await attempt(() => model.run());
      await model.dispose();
      guard.close();`),
  ).toEqual(['answer', 'answer', 'answer']);
});
