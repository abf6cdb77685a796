import { expect, it } from 'vitest';
import { detectAdapter } from '../../src/adapters/detect-adapter.ts';
import { findEngineVersion } from '../../src/adapters/find-engine-files.ts';
import { isWhisperNode, whisperNodeAdapter } from '../../src/adapters/whisper-node-adapter.ts';

const sdk = { initWhisper() {}, initWhisperVad() {}, toggleNativeLog() {} };
const adapter = whisperNodeAdapter();

it('is found by the shape of the module', () => {
  expect([isWhisperNode(sdk), isWhisperNode({ initWhisper() {} })]).toEqual([true, false]);
  expect(detectAdapter(sdk).loads).toEqual(['initWhisper']);
});

it('reads path, quantization and what decides the buffers', () => {
  const read = (options: object, variant?: string) =>
    adapter.readRequest([{ filePath: 'm/ggml-base-q5_1.bin', ...options }, variant]);
  expect(read({ memoryGuard: { pin: true } })).toMatchObject({
    name: 'm/ggml-base-q5_1.bin',
    quantization: 'Q5_1',
    memoryGuard: { pin: true },
    shape: { flashAttention: 'off', gpuLayers: 0 },
  });
  expect(read({ useFlashAttn: true }, 'cuda').shape).toMatchObject({ flashAttention: 'on', gpuLayers: 1 });
  expect(read({ useGpu: false }, 'cuda').shape).toMatchObject({ gpuLayers: 0 });
  expect(() => adapter.readRequest([{}])).toThrow(
    /`filePath` to be the path of a model file of whisper.cpp, got undefined/,
  );
});

it('hands the chosen file on without `memoryGuard`', () => {
  const args = [{ filePath: '/m/ggml-base.bin', useGpu: false, memoryGuard: {} }, 'default'];
  expect(adapter.withQuantization(args, 'Q5_1', '/m/ggml-base-q5_1.bin')).toEqual([
    { filePath: '/m/ggml-base-q5_1.bin', useGpu: false },
    'default',
  ]);
});

it('counts a transcription by its samples, and what it is cut into', () => {
  const second = new ArrayBuffer(32_000);
  expect([
    adapter.hasAudio([second]),
    adapter.hasAudio(['a.wav']),
    adapter.hasAudio([2]),
    adapter.hasAudio([]),
  ]).toEqual([true, true, true, false]);
  const count = (...args: unknown[]) =>
    adapter.countCallAudio!({}, args, { mappedBytes: 0, anonymousAfterLoadBytes: 0, anonymousAfterCallBytes: 1e9 });
  expect(count(new ArrayBuffer(32_000_000)) - count(second)).toBeGreaterThan(170e6);
  expect(count(second, { nProcessors: 2 }) - count(second)).toBe(1e9);
  expect(count('missing.wav')).toBe(count(new ArrayBuffer(0)));
});

it('the version of an engine is that of its package, and unknown without one', () => {
  expect(findEngineVersion('@fugood/llama.node')).toMatch(/^\d+\.\d+\.\d+/);
  expect(findEngineVersion('not-an-engine')).toBeUndefined();
});
