/** What the Electron example does in its main process, under plain Node with the real node-llama-cpp. Electron itself is not run. */
import { readFileSync } from 'node:fs';
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Models, type Notice } from '../../examples/electron/models.mjs';
import { GiB, MiB, withMemoryGuard } from '../../src/index.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

async function start() {
  const machine = { totalBytes: 8 * GiB, availableBytes: 8 * GiB };
  const raw = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: 1 });
  const llama = withMemoryGuard(raw, { sensor: () => ({ ...machine }) });
  const notices: Notice[] = [];
  const models = new Models(llama as never, (notice) => void notices.push(notice));
  onTestFinished(() => models.close());
  return { machine, guard: llama.guard, notices, models };
}

const chunks = () => {
  const texts: string[] = [];
  return { texts, onText: (text: string) => void texts.push(text) };
};

describe('the models of the Electron example', () => {
  it('load for the first question, stream, and stay for the next', async () => {
    const { models, guard, notices } = await start();
    const { texts, onText } = chunks();
    expect((await models.ask(files.model('Q4_0'), 'Hi', onText)).length).toBeGreaterThan(0);
    expect(texts.length).toBeGreaterThan(0);
    await models.ask(files.model('Q4_0'), 'And you?', onText);
    expect(guard.models().map(({ contextOf }) => contextOf === undefined)).toEqual([true, false]);
    expect(notices.map(({ type }) => type)).toEqual(['admitted', 'admitted']);
    // What windows are sent must survive the way there.
    expect(structuredClone(notices)).toEqual(notices);
  });

  it('ask nothing while memory is critical, and tell why', async () => {
    const { models, machine, notices } = await start();
    await models.ask(files.model('Q4_0'), 'Hi', () => {});
    machine.availableBytes = 100 * MiB;
    await expect(models.ask(files.model('Q4_0'), 'Hi', () => {})).rejects.toThrow(/Memory is short/);
    machine.availableBytes = 8 * GiB;
    await models.ask(files.model('Q4_0'), 'Hi', () => {});
    expect(notices.length).toBeGreaterThanOrEqual(2);
  });

  it('keep nothing if the context is refused, and load at the next question', async () => {
    const { models, machine, guard, notices } = await start();
    const { need } = await guard.plan({ modelPath: files.model('Q4_0') });
    const weightsBytes = (need?.mappedBytes ?? 0) + (need?.anonymousBytes ?? 0);
    Object.assign(machine, { totalBytes: 1 * GiB, availableBytes: weightsBytes + 65 * MiB });
    await expect(models.ask(files.model('Q4_0'), 'Hi', () => {})).rejects.toMatchObject({
      code: 'ERR_INSUFFICIENT_MEMORY',
    });
    expect(guard.models()).toEqual([]);
    expect(notices.map(({ type }) => type)).toContain('refused');
    Object.assign(machine, { totalBytes: 8 * GiB, availableBytes: 8 * GiB });
    await models.ask(files.model('Q4_0'), 'Hi', () => {});
    expect(guard.models()).toHaveLength(2);
  });

  it('are asked over the channels that a window may use', () => {
    const [main, preload, page] = ['main.mjs', 'preload.cjs', 'index.html'].map((name) =>
      readFileSync(new URL(`../../examples/electron/${name}`, import.meta.url), 'utf8'),
    );
    const sent = [...(main?.matchAll(/tell\('(\w+)'/g) ?? [])].map(([, name]) => name).sort();
    const heard = [...(preload?.matchAll(/ipcRenderer\.on\('(\w+)'/g) ?? [])].map(([, name]) => name).sort();
    expect(sent).toEqual(heard);
    const handled = /ipcMain\.handle\('(\w+)'/.exec(main ?? '')?.[1];
    expect(preload).toContain(`ipcRenderer.invoke('${handled}'`);
    for (const name of ['ask', 'onText', 'onMemory'])
      expect([preload, page].every((text) => text?.includes(name))).toBe(true);
  });
});
