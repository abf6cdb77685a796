/** `plan` in this process, with real model files, the real ledger and the real engine. */
import { copyFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { MemoryGuardError, MiB, NexaSDK, withMemoryGuard } from '../../../src/index.ts';
import { describeChain, writeOnnx } from '../../../tools/onnx/write-onnx.mjs';
import { whisperShapes, writeWhisperModel } from '../../../tools/synthetic-whisper.mjs';
import { runCommand, runCommandForJson } from '../../support/run-command.ts';
import { makeTinyModels, type TinyModels } from '../../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

describe('plan', () => {
  it('shows every quantization with every context, what a load would take, and ends with 0 where it fits', async () => {
    const { code, out } = await runCommand(`plan qwen2audio --models-dir ${files.folder} --memory 8GiB`);
    expect(code).toBe(0);
    expect(out).toMatch(/quantization +2048 tokens +4096 tokens +8192 tokens/);
    for (const step of ['Q5_K_M', 'Q4_K_M', 'Q4_0']) {
      expect(out).toMatch(new RegExp(`^ {2}${step} +[\\d.]+ MiB fits +[\\d.]+ MiB fits +[\\d.]+ MiB fits$`, 'm'));
    }
    expect(out).toMatch(
      /^A load takes Q4_0 with 4096 tokens of context, which needs .* \((by its file's header|by the engine's own simulation)\), .* mapped from the file and .* beside it\.$/m,
    );
    expect(out).not.toMatch(/To load it/);
  });

  it('has no row for a quantization whose file is not there', async () => {
    const some = makeTinyModels();
    onTestFinished(() => some.remove());
    rmSync(some.model('Q4_K_M'));
    const { value } = await runCommandForJson(`plan qwen2audio --models-dir ${some.folder} --memory 8GiB`);
    expect(value.rows.map(({ quantization }: { quantization: string }) => quantization)).toEqual([
      'F32',
      'Q5_K_M',
      'Q4_0',
    ]);
  });

  it('says what is lacking and what would help where it is refused, and ends with 3', async () => {
    const { code, out } = await runCommand(`plan ${files.model('Q4_0')} --memory 80MiB --context 4096,65536`);
    expect(code).toBe(3);
    expect(out).toMatch(/^ {2}Q4_0 +[\d.]+ MiB lacks [\d.]+ MiB +[\d.]+ MiB lacks [\d.]+ MiB$/m);
    expect(out).toMatch(
      /^A load is refused: even Q4_0 with 4096 tokens of context needs [\d.]+ MiB .* doesn't fit in 80\.0 MiB\.$/m,
    );
    expect(out).toMatch(/^To load it, use a machine or container of [\d.]+ MiB at the least$/m);
  });

  it('tries a smaller context and a smaller cache before it gives up', async () => {
    const size = await runCommandForJson(`plan ${files.model('F32')} --memory 8GiB --context 8192`);
    const [{ cells }] = size.value.rows;
    const { mappedBytes, anonymousBytes } = cells[0].need;
    const tight = 64 * MiB + mappedBytes + anonymousBytes - 2 * MiB;
    const words = `plan ${files.model('F32')} --memory ${tight}B --context 8192 --floor F32`;
    const { code, value } = await runCommandForJson(words);
    expect(code).toBe(3);
    expect(value.help[0]).toMatch(/^take it with \d+ tokens of context$/);
    expect(value.help[1]).toMatch(/^take it with 8192 tokens of context and a cache of q8_0$/);
  });

  it('shows what lies below the floor as such, and names the best of it that would fit', async () => {
    const planOn = (memory: string) => `plan ${files.model('F32')} --memory ${memory} --context 256 --floor F32`;
    const { rows } = (await runCommandForJson(planOn('8GiB'))).value;
    const { mappedBytes, anonymousBytes } = rows.at(-1).cells[0].need;
    const words = planOn(`${64 * MiB + mappedBytes + anonymousBytes}B`);
    const { code, out } = await runCommand(words);
    expect(code).toBe(3);
    expect(out).toMatch(/^ {2}F32 +[\d.]+ MiB lacks/m);
    expect(out).toMatch(/^ {2}Q4_0, below the floor +[\d.]+ MiB fits$/m);
    expect(out).toMatch(/^ {2}or lower the floor to Q4_\w+, which fits$/m);
    const lower = await runCommand(words.replace('--floor F32', '--floor Q4_0'));
    expect(lower).toMatchObject({ code: 0, out: expect.not.stringContaining('below the floor') });
  });

  it('plans a file whose name says no quantization as the one that its header says', async () => {
    copyFileSync(files.model('Q4_K_M'), files.path('unnamed.gguf'));
    const { value } = await runCommandForJson(`plan ${files.path('unnamed.gguf')} --memory 8GiB`);
    expect(value.rows).toEqual([expect.objectContaining({ quantization: 'Q4_K_M' })]);
    expect(value.decision).toMatchObject({ verdict: 'admit', quantization: 'Q4_K_M' });
  });

  it('names who holds what is lacking', async () => {
    const sdk = { loadModel: async (_name: string, _options?: object) => ({ dispose() {} }) };
    const hold = withMemoryGuard(sdk, { minFreeBytes: 0, minFreeRatioAfterLoad: 0 });
    const { headroomBytes } = hold.guard.status();
    const sized = (share: number) => ({
      memoryGuard: { footprint: { mappedBytes: 0, anonymousBytes: Math.floor(headroomBytes * share) } },
    });
    const models = [await hold.loadModel('small', sized(0.01)), await hold.loadModel('qwen2audio', sized(0.9))];
    onTestFinished(() => {
      for (const model of models) model.dispose();
      hold.guard.close();
    });
    const { code, out } = await runCommand('plan qwen2audio --quantization Q5_K_M');
    expect(code).toBe(3);
    expect(out).toMatch(new RegExp(`unload qwen2audio of process ${process.pid} \\(`));
  });

  it('goes by the published shape where no file of a known model is there, and says so', async () => {
    const { value } = await runCommandForJson('plan qwen2audio --memory 16GiB');
    const needed = { quantization: 'Q4_K_M', contextSize: 4096, need: { basis: 'shape' } };
    expect(value).toMatchObject({ fromShape: true, contexts: [2048, 4096, 8192], decision: needed });
    expect((await runCommand('plan qwen2audio --memory 16GiB')).out).toMatch(/the needs of its published shape/);
  });

  it('refuses a known model without files, and says what the smallest needs at which context', async () => {
    const { code, out } = await runCommand('plan qwen2audio --memory 6GiB');
    expect(code).toBe(3);
    expect(out).toMatch(/^ {2}Q4_0 +6\.9 GiB lacks 2\.4 GiB +7\.9 GiB lacks 3\.4 GiB +9\.9 GiB lacks 5\.4 GiB$/m);
    expect(out).toMatch(
      /^A load is refused: even Q4_0 with 2048 tokens of context needs 6\.9 GiB \(by its published shape\); /m,
    );
    expect(out).toMatch(/^To load it, use a machine or container of 9\.2 GiB at the least$/m);
  });

  it('needs no runtime', async () => {
    const missing = new MemoryGuardError('ERR_RUNTIME_NOT_FOUND', 'It is not installed.');
    const opened = vi.spyOn(NexaSDK, 'initialize').mockRejectedValue(missing);
    onTestFinished(() => opened.mockRestore());
    const { code, out } = await runCommand(
      `plan qwen2audio --models-dir ${files.folder} --memory 8GiB --kv-cache-type q8_0`,
    );
    expect(code).toBe(0);
    expect(out).toMatch(/^A load takes Q4_0 with 4096 tokens of context and a cache of q8_0/m);
    expect(await runCommand(`run ${files.model()} --prompt Hi`)).toMatchObject({ code: 5, out: '' });
    opened.mockRejectedValue(new Error('a fault'));
    expect(await runCommand('plan qwen2audio')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/ERR_UNEXPECTED: a fault/),
    });
  });

  it('has no columns of tokens where a model has no context, or its need was given', async () => {
    const onnx = files.path('scores.onnx');
    writeOnnx(onnx, describeChain({ layers: 2, width: 64 }));
    const shown = await runCommand(`plan ${onnx} --memory 8GiB --context 512,1024`);
    expect(shown.out).toMatch(
      /^ {2}quantization +needs\n {2}the file +≤ [\d.]+ MiB fits\n\nA load takes the file, which/m,
    );
    const whisper = files.path('ggml-mini-q5_1.bin');
    writeWhisperModel(whisper, { ...whisperShapes.mini, type: 'Q5_1', random: false, quiet: true });
    const heard = await runCommand(`plan ${whisper} --memory 8GiB`);
    expect(heard.out).toMatch(/^ {2}Q5_1 +≤ [\d.]+ MiB fits\n\nA load takes Q5_1, which needs/m);
    const given = await runCommand('plan voice --footprint 3GiB --memory 2GiB');
    expect(given.out).toMatch(
      /^ {2}the model +3\.0 GiB lacks 1\.5 GiB\n\nA load is refused: the model needs 3\.0 GiB/m,
    );
    const { value } = await runCommandForJson('plan voice --footprint 3GiB --memory 8GiB');
    expect(value).toMatchObject({ contexts: [], rows: [{ cells: [{ need: { basis: 'given' } }] }] });
  });

  it('says why where a downgrade is planned', async () => {
    const { code, out } = await runCommand('plan qwen2audio --memory 11GiB --quantization Q5_K_M --context 4096');
    expect(code).toBe(0);
    expect(out).toMatch(
      /A load takes Q4_K_M with 4096 tokens of context, .*\. Q5_K_M with 4096 tokens of context does not fit; 2\.2 GiB would stay available to the system, where 2\.8 GiB must\./,
    );
    expect(out).toMatch(/^For the asked one, use a machine or container of/m);
  });

  it.each([
    ['plan /nowhere/model.gguf', 4, 'ERR_MODEL_FILE'],
    ['plan nobody', 4, 'ERR_UNKNOWN_MODEL'],
    ['plan qwen2audio --models-dir /nowhere', 4, 'ERR_UNKNOWN_MODEL'],
    ['plan qwen2audio --quantization Q9', 4, 'ERR_UNKNOWN_QUANTIZATION'],
  ])('`%s` ends with %i', async (words, code, name) => {
    expect(await runCommand(words)).toMatchObject({ code, out: '', err: expect.stringContaining(`${name}: `) });
    expect((await runCommandForJson(words)).value).toMatchObject({ error: { code: name } });
  });
});
