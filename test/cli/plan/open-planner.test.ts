import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { NO_RUNTIME, openPlanner, TOLD_SHAPES } from '../../../src/cli/plan/open-planner.ts';
import { GiB, MemoryGuardError, NexaSDK } from '../../../src/index.ts';
import { CANT_ASK } from '../../support/real-engines.ts';
import { makeTinyModels, type TinyModels } from '../../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

const MACHINE = { sensor: () => ({ totalBytes: 8 * GiB, availableBytes: 8 * GiB }) };

async function planWith(model: string, modelsDir?: string) {
  const planner = await openPlanner(model, modelsDir, MACHINE);
  onTestFinished(() => planner.close());
  return (await planner.guard.plan(model)).candidates[0]?.need.basis;
}

describe('a planner', () => {
  it('reads the files of a model', async () => {
    expect(await planWith('qwen2audio', files.folder)).toBe(CANT_ASK === undefined ? 'engine' : 'gguf');
    expect(await planWith(files.model('Q4_0'))).toBe(CANT_ASK === undefined ? 'engine' : 'gguf');
  });

  it('knows a model without files from its published shape', async () => {
    expect(await planWith('qwen2audio')).toBe('shape');
    const args = ['qwen2audio'];
    expect(TOLD_SHAPES.withShape(args)).toBe(args);
  });

  it.each([
    ['a folder without its files', 'qwen2audio', '/nowhere', 'ERR_UNKNOWN_MODEL'],
    ['a path to no file', '/nowhere/model.gguf', undefined, 'ERR_MODEL_FILE'],
    ['a repository that no folder has', 'nobody/qwen2audio', undefined, 'ERR_UNKNOWN_MODEL'],
    ['a name that nobody knows', 'nobody', undefined, 'ERR_UNKNOWN_MODEL'],
  ])('does not take the shape for %s', async (_what, model, modelsDir, code) => {
    await expect(openPlanner(model, modelsDir, MACHINE)).rejects.toMatchObject({ code });
  });

  it('does not take a machine that can’t be read for a model that nobody knows', async () => {
    const sensor = () => {
      throw new Error('no machine');
    };
    await expect(openPlanner('qwen2audio', undefined, { sensor })).rejects.toMatchObject({ code: 'ERR_SENSOR' });
  });

  it('needs no runtime, but no other error of opening one is hidden', async () => {
    const opened = vi.spyOn(NexaSDK, 'initialize');
    onTestFinished(() => opened.mockRestore());
    opened.mockRejectedValue(new MemoryGuardError('ERR_RUNTIME_NOT_FOUND', 'It is not installed.'));
    expect(await planWith('qwen2audio', files.folder)).toBe(CANT_ASK === undefined ? 'engine' : 'gguf');
    opened.mockRejectedValue(new MemoryGuardError('ERR_RUNTIME_ABI', 'It is another version.'));
    await expect(openPlanner('qwen2audio', files.folder, MACHINE)).rejects.toMatchObject({ code: 'ERR_RUNTIME_ABI' });
    await expect(NO_RUNTIME.load()).rejects.toThrow(/nothing is loaded/);
  });
});
