import { afterAll, expect, test } from 'vitest';
import { computeEncoders } from '../../src/footprint/encoders.ts';
import { readGguf } from '../../src/gguf/read-gguf.ts';
import { makeModels } from '../support/model-headers.ts';

const MiB = 2 ** 20;
const models = makeModels();
afterAll(() => models.remove());
const sizes = { width: 128, ffn: 256, layers: 3, heads: 4 };

test('encoders are computed once for a header and a size of pictures', async () => {
  const projector = await readGguf(models.projector({ type: 'qwen2vl_merger', ...sizes }));
  const encoders = computeEncoders(projector, MiB);
  expect(computeEncoders(projector, MiB)).toBe(encoders);
  expect(computeEncoders(projector, 12 * MiB)).not.toBe(encoders);
});

test('an encoder for sound that was compared is exact, and another holds more beside its graph', async () => {
  const compared = computeEncoders(
    await readGguf(models.projector({ width: 64, layers: 1, heads: 2, ffn: 128, projection: 512 })),
    MiB,
  );
  expect(compared).toMatchObject({ notes: [], imageBytes: 0, laidOut: true });
  const other = computeEncoders(await readGguf(models.projector({ type: 'qwen3a', ...sizes })), MiB);
  expect(other.notes).toHaveLength(1);
  expect(other.buffers[0]!.scratchBytes).toBeGreaterThan(16 * MiB);
});
