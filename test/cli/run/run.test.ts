/** `run` in this process, with real model files and the real engine. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { fakeIo } from '../../support/fake-io.ts';
import { runCommand, runCommandForJson } from '../../support/run-command.ts';
import { makeTinyModels, type TinyModels } from '../../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

describe('run', () => {
  const model = () => files.model('Q4_0');

  it('streams the answer to stdout and tells the rest on stderr', async () => {
    const { code, out, err } = await runCommand(`run ${model()} --prompt Hi --max-tokens 8 --seed 1 --context 512`);
    expect(code).toBe(0);
    expect(out).toMatch(/^[^\n]{1,60}\n$/);
    expect(err).toMatch(/Loading .* with 512 tokens of context/);
    expect(err).toMatch(
      /8 tokens in [\d.]+ m?s(, the first after [\d.]+ m?s)?, after a prompt of \d+; ended by: length\./,
    );
  });

  it('hears a file, by the name of a model in a folder, and tells all of it as JSON', async () => {
    const words = `run qwen2audio --models-dir ${files.folder} --quantization Q4_0 --audio ${files.tone} --max-tokens 4`;
    const { code, value } = await runCommandForJson(`${words} --temperature 0`);
    expect(code).toBe(0);
    expect(value).toMatchObject({
      model: { name: 'qwen2audio', quantization: 'Q4_0', modelPath: model() },
      result: { generatedTokens: 4, promptTokens: expect.any(Number), finishReason: 'length' },
      need: { mappedBytes: expect.any(Number) },
      said: expect.arrayContaining([expect.stringMatching(/^Loading/)]),
    });
    expect(value.result.promptTokens).toBeGreaterThan(25);
    expect(value.text).toHaveLength(4);
  });

  it('stops at Ctrl-C, disposes the model, and ends with 130', async () => {
    const io = fakeIo();
    const ending = runCommand(`run ${model()} --prompt Hi --max-tokens 400 --seed 1`, io);
    await vi.waitFor(() => expect(io.stdout.text.length).toBeGreaterThan(0), { timeout: 20_000 });
    io.interrupt();
    expect(io.interruptible()).toBe(0); // a second one ends the program at once
    const { code, err } = await ending;
    expect(code).toBe(130);
    expect(err).toMatch(/Stopping at the next token; once more to end at once\./);
  });

  it('is ended politely with 143', async () => {
    const io = fakeIo();
    const ending = runCommand(`run ${model()} --prompt Hi --max-tokens 400`, io);
    await vi.waitFor(() => expect(io.stdout.text.length).toBeGreaterThan(0), { timeout: 20_000 });
    io.interrupt('SIGTERM');
    expect((await ending).code).toBe(143);
  });

  it('passes on what the engine refuses, and leaves no listener behind', async () => {
    const io = fakeIo();
    const { code, err } = await runCommand(`run ${model()} --prompt Hi --context 2 --max-tokens 4`, io);
    expect(code).toBe(5);
    expect(err).toMatch(/ERR_CONTEXT_FULL: The prompt takes at least \d+ tokens, but the context has 2/);
    expect(io.interruptible()).toBe(0);
  });

  it('refuses what does not fit, with the numbers in its JSON, unless it is forced', async () => {
    const big = `run ${model()} --prompt Hi --max-tokens 2 --context 100000000 --wait 0.05`;
    const { code, value } = await runCommandForJson(big);
    expect(code).toBe(3);
    expect(value.error).toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY', shortfallBytes: expect.any(Number) });
    const forced = await runCommand(`run ${model()} --prompt Hi --max-tokens 2 --context 512 --force`);
    expect(forced.code).toBe(0);
  });

  it.each([
    ['--audio /nobody/speech.wav', /Expected `--audio` to be .* got "\/nobody\/speech\.wav": no file there\./],
    ['--audio package.json', /Expected `--audio` to be a WAV, MP3 or FLAC file, got .*package\.json": the first bytes/],
    ['--image package.json', /Expected `--image` to be PNG, JPEG, BMP or GIF files, got .*package\.json"/],
    ['--image /nobody/a.png', /Expected `--image` to be .*no file there\./],
  ])('refuses %s before anything is loaded, by the name of its flag', async (words, sentence) => {
    // No such model: whoever looked for it first would say so, with 4.
    const { code, err } = await runCommand(`run /nobody/model.gguf ${words}`);
    expect(code).toBe(2);
    expect(err).toMatch(sentence);
  });

  it('refuses a sound that is too long before anything is loaded', async () => {
    const { code, err } = await runCommand(
      `run /nobody/model.gguf --audio ${files.tone} --audio ${files.tone} --max-audio-seconds 1`,
    );
    expect(code).toBe(2);
    expect(err).toMatch(
      /Expected `--audio` to last 1 s at most in one text, got \d+ s; load the model with a larger `--max-audio-seconds`/,
    );
  });

  it('takes what must stay free from its own flag', async () => {
    const { code, value } = await runCommandForJson(`run ${model()} --prompt Hi --min-free 1000TiB`);
    expect(code).toBe(3);
    expect(value.error).toMatchObject({ reason: 'too-large', refusedBy: ['min-free'] });
  });

  it('ends with 5 where the runtime is not there', async () => {
    expect(await runCommand('run qwen2audio --prompt Hi --runtime nope')).toMatchObject({ code: 2 });
  });
});
