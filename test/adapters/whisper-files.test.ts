import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { listFileOffers, readFileStep } from '../../src/adapters/quantization-ladder.ts';
import { listWhisperOffers, readWhisperStep } from '../../src/adapters/whisper-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'nexa-whisper-files-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
for (const name of [
  'ggml-base.bin',
  'ggml-base-q8_0.bin',
  'ggml-base-q5_1.bin',
  'ggml-base.en.bin',
  'ggml-base.en-q5_1.bin',
  'ggml-large-v3-turbo-q5_0.bin',
  'for-tests.txt',
])
  writeFileSync(at(name), '');

it('the files of one model lie beside each other, the best first', async () => {
  const offers = await listWhisperOffers(at('ggml-base-q8_0.bin'));
  expect(offers).toEqual([
    { quantization: 'F16', modelPath: at('ggml-base.bin'), format: 'whisper' },
    { quantization: 'Q8_0', modelPath: at('ggml-base-q8_0.bin'), format: 'whisper' },
    { quantization: 'Q5_1', modelPath: at('ggml-base-q5_1.bin'), format: 'whisper' },
  ]);
  expect((await listWhisperOffers(at('ggml-base.en.bin'))).map(({ quantization }) => quantization)).toEqual([
    'F16',
    'Q5_1',
  ]);
});

it('a file alone, and one in a folder that is not there, is all there is', async () => {
  for (const name of ['ggml-large-v3-turbo-q5_0.bin', 'missing/ggml-base.bin', 'model'])
    expect(await listWhisperOffers(at(name))).toEqual([{ modelPath: at(name), format: 'whisper' }]);
});

it('the step is in the name, and the published name without one is F16', () => {
  const names = ['ggml-base.bin', 'ggml-base.en-q5_1.bin', 'ggml-small-q4_k.bin', 'model.gguf'];
  expect(names.map(readWhisperStep)).toEqual(['F16', 'Q5_1', 'Q4_K_M', undefined]);
});

it('a call of the program’s own goes by the ending of its file', async () => {
  expect([readFileStep('a-q5_1.bin'), readFileStep('a-Q5_K_M.gguf')]).toEqual(['Q5_1', 'Q5_K_M']);
  expect(await listFileOffers(at('ggml-base.en.bin'))).toHaveLength(2);
  expect(await listFileOffers(at('plain.gguf'))).toEqual([{ modelPath: at('plain.gguf') }]);
});
