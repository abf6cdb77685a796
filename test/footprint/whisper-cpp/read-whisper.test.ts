import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readWhisper } from '../../../src/footprint/whisper-cpp/read-whisper.ts';
import { createRandom } from '../../../tools/random.mjs';
import { encodeHeader, whisperShapes, writeWhisperModel } from '../../../tools/synthetic-whisper.mjs';

const NUMBERS_END = 48;
const TEXTS = NUMBERS_END + 8 + 80 * 201 * 4;

let folder: string;
let model: string;
let bytes: Buffer;
let tensors: number;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nexa-read-whisper-'));
  model = join(folder, 'ggml-mini.bin');
  writeWhisperModel(model, { quiet: true });
  bytes = readFileSync(model);
  tensors = encodeHeader({ ...whisperShapes.mini, type: 'F16', random: false, quiet: true }).length;
});
afterAll(() => rmSync(folder, { recursive: true }));

function change(edit: (copy: Buffer) => void): string {
  const copy = Buffer.from(bytes);
  edit(copy);
  const path = join(folder, 'changed.bin');
  writeFileSync(path, copy);
  return path;
}

describe('a model file of whisper.cpp', () => {
  it('tells its shape and the bytes of its texts', async () => {
    const { identity, type, textBytes, ...shape } = await readWhisper(model);
    expect(shape).toMatchObject({
      vocabulary: 51865,
      audioContext: 1500,
      width: 64,
      audioHeads: 2,
      audioLayers: 4,
      textContext: 64,
      textHeads: 2,
      textLayers: 2,
      mels: 80,
      fileType: 1,
    });
    expect(type.name).toBe('F16');
    expect(textBytes).toBeGreaterThan(50_257 * 3);
    expect(identity.sizeBytes).toBe(bytes.length);
  });

  it.each(['Q8_0', 'Q5_1', 'Q5_0', 'Q4_1', 'Q4_0', 'F32'] as const)('is read in %s', async (type) => {
    const path = join(folder, 'typed.bin');
    writeWhisperModel(path, { type, quiet: true });
    expect((await readWhisper(path)).type.name).toBe(type);
  });

  it.each<[string, (copy: Buffer) => void, RegExp]>([
    ['is a GGUF file', (copy) => copy.write('GGUF', 0), /found a GGUF file/],
    [
      'has no heads, over which the engine is ended by the system',
      (copy) => copy.writeInt32LE(0, 16),
      /heads of its enc/,
    ],
    [
      'has fewer tokens than the engine counts on',
      (copy) => copy.writeInt32LE(1000, 4),
      /number of tokens, found 1000/,
    ],
    ['has a decoder of another width', (copy) => copy.writeInt32LE(128, 28), /one width, found 64 and 128/],
    ['has heads that do not divide its width', (copy) => copy.writeInt32LE(3, 16), /found 64 and 3 heads/],
    ['has an unknown file type', (copy) => copy.writeInt32LE(6, 44), /the type 6/],
    [
      'has rows that no block fills',
      (copy) => copy.writeInt32LE(2012, 44),
      /whole blocks of 256 weights, found rows of 64/,
    ],
    [
      'has filters of another size, which the engine loads',
      (copy) => copy.writeInt32LE(512, 52),
      /80 × 201 numbers, found 80 × 512/,
    ],
    ['has more texts than tokens', (copy) => copy.writeUInt32LE(51_866, TEXTS), /no more texts than its 51865/],
    [
      'has a text of 1 GiB, over which the engine takes that',
      (copy) => copy.writeUInt32LE(2 ** 30, TEXTS + 4),
      /texts of at most 4096/,
    ],
    [
      'has a tensor with a name of 2 GiB',
      (copy) => copy.writeInt32LE(2 ** 31 - 1, tensors + 4),
      /name a tensor at offset/,
    ],
    [
      'has a tensor of another type',
      (copy) => copy.writeInt32LE(200, tensors + 8),
      /as F32 of 64 × 1500, found type 200/,
    ],
    ['has a tensor of another shape', (copy) => copy.writeInt32LE(63, tensors + 12), /found F32 of 63 × 1500/],
    ['has a tensor that it should not have', (copy) => copy.write('x', tensors + 20), /each of its tensors once/],
  ])('is refused if it %s', async (_what, edit, message) => {
    await expect(readWhisper(change(edit))).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: expect.stringMatching(message),
    });
  });

  it('is refused if it is cut off anywhere, or goes on', async () => {
    for (const length of [
      0,
      3,
      20,
      60,
      TEXTS + 2,
      TEXTS + 6,
      TEXTS + 100,
      tensors + 5,
      tensors + 30,
      bytes.length - 1,
    ]) {
      const path = change(() => {});
      truncateSync(path, length);
      await expect(readWhisper(path), `${length} bytes`).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
    }
    const longer = join(folder, 'longer.bin');
    writeFileSync(longer, Buffer.concat([bytes, Buffer.alloc(1)]));
    await expect(readWhisper(longer)).rejects.toThrow(/end with its last tensor, found 1 bytes more/);
    await expect(readWhisper(join(folder, 'missing.bin'))).rejects.toThrow(/no file there/);
  });

  it('gives a shape or a coded error whatever its header says', async () => {
    const random = createRandom(7);
    let refused = 0;
    for (let run = 0; run < 60; run++) {
      const path = change((copy) => {
        const at = Math.floor(random() * NUMBERS_END);
        copy[at] = Math.floor(random() * 256);
      });
      await readWhisper(path).catch((error) => {
        expect(error).toMatchObject({ code: 'ERR_MODEL_FILE' });
        refused++;
      });
    }
    expect(refused).toBeGreaterThan(20);
  });

  it('is read anew once it has changed', async () => {
    const path = join(folder, 'twice.bin');
    writeWhisperModel(path, { quiet: true });
    expect((await readWhisper(path)).type.name).toBe('F16');
    writeWhisperModel(path, { quiet: true, type: 'Q4_0' });
    expect((await readWhisper(path)).type.name).toBe('Q4_0');
  });
});
