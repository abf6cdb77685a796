/** Headers of projectors that are read or refused. */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type EstimateFootprintOptions, estimateFootprint } from '../../../src/estimate-footprint.ts';
import { readEncoderShapes } from '../../../src/footprint/llama-cpp/encoder-shape.ts';
import { readGguf } from '../../../src/gguf/read-gguf.ts';
import { SMALL } from '../../../tools/architectures.mjs';
import { createProjectorEntries, type Entry, smallProjector, writeGguf } from '../../support/gguf-writer.ts';
import { makeModels } from '../../support/model-headers.ts';

const models = makeModels();
afterAll(() => models.remove());

const llama = () => models.model({ architecture: 'llama', ...SMALL['llama'] }, 'llama.gguf');
const footprint = (modelPath: string, options: Partial<EstimateFootprintOptions> = {}) =>
  estimateFootprint({ modelPath, repack: false, ...options });

describe('the encoders of a projector', () => {
  const read = async (name: string, entries: Entry[]) =>
    readEncoderShapes(await readGguf(writeGguf(join(models.folder, name), { entries })));

  it('are what the header says', async () => {
    const [audio, ...others] = await read('audio.gguf', createProjectorEntries('qwen2a', 'audio'));
    expect(audio).toMatchObject({
      kind: 'audio',
      width: 64,
      layers: 2,
      heads: 4,
      ffn: 128,
      projection: 512,
      mels: 128,
    });
    expect(audio).toMatchObject({ imageSize: 0, patchSize: 0, projector: { name: 'qwen2a', compared: true } });
    expect([audio?.has('a.blk.0.attn_q.weight'), others]).toEqual([false, []]);
  });

  it('are two in a file that hears and sees, each of its own type', async () => {
    const audio = createProjectorEntries('unused', 'audio').filter(([key]) => key !== 'clip.projector_type');
    const vision = createProjectorEntries('mlp', 'vision').filter(([key]) => key !== 'general.architecture');
    const type: Entry = ['clip.audio.projector_type', 'string', 'ultravox'];
    const shapes = await read('both.gguf', [...audio, ...vision, type]);
    expect(shapes.map(({ kind, projector }) => [kind, projector.name])).toEqual([
      ['audio', 'ultravox'],
      ['vision', 'mlp'],
    ]);
    expect(shapes[1]).toMatchObject({ mels: 0, imageSize: 448, patchSize: 14 });
  });

  it('have tokens of several patches, if the header or the type says so, and windows if the header does', async () => {
    const vision = (type: string, ...more: Entry[]) =>
      read('tokens.gguf', [...createProjectorEntries(type, 'vision'), ...more]);
    const [plain] = await vision('pixtral');
    expect(plain).toMatchObject({ merge: 1, windowed: false, planes: 0 });
    const [scaled] = await vision('pixtral', ['clip.vision.projector.scale_factor', 'u32', 3]);
    const [merged] = await vision('qwen2vl_merger', ['clip.vision.spatial_merge_size', 'u32', 4]);
    expect([scaled?.merge, merged?.merge]).toEqual([3, 4]);
    const [windowed] = await vision('qwen2.5vl_merger', ['clip.vision.n_wa_pattern', 'u32', 2]);
    expect(windowed).toMatchObject({ merge: 2, windowed: true, mostPixels: 0 });
    const [large] = await vision('dots_ocr', ['clip.vision.image_max_pixels', 'u32', 64_000_000]);
    expect(large?.mostPixels).toBe(64_000_000);
  });

  it('have no type if the header names none', async () => {
    const entries = createProjectorEntries('x', 'audio').filter(([key]) => key !== 'clip.projector_type');
    expect((await read('unnamed.gguf', entries))[0]?.projector).toMatchObject({ name: 'unnamed', compared: false });
  });
});

describe('a projector that is refused', () => {
  it('with more layers than any has is refused', async () => {
    const deep = createProjectorEntries('qwen2a', 'audio').map((entry) =>
      entry[0] === 'clip.audio.block_count' ? (['clip.audio.block_count', 'u32', 2 ** 20] as const) : entry,
    );
    const path = writeGguf(join(models.folder, 'deep.gguf'), { entries: deep });
    await expect(footprint(llama(), { projectorPath: path })).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: expect.stringMatching(/from 0 to 512 in clip\.audio\.block_count, found 1048576/),
    });
  });

  it('without an encoder is refused', async () => {
    const path = writeGguf(join(models.folder, 'empty.gguf'), {
      entries: [['general.architecture', 'string', 'clip']],
    });
    await expect(footprint(llama(), { projectorPath: path })).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
  });

  it('without its keys is refused', async () => {
    const path = writeGguf(join(models.folder, 'small-projector.gguf'), smallProjector());
    await expect(footprint(llama(), { projectorPath: path })).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: expect.stringMatching(/clip\.audio\.\w+/),
    });
  });
});
